"""What a component of a synchronous program holds: subscribe, ask (`queries.py`), be told, record, leave."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from . import wanted
from .actors.delivery.edge import Callback
from .actors.jwt import Keys
from .component import OwnThread, Place
from .ending import run_until
from .options import Options, PublicOptions, Symbols
from .protocol.config import Config
from .protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    ConnectionEvent,
    Event,
    IndicatorEvent,
    IndicatorSignalEvent,
    MarketsEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    OverflowEvent,
    TickerEvent,
    TradeEvent,
)
from .queries import Queries
from .steps import finish
from .subscription import Subscription
from .wanted import Indicators, Level, Wanted

if TYPE_CHECKING:
    from .recording import Recording

__all__ = ["WebSocketClientProxy"]

E = TypeVar("E", bound=Event)


class WebSocketClientProxy(Queries):
    """One component's access to Upbit's feeds.

    Cheap to make: the engine starts, or is found, at the first call that needs it. A context manager; leaving it is
    `cleanup()`. `component_id` names the component in logs and errors. Without `config` the environment decides
    (`Config.from_env`). Safe to use from any thread, and from its own callbacks. In a forked child it starts afresh.
    In an asyncio program it is `websocket_v6.aio.WebSocketClientProxy`.

    >>> with WebSocketClientProxy("my_chart", config=Config(url=sim.url, mode="embedded")) as chart:
    ...     for ticker in chart.subscribe_ticker(["KRW-BTC"]):
    ...         print(ticker.symbol)
    ...         break
    KRW-BTC
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

        `symbols` of public types may have patterns: "KRW-*" is all markets of a quote currency, those that are listed
        tomorrow included; `on_markets` tells of them.

        Raises:
            LocalProtocolError: if a code is nonsense or an option is not known; nothing is subscribed then.
            EngineError: if a part of the engine that this takes failed and is started again: try again then.
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
        closed: bool = False,
        empty: bool = False,
        history: int = 0,
        verify: bool = False,
        **options: Unpack[PublicOptions],
    ) -> Subscription[CandleEvent]:
        """Subscribe to candles of 1s, 1m, 3m, 5m, 10m, 15m, 30m, 60m or 240m, sent as they change.

        With `closed=True` each comes once, when it is final: two seconds after its end by the exchange's own clock,
        once anything came after that. `history` candles come before it, fetched over REST (`Config(backfill=True)`),
        and so do those that a gap swallowed; what cannot be had is told (`on_connection`, `unrecovered`). `empty=True`
        tells of intervals without a trade, too. What changes later is counted (`stats.late`), not delivered again.
        With `verify=True` each is asked for over REST once it is final, and what REST has is delivered: one call for
        each code and candle, so only of as many codes as can be asked about.

        Raises:
            LocalProtocolError: as the others, and if `empty`, `history` or `verify` is given without `closed`, one of
                the last two without `backfill`, or more is to be verified than REST can be asked about.

        Example:
            proxy.subscribe_candle("KRW-BTC", on_candle, interval="1m", closed=True)
        """
        how = wanted.closing(closed=closed, empty=empty, history=history, verify=verify, fetches=self._config.backfill)
        settings = self._settings(callback, options)
        return self._subscribe(wanted.candle(symbols, settings, interval=interval, closing=how))

    def subscribe_my_order(
        self,
        callback: Callback | None = None,
        *,
        symbols: Symbols | None = None,
        reconcile: bool = False,
        **options: Unpack[Options],
    ) -> Subscription[MyOrderEvent]:
        """Subscribe to the account's orders and executions, of all markets unless `symbols` says which. Needs keys.

        The exchange sends changes alone, and none that happened while there was no connection. With `reconcile` it is
        asked, over REST, for what is open at the start, and after each gap for what became of orders meanwhile: those
        events are marked `backfilled`, and `on_connection` tells "reconciled".
        """
        settings = self._settings(callback, options, private=True)
        return self._subscribe(wanted.my_order(symbols, settings, reconcile=reconcile))

    def subscribe_my_asset(
        self, callback: Callback | None = None, *, reconcile: bool = False, **options: Unpack[Options]
    ) -> Subscription[MyAssetEvent]:
        """Subscribe to changes of the account's balances. Needs keys.

        With `reconcile` the exchange is asked, over REST, for all balances at the start and after each gap; what
        differs comes as an event that is marked `backfilled`.
        """
        return self._subscribe(wanted.my_asset(self._settings(callback, options, private=True), reconcile=reconcile))

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

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called, as the component's others are, with what happens to the connections it uses.

        Whenever it is registered, it is called with the present state of each first, where that is known.

        `event.state` is a `ConnectionState`: "connecting", "open", "lost", "refused", "closed", "backfilled",
        "reconciled" or "restarting".
        """
        finish(self._connections_told(callback))

    def on_overflow(self, callback: Callable[[OverflowEvent], object]) -> None:
        """Have `callback` called, as the component's others are, with what its mailboxes drop.

        `event.type` names the data type, `dropped` counts since the last call. Policies that drop by design (`latest`,
        `throttle`) tell at most once a second; a mailbox with `notify=True` tells in its own stream instead.
        """
        finish(self._overflows_told(callback))

    def on_markets(self, callback: Callable[[MarketsEvent], object]) -> None:
        """Have `callback` called, as the component's others are, when markets come or go.

        It is told of the quote currencies that this component subscribed to with a pattern ("KRW-*"), or asked
        `markets` for: first with all that there are as `added`, then with each change. A new code is told before its
        first event, one that is gone after its last; with `on_markets=` in a `subscribe_*` the same holds for that
        subscription alone, whatever others of this component have in their mailboxes.

        Example:
            proxy.on_markets(lambda event: print("listed:", event.added, "gone:", event.removed))
            proxy.subscribe_ticker("KRW-*", on_tick)
        """
        finish(self._markets_told(callback))

    def set_keys(self, access_key: str, secret_key: str) -> None:
        """Replace the account's keys; private connections connect again with the new ones.

        They hold for all components of this engine, until the program ends. Another access key is another account's,
        as far as anybody knows: what is private ends at once, and begins with a higher epoch and a gap that is told.
        """
        try:
            keys = Keys(access_key, secret_key)
        finally:
            del access_key, secret_key  # tracebacks are sometimes printed with all local variables
        finish(self._keys_replaced(keys))

    def record(
        self,
        path: str | Path,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        error_handler: Callable[[Exception], object] | None = None,
    ) -> "Recording":
        """Record what this component subscribes to now into a new file, until its `end()` or this one's `cleanup()`.

        Of each stream all is recorded, whatever this component's mailboxes drop. Another file is begun, day.2.wsr after
        day.wsr, at `rotate_bytes`, or whenever `rotate_seconds` of UTC are over. A disk that is full ends the recording
        and nothing else: that is logged, stands in its `error`, and `error_handler` is called with it.

        Raises:
            LocalProtocolError: if nothing is subscribed to, or an argument makes no sense.
            OSError: if the file is there already, or cannot be made.
            ConfigError: if there is no Zstandard: pip install 'websocket-v6[record]'.

        Example:
            proxy.subscribe_trade("KRW-BTC", on_trade)
            with proxy.record("day.wsr"):
                proxy.run()
        """
        return finish(self._recorded(path, rotate_bytes, rotate_seconds, error_handler))

    def run(self) -> int:
        """Wait until Ctrl-C, SIGTERM (or SIGHUP) or `stop()`, then `cleanup()`: the last line of a script.

        Returns the exit status for whoever supervises the process: 0, or 130 after Ctrl-C, as a shell has it. A second
        Ctrl-C ends the process at once. Handlers of signals are what they were when this returns. In another thread
        than the main one signals are not heard: it waits for `stop()`, or for a `cleanup()` elsewhere.

        Example:
            proxy.subscribe_ticker("KRW-BTC", on_tick)
            sys.exit(proxy.run())
        """
        finish(self._is_ready())
        return run_until(self._stop, lambda: finish(self._ended()))

    def stop(self) -> None:
        """Have `run` end, now or as soon as it is called. From any thread, a callback or a signal's handler."""
        self._stop.set()

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
