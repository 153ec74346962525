"""protocol/server/list_answer.py: the reference's own examples."""

from decimal import Decimal

import pytest

from websocket_v6.protocol.exchange.heads import Inbound, StatusUp, SubscriptionList
from websocket_v6.protocol.server.list_answer import UP, list_answer

SHOWN: list[dict[str, object]] = [
    {"type": "trade", "codes": ["KRW-BTC", "KRW-XRP"]},
    {"type": "orderbook", "codes": ["KRW-BTC"], "level": 0},
]
FULL = (
    '{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"trade","codes":["KRW-BTC","KRW-XRP"]},'
    '{"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"t"}'
)
SHORT = (
    '{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"trade","cds":["KRW-BTC","KRW-XRP"]},'
    '{"ty":"orderbook","cds":["KRW-BTC"],"lv":0}],"tckt":"t"}'
)


@pytest.mark.parametrize(
    ("format_", "answer"),
    [("DEFAULT", FULL), ("SIMPLE", SHORT), ("JSON_LIST", f"[{FULL}]"), ("SIMPLE_LIST", f"[{SHORT}]")],
)
def test_each_format_has_its_form(format_: str, answer: str) -> None:
    assert list_answer(SHOWN, "t", format_).decode() == answer


def test_parameters_are_numbers_again() -> None:
    indicators = [{"type": "bollinger_bands", "params": {"period": 20, "multiplier": Decimal("2.0")}}]
    answer = list_answer(
        [{"type": "indicator", "codes": ["KRW-BTC"], "indicators": indicators}], "t", "SIMPLE"
    ).decode()
    assert '"params":{"period":20,"multiplier":2.0}' in answer


@pytest.mark.parametrize("format_", ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"])
def test_an_engine_understands_it(format_: str) -> None:
    (found,) = Inbound().sort([list_answer(SHOWN, "t", format_)]).notices
    assert isinstance(found, SubscriptionList)
    assert found.ticket == "t"
    assert [entry.codes for entry in found.subscriptions] == [("KRW-BTC", "KRW-XRP"), ("KRW-BTC",)]
    assert isinstance(Inbound().sort([UP]).notices[0], StatusUp)
