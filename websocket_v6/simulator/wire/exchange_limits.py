"""The exchange's limits, as a simulator is given them; `gate.py` counts.

Source: Upbit WebSocket reference, "Rate limits": 5 connects per second for an IP (or, with a token, for a key), 429
and then 418 with a growing block; 5 messages per second and 100 per minute for a connection; any request with an
`Origin` header has a bucket of its own, 1 per 10 s.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is allowed; `None` is no limit."""

    connects_per_second: int | None = 5
    messages_per_second: int | None = 5
    messages_per_minute: int | None = 100
    rest_per_second: int | None = 10
    """Quotation calls of each group, for an address."""
    exchange_per_second: int | None = 30
    orders_per_second: int | None = 12
    """Exchange calls, and orders placed, for a key; 8 before 2026-08-21."""
    order_tests_per_second: int | None = 8
    cancel_all_per_2s: int | None = 1
    origin_per_10s: int | None = 1
    private_connections: int | None = None
    """Private sockets open at once for one key; that there is a limit is documented, its number is not."""
    public_connections: int | None = None
    """Public sockets open at once from one address; no limit is documented."""
    connections_status: int = 429
    """The status that refuses one more."""
    indicator_combinations: int | None = 100
    window: Literal["sliding", "fixed"] = "sliding"
    """Fixed windows begin with the second and the minute of the clock."""
    block_after: int = 3
    """Refusals with 429 within 10 s after which the answer is 418."""
    block_seconds: float = 10.0
    """How long the first block lasts; each further one lasts twice as long."""
    outbox_bytes: int = 64 * 1024 * 1024
    """Bytes that may wait for a slow reader before its connection is cut."""
    request_codes: int | None = None
    """Codes in one request, of which more are `INVALID_PARAM`; no limit is documented, 855 are proven."""
    request_bytes: int = 1024 * 1024
    """The largest message that is read; a larger one is answered with a close."""
    request_bytes_code: int | None = 1009
    """The code of that; `None`: the connection is cut without a word."""
    connection_seconds: float | None = None
    """How old a connection may get before it is cut; no limit is documented."""

    def rest_quota(self, group: str) -> tuple[int | None, float]:
        """Return how many calls of a group are allowed within how many seconds."""
        if group == "order-cancel-all":
            return self.cancel_all_per_2s, 2.0
        named = {
            "default": self.exchange_per_second,
            "order": self.orders_per_second,
            "order-test": self.order_tests_per_second,
        }
        return named.get(group, self.rest_per_second), 1.0

    @classmethod
    def off(cls) -> "Limits":
        """Return limits that refuse nothing."""
        return cls(
            connects_per_second=None,
            messages_per_second=None,
            messages_per_minute=None,
            rest_per_second=None,
            exchange_per_second=None,
            orders_per_second=None,
            order_tests_per_second=None,
            cancel_all_per_2s=None,
            origin_per_10s=None,
            indicator_combinations=None,
        )
