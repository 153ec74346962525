"""How often something may happen: so many times within so many seconds, whenever these begin.

The exchange may count in windows that are fixed; whoever keeps the limit in sliding ones keeps it in these too.
"""

from collections import deque

__all__ = ["Quota"]


class Quota:
    """Counts against one limit. Times are seconds of a clock that does not go back, passed in by the caller."""

    __slots__ = ("_seconds", "_times")

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=limit)

    def take(self, now: float) -> bool:
        """Count one more, and return whether it may be; what may not is counted too."""
        times = self._times
        is_free = len(times) < (times.maxlen or 0) or times[0] <= now - self._seconds
        times.append(now)
        return is_free

    def is_idle(self, now: float) -> bool:
        """Whether nothing of it counts any more."""
        return not self._times or self._times[-1] <= now - self._seconds
