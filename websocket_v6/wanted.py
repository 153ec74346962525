"""What a call of either face asks for, checked: the want, the events that come of it, and the call's options."""

import importlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Generic, TypeVar

from .actors.forks import no_fork
from .arguments import check_flag
from .options import Settings, Symbols
from .protocol.errors import LocalProtocolError
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
    Closing,
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
from .protocol.message import Message

__all__ = [
    "Indicators",
    "Level",
    "Wanted",
    "announcement",
    "candle",
    "closing",
    "indicator",
    "indicator_signal",
    "load",
    "my_asset",
    "my_order",
    "orderbook",
    "ticker",
    "trade",
]

Indicators = Mapping[str, object] | Iterable[Mapping[str, object]]
Level = float | str | Decimal

E = TypeVar("E", bound=Event)


class Wanted(Message, Generic[E]):
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


def candle(
    symbols: Symbols, settings: Settings, *, interval: str, closing: Closing | None = None
) -> Wanted[CandleEvent]:
    snapshot, realtime = settings.flags.get("snapshot", True), settings.flags.get("realtime", True)
    want = candle_want(symbols, interval=interval, snapshot=snapshot, realtime=realtime, closing=closing)
    return Wanted(CandleEvent, want, settings)


def closing(*, closed: bool, empty: bool, history: int, verify: bool, fetches: bool) -> Closing | None:
    """Return how candles are closed, `None` if they are not. `fetches`: there is somebody to ask over REST.

    Raises:
        LocalProtocolError: if the one makes no sense without the other.
    """
    if not isinstance(history, int) or isinstance(history, bool):
        raise LocalProtocolError(f"history={history!r:.60} is no number of candles: give one such as 200, or 0")
    if not check_flag("closed", closed):
        if check_flag("empty", empty) or history or check_flag("verify", verify):
            raise LocalProtocolError(
                "empty=True, history=... and verify=True are for closed=True: candles that change have none of them"
            )
        return None
    if history and not fetches:
        raise LocalProtocolError("history=... is fetched over REST: give the proxy a Config(backfill=True)")
    if check_flag("verify", verify) and not fetches:
        raise LocalProtocolError("verify=True asks over REST: give the proxy a Config(backfill=True)")
    return Closing(check_flag("empty", empty), history, verify)


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


def load(want: Want) -> None:
    """Import what router and registry take for this want, in the caller's thread: they are not to wait for files."""
    with no_fork():
        if want.closing is not None:
            importlib.import_module("websocket_v6.actors.delivery.closings")
        if want.reconcile:
            importlib.import_module("websocket_v6.actors.delivery.reconciling")
        if want.quotes:
            importlib.import_module("websocket_v6.actors.demand.market_lists")
