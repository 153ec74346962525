"""protocol/exchange/requests.py: what leaves for the exchange, to the byte."""

import json
from decimal import Decimal

import pytest

from websocket_v6.protocol.exchange.requests import encode_list_subscriptions, encode_request


def test_a_request_is_ticket_types_and_format() -> None:
    """Upbit WebSocket reference, "Request format"."""
    types: list[dict[str, object]] = [
        {"type": "ticker", "codes": ["KRW-BTC"]},
        {"type": "trade", "codes": ["KRW-ETH"], "is_only_realtime": True},
    ]
    assert encode_request("t-1", types, "SIMPLE") == (
        '[{"ticket":"t-1"},{"type":"ticker","codes":["KRW-BTC"]},'
        '{"type":"trade","codes":["KRW-ETH"],"is_only_realtime":true},{"format":"SIMPLE"}]'
    )


@pytest.mark.parametrize(
    ("number", "spelled"), [("10000", "10000"), ("2.0", "2.0"), ("0.00010", "0.00010"), ("-1", "-1")]
)
def test_decimals_are_numbers_as_they_are_spelled_however_deep(number: str, spelled: str) -> None:
    value = Decimal(number)
    types: list[dict[str, object]] = [{"level": value, "indicators": [{"params": {"multiplier": value}}]}]
    text = encode_request("t", types, "SIMPLE")
    assert text == (
        f'[{{"ticket":"t"}},{{"level":{spelled},"indicators":[{{"params":{{"multiplier":{spelled}}}}}]}},'
        '{"format":"SIMPLE"}]'
    )
    assert json.loads(text)[1]["level"] == float(number)


def test_the_question_names_the_format() -> None:
    """The exchange applies the format of the latest request to the whole connection."""
    assert encode_list_subscriptions("t-2", "DEFAULT") == (
        '[{"ticket":"t-2"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"DEFAULT"}]'
    )
