"""How an endpoint stands, as `health()` shows it, and what outlives it."""

from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

from .epochs import KnownGap
from .lease import LeasesInheritance

__all__ = ["EndpointHealth", "EndpointInheritance"]


class EndpointHealth(Message):
    """What one endpoint is asked for, and how its data hangs together.

    `requests_sent` counts subscriptions and questions to the exchange, on all sources.
    """

    endpoint: str
    streams: int
    leases: int
    requests_sent: int
    epoch: int
    serving: frozenset[int]  # the sources, by number, that have all that is wanted
    wanted: tuple[Stream, ...] = ()
    gaps: tuple[KnownGap, ...] = ()  # the last ones, oldest first


class EndpointInheritance(Message):
    """What outlives an endpoint that a bug ended: the wants are the components', not its own."""

    leases: LeasesInheritance = LeasesInheritance()
    epoch: int = 0
    missing_since_ns: int | None = None  # since when something may be missing, at worst
    was_served: bool = False  # then the router knows better
