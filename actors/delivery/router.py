"""The router: the one queue that data, and all that changes the data's meaning, goes through in order.

The busiest actor of all, so it does per batch whatever can be done per batch: one `put_many` and at most one wake for
each mailbox. It reads no payload but one now and then, for its delay; a message becomes an event here in name only and
is decoded where user code is about to see it (`protocol/events`). The loop over messages is in `plain.py`; what is out
of the ordinary about one is for `careful.py`.
"""

import time
from contextlib import suppress

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Credits, GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.registry import Marked, StreamsSeen
from websocket_v6.actors.messages.router import (
    AccountAnswer,
    AccountChanged,
    AddRoutes,
    Attach,
    AwaitReach,
    Beat,
    Beaten,
    CandlesFetched,
    ClosingsDue,
    Convey,
    CountStreams,
    DropRoutes,
    Filled,
    GetHeld,
    GetLastValues,
    GoOn,
    HoldOver,
    MailboxDrained,
    Malformed,
    Notify,
    ReconcileDue,
    RouterHealth,
    RouterInheritance,
    SourceEnded,
    SourceOpened,
    SourceReached,
    SourceSaid,
    SourceState,
    UseBackfill,
    UseReconciler,
    UseRegistry,
)
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.actors.visited import VisitedActor
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import (
    Admit,
    End,
    Expect,
    Fenced,
    Forget,
    HoldTrades,
    Join,
    Mark,
    Merge,
    Missed,
    Retire,
    Skip,
    Turn,
)
from websocket_v6.protocol.delivery.delays import Delays
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.delivery.stream_counts import StreamCounts
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.limits import LAST_VALUES_BYTES

from .account import Account
from .careful import CarefulPath, Incoming
from .closed_candles import ENDPOINT, ClosedCandles
from .deliveries import Delivery, Taker
from .held import held
from .last_values import LastValues
from .late_news import LateNews
from .malformed import MalformedCount
from .plain import PlainPath
from .routes import Routes

__all__ = ["Router", "RouterHealth"]

# Seconds for which a trade that was fetched may still come live too, late: they come a few places out of order.
SETTLE = 10.0


class Router(VisitedActor):
    """Delivers batches into mailboxes, and tells the registry all that sources say, in the order in which they say it.

    Receives Attach, SourceState, SourceOpened, Batch, SourceSaid and SourceEnded from sources, routes and the commands
    of `protocol/delivery/commands.py` from the registry, Malformed and MailboxDrained from components, Filled from
    backfill. Sends what sources say, StreamsSeen, SnapshotServed and Marked to the registry, Ready to components,
    credits back to sources, and what `holds.py` has to backfill.
    """

    def __init__(
        self, *, supervisor: Ref, inheritance: RouterInheritance | None = None, fill_patience: float | None = None
    ) -> None:
        super().__init__()
        left = inheritance or RouterInheritance({}, {})
        self._supervisor = supervisor
        self._registry: Ref | None = None
        self._credits: dict[int, Credits] = {}  # by attachment
        self._flow = SourceFlow()
        self._delivery = Delivery(self._flow, self.actor_inbox.empty, lambda *when: self.after(when[0], GoOn(when[1])))
        self._closings = ClosedCandles(self._delivery, self.after, fill_patience=fill_patience, closers=left.closers)
        self._routes = Routes(self._delivery, left.trades, self._closings)
        if left.closers:
            self._closings.begin()
        self._careful = CarefulPath(self._routes, self._closings, self._delivery)
        self._plain = PlainPath(self._routes, self._delivery)
        self._received = self._late = 0
        self._malformed = MalformedCount()
        self._account = Account(self._delivery, self.actor_ref, supervisor, self.at, left.accounts)
        self._size = 0  # bytes of messages since last values were weighed
        self._late_news = LateNews(self._delivery, self._routes.is_held, self._account.is_held)
        self._delays, self._counts = Delays(), StreamCounts()

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
            case SourceState() | SourceOpened() | SourceReached() | SourceSaid() | SourceEnded() | Attach():
                self._hear(message)
            case Admit() | Join() | Turn() | End() | Merge() | Mark() | Skip():
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
                self._malformed.note(message)
            case HoldTrades():
                self._careful.with_holds().begin(message)
                self.after(message.patience + SETTLE, HoldOver(message.epoch))
            case Filled():
                self._careful.with_holds().filled(message)
                self._late_news.convey()
            case CandlesFetched():
                self._closings.fetched(message)
            case ClosingsDue():
                self._closings.time_came()
            case AwaitReach(_, way):
                self._closings.ask(way)
            case HoldOver(epoch):
                self._careful.with_holds().over(epoch)
                self._late_news.convey()
            case Convey():
                self._late_news.tell(message)
            case Notify():
                self._delivery.notify(message)
            case CountStreams():
                return self._counts.ask(time.time_ns())
            case GetLastValues():
                return LastValues(self._routes.by_stream, self.actor_stopped.is_set)
            case GetHeld(endpoint):
                self._delivery.flush()
                return held(endpoint, self._routes, self._account)
            case Beat(reply_to):
                tell(reply_to, Beaten())
            case GoOn(mouth):
                mouth.go_on()
            case UseBackfill(backfill):
                self._careful.with_holds().use(backfill)
                self._closings.use(backfill)
            case Missed() | Fenced() | AccountAnswer() | AccountChanged() | ReconcileDue() | UseReconciler():
                self._account.heed(message)
                self._late_news.convey()
            case UseRegistry(registry):
                self._registry = self._delivery.registry = registry
                self._account.use(registry)
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
        trades, accounts = self._routes.trades(), self._account.accounts
        return RouterInheritance(trades, self._flow.whole_ns(), self._closings.closers, accounts)

    # --- the way of a batch

    def _take(self, batch: Batch) -> None:
        """Deliver a batch, or hold it, and give its credit back; drop it if its attachment has ended."""
        attachment = batch.attachment
        epoch = self._flow.take(attachment)
        if epoch is None:
            self._late += len(batch.streams)
            self._delivery.flush()  # what came before it may have been put off
            return
        self._counts.note(batch.streams, batch.ts_received_ns)
        if not batch.replayed and not batch.backfilled:
            self._delays.note(batch.endpoint, batch.ts_received_ns, batch.payloads)
        size = sum(map(len, batch.payloads))
        self._delivery.begin(size, len(batch.payloads))
        self._size += size
        if not self._careful.merges(batch.endpoint):
            self._deliver(batch, epoch)
        elif not self._careful.hold(batch):
            self._careful.merged(batch, Incoming.of(batch, epoch, is_merged=True))
            self._received += len(batch.streams)
        self._finish(batch.endpoint, attachment)
        if self._size > LAST_VALUES_BYTES // 2:
            self._size = 0
            self._routes.shed()
        if self._flow.give_back(attachment, batch.whole_ns):
            self._credits[attachment].put(True)
        if batch.endpoint == ENDPOINT and self._closings.listens():
            self._closings.heard(self._flow.read_ns(ENDPOINT), batch)
            if self._delivery.touched:
                self._delivery.flush()

    def _deliver(self, batch: Batch, epoch: int) -> None:
        """Deliver what an endpoint's only source brings: what is plain in one go, the rest one by one."""
        index, size = 0, len(batch.streams)
        is_careful, incoming = batch.replayed or batch.backfilled or batch.repeated, None
        while index < size:
            if not is_careful:
                index = self._plain.deliver(batch, index, epoch)
                if index == size:
                    break
            incoming = incoming or Incoming.of(batch, epoch)
            self._careful.message(batch.streams[index], batch.payloads[index], incoming)
            index += 1
        self._received += size

    def _finish(self, endpoint: str, attachment: int) -> None:
        """Tell what has begun, and hand over what a batch has brought."""
        seen = self._careful.seen
        if seen:
            tell(self._registry, StreamsSeen(endpoint, attachment, tuple(seen)))
            seen.clear()
        self._careful.tell_began()
        self._delivery.flush(at_once=endpoint == "private")  # rare, and who reconciles orders is a client too

    # --- sources

    def _hear(self, message: Attach | SourceState | SourceOpened | SourceReached | SourceSaid | SourceEnded) -> None:
        """Tell on what a source says; of one that was ended already, nothing."""
        match message:
            case Attach(attachment, endpoint, source, credits_, size, whole):
                self._flow.attach(attachment, endpoint, source, size, whole)
                self._credits[attachment] = credits_
            case SourceState():
                tell(self._registry, message)
            case SourceOpened(endpoint, _, attachment, at_ns, _, date_ms):
                if self._flow.opened(attachment, at_ns):
                    if endpoint == ENDPOINT:
                        self._closings.opened(at_ns, date_ms)
                    tell(self._registry, message)
            case SourceReached(endpoint, attachment, whole_ns, exchange_ms):
                if self._flow.reached(attachment, whole_ns) and endpoint == ENDPOINT:
                    self._closings.told_time(whole_ns, exchange_ms)
                    self._closings.heard(self._flow.read_ns(ENDPOINT))
            case SourceSaid(_, attachment, notice, whole_ns):
                if self._flow.reached(attachment, whole_ns) and not self._account.told(notice):
                    tell(self._registry, message)
            case SourceEnded():
                self._end(message.attachment, message)

    def _obey(self, command: Admit | Join | Turn | End | Merge | Mark | Skip) -> None:
        match command:
            case Turn(endpoint, epoch):
                self._flow.turn(endpoint, epoch)
                if endpoint == ENDPOINT:
                    self._closings.turn(epoch)
            case Admit():
                self._admit(command)
            case Join(attachment):
                self._join(attachment)
            case End(attachment, reason):
                self._end(attachment, reason)
            case Merge(endpoint, is_on):
                self._careful.merge(endpoint, is_on=is_on)
            case Skip(attachment, streams, is_on):
                if self._flow.endpoint_of(attachment) is not None:
                    self._careful.skip(attachment, streams, is_on=is_on)
            case Mark(endpoint, number):
                tell(self._registry, Marked(endpoint, number, self._flow.flowing_since(endpoint)))

    def _admit(self, command: Admit) -> None:
        attachment, endpoint = command.attachment, self._flow.endpoint_of(command.attachment)
        if endpoint is not None and command.is_held:
            self._careful.begin(endpoint, attachment)
        self._grant(attachment, self._flow.admit(attachment, command.epoch, is_held=command.is_held))

    def _join(self, attachment: int) -> None:
        endpoint, epoch = self._flow.endpoint_of(attachment), self._flow.join(attachment)
        if endpoint is None or epoch is None:
            return
        for batch in self._careful.join(endpoint, attachment):
            self._careful.merged(batch, Incoming.of(batch, epoch, is_merged=True))
            self._received += len(batch.streams)
        self._finish(endpoint, attachment)

    def _end(self, attachment: int, why: SourceEnded | str) -> None:
        """Take nothing more from an attachment, and tell up to when it brought all, if it was ever open."""
        over = self._flow.end(attachment)
        if over is None:
            return
        for part in over.parts:
            self._credits.pop(part, None)
            self._careful.end(over.endpoint, part)
        if over.endpoint == ENDPOINT and over.whole_ns is not None:
            self._closings.ended(over.whole_ns)
        if isinstance(why, str):
            now_ns = time.time_ns()
            why = SourceEnded(over.endpoint, over.source, over.whole, over.whole_ns or now_ns, now_ns, why)
        elif over.others_ns is not None:
            whole_ns = min(why.whole_ns, over.others_ns)
            why = SourceEnded(over.endpoint, over.source, over.whole, whole_ns, why.at_ns, why.reason, why.error)
        if over.whole_ns is not None:
            tell(self._registry, why)

    def _grant(self, attachment: int, count: int) -> None:
        for _ in range(count):
            self._credits[attachment].put(True)

    # --- routes

    def _add(self, message: AddRoutes) -> None:
        if message.reconcile:
            message = self._account.add(message)
        taker = self._routes.taker(message)
        taker.call_when_drained(self.actor_ref)
        self._routes.add(message, taker, time.time_ns())

    def _drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        taker = self._routes.mailboxes.get(subscription_id)
        self._account.drop(subscription_id, streams)
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

    def _retire(self, streams: tuple[Stream, ...]) -> None:
        self._routes.retire(streams)
        for stream in streams:
            self._careful.forget(endpoint_of(split(stream)[0]), stream)

    # --- telling

    def _health(self) -> RouterHealth:
        return RouterHealth(
            received=self._received,
            delivered=self._delivery.delivered,
            unrouted=self._careful.unrouted,
            repeated=self._careful.repeated + self._routes.repeated,
            late=self._late,
            malformed=self._malformed.total,
            streams=len(self._routes.by_stream),
            mailboxes=len(self._routes.mailboxes),
            delays=self._delays.health(),
        )
