"""What a component holds: subscribe, take snapshots, see how things stand, leave."""

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar, Unpack, cast

import pykka

from .actors.base import await_future
from .actors.delivery.edge import Callback
from .actors.forks import in_child
from .actors.jwt import Keys, ReplaceKeys
from .actors.messages.registry import AskExchange
from .arguments import caller, check_callable, check_flag, check_seconds
from .component import CALLBACK_TIMEOUT, Component, Held
from .health import Health, gather, is_open
from .options import Options, PublicOptions, Settings, Symbols
from .protocol.config import Config
from .protocol.errors import ClosedError, ConfigError, LocalProtocolError, TransportError
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
from .protocol.exchange.wants import (
    ENDPOINTS,
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
from .snapshots import take_snapshot
from .subscription import Subscription

__all__ = ["WebSocketClientProxy"]

LIST_TIMEOUT = 10.0

E = TypeVar("E", bound=Event)


class WebSocketClientProxy:
    """One component's access to Upbit's feeds.

    Cheap to make: the engine starts, or is found, at the first call that needs it. A context manager; leaving it is
    `cleanup()`. `component_id` names the component in logs and errors. Without `config` the environment decides
    (`Config.from_env`). Safe to use from any thread, and from its own callbacks. In a forked child it starts afresh.
    """

    def __init__(self, component_id: str, *, config: Config | None = None) -> None:
        self.component_id = component_id
        self._component: Component | None = None
        self._is_closed = False  # all that `repr` needs comes first: who shows a traceback may show what failed
        if not isinstance(component_id, str) or not component_id:
            raise LocalProtocolError(f"component_id={component_id!r:.60} must be a name, such as 'my_chart'")
        if not isinstance(config, Config | None):  # not shown: it may hold keys
            raise ConfigError(f"config is of type {type(config).__name__}: give a Config, such as Config(region='kr')")
        self._config = Config.from_env() if config is None else config
        self._held = Held()
        self._made_at = caller()
        self._finalizer: weakref.finalize[Any, Any] | None = None
        # Two threads may make the first call at once; only they ever wait for it.
        self._starting = threading.Lock()
        in_child(self)

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
            EngineError: if a part of the engine that this takes failed and is started again: try again then.
        """
        return self._subscribe(TickerEvent, lambda flags: ticker_want(symbols, **flags), callback, options)

    def subscribe_trade(
        self, symbols: Symbols, callback: Callback | None = None, **options: Unpack[PublicOptions]
    ) -> Subscription[TradeEvent]:
        """Subscribe to trades, one event for each execution, none left out."""
        return self._subscribe(TradeEvent, lambda flags: trade_want(symbols, **flags), callback, options)

    def subscribe_orderbook(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        depth: int = 30,
        level: float | str | Decimal = 0,
        **options: Unpack[PublicOptions],
    ) -> Subscription[OrderbookEvent]:
        """Subscribe to order books: `depth` (1, 5, 15 or 30) levels a side, prices grouped by `level` (KRW markets)."""
        return self._subscribe(
            OrderbookEvent, lambda flags: orderbook_want(symbols, depth=depth, level=level, **flags), callback, options
        )

    def subscribe_candle(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        interval: str = "1m",
        **options: Unpack[PublicOptions],
    ) -> Subscription[CandleEvent]:
        """Subscribe to candles of 1s, 1m, 3m, 5m, 10m, 15m, 30m, 60m or 240m, sent as they change."""
        return self._subscribe(
            CandleEvent, lambda flags: candle_want(symbols, interval=interval, **flags), callback, options
        )

    def subscribe_my_order(
        self, callback: Callback | None = None, *, symbols: Symbols | None = None, **options: Unpack[Options]
    ) -> Subscription[MyOrderEvent]:
        """Subscribe to the account's orders and executions, of all markets unless `symbols` says which. Needs keys."""
        return self._subscribe(MyOrderEvent, lambda _: my_order_want(symbols), callback, options, private=True)

    def subscribe_my_asset(
        self, callback: Callback | None = None, **options: Unpack[Options]
    ) -> Subscription[MyAssetEvent]:
        """Subscribe to changes of the account's balances. Needs keys."""
        return self._subscribe(MyAssetEvent, lambda _: my_asset_want(), callback, options, private=True)

    def subscribe_announcement(
        self,
        callback: Callback | None = None,
        *,
        categories: Symbols | None = None,
        include_body: bool = False,
        **options: Unpack[Options],
    ) -> Subscription[AnnouncementEvent]:
        """Subscribe to the exchange's notices, of all categories unless `categories` says which. Needs keys."""
        region, include_body = self._config.region, check_flag("include_body", include_body)
        return self._subscribe(
            AnnouncementEvent,
            lambda _: announcement_want(categories, include_body=include_body, region=region),
            callback,
            options,
            private=True,
        )

    def subscribe_indicator(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Mapping[str, object] | Iterable[Mapping[str, object]],
        **options: Unpack[Options],
    ) -> Subscription[IndicatorEvent]:
        """Subscribe to indicators, computed by the exchange at each candle's close. KRW markets, needs keys.

        `timeframe` is 5m, 15m, 60m, 240m or 1d; `indicators` are the exchange's own objects, such as
        `{"type": "rsi", "params": {"period": 14}}`. All components together may want 100 of code and indicator.
        """
        return self._subscribe(
            IndicatorEvent,
            lambda _: indicator_want(symbols, timeframe=timeframe, indicators=indicators),
            callback,
            options,
            private=True,
        )

    def subscribe_indicator_signal(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Mapping[str, object] | Iterable[Mapping[str, object]],
        **options: Unpack[Options],
    ) -> Subscription[IndicatorSignalEvent]:
        """Subscribe to the moments at which an indicator's condition comes true; see `subscribe_indicator`.

        Each indicator names its `trigger` and, where it has any, `event_params`:
        `{"type": "rsi", "params": {"period": 14}, "trigger": "oversold", "event_params": {"threshold": 30}}`.
        """
        return self._subscribe(
            IndicatorSignalEvent,
            lambda _: indicator_want(symbols, timeframe=timeframe, indicators=indicators, signal=True),
            callback,
            options,
            private=True,
        )

    # --- snapshots

    def get_ticker_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TickerEvent]:
        """Return the present ticker of each code, in the order asked for.

        It comes from the running stream where there is one, else from one request that disturbs nobody.

        Raises:
            UnknownCodeError: if the exchange sends nothing for a code within `timeout` seconds; it names them.
            SnapshotTimeoutError: if there is no connection.
        """
        return self._snapshot(TickerEvent, ticker_want(symbols, realtime=False), timeout)

    def get_trade_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TradeEvent]:
        """Return the last trade of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(TradeEvent, trade_want(symbols, realtime=False), timeout)

    def get_orderbook_snapshot(
        self, symbols: Symbols, *, depth: int = 30, level: float | str | Decimal = 0, timeout: float = 5.0
    ) -> list[OrderbookEvent]:
        """Return the present order book of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(
            OrderbookEvent, orderbook_want(symbols, depth=depth, level=level, realtime=False), timeout
        )

    def get_candle_snapshot(self, symbols: Symbols, *, interval: str = "1m", timeout: float = 5.0) -> list[CandleEvent]:
        """Return the newest candle of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(CandleEvent, candle_want(symbols, interval=interval, realtime=False), timeout)

    # --- the rest

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """Close one subscription of this proxy. Closing it twice is no error."""
        if not isinstance(subscription, Subscription):
            raise LocalProtocolError(
                f"subscription={subscription!r:.60} is none: give what subscribe_... returned, or use unsubscribe_all()"
            )
        subscription.close()

    def unsubscribe_all(self) -> None:
        """Close all subscriptions; the proxy stays usable."""
        for subscription in self.subscriptions():
            subscription.close()

    def subscriptions(self) -> list[Subscription[Any]]:
        """Return the open subscriptions, oldest first."""
        component = self._component
        return [] if component is None else [Subscription(component, edge, self) for edge in component.edges]

    def is_public_available(self) -> bool:
        """Whether the public connection is open now."""
        return self._is_open("public")

    def is_private_available(self) -> bool:
        """Whether the private connection is open now."""
        return self._is_open("private")

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called, on the component's thread, with what happens to the connections it uses.

        `event.state` is a `ConnectionState`: "connecting", "open", "lost", "refused", "closed", "backfilled" or
        "restarting".
        """
        self._engaged_for(callback).on_connection(callback)

    def on_overflow(self, callback: Callable[[OverflowEvent], object]) -> None:
        """Have `callback` called, on the component's thread, with what its mailboxes drop.

        `event.type` names the data type, `dropped` counts since the last call. Policies that drop by design (`latest`,
        `throttle`) tell at most once a second; a mailbox with `notify=True` tells in its own stream instead.
        """
        self._engaged_for(callback).on_overflow(callback)

    def list_subscriptions(self, endpoint: str = "public", *, timeout: float = LIST_TIMEOUT) -> SubscriptionList:
        """Ask the exchange what it serves on `endpoint` (LIST_SUBSCRIPTIONS), to all components together.

        Raises:
            TransportError: if the endpoint is not connected, or does not answer within `timeout` seconds.
        """
        if endpoint not in ENDPOINTS:
            raise LocalProtocolError(f"endpoint={endpoint!r:.60} is not known: choose {', '.join(ENDPOINTS)}")
        check_seconds("timeout", timeout)
        component = self._engaged()
        answer: pykka.Future[SubscriptionList] = pykka.ThreadingFuture()
        component.link.ask_registry(AskExchange(endpoint, answer))
        try:
            return await_future(answer, timeout)
        except pykka.Timeout as exc:
            standing = component.standing.describe(endpoint)
            text = f"the exchange did not list its subscriptions within {timeout:g} s: {standing}"
            raise TransportError(text) from exc

    def set_keys(self, access_key: str, secret_key: str) -> None:
        """Replace the account's keys; private connections connect again with the new ones.

        They hold for all components of this engine, until the program ends.
        """
        try:
            keys = Keys(access_key, secret_key)
        finally:
            del access_key, secret_key  # tracebacks are sometimes printed with all local variables
        self._config.check_secrecy()
        self._engaged().link.ask(lambda children: children.jwt, ReplaceKeys(keys))

    def health(self) -> Health:
        """Return how the engine and this component are doing; `str()` of it reads well."""
        return gather(self._engaged())

    def cleanup(self) -> None:
        """End the component: callbacks stop, wants leave the union, the last one stops the engine.

        Idempotent; may be called from any thread and from a callback. Waits for a callback that is running, but not
        longer than 5 s.
        """
        self._is_closed = True
        component, self._component = self._component, None
        if self._finalizer is not None:
            self._finalizer.detach()
        if component is not None:
            component.end(CALLBACK_TIMEOUT)

    def __enter__(self) -> "WebSocketClientProxy":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cleanup()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a WebSocketClientProxy stays in its process and is not copied: make one in the child, with the same Config"
        )

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{len(self.subscriptions())} subscriptions"
        return f"<WebSocketClientProxy {self.component_id!r}, {state}>"

    # --- inside

    def _engaged(self) -> Component:
        """Return this component's part in the engine, starting both if need be."""
        with self._starting:
            self._check_open()
            component = self._component
            if component is None:
                component = self._component = Component(self.component_id, self._config, self._held, self._made_at)
                # Collected without cleanup, the component is ended by its own thread.
                self._finalizer = weakref.finalize(self, component.leave_soon)
                self._finalizer.atexit = False
                if self._is_closed:  # another thread cleaned up meanwhile, and may have found nothing
                    self.cleanup()
                    self._check_open()
            return component

    def _engaged_for(self, callback: object) -> Component:
        check_callable("callback", callback)
        return self._engaged()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError(f"component {self.component_id!r} is closed: make a new WebSocketClientProxy")

    def _subscribe(
        self,
        kind: type[E],  # noqa: ARG002 - what the caller's type checker learns of the events
        make_want: Callable[[dict[str, bool]], Want],
        callback: Callback | None,
        options: Options | PublicOptions,
        private: bool = False,
    ) -> Subscription[E]:
        settings = Settings(callback, cast(Mapping[str, Any], options), private=private)
        want = make_want(settings.flags)
        component = self._engaged()
        if private:
            component.check_keys(want.type)
        return Subscription(component, component.subscribe(want, settings), self)

    def _snapshot(self, kind: type[E], want: Want, timeout: float) -> list[E]:
        check_seconds("timeout", timeout)
        return take_snapshot(self._engaged(), want, kind, timeout)

    def _is_open(self, endpoint: str) -> bool:
        component = self._component
        return component is not None and is_open(component, endpoint)

    def _after_fork(self) -> None:
        # The parent's engine is not here, nor is whoever may have held the lock.
        self._starting = threading.Lock()
        self._component = None
        self._held = Held()
        if self._finalizer is not None:
            self._finalizer.detach()
