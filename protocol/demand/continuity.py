"""Whether what an endpoint delivers hangs together while its lines come and go, and since when it does not.

A line is whatever brings the endpoint's data: a connection to the exchange, or another process. While a line serves
all that is wanted, the others may be lost and nothing is missing. The *epoch* that users see counts the times at which
something may be. All times are Unix nanoseconds, passed in by the caller.
"""

from collections import deque
from collections.abc import Container
from typing import NamedTuple

__all__ = ["Continuity", "Gap"]


ENDLESS = 2**63
# Lines lost in one epoch while another served: as many are remembered, should that one turn out to have been dead.
SPANS = 1000


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
        self._began_ns = 0
        self._spans: deque[tuple[int, int]] = deque(maxlen=SPANS)  # in which lines served that are lost by now

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
        goes on all the same, in a new epoch. That is the case when no other line had all yet, or when this one had died
        unnoticed and there was a time in which no other served.
        """
        since = self._since.pop(line, None)
        if since is None:
            if not self.is_served and self.gap_started_ns is None:
                self.gap_started_ns = last_ns  # from a predecessor, as in `opened`
            return None
        self._spans.append((since, at_ns if last_ns is None else last_ns))
        others = {other: at for other, at in self._since.items() if at is not None and other in whole}
        if not others:
            started_ns = self._first_missing()
            if not self.is_served:
                self.gap_started_ns = started_ns
                return None
            return self._break(next(iter(self._since)), Gap(started_ns, max(started_ns, at_ns)))
        first = min(others, key=others.__getitem__)
        holes = _holes(self._began_ns, [*self._spans, (others[first], ENDLESS)])
        return self._break(first, Gap(holes[0].started_ns, holes[-1].ended_ns)) if holes else None

    def closed(self) -> None:
        """Note that nothing is wanted any more: what comes until something is cannot be missed."""
        self._since.clear()
        self.gap_started_ns = None

    def gap_told(self) -> None:
        """Note that whoever must know of the gap knows of it."""
        self.gap_started_ns = None

    def _begin(self, line: int, at_ns: int) -> None:
        self.epoch += 1
        self._since[line] = self._began_ns = at_ns
        self._spans.clear()

    def _break(self, line: int, gap: Gap) -> Gap:
        """Begin a new epoch with `line`, which goes on."""
        self._begin(line, gap.ended_ns)
        return gap

    def _first_missing(self) -> int:
        """Return until when the lost lines have served without a hole."""
        holes = _holes(self._began_ns, [*self._spans, (ENDLESS, ENDLESS)])
        return holes[0].started_ns


def _holes(began_ns: int, spans: list[tuple[int, int]]) -> list[Gap]:
    """Return what `spans` leave out from `began_ns` to the end of the last one."""
    holes = []
    reached = began_ns
    for start, end in sorted(spans):
        if start > reached:
            holes.append(Gap(reached, start))
        reached = max(reached, end)
    return holes
