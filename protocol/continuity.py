"""Whether what an endpoint delivers hangs together while its lines come and go, and since when it does not.

A line is whatever brings the endpoint's data: a connection to the exchange, or another process. While a line serves
all that is wanted, the others may be lost and nothing is missing. The *epoch* that users see counts the times at which
something may be. All times are Unix nanoseconds, passed in by the caller.
"""

from collections.abc import Container
from typing import NamedTuple

__all__ = ["Continuity", "Gap"]


class Gap(NamedTuple):
    """From the last thing that was certainly delivered to the first moment of the new epoch."""

    started_ns: int
    ended_ns: int


class Continuity:
    """Counts the epochs of one endpoint."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.gap_started_ns: int | None = None  # while nothing is served: since when something may be missing
        self._since: dict[int, int | None] = {}  # open lines: since when each serves all that is wanted, if it does
        self._ended_ns = 0  # when the last of the lines lost in this epoch had delivered all it could

    @property
    def is_served(self) -> bool:
        """Whether any line is open. The one that opened first is what the epoch began with, so it serves."""
        return bool(self._since)

    def opened(self, line: int, at_ns: int, gap_started_ns: int | None = None) -> bool:
        """Note that `line` is open; return whether an epoch begins with it.

        `gap_started_ns` is since when the line itself has missed something, for a predecessor of this object may have
        known of a gap that has begun.
        """
        if self.is_served:
            self._since[line] = None
            return False
        if self.gap_started_ns is None:
            self.gap_started_ns = gap_started_ns
        self._begin(line, at_ns)
        return True

    @property
    def serving(self) -> frozenset[int]:
        """The lines that serve all that is wanted."""
        return frozenset(line for line, since in self._since.items() if since is not None)

    def awaits(self, line: int) -> bool:
        """Whether `line` is open and does not serve all that is wanted yet."""
        return line in self._since and self._since[line] is None

    def serves(self, line: int, at_ns: int) -> None:
        """Note that from now on `line` has all that is wanted."""
        if self.awaits(line):
            self._since[line] = at_ns

    def lost(self, line: int, last_ns: int | None, at_ns: int, whole: Container[int] = ()) -> Gap | None:
        """Note that `line` is lost, or could not be opened, and had its last bytes at `last_ns`, if it had any.

        `whole` are the lines that have everything which this one had. Returns the gap that this shows, if another line
        goes on all the same, in a new epoch. That is the case when no other line had all yet, or when the only one that
        has it began after this one had died unnoticed.
        """
        since = self._since.pop(line, None)
        if since is None:
            if not self.is_served and self.gap_started_ns is None:
                self.gap_started_ns = last_ns  # from a predecessor, as in `opened`
            return None
        self._ended_ns = max(self._ended_ns, at_ns if last_ns is None else last_ns)
        if not self._since:
            self.gap_started_ns = self._ended_ns
            return None
        others = {other: at for other, at in self._since.items() if at is not None and other in whole}
        first = min(others, key=others.__getitem__, default=next(iter(self._since)))
        ended_ns = others.get(first, at_ns)
        if first in others and ended_ns <= self._ended_ns:
            return None
        gap = Gap(self._ended_ns, max(ended_ns, self._ended_ns))
        self._begin(first, gap.ended_ns)
        return gap

    def closed(self) -> None:
        """Note that nothing is wanted any more: what comes until something is cannot be missed."""
        self._since.clear()
        self.gap_started_ns = None

    def gap_told(self) -> None:
        """Note that whoever must know of the gap knows of it."""
        self.gap_started_ns = None

    def _begin(self, line: int, at_ns: int) -> None:
        self.epoch += 1
        self._since[line] = at_ns
        self._ended_ns = 0
