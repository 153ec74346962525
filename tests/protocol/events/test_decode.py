"""One message, in any format of any year, to its event."""

from decimal import Decimal

import pytest

from tests.protocol.examples import Example, each_example, example_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import TickerEvent, TradeEvent, event_class
from websocket_v6.protocol.events.decode import decode


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


def test_an_event_bears_what_was_given_with_it() -> None:
    ticker = example_of("ticker").simple.encode()
    event = decode(b" [" + ticker + b"]", epoch=3, received_at=7)
    assert (event.payload, event.epoch, event.received_at) == (ticker, 3, 7)
    assert (decode(ticker).epoch, decode(ticker).received_at) == (0, 0)


def test_a_message_is_sound_once_it_is_decoded() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed message"):
        decode(b'{"ty":"ticker","cd":"KRW-ETH","c":"\xff","tms":1}')


@pytest.mark.parametrize("payload", [b'{"status":"UP"}', b'[{"ty":"trade","cd":"KRW-A"},{"ty":"trade","cd":"KRW-B"}]'])
def test_a_refusal_names_the_endpoint_and_the_message(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not one data message of the info endpoint") as caught:
        decode(payload, endpoint="info")
    assert repr(payload.decode()) in str(caught.value)
    with pytest.raises(RemoteProtocolError, match="of the public endpoint"):
        decode(payload)


def test_a_notice_beside_a_message_is_too_much() -> None:
    with pytest.raises(RemoteProtocolError, match="not one data message"):
        decode(b'[{"ty":"trade","cd":"KRW-A"},{"status":"UP"}]')
