"""How a reader with a resume name goes on where it was left, and keeps up to where it may have read.

Belongs to the reader's thread. Nothing is delivered before the server has it that it may have been: so what comes a
second time after a process ended without a word is marked, all of it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from websocket_v6.protocol.errors import ConfigError, TransportError
from websocket_v6.protocol.fleet.entries import Rows
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.resume import Part, Resumption, Saved
from websocket_v6.protocol.outside_text import outside_text

from .lines import Line
from .progress import Claimed, Progress
from .scripts import REACH

__all__ = ["Resuming"]

LEAST: Final = 8  # entries that it may read beyond what it has before it says so


class Resuming:
    """Of one reader. `tell` is given its Progress once it begins."""

    def __init__(
        self,
        endpoint: str,
        claimed: Claimed,
        tell: Callable[[Progress], object],
        resumption: Resumption | None = None,
    ) -> None:
        self.resumption = self._left = resumption
        self.wanted: frozenset[str] = frozenset()  # before it begins
        self.has_begun = False  # to read
        self.since_ns = 0 if resumption is None else resumption.saved.whole_ns  # it may have missed something of it
        self._endpoint = endpoint
        self._claimed = claimed
        self._tell = tell
        self._progress: Progress | None = None
        self._top = EntryId(0, 0)  # the end of the log when it went on
        self._newest_ns = 0
        self._until: EntryId | None = None  # the server has it that it may have read so far
        self._second = (0, 0)  # the second, and how many entries were read in it
        self._rate = 0
        self._kept: frozenset[str] | None = None  # what is wanted, as the server has it
        self._is_new = False  # the server has no place of it yet
        self._first: Saved | None = None  # where a newcomer begins, until the server has it
        self._not_yet: frozenset[str] = frozenset()  # that it had, and nobody has wanted again

    @property
    def missed(self) -> Sequence[str]:
        """What it had, and nobody has wanted again."""
        return [] if self.resumption is None else sorted(frozenset(self.resumption.saved.streams) - self.wanted)

    def go_on(self, place: Place, top: EntryId) -> None:
        """Have a place, in a log that ends at `top`."""
        self._top = top
        saved = None if self.resumption is None else self.resumption.saved
        # The server does not have it of a process that ended in order, and must again before anything is delivered.
        until = None if self.resumption is None or self.resumption.is_clean else self.resumption.until
        self._until = until
        since_ns = self.since_ns or time.time_ns()
        self._is_new = saved is None
        progress = Progress(place.log, place.at, since_ns, saved, until)
        self._progress = progress
        self._tell(progress)

    def start(self) -> tuple[frozenset[str], EntryId, Sequence[str]]:
        """Begin to read; return what is wanted, from where on what it had not, and what it had."""
        self.has_begun = True
        self._not_yet = frozenset(self.missed)
        return self.wanted, self._top, [] if self.resumption is None else self.resumption.saved.streams

    def late(self, streams: Iterable[str]) -> Sequence[str]:
        """Return what it had of these, which went by before they were wanted again."""
        found = sorted(self._not_yet.intersection(streams))
        self._not_yet -= frozenset(found)
        return found

    def has_caught_up(self, id_: EntryId) -> bool:
        """Whether an entry was written since it went on."""
        return id_ > self._top

    def went_back(self, place: Place) -> None:
        """The log is another now: what was left in it is not there any more. What was read of this one may repeat."""
        self.resumption = self._until = None
        if self._left is not None:  # what a log does not have another one may, to which this goes back as well
            top = place.at if self.has_begun else self._top  # of the log there is
            self.resumption = self._left.moved(place.log, place.at, top)
        if self._progress is not None:
            until = None if self.resumption is None else self.resumption.until
            self._progress.go_back(place.log, place.at, time.time_ns(), until)

    def parts(self, id_: EntryId, rows: Rows) -> Sequence[Part]:
        """Return what of an entry is owed."""
        resumption = self.resumption
        if resumption is None:
            return [Part(rows, may_repeat=False)]
        found = resumption.parts(id_, rows)
        if resumption.is_over(id_) and self.has_caught_up(id_):
            self.resumption = None
        return found

    def later(self, at_ns: int) -> int:
        """Return a time later than that of each entry before: so a message's time tells its entry."""
        self._newest_ns = max(at_ns, self._newest_ns + 1)
        return self._newest_ns

    def note(self, id_: EntryId, at_ns: int) -> None:
        """Note that messages of an entry are about to be delivered, or kept."""
        if self._progress is not None:
            self._progress.note(id_, at_ns)

    def time_of(self, id_: EntryId) -> int:
        """Return the time as of which an entry was noted; 0 if it does not read."""
        return 0 if self._progress is None else self._progress.time_of(id_)

    def reached(self, place: Place, kept_from: EntryId | None = None) -> None:
        """Note that all of an entry was said, but for what is kept."""
        if self._progress is not None:
            self._progress.reached(place.log, place.at, kept_from)

    @property
    def read(self) -> EntryId:
        """The last entry all of which was said."""
        return EntryId(0, 0) if self._progress is None else self._progress.read

    def runs(self, streams: Iterable[str]) -> None:
        """Note which streams have begun."""
        if self._progress is not None:
            self._progress.runs(streams)

    def reserve(self, line: Line, last: EntryId, count: int, wanted: frozenset[str]) -> None:
        """Have the server know that it may read up to `last`, the last of `count` entries that were got, of `wanted`.

        Raises:
            ConfigError: if the name is another process's now.
            TransportError: if the server does not say.
        """
        second = int(time.monotonic())
        if second != self._second[0]:
            self._rate, self._second = self._second[1], (second, 0)
        self._second = (second, self._second[1] + count)
        fields: dict[str, str | bytes] = {}
        if self._progress is not None and self._progress.is_unreserved:
            self._until = self._kept = None
        until = self._until
        if until is None or last > until:
            until = last._replace(sequence=last.sequence + max(LEAST, self._rate // 2))
            if self.resumption is not None:
                until = max(until, self.resumption.until)  # who had the name before may have
            fields[f"{self._endpoint}:until"] = str(until)
        if wanted != self._kept:
            fields |= self._claimed.streams(self._endpoint, wanted)
        if fields:
            self._send(line, fields)
        self._until, self._kept = until, wanted
        if self._progress is not None:
            self._progress.reserved()

    def renew(self, line: Line, at: EntryId, wanted: frozenset[str]) -> None:
        """Do as `reserve` if the server has lost what it was told, with nothing read beyond `at`."""
        if self._progress is not None and self._progress.is_unreserved:
            self.reserve(line, at, 0, wanted)

    def attached(self, place: Place) -> None:
        """Note that messages come from here on: that is where a newcomer begins."""
        if self._is_new:
            self._is_new, self._first = False, Saved(place.log, *place.at, time.time_ns())

    def keep_first(self, line: Line) -> None:
        """Have the server know where a newcomer began, before anything is delivered. Raises as `reserve` does."""
        if self._first is not None:
            self._send(line, self._claimed.place(self._endpoint, self._first))
            self._first = None

    def _send(self, line: Line, fields: Mapping[str, str | bytes]) -> None:
        flat = [one for item in fields.items() for one in item]
        (reply,) = line.call(("EVAL", REACH, 1, self._claimed.key, self._claimed.owner, *flat))
        if not isinstance(reply, list):
            raise TransportError(f"the place in the log cannot be kept: {outside_text(reply)}")
        if reply[0] != 1 and reply[1] is None:
            self._until = self._kept = None  # all is said again, once the name is this process's again
            raise TransportError("the fleet's server has lost the place in the log")
        if reply[0] != 1:
            raise ConfigError(f"the resume name is in use by {outside_text(reply[1].decode('utf-8', 'replace'))}")
