"""What a component of a synchronous program holds: subscribe, take snapshots, see how things stand, leave."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, Unpack

from . import wanted
from .actors.delivery.edge import Callback
from .actors.jwt import Keys
from .component import OwnThread, Place
from .face import LIST_TIMEOUT, Face
from .health import Health
from .options import Options, PublicOptions, Symbols
from .protocol.config import Config
from .protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    ConnectionEvent,
    Event,
    IndicatorEvent,
    IndicatorSignalEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    OverflowEvent,
    TickerEvent,
    TradeEvent,
)
from .protocol.exchange.heads import SubscriptionList
from .snapshots import ONCE
from .steps import finish
from .subscription import Subscription
from .wanted import Indicators, Level, Wanted

__all__ = ["WebSocketClientProxy"]

E = TypeVar("E", bound=Event)


class WebSocketClientProxy(Face):
    """One component's access to Upbit's feeds.

    Cheap to make: the engine starts, or is found, at the first call that needs it. A context manager; leaving it is
    `cleanup()`. `component_id` names the component in logs and errors. Without `config` the environment decides
    (`Config.from_env`). Safe to use from any thread, and from its own callbacks. In a forked child it starts afresh.
    In an asyncio program it is `websocket_v6.aio.WebSocketClientProxy`.
    """

    _awaits = False

    def __init__(self, component_id: str, *, config: Config | None = None) -> None:
        super().__init__(component_id, config=config)

    # --- subscribe

    def subscribe_ticker(
        self, symbols: Symbols, callback: Callback | None = None, **options: Unpack[PublicOptions]
    ) -> Subscription[TickerEvent]:
        """Subscribe to tickers: the last price and the day's sums, about one for each trade.

        Options of every `subscribe_*`: `error_handler` is called with the exception when the callback raises or the
        stream cannot be served; `mailbox` is a `Mailbox` policy; `numbers` is `Decimal` (exact) or `float`; public
        types also take `snapshot=False` (begin with the next change) and `realtime=False` (the present state alone).

        Raises:
            LocalProtocolError: if a code is nonsense or an option is not known; nothing is subscribed then.
            EngineError: if the engine has given up.
        """
        return self._subscribe(wanted.ticker(symbols, self._settings(callback, options)))

    def subscribe_trade(
        self, symbols: Symbols, callback: Callback | None = None, **options: Unpack[PublicOptions]
    ) -> Subscription[TradeEvent]:
        """Subscribe to trades, one event for each execution, none left out."""
        return self._subscribe(wanted.trade(symbols, self._settings(callback, options)))

    def subscribe_orderbook(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        depth: int = 30,
        level: Level = 0,
        **options: Unpack[PublicOptions],
    ) -> Subscription[OrderbookEvent]:
        """Subscribe to order books: `depth` (1, 5, 15 or 30) levels a side, prices grouped by `level` (KRW markets)."""
        settings = self._settings(callback, options)
        return self._subscribe(wanted.orderbook(symbols, settings, depth=depth, level=level))

    def subscribe_candle(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        interval: str = "1m",
        **options: Unpack[PublicOptions],
    ) -> Subscription[CandleEvent]:
        """Subscribe to candles of 1s, 1m, 3m, 5m, 10m, 15m, 30m, 60m or 240m, sent as they change."""
        return self._subscribe(wanted.candle(symbols, self._settings(callback, options), interval=interval))

    def subscribe_my_order(
        self, callback: Callback | None = None, *, symbols: Symbols | None = None, **options: Unpack[Options]
    ) -> Subscription[MyOrderEvent]:
        """Subscribe to the account's orders and executions, of all markets unless `symbols` says which. Needs keys."""
        return self._subscribe(wanted.my_order(symbols, self._settings(callback, options, private=True)))

    def subscribe_my_asset(
        self, callback: Callback | None = None, **options: Unpack[Options]
    ) -> Subscription[MyAssetEvent]:
        """Subscribe to changes of the account's balances. Needs keys."""
        return self._subscribe(wanted.my_asset(self._settings(callback, options, private=True)))

    def subscribe_announcement(
        self,
        callback: Callback | None = None,
        *,
        categories: Symbols | None = None,
        include_body: bool = False,
        **options: Unpack[Options],
    ) -> Subscription[AnnouncementEvent]:
        """Subscribe to the exchange's notices, of all categories unless `categories` says which. Needs keys."""
        settings, region = self._settings(callback, options, private=True), self._config.region
        return self._subscribe(wanted.announcement(categories, settings, include_body=include_body, region=region))

    def subscribe_indicator(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Indicators,
        **options: Unpack[Options],
    ) -> Subscription[IndicatorEvent]:
        """Subscribe to indicators, computed by the exchange at each candle's close. KRW markets, needs keys.

        `timeframe` is 5m, 15m, 60m, 240m or 1d; `indicators` are the exchange's own objects, such as
        `{"type": "rsi", "params": {"period": 14}}`. All components together may want 100 of code and indicator.
        """
        settings = self._settings(callback, options, private=True)
        return self._subscribe(wanted.indicator(symbols, settings, timeframe=timeframe, indicators=indicators))

    def subscribe_indicator_signal(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Indicators,
        **options: Unpack[Options],
    ) -> Subscription[IndicatorSignalEvent]:
        """Subscribe to the moments at which an indicator's condition comes true; see `subscribe_indicator`.

        Each indicator names its `trigger` and, where it has any, `event_params`:
        `{"type": "rsi", "params": {"period": 14}, "trigger": "oversold", "event_params": {"threshold": 30}}`.
        """
        settings = self._settings(callback, options, private=True)
        return self._subscribe(wanted.indicator_signal(symbols, settings, timeframe=timeframe, indicators=indicators))

    # --- snapshots

    def get_ticker_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TickerEvent]:
        """Return the present ticker of each code, in the order asked for.

        It comes from the running stream where there is one, else from one request that disturbs nobody.

        Raises:
            UnknownCodeError: if the exchange sends nothing for a code within `timeout` seconds; it names them.
            SnapshotTimeoutError: if there is no connection.
        """
        return self._snapshot(wanted.ticker(symbols, ONCE), timeout)

    def get_trade_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TradeEvent]:
        """Return the last trade of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.trade(symbols, ONCE), timeout)

    def get_orderbook_snapshot(
        self, symbols: Symbols, *, depth: int = 30, level: Level = 0, timeout: float = 5.0
    ) -> list[OrderbookEvent]:
        """Return the present order book of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.orderbook(symbols, ONCE, depth=depth, level=level), timeout)

    def get_candle_snapshot(self, symbols: Symbols, *, interval: str = "1m", timeout: float = 5.0) -> list[CandleEvent]:
        """Return the newest candle of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.candle(symbols, ONCE, interval=interval), timeout)

    # --- the rest

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """Close one subscription of this proxy. Closing it twice is no error."""
        finish(self._unsubscribed(subscription, Subscription))

    def unsubscribe_all(self) -> None:
        """Close all subscriptions; the proxy stays usable."""
        finish(self._all_unsubscribed())

    def subscriptions(self) -> list[Subscription[Any]]:
        """Return the open subscriptions, oldest first."""
        component = self._component
        return [] if component is None else [Subscription(component, edge, self) for edge in component.edges]

    def is_public_available(self) -> bool:
        """Whether the public connection is open now."""
        return finish(self._is_open("public"))

    def is_private_available(self) -> bool:
        """Whether the private connection is open now."""
        return finish(self._is_open("private"))

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called, as the component's others are, with what happens to the connections it uses.

        `event.state` is a `ConnectionState`: "connecting", "open", "lost", "refused", "closed" or "backfilled".
        """
        finish(self._connections_told(callback))

    def on_overflow(self, callback: Callable[[OverflowEvent], object]) -> None:
        """Have `callback` called, as the component's others are, with what its mailboxes drop.

        `event.type` names the data type, `dropped` counts since the last call. Policies that drop by design (`latest`,
        `throttle`) tell at most once a second; a mailbox with `notify=True` tells in its own stream instead.
        """
        finish(self._overflows_told(callback))

    def list_subscriptions(self, endpoint: str = "public", *, timeout: float = LIST_TIMEOUT) -> SubscriptionList:
        """Ask the exchange what it serves on `endpoint` (LIST_SUBSCRIPTIONS), to all components together.

        Raises:
            TransportError: if the endpoint is not connected, or does not answer within `timeout` seconds.
        """
        return finish(self._listed(endpoint, timeout))

    def set_keys(self, access_key: str, secret_key: str) -> None:
        """Replace the account's keys; private connections connect again with the new ones.

        They hold for all components of this engine, until the program ends.
        """
        try:
            keys = Keys(access_key, secret_key)
        finally:
            del access_key, secret_key  # tracebacks are sometimes printed with all local variables
        finish(self._keys_replaced(keys))

    def health(self) -> Health:
        """Return how the engine and this component are doing; `str()` of it reads well."""
        return finish(self._gathered())

    def cleanup(self) -> None:
        """End the component: callbacks stop, wants leave the union, the last one stops the engine.

        Idempotent; may be called from any thread and from a callback. Waits for a callback that is running, but not
        longer than 5 s.
        """
        finish(self._ended())

    def __enter__(self) -> "WebSocketClientProxy":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cleanup()

    # --- inside

    def _place(self) -> Place:
        return OwnThread()

    def _subscribe(self, what: Wanted[E]) -> Subscription[E]:
        return Subscription(*finish(self._subscribed(what)), self)

    def _snapshot(self, what: Wanted[E], timeout: float) -> list[E]:
        return finish(self._snapshot_taken(what, timeout))
