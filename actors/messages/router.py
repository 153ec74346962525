"""What the router is told."""

from typing import NamedTuple

from websocket_v6.actors.delivery.mailbox import MailboxQueue
from websocket_v6.protocol.exchange.streams import Stream

from .common import Credits, Ref

__all__ = [
    "AddRoutes",
    "AttachSource",
    "DetachSource",
    "DropRoutes",
    "Expect",
    "Forget",
    "HoldTrades",
    "Join",
    "MailboxDrained",
    "Malformed",
    "Merge",
    "NewEpoch",
    "Retire",
    "UseBackfill",
    "UseRegistry",
]


class AddRoutes(NamedTuple):
    """Deliver `streams` to the subscription's mailbox (live) and wake its component (live), if it needs that."""

    subscription_id: int
    streams: tuple[Stream, ...]
    mailbox: MailboxQueue
    component: Ref | None
    replay: bool  # it is new: begin with the last value, if there is one, as a snapshot
    snapshots: bool  # deliver what the exchange sends as a snapshot
    realtime: bool  # go on after the first message


class DropRoutes(NamedTuple):
    """Stop delivering `streams` to the subscription, or all of them if `None`."""

    subscription_id: int
    streams: tuple[Stream, ...] | None = None


class Expect(NamedTuple):
    """From now on `streams` come at a greater depth: their last value is too short for a newcomer who wants it."""

    streams: tuple[Stream, ...]


class Retire(NamedTuple):
    """The exchange no longer serves `streams`: forget their last values."""

    streams: tuple[Stream, ...]


class Forget(NamedTuple):
    """The last line of `endpoint` is lost: last values are no longer current."""

    endpoint: str


class HoldTrades(NamedTuple):
    """The public connection is back: hold its trades until those between the two times are fetched, if backfill can."""

    epoch: int
    started_ns: int
    ended_ns: int
    patience: float  # seconds that they may be held


class DetachSource(NamedTuple):
    """This line is gone for good."""

    endpoint: str
    line: int


class Merge(NamedTuple):
    """`endpoint` has more than one line from now on, and each message counts once; or no more than one."""

    endpoint: str
    is_on: bool


class Join(NamedTuple):
    """This line of an endpoint with several takes part: deliver what it brings, and what it has brought."""

    endpoint: str
    line: int


class NewEpoch(NamedTuple):
    """What comes from `endpoint` from now on belongs to this epoch: something may be missing before it."""

    endpoint: str
    epoch: int


class MailboxDrained(NamedTuple):
    """A mailbox that made its source wait has room again."""

    subscription_id: int


class Malformed(NamedTuple):
    """A message that came as `stream` could not be decoded. `key` tells it from others, so that it counts once."""

    stream: Stream
    problem: str
    key: tuple[int, int]


class UseRegistry(NamedTuple):
    """Report to this registry (live)."""

    registry: Ref


class UseBackfill(NamedTuple):
    """Have missed trades fetched by this actor (live)."""

    backfill: Ref


class AttachSource(NamedTuple):
    """Batches of this line and its epoch will come; give a credit back for each (live)."""

    endpoint: str
    line: int
    epoch: int
    credits: Credits
