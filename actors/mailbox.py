"""Mailboxes: where the router's thread and a component's meet. The one place of the project with a lock.

One producer puts batches in, one consumer takes events out one at a time, so that a policy such as `latest` holds up
to the very moment of delivery. What is kept of the events is the store's business (`protocol/delivery/stores.py`);
here they are counted, the consumer is woken, and drops are told to it, in its own stream if it wants that. At any
moment, whatever the threads do, received == delivered + dropped + queued.

Where there is no memory for what comes, it is dropped with what waits, and told as any other drop: the memory is free
again, and no other mailbox hears of it. A lossless one ends with what it has.

In a forked child a mailbox is closed: what would fill it is the parent's.
"""

import copy
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from websocket_v6.actors.forks import in_child
from websocket_v6.actors.glance import longest_wait
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.stores import NEVER, NOW, Fifo, Lossless, make_store
from websocket_v6.protocol.errors import ClosedError, MailboxFullError, WebSocketV6Error
from websocket_v6.protocol.events import Event, MarketsEvent, Number, OverflowEvent, weigh

__all__ = ["OF_THE_PARENT", "MailboxQueue", "MailboxStats"]

OF_THE_PARENT = (
    "this subscription is the parent process's: make a new WebSocketClientProxy in the forked child and subscribe there"
)

MOST_FAILURES = 16  # that wait for who pulls; beyond, the oldest are forgotten
NOTICE_INTERVAL = 1.0  # seconds between two notices of a policy that drops by design


class MailboxStats(NamedTuple):
    """Exact counts of events; OverflowEvents are not among them."""

    received: int
    delivered: int
    dropped: int
    queued: int


class MailboxQueue:
    """One subscription's events on their way from the router to user code.

    The consumer either calls `take` when it is told to, with the time of its own `clock` (monotonic seconds), or waits
    in `get`. `on_drained` is called, from the consumer's thread, when there is room again after `full` was True.
    `numbers` is what the consumer reads numbers as: the router makes events so, where all who take them agree.
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_clock",
        "_delivered",
        "_error",
        "_failures",
        "_full_at",
        "_has_news",
        "_inserts",
        "_is_out_of_memory",
        "_lock",
        "_notice_due",
        "_received",
        "_sleeps_until",
        "_store",
        "_tells",
        "_told",
        "_was_full",
        "has_overflowed",
        "is_closed",
        "late",
        "numbers",
        "on_changed",
        "on_drained",
        "passed",
        "policy",
    )

    def __init__(
        self, policy: Mailbox, clock: Callable[[], float] = time.monotonic, *, numbers: Number = Decimal
    ) -> None:
        self.policy = policy
        self.numbers = numbers
        self.on_drained: Callable[[], object] | None = None
        self.on_changed: Callable[[], object] | None = None  # called when it fails or is closed, in whatever thread
        self.late = 0  # candles that changed after they were delivered: the router's to count
        self.passed = 0  # of a replay: events that went by it, from the router to the callback
        self._clock = clock
        self._changed: threading.Condition | None = None  # until somebody waits: mostly a callback is called instead
        self._use_new_lock()
        self._store = make_store(policy)
        self._received = self._delivered = 0
        self._told = 0  # of the dropped
        self._has_news = False  # there is something to tell in the stream, or the end of a lossless one
        self.has_overflowed = False  # there is something to tell, not in the stream: see `overflow`
        self._failures: list[WebSocketV6Error] = []
        self._notice_due = NOW
        self._inserts: list[tuple[int, MarketsEvent]] = []  # each behind so many that were received; seldom any
        self._sleeps_until = NEVER  # when the consumer looks again by itself; NOW: it is awake, or about to be
        self._full_at = policy.limit if policy.kind == "block" else NEVER  # the others drop something, or end
        self._tells = policy.notify or policy.kind == "lossless"  # which ends, whoever is to hear of it
        self._was_full = False
        self._is_out_of_memory = False  # that is why a lossless one ends
        self._error: WebSocketV6Error | None = None  # set: nothing comes in any more
        self.is_closed = False  # and nothing comes out
        in_child(self)

    # --- the router's side

    def put_many(self, events: Sequence[Event], weight: int | None = None) -> bool:
        """Take in what a batch holds for this subscription; return whether the consumer must be woken for it.

        `weight` is what they weigh or more, as far as that is known without weighing them.
        """
        if weight is None:
            weight = weigh(events)
        with self._lock:
            if self._error is not None:
                return False
            self._received += len(events)
            try:
                self._store.put_many(events, weight)
            except MemoryError:
                self._shed()
            has_dropped = self._told != self._received - self._delivered - len(self._store)
            self._has_news = has_dropped and self._tells
            self.has_overflowed = has_dropped and not self._tells
            if self._sleeps_until == NOW or self._due() >= self._sleeps_until:
                return False
            self._sleeps_until = NOW
            self._wake()
            return True

    def notify(self, event: MarketsEvent) -> bool:
        """Put this behind all that was received, whatever the policy drops; return whether to wake the consumer."""
        with self._lock:
            if self._error is not None:
                return False
            self._inserts.append((self._received, event))
            if self._sleeps_until == NOW or self._due() >= self._sleeps_until:
                return False
            self._sleeps_until = NOW
            self._wake()
            return True

    @property
    def full(self) -> bool:
        """Whether the source must wait: the policy is `block`, and as much as it allows is queued, or more."""
        with self._lock:
            self._was_full = self._is_full()
            return self._was_full

    # --- the consumer's side

    def take(self, now: float) -> Event | OverflowEvent | MarketsEvent | None:
        """Return the next event to hand out. `None`: none is due, and `put_many` says when one is before `next_due`."""
        with self._lock:
            if self._is_insert_due():
                return self._inserts.pop(0)[1]
            if self._has_news and self._may_tell(now):
                notice = self._notice(now)
                if self.policy.notify:
                    return notice
            event = self._store.take(now)
            if event is None:
                self._sleeps_until = self._due()
                return None
            self._delivered += 1
            if not self._was_full or self._is_full():
                return event
            self._was_full = False
        if self.on_drained is not None:
            self.on_drained()
        return event

    def take_many(self, now: float, limit: int) -> Sequence[Event | OverflowEvent | MarketsEvent]:
        """Return up to `limit` of what `take` would return one after the other; nothing means what None means there."""
        with self._lock:
            if self._has_news or self._inserts:
                one = self.take(now)
                return [] if one is None else [one]
            events = self._store.take_many(now, limit)
            self._delivered += len(events)
            if not events:
                self._sleeps_until = self._due()
            if not self._was_full or self._is_full():
                return events
            self._was_full = False
        if self.on_drained is not None:
            self.on_drained()
        return events

    def not_delivered(self, count: int) -> None:
        """Note that the last `count` events taken did not reach user code: it was closed meanwhile.

        An OverflowEvent or a MarketsEvent is not among them: it was not counted when it was taken.
        """
        with self._lock:
            self._delivered -= count
            self._told = self._dropped()

    def get(self, timeout: float | None = None) -> Event | OverflowEvent | MarketsEvent:
        """Wait for the next event to hand out and return it.

        Raises:
            TimeoutError: if there is none within `timeout` seconds.
            WebSocketV6Error: what `fail` was given, once.
            MailboxFullError: once nothing is left, if more came than a `lossless` mailbox may hold.
            WebSocketV6Error: once nothing is left, what `close` was given; ClosedError if it was given nothing.
        """
        now = self._clock()
        deadline = NEVER if timeout is None else now + timeout
        while True:
            event = self.poll(now)
            if event is not None:
                return event
            with self._lock:
                if now >= deadline:
                    raise TimeoutError(f"no event within {timeout:g} s")
                if not self._failures:
                    # Not at all if something came since `take`: then this is NOW.
                    self._wait(min(self._sleeps_until, deadline, now + longest_wait()) - now)
            now = self._clock()

    def poll(self, now: float) -> Event | OverflowEvent | MarketsEvent | None:
        """Return what `get` would at once, or raise what it would; `None` if it would wait."""
        if self._failures:
            with self._lock:  # somebody else may pull as well
                failure = self._failures.pop(0) if self._failures else None
            if failure is not None:
                raise failure
        event = self.take(now)
        if event is not None:
            return event
        with self._lock:
            error = self._ending()
        if error is not None:
            # A copy, since an error that is raised again and again keeps every traceback.
            raise copy.copy(error)
        return None

    def overflow(self, now: float) -> OverflowEvent | None:
        """Return what was dropped since the last call, where the stream itself does not tell; `None` if it is early."""
        with self._lock:
            if not self.has_overflowed or not self._may_tell(now):
                return None
            self.has_overflowed = False
            return self._notice(now)

    def next_due(self) -> float | None:
        """Return when `take` will have something, in monotonic seconds; `None` if it depends on what comes in."""
        with self._lock:
            due = self._due()
        return None if due == NEVER else due

    @property
    def error(self) -> WebSocketV6Error | None:
        """What ended the mailbox, once everything is taken out of it; `None` until then."""
        with self._lock:
            return self._ending()

    # --- either side

    def fail(self, error: WebSocketV6Error) -> None:
        """Have `error` raised by the next `get`, once; what comes after it is as before."""
        with self._lock:
            if all(str(error) != str(one) for one in self._failures):
                self._failures.append(error)
                del self._failures[:-MOST_FAILURES]
            self._wake()
        if self.on_changed is not None:
            self.on_changed()

    def close(self, error: WebSocketV6Error | None = None, *, drain: bool = False) -> None:
        """End it: nothing more comes in and, unless `drain`, nothing more comes out. The first call counts.

        What it does not hand out any more counts as dropped. With `drain`, all that waits is due at once.
        """
        with self._lock:
            if self._error is not None:
                return
            self._error = error or ClosedError("the subscription is closed")
            left, self._store = self._store, Fifo()
            if drain:
                while (event := left.take(NEVER)) is not None:
                    self._store.put_many([event], 0)
                self._notice_due = NOW
            else:
                self.is_closed = True
                self._inserts.clear()
                self._told, self._has_news, self.has_overflowed = self._dropped(), False, False
            self._sleeps_until = NOW
            self._wake()
            was_full, self._was_full = self._was_full, False
        if was_full and self.on_drained is not None:
            self.on_drained()
        if self.on_changed is not None:
            self.on_changed()

    @property
    def stats(self) -> MailboxStats:
        """The counts as they stand."""
        with self._lock:
            received, delivered = self._received + self.passed, self._delivered + self.passed
            return MailboxStats(received, delivered, self._dropped(), len(self._store))

    def _use_new_lock(self) -> None:
        # Reentrant: garbage may be collected while it is held, and with it a component that closes its mailbox.
        self._lock = threading.RLock()
        self._changed = None

    def _after_fork(self) -> None:
        self._use_new_lock()
        self.on_drained = self.on_changed = None
        self._error = None  # if it was closed before, what is left in it is the parent's all the same
        self.close(ClosedError(OF_THE_PARENT))

    # --- under the lock

    def _wait(self, seconds: float) -> None:
        """Wait until somebody wakes this one, with the lock held before and after."""
        if self._changed is None:
            self._changed = threading.Condition(self._lock)
        self._changed.wait(seconds)

    def _wake(self) -> None:
        """Wake who waits in `get`."""
        if self._changed is not None:
            self._changed.notify_all()

    def _shed(self) -> None:
        """Make room: there is no memory for what came."""
        if isinstance(self._store, Lossless):
            self._store.is_over = self._is_out_of_memory = True
            return
        self._store = make_store(self.policy)
        if self._was_full:
            self._was_full = False
            if self.on_drained is not None:
                self.on_drained()

    def _is_full(self) -> bool:
        if self._full_at == NEVER:
            return False
        return len(self._store) >= self._full_at or (isinstance(self._store, Fifo) and self._store.is_heavy)

    def _is_insert_due(self) -> bool:
        """Whether what was put behind some events is the next: these are gone, one way or the other.

        With a throttle, what came later may be due sooner: there it comes at once.
        """
        if not self._inserts:
            return False
        gone = self._received - len(self._store)
        return self._inserts[0][0] <= gone or self.policy.kind == "throttle"

    def _due(self) -> float:
        if self._is_insert_due():
            return NOW
        due = self._store.next_due()
        return min(due, self._notice_due) if self._has_news else due

    def _dropped(self) -> int:
        return self._received - self._delivered - len(self._store)

    def _may_tell(self, now: float) -> bool:
        # What a lossless mailbox lost came after what it kept; with the others it was before.
        return now >= self._notice_due and not (self.policy.kind == "lossless" and len(self._store))

    def _notice(self, now: float) -> OverflowEvent:
        total = self._dropped()
        new, self._told, self._has_news = total - self._told, total, False
        if self.policy.kind in ("latest", "throttle"):
            self._notice_due = now + NOTICE_INTERVAL
        elif self.policy.kind == "lossless":
            # Also if it was closed since: it had come to its end before.
            what, then = f"more than {self.policy.limit} bytes waited in", "subscribe with a larger Mailbox.lossless"
            if self._is_out_of_memory:
                what, then = "there was no memory left for", "give the process more memory"
            self._error = MailboxFullError(
                f"{what} a lossless mailbox: {self._delivered + self.passed} events were delivered, {total} were lost "
                f"after them, and none will follow; take them faster, or {then}"
            )
        return OverflowEvent(
            symbol=None, dropped=new, dropped_total=total, policy=self.policy.kind, received_at=time.time_ns()
        )

    def _ending(self) -> WebSocketV6Error | None:
        return None if len(self._store) or self._has_news or self._inserts else self._error
