"""How large the requests of one connection are, and how large one may be, as far as the exchange has shown.

What the exchange takes is not known: 9,468 bytes are served, and common servers take messages of 64 KiB. One that takes
less closes the connection without a word about the request, and the engine would ask the same again for ever. So after
the end of a connection soon after a request that is larger than any that was served, one may be half as large.
Source: Upbit WebSocket reference, "Open questions".
"""

__all__ = ["KNOWN_SERVED", "LARGE_REQUEST", "RequestLimit", "RequestSizes"]

KNOWN_SERVED = 9_468  # bytes, measured
LARGE_REQUEST = 60_000  # bytes, below 64 KiB
SOON = 2.0  # seconds after a request in which a connection that ends may have ended for it
# Of a request that was not taken: half, and what each half has in common with it, so that two of them hold it all.
HALF = 9 / 16


class RequestLimit:
    """How large a request to one host may be, for as long as this process runs; all its connections share it."""

    def __init__(self) -> None:
        self.bytes = LARGE_REQUEST
        self.served = KNOWN_SERVED  # the largest after which a connection went on

    def taken(self, size: int) -> None:
        """Note that a request of `size` bytes is served."""
        self.served = max(self.served, size)

    def not_taken(self, size: int) -> None:
        """Note that one of `size` bytes was not, it seems."""
        self.bytes = min(self.bytes, max(self.served, int(size * HALF)))


class RequestSizes:
    """Knows the last request of one connection. Times are monotonic seconds."""

    def __init__(self, limit: RequestLimit) -> None:
        self.bytes = 0  # of the last request
        self.codes = 0  # in it
        self._limit = limit
        self._sent_at: float | None = None  # while it may be what a connection ends for

    def sent(self, size: int, codes: int, now: float) -> bool:
        """Note a request; return whether it is beyond what common servers take, and the one before was not."""
        self._look(now)
        is_news = size > LARGE_REQUEST >= self.bytes
        self.bytes, self.codes, self._sent_at = size, codes, now
        return is_news

    def explained(self) -> None:
        """Note that the connection ends for another reason than the size of what it was asked."""
        self._sent_at = None

    def ended(self, now: float) -> str:
        """Note that the connection has ended, unasked; return what to say of the request, nothing if it is not that."""
        self._look(now)
        sent_at, self._sent_at = self._sent_at, None
        if sent_at is None or self.bytes <= self._limit.served:
            return ""
        self._limit.not_taken(self.bytes)
        return (
            f"{now - sent_at:.1f} s after a request of {self.bytes:,} bytes for {self.codes:,} codes, larger than any "
            f"that was served ({self._limit.served:,})"
        )

    def _look(self, now: float) -> None:
        if self._sent_at is not None and now - self._sent_at >= SOON:
            self._limit.taken(self.bytes)
            self._sent_at = None
