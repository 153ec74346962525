"""How large the requests of one source are, and how large one may be, as far as the exchange has shown.

What the exchange takes is not known: 9,468 bytes are served, and common servers take messages of 64 KiB. One that takes
less closes the connection without a word about the request, and the engine would ask the same again for ever. So the
end of a connection soon after a request that is larger than any that was served is told with that.
Source: Upbit WebSocket reference, "Open questions".
"""

from collections.abc import Iterable, Mapping

__all__ = ["KNOWN_SERVED", "LARGE_REQUEST", "RequestSizes", "codes_of"]

KNOWN_SERVED = 9_468  # bytes, measured
LARGE_REQUEST = 60_000  # bytes, below 64 KiB
SOON = 2.0  # seconds after a request in which a connection that ends may have ended for it


class RequestSizes:
    """Knows the last request, and the largest one after which the connection went on. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.bytes = 0  # of the last request
        self.codes = 0  # in it
        self.served = KNOWN_SERVED
        self._sent_at: float | None = None  # while it may be what a connection ends for

    def sent(self, size: int, codes: int, now: float) -> bool:
        """Note a request; return whether it is beyond what common servers take, and the one before was not."""
        self._look(now)
        is_news = size > LARGE_REQUEST >= self.bytes
        self.bytes, self.codes, self._sent_at = size, codes, now
        return is_news

    def ended(self, now: float) -> str:
        """Note that the connection has ended, unasked; return what to say of the request, nothing if it is not that."""
        self._look(now)
        sent_at, self._sent_at = self._sent_at, None
        if sent_at is None or self.bytes <= self.served:
            return ""
        return (
            f"{now - sent_at:.1f} s after a request of {self.bytes:,} bytes for {self.codes:,} codes, larger than any "
            f"that was served ({self.served:,}): if that goes on, the exchange takes none so large; subscribe to fewer "
            "codes"
        )

    def _look(self, now: float) -> None:
        if self._sent_at is not None and now - self._sent_at >= SOON:
            self.served = max(self.served, self.bytes)
            self._sent_at = None


def codes_of(types: Iterable[Mapping[str, object]]) -> int:
    """Return how many codes a request names. Of an order book, a code has its depth as a suffix."""
    found = (one.get("codes") for one in types)
    return len({code.partition(".")[0] for codes in found if isinstance(codes, list | tuple) for code in codes})
