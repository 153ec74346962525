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
