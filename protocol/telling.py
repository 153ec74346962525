"""When a trouble that goes on is told: at once, then at growing intervals, and once when it is over.

Whoever logs something that may happen thousands of times asks here first. Times are monotonic seconds.
"""

from collections.abc import Hashable

from .message import Message

__all__ = ["Telling", "Tellings", "Told"]

FIRST = 10.0  # seconds from the first line to the next
FACTOR = 2.0
LONGEST = 3600.0
MOST = 1024  # troubles that are told apart; beyond, the oldest is as good as new when it comes again


class Told(Message):
    """A trouble to tell now: how often it has happened since it began, and for how many seconds it has."""

    times: int
    seconds: float

    @property
    def is_first(self) -> bool:
        """Whether it is told for the first time."""
        return self.times == 1

    def __str__(self) -> str:
        """What to add to the line; nothing the first time."""
        return "" if self.is_first else f" ({self.times} times in {self.seconds:.0f} s)"


class Telling:
    """One trouble. What comes and goes all the time is told no more often than what stays."""

    def __init__(self) -> None:
        self._interval = FIRST
        self._began = 0.0
        self._count = 0  # of failures, since it began
        self._due = 0.0  # when it may be told again
        self._over_at: float | None = None
        self._is_told = False  # and nobody has heard yet that it is over

    def failed(self, now: float) -> Told | None:
        """Note that it has happened; return what to tell, `None` if it is too early for another line."""
        if self._over_at is not None and now - self._over_at >= self._interval:
            self._interval, self._count = FIRST, 0  # it was well for long enough: this is another trouble
        self._over_at = None
        if self._count == 0:
            self._began = now
        self._count += 1
        if self._count > 1 and now < self._due:
            return None
        if self._count > 1:
            self._interval = min(LONGEST, self._interval * FACTOR)
        self._due = now + self._interval
        self._is_told = True
        return Told(self._count, now - self._began)

    def over(self, now: float) -> Told | None:
        """Note that all is well; return what there was, if it was told and this was not."""
        if self._count == 0:
            return None
        if self._over_at is None:
            self._over_at = now
        is_told, self._is_told = self._is_told, False
        return Told(self._count, now - self._began) if is_told else None


class Tellings:
    """Many troubles, each under a key of its own."""

    def __init__(self) -> None:
        self._tellings: dict[Hashable, Telling] = {}

    def __len__(self) -> int:
        return len(self._tellings)

    def failed(self, key: Hashable, now: float) -> Told | None:
        """Note that the trouble `key` has happened; return what to tell, `None` if it is too early."""
        telling = self._tellings.get(key)
        if telling is None:
            if len(self._tellings) >= MOST:
                del self._tellings[next(iter(self._tellings))]
            telling = self._tellings[key] = Telling()
        return telling.failed(now)

    def over(self, key: Hashable, now: float) -> Told | None:
        """Note that the trouble `key` is over; return what there was, if that is to be told."""
        telling = self._tellings.get(key)
        return None if telling is None else telling.over(now)
