"""What time it is at the exchange, and up to when all that it sent has been read: by no clock that can be set.

A message that says when it was made shows that the exchange's clock was that far when it came. Of ten minutes of them
the one that was quickest counts, so this is behind the exchange by the shortest way there was, and never ahead of it.
Times here are monotonic seconds, the exchange's are Unix milliseconds.
"""

import re
from collections import deque

__all__ = ["ExchangeTime", "made_at"]

WINDOW = 600.0  # seconds for which a message counts: clocks drift
SLICE = 10.0  # of which one is remembered
SLEPT_MS = 5000.0  # more than any message takes that is the quickest of ten minutes

_MADE_AT = re.compile(rb'"(?:timestamp|tms)"\s*:\s*([0-9]{10,15})')


def made_at(payload: bytes) -> int | None:
    """Return when a message says it was made, Unix milliseconds; of what is malformed nothing."""
    found = _MADE_AT.search(payload)
    return None if found is None else int(found[1])


class ExchangeTime:
    """The exchange's clock, as its messages show it. Before there are any, what the handshake's `Date` says."""

    def __init__(self) -> None:
        self._date: float | None = None  # how far the exchange's clock is behind ours at most, in ms
        self._slices: deque[tuple[float, float]] = deque()  # when each begins, and the smallest difference in it
        self._offset: float | None = None  # the smallest of all

    def date(self, at: float, ms: int) -> None:
        """Note what the answer to a handshake, which came by `at`, said: exact to the second.

        If it is far ahead of all messages, our clock stood still meanwhile (a machine asleep): they tell nothing more.
        """
        self._date = at * 1000 - ms
        if self._offset is not None and self._offset - self._date > SLEPT_MS:
            self._slices.clear()
            self._offset = None

    def note(self, at: float, ms: int) -> None:
        """Note a message that came by `at` and was made at `ms`."""
        offset, slices = at * 1000 - ms, self._slices
        if not slices or at >= slices[-1][0] + SLICE:
            slices.append((at, offset))
            while slices[0][0] < at - WINDOW:
                slices.popleft()
            self._offset = min(one for _, one in slices)
        elif offset < slices[-1][1]:
            slices[-1] = (slices[-1][0], offset)
            self._offset = min(offset, self._offset if self._offset is not None else offset)

    def at(self, at: float) -> float | None:
        """Return what time it was at the exchange at `at`, Unix milliseconds, at least; `None` if nothing tells."""
        offset = self._offset if self._offset is not None else self._date
        return None if offset is None else at * 1000 - offset
