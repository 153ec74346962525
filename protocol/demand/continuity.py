"""Whether what an endpoint delivers hangs together while its sources come and go, and since when it does not.

What is counted here are attachments: lives of whatever brings the endpoint's data, a connection to the exchange or
another process. While one serves all that is wanted, the others may be lost and nothing is missing. The *epoch* that
users see counts the times at which something may be. All times are Unix nanoseconds, passed in by the caller. The
clock may be set meanwhile, by hours: forward, and a gap is told longer than it was; back, and its bounds are moved so
that it holds all that may be missing, in the time that whoever hears of it goes by.
"""

from collections import deque
from collections.abc import Container

from websocket_v6.protocol.message import Message

__all__ = ["Continuity", "Gap"]


ENDLESS = 2**63
# Attachments lost in one epoch while another served: as many are remembered, should that one prove to have been dead.
SPANS = 1000
SLACK_NS = 1_000_000_000  # by which two clocks that were not set may differ about a length


class Gap(Message):
    """From the last thing that was certainly delivered to the first moment of the new epoch."""

    started_ns: int
    ended_ns: int


class Continuity:
    """Counts the epochs of one endpoint."""

    def __init__(self, epoch: int = 0, gap_started_ns: int | None = None) -> None:
        self.epoch = epoch
        self.gap_started_ns = gap_started_ns  # while nothing is served: since when something may be missing
        self._since: dict[int, int | None] = {}  # those open: since when each serves all that is wanted, if it does
        self._began_ns = 0
        self._spans: deque[tuple[int, int]] = deque(maxlen=SPANS)  # in which those served that are lost by now

    @property
    def is_served(self) -> bool:
        """Whether any is open. The one that opened first is what the epoch began with, so it serves."""
        return bool(self._since)

    @property
    def missing_since_ns(self) -> int | None:
        """Since when something may be missing to a successor, as far as is known here: at worst, the whole epoch."""
        return self._began_ns if self.is_served else self.gap_started_ns

    def opened(self, number: int, at_ns: int, gap_started_ns: int | None = None, *, outage_ns: int = 0) -> bool:
        """Note that attachment `number` is open; return whether an epoch begins with it.

        `gap_started_ns` is since when its source itself has missed something, for a predecessor of this object may have
        known of a gap that has begun. Nothing was served for at least `outage_ns`: the clock may have been set back
        meanwhile, and a gap is told as the clock is when it ends.
        """
        if self.is_served:
            self._since[number] = None
            return False
        if self.gap_started_ns is None:
            self.gap_started_ns = gap_started_ns
        if self.gap_started_ns is not None and self.gap_started_ns > at_ns - outage_ns + SLACK_NS:
            self.gap_started_ns = at_ns - outage_ns
        self._begin(number, at_ns)
        return True

    @property
    def serving(self) -> frozenset[int]:
        """Those that serve all that is wanted."""
        return frozenset(number for number, since in self._since.items() if since is not None)

    def awaits(self, number: int) -> bool:
        """Whether attachment `number` is open and does not serve all that is wanted yet."""
        return number in self._since and self._since[number] is None

    def serves(self, number: int, at_ns: int) -> None:
        """Note that since `at_ns` attachment `number` has all that is wanted."""
        if self.awaits(number):
            self._since[number] = at_ns

    def lost(self, number: int, last_ns: int | None, at_ns: int, whole: Container[int] = ()) -> Gap | None:
        """Note that attachment `number` is over, or could not be opened; all it had until `last_ns` was delivered.

        `whole` are those that have everything which this one had. Returns the gap that this shows, if another one
        goes on all the same, in a new epoch. That is the case when no other had all yet, or when this one had died
        unnoticed and there was a time in which no other served.
        """
        since = self._since.pop(number, None)
        if since is None:
            if not self.is_served and self.gap_started_ns is None:
                self.gap_started_ns = last_ns  # from a predecessor, as in `opened`
            return None
        self._spans.append((since, at_ns if last_ns is None else last_ns))
        others = {other: at for other, at in self._since.items() if at is not None and other in whole}
        if not others:
            started_ns = self._first_missing()
            if started_ns > at_ns:  # the clock was set back since
                started_ns = at_ns if last_ns is None else min(last_ns, at_ns)
            if not self.is_served:
                self.gap_started_ns = started_ns
                return None
            return self._break(next(iter(self._since)), Gap(started_ns, max(started_ns, at_ns)))
        first = min(others, key=others.__getitem__)
        holes = _holes(self._began_ns, [*self._spans, (others[first], ENDLESS)])
        return self._break(first, Gap(holes[0].started_ns, holes[-1].ended_ns)) if holes else None

    def broken(self, last_ns: int | None) -> None:
        """Note that all are gone at once; until `last_ns` everything was delivered, if anything was."""
        if self.is_served:
            self.gap_started_ns = max(self._began_ns, last_ns or 0)
            self._since.clear()

    def closed(self) -> None:
        """Note that nothing is wanted any more: what comes until something is cannot be missed."""
        self._since.clear()
        self.gap_started_ns = None

    def gap_told(self) -> None:
        """Note that whoever must know of the gap knows of it."""
        self.gap_started_ns = None

    def _begin(self, number: int, at_ns: int) -> None:
        self.epoch += 1
        self._since[number] = self._began_ns = at_ns
        self._spans.clear()

    def _break(self, number: int, gap: Gap) -> Gap:
        """Begin a new epoch with attachment `number`, which goes on."""
        self._begin(number, gap.ended_ns)
        return gap

    def _first_missing(self) -> int:
        """Return until when those that are lost have served without a hole."""
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
