"""What happened to the stream itself: the connection came or went, a mailbox overflowed. Not from the exchange."""

from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, final

import msgspec

__all__ = ["ConnectionEvent", "ConnectionState", "OverflowEvent", "Unrecovered"]


class ConnectionState(StrEnum):
    """What `on_connection` tells; each is its own word, so that `event.state == "open"` holds as well.

    >>> ConnectionState.OPEN == "open", f"{ConnectionState.LOST}"
    (True, 'lost')
    """

    CONNECTING = "connecting"
    """An attempt has begun."""
    OPEN = "open"
    """Connected, and everything is asked for; `gap` tells what may be missing before it."""
    LOST = "lost"
    """The connection, or an attempt, has failed; it is tried again by itself. `reason` says why."""
    REFUSED = "refused"
    """The exchange refuses the keys; they are tried again rarely, or once others are set."""
    CLOSED = "closed"
    """Nothing is wanted of the endpoint any more."""
    BACKFILLED = "backfilled"
    """The gap of an open connection has been seen to: what was `recovered`, and what was not."""
    RESTARTING = "restarting"
    """A part of the engine that the endpoint needs has failed and is started again; what that does is told too."""


class Unrecovered(NamedTuple):
    """Trades of one code that are missing after a gap for good, if there were any: those between the two times."""

    symbol: str
    started_at: int  # Unix nanoseconds
    ended_at: int
    reason: str


class ConnectionEvent(msgspec.Struct, frozen=True):
    """The connection of an endpoint changed its state; messages may be missing where `gap` is given.

    `state` is a ConnectionState: "connecting", "open", "lost", "refused", "closed", "backfilled" or "restarting".

    >>> states = queue.SimpleQueue()
    >>> proxy.on_connection(states.put)
    >>> subscription = proxy.subscribe_ticker("KRW-BTC")
    >>> event = states.get(timeout=5.0)
    >>> event.endpoint in ("public", "private", "info"), isinstance(event.state, ConnectionState)
    (True, True)
    """

    endpoint: str  # "public", "private", "info"
    state: ConnectionState
    epoch: int  # of the endpoint: rises whenever messages may be missing
    gap: float | None = None  # seconds without a connection
    gap_started_at: int | None = None  # Unix nanoseconds: all from before it was delivered
    gap_ended_at: int | None = None  # when it was open again: the streams follow its first request, some 100 ms later
    reason: str = ""
    received_at: int = 0  # Unix nanoseconds
    recovered: int | None = None  # of state "backfilled": the trades that were fetched for this component's codes
    unrecovered: tuple[Unrecovered, ...] = ()

    symbol: ClassVar[None] = None  # concerns all codes of the endpoint
    stream_type: ClassVar[str] = "REALTIME"

    @property
    def timestamp(self) -> int:
        """When it happened, Unix milliseconds."""
        return self.received_at // 1_000_000

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name."""
        return {**_asdict(self), "unrecovered": tuple(one._asdict() for one in self.unrecovered)}


@final
class OverflowEvent(msgspec.Struct, frozen=True):
    """A mailbox dropped events because its reader is too slow, or because its policy means to.

    It goes to `on_overflow`; with `notify=True`, it stands in the stream where they would have been.

    >>> trades = proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(1, notify=True))
    >>> time.sleep(1.0)  # and nobody takes what comes
    >>> overflow = trades.get(timeout=5.0)
    >>> isinstance(overflow, OverflowEvent), overflow.dropped > 0
    (True, True)
    """

    symbol: str | None  # the code whose events were dropped, None for several
    dropped: int  # since the last OverflowEvent
    dropped_total: int
    policy: str  # "latest", "drop_oldest", "throttle", "lossless", "block"
    epoch: int = 0
    received_at: int = 0  # Unix nanoseconds
    type: str = ""  # of the subscription, such as "ticker" or "candle.1m"; empty in the stream itself

    stream_type: ClassVar[str] = "REALTIME"

    @property
    def timestamp(self) -> int:
        """When it happened, Unix milliseconds."""
        return self.received_at // 1_000_000

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name."""
        return _asdict(self)


def _asdict(event: ConnectionEvent | OverflowEvent) -> dict[str, Any]:
    common = {name: getattr(event, name) for name in ("symbol", "timestamp", "received_at", "epoch", "stream_type")}
    return {**common, **msgspec.structs.asdict(event)}
