"""What a call of either face asks for, checked: the want, the events that come of it, and the call's options."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from .arguments import check_flag
from .options import Settings, Symbols
from .protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    Event,
    IndicatorEvent,
    IndicatorSignalEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    TickerEvent,
    TradeEvent,
)
from .protocol.exchange.wants import (
    Want,
    announcement_want,
    candle_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
    trade_want,
)

__all__ = [
    "Indicators",
    "Level",
    "Wanted",
    "announcement",
    "candle",
    "indicator",
    "indicator_signal",
    "my_asset",
    "my_order",
    "orderbook",
    "ticker",
    "trade",
]

Indicators = Mapping[str, object] | Iterable[Mapping[str, object]]
Level = float | str | Decimal

E = TypeVar("E", bound=Event)


class Wanted(NamedTuple, Generic[E]):
    """A want with all that its call said besides."""

    kind: type[E]
    want: Want
    settings: Settings
    is_private: bool = False


def ticker(symbols: Symbols, settings: Settings) -> Wanted[TickerEvent]:
    return Wanted(TickerEvent, ticker_want(symbols, **settings.flags), settings)


def trade(symbols: Symbols, settings: Settings) -> Wanted[TradeEvent]:
    return Wanted(TradeEvent, trade_want(symbols, **settings.flags), settings)


def orderbook(symbols: Symbols, settings: Settings, *, depth: int, level: Level) -> Wanted[OrderbookEvent]:
    want = orderbook_want(symbols, depth=depth, level=level, **settings.flags)
    return Wanted(OrderbookEvent, want, settings)


def candle(symbols: Symbols, settings: Settings, *, interval: str) -> Wanted[CandleEvent]:
    return Wanted(CandleEvent, candle_want(symbols, interval=interval, **settings.flags), settings)


def my_order(symbols: Symbols | None, settings: Settings, *, reconcile: bool) -> Wanted[MyOrderEvent]:
    want = my_order_want(symbols, reconcile=check_flag("reconcile", reconcile))
    return Wanted(MyOrderEvent, want, settings, is_private=True)


def my_asset(settings: Settings, *, reconcile: bool) -> Wanted[MyAssetEvent]:
    want = my_asset_want(reconcile=check_flag("reconcile", reconcile))
    return Wanted(MyAssetEvent, want, settings, is_private=True)


def announcement(
    categories: Symbols | None, settings: Settings, *, include_body: bool, region: str
) -> Wanted[AnnouncementEvent]:
    include_body = check_flag("include_body", include_body)
    want = announcement_want(categories, include_body=include_body, region=region)
    return Wanted(AnnouncementEvent, want, settings, is_private=True)


def indicator(
    symbols: Symbols, settings: Settings, *, timeframe: str, indicators: Indicators
) -> Wanted[IndicatorEvent]:
    want = indicator_want(symbols, timeframe=timeframe, indicators=indicators)
    return Wanted(IndicatorEvent, want, settings, is_private=True)


def indicator_signal(
    symbols: Symbols, settings: Settings, *, timeframe: str, indicators: Indicators
) -> Wanted[IndicatorSignalEvent]:
    want = indicator_want(symbols, timeframe=timeframe, indicators=indicators, signal=True)
    return Wanted(IndicatorSignalEvent, want, settings, is_private=True)
