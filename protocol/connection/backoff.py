"""How long to wait before the next connection attempt.

Full jitter (a uniform draw below a doubling ceiling) spreads clients that lost the same server. The exchange allows
5 connects a second for each address and answers more with HTTP 429, then 418 with a block that grows with repetition.
Source: Upbit WebSocket reference, "Rate limits" and "Operational behaviour".
"""

from collections.abc import Callable

from websocket_v6.protocol.errors import RateLimitedError

__all__ = ["Backoff"]

AFTER_429 = 1.0  # the limit's window is a second
AFTER_418 = 60.0  # a block whose end the exchange did not tell


class Backoff:
    """Counts failures in a row. `random` returns floats in [0, 1)."""

    def __init__(self, initial: float, maximum: float, random: Callable[[], float]) -> None:
        self._initial = initial
        self._maximum = maximum
        self._random = random
        self._failures = 0

    def succeeded(self) -> None:
        """Start over: the connection carried data."""
        self._failures = 0

    def failed(self, error: Exception | None = None) -> float:
        """Note a failure and return the seconds to wait before the next attempt."""
        ceiling = min(self._maximum, self._initial * 2.0 ** min(self._failures, 32))
        self._failures += 1
        wait = ceiling * self._random()
        if isinstance(error, RateLimitedError):
            floor = error.retry_after
            if floor is None:
                floor = AFTER_418 if error.status == 418 else AFTER_429
            # Jitter above the floor: a block must be sat out whole.
            return floor + wait
        return wait
