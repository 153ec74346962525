"""How long one process waits for another. Only time counts in which it ran itself, and read what the other said.

A process that was stopped, asleep or starved finds its deadlines passed when it goes on, and what the other said
meanwhile unread. So whoever waits looks at short intervals: where much more time has passed than there is between two
looks, it did not run, and the deadline begins anew. So it does while nothing is read, for want of a credit.

Times are seconds of a clock that also counts while the machine sleeps.
"""

from enum import Enum

__all__ = ["Patience", "Pauses", "Verdict"]

LATE = 2.0  # intervals between two looks that are no pause yet


class Verdict(Enum):
    """What to think of another process's silence."""

    WAIT = "wait"  # it may still say something
    AWAY = "away"  # this process did not run, or did not read: the deadline has begun anew
    SILENT = "silent"  # it had all the time that it was given


class Pauses:
    """Whether this process ran since it last looked; it looks every `interval` seconds, or more often."""

    def __init__(self, interval: float, now: float) -> None:
        self._limit = LATE * interval
        self._looked_at = now

    def look(self, now: float) -> bool:
        """Look at the clock; True if this process stood still for a while."""
        stood_still = self.is_stale(now)
        self._looked_at = now
        return stood_still

    def is_stale(self, now: float) -> bool:
        """Whether it is so long since the last look that this process must have stood still."""
        return now - self._looked_at > self._limit


class Patience:
    """Judges the silence of another process: `limit` seconds of it, looked at every `interval` seconds."""

    def __init__(self, limit: float, interval: float, now: float) -> None:
        self._limit = limit
        self._pauses = Pauses(interval, now)
        self._since = now

    def begin(self, now: float) -> None:
        """Let the deadline begin anew."""
        self._since = now

    def look(self, now: float, heard_at: float | None = None, reading_since: float | None = 0.0) -> Verdict:
        """Return what to think now.

        The other process was last heard at `heard_at`, `None` if what it says does not count, and has been read without
        a pause since `reading_since`, `None` if it is not being read.
        """
        if self._pauses.look(now) or reading_since is None:
            self._since = now
            return Verdict.AWAY
        self._since = max(self._since, reading_since, heard_at or 0.0)
        return Verdict.SILENT if now - self._since > self._limit else Verdict.WAIT
