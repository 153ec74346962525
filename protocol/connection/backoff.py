"""How long to wait before the next connection attempt.

Full jitter (a uniform draw below a doubling ceiling) spreads clients that lost the same server. The exchange allows
5 connects a second for each address and answers more with HTTP 429, then 418 with a block that grows with repetition.
Source: Upbit WebSocket reference, "Rate limits" and "Operational behaviour".
"""

from collections.abc import Callable

from websocket_v6.protocol.errors import RateLimitedError, TransportError
from websocket_v6.protocol.limits import RETRY_AFTER

__all__ = ["Backoff", "block_of"]

AFTER_429 = 1.0  # the limit's window is a second
AFTER_418 = 60.0  # a block whose end the exchange did not tell


def block_of(error: Exception | None) -> float | None:
    """Return for how many seconds no connect may follow this failure, of whatever connection; None if one may."""
    if not isinstance(error, TransportError):
        return None
    seconds = error.retry_after
    if seconds is None and isinstance(error, RateLimitedError):
        seconds = AFTER_418 if error.status == 418 else AFTER_429
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER)


class Backoff:
    """Counts failures in a row. `random` returns floats in [0, 1)."""

    def __init__(self, initial: float, maximum: float, random: Callable[[], float], failures: int = 0) -> None:
        self._initial = initial
        self._maximum = maximum
        self._random = random
        self.failures = failures

    def succeeded(self) -> None:
        """Start over: the connection carried data."""
        self.failures = 0

    def failed(self, error: Exception | None = None) -> float:
        """Note a failure and return the seconds to wait before the next attempt."""
        ceiling = min(self._maximum, self._initial * 2.0 ** min(self.failures, 32))
        self.failures += 1
        # Jitter above the block: that must be sat out whole.
        return (block_of(error) or 0.0) + ceiling * self._random()
