"""What another machine's clock says, in this one's time.

The other says now and then what time it has. What it says arrives later than it was said, by how much nobody knows; but
the smallest difference of many is the one that was under way for the shortest time. Only the last minutes count, since
clocks drift, and are set. Times are Unix nanoseconds.

Much that is read late, all at once, must not push out what was heard in time: of each few seconds the smallest counts.
"""

from collections import deque

__all__ = ["ClockOffset"]

WINDOW_NS = 600_000_000_000  # ten minutes
SLOT_NS = 10_000_000_000  # of which one difference is kept
SLOTS = 64


class ClockOffset:
    """Of one peer. Until it has said what time it has, its clock is taken for this one."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=SLOTS)  # since when, and the smallest then
        self._offset_ns = 0

    def note(self, sent_ns: int, now_ns: int) -> None:
        """Note that the peer's clock said `sent_ns` a moment ago."""
        # What lies ahead of now is from before our own clock was set, which makes it worthless.
        while self._samples and not now_ns - WINDOW_NS <= self._samples[0][0] <= now_ns:
            self._samples.popleft()
        difference = now_ns - sent_ns
        if self._samples and 0 <= now_ns - self._samples[-1][0] < SLOT_NS:
            since_ns, smallest = self._samples.pop()
            self._samples.append((since_ns, min(smallest, difference)))
        else:
            self._samples.append((now_ns, difference))
        self._offset_ns = min(difference for _, difference in self._samples)

    def local(self, at_ns: int, now_ns: int) -> int:
        """Return a time of the peer's in our time; never later than now."""
        return min(now_ns, at_ns + self._offset_ns)
