"""Rate limits as counters of a clock that is handed in.

Source: Upbit WebSocket reference, "Rate limits".
"""

from collections import defaultdict, deque
from typing import Literal, NamedTuple

from .exchange_limits import Limits

__all__ = ["Gate", "Quota", "Verdict"]


class Quota:
    """Counts what happened against one limit: `limit` times within `seconds`."""

    def __init__(self, limit: int | None, seconds: float, window: Literal["sliding", "fixed"] = "sliding") -> None:
        self._limit = limit
        self._seconds = seconds
        self._window = window
        self._times: deque[float] = deque()

    def left(self, now: float) -> int:
        """Return how many more are allowed at `now`."""
        if self._limit is None:
            return 1_000_000
        start = now - self._seconds
        if self._window == "fixed":
            # An epsilon less, so that what came exactly as the window began still counts.
            start = now // self._seconds * self._seconds - 1e-9
        while self._times and self._times[0] <= start:
            self._times.popleft()
        return self._limit - len(self._times)

    def count(self, now: float) -> None:
        if self._limit is not None:
            self._times.append(now)


class Verdict(NamedTuple):
    """What a gate says to a connect: `status` 101 lets it in, 429 and 418 do not."""

    status: int
    left: int
    blocked_for: float = 0.0


class Gate:
    """Lets connects in at the pace of the limits; each `who` (an IP, a key, an IP with `Origin`) has its own count."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._meters: dict[str, Quota] = {}
        self._refusals: defaultdict[str, deque[float]] = defaultdict(deque)
        self._blocks: dict[str, tuple[float, float]] = {}  # until when, and how long the next one lasts

    def admit(self, who: str, now: float, *, limit: int | None, seconds: float = 1.0) -> Verdict:
        """Count one try at `now` and say whether it may pass."""
        until, _ = self._blocks.get(who, (0.0, 0.0))
        if now < until:
            return Verdict(418, 0, until - now)
        meter = self._meters.setdefault(who, Quota(limit, seconds, self._limits.window))
        left = meter.left(now)
        if left > 0:
            meter.count(now)
            return Verdict(101, left - 1)
        return self._refuse(who, now)

    def _refuse(self, who: str, now: float) -> Verdict:
        refusals = self._refusals[who]
        while refusals and refusals[0] <= now - 10.0:
            refusals.popleft()
        refusals.append(now)
        if len(refusals) <= self._limits.block_after:
            return Verdict(429, 0)
        refusals.clear()
        _, seconds = self._blocks.get(who, (0.0, self._limits.block_seconds))
        self._blocks[who] = (now + seconds, seconds * 2)
        return Verdict(418, 0, seconds)
