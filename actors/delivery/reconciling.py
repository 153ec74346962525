"""The router's part in reconciling own orders and balances: who takes part, what waits, what is delivered instead.

It is a client of the router, so its data comes in one order with whatever changes the data's meaning, and who does not
take part is served as ever. What is news is decided in `protocol/delivery/reconciliation.py`; asking the exchange is
for actors/gaps/reconciler.py. Not an actor: the router owns one and calls it in its thread.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from websocket_v6.actors.base import Timer, tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import Reconciled
from websocket_v6.actors.messages.router import AccountAnswer, AccountChanged, AddRoutes, ReconcileDue, UseReconciler
from websocket_v6.actors.messages.supervisor import Need
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.books import Accounts
from websocket_v6.protocol.delivery.commands import Fenced, Missed
from websocket_v6.protocol.delivery.reconciliation import Action, Reconciliation, covers
from websocket_v6.protocol.delivery.steps import Deliver, Inquire, OrderEnded, Outcome, Release, Welcome
from websocket_v6.protocol.events import Event, Unrecovered, make_event
from websocket_v6.protocol.exchange.streams import Stream, split, stream_of
from websocket_v6.protocol.server import words

from .deliveries import Delivery, Taker

__all__ = ["Reconciling"]


class Follower:
    """A subscription that takes part, in some markets already (`begun`)."""

    def __init__(self, taker: Taker, type_: str) -> None:
        self.taker = taker
        self.type = type_
        self.codes: frozenset[str] = frozenset()
        self.begun: frozenset[str] = frozenset()


class Reconciling(Mouth):
    """Keeps what is known of the account, and has what is news of it delivered. `at` sets a timer of the router's."""

    def __init__(
        self,
        delivery: Delivery,
        router: Ref,
        supervisor: Ref,
        at: Callable[[float, object], Timer],
        inherited: Accounts | None = None,
    ) -> None:
        self.registry: Ref | None = None
        self.accounts = Accounts(self._wrap, inherited)
        self._delivery = delivery
        self._router = router
        self._supervisor = supervisor
        self._at = at
        self._way = Way(0, self)
        self._followers: dict[int, Follower] = {}
        self._reconciler: Ref | None = None
        self._needs_reconciler = False
        self._epoch = 0
        self._timer: Timer | None = None

    # --- who takes part

    def add(self, message: AddRoutes) -> AddRoutes:
        """Have a subscription take part; return how its streams are to be routed: to here."""
        type_ = split(message.streams[0])[0]
        follower = self._followers.get(message.subscription_id)
        if follower is None:
            taker = Taker(message.subscription_id, message.endpoint, message.mailbox, message.component)
            taker.call_when_drained(self._router)
            follower = self._followers[message.subscription_id] = Follower(taker, type_)
        follower.codes |= _codes(message.streams)
        self._want(type_)
        return msgspec.structs.replace(message, mailbox=self._way, component=None)

    def drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        """Take a subscription out, or some of its streams."""
        follower = self._followers.get(subscription_id)
        if follower is None:
            return
        codes = follower.codes if streams is None else _codes(streams)
        follower.codes, follower.begun = follower.codes - codes, follower.begun - codes
        if streams is None:
            del self._followers[subscription_id]
        self._want(follower.type)

    def is_held(self, way: Way) -> bool:
        """Whether something waits here for the client at the end of `way`."""
        return any(one.taker.mailbox is way and self.accounts.of(one.type).holds for one in self._followers.values())

    def _want(self, type_: str) -> None:
        machine = self.accounts.of(type_)
        codes = (one.codes for one in self._followers.values() if one.type == type_)
        machine.want(frozenset().union(*codes), time.monotonic())
        if machine.is_ready:
            self._welcome(machine)
        self._schedule()

    def _welcome(self, machine: Reconciliation[Event]) -> None:
        """Let those begin that have waited, with what is known."""
        type_ = machine.book.type
        for one in list(self._followers.values()):
            new = one.codes - one.begun
            if one.type != type_ or not new:
                continue
            one.begun = one.codes
            way = one.taker.mailbox
            is_whole = isinstance(way, Way) and way.mouth.keeps_ledger
            for event in self.accounts.present(type_, new, time.time_ns() // 1_000_000, is_whole=is_whole):
                self._delivery.give(one.taker, event)
            if isinstance(way, Way) and is_whole and machine.is_covered:
                self._convey(way, Outcome(type_, None, time.time_ns(), 0))

    # --- what comes

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        """Take what the router brings."""
        now = time.monotonic()
        for _, events in rows:
            for event in events:
                machine = self.accounts.of(event.type)
                is_fetched = event.backfilled or event.is_replayed
                self._do(machine, machine.hear(event, now, is_fetched=is_fetched))
        self._delivery.flush()

    def convey(self, way: Way, news: object) -> None:
        """Nothing is told here beside data."""

    def heed(self, message: Missed | Fenced | AccountAnswer | AccountChanged | ReconcileDue | UseReconciler) -> None:
        """Take what changes the meaning of what has come, and of what will come."""
        self._delivery.send()  # what came before it
        now, now_ns = time.monotonic(), time.time_ns()
        match message:
            case Missed(epoch, started_ns, patience, is_guest):
                self._epoch = epoch
                for machine in self.accounts:
                    self._do(machine, machine.gap(started_ns, now, patience, is_guest=is_guest))
            case Fenced():
                for machine in self.accounts:
                    self._do(machine, machine.fenced(now, now_ns))
            case AccountAnswer(type_, answer):
                machine = self.accounts.of(type_)
                self._do(machine, machine.answered(answer, now, now_ns))
            case AccountChanged():
                for follower in self._followers.values():
                    follower.begun = frozenset()
                for machine in self.accounts:
                    machine.forget(now)
                self._schedule()
            case ReconcileDue():
                self._timer = None
                for machine in self.accounts:
                    self._do(machine, machine.due(now))
            case UseReconciler(reconciler):
                self._reconciler = reconciler
                for machine in self.accounts:
                    self._do(machine, machine.ask_again())

    def told(self, notice: object) -> bool:
        """Take what the host says came of its asking; return whether it is that."""
        if not isinstance(notice, words.Reconciled):
            return False
        self._delivery.send()
        if notice.data_type in (self.accounts.orders.type, self.accounts.assets.type):
            machine = self.accounts.of(notice.data_type)
            self._do(machine, machine.reconciled(_outcome(notice)))
        return True

    # --- what is done

    def _do(self, machine: Reconciliation[Event], actions: list[Action[Event]]) -> None:
        for action in actions:
            match action:
                case Deliver(items):
                    for item in items:
                        self._give(machine, item)
                case Release(items):
                    for item in items:
                        self._do(machine, machine.hear(item, time.monotonic()))
                case Welcome():
                    self._welcome(machine)
                case Inquire() | OrderEnded():
                    self._ask(action)
                case Outcome():
                    self._tell(action)
        self._schedule()

    def _give(self, machine: Reconciliation[Event], event: Event) -> None:
        for one in self._followers.values():
            if one.type == machine.book.type and covers(one.begun, event.symbol):
                self._delivery.give(one.taker, event)

    def _ask(self, message: Inquire | OrderEnded) -> None:
        if self._reconciler is not None:
            tell(self._reconciler, message)
        elif not self._needs_reconciler:
            self._needs_reconciler = True
            tell(self._supervisor, Need("reconciler"))

    def _tell(self, outcome: Outcome) -> None:
        self._delivery.flush()  # first what came of it, then that it is over
        tell(self.registry, Reconciled(self._epoch, outcome))
        ways = [one.taker.mailbox for one in self._followers.values() if one.type == outcome.type]
        for way in dict.fromkeys(way for way in ways if isinstance(way, Way)):
            self._convey(way, outcome)

    def _convey(self, way: Way, outcome: Outcome) -> None:
        """Tell a client, behind what it was given."""
        self._delivery.flush()
        self._delivery.send()
        way.mouth.convey(way, outcome)

    def _schedule(self) -> None:
        dues = [due for machine in self.accounts if (due := machine.next_due) is not None]
        due = min(dues, default=None)
        if self._timer is not None and (due is None or self._timer.due != due):
            self._timer.cancel()
            self._timer = None
        if due is not None and self._timer is None:
            self._timer = self._at(due, ReconcileDue())

    def _wrap(self, type_: str, code: str, payload: bytes, is_start: bool) -> Event:
        event = make_event(stream_of(type_, code), payload, self._epoch, time.time_ns()).as_backfilled()
        return event.as_snapshot() if is_start else event


def _codes(streams: Sequence[Stream]) -> frozenset[str]:
    return frozenset(split(stream)[1] for stream in streams)


def _outcome(word: words.Reconciled) -> Outcome:
    missing = tuple(
        Unrecovered(one.symbol, one.started_ns, one.ended_ns, one.reason, word.data_type) for one in word.unrecovered
    )
    error = words.error_named(word.error, word.text)
    return Outcome(word.data_type, word.started_ns, word.ended_ns, word.recovered, missing, error, word.is_final)
