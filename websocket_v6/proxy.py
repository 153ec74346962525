"""What a component holds: subscribe, take snapshots, see how things stand, leave."""

import contextlib
import functools
import importlib.util
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, TypedDict, TypeVar, Unpack, cast

import pykka

from . import engine
from .actors.base import ask, stop_and_join, tell
from .actors.connection.connection import ConnectionHealth
from .actors.delivery.mailbox import MailboxQueue
from .actors.delivery.router import RouterHealth
from .actors.delivery.subscriber import Attach, Callback, Detach, Edge, ErrorHandler, Leave, OnConnection, Subscriber
from .actors.demand.registry import RegistryHealth
from .actors.jwt import HasKeys, Keys, ReplaceKeys
from .actors.membership.membership import MembershipHealth, Role
from .actors.messages.common import GetHealth, Ref
from .actors.messages.registry import AskExchange, ComponentGone, Subscribe, Unsubscribe, next_subscription_id
from .health import Counters, Health, SubscriptionHealth
from .protocol.config import Config
from .protocol.delivery.policy import Mailbox, default_policy
from .protocol.errors import (
    AuthenticationError,
    ClosedError,
    ConfigError,
    EngineError,
    LocalProtocolError,
    SnapshotTimeoutError,
    TransportError,
    UnknownCodeError,
)
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
    TickerEvent,
    TradeEvent,
)
from .protocol.exchange.heads import SubscriptionList
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
from .subscription import Core, Subscription, view_of

__all__ = ["WebSocketClientProxy"]

logger = logging.getLogger(__name__)

# How long cleanup waits for a callback that is running; it goes on in the background after that.
CALLBACK_TIMEOUT = 5.0
LIST_TIMEOUT = 10.0
SNAPSHOT_MEMORY = 64 * 1024 * 1024

_numbers = itertools.count(1)
E = TypeVar("E", bound=Event)
Symbols = str | Iterable[str]


class Options(TypedDict, total=False):
    """What every subscription takes besides its own arguments."""

    error_handler: ErrorHandler | None  # called with what the callback raised, or why the stream cannot be served
    mailbox: Mailbox | None  # the policy; by default the data type's (protocol/delivery/policy.py)
    numbers: type[Decimal] | type[float]  # exact decimals by default


class PublicOptions(Options, total=False):
    """What subscriptions of public types take on top."""

    snapshot: bool  # False: begin with the next change
    realtime: bool  # False: the present state alone


class Hold:
    """A component's part in the engine, apart from the proxy so that a collected proxy can be cleaned up after."""

    def __init__(self, name: str, config: Config) -> None:
        self.component_id = f"{name}#{next(_numbers)}"
        self.cores: dict[int, Core] = {}
        self.subscriber = Subscriber.start(name)
        self.is_left = False
        try:
            self.link = engine.join(config, self.component_id, self.subscriber)
        except BaseException:
            stop_and_join(self.subscriber, CALLBACK_TIMEOUT)
            raise

    def leave(self) -> None:
        """Take back all wants and let go of the engine; idempotent. Callbacks that run go on."""
        if self.is_left:
            return
        self.is_left = True
        for core in list(self.cores.values()):
            core.mailbox.close(ClosedError(f"component {self.component_id.partition('#')[0]!r} is closed"))
        try:
            self.link.ask_registry(ComponentGone(self.component_id))
        except EngineError:
            pass  # it has given up: there is nothing to take the wants back from
        finally:
            self.link.leave()


class WebSocketClientProxy:
    """One component's access to Upbit's feeds.

    Cheap to make: the engine starts, or is found, at the first call that needs it. A context manager; leaving it is
    `cleanup()`. `component_id` names the component in logs and errors. Without `config` the environment decides
    (`Config.from_env`). Safe to use from any thread, and from its own callbacks.
    """

    def __init__(self, component_id: str, *, config: Config | None = None) -> None:
        if not isinstance(component_id, str) or not component_id:
            raise LocalProtocolError(f"component_id={component_id!r:.60} must be a name, such as 'my_chart'")
        self.component_id = component_id
        self._config = Config.from_env() if config is None else config
        if self._config.backfill and importlib.util.find_spec("httpx") is None:
            raise ConfigError(
                "backfill=True (WEBSOCKET_V6_BACKFILL) needs an extra: pip install 'websocket-v6[backfill]'"
            )
        self._hold: Hold | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None
        # Two threads may make the first call at once; only they ever wait for it.
        self._starting = threading.Lock()
        self._is_closed = False
        self._pid = os.getpid()

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
        region = self._config.region
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
        return self._snapshot(ticker_want(symbols, realtime=False), TickerEvent, timeout)

    def get_trade_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TradeEvent]:
        """Return the last trade of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(trade_want(symbols, realtime=False), TradeEvent, timeout)

    def get_orderbook_snapshot(
        self, symbols: Symbols, *, depth: int = 30, level: float | str | Decimal = 0, timeout: float = 5.0
    ) -> list[OrderbookEvent]:
        """Return the present order book of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(
            orderbook_want(symbols, depth=depth, level=level, realtime=False), OrderbookEvent, timeout
        )

    def get_candle_snapshot(self, symbols: Symbols, *, interval: str = "1m", timeout: float = 5.0) -> list[CandleEvent]:
        """Return the newest candle of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(candle_want(symbols, interval=interval, realtime=False), CandleEvent, timeout)

    # --- the rest

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """Close one subscription of this proxy. Closing it twice is no error."""
        self._close(subscription._core)

    def unsubscribe_all(self) -> None:
        """Close all subscriptions; the proxy stays usable."""
        for subscription in self.subscriptions():
            subscription.close()

    def subscriptions(self) -> list[Subscription[Any]]:
        """Return the open subscriptions, oldest first."""
        hold = self._present_hold()
        return [] if hold is None else [Subscription(self, core) for core in list(hold.cores.values())]

    def is_public_available(self) -> bool:
        """Whether the public connection is open now."""
        return self._is_open("public")

    def is_private_available(self) -> bool:
        """Whether the private connection is open now."""
        return self._is_open("private")

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called, on the component's thread, with what happens to the connections it uses."""
        hold = self._engaged()
        tell(hold.subscriber, OnConnection(callback))

    def list_subscriptions(self, endpoint: str = "public", *, timeout: float = LIST_TIMEOUT) -> SubscriptionList:
        """Ask the exchange what it serves on `endpoint` (LIST_SUBSCRIPTIONS), to all components together.

        Raises:
            TransportError: if the endpoint is not connected, or does not answer within `timeout` seconds.
        """
        hold = self._engaged()
        if endpoint not in ("public", "private", "info"):
            raise LocalProtocolError(f"endpoint={endpoint!r:.60} is not known: choose public, private or info")
        answer: pykka.Future[SubscriptionList] = pykka.ThreadingFuture()
        hold.link.ask_registry(AskExchange(endpoint, answer))
        try:
            return answer.get(timeout=timeout)
        except pykka.Timeout as exc:
            raise TransportError(f"the exchange did not list its subscriptions within {timeout:g} s") from exc

    def set_keys(self, access_key: str, secret_key: str) -> None:
        """Replace the account's keys; private connections connect again with the new ones.

        They hold for all components of this engine, until the program ends.
        """
        hold = self._engaged()
        hold.link.ask(lambda children: children.jwt, ReplaceKeys(Keys(access_key, secret_key)))

    def health(self) -> Health:
        """Return how the engine and this component are doing; `str()` of it reads well."""
        hold = self._engaged()
        router: RouterHealth = hold.link.ask(lambda now: now.router, GetHealth())
        registry: RegistryHealth = hold.link.ask(lambda now: now.registry, GetHealth())
        connections = tuple(
            one._replace(epoch=feed.epoch, serves=one.line in feed.serving)
            for feed in registry.feeds
            for one in self._connection_health(hold, feed.endpoint)
        )
        subscriptions = tuple(_subscription_health(one) for one in self.subscriptions())
        counters = Counters(
            received=router.received,
            delivered=router.delivered,
            dropped=sum(one.dropped for one in subscriptions),
            malformed=router.malformed + registry.malformed,
            unrouted=router.unrouted,
            reconnects=sum(one.reconnects for one in connections),
            requests_sent=sum(feed.requests_sent for feed in registry.feeds),
        )
        streams = sum(feed.streams for feed in registry.feeds)
        seat = self._seat_health(hold)
        return Health(
            seat.role,
            self.component_id,
            registry.components,
            seat.guests,
            connections,
            streams,
            counters,
            subscriptions,
        )

    def cleanup(self) -> None:
        """End the component: callbacks stop, wants leave the union, the last one stops the engine.

        Idempotent; may be called from any thread and from a callback. Waits for a callback that is running, but not
        longer than 5 s.
        """
        self.end(CALLBACK_TIMEOUT)

    def end(self, timeout: float) -> None:
        """Clean up, and wait at most `timeout` seconds for a callback that is running."""
        self._is_closed = True
        hold = self._present_hold()
        self._hold = None
        if hold is None:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        try:
            hold.leave()
        finally:
            _stop(hold, timeout)

    def __enter__(self) -> "WebSocketClientProxy":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cleanup()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{len(self.subscriptions())} subscriptions"
        return f"<WebSocketClientProxy {self.component_id!r}, {state}>"

    # --- inside

    def _engaged(self) -> Hold:
        """Return this component's part in the engine, starting both if need be."""
        with self._starting:
            if self._is_closed:
                raise ClosedError(f"component {self.component_id!r} is closed: make a new WebSocketClientProxy")
            hold = self._present_hold()
            if hold is None:
                hold = self._hold = Hold(self.component_id, self._config)
                # Collected without cleanup, its thread does what is left; it must not be done from inside a collection.
                self._finalizer = weakref.finalize(self, tell, hold.subscriber, Leave(hold.leave))
                self._finalizer.atexit = False
                engine.at_exit(self)
            return hold

    def _present_hold(self) -> Hold | None:
        if self._pid != os.getpid():
            # Forked: the parent's engine is not here. This copy starts afresh.
            self._pid = os.getpid()
            self._hold = None
            if self._finalizer is not None:
                self._finalizer.detach()
        return self._hold

    def _subscribe(
        self,
        kind: type[E],  # noqa: ARG002 - what the caller's type checker learns of the events
        make_want: Callable[[dict[str, bool]], Want],
        callback: Callback | None,
        options: Options | PublicOptions,
        private: bool = False,
    ) -> Subscription[E]:
        settings = _Settings(cast(Mapping[str, Any], options), private)
        want = make_want(settings.flags)
        if private:
            self._check_keys(want)
        if callback is not None and not callable(callback):
            raise LocalProtocolError(f"callback={callback!r:.60} cannot be called: give a function, or none to pull")
        mailbox = MailboxQueue(settings.mailbox or default_policy(want.type))
        core = self._start(want, mailbox, settings, callback)
        return Subscription(self, core)

    def _start(self, want: Want, mailbox: MailboxQueue, settings: "_Settings", callback: Callback | None) -> Core:
        hold = self._engaged()
        edge = Edge(mailbox, view_of(want, settings.numbers), lambda: hold.link.router)
        subscription_id = next_subscription_id()
        core = Core(subscription_id, want, edge, callback, settings.error_handler)
        name = f"subscription of {want.type}"
        # Told first: the router may wake it for this subscription before `ask` returns.
        cut_off = functools.partial(_cut_off, hold, subscription_id)
        tell(hold.subscriber, Attach(subscription_id, name, edge, callback, settings.error_handler, cut_off))
        hold.cores[subscription_id] = core
        try:
            hold.link.ask_registry(self._claim(hold, core, want))
        except BaseException:
            hold.cores.pop(subscription_id, None)
            tell(hold.subscriber, Detach(subscription_id))
            raise
        return core

    def _claim(self, hold: Hold, core: Core, want: Want) -> Subscribe:
        component = None if core.callback is None else hold.subscriber
        return Subscribe(hold.component_id, core.subscription_id, want, core.mailbox, component)

    def _add(self, core: Core, symbols: Symbols) -> None:
        hold = self._holding(core)
        more = _same_kind(core.want, symbols)
        hold.link.ask_registry(self._claim(hold, core, more))
        core.want = core.want.with_codes(dict.fromkeys(core.want.codes + more.codes))

    def _remove(self, core: Core, symbols: Symbols) -> None:
        hold = self._holding(core)
        less = _same_kind(core.want, symbols)
        left = tuple(code for code in core.want.codes if code not in less.codes)
        if not left:
            self._close(core)
            return
        hold.link.ask_registry(Unsubscribe(hold.component_id, core.subscription_id, less))
        core.want = core.want.with_codes(left)

    def _holding(self, core: Core) -> Hold:
        hold = self._present_hold()
        if hold is None or core.subscription_id not in hold.cores:
            raise ClosedError(f"this {core.want.type} subscription of {self.component_id!r} is closed: subscribe again")
        return hold

    def _close(self, core: Core) -> None:
        core.mailbox.close(ClosedError(f"this {core.want.type} subscription of {self.component_id!r} is closed"))
        hold = self._present_hold()
        if hold is None or hold.cores.pop(core.subscription_id, None) is None:
            return
        tell(hold.subscriber, Detach(core.subscription_id))
        hold.link.ask_registry(Unsubscribe(hold.component_id, core.subscription_id))

    def _snapshot(self, want: Want, kind: type[E], timeout: float) -> list[E]:
        mailbox = MailboxQueue(Mailbox.lossless(SNAPSHOT_MEMORY))
        core = self._start(want, mailbox, _Settings({}, private=False), None)
        found: dict[str, E] = {}
        deadline = time.monotonic() + timeout
        try:
            while len(found) < len(want.codes):
                event = Subscription[E](self, core).get(max(0.0, deadline - time.monotonic()))
                if isinstance(event, kind):
                    found.setdefault(event.symbol, event)
        except TimeoutError:
            raise self._missing(want, found, timeout) from None
        finally:
            self._close(core)
        return [found[code] for code in want.codes]

    def _missing(self, want: Want, found: Mapping[str, Event], timeout: float) -> Exception:
        missing = [code for code in want.codes if code not in found]
        if not self.is_public_available():
            return SnapshotTimeoutError(
                f"no {want.type} snapshot within {timeout:g} s: the public connection is not open; health() says why"
            )
        level = f" with level={want.level}" if want.level else ""
        return UnknownCodeError(
            f"the exchange sent no {want.type} snapshot of {', '.join(missing)}{level} within {timeout:g} s: "
            "unknown or delisted code, or a price level that the market does not have",
            codes=missing,
        )

    def _check_keys(self, want: Want) -> None:
        if not self._engaged().link.ask(lambda children: children.jwt, HasKeys()):
            raise AuthenticationError(
                f"{want.type} needs API keys: set UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY, or give them to Config or "
                "set_keys"
            )

    def _seat_health(self, hold: Hold) -> MembershipHealth:
        if hold.link.children.seat is None:
            return MembershipHealth(Role.EMBEDDED.value, 0)
        return cast(MembershipHealth, hold.link.ask(lambda children: cast(Ref, children.seat), GetHealth()))

    def _is_open(self, endpoint: str) -> bool:
        hold = self._present_hold()
        return hold is not None and any(one.state == "open" for one in self._connection_health(hold, endpoint))

    def _connection_health(self, hold: Hold, endpoint: str) -> list[ConnectionHealth]:
        """Ask every line of the endpoint; one that has just been replaced has nothing to say."""
        found: list[ConnectionHealth] = []
        for ref in hold.link.children.connections[endpoint]:
            with contextlib.suppress(pykka.ActorDeadError):
                found += ask(ref, GetHealth(), engine.ASK_TIMEOUT)
        return [one for one in found if one.endpoint == endpoint]


class _Settings:
    """The options of a subscription, checked."""

    def __init__(self, options: Mapping[str, Any], private: bool) -> None:
        known = Options.__annotations__ if private else PublicOptions.__annotations__
        for name in options:
            if name not in known:
                raise LocalProtocolError(f"option {name!r} is not known here: there are {', '.join(sorted(known))}")
        self.error_handler: ErrorHandler | None = options.get("error_handler")
        self.mailbox: Mailbox | None = options.get("mailbox")
        self.numbers: type = options.get("numbers", Decimal)
        self.flags: dict[str, bool] = {
            name: bool(options[name]) for name in ("snapshot", "realtime") if name in options
        }
        if self.error_handler is not None and not callable(self.error_handler):
            raise LocalProtocolError(f"error_handler={self.error_handler!r:.60} cannot be called: give a function")
        if self.mailbox is not None and not isinstance(self.mailbox, Mailbox):
            raise LocalProtocolError(f"mailbox={self.mailbox!r:.60} is not a policy: give one such as Mailbox.latest()")
        if self.numbers not in (Decimal, float):
            raise LocalProtocolError(f"numbers={self.numbers!r:.60} is not offered: choose Decimal or float")


def _same_kind(want: Want, symbols: Symbols) -> Want:
    """Return `want` for other codes, checked as the first ones were."""
    if not want.codes:
        raise LocalProtocolError(f"this {want.type} subscription is not by code: it has all of them")
    if want.type == "orderbook":
        return orderbook_want(
            symbols, depth=want.depth, level=want.level, snapshot=want.snapshot, realtime=want.realtime
        )
    if want.indicators:
        checked = indicator_want(
            symbols, timeframe=want.timeframe, indicators=[{"type": "rsi", "params": {"period": 14}}]
        )
        return want.with_codes(checked.codes)
    return want.with_codes(ticker_want(symbols).codes)


def _cut_off(hold: Hold, subscription_id: int) -> None:
    """Take back the want of a subscription whose mailbox has ended by itself."""
    if hold.cores.pop(subscription_id, None) is not None:
        hold.link.ask_registry(Unsubscribe(hold.component_id, subscription_id))


def _subscription_health(subscription: Subscription[Any]) -> SubscriptionHealth:
    stats = subscription.stats
    return SubscriptionHealth(
        subscription.data_type, len(subscription.symbols), stats.delivered, stats.dropped, stats.queued, stats.lag
    )


def _stop(hold: Hold, timeout: float) -> None:
    """Stop the component's thread and wait for it, unless this is that thread."""
    if not stop_and_join(hold.subscriber, timeout):
        logger.warning(
            "a callback of component %r is still running %g s after cleanup(); nothing is delivered to it any more",
            hold.component_id.partition("#")[0],
            timeout,
        )
