"""How one connection stands, as `health()` shows it."""

from typing import NamedTuple

__all__ = ["ConnectionHealth", "PartHealth"]


class PartHealth(NamedTuple):
    """One socket of a connection: how many codes it was last asked for, in a request of how many bytes."""

    codes: int
    request_bytes: int


class ConnectionHealth(NamedTuple):
    """One connection as it stands. `up_seconds` is 0 while it is not open.

    It has more than one socket, each with its part of the codes, where one request would be too large for all of them;
    `request_bytes` and `codes` are those of all its `parts`.
    """

    endpoint: str
    source: int
    state: str  # "idle", "waiting", "connecting", "open", "refused", "closing"
    epoch: int  # of the endpoint
    up_seconds: float
    reconnects: int
    request_bytes: int  # of its last subscription
    error: str
    serves: bool = False  # all that is wanted comes through it; with several sources, each needs a moment for that
    wire_bytes: int = 0  # that came since this part of the engine runs, on all its connections
    payload_bytes: int = 0  # of the messages in them, inflated
    delay: float | None = None  # seconds from the exchange's clock to here, of the endpoint's newest live messages
    codes: int = 0  # in its last subscription
    parts: tuple[PartHealth, ...] = ()  # one for each socket
