"""The router: the one queue that data, and all that changes the data's meaning, goes through in order.

The busiest actor of all, so it does per batch whatever can be done per batch: one `put_many` and at most one wake for
each mailbox. It never reads a payload; a message becomes an event here in name only and is decoded where user code is
about to see it (`protocol/events`). What is out of the ordinary about a message is for `careful.py`.
"""

import logging
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.messages.common import Credits, GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.registry import Marked, StreamsSeen
from websocket_v6.actors.messages.router import (
    AddRoutes,
    Attach,
    Beat,
    Convey,
    DropRoutes,
    Filled,
    GetLastValues,
    MailboxDrained,
    Malformed,
    RouterInheritance,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
    UseBackfill,
    UseRegistry,
)
from websocket_v6.actors.messages.server import Beaten
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.actors.ways import Mouth
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import (
    Admit,
    End,
    Expect,
    Forget,
    HoldTrades,
    Join,
    Mark,
    Merge,
    Retire,
    Turn,
)
from websocket_v6.protocol.delivery.log_pace import LogPace
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.limits import LAST_VALUES_BYTES

from .careful import SNAPSHOT, CarefulPath, Incoming
from .deliveries import Delivery, Taker
from .holds import Holds
from .last_values import LastValues
from .routes import Routes

__all__ = ["Router", "RouterHealth"]

logger = logging.getLogger(__name__)

REMEMBERED_MALFORMED = 256
# Seconds for which a trade that was fetched may still come live too, late: they come a few places out of order.
SETTLE = 10.0


class RouterHealth(NamedTuple):
    """What went through the router.

    `unrouted` messages had no taker: strays of a subscription just replaced. `repeated` ones were delivered before,
    through another source or before a reconnect. `late` ones came after the end of their source was told.
    """

    received: int
    delivered: int
    unrouted: int
    repeated: int
    late: int
    malformed: int
    streams: int
    mailboxes: int


class HoldOver(NamedTuple):
    """No hold of this epoch is needed any more."""

    epoch: int


class GoOn(NamedTuple):
    """What had to wait in this mouth (live) waits no longer."""

    mouth: Mouth


class Router(Actor):
    """Delivers batches into mailboxes, and tells the registry all that sources say, in the order in which they say it.

    Receives Attach, SourceState, SourceOpened, Batch, SourceSaid and SourceEnded from sources, routes and the commands
    of `protocol/delivery/commands.py` from the registry, Malformed and MailboxDrained from components, Filled from
    backfill. Sends what sources say, StreamsSeen, SnapshotServed and Marked to the registry, Ready to components,
    credits back to sources, and what `holds.py` has to backfill.
    """

    def __init__(self, *, supervisor: Ref, inheritance: RouterInheritance | None = None) -> None:
        super().__init__()
        self._supervisor = supervisor
        self._registry: Ref | None = None
        self._credits: dict[int, Credits] = {}  # by attachment
        self._flow = SourceFlow()
        self._delivery = Delivery(self._flow, self.actor_inbox.empty, self._later)
        self._routes = Routes(self._delivery, inheritance.trades if inheritance else {})
        self._holds = Holds(self._routes, self._delivery)
        self._careful = CarefulPath(self._routes, self._holds, self._delivery)
        self._received = self._late = self._malformed = 0
        self._malformed_keys: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_MALFORMED)
        self._log_pace = LogPace()  # of types that are malformed
        self._size = 0  # bytes of messages since last values were weighed
        self._late_news: list[Convey] = []  # that wait for trades that are held

    def on_receive(self, message: object) -> object:
        """Handle one message, and hand over what it brings for anybody."""
        if type(message) is Batch:
            self._take(message)
            return None
        answer = self._heed(message)
        self._delivery.flush()
        return answer

    def _heed(self, message: object) -> object:
        match message:
            case SourceState() | SourceOpened() | SourceSaid() | SourceEnded() | Attach():
                self._hear(message)
            case Admit() | Join() | Turn() | End() | Merge() | Mark():
                self._obey(message)
            case AddRoutes():
                self._add(message)
            case DropRoutes(subscription_id, streams):
                self._drop(subscription_id, streams)
            case Expect(streams):
                self._routes.expect(streams)
            case Retire(streams):
                self._retire(streams)
            case Forget(endpoint):
                self._routes.forget(endpoint)
            case MailboxDrained(subscription_id):
                self._look_again(subscription_id)
            case Malformed():
                self._count_malformed(message)
            case HoldTrades():
                self._holds.begin(message)
                self.after(message.patience + SETTLE, HoldOver(message.epoch))
            case Filled():
                self._holds.filled(message)
                self._convey_late()
            case HoldOver(epoch):
                self._holds.over(epoch)
                self._convey_late()
            case Convey():
                self._convey(message)
            case GetLastValues():
                return LastValues(self._routes.by_stream, self.actor_stopped.is_set)
            case Beat(reply_to):
                tell(reply_to, Beaten())
            case GoOn(mouth):
                mouth.go_on()
            case UseBackfill(backfill):
                self._holds.use(backfill)
            case UseRegistry(registry):
                self._registry = self._delivery.registry = registry
            case GetInheritance():
                self._delivery.send()  # what is told to be delivered must be
                return self.inheritance()
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor; last values and routes are built anew."""
        with suppress(Exception):  # what is told to be delivered must be; but that may be what has failed
            self._delivery.send()
        tell(self._supervisor, Failed("router", self.actor_ref, error, self.inheritance()))

    def inheritance(self) -> RouterInheritance:
        return RouterInheritance(self._routes.trades(), self._flow.whole_ns())

    # --- the way of a batch

    def _take(self, batch: Batch) -> None:
        """Deliver a batch, or hold it, and give its credit back; drop it if its attachment has ended."""
        attachment = batch.attachment
        epoch = self._flow.take(attachment)
        if epoch is None:
            self._late += len(batch.streams)
            self._delivery.flush()  # what came before it may have been put off
            return
        size = sum(map(len, batch.payloads))
        self._delivery.begin(size, len(batch.payloads))
        self._size += size
        if not self._careful.merges(batch.endpoint):
            self._deliver(batch, epoch)
        elif not self._careful.hold(batch):
            self._careful.merged(batch, _incoming(batch, epoch, is_merged=True))
            self._received += len(batch.streams)
        self._finish(batch.endpoint, attachment)
        if self._size > LAST_VALUES_BYTES // 2:
            self._size = 0
            self._routes.shed()
        if self._flow.give_back(attachment, batch.whole_ns):
            self._credits[attachment].put(True)

    def _deliver(self, batch: Batch, epoch: int) -> None:
        """Deliver what an endpoint's only source brings: the plain loop."""
        received_ns, incoming = batch.ts_received_ns, None
        is_careful = batch.replayed or batch.backfilled
        routes, touched, delivered = self._routes.by_stream, self._delivery.touched, 0
        for stream, payload in zip(batch.streams, batch.payloads, strict=True):
            route = routes.get(stream)
            if (
                route is None
                or not route.is_plain
                or is_careful
                # A snapshot of trades that run was asked for while the first one was on its way: it may be one of them.
                or (route.trades is not None and SNAPSHOT in payload)
            ):
                incoming = incoming or _incoming(batch, epoch)
                self._careful.message(stream, payload, incoming)
                continue
            event = route.last = make_event(stream, payload, epoch, received_ns)
            if route.trades is not None:
                route.trades.append(event)
            takers = route.takers
            delivered += len(takers)
            for taker in takers:
                pending = taker.pending
                if not pending:
                    touched.append(taker)
                pending.append(event)
        self._received += len(batch.streams)
        self._delivery.delivered += delivered

    def _finish(self, endpoint: str, attachment: int) -> None:
        """Tell what has begun, and hand over what a batch has brought."""
        seen = self._careful.seen
        if seen:
            tell(self._registry, StreamsSeen(endpoint, attachment, tuple(seen)))
            seen.clear()
        self._holds.tell_began()
        self._delivery.flush()

    # --- sources

    def _hear(self, message: Attach | SourceState | SourceOpened | SourceSaid | SourceEnded) -> None:
        """Tell on what a source says; of one that was ended already, nothing."""
        match message:
            case Attach(attachment, endpoint, source, credits_, size):
                self._flow.attach(attachment, endpoint, source, size)
                self._credits[attachment] = credits_
            case SourceState():
                tell(self._registry, message)
            case SourceOpened(_, _, attachment, at_ns):
                if self._flow.opened(attachment, at_ns):
                    tell(self._registry, message)
            case SourceSaid(_, attachment, _, whole_ns):
                if self._flow.reached(attachment, whole_ns):
                    tell(self._registry, message)
            case SourceEnded():
                self._end(message.attachment, message)

    def _obey(self, command: Admit | Join | Turn | End | Merge | Mark) -> None:
        match command:
            case Turn(endpoint, epoch):
                self._flow.turn(endpoint, epoch)
            case Admit():
                self._admit(command)
            case Join(attachment):
                self._join(attachment)
            case End(attachment, reason):
                self._end(attachment, reason)
            case Merge(endpoint, is_on):
                self._careful.merge(endpoint, is_on=is_on)
            case Mark(endpoint, number):
                tell(self._registry, Marked(endpoint, number, self._flow.flowing_since(endpoint)))

    def _admit(self, command: Admit) -> None:
        attachment, epoch, is_held = command
        endpoint = self._flow.endpoint_of(attachment)
        if endpoint is not None and is_held:
            self._careful.begin(endpoint, attachment)
        self._grant(attachment, self._flow.admit(attachment, epoch, is_held=is_held))

    def _join(self, attachment: int) -> None:
        endpoint, epoch = self._flow.endpoint_of(attachment), self._flow.join(attachment)
        if endpoint is None or epoch is None:
            return
        for batch in self._careful.join(endpoint, attachment):
            self._careful.merged(batch, _incoming(batch, epoch, is_merged=True))
            self._received += len(batch.streams)
        self._finish(endpoint, attachment)

    def _end(self, attachment: int, why: SourceEnded | str) -> None:
        """Take nothing more from an attachment, and tell up to when it brought all, if it was ever open."""
        over = self._flow.end(attachment)
        self._credits.pop(attachment, None)
        if over is None:
            return
        self._careful.end(over.endpoint, attachment)
        if isinstance(why, str):
            now_ns = time.time_ns()
            why = SourceEnded(over.endpoint, over.source, attachment, over.whole_ns or now_ns, now_ns, why)
        if over.whole_ns is not None:
            tell(self._registry, why)

    def _grant(self, attachment: int, count: int) -> None:
        for _ in range(count):
            self._credits[attachment].put(True)

    def _later(self, seconds: float, mouth: Mouth) -> None:
        self.after(seconds, GoOn(mouth))

    # --- routes

    def _add(self, message: AddRoutes) -> None:
        taker = self._routes.taker(message)
        taker.call_when_drained(self.actor_ref)
        self._routes.add(message, taker, time.time_ns())

    def _drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        taker = self._routes.mailboxes.get(subscription_id)
        self._routes.drop(subscription_id, streams)
        if taker is not None and streams is None:
            self._release(taker)

    def _look_again(self, subscription_id: int) -> None:
        taker = self._routes.mailboxes.get(subscription_id)
        # It may be full again by now: the word that it was drained lay in the inbox behind data.
        if taker is not None and not taker.is_full:
            self._release(taker)

    def _release(self, taker: Taker) -> None:
        granted = self._flow.release(taker.endpoint, taker.subscription_id, time.monotonic())
        for attachment, count in granted.items():
            self._grant(attachment, count)

    def _convey(self, message: Convey) -> None:
        """Tell a client something, behind its data. An answer says that all from before has come: held trades, too."""
        if message.is_answer and self._routes.is_held(message.way):
            self._late_news.append(message)
        else:
            self._delivery.send()
            message.way.mouth.convey(message.way, message.news)

    def _convey_late(self) -> None:
        self._delivery.flush()
        late, self._late_news = self._late_news, []
        for message in late:
            self._convey(message)

    def _retire(self, streams: tuple[Stream, ...]) -> None:
        self._routes.retire(streams)
        for stream in streams:
            self._careful.forget(endpoint_of(split(stream)[0]), stream)

    # --- telling

    def _count_malformed(self, message: Malformed) -> None:
        if message.key in self._malformed_keys:
            return  # another component met the same message
        self._malformed_keys.append(message.key)
        self._malformed += 1
        words = self._log_pace.note(split(message.stream)[0], time.monotonic())
        if words is not None:
            others = f", and {words.unsaid:,} of other types" if words.unsaid else ""
            logger.warning("a malformed message of %s was skipped: %s%s", message.stream, message.problem, others)

    def _health(self) -> RouterHealth:
        return RouterHealth(
            received=self._received,
            delivered=self._delivery.delivered,
            unrouted=self._careful.unrouted,
            repeated=self._careful.repeated + self._holds.repeated + self._routes.repeated,
            late=self._late,
            malformed=self._malformed,
            streams=len(self._routes.by_stream),
            mailboxes=len(self._routes.mailboxes),
        )


def _incoming(batch: Batch, epoch: int, *, is_merged: bool = False) -> Incoming:
    return Incoming(batch.endpoint, epoch, batch.ts_received_ns, batch.replayed, batch.backfilled, is_merged)
