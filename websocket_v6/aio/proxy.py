"""What a component of an asyncio program holds: the calls of `proxy.py` and `queries.py`, to be awaited."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar, Unpack, overload

from websocket_v6 import wanted
from websocket_v6.actors.delivery.edge import Callback
from websocket_v6.actors.jwt import Keys
from websocket_v6.component import Place
from websocket_v6.face import LIST_TIMEOUT, MARKETS_TIMEOUT, READY_TIMEOUT, Face
from websocket_v6.health import Health
from websocket_v6.newest import wanted_book, wanted_value
from websocket_v6.options import ONCE, Options, PublicOptions, Symbols
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    ConnectionEvent,
    Event,
    IndicatorEvent,
    IndicatorSignalEvent,
    Markets,
    MarketsEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    OverflowEvent,
    TickerEvent,
    TradeEvent,
)
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.proxy import WebSocketClientProxy as Synchronous
from websocket_v6.steps import Steps
from websocket_v6.wanted import Indicators, Level, Wanted

from .docs import explained_by
from .home import Home
from .place import LoopPlace, Watch
from .recording import Recording
from .running import Run, run, run_whole
from .subscription import Subscription

__all__ = ["WebSocketClientProxy"]

E = TypeVar("E", bound=Event)
T = TypeVar("T")

_of_the_parent: list[Watch] = []  # in a forked child: to let go of them would call the parent's loop


@explained_by(Synchronous)
class WebSocketClientProxy(Face):
    """One component's access to Upbit's feeds, in an asyncio program.

    Cheap to make: the engine starts, or is found, at the first call that needs it. `async with` does `cleanup()` at its
    end. `component_id` names the component in logs and errors. Without `config` the environment decides
    (`Config.from_env`). It belongs to the event loop that it is first used in. Callbacks are plain functions or
    `async def`; those of one subscription are called one at a time and in order, in that loop, which other tasks get
    back after 32 events at most. In a forked child it starts afresh.
    """

    _awaits = True

    def __init__(self, component_id: str, *, config: Config | None = None) -> None:
        self._home: Home | None = None
        self._watch: Watch | None = None
        self._ending: Run[None] | None = None
        super().__init__(component_id, config=config)

    # --- subscribe

    async def subscribe_ticker(
        self, symbols: Symbols, callback: Callback | None = None, **options: Unpack[PublicOptions]
    ) -> Subscription[TickerEvent]:
        return await self._subscribe(wanted.ticker(symbols, self._settings(callback, options)))

    async def subscribe_trade(
        self, symbols: Symbols, callback: Callback | None = None, **options: Unpack[PublicOptions]
    ) -> Subscription[TradeEvent]:
        return await self._subscribe(wanted.trade(symbols, self._settings(callback, options)))

    async def subscribe_orderbook(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        depth: int = 30,
        level: Level = 0,
        **options: Unpack[PublicOptions],
    ) -> Subscription[OrderbookEvent]:
        settings = self._settings(callback, options)
        return await self._subscribe(wanted.orderbook(symbols, settings, depth=depth, level=level))

    async def subscribe_candle(
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
        how = wanted.closing(closed=closed, empty=empty, history=history, verify=verify, fetches=self._config.backfill)
        settings = self._settings(callback, options)
        return await self._subscribe(wanted.candle(symbols, settings, interval=interval, closing=how))

    async def subscribe_my_order(
        self,
        callback: Callback | None = None,
        *,
        symbols: Symbols | None = None,
        reconcile: bool = False,
        **options: Unpack[Options],
    ) -> Subscription[MyOrderEvent]:
        settings = self._settings(callback, options, private=True)
        return await self._subscribe(wanted.my_order(symbols, settings, reconcile=reconcile))

    async def subscribe_my_asset(
        self, callback: Callback | None = None, *, reconcile: bool = False, **options: Unpack[Options]
    ) -> Subscription[MyAssetEvent]:
        settings = self._settings(callback, options, private=True)
        return await self._subscribe(wanted.my_asset(settings, reconcile=reconcile))

    async def subscribe_announcement(
        self,
        callback: Callback | None = None,
        *,
        categories: Symbols | None = None,
        include_body: bool = False,
        **options: Unpack[Options],
    ) -> Subscription[AnnouncementEvent]:
        settings, region = self._settings(callback, options, private=True), self._config.region
        return await self._subscribe(
            wanted.announcement(categories, settings, include_body=include_body, region=region)
        )

    async def subscribe_indicator(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Indicators,
        **options: Unpack[Options],
    ) -> Subscription[IndicatorEvent]:
        settings = self._settings(callback, options, private=True)
        return await self._subscribe(wanted.indicator(symbols, settings, timeframe=timeframe, indicators=indicators))

    async def subscribe_indicator_signal(
        self,
        symbols: Symbols,
        callback: Callback | None = None,
        *,
        timeframe: str,
        indicators: Indicators,
        **options: Unpack[Options],
    ) -> Subscription[IndicatorSignalEvent]:
        settings = self._settings(callback, options, private=True)
        return await self._subscribe(
            wanted.indicator_signal(symbols, settings, timeframe=timeframe, indicators=indicators)
        )

    # --- snapshots

    async def get_ticker_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TickerEvent]:
        return await self._snapshot(wanted.ticker(symbols, ONCE), timeout)

    async def get_trade_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TradeEvent]:
        return await self._snapshot(wanted.trade(symbols, ONCE), timeout)

    async def get_orderbook_snapshot(
        self, symbols: Symbols, *, depth: int = 30, level: Level = 0, timeout: float = 5.0
    ) -> list[OrderbookEvent]:
        return await self._snapshot(wanted.orderbook(symbols, ONCE, depth=depth, level=level), timeout)

    async def get_candle_snapshot(
        self, symbols: Symbols, *, interval: str = "1m", timeout: float = 5.0
    ) -> list[CandleEvent]:
        return await self._snapshot(wanted.candle(symbols, ONCE, interval=interval), timeout)

    # --- the newest values, now

    @overload
    async def last(self, type: Literal["ticker"], code: str) -> TickerEvent | None: ...
    @overload
    async def last(self, type: Literal["trade"], code: str) -> TradeEvent | None: ...
    @overload
    async def last(self, type: Literal["orderbook"], code: str) -> OrderbookEvent | None: ...
    @overload
    async def last(self, type: str, code: str) -> Event | None: ...
    async def last(self, type: str, code: str) -> Event | None:  # noqa: A002 - the exchange's word
        return await self._run(self._newest(wanted_value(type, code)))

    async def book(self, code: str, *, level: Level = 0) -> OrderbookEvent | None:
        return await self._run(self._newest(wanted_book(code, level)))

    async def wait_ready(self, timeout: float = READY_TIMEOUT) -> None:
        await self._run(self._data_awaited(timeout))

    # --- markets

    async def markets(self, quote: str = "KRW", *, timeout: float = MARKETS_TIMEOUT) -> Markets:
        return await self._run(self._markets_listed(quote, timeout))

    async def on_markets(self, callback: Callable[[MarketsEvent], object]) -> None:
        await self._run(self._markets_told(callback))

    # --- the rest

    async def unsubscribe(self, subscription: Subscription[Any]) -> None:
        await self._run(self._unsubscribed(subscription, Subscription))

    async def unsubscribe_all(self) -> None:
        await self._run(self._all_unsubscribed())

    def subscriptions(self) -> list[Subscription[Any]]:
        component, home = self._component, self._home
        if component is None or home is None:
            return []
        return [Subscription(component, edge, self, home) for edge in component.edges]

    async def is_public_available(self) -> bool:
        return await self._run(self._is_open("public"))

    async def is_private_available(self) -> bool:
        return await self._run(self._is_open("private"))

    async def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        await self._run(self._connections_told(callback))

    async def on_overflow(self, callback: Callable[[OverflowEvent], object]) -> None:
        await self._run(self._overflows_told(callback))

    async def list_subscriptions(self, endpoint: str = "public", *, timeout: float = LIST_TIMEOUT) -> SubscriptionList:
        return await self._run(self._listed(endpoint, timeout))

    async def set_keys(self, access_key: str, secret_key: str) -> None:
        try:
            keys = Keys(access_key, secret_key)
        finally:
            del access_key, secret_key  # tracebacks are sometimes printed with all local variables
        await self._run(self._keys_replaced(keys))

    async def record(
        self,
        path: str | Path,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        error_handler: Callable[[Exception], object] | None = None,
    ) -> Recording:
        home = self._at_home()
        handler = None if error_handler is None else _in_loop(home, error_handler)
        steps = self._recorded(path, rotate_bytes, rotate_seconds, handler)
        return Recording(await run(home, steps, lambda found: found.ended()), home)

    async def health(self) -> Health:
        return await self._run(self._gathered())

    async def cleanup(self) -> None:
        """End the component: callbacks stop, wants leave the union, the last one stops the engine.

        Idempotent; may be called from a callback. Waits for callbacks that are awaited, but not longer than 5 s: then
        they are cancelled. Whoever is cancelled meanwhile does not stop it.
        """
        if self._ending is None:
            home = self._home
            if home is None or home.is_gone:
                home = Home(asyncio.get_running_loop())
            home.check_here(self.component_id)
            home.tasks.discard(asyncio.current_task())  # a callback that ends its own component is not waited for
            self._ending = Run(home, self._ended())
        await run_whole(self._ending)
        if self._home is not None:
            self._home.leave()

    async def wait_closed(self) -> None:
        """Wait until `stop()`, then do `cleanup()`; or until that is done elsewhere. What `run()` is without a loop.

        Signals are the program's: `asyncio.run` cancels this at Ctrl-C, and for SIGTERM one line is enough.

        Example:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, proxy.stop)
            await proxy.wait_closed()
        """
        home = self._at_home()
        stopped = asyncio.Event()
        take_back = self._stop.listen(lambda: home.call(stopped.set))
        try:
            await self._run(self._is_ready())
            await stopped.wait()
        finally:
            take_back()
        await self.cleanup()

    def stop(self) -> None:
        """Have `wait_closed` end, now or as soon as it is called. From any thread, a callback or a signal's handler."""
        self._stop.set()

    async def __aenter__(self) -> "WebSocketClientProxy":
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.cleanup()

    # --- inside

    def _at_home(self) -> Home:
        """Return the loop it belongs to, which is this one."""
        if self._home is None:
            self._home = Home(asyncio.get_running_loop())
            self._watch = Watch(self._home)
        self._home.check_here(self.component_id)
        return self._home

    def _place(self) -> Place:
        return LoopPlace(self._at_home())

    async def _run(self, steps: Steps[T]) -> T:
        return await run(self._at_home(), steps)

    async def _subscribe(self, what: Wanted[E]) -> Subscription[E]:
        home = self._at_home()
        component, edge = await run(home, self._subscribed(what), lambda found: found[0].close(found[1]))
        return Subscription(component, edge, self, home)

    async def _snapshot(self, what: Wanted[E], timeout: float) -> list[E]:
        return await self._run(self._snapshot_taken(what, timeout))

    def _after_fork(self) -> None:
        super()._after_fork()
        if self._watch is not None:
            _of_the_parent.append(self._watch)
        self._home = self._watch = self._ending = None


def _in_loop(home: Home, handler: Callable[[Exception], object]) -> Callable[[Exception], object]:
    """Have `handler` called in the loop, by whichever thread."""
    return lambda error: home.call(lambda: handler(error))
