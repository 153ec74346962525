"""When the next request may leave: the exchange's limits, and patience while many components come at once.

Limits per connection: 5 messages a second and 100 a minute, windows fixed or sliding (not established). At least 250 ms
between two and at most 90 in any 60 s is safe under both readings. Source: Upbit WebSocket reference, "Rate limits".
"""

from collections import deque

__all__ = ["RequestPace"]

SPACING = 0.25  # seconds between two requests: at most 4 a second
PER_MINUTE = 90
QUIET = 0.2  # a storm of changes is over when none came for this long
PATIENCE = 1.25  # and is not waited out for longer than this after the request before it


class RequestPace:
    """Decides when changes become a request. Times are monotonic seconds, passed in by the caller.

    A change that comes alone leaves after `gather` seconds. While the spacing holds a request back and changes keep
    coming, the request waits for a pause in them, so that hundreds of components starting together cost two requests
    and not one each 250 ms. What is no connection to the exchange has no limits to keep: `is_limited=False`.
    """

    def __init__(self, gather: float = 0.005, *, is_limited: bool = True) -> None:
        self._gather = gather
        self._is_limited = is_limited
        self._sent: deque[float] = deque()  # within the last minute
        self._first_change: float | None = None
        self._last_change = 0.0

    def changed(self, now: float) -> None:
        """Note that there is something to send."""
        if self._first_change is None:
            self._first_change = now
        self._last_change = now

    def due(self, now: float) -> float | None:
        """Return when the next request should leave (`now` or earlier: at once), `None` when nothing changed."""
        if self._first_change is None:
            return None
        due = max(self._first_change + self._gather, self.free_at(now))
        if self._sent:
            spaced = self._sent[-1] + SPACING
            if self._first_change < spaced:
                # Changes came while the spacing held: a storm, until it pauses.
                due = max(due, min(self._last_change + QUIET, self._sent[-1] + PATIENCE))
        return due

    def free_at(self, now: float) -> float:
        """Return the earliest time at which the limits allow any message, `now` if they allow it now."""
        while self._sent and self._sent[0] <= now - 60.0:
            self._sent.popleft()
        if not self._sent:
            return now
        free = self._sent[-1] + SPACING
        if len(self._sent) >= PER_MINUTE:
            free = max(free, self._sent[-PER_MINUTE] + 60.0)
        return max(free, now)

    def sent(self, now: float, *, settles: bool = True) -> None:
        """Note that a message left. `settles`: it was a subscription, so it carried every change so far."""
        if self._is_limited:
            self._sent.append(now)
        if settles:
            self._first_change = None

    def settled(self) -> None:
        """Note that nothing needs to be sent after all: the changes cancelled out."""
        self._first_change = None

    def reset(self) -> None:
        """Forget what was sent: the limits are per connection and this is a new one. Changes stay noted."""
        self._sent.clear()
