"""What the actors of one engine tell each other. Each name says what is wanted or what happened.

A message is a `NamedTuple` of msgpack values, so that it reads the same on either side of a pipe. The exceptions are
marked `live`: a mailbox or a credit queue is how two threads meet, an error goes to user code, a ref answers; these
never leave their process.
"""

import queue
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

import pykka

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.inbound import Notice
from websocket_v6.protocol.streams import Stream
from websocket_v6.protocol.wants import Want

from .mailbox import MailboxQueue

__all__ = [
    "AddRoutes",
    "AskExchange",
    "AttachSource",
    "BackfillEnded",
    "CheckSilent",
    "ComponentGone",
    "Connect",
    "ConnectionChanged",
    "Credits",
    "Disconnect",
    "DropRoutes",
    "EngineFailed",
    "ExchangeSaid",
    "Expect",
    "Failed",
    "Flush",
    "Forget",
    "GetEstate",
    "GetHealth",
    "HoldTrades",
    "KeysChanged",
    "MailboxDrained",
    "Malformed",
    "Ready",
    "Ref",
    "Retire",
    "SendText",
    "SnapshotServed",
    "StreamFailed",
    "StreamsSeen",
    "Subscribe",
    "Unsubscribe",
    "UseBackfill",
    "UseConnection",
    "UseRegistry",
    "UseRouter",
    "Watch",
    "WireLost",
    "WireOpened",
    "WirePonged",
    "WireRefused",
    "WireSaid",
]

Ref: TypeAlias = pykka.ActorRef[Any]
Credits: TypeAlias = queue.SimpleQueue[bool]


# --- components to registry


class Watch(NamedTuple):
    """A component is there; it hears of connections and failures at `component` (live)."""

    component_id: str
    component: Ref


class ComponentGone(NamedTuple):
    """A component has left: take back all it wants."""

    component_id: str


class Subscribe(NamedTuple):
    """A component wants something delivered to `mailbox` (live), and to be told at `component` (live) when it is."""

    component_id: str
    subscription_id: int
    want: Want
    mailbox: MailboxQueue
    component: Ref | None  # None: the mailbox is pulled, nobody needs telling


class Unsubscribe(NamedTuple):
    """Take back one subscription, or only `want` of it when codes are removed."""

    component_id: str
    subscription_id: int
    want: Want | None = None


class AskExchange(NamedTuple):
    """What does the exchange say that it serves on `endpoint`? Answered through the future given (live)."""

    endpoint: str
    answer: "pykka.Future[Any]"


# --- registry to router


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
    """The connection of `endpoint` is lost: last values are no longer current."""

    endpoint: str


class HoldTrades(NamedTuple):
    """The public connection is back: hold its trades until those between the two times are fetched, if backfill can."""

    epoch: int
    started_ns: int
    ended_ns: int
    patience: float  # seconds that they may be held


# --- router to registry


class StreamsSeen(NamedTuple):
    """`streams` delivered their first message of this epoch."""

    endpoint: str
    streams: tuple[Stream, ...]


class SnapshotServed(NamedTuple):
    """The subscription wanted a snapshot alone of `stream`, and got it."""

    subscription_id: int
    stream: Stream


# --- router and components


class Ready(NamedTuple):
    """The subscription's mailbox has something to take."""

    subscription_id: int


class MailboxDrained(NamedTuple):
    """A mailbox that made its source wait has room again."""

    subscription_id: int


class Malformed(NamedTuple):
    """A message that came as `stream` could not be decoded. `key` tells it from others, so that it counts once."""

    stream: Stream
    problem: str
    key: tuple[int, int]


# --- backfill to registry


class BackfillEnded(NamedTuple):
    """A gap has been seen to: the trades that were recovered, by code, and what was not."""

    epoch: int
    started_ns: int
    ended_ns: int
    recovered: Mapping[str, int]
    unrecovered: tuple[Unrecovered, ...]

    def of(self, codes: Collection[str]) -> "BackfillEnded":
        """Return the part of it that concerns `codes`."""
        recovered = {code: count for code, count in self.recovered.items() if code in codes}
        return self._replace(
            recovered=recovered, unrecovered=tuple(one for one in self.unrecovered if one.symbol in codes)
        )


# --- supervisor to registry and router: who the others are, after one of them was started anew


class UseRegistry(NamedTuple):
    """Report to this registry (live)."""

    registry: Ref


class UseRouter(NamedTuple):
    """Keep routes in this router (live), which has none yet."""

    router: Ref


class UseBackfill(NamedTuple):
    """Have missed trades fetched by this actor (live)."""

    backfill: Ref


class UseConnection(NamedTuple):
    """Send requests of `endpoint` to this connection (live), which serves nothing yet."""

    endpoint: str
    connection: Ref


# --- registry to components


class StreamFailed(NamedTuple):
    """The stream of one subscription cannot be served (error: live); `final` ends the subscription."""

    subscription_id: int
    error: WebSocketV6Error
    final: bool


class ConnectionChanged(NamedTuple):
    """What happened to a connection; becomes a `ConnectionEvent`."""

    endpoint: str
    state: str  # "connecting", "open", "lost", "refused", "closed", "backfilled"
    epoch: int
    at_ns: int
    gap_started_ns: int | None = None
    reason: str = ""
    error: WebSocketV6Error | None = None
    backfill: BackfillEnded | None = None  # of state "backfilled"


class EngineFailed(NamedTuple):
    """The engine has given up: nothing will be delivered any more (error: live)."""

    error: WebSocketV6Error


# --- connection to router


class AttachSource(NamedTuple):
    """Batches of this endpoint and epoch will come; give a credit back for each (live)."""

    endpoint: str
    epoch: int
    credits: Credits


# --- connection to registry


class ExchangeSaid(NamedTuple):
    """The exchange sent something that is not data: an error, an answer."""

    endpoint: str
    epoch: int
    notice: Notice


# --- registry to connection


class Connect(NamedTuple):
    """Someone wants this endpoint: connect, and stay connected."""


class Disconnect(NamedTuple):
    """Nobody wants this endpoint any more: close."""


class SendText(NamedTuple):
    """Send this request."""

    text: str


# --- wire (the socket's thread) to connection


class WireOpened(NamedTuple):
    """The handshake is done."""

    epoch: int


class WireRefused(NamedTuple):
    """There is no connection, and why (error: live)."""

    epoch: int
    error: WebSocketV6Error


class WireLost(NamedTuple):
    """The connection ended, and why (error: live); `at_ns` is when the last bytes arrived."""

    epoch: int
    error: WebSocketV6Error
    at_ns: int


class WirePonged(NamedTuple):
    """The peer answered a ping."""

    epoch: int


class WireSaid(NamedTuple):
    """The exchange sent something that is not data."""

    epoch: int
    notice: Notice


# --- to the supervisor, and to anyone


class Failed(NamedTuple):
    """A bug ended the child called `name` (error: live); `estate` is what its successor begins with (live)."""

    name: str
    ref: Ref
    error: BaseException
    estate: Any = None


class KeysChanged(NamedTuple):
    """The account's keys were replaced: private connections connect again with the new ones."""


class GetEstate(NamedTuple):
    """What should your successor begin with? Asked of a child that is replaced although it did not fail (live)."""


class GetHealth(NamedTuple):
    """What is your state? Asked; each actor answers with its own part."""


# --- an actor to itself, later


class Flush(NamedTuple):
    """Changes have been gathered: send them."""

    endpoint: str


class CheckSilent(NamedTuple):
    """Have all codes of this subscription delivered by now, on the connection of this epoch?"""

    subscription_id: int
    epoch: int
