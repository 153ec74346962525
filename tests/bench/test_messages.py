"""The messages that the bench sends."""

from decimal import Decimal

import pytest

from bench.messages import CAPTURE, KINDS, frame, make_messages
from websocket_v6.protocol.events import OrderbookEvent, TickerEvent, TradeEvent
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.websocket.frames import FrameDecoder

needs_capture = pytest.mark.skipif(not CAPTURE.exists(), reason="no capture here")
ALL = [pytest.param(kind, marks=[needs_capture] * kind.startswith("capture")) for kind in KINDS]


@pytest.mark.parametrize("kind", ALL)
def test_events_say_what_a_callback_must_read(kind: str) -> None:
    messages = make_messages(kind)
    for payload, (code, price) in list(zip(messages.payloads, messages.expected, strict=True))[::25]:
        event = decode(payload)
        assert event.symbol == code
        if isinstance(event, OrderbookEvent):
            assert event.orderbook_units[0].ask_price == price
        else:
            assert isinstance(event, TickerEvent | TradeEvent)
            assert event.trade_price == price


@pytest.mark.parametrize(("kind", "size"), [("ticker", 560), ("trade", 290), ("orderbook", 1900)])
def test_generated_messages_have_the_size_of_real_ones(kind: str, size: int) -> None:
    assert make_messages(kind).mean_bytes == pytest.approx(size, rel=0.1)


def test_numbers_are_spelled_as_the_exchange_spells_them() -> None:
    text = b"".join(make_messages("ticker").payloads)
    assert b"E-" in text
    assert b"E+" not in text
    assert b"e-" not in text
    large = {price for _, price in make_messages("ticker").expected if price >= Decimal(10) ** 7}
    assert large
    assert all(f'"tp":{price},'.encode() in text for price in large)


@needs_capture
def test_a_capture_has_the_same_numbers_in_both_spellings() -> None:
    short, full = make_messages("capture"), make_messages("capture-default")
    assert short.expected == full.expected
    assert short.is_short
    assert not full.is_short
    assert full.mean_bytes > short.mean_bytes


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_frame_is_one_frame(size: int) -> None:
    assert FrameDecoder().receive(frame(b"x" * size)) == [b"x" * size]
