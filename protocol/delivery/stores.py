"""What a mailbox keeps, policy by policy; counting, waking and telling of drops are for `actors/mailbox.py`.

A store does not say what it drops: what was put in, was not taken and is no longer there was dropped.
"""

import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from websocket_v6.protocol.events import Event

from .policy import Mailbox

__all__ = ["NEVER", "NOW", "Fifo", "Store", "make_store"]

NOW = 0.0  # as a time when something is due: before any time of the clock
NEVER = float("inf")


class Store(Protocol):
    """What a policy keeps. Times are monotonic seconds."""

    def __len__(self) -> int: ...

    def put_many(self, events: Sequence[Event]) -> None:
        """Take `events` in, at the price of these or older ones as the policy has it."""

    def take(self, now: float) -> Event | None:
        """Return the next event to deliver; `None` if there is none, or none is due."""

    def take_many(self, now: float, limit: int) -> list[Event]:
        """Return up to `limit` of the events that `take` would return; one at most where a newer one may replace it."""

    def next_due(self) -> float:
        """Return when `take` will have something: NOW, NEVER or a time to come."""


class Fifo(deque[Event]):
    """First in, first out: `block`; with a `maxlen`, `drop_oldest`, since such a deque lets the oldest go by itself."""

    def put_many(self, events: Sequence[Event]) -> None:
        self.extend(events)

    def take(self, now: float) -> Event | None:  # noqa: ARG002
        return self.popleft() if self else None

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        if len(self) <= limit:
            events = list(self)
            self.clear()
            return events
        take = self.popleft
        return [take() for _ in range(limit)]

    def next_due(self) -> float:
        return NOW if self else NEVER


class Lossless(Fifo):
    """Everything within a budget of bytes; once it is overrun, nothing more."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._budget = max_bytes
        self._is_over = False

    def put_many(self, events: Sequence[Event]) -> None:
        size = _size_of(events)
        if size <= self._budget and not self._is_over:
            self._budget -= size
            self.extend(events)
            return
        for event in events:
            if self._is_over or event.size > self._budget:
                self._is_over = True
                return
            self._budget -= event.size
            self.append(event)

    def take(self, now: float) -> Event | None:
        event = super().take(now)
        if event is not None:
            self._budget += event.size
        return event

    def take_many(self, now: float, limit: int) -> list[Event]:
        events = super().take_many(now, limit)
        self._budget += _size_of(events)
        return events


class Latest(OrderedDict[str, Event]):
    """The newest event of each stream, in the order in which the streams began to wait."""

    def put_many(self, events: Sequence[Event]) -> None:
        for event in events:
            self[event.stream] = event

    def take(self, now: float) -> Event | None:  # noqa: ARG002
        return self.popitem(last=False)[1] if self else None

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        return _one(self.take(now))

    def next_due(self) -> float:
        return NOW if self else NEVER


class Throttle(dict[str, Event]):
    """The newest event of each stream, each stream at most every `seconds`; who has waited longest comes first."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._free: dict[str, float] = {}  # stream -> when it may be delivered again
        self._waiting: list[tuple[float, int, str]] = []  # a heap: when due, in which order, stream
        self._order = itertools.count()

    def put_many(self, events: Sequence[Event]) -> None:
        for event in events:
            stream = event.stream
            begins_to_wait = stream not in self
            self[stream] = event
            if begins_to_wait:
                heapq.heappush(self._waiting, (self._free.get(stream, NOW), next(self._order), stream))

    def take(self, now: float) -> Event | None:
        if not self._waiting or self._waiting[0][0] > now:
            return None
        stream = heapq.heappop(self._waiting)[2]
        self._free[stream] = now + self._seconds
        return self.pop(stream)

    def take_many(self, now: float, limit: int) -> list[Event]:  # noqa: ARG002
        return _one(self.take(now))

    def next_due(self) -> float:
        return self._waiting[0][0] if self._waiting else NEVER


def _size_of(events: Iterable[Event]) -> int:
    return sum([event.size for event in events])


def _one(event: Event | None) -> list[Event]:
    return [] if event is None else [event]


def make_store(policy: Mailbox) -> Store:
    """Return an empty store for `policy`."""
    match policy.kind:
        case "latest":
            return Latest()
        case "throttle":
            return Throttle(policy.limit)
        case "drop_oldest":
            return Fifo(maxlen=int(policy.limit))
        case "lossless":
            return Lossless(int(policy.limit))
        case "block":
            return Fifo()
