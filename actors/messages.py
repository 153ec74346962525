"""What the actors of one engine tell each other. Each name says what is wanted or what happened.

A message is a `NamedTuple` of msgpack values, so that it reads the same on either side of a pipe. The exceptions are
marked `live`: a mailbox or a credit queue is how two threads meet, an error goes to user code, a ref answers; these
never leave their process.
"""

import itertools
import queue
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

import pykka

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.inbound import Notice
from websocket_v6.protocol.served import Plan
from websocket_v6.protocol.streams import Stream
from websocket_v6.protocol.wants import Want

from .mailbox import MailboxQueue

__all__ = [
    "AddRoutes",
    "Ask",
    "AskExchange",
    "AskList",
    "AttachSource",
    "BackfillEnded",
    "CheckSilent",
    "ComponentGone",
    "Connect",
    "ConnectionChanged",
    "Credits",
    "DetachSource",
    "Disconnect",
    "DropConnection",
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
    "Join",
    "KeysChanged",
    "LineChanged",
    "LineServes",
    "MailboxDrained",
    "Malformed",
    "Merge",
    "NewEpoch",
    "Ready",
    "Ref",
    "Renew",
    "Retire",
    "SnapshotServed",
    "StreamFailed",
    "StreamsSeen",
    "Subscribe",
    "Sync",
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
    "next_subscription_id",
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


# Subscriptions are told apart by number in the whole process, whoever makes them.
next_subscription_id: Callable[[], int] = itertools.count(1).__next__


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


# --- router to registry


class StreamsSeen(NamedTuple):
    """`streams` delivered their first message since this line opened, or since they were asked for anew."""

    endpoint: str
    line: int
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
    """One more line of `endpoint`: this connection, or link to another process (live), which serves nothing yet.

    It hears Connect, Ask, AskList and Disconnect, and tells LineChanged and ExchangeSaid under its number.
    """

    endpoint: str
    ref: Ref
    line: int
    limited: bool = True  # the exchange's limits on requests hold for it
    heir_of: tuple[int, ...] = ()  # the lines that end as soon as it serves


class DropConnection(NamedTuple):
    """This line (live) of `endpoint` is gone for good."""

    endpoint: str
    ref: Ref


# --- registry to components


class StreamFailed(NamedTuple):
    """The stream of one subscription cannot be served (error: live); `final` ends the subscription."""

    subscription_id: int
    error: WebSocketV6Error
    final: bool


class ConnectionChanged(NamedTuple):
    """What happened to all lines of an endpoint together; becomes a `ConnectionEvent`.

    With several lines, it is "lost" when no other serves in its place.
    """

    endpoint: str
    state: str  # "connecting", "open", "lost", "refused", "closed", "backfilled"
    epoch: int  # counts the times at which something may be missing
    at_ns: int
    gap_started_ns: int | None = None
    reason: str = ""
    error: WebSocketV6Error | None = None
    backfill: BackfillEnded | None = None  # of state "backfilled"


class EngineFailed(NamedTuple):
    """The engine has given up: nothing will be delivered any more (error: live)."""

    error: WebSocketV6Error


# --- line to router


class AttachSource(NamedTuple):
    """Batches of this line and its epoch will come; give a credit back for each (live)."""

    endpoint: str
    line: int
    epoch: int
    credits: Credits


# --- line to registry


class LineChanged(NamedTuple):
    """What happened to one line of an endpoint."""

    endpoint: str
    line: int
    state: str  # "connecting", "open", "lost", "refused", "closed"
    epoch: int  # counts the connections of this line
    at_ns: int
    gap_started_ns: int | None = None  # when its last bytes came, if it was open before
    reason: str = ""
    error: WebSocketV6Error | None = None


class ExchangeSaid(NamedTuple):
    """The exchange sent something that is not data: an error, an answer."""

    endpoint: str
    line: int
    epoch: int
    notice: Notice


class Sync(NamedTuple):
    """Have you heeded all that I told you, and told the router? Asked; the answer says so."""


# --- registry to line


class Connect(NamedTuple):
    """Someone wants this endpoint: connect, and stay connected.

    `wants` is the union, for a line that must know it beforehand; what to serve is told by Ask.
    """

    endpoint: str
    wants: tuple[Want, ...] = ()


class Disconnect(NamedTuple):
    """Nobody wants this endpoint any more: close."""

    endpoint: str


class Ask(NamedTuple):
    """Have this served instead of what was asked before."""

    endpoint: str
    plan: Plan


class AskList(NamedTuple):
    """Have the exchange list what it serves. The answer, an ExchangeSaid, bears the ticket.

    It also acknowledges every request before it.
    """

    endpoint: str
    ticket: str


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


class Renew(NamedTuple):
    """A connection (live) is to be replaced by a new one, which must serve before this one ends."""

    ref: Ref


class LineServes(NamedTuple):
    """This line has all that is wanted, or never will: one that it is to replace may end."""

    line: int


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
