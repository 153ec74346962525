"""What the log keeps: so many seconds and so many bytes, whichever is less.

The server can trim by number of entries or by id alone, and ids are no times. So the leader keeps a table of its own,
a row for each second, and has the server trim all before an id.
"""

from collections import deque
from typing import Final

from .ids import EntryId

__all__ = ["OVERHEAD", "Retention"]

OVERHEAD: Final = 100  # bytes that an entry costs the server beside what it holds, about


class _Second:
    """What was written within one second."""

    __slots__ = ("at", "first", "size")

    def __init__(self, at: int, first: EntryId) -> None:
        self.at = at
        self.first = first
        self.size = 0


class Retention:
    """The table of one stream, as far as this leader wrote it. Times are seconds of its monotonic clock.

    What the leader before it wrote goes with the first second of its own.
    """

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self.seconds = seconds
        self.most_bytes = most_bytes
        self.kept_bytes = 0
        self._rows: deque[_Second] = deque()

    def note(self, id_: EntryId, size: int, now: float) -> None:
        """Note that an entry was written."""
        second = int(now)
        if not self._rows or self._rows[-1].at != second:
            self._rows.append(_Second(second, id_))
        self._rows[-1].size += size + OVERHEAD
        self.kept_bytes += size + OVERHEAD

    def trim(self, now: float) -> EntryId | None:
        """Return the id before which all may go; None if nothing has to."""
        return self._trim(now, self.most_bytes)

    def halve(self, now: float) -> EntryId | None:
        """Keep half of what is kept, for the server has no more memory; return what `trim` does."""
        return self._trim(now, self.kept_bytes // 2)

    def _trim(self, now: float, most_bytes: int) -> EntryId | None:
        rows, before = self._rows, len(self._rows)
        # The second that is being written stays.
        while len(rows) > 1 and (rows[0].at + 1 <= now - self.seconds or self.kept_bytes > most_bytes):
            self.kept_bytes -= rows.popleft().size
        return rows[0].first if len(rows) < before else None

    def kept_seconds(self, now: float) -> float:
        """Return how far back it reaches."""
        return now - self._rows[0].at if self._rows else 0.0
