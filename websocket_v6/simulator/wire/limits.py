"""The exchange's rate limits as counters of a clock that is handed in.

Source: Upbit WebSocket reference, "Rate limits": 5 connects per second for an IP (or, with a token, for a key), 429
and then 418 with a growing block; 5 messages per second and 100 per minute for a connection; any request with an
`Origin` header has a bucket of its own, 1 per 10 s.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Gate", "Limits", "Meter", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is allowed; `None` is no limit."""

    connects_per_second: int | None = 5
    messages_per_second: int | None = 5
    messages_per_minute: int | None = 100
    rest_per_second: int | None = 10
    origin_per_10s: int | None = 1
    private_connections: int | None = None
    """Private sockets open at once for one key; that there is a limit is documented, its number is not."""
    indicator_combinations: int | None = 100
    window: Literal["sliding", "fixed"] = "sliding"
    """Fixed windows begin with the second and the minute of the clock."""
    block_after: int = 3
    """Refusals with 429 within 10 s after which the answer is 418."""
    block_seconds: float = 10.0
    """How long the first block lasts; each further one lasts twice as long."""
    outbox_bytes: int = 64 * 1024 * 1024
    """Bytes that may wait for a slow reader before its connection is cut."""
    request_bytes: int = 1024 * 1024
    """The largest message that is read; a larger one is answered with close code 1009."""
    connection_seconds: float | None = None
    """How old a connection may get before it is cut; no limit is documented."""

    @classmethod
    def off(cls) -> "Limits":
        """Return limits that refuse nothing."""
        return cls(
            connects_per_second=None,
            messages_per_second=None,
            messages_per_minute=None,
            rest_per_second=None,
            origin_per_10s=None,
            indicator_combinations=None,
        )


class Meter:
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
        self._meters: dict[str, Meter] = {}
        self._refusals: defaultdict[str, deque[float]] = defaultdict(deque)
        self._blocks: dict[str, tuple[float, float]] = {}  # until when, and how long the next one lasts

    def admit(self, who: str, now: float, *, limit: int | None, seconds: float = 1.0) -> Verdict:
        """Count one try at `now` and say whether it may pass."""
        until, _ = self._blocks.get(who, (0.0, 0.0))
        if now < until:
            return Verdict(418, 0, until - now)
        meter = self._meters.setdefault(who, Meter(limit, seconds, self._limits.window))
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
