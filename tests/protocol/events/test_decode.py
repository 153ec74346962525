"""One message, in any format of any year, to its event."""

from decimal import Decimal

import pytest

from tests.protocol.examples import Example, each_example, example_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import TickerEvent, TradeEvent, decode, event_class


@each_example()
def test_all_four_formats_give_the_same_event(example: Example) -> None:
    events = [decode(payload, epoch=3, received_at=7) for payload in example.formats.values()]
    assert [type(event) for event in events] == [event_class(example.name.partition(" ")[0])] * 4
    assert events == [events[0]] * 4
    assert len(set(events)) == 1
    assert len({repr(event) for event in events}) == 1


def test_a_message_of_2018_has_no_type_and_another_key_for_the_code() -> None:
    ticker = example_of("ticker").default.replace('"type":"ticker","code"', '"market"')
    event = decode(ticker.encode())
    assert isinstance(event, TickerEvent)
    assert (event.symbol, event.trade_price) == ("KRW-ETH", Decimal("3875000.0"))
    trade = example_of("trade").simple.replace('"ty":"trade","cd"', '"mk"')
    event = decode(trade.encode())
    assert isinstance(event, TradeEvent)
    assert (event.symbol, event.sequential_id) == ("KRW-ETH", 17951526724180002)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"5", b'"x"', b"null", b'{"status":"UP"}', b"[{},{}]", b"\xff"])
def test_decode_refuses_what_is_not_one_data_message(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(payload)
