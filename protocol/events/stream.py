"""What happened to the stream itself: the connection came or went, a mailbox overflowed. Not from the exchange."""

from typing import Any, ClassVar, NamedTuple, final

import msgspec

__all__ = ["ConnectionEvent", "OverflowEvent", "Unrecovered"]


class Unrecovered(NamedTuple):
    """Trades of one code that are missing after a gap for good, if there were any: those between the two times."""

    symbol: str
    started_at: int  # Unix nanoseconds
    ended_at: int
    reason: str


class ConnectionEvent(msgspec.Struct, frozen=True):
    """The connection of an endpoint changed its state; messages may be missing where `gap` is given.

    Of state "restarting": a part of the engine that the endpoint needs has failed and is started again, as `reason`
    says; what that does to the connection is told beside it.
    """

    endpoint: str  # "public", "private", "info"
    state: str  # the connection's new state; "backfilled" once the gap of an open one has been seen to; "restarting"
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
    """A mailbox dropped events because its reader is too slow; it stands where they would have been."""

    symbol: str | None  # the code whose events were dropped, None for several
    dropped: int  # since the last OverflowEvent
    dropped_total: int
    policy: str  # "latest", "drop_oldest", "throttle", "lossless", "block"
    epoch: int = 0
    received_at: int = 0  # Unix nanoseconds

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
