"""When the next call about the account may leave.

The exchange allows 30 a second for each pocket, which the bot's own calls and every other key of it share. Ours are 5 a
second at most, fewer while the others make many: each answer says how many are left in this second, so two answers say
what the others have used meanwhile.
Source: Upbit WebSocket reference, "REST for an engine"; Upbit REST reference, "Rate limits".
"""

import re
from collections import deque

from websocket_v6.protocol.limits import RETRY_AFTER

__all__ = ["AccountPace"]

LIMIT = 30  # calls a second
SPACING = 0.2
SLOW = 1.0  # between two, while the others need most of them
LEAST_LEFT = 5
BUSY = 20.0  # calls a second of others
REMEMBERED = 10.0  # seconds for which others are taken to go on as they did
NEXT_SECOND = 1.0
BLOCKED = 60.0  # seconds, if a 418 does not say how many
RETRY = 0.25  # seconds after a call that failed, twice as many after each further one

_left_of = re.compile(r"\bsec=(\d{1,6})").search


class AccountPace:
    """Spaces the calls. Times are monotonic seconds, passed in by the caller."""

    def __init__(self) -> None:
        self._free_at = 0.0
        self._last: tuple[float, int] | None = None  # when the last answer came, and how many it left
        self._others: deque[tuple[float, float]] = deque(maxlen=64)  # when, and how many a second others made

    def due(self, now: float) -> float:
        """Return when the next call may leave, `now` if at once."""
        return max(now, self._free_at)

    def sent(self, now: float) -> None:
        """Note that a call left."""
        self._free_at = now + SPACING

    def answered(self, now: float, remaining: str) -> None:
        """Note an answer, and what its header `Remaining-Req` says."""
        found = _left_of(remaining)
        if found is None:
            return
        left, before = int(found[1]), self._last
        self._last = now, left
        if before is not None and 0 < now - before[0] < 1.0 and left < before[1]:
            self._others.append((now, (before[1] - left - 1) / (now - before[0])))
        while self._others and now - self._others[0][0] > REMEMBERED:
            self._others.popleft()
        is_busy = any(rate > BUSY for _, rate in self._others)
        if left < LEAST_LEFT or is_busy:
            self._free_at = max(self._free_at, now + SLOW)

    def refused(self, now: float, status: int, retry_after: float | None) -> float:
        """Note that a call was one too many (429), or that the pocket is blocked (418); return for how long."""
        wait = retry_after if retry_after is not None else NEXT_SECOND if status == 429 else BLOCKED
        wait = min(max(wait, NEXT_SECOND), RETRY_AFTER)
        self._free_at = max(self._free_at, now + wait)
        return wait

    def failed(self, now: float, times: int) -> None:
        """Note that there was no answer, or none of use, `times` times in a row."""
        self._free_at = max(self._free_at, now + RETRY * 2 ** (times - 1))
