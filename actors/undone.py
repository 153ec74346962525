"""Mailboxes that know what is not done: what waits, and what user code was handed and may still be at.

A process with a resume name has no others. What it is not done with, it gets again when it is started anew
(`fleet_resume`). By itself, an event is done when user code comes back for the next one: its callback has returned, or
the next was asked for. With `acknowledge`, it is when `done` is called.
"""

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from websocket_v6.actors.forks import in_child
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Event, MarketsEvent, Number, OverflowEvent

from .mailbox import MailboxQueue

__all__ = ["HeldMailbox", "Undone"]

Taken = Event | OverflowEvent | MarketsEvent


class HeldMailbox(MailboxQueue):
    """A mailbox of events of one `endpoint`. `undone` is told of it when it is closed.

    Who is pushed to takes one event at a time: with more in hand, nobody could say where it was when the process ended.
    """

    __slots__ = ("_acknowledge", "_in_hand", "_is_forgotten", "_is_pushed", "_left", "_undone", "endpoint", "type")

    def __init__(
        self,
        policy: Mailbox,
        clock: Callable[[], float] = time.monotonic,
        *,
        numbers: Number = Decimal,
        endpoint: str,
        type_: str,
        undone: "Undone",
        is_pushed: bool,
        acknowledge: bool = False,
    ) -> None:
        super().__init__(policy, clock, numbers=numbers)
        self.endpoint = endpoint
        self.type = type_
        self._undone = undone
        self._is_pushed = is_pushed
        self._acknowledge = acknowledge
        self._in_hand: deque[Event] = deque()
        self._left: list[Event] | None = None  # what nobody was handed, once it is closed
        self._is_forgotten = False
        undone.watch(self)

    # --- the router's side

    def put_many(self, events: Sequence[Event], weight: int | None = None) -> bool:
        """Take in what a batch holds for this subscription; once it is closed that is not done."""
        with self._lock:
            if self._left is not None and not self._is_forgotten:
                self._left.extend(events)
            return super().put_many(events, weight)

    # --- the consumer's side

    def take(self, now: float) -> Taken | None:
        """Return the next event to hand out, as any mailbox does."""
        with self._lock:
            if self._is_pushed:
                self._came_back()
            event = super().take(now)
            if isinstance(event, Event):
                self._in_hand.append(event)
            return event

    def take_many(self, now: float, limit: int) -> Sequence[Taken]:
        """Return what `take` would return one after the other; of who is pushed to, one at most."""
        found: list[Taken] = []
        while len(found) < (1 if self._is_pushed else limit) and (event := self.take(now)) is not None:
            found.append(event)
        return found

    def poll(self, now: float) -> Taken | None:
        """Return what `get` would at once. Whoever asks is done with what it had."""
        with self._lock:
            self._came_back()
        return super().poll(now)

    def not_delivered(self, count: int) -> None:
        """Note that the last `count` events taken did not reach user code."""
        with self._lock:
            super().not_delivered(count)
            back = [self._in_hand.pop() for _ in range(min(count, len(self._in_hand)))]
            self._left = [*reversed(back), *(self._left or ())]

    def done(self) -> None:
        """Note that user code is done with all that it was handed."""
        with self._lock:
            self._in_hand.clear()

    @property
    def acknowledges(self) -> bool:
        """Whether nothing is done before `done` says so."""
        return self._acknowledge

    def _came_back(self) -> None:
        if not self._acknowledge:
            self._in_hand.clear()

    # --- either side

    def close(self, error: WebSocketV6Error | None = None, *, drain: bool = False) -> None:
        """End it; what it does not hand out any more is not done."""
        with self._lock:
            if self._left is None and not drain:
                self._left = list(self._waiting())
                self._undone.keep(self)
            super().close(error, drain=drain)

    def _after_fork(self) -> None:
        self._left = []  # the parent's
        self.forget()
        super()._after_fork()

    def forget(self) -> None:
        """Nothing of it is owed to anybody."""
        self._is_forgotten = True
        self._in_hand.clear()
        if self._left is not None:
            self._left.clear()

    def oldest(self) -> int | None:
        """Return when the oldest message came that is not done; None if there is none."""
        with self._lock:
            held = (*self._in_hand, *(self._left or ()), *self._first())
        return min((event.received_at for event in held if not event.is_replayed), default=None)

    def rest(self) -> list[tuple[str, int]]:
        """Return what is not done at the end: of each message its stream, and when it came."""
        with self._lock:
            # What was handed out is done, unless somebody was to say so: the process waits for callbacks that run.
            in_hand = self._in_hand if self._acknowledge else ()
            held = (*in_hand, *(self._left or ()), *self._waiting())
        return [(event.stream, event.received_at) for event in held if not event.is_replayed]

    def _waiting(self) -> Iterable[Event]:
        store = self._store
        return list(store.values()) if isinstance(store, dict) else list(store)  # type: ignore[call-overload]

    def _first(self) -> Iterable[Event]:
        """Return those that wait, as far as one of them may be the oldest: in a queue, up to the first that came."""
        store = self._store
        if isinstance(store, dict):
            return list(store.values())
        for event in store:  # type: ignore[attr-defined]
            if not event.is_replayed:
                return (event,)
        return ()


class Undone:
    """What the components of a process are not done with, whichever they are. Safe to use from any thread."""

    lasts: Final = 10.0  # seconds for which it counts what a component left behind, unless its process ends with it

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mailboxes: weakref.WeakSet[HeldMailbox] = weakref.WeakSet()
        self._left: dict[HeldMailbox, float] = {}  # that were closed, and until when they count
        in_child(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def watch(self, mailbox: HeldMailbox) -> None:
        """Know of one more mailbox."""
        with self._lock:
            self._mailboxes.add(mailbox)

    def keep(self, mailbox: HeldMailbox) -> None:
        """Remember for a while what was left in one: its process may be about to end."""
        with self._lock:
            self._left[mailbox] = time.monotonic() + self.lasts

    def forget(self, mailbox: MailboxQueue) -> None:
        """Do without one: its user wants nothing of it any more."""
        if isinstance(mailbox, HeldMailbox):
            with self._lock:
                self._mailboxes.discard(mailbox)
                self._left.pop(mailbox, None)
            mailbox.forget()

    def _of(self, endpoint: str) -> list[HeldMailbox]:
        now = time.monotonic()
        with self._lock:
            over = [one for one, until in self._left.items() if until < now]
            for mailbox in over:
                del self._left[mailbox]
                self._mailboxes.discard(mailbox)
                mailbox.forget()
            return [one for one in {*self._mailboxes, *self._left} if one.endpoint == endpoint]

    def oldest(self, endpoint: str) -> int | None:
        """Return when the oldest message of an endpoint came that is not done; None if all are."""
        found = [oldest for one in self._of(endpoint) if (oldest := one.oldest()) is not None]
        return min(found, default=None)

    def rest(self, endpoint: str) -> list[list[tuple[str, int]]]:
        """Return what is not done at the end, mailbox by mailbox."""
        return [rest for one in self._of(endpoint) if (rest := one.rest())]

    def shared(self, endpoint: str) -> frozenset[str]:
        """Return the data types of which more than one mailbox has something."""
        types = [one.type for one in self._of(endpoint)]
        return frozenset(type_ for type_ in types if types.count(type_) > 1)
