"""What the leader has written to one stream of late, to write it again where the server has forgotten it.

Entries get their ids here. What a failover, or a connection that broke, has lost of the last two seconds is appended
again under the same ids, and no reader misses anything; what is older makes a hole, which each reader sees.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from .ids import EntryId

__all__ = ["Entry", "Ring"]

SECONDS: Final = 2.0
BYTES: Final = 4 * 1024 * 1024


class Entry(NamedTuple):
    """One entry as it is appended: its only field and what that holds."""

    id: EntryId
    field: str
    body: bytes


class Ring:
    """The last entries of one term of one stream. `now` is monotonic seconds."""

    def __init__(self, term: int) -> None:
        self.term = term
        self.last = EntryId(term, 0)  # the first is written with the title
        self._entries: deque[tuple[float, Entry]] = deque()
        self._bytes = 0

    def add(self, field: str, body: bytes, now: float) -> Entry:
        """Give the next entry its id, and keep it for a while."""
        entry = Entry(EntryId(self.term, self.last.sequence + 1), field, body)
        self.last = entry.id
        self._entries.append((now, entry))
        self._bytes += len(body)
        while self._entries and (self._bytes > BYTES or self._entries[0][0] < now - SECONDS):
            self._bytes -= len(self._entries.popleft()[1].body)
        return entry

    def after(self, top: EntryId) -> Iterator[Entry]:
        """Yield what is kept of what the server lacks, whose last entry is `top`."""
        return (entry for _, entry in self._entries if entry.id > top)
