"""The careful path of a message: where it is not simply the next one of its stream, for all who take that.

First messages, takers that want something else than everything, trades with a gap before them, several sources that
bring the same, types that are not known here.
"""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.log_pace import LogPace
from websocket_v6.protocol.delivery.merger import Merger
from websocket_v6.protocol.delivery.strays import SNAPSHOT, Strays
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import KNOWN_TYPES
from websocket_v6.protocol.limits import REMEMBERED_IDS
from websocket_v6.protocol.message import Message

from .closed_candles import ClosedCandles
from .deliveries import Delivery, Taker
from .route import Route
from .routes import Routes, as_snapshot

if TYPE_CHECKING:
    from .holds import Holds

__all__ = ["CarefulPath", "Incoming"]

logger = logging.getLogger(__name__)


class Incoming(Message):
    """What the messages of one batch share."""

    endpoint: str
    epoch: int
    received_ns: int
    is_replayed: bool = False
    is_backfilled: bool = False
    is_merged: bool = False
    attachment: int = 0
    is_repeated: bool = False

    @classmethod
    def of(cls, batch: Batch, epoch: int, *, is_merged: bool = False) -> Self:
        """Return what those of `batch` share."""
        marks = batch.replayed, batch.backfilled, is_merged
        return cls(batch.endpoint, epoch, batch.ts_received_ns, *marks, batch.attachment, batch.repeated)

    @property
    def is_of_ledger(self) -> bool:
        """Whether a host had it of REST, or knew it: nothing else of the private endpoint is passed on so."""
        return self.endpoint == "private" and (self.is_backfilled or self.is_replayed)

    def is_snapshot(self, payload: bytes) -> bool:
        """Whether it came as a snapshot."""
        return self.is_replayed or SNAPSHOT in payload

    def event(self, stream: Stream, payload: bytes, *, runs: bool) -> Event:
        """Make an event. A snapshot that a further source brings of a stream that `runs` is its latest message."""
        event = make_event(stream, payload, self.epoch, self.received_ns)
        if self.is_backfilled:
            event = event.as_backfilled()
        if self.is_repeated:
            event = event.as_repeated()
        if self.is_merged and runs and self.is_snapshot(payload):
            return event.as_realtime()
        return as_snapshot(event) if self.is_replayed else event


class CarefulPath:
    """Takes messages to their takers with every care; `seen` collects the streams that have begun."""

    def __init__(self, routes: Routes, closings: ClosedCandles, delivery: Delivery) -> None:
        self.seen: list[Stream] = []
        self.unrouted = 0
        self._strays = Strays()
        self._routes = routes
        self.holds: Holds | None = None  # none where nothing is fetched
        self._closings = closings
        self._delivery = delivery
        self._mergers: dict[str, Merger] = {}  # of endpoints with several sources
        self._repeated = 0  # that mergers which are gone have met
        self._unknown_types = LogPace()
        self._overruns = LogPace()

    @property
    def repeated(self) -> int:
        """Messages that were not delivered because they had been before."""
        held = 0 if self.holds is None else self.holds.repeated
        return self._repeated + sum(merger.repeated for merger in self._mergers.values()) + held

    # --- a message

    def message(self, stream: Stream, payload: bytes, incoming: Incoming) -> None:
        """Deliver one message to those who take it."""
        route = self._routes.find(stream, incoming.received_ns)
        if route is None:
            self._stray(stream, payload, incoming)
            return
        came_as_snapshot = incoming.is_snapshot(payload)
        if self._strays.is_one(incoming.attachment, stream, is_snapshot=came_as_snapshot):
            self.unrouted += 1
            return
        is_first = route.last is None or (route.is_expecting and came_as_snapshot)
        event = incoming.event(stream, payload, runs=not is_first)
        # Of several sources another one may have brought what is newer: then this is late, and missed all the same.
        if incoming.is_backfilled and not incoming.is_merged and self._routes.had(route, event):
            return
        if came_as_snapshot:
            self._begin_awaiting(route)
        route.settle()
        if is_first:
            self.seen.append(stream)
        is_snapshot = came_as_snapshot and (is_first or not incoming.is_merged)
        holds = None if route.hold is None else self.holds
        if holds is not None and holds.take(stream, route, event, is_snapshot=is_snapshot):
            route.last = event
            self._routes.serve_once(stream, route, as_snapshot(event))
            holds.look_at(stream, route)
            return
        if route.closer is not None:
            self._closings.take(stream, route.closer, event, is_snapshot=came_as_snapshot)
        takers = self._routes.takers(stream, route, event, is_snapshot=is_snapshot)
        if incoming.is_of_ledger:  # of the account, and the exchange did not send it: for who reconciles
            takers = tuple(
                taker for taker in takers if isinstance(taker.mailbox, Way) and taker.mailbox.mouth.keeps_ledger
            )
        route.last = event
        if route.trades is not None:
            route.trades.append(event)
        for taker in takers:
            self._delivery.give(taker, event)
        route.settle()

    def with_holds(self) -> "Holds":
        """Return what lets trades wait for those before them: made for the first gap, or for who fetches."""
        if self.holds is None:
            with no_fork():
                from .holds import Holds
            self.holds = Holds(self._routes, self._delivery)
        return self.holds

    def tell_began(self) -> None:
        """Tell who fetches which streams have begun."""
        if self.holds is not None:
            self.holds.tell_began()

    def _begin_awaiting(self, route: Route) -> None:
        route.is_expecting = False
        if route.awaiting:
            awaiting = list(route.awaiting.values())
            route.awaiting.clear()
            for taker, how in awaiting:
                route.admit(taker, how)

    def _stray(self, stream: Stream, payload: bytes, incoming: Incoming) -> None:
        """Deal with a message nobody asked for: of a set just replaced, or of a type not known here."""
        type_, code = split(stream)
        if type_ in KNOWN_TYPES:
            self.unrouted += 1
            return
        self._tell_of(type_)
        event = incoming.event(stream, payload, runs=True)
        takers: dict[int, Taker] = {}
        for route in self._routes.of_code(code):
            route.settle()
            takers.update((taker.subscription_id, taker) for taker in route.takers)
            if not incoming.is_snapshot(payload):
                takers.update(route.realtime)
        for taker in takers.values():
            # Another endpoint's mailbox is none of this one's business: it might hold back the wrong sources.
            if taker.endpoint == incoming.endpoint:
                self._delivery.give(taker, event)

    def _tell_of(self, type_: str) -> None:
        words = self._unknown_types.note(type_, time.monotonic())
        if words is not None:
            others = f", and {words.unsaid:,} messages of other such types" if words.unsaid else ""
            logger.warning("the exchange sends %r, which this version does not know%s", type_, others)

    def skip(self, attachment: int, streams: tuple[Stream, ...], *, is_on: bool) -> None:
        """Let an attachment's `streams` count for nothing until their next snapshots, or count again."""
        if not is_on:
            self._strays.take(attachment, streams)
            return
        self._strays.skip(attachment, streams)
        for merger in self._mergers.values():
            merger.skip(attachment, streams)

    # --- several sources

    def merges(self, endpoint: str) -> bool:
        """Whether `endpoint` has, or had a moment ago, more than one source."""
        return endpoint in self._mergers

    def merge(self, endpoint: str, *, is_on: bool) -> None:
        """Begin or stop to compare what several sources bring."""
        if not is_on:
            merger = self._mergers.pop(endpoint, None)
            self._repeated += merger.repeated if merger is not None else 0
        elif endpoint not in self._mergers:
            merger = self._mergers[endpoint] = Merger()
            # The sources to come are compared with what was delivered before them.
            for stream, route in self._routes.of(endpoint):
                if route.last is not None:
                    for event in route.trades or (route.last,):
                        merger.remember(stream, event.payload, event.received_at)
                if route.hold is not None:
                    for event, _ in route.hold.waiting():
                        merger.remember(stream, event.payload, event.received_at)

    def begin(self, endpoint: str, attachment: int) -> None:
        """Hold what this attachment brings until it joins."""
        self.merge(endpoint, is_on=True)
        self._mergers[endpoint].begin(attachment)

    def end(self, endpoint: str, attachment: int) -> None:
        """Forget what was held of an attachment that has ended."""
        self._strays.end(attachment)
        merger = self._mergers.get(endpoint)
        if merger is not None:
            merger.end(attachment)

    def hold(self, batch: Batch) -> bool:
        """Keep what an attachment brings before it joins; that it brings it is told all the same."""
        return self._mergers[batch.endpoint].hold(self._strays.without(batch), self.seen)

    def join(self, endpoint: str, attachment: int) -> Iterator[Batch]:
        """Yield what was held of an attachment that joins."""
        merger = self._mergers.get(endpoint)
        return iter(()) if merger is None else merger.join(attachment, self._routes.latest)

    def merged(self, batch: Batch, incoming: Incoming) -> None:
        """Deliver what `batch` is the first to bring."""
        merger = self._mergers[batch.endpoint]
        batch = self._strays.without(batch)
        for stream, payload in merger.news(batch, self._routes.latest, self.seen, self._routes.expects):
            self.message(stream, payload, incoming)
        if merger.cuts and self._overruns.note(batch.endpoint, time.monotonic()) is not None:
            logger.warning(
                "more than %d messages came to the %s endpoint within half a minute: a source that lags far behind the "
                "others is not compared with them any more, and waits until it has caught up",
                REMEMBERED_IDS,
                batch.endpoint,
            )

    def forget(self, endpoint: str, stream: Stream) -> None:
        """Nobody serves `stream` any more."""
        merger = self._mergers.get(endpoint)
        if merger is not None:
            merger.forget(stream)
