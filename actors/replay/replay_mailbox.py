"""A mailbox on the recording's time: what is due, and told, goes by that; whoever waits does so on the wall's."""

import time
from collections.abc import Sequence
from decimal import Decimal

from websocket_v6.actors.glance import longest_wait
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.stores import NEVER, NOW
from websocket_v6.protocol.events import Event, MarketsEvent, Number, OverflowEvent

from .stage import Stage, reader

__all__ = ["ReplayMailbox"]

AT_ONCE = 64  # messages of one record, each of SMALL bytes at most, that any such mailbox has room for
LEAST_BYTES = 8 * 1024 * 1024


class ReplayMailbox(MailboxQueue):
    """One subscription's events in a replay.

    In lockstep the router takes what `is_pushed` out at once, as its component's thread would have before the next
    record: so a policy drops what it would for a component that is never late. Whoever pulls says where it is.
    """

    def __init__(self, policy: Mailbox, stage: Stage, *, is_pushed: bool, numbers: Number = Decimal) -> None:
        super().__init__(policy, stage.now, numbers=numbers)
        self.is_pushed = is_pushed
        self.room = _room(policy)
        self._stage = stage

    def has_due(self) -> bool:
        """Whether there is something to take by the recording's time."""
        with self._lock:
            return self._due() <= self._clock() or bool(self._failures)

    def due(self) -> float | None:
        """Return when there will be something by the recording's time; None if that depends on what comes."""
        with self._lock:
            due = self._due()
        return None if due == NEVER else due

    def wake(self) -> None:
        """Have whoever waits look again: the clock has moved."""
        with self._lock:
            self._sleeps_until = NOW
            self._wake()

    # --- as of any mailbox, but by the recording's time

    def take(self, now: float) -> Event | OverflowEvent | MarketsEvent | None:  # noqa: ARG002
        return super().take(self._clock())

    def take_many(self, now: float, limit: int) -> Sequence[Event | OverflowEvent | MarketsEvent]:  # noqa: ARG002
        return super().take_many(self._clock(), limit)

    def overflow(self, now: float) -> OverflowEvent | None:  # noqa: ARG002
        return super().overflow(self._clock())

    def next_due(self) -> float | None:
        """Return when `take` will have something, by this machine's clock; in lockstep it is told, unless it is now."""
        due = self.due()
        if due is None or due <= self._clock():
            return None if due is None else time.monotonic()
        return None if self._stage.is_lockstep else self._stage.wall(due)

    def poll(self, now: float) -> Event | OverflowEvent | MarketsEvent | None:  # noqa: ARG002
        readers, one = self._stage.readers, reader()
        readers.comes(one)
        try:
            event = super().poll(self._clock())
        except BaseException:
            readers.leaves(one)
            raise
        if event is None:
            readers.waits(one, self)
            self._stage.begin()
        return event

    def get(self, timeout: float | None = None) -> Event | OverflowEvent | MarketsEvent:
        deadline = NEVER if timeout is None else time.monotonic() + timeout
        while True:
            event = self.poll(0.0)
            if event is not None:
                return event
            now = time.monotonic()
            if now >= deadline:
                self._stage.readers.leaves(reader())
                raise TimeoutError(f"no event within {timeout:g} s")
            with self._lock:
                if not self._failures and self._sleeps_until != NOW:
                    self._wait(min(self._wakes_at(), deadline, now + longest_wait()) - now)

    def _wakes_at(self) -> float:
        due = self._sleeps_until
        return NEVER if due == NEVER or self._stage.is_lockstep else self._stage.wall(due)


def _room(policy: Mailbox) -> int:
    """Return how many small messages that come at once all pass an empty mailbox; 0: it depends on the time.

    Of `latest`, if each is of another stream.
    """
    match policy.kind:
        case "latest":
            return 0 if policy.budget < LEAST_BYTES else AT_ONCE
        case "drop_oldest" | "block":
            return 0 if policy.budget < LEAST_BYTES else min(int(policy.limit), AT_ONCE)
        case "lossless":
            return AT_ONCE if policy.budget >= LEAST_BYTES else 0
        case _:
            return 0
