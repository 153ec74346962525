"""What the simulator tells about itself: immutable values, the same from a thread and from another process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["ConnectionInfo", "RequestRecord", "Sent", "Served"]


class Sent(NamedTuple):
    """One message as it left: its stream, its JSON object without the array of the list formats, its stream type."""

    stream: str
    text: str
    kind: str  # "SNAPSHOT" or "REALTIME"


class RequestRecord(NamedTuple):
    """One frame that came from the client."""

    at: float  # the simulator's clock, seconds since 1970
    text: str


class Served(NamedTuple):
    """One stream of a connection's subscription as the exchange serves it."""

    stream: str
    snapshot: bool
    realtime: bool
    units: int = 30  # order book levels


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connection, open or closed."""

    id: int
    endpoint: str  # "public", "private" or "info"
    open: bool
    opened_at: float  # the simulator's clock, seconds since 1970
    closed_at: float | None
    close_code: int | None  # as far as the closing handshake went; 1006 is a cut
    headers: Mapping[str, str]  # in lower case, without Authorization and Cookie
    access_key: str | None
    compressed: bool
    format: str
    requests: tuple[RequestRecord, ...]  # subscription requests and LIST_SUBSCRIPTIONS, refused ones too
    pings: int  # PING frames that came
    served: frozenset[str]  # the streams that go on, such as "ticker KRW-BTC"
    subscription: tuple[Served, ...]  # the same with options, snapshot-only streams too
    snapshots: Mapping[str, int] = field(default_factory=dict)  # how many SNAPSHOT messages each stream was sent
    sent: int = 0  # data messages sent
    waiting: int = 0  # messages that wait for a stalled or slow connection
