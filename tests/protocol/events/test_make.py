"""From a stream to the class of its events."""

from decimal import Decimal

import pytest

from tests.protocol.examples import example_of
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    Event,
    GenericEvent,
    IndicatorEvent,
    IndicatorSignalEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    TickerEvent,
    TradeEvent,
    event_class,
    make,
    make_event,
)

CLASSES = {
    "ticker": TickerEvent,
    "trade": TradeEvent,
    "orderbook": OrderbookEvent,
    "candle.1s": CandleEvent,
    "candle.240m": CandleEvent,
    "myOrder": MyOrderEvent,
    "myAsset": MyAssetEvent,
    "announcement": AnnouncementEvent,
    "indicator": IndicatorEvent,
    "indicator_signal": IndicatorSignalEvent,
    "depth": GenericEvent,
    "candle": GenericEvent,
}


@pytest.mark.parametrize(("type_", "events"), CLASSES.items())
def test_each_data_type_has_its_class(type_: str, events: type[Event]) -> None:
    assert event_class(type_) is events
    event = make_event(f"{type_} KRW-BTC", b"{}", 1, 2)
    assert (type(event), event.type, event.symbol) == (events, type_, "KRW-BTC")


def test_a_shell_is_loaded_by_the_first_read() -> None:
    event = make_event("ticker KRW-ETH", example_of("ticker").simple.encode(), 1, 2)
    assert isinstance(event, TickerEvent)
    assert event.trade_price == Decimal("3875000.0")
    assert event.stream == "ticker KRW-ETH"
    assert event.size == len(example_of("ticker").simple.encode())


@pytest.mark.parametrize(
    ("stream", "symbol"),
    [
        ("orderbook KRW-BTC@10000", "KRW-BTC"),
        ("indicator KRW-BTC 15m rsi(period=14)", "KRW-BTC"),
        ("myAsset *", "*"),
        ("announcement trade", "trade"),
    ],
)
def test_the_symbol_is_the_code_of_the_stream(stream: str, symbol: str) -> None:
    first, second = make_event(stream, b"", 1, 2), make_event(stream, b"x", 3, 4)
    assert (first.stream, first.symbol, first.epoch, first.received_at, first.payload) == (stream, symbol, 1, 2, b"")
    assert (second.stream, second.symbol, second.epoch, second.received_at) == (stream, symbol, 3, 4)
    assert second.payload == b"x"


def test_what_is_known_of_streams_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, object] = {}
    monkeypatch.setattr(make, "_kinds", known)
    monkeypatch.setattr(make, "LEARNED_STREAMS", 3)
    sizes = []
    for number in (0, 1, 2, 2, 3, 4, 3, 5, 6):
        event = make_event(f"trade KRW-{number}", b"{}", 0, 0)
        assert (type(event), event.symbol) == (TradeEvent, f"KRW-{number}")
        sizes.append(len(known))
    assert sizes == [1, 2, 3, 3, 1, 2, 2, 3, 1]
