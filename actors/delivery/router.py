"""Routes: which stream goes to which mailboxes, and the last value of each stream for those who come later.

The busiest actor of all, so it does per batch whatever can be done per batch: one `put_many` and at most one wake for
each mailbox. It never reads a payload; a message becomes an event here in name only and is decoded where user code is
about to see it (`protocol/events`).
"""

import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.messages.common import Credits, GetEstate, GetHealth, Ref
from websocket_v6.actors.messages.component import Ready
from websocket_v6.actors.messages.registry import SnapshotServed, StreamsSeen
from websocket_v6.actors.messages.router import (
    AddRoutes,
    AttachSource,
    DetachSource,
    DropRoutes,
    Expect,
    Forget,
    HoldTrades,
    Join,
    MailboxDrained,
    Malformed,
    Merge,
    NewEpoch,
    Retire,
    UseBackfill,
    UseRegistry,
)
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.merger import Merger
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TradeEvent, make_event
from websocket_v6.protocol.exchange.streams import Stream, split, wildcard
from websocket_v6.protocol.exchange.wants import KNOWN_TYPES, endpoint_of

from .holds import MAX_HELD, Filled, Held, Holds, TradeHold
from .mailbox import MailboxQueue

__all__ = ["Router", "RouterHealth"]

logger = logging.getLogger(__name__)

# A reconnect's snapshot of a trade stream is its last trade, which may have come before: as many are remembered.
REMEMBERED_TRADES = 16
REMEMBERED_MALFORMED = 256
# Seconds for which a trade that was fetched may still come live too, late: they come a few places out of order.
SETTLE = 10.0
# What makes a message a snapshot. Scanned for, because decoding is for the edge; no other field of the types that have
# snapshots can hold the word in quotes.
SNAPSHOT = b'"SNAPSHOT"'


Make = Callable[[Stream, bytes, int, int], Event]


class RouterHealth(NamedTuple):
    """What went through the router.

    `unrouted` messages had no taker: strays of a subscription just replaced. `repeated` ones were delivered before,
    through another line or before a reconnect.
    """

    received: int
    delivered: int
    unrouted: int
    repeated: int
    malformed: int
    streams: int
    mailboxes: int


class Outlet:
    """The way into one mailbox; `pending` collects what a batch holds for it."""

    __slots__ = ("blocks", "component", "mailbox", "pending", "ready", "streams", "subscription_id")

    def __init__(self, subscription_id: int, mailbox: MailboxQueue, component: Ref | None) -> None:
        self.subscription_id = subscription_id
        self.mailbox = mailbox
        self.blocks = mailbox.policy.kind == "block"
        self.component = component
        self.ready = Ready(subscription_id)
        self.pending: list[Event] = []
        self.streams: set[Stream] = set()

    def flush(self) -> None:
        """Hand over what is pending, and wake the component if it sleeps."""
        events, self.pending = self.pending, []
        if self.mailbox.put_many(events):
            tell(self.component, self.ready)


class HoldOver(NamedTuple):
    """No hold of this epoch is needed any more."""

    epoch: int


class Route:
    """One stream: its takers by how they take it, and its last value."""

    __slots__ = (
        "hold",
        "is_plain",
        "is_stale",
        "last",
        "live",
        "newcomers",
        "once",
        "opened_ns",
        "outlets",
        "parent",
        "realtime",
        "trades",
    )

    def __init__(self) -> None:
        self.last: Event | None = None
        self.live: dict[int, Outlet] = {}  # everything
        self.realtime: dict[int, Outlet] = {}  # everything but snapshots
        self.once: dict[int, Outlet] = {}  # the next message, as a snapshot, and no more
        self.newcomers: set[int] = set()  # takers that have had nothing yet
        self.parent: Route | None = None  # the wildcard whose takers take this too
        self.outlets: tuple[Outlet, ...] = ()  # of `live` and of the wildcard: the short way
        self.is_plain = True  # a message is simply for all `outlets`
        self.is_stale = False  # takers have changed since `outlets` was built
        self.trades: deque[Event] | None = None  # of trade streams, the last few
        self.hold: TradeHold | None = None  # of a trade stream with a gap that is being filled
        self.opened_ns = time.time_ns()

    @property
    def is_empty(self) -> bool:
        return not self.live and not self.realtime and not self.once

    def refresh(self) -> None:
        """Note a change of takers. A thousand of them may come in a row: the next message rebuilds the short way."""
        self.is_plain = False
        self.is_stale = True

    def settle(self) -> None:
        """Make the short way what the takers are now."""
        if self.is_stale:
            outlets = dict(self.live)
            if self.parent is not None:
                outlets.update(self.parent.live)
            self.outlets = tuple(outlets.values())
            self.is_stale = False
        self.is_plain = not self.realtime and not self.once and not self.newcomers and self.hold is None


class Router(Actor):
    """Delivers batches into mailboxes.

    Receives Batch from wires, AttachSource from lines, AddRoutes, DropRoutes, Expect, Retire, Forget, Merge, Join,
    NewEpoch, HoldTrades and DetachSource from the registry, Malformed and MailboxDrained from components, Filled from
    backfill. Sends StreamsSeen and SnapshotServed to the registry, Ready to components, credits back to lines, and what
    `holds.py` has to backfill.
    """

    def __init__(self, *, supervisor: Ref, estate: "Mapping[Stream, deque[Event]] | None" = None) -> None:
        super().__init__()
        self._supervisor = supervisor
        self._registry: Ref | None = None
        self._routes: dict[Stream, Route] = {}
        self._wildcards: dict[Stream, Route] = {}
        self._outlets: dict[int, Outlet] = {}
        # The last trades of streams that have no route yet: what a router before this one has delivered.
        self._trades = dict(estate or {})
        self._credits: dict[tuple[str, int], tuple[int, Credits]] = {}  # by endpoint and line
        self._epochs: dict[str, int] = {}
        self._mergers: dict[str, Merger] = {}  # of endpoints with several lines
        self._blocking: set[int] = set()  # mailboxes that make their source wait
        self._withheld: list[Credits] = []
        self._received = self._delivered = self._unrouted = self._repeated = self._malformed = 0
        self._malformed_keys: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_MALFORMED)
        self._told: set[str] = set()  # what was logged once and is only counted since
        self._holds = Holds()

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Batch():
                if not self._mergers or not self._is_held(message):
                    self._deliver(message)
                self._return_credit(message.endpoint, message.line, message.epoch)
            case AddRoutes():
                self._add(message)
            case DropRoutes(subscription_id, streams):
                self._drop(subscription_id, streams)
            case Expect(streams):
                self._clear(streams)
            case Retire(streams):
                self._retire(streams)
            case Forget(endpoint):
                self._forget(endpoint)
            case NewEpoch(endpoint, epoch):
                self._epochs[endpoint] = epoch
            case Merge(endpoint, is_on):
                self._merge(endpoint, is_on)
            case Join(endpoint, line):
                self._join(endpoint, line)
            case AttachSource():
                self._attach(message)
            case DetachSource(endpoint, line):
                self._detach(endpoint, line)
            case MailboxDrained(subscription_id):
                self._blocking.discard(subscription_id)
                self._release()
            case Malformed():
                self._count_malformed(message)
            case HoldTrades():
                self._holds.begin(message, self._routes)
                self.after(message.patience + SETTLE, HoldOver(message.epoch))
            case Filled():
                self._filled(message)
            case HoldOver(epoch):
                self._hold_over(epoch)
            case UseBackfill(backfill):
                self._holds.use(backfill, self._routes)
            case UseRegistry(registry):
                self._registry = registry
            case GetEstate():
                return self._estate()
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor; last values and routes are built anew."""
        tell(self._supervisor, Failed("router", self.actor_ref, error, self._estate()))

    def _estate(self) -> dict[Stream, deque[Event]]:
        """Return what keeps a trade from being delivered twice."""
        return {stream: route.trades for stream, route in self._routes.items() if route.trades is not None}

    # --- the way of a message

    def _deliver(self, batch: Batch) -> None:
        endpoint, line, _, now_ns, streams, payloads, is_replayed, is_backfilled = batch
        epoch = self._epochs.get(endpoint, 0)
        make: Make = _make_snapshot if is_replayed else _make_backfilled if is_backfilled else make_event
        messages: Iterator[tuple[Stream, bytes]] = zip(streams, payloads, strict=True)
        routes = self._routes
        touched: list[Outlet] = []
        seen: list[Stream] = []
        delivered = 0
        merger = self._mergers.get(endpoint)
        if merger is not None:
            messages, make = merger.news(batch, self._latest, seen), functools.partial(self._make_news, make)
        for stream, payload in messages:
            route = routes.get(stream)
            if route is None:
                route = self._find(stream)
                if route is None:
                    self._stray(stream, payload, epoch, now_ns, touched)
                    continue
            event = make(stream, payload, epoch, now_ns)
            if not route.is_plain:
                route.settle()
                if route.hold is not None:
                    is_snapshot = (merger is None or route.last is None) and (is_replayed or SNAPSHOT in payload)
                    if self._hold_back(stream, route, event, is_snapshot, seen, touched):
                        continue
            outlets = route.outlets
            if route.last is None:
                seen.append(stream)
                outlets = self._takers(stream, route, event, is_replayed or SNAPSHOT in payload, touched)
            elif not route.is_plain:
                is_snapshot = merger is None and (is_replayed or SNAPSHOT in payload)
                outlets = self._takers(stream, route, event, is_snapshot, touched)
            route.last = event
            if route.trades is not None:
                route.trades.append(event)
            delivered += len(outlets)
            for outlet in outlets:
                pending = outlet.pending
                if not pending:
                    touched.append(outlet)
                pending.append(event)
        if seen:
            tell(self._registry, StreamsSeen(endpoint, line, tuple(seen)))
        if self._holds.began:
            self._holds.flush()
        self._flush(touched)
        self._received += len(streams)
        self._delivered += delivered

    def _takers(
        self, stream: Stream, route: Route, event: Event, is_snapshot: bool, touched: list[Outlet]
    ) -> tuple[Outlet, ...]:
        """Return who takes `event` where not everybody takes everything; who wants a snapshot alone gets it here."""
        takers = route.outlets
        if is_snapshot and route.trades and _holds(route.trades, event):
            # The last trade again, after a reconnect: news only to those who have had nothing yet.
            self._repeated += 1
            takers = tuple(outlet for outlet in takers if outlet.subscription_id in route.newcomers)
        if route.realtime and not is_snapshot:
            takers += tuple(route.realtime.values())
        if route.once:
            self._serve_once(stream, route, event if is_snapshot else _as_snapshot(event), touched)
        route.newcomers.clear()
        route.settle()
        return takers

    def _serve_once(self, stream: Stream, route: Route, snapshot: Event, touched: list[Outlet]) -> None:
        for outlet in route.once.values():
            _append(outlet, snapshot, touched)
            outlet.streams.discard(stream)
            tell(self._registry, SnapshotServed(outlet.subscription_id, stream))
        self._delivered += len(route.once)
        route.once.clear()

    def _find(self, stream: Stream) -> Route | None:
        """Make the route of a stream that only a wildcard takes."""
        parent = self._wildcards.get(wildcard(stream))
        if parent is None:
            return None
        route = self._routes[stream] = Route()
        route.parent = parent
        route.refresh()
        return route

    def _stray(self, stream: Stream, payload: bytes, epoch: int, now_ns: int, touched: list[Outlet]) -> None:
        """Deal with a message nobody asked for: of a set just replaced, or of a type not known here."""
        type_, code = split(stream)
        if type_ in KNOWN_TYPES:
            self._unrouted += 1
            return
        self._tell_once(f"type {type_}", "the exchange sends %r, which this version does not know", type_)
        event = make_event(stream, payload, epoch, now_ns)
        for route in self._routes.values():
            route.settle()
        takers = {
            outlet.subscription_id: outlet
            for known, route in self._routes.items()
            if split(known)[1] == code
            for outlet in route.outlets
        }
        for outlet in takers.values():
            _append(outlet, event, touched)
        self._delivered += len(takers)

    # --- several lines

    def _attach(self, source: AttachSource) -> None:
        self._credits[source.endpoint, source.line] = (source.epoch, source.credits)
        merger = self._mergers.get(source.endpoint)
        if merger is not None:
            merger.begin(source.line)

    def _detach(self, endpoint: str, line: int) -> None:
        self._credits.pop((endpoint, line), None)
        merger = self._mergers.get(endpoint)
        if merger is not None:
            merger.end(line)

    def _merge(self, endpoint: str, is_on: bool) -> None:
        if not is_on:
            merger = self._mergers.pop(endpoint, None)
            self._repeated += merger.repeated if merger is not None else 0
        elif endpoint not in self._mergers:
            merger = self._mergers[endpoint] = Merger()
            # The lines to come are compared with what was delivered before them.
            for stream, route in self._routes.items():
                if route.last is not None and endpoint_of(split(stream)[0]) == endpoint:
                    for event in route.trades or (route.last,):
                        merger.remember(stream, event.payload, event.received_at)

    def _is_held(self, batch: Batch) -> bool:
        """Keep what a line brings before it joins; that it brings it is told all the same."""
        merger = self._mergers.get(batch.endpoint)
        seen: list[Stream] = []
        if merger is None or not merger.hold(batch, seen):
            return False
        if seen:
            tell(self._registry, StreamsSeen(batch.endpoint, batch.line, tuple(seen)))
        return True

    def _join(self, endpoint: str, line: int) -> None:
        merger = self._mergers.get(endpoint)
        for batch in merger.join(line, self._latest) if merger is not None else ():
            self._deliver(batch)

    def _latest(self, stream: Stream) -> bytes | None:
        """Return the last message of `stream`, None if there are takers that wait for their first."""
        route = self._routes.get(stream)
        if route is None:
            return b""
        return None if route.last is None else route.last.payload

    def _make_news(self, make: Make, stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
        """Make an event of what a line is the first to bring: a snapshot, if the stream runs, is its latest message."""
        event = make(stream, payload, epoch, received_at)
        is_snapshot = SNAPSHOT in payload or make is _make_snapshot
        return event.as_realtime() if is_snapshot and self._latest(stream) is not None else event

    def _return_credit(self, endpoint: str, line: int, epoch: int) -> None:
        known, credits_ = self._credits.get((endpoint, line), (0, None))
        if credits_ is None or known != epoch:
            return
        if self._blocking:
            self._withheld.append(credits_)
        else:
            credits_.put(True)

    def _release(self) -> None:
        if not self._blocking:
            for credits_ in self._withheld:
                credits_.put(True)
            self._withheld.clear()

    # --- trades that wait for those before them

    def _hold_back(
        self, stream: Stream, route: Route, event: Event, is_snapshot: bool, seen: list[Stream], touched: list[Outlet]
    ) -> bool:
        """Let a trade of a stream with a gap wait, or drop it if it was fetched already; False if it may go on."""
        if not self._holds.take(stream, route, event, is_snapshot):
            return False
        if route.last is None:
            seen.append(stream)
        route.last = event
        if route.once:
            self._serve_once(stream, route, _as_snapshot(event), touched)
        if route.hold is not None and len(route.hold) >= MAX_HELD:
            self._go_on(stream, route, [], touched, f"{MAX_HELD:,} live trades were waiting")
        return True

    def _filled(self, message: Filled) -> None:
        route = self._routes.get(message.stream)
        if route is None or route.hold is None or route.hold.is_released or route.hold.epoch != message.epoch:
            self._holds.released(message.epoch, message.stream, 0, "")  # nobody waits for it any more
            return
        touched: list[Outlet] = []
        self._go_on(message.stream, route, message.events(), touched)
        self._flush(touched)

    def _go_on(
        self,
        stream: Stream,
        route: Route,
        fetched: list[tuple[int, Held]],
        touched: list[Outlet],
        problem: str = "",
    ) -> None:
        """Deliver what was fetched and what waited, each trade once."""
        hold = route.hold
        assert hold is not None
        recovered = 0
        for _, live, found, position in hold.release(fetched):
            route.settle()
            takers = route.outlets + tuple(route.realtime.values())
            if live is None:
                assert found is not None
                event = found[0]
                recovered += 1
            else:
                event, is_snapshot = live
                if found is not None and is_snapshot:
                    # It came as a snapshot alone, so who takes none gets it as it was fetched.
                    self._hand(found[0], tuple(route.realtime.values()), hold, position, touched)
                takers = self._takers(stream, route, event, is_snapshot, touched)
            self._hand(event, takers, hold, position, touched)
            if route.trades is not None:
                route.trades.append(event)
        self._holds.released(hold.epoch, stream, recovered, problem)

    def _hand(
        self, event: Event, takers: tuple[Outlet, ...], hold: TradeHold, position: int, touched: list[Outlet]
    ) -> None:
        for outlet in takers:
            if hold.is_for(outlet.subscription_id, position):
                _append(outlet, event, touched)
                self._delivered += 1

    def _hold_over(self, epoch: int) -> None:
        touched: list[Outlet] = []
        for stream, route in self._routes.items():
            if route.hold is not None and route.hold.epoch == epoch:
                if not route.hold.is_released:
                    self._go_on(stream, route, [], touched, "backfill did not answer")
                route.hold = None
                route.settle()
        self._flush(touched)

    def _flush(self, touched: list[Outlet]) -> None:
        for outlet in touched:
            outlet.flush()
            if outlet.blocks and outlet.mailbox.full:
                self._blocking.add(outlet.subscription_id)

    # --- routes

    def _add(self, message: AddRoutes) -> None:
        outlet = self._outlets.get(message.subscription_id)
        if outlet is None:
            outlet = Outlet(message.subscription_id, message.mailbox, message.component)
            if outlet.blocks:
                drained = MailboxDrained(message.subscription_id)
                message.mailbox.on_drained = functools.partial(tell, self.actor_ref, drained)
            self._outlets[message.subscription_id] = outlet
        touched: list[Outlet] = []
        for stream in message.streams:
            route = self._routes.get(stream) or self._open(stream)
            self._take(stream, route, outlet, message, touched)
        for one in touched:
            one.flush()

    def _take(self, stream: Stream, route: Route, outlet: Outlet, message: AddRoutes, touched: list[Outlet]) -> None:
        last = route.last
        if message.replay and last is not None:
            _append(outlet, _as_snapshot(last), touched)
            self._delivered += 1
            if not message.realtime:
                tell(self._registry, SnapshotServed(outlet.subscription_id, stream))
                return
        outlet.streams.add(stream)
        if route.hold is not None:
            route.hold.join(outlet.subscription_id)
        if not message.realtime:
            route.once[outlet.subscription_id] = outlet
        elif message.snapshots:
            route.live[outlet.subscription_id] = outlet
            if last is None and route.trades is not None and message.replay:
                route.newcomers.add(outlet.subscription_id)
        else:
            route.realtime[outlet.subscription_id] = outlet
        self._refresh(stream, route)

    def _open(self, stream: Stream) -> Route:
        route = self._routes[stream] = Route()
        type_, code = split(stream)
        if type_ == "trade":
            route.trades = self._trades.pop(stream, None) or deque(maxlen=REMEMBERED_TRADES)
        if code == "*":
            self._wildcards[stream] = route
        else:
            route.parent = self._wildcards.get(wildcard(stream))
        return route

    def _refresh(self, stream: Stream, route: Route) -> None:
        route.refresh()
        if stream in self._wildcards:
            for other, child in self._routes.items():
                if other != stream and wildcard(other) == stream:
                    child.parent = route
                    child.refresh()

    def _drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        outlet = self._outlets.get(subscription_id)
        if outlet is None:
            return
        for stream in outlet.streams.intersection(streams) if streams is not None else set(outlet.streams):
            outlet.streams.discard(stream)
            route = self._routes.get(stream)
            if route is not None:
                for takers in (route.live, route.realtime, route.once):
                    takers.pop(subscription_id, None)
                route.newcomers.discard(subscription_id)
                self._refresh(stream, route)
        if streams is None:
            del self._outlets[subscription_id]
            self._blocking.discard(subscription_id)
            self._release()

    def _clear(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            route = self._routes.get(stream)
            if route is not None:
                route.last = None

    def _retire(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            route = self._routes.get(stream)
            if route is None:
                continue
            route.last = None
            merger = self._mergers.get(endpoint_of(split(stream)[0]))
            if merger is not None:
                merger.forget(stream)
            if route.is_empty:
                del self._routes[stream]
                if self._wildcards.pop(stream, None) is not None:
                    self._orphan(stream)

    def _orphan(self, parent: Stream) -> None:
        for stream in [one for one in self._routes if wildcard(one) == parent]:
            route = self._routes[stream]
            route.parent = None
            route.refresh()
            if route.is_empty:
                del self._routes[stream]

    def _forget(self, endpoint: str) -> None:
        for stream, route in self._routes.items():
            if endpoint_of(split(stream)[0]) == endpoint:
                route.last = None

    # --- telling

    def _count_malformed(self, message: Malformed) -> None:
        if message.key in self._malformed_keys:
            return  # another component met the same message
        self._malformed_keys.append(message.key)
        self._malformed += 1
        kind = f"malformed {split(message.stream)[0]}"
        self._tell_once(kind, "a malformed message of %s was skipped: %s", message.stream, message.problem)

    def _tell_once(self, key: str, text: str, *args: object) -> None:
        if key not in self._told:
            self._told.add(key)
            logger.warning(text, *args)

    def _health(self) -> RouterHealth:
        return RouterHealth(
            self._received,
            self._delivered,
            self._unrouted,
            self._repeated + self._holds.repeated + sum(merger.repeated for merger in self._mergers.values()),
            self._malformed,
            len(self._routes),
            len(self._outlets),
        )


def _append(outlet: Outlet, event: Event, touched: list[Outlet]) -> None:
    if not outlet.pending:
        touched.append(outlet)
    outlet.pending.append(event)


def _make_backfilled(stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
    return make_event(stream, payload, epoch, received_at).as_backfilled()


def _make_snapshot(stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
    return _as_snapshot(make_event(stream, payload, epoch, received_at))


def _as_snapshot(event: Event) -> Event:
    try:
        return event.as_snapshot()
    except RemoteProtocolError:
        return event  # malformed: the edge will say so


def _holds(trades: Iterable[Event], event: Event) -> bool:
    """Whether `event` is one of `trades`, by its id: it may stand at another place in time, and as a snapshot."""
    try:
        return isinstance(event, TradeEvent) and any(
            isinstance(trade, TradeEvent) and trade.sequential_id == event.sequential_id for trade in trades
        )
    except RemoteProtocolError:
        return False  # malformed: the edge will say so
