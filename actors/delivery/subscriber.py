"""One component's own thread: it takes events from the component's mailboxes and calls the component's callbacks.

What a subscription is, and the last step of an event before user code, is `Edge` (`edge.py`).
"""

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, cast

import msgspec

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.messages.component import (
    ConnectionChanged,
    EngineFailed,
    MarketsListed,
    PartFailed,
    Ready,
    ReplayOver,
    StreamFailed,
)
from websocket_v6.protocol.delivery.stores import NEVER
from websocket_v6.protocol.errors import ClosedError, LocalProtocolError, MailboxFullError, WebSocketV6Error
from websocket_v6.protocol.events import ConnectionEvent, ConnectionState, MarketsEvent, OverflowEvent
from websocket_v6.protocol.telling import Tellings, Told

from .commands import Attach, Detach, Leave, MarketsFound, OnConnection, OnMarkets, OnOverflow, Overflowed
from .edge import Calls, Delivered, Edge
from .handing_out import Work, hand_out
from .market_news import MarketNews
from .performing import Perform, perform
from .standing import Standing

__all__ = ["Subscriber", "Work"]

logger = logging.getLogger(__name__)

BURST = 256  # events of one mailbox before the others have their turn
BATCH = 32  # events taken out of a mailbox at once, for a callback that is quick
AGAIN = 0.1  # seconds until a mailbox is looked at again after a bug
QUICK = 100e-6  # seconds for an event at most
NOT_AWAITED = "nobody awaits what a callback returns here: use websocket_v6.aio for that, or a plain function"
GAP_OVER = ("open", "backfilled", "reconciled")  # states in which the end of a gap is known


class Subscriber(Actor):
    """Calls one component's callbacks, one at a time, in the order of the exchange.

    Receives Attach, Detach, OnConnection, OnOverflow, OnMarkets, Overflowed, MarketsFound and Leave from the proxy,
    Ready from the router, ConnectionChanged, MarketsListed, StreamFailed, PartFailed and EngineFailed from the registry
    and the supervisor. Calls `cut_off` to have the want taken back of which the mailbox has ended by itself. What it
    hears of connections and markets it notes in `standing`; `over` is called when a recording that is played is over.

    What calls user code is `Work`, so that a callback may be awaited where that can be done (`aio/subscriber.py`): what
    it returned is yielded, and what comes of it is sent or thrown in.
    """

    lets_through: ClassVar[tuple[type[BaseException], ...]] = ()  # of what callbacks raise

    def __init__(
        self,
        component_id: str,
        cut_off: Callable[[Edge], object],
        standing: Standing | None = None,
        over: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._over_told = over
        self._component_id = component_id
        self._cut_off = cut_off
        self._standing = standing or Standing()
        self._tellings = Tellings()
        self._attached: dict[int, Edge] = {}
        self._timers: dict[int, Timer] = {}
        self._on_connection: list[Callable[[], Calls | None]] = []
        self._on_overflow: list[Callable[[], Calls | None]] = []
        self._on_markets: list[Callable[[], Calls | None]] = []
        self._market_news = MarketNews()
        self._epochs: dict[str, int] = {}  # of each endpoint, as last heard
        self._taken = 0  # events, in all

    def on_receive(self, message: object) -> object:
        """Handle one message. A bug at one ends nothing: nobody could start a component's thread again."""
        try:
            self._heed(message)
        except Exception:
            logger.exception("component %r failed at a message; this is a bug, please report it", self._component_id)
            if isinstance(message, Ready):
                self.after(AGAIN, message)  # what waits behind it is delivered all the same
        return None

    def _heed(self, message: object) -> None:
        match message:
            case Ready(subscription_id):
                self._do(subscription_id, self._ready(message))
            case Perform(run):
                self._do(Perform, perform(run, self._attached, self._raised, self._pause, self.lets_through))
            case Attach(edge):
                self._attached[edge.subscription_id] = edge
            case Detach(subscription_id):
                self._detach(subscription_id)
            case OnConnection(calls):
                self._on_connection.append(calls)
                self._do("on_connection", self._tell_present(calls))
            case OnOverflow(calls):
                self._on_overflow.append(calls)
            case OnMarkets() | MarketsListed() | MarketsFound():
                self._hear_of_markets(message)
            case Overflowed(subscription_id, event):
                self._do("on_overflow", self._overflow_found(subscription_id, event))
            case ConnectionChanged():
                self._standing.note(message)
                self._do("on_connection", self._connection_changed(message))
            case StreamFailed(subscription_id, error, final):
                self._do(subscription_id, self._stream_failed(subscription_id, error, final))
            case PartFailed():
                self._do("on_connection", self._part_failed(message))
            case ReplayOver():
                self._do(Perform, self._replay_over())
            case EngineFailed(error):
                for subscription_id in list(self._attached):
                    self._do(subscription_id, self._stream_failed(subscription_id, error, final=True))
            case Leave(last):
                last()
                self.stop()
            case _:
                super().on_receive(message)

    def close(self) -> None:
        """Close the mailboxes: whoever pulls from one hears that it is over."""
        for edge in self._attached.values():
            edge.mailbox.close(ClosedError(f"component {self._component_id!r} is closed"))
        self._attached.clear()

    def _do(self, lane: object, work: Work[object]) -> None:  # noqa: ARG002
        """Do `work` to its end. What is of one `lane` is done one after the other, also where it takes a while."""
        try:
            awaited = next(work)
            while True:  # here nobody can await it, in the middle of a thread's work
                if inspect.iscoroutine(awaited):
                    awaited.close()
                awaited = work.throw(LocalProtocolError(f"{NOT_AWAITED}: it returned {awaited!r:.80}"))
        except StopIteration:
            pass

    # --- events

    def _ready(self, message: Ready) -> Work[None]:
        if (yield from self._drain(message.subscription_id)):
            tell(self.actor_ref, message)  # the others have their turn first

    def _drain(self, subscription_id: int) -> Work[bool]:
        """Deliver what is due, up to a burst; return whether there may be more."""
        edge = self._attached.get(subscription_id)
        calls = edge.calls() if edge is not None and edge.is_pushed else None
        if edge is None or calls is None or calls.callback is None:
            return False
        mailbox, callback = edge.mailbox, calls.callback
        (left, until), limit, edge.batch = self._budget(), edge.batch, 1
        now = time.monotonic()
        while left > 0 and now <= until:
            taken = mailbox.take_many(now, min(limit, left))
            if mailbox.has_overflowed and (overflow := mailbox.overflow(now)):
                yield from self._overflowed(edge, overflow)
            if not taken:
                yield from self._rest(edge)
                return False
            self._taken += len(taken)
            if isinstance(taken[0], MarketsEvent):  # which is taken alone
                yield from self._markets_changed(edge, taken[0])
                continue
            events = cast(Sequence[Delivered], taken)
            edge.note_lag(events[-1])
            is_awaited = yield from hand_out(edge, events, callback, self._raised, self.lets_through)
            if is_awaited is None:
                return False
            left -= len(events)
            now, before = time.monotonic(), now
            # What is taken out cannot be dropped any more, so a slow callback gets one at a time.
            limit = min(BATCH, limit * 2) if now - before < QUICK * len(events) and not is_awaited else 1
        edge.batch = limit  # the others have their turn, then it goes on
        return True

    def _budget(self) -> tuple[int, float]:
        """Return how many events one mailbox may hand out before the others have their turn, and until when."""
        return BURST, NEVER

    def _rest(self, edge: Edge) -> Work[None]:
        """Nothing is due now: come back when something will be, or end what has ended."""
        subscription_id, mailbox = edge.subscription_id, edge.mailbox
        timer = self._timers.pop(subscription_id, None)
        if timer is not None:
            timer.cancel()
        due = mailbox.next_due()
        if due is not None:
            self._timers[subscription_id] = self.after(max(0.0, due - time.monotonic()), Ready(subscription_id))
        elif isinstance(error := mailbox.error, MailboxFullError) and subscription_id in self._attached:
            self._detach(subscription_id)
            self._cut_off(edge)
            yield from self._report(edge, error)

    def _detach(self, subscription_id: int) -> None:
        self._attached.pop(subscription_id, None)
        timer = self._timers.pop(subscription_id, None)
        if timer is not None:
            timer.cancel()

    # --- what happened to the stream itself

    def _tell_present(self, calls: Callable[[], Calls | None]) -> Work[None]:
        """Tell one that came late how things stand."""
        for change in self._standing.present():
            yield from self._tell_change(change, [calls])

    def _connection_changed(self, change: ConnectionChanged) -> Work[None]:
        yield from self._tell_change(change, self._on_connection)

    def _tell_change(self, change: ConnectionChanged, listeners: list[Callable[[], Calls | None]]) -> Work[None]:
        backfill = change.backfill
        self._epochs[change.endpoint] = change.epoch
        ended_ns = change.at_ns if backfill is None else backfill.ended_ns
        event = ConnectionEvent(
            endpoint=change.endpoint,
            state=ConnectionState(change.state),
            epoch=change.epoch,
            received_at=change.at_ns,
            gap=None if change.gap_started_ns is None else (ended_ns - change.gap_started_ns) / 1e9,
            gap_started_at=change.gap_started_ns,
            gap_ended_at=ended_ns if change.gap_started_ns is not None and change.state in GAP_OVER else None,
            reason=change.reason,
            recovered=None if backfill is None else sum(backfill.recovered.values()),
            unrecovered=() if backfill is None else backfill.unrecovered,
        )
        yield from self._call_all("on_connection", listeners, event)

    def _part_failed(self, message: PartFailed) -> Work[None]:
        """Say so of each endpoint that this component uses; that data is missing is told once it is known."""
        used = {edge.want.endpoint for edge in self._attached.values()}
        for endpoint in message.endpoints:
            if endpoint in used:
                epoch, state = self._epochs.get(endpoint, 0), ConnectionState.RESTARTING
                event = ConnectionEvent(endpoint, state, epoch, reason=message.reason, received_at=message.at_ns)
                yield from self._call_all("on_connection", self._on_connection, event)

    def _hear_of_markets(self, message: OnMarkets | MarketsListed | MarketsFound) -> None:
        match message:
            case OnMarkets(calls):
                self._on_markets.append(calls)
                self._do("on_markets", self._tell_present_markets(calls))
            case MarketsListed(markets, event):
                self._standing.markets[markets.quote] = markets
                if event is not None:
                    self._do("on_markets", self._tell_markets(event))
            case MarketsFound(subscription_id, event):
                edge = self._attached.get(subscription_id)
                if edge is not None:
                    self._do("on_markets", self._markets_changed(edge, event))

    def _markets_changed(self, edge: Edge, event: MarketsEvent) -> Work[None]:
        """Tell a subscription, then whoever listens to all, which hears of each change once."""
        calls = edge.calls()
        if calls is not None and calls.on_markets is not None:
            own = Calls(calls.on_markets)
            yield from self._call_all("on_markets", [lambda: own], event)
        yield from self._tell_markets(event)

    def _tell_markets(self, event: MarketsEvent) -> Work[None]:
        news = self._market_news.of(event)
        if news is not None:
            yield from self._call_all("on_markets", self._on_markets, news)

    def _tell_present_markets(self, calls: Callable[[], Calls | None]) -> Work[None]:
        for event in self._market_news.present(self._standing.markets.values()):
            yield from self._call_all("on_markets", [calls], event)

    def _overflow_found(self, subscription_id: int, event: OverflowEvent) -> Work[None]:
        edge = self._attached.get(subscription_id)
        if edge is not None:
            yield from self._overflowed(edge, event)

    def _overflowed(self, edge: Edge, event: OverflowEvent) -> Work[None]:
        """Tell what a mailbox dropped; without anybody to tell, the log, unless its policy means to drop."""
        event = msgspec.structs.replace(event, type=edge.want.type)
        if self._on_overflow:
            yield from self._call_all("on_overflow", self._on_overflow, event)
        elif event.policy == "drop_oldest" and (told := self._failed("overflow", edge.subscription_id)):
            logger.warning(
                "component %r is too slow for its %s: %d events were dropped, %d in all%s",
                self._component_id,
                edge.want.type,
                event.dropped,
                event.dropped_total,
                told,
            )

    def _call_all(self, name: str, listeners: list[Callable[[], Calls | None]], event: object) -> Work[None]:
        for listener in list(listeners):
            calls = listener()
            if calls is None or calls.callback is None:
                continue
            try:
                yield from _awaited(calls.callback(event))
            except self.lets_through:
                raise
            except BaseException as exc:  # noqa: BLE001 - as above
                self._log_raised(f"the {name} callback", exc, (name, id(calls)))

    def _stream_failed(self, subscription_id: int, error: WebSocketV6Error, final: bool) -> Work[None]:
        edge = self._attached.get(subscription_id)
        if edge is None:
            return
        if final:
            edge.mailbox.close(error, drain=True)
            while (yield from self._drain(subscription_id)):
                yield from _awaited(self._pause())
            self._detach(subscription_id)
        yield from self._report(edge, error, is_final=final)

    def _replay_over(self) -> Work[None]:
        """Hand out what is left, then say that it is over: who pulls hears it when nothing is left for it."""
        for subscription_id, edge in list(self._attached.items()):
            edge.mailbox.close(ClosedError("the recording is over"), drain=True)
            while (yield from self._drain(subscription_id)):
                yield from _awaited(self._pause())
        self._over_told()

    def _pause(self) -> object:
        """Return what gives way to others when it is awaited; None where others have threads of their own."""
        return None

    # --- what goes wrong

    def _raised(self, edge: Edge, error: BaseException) -> Work[None]:
        """Give what the callback raised to the component's handler; without one to the log."""
        if not (yield from self._handle(edge, error)):
            self._log_raised(f"the callback for {edge.want.type}", error, (type(error), edge.subscription_id))

    def _report(self, edge: Edge, error: WebSocketV6Error, *, is_final: bool = False) -> Work[None]:
        """Give `error` to the component's handler; without one to whoever pulls, or to the log."""
        if (yield from self._handle(edge, error)):
            return
        if not edge.is_pushed:
            if not is_final:  # else the mailbox itself has it
                edge.mailbox.fail(error)
        elif told := self._failed(type(error), edge.subscription_id):
            text = "subscription of %s of component %r: %s%s"
            logger.error(text, edge.want.type, self._component_id, error, told)

    def _handle(self, edge: Edge, error: BaseException) -> Work[bool]:
        """Call the component's handler, if it has one; that raises too is logged."""
        calls = edge.calls()
        if calls is None or calls.error_handler is None:
            return False
        try:
            shown = error if isinstance(error, Exception) else RuntimeError(f"the callback raised {error!r}")
            yield from _awaited(calls.error_handler(shown))
        except self.lets_through:
            raise
        except BaseException as exc:  # noqa: BLE001 - as above
            key = ("error_handler", edge.subscription_id)
            self._log_raised(f"the error_handler for {edge.want.type}", exc, key)
        return True

    def _log_raised(self, what: str, error: BaseException, key: tuple[object, int]) -> None:
        told = self._failed(*key)
        if told:
            # The trace once: it is the same each time.
            trace = error if told.is_first and not isinstance(error, WebSocketV6Error) else None
            shown = f"{type(error).__name__}: {error}"
            logger.error("%s of component %r raised %s%s", what, self._component_id, shown, told, exc_info=trace)

    def _failed(self, what: object, whose: int) -> Told | None:
        return self._tellings.failed((what, whose), time.monotonic())


def _awaited(result: object) -> Work[None]:
    """Have `result` awaited if it can be."""
    if isinstance(result, Awaitable):
        yield result
