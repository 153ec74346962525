"""What a component is told; it hears at the ref that it gave."""

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Markets, MarketsEvent
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

from .registry import BackfillEnded

__all__ = ["ConnectionChanged", "EngineFailed", "MarketsListed", "PartFailed", "Ready", "ReplayOver", "StreamFailed"]


class Ready(Message):
    """The subscription's mailbox has something to take."""

    subscription_id: int


class StreamFailed(Message):
    """The stream of one subscription cannot be served (error: live); `final` ends the subscription."""

    subscription_id: int
    error: WebSocketV6Error
    final: bool
    streams: tuple[Stream, ...] = ()  # of a subscription that is ended, all that it was of


class ConnectionChanged(Message):
    """What happened to all sources of an endpoint together; becomes a `ConnectionEvent`.

    With several sources, it is "lost" when no other serves in its place.
    """

    endpoint: str
    state: str  # "connecting", "open", "lost", "refused", "closed", "backfilled", "reconciled"
    epoch: int  # counts the times at which something may be missing
    at_ns: int
    gap_started_ns: int | None = None
    reason: str = ""
    error: WebSocketV6Error | None = None
    backfill: BackfillEnded | None = None  # of state "backfilled" or "reconciled"
    retry_in: float | None = None  # seconds to the next attempt, where that is known


class PartFailed(Message):
    """A part of the engine that these endpoints need has failed, and is started again: `reason` says when."""

    endpoints: tuple[str, ...]
    at_ns: int
    reason: str


class ReplayOver(Message):
    """The recording that is played has come to its end: nothing follows."""


class EngineFailed(Message):
    """What this component wanted is lost: nothing will be delivered of it any more (error: live)."""

    error: WebSocketV6Error


class MarketsListed(Message):
    """The list of a quote currency has come, or is another. `event`: what has changed, unless a mailbox tells that."""

    markets: Markets
    event: MarketsEvent | None
