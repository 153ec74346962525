"""What a mailbox keeps, policy by policy; counting, waking and telling of drops are for `actors/mailbox.py`.

A store does not say what it drops: what was put in, was not taken and is no longer there was dropped. Each has a budget
of bytes beside its count: the exchange chooses how large a message is, and a count alone would hold gigabytes. To weigh
each event would cost more than all else that a mailbox does, so what is known is an upper bound; only when that is
beyond the budget is it weighed what really is there.
"""

import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

from websocket_v6.protocol.events import EVENT_BYTES, Event, weigh
from websocket_v6.protocol.limits import THROTTLED_STREAMS

from .policy import Mailbox

__all__ = ["NEVER", "NOW", "Fifo", "Lossless", "Store", "make_store"]

NOW = 0.0  # as a time when something is due: before any time of the clock
NEVER = float("inf")
FEW_STREAMS = 1024  # more than the markets of the exchange


class Store(Protocol):
    """What a policy keeps. Times are monotonic seconds."""

    def __len__(self) -> int: ...

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        """Take `events` in, at the price of these or older ones as the policy has it. They weigh `weight`, or less."""

    def take(self, now: float) -> Event | None:
        """Return the next event to deliver; `None` if there is none, or none is due."""

    def take_many(self, now: float, limit: int) -> list[Event]:
        """Return up to `limit` of the events that `take` would return; one at most where a newer one may replace it."""

    def next_due(self) -> float:
        """Return when `take` will have something: NOW, NEVER or a time to come."""


class Fifo(deque[Event]):
    """First in, first out, whatever comes: `block`, whose source waits when there are many, or it `is_heavy`."""

    def __init__(self, max_bytes: float = NEVER, maxlen: int | None = None) -> None:
        super().__init__(maxlen=maxlen)
        self._max_bytes = max_bytes
        self._most = 0  # bytes that it holds, or less

    @property
    def is_heavy(self) -> bool:
        """Whether it holds its budget of bytes, or more."""
        return self._most >= self._max_bytes and self._weigh() >= self._max_bytes

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        self.extend(events)
        self._most += weight

    def take(self, now: float) -> Event | None:  # noqa: ARG002
        if not self:
            return None
        event = self.popleft()
        self._most = self._most - EVENT_BYTES - event.size if self else 0
        return event

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        if len(self) <= limit:
            events = list(self)
            self.clear()
            self._most = 0
            return events
        take = self.popleft
        events = [take() for _ in range(limit)]
        if self._most > self._max_bytes / 2:  # else it is no matter, and weighing is paid for each event
            self._most -= weigh(events)
        return events

    def next_due(self) -> float:
        return NOW if self else NEVER

    def _weigh(self) -> int:
        self._most = weigh(list(self))
        return self._most


class DropOldest(Fifo):
    """The newest `maxlen` events, for such a deque lets the oldest go by itself, within `max_bytes`.

    The newest of all is kept even if it is larger alone.
    """

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        super().put_many(events, weight)
        if self._most > self._max_bytes:
            held = self._weigh()
            while held > self._max_bytes and len(self) > 1:
                held -= EVENT_BYTES + self.popleft().size
            self._most = held


class Lossless(Fifo):
    """Everything within a budget of bytes; once it is overrun, nothing more."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.is_over = False  # nothing more comes in

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        if self.is_over:
            return
        super().put_many(events, weight)
        if self._most > self._max_bytes:
            held = self._weigh()
            while held > self._max_bytes:
                self.is_over = True
                held -= EVENT_BYTES + self.pop().size
            self._most = held


class Latest(OrderedDict[str, Event]):
    """The newest event of each stream, in the order in which the streams began to wait; within `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._weight = 0  # of what is here, or more: what was replaced still counts

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        for event in events:
            self[event.stream] = event
        self._weight += weight
        if self._weight > self._max_bytes:
            self._weight = _drop_the_longest_waiting(self, self._max_bytes)

    def take(self, now: float) -> Event | None:  # noqa: ARG002
        if not self:
            return None
        event = self.popitem(last=False)[1]
        self._weight = _less(self._weight, event, self._max_bytes) if self else 0
        return event

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        return _one(self.take(now))

    def next_due(self) -> float:
        return NOW if self else NEVER


class Throttle(dict[str, Event]):
    """The newest event of each stream, each stream at most every `seconds`; who has waited longest comes first.

    Within `max_bytes`. Of more than THROTTLED_STREAMS streams, those delivered longest ago may come sooner again.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._weight = 0  # as of `Latest`
        self._free: OrderedDict[str, float] = OrderedDict()  # stream -> when it may be delivered again, soonest first
        self._waiting: list[tuple[float, int, str]] = []  # a heap: when due, in which order, stream
        self._order = itertools.count()

    def put_many(self, events: Sequence[Event], weight: int) -> None:
        for event in events:
            stream = event.stream
            begins_to_wait = stream not in self
            self[stream] = event
            if begins_to_wait:
                heapq.heappush(self._waiting, (self._free.get(stream, NOW), next(self._order), stream))
        self._weight += weight
        if self._weight > self._max_bytes:
            self._weight = _drop_the_longest_waiting(self, self._max_bytes)
            self._waiting = [one for one in self._waiting if one[2] in self]
            heapq.heapify(self._waiting)

    def take(self, now: float) -> Event | None:
        if not self._waiting or self._waiting[0][0] > now:
            return None
        stream = heapq.heappop(self._waiting)[2]
        self._note_delivery(stream, now)
        event = self.pop(stream)
        self._weight = _less(self._weight, event, self._max_bytes) if self else 0
        return event

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        return _one(self.take(now))

    def next_due(self) -> float:
        return self._waiting[0][0] if self._waiting else NEVER

    def _note_delivery(self, stream: str, now: float) -> None:
        free = self._free
        free[stream] = now + self._seconds
        free.move_to_end(stream)
        # One that may come again is kept as long as there are few: it has its turn before those that came later.
        while len(free) > FEW_STREAMS and (free[next(iter(free))] <= now or len(free) > THROTTLED_STREAMS):
            free.popitem(last=False)


def _less(weight: int, event: Event, max_bytes: int) -> int:
    """Return what is left of `weight` without `event`; while that is no matter, it is not looked at."""
    return weight - EVENT_BYTES - event.size if weight > max_bytes // 2 else weight


def _drop_the_longest_waiting(store: dict[str, Event], max_bytes: int) -> int:
    """Drop from `store` if it holds more than `max_bytes`, the newest never; return what it holds then."""
    weight = weigh(list(store.values()))
    if weight > max_bytes:
        for stream in list(store)[:-1]:
            weight -= EVENT_BYTES + store.pop(stream).size
            if weight <= max_bytes - max_bytes // 8:  # with some room, since all that is left was weighed for it
                break
    return weight


def _one(event: Event | None) -> list[Event]:
    return [] if event is None else [event]


def make_store(policy: Mailbox) -> Store:
    """Return an empty store for `policy`."""
    match policy.kind:
        case "latest":
            return Latest(policy.budget)
        case "throttle":
            return Throttle(policy.limit, policy.budget)
        case "drop_oldest":
            return DropOldest(policy.budget, int(policy.limit))
        case "lossless":
            return Lossless(policy.budget)
        case "block":
            return Fifo(policy.budget)
