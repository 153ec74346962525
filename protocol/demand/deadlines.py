"""The deadlines of one endpoint: one heap, and verdicts of silence that are passed only on a source that was read.

A *verdict* says that something did not come in time. It means nothing while a full mailbox keeps the sources from being
read, or while this process was stopped: so when it is due, the router is asked for a mark behind all data that lies
before it, and what has not flowed all the time begins anew.
"""

import heapq
import itertools
from collections.abc import Iterable
from enum import Enum

from websocket_v6.protocol.message import Message

__all__ = ["Deadline", "Deadlines", "Kind"]

# A verdict that is looked at so many seconds late is not passed: whoever should have looked was stopped or starved.
PAUSE = 1.0


class Kind(Enum):
    """What is due."""

    FLUSH = "a request or a question may leave"
    STOP_MERGING = "what a source that is gone has sent is delivered"
    ANSWERED = "the snapshots that a request began should have come"
    CHECK_SERVED = "a request should be known to be in force"
    PROVEN = "a request that was not refused is good"
    PATIENCE = "a source had its time to have everything"
    PROOF = "the others had their time to catch up with a source that has everything"
    SILENT = "what was asked for should have come"
    ROOMY = "fewer sockets than a source has would have been enough for long"

    @property
    def is_verdict(self) -> bool:
        """Whether it says that something did not come."""
        return self not in (Kind.FLUSH, Kind.STOP_MERGING)


class Deadline(Message):
    """What is due, of which attachment; `number` is the request's, or the watch's for SILENT."""

    kind: Kind
    attachment: int = 0
    number: int = 0


class _Entry(Message):
    began: float
    length: float

    @property
    def due(self) -> float:
        return self.began + self.length


class Deadlines:
    """Keeps each deadline once; setting it again moves it. Times are monotonic seconds, passed in by the caller."""

    def __init__(self) -> None:
        self._entries: dict[Deadline, _Entry] = {}
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = itertools.count()
        self._marks = itertools.count(1)
        self._marked: dict[int, dict[Deadline, _Entry]] = {}  # verdicts that wait for a mark to come back

    def __contains__(self, deadline: object) -> bool:
        return deadline in self._entries or any(deadline in entries for entries in self._marked.values())

    @property
    def next_due(self) -> float | None:
        """When something is due next, `None` if nothing is."""
        while self._heap and not self._is_current(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def set(self, deadline: Deadline, now: float, length: float) -> None:
        """Have `deadline` due in `length` seconds, counted anew if it was set before."""
        entry = _Entry(now, length)
        if self._entries.get(deadline) == entry:
            return
        self.cancel(deadline)
        self._entries[deadline] = entry
        heapq.heappush(self._heap, (entry.due, next(self._order), deadline))

    def cancel(self, deadline: Deadline) -> None:
        """Forget `deadline`, if it was set."""
        self._entries.pop(deadline, None)
        for entries in self._marked.values():
            entries.pop(deadline, None)

    def cancel_all(self, attachment: int) -> None:
        """Forget what was due of an attachment, which has ended."""
        for deadline in [one for one in self._all() if one.attachment == attachment]:
            self.cancel(deadline)

    def _all(self) -> Iterable[Deadline]:
        return itertools.chain(self._entries, *self._marked.values())

    def pop(self, now: float) -> tuple[list[Deadline], int | None]:
        """Return what is due and may be done, and the number of the mark that verdicts wait for, if any do."""
        ready: list[Deadline] = []
        verdicts: dict[Deadline, _Entry] = {}
        while (due := self.next_due) is not None and due <= now:
            _, _, deadline = heapq.heappop(self._heap)
            entry = self._entries.pop(deadline)
            if not deadline.kind.is_verdict:
                ready.append(deadline)
            elif now - due > PAUSE:
                self.set(deadline, now, entry.length)
            else:
                verdicts[deadline] = entry
        if not verdicts:
            return ready, None
        number = next(self._marks)
        self._marked[number] = verdicts
        return ready, number

    def marked(self, number: int, flowing_since: float | None, now: float) -> list[Deadline]:
        """Take a mark that came back; return the verdicts that hold. The others begin anew.

        The endpoint's sources have been read without a pause since `flowing_since`; `None` if they are not being read.
        """
        hold: list[Deadline] = []
        for deadline, entry in self._marked.pop(number, {}).items():
            if flowing_since is None:
                self.set(deadline, now, entry.length)
            elif flowing_since > entry.began:
                self.set(deadline, flowing_since, entry.length)
            else:
                hold.append(deadline)
        return hold

    def forget_marks(self) -> None:
        """Note that no mark that is on its way will come back."""
        self._marked.clear()

    def _is_current(self, due: float, _: int, deadline: Deadline) -> bool:
        entry = self._entries.get(deadline)
        return entry is not None and entry.due == due
