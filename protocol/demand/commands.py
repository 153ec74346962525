"""What an endpoint's machine has others do than the router: sources, components, the supervisor, whoever asked.

The registry carries them out one by one, in their order: it turns the numbers of leases, sources and askers into the
refs, mailboxes and futures that it keeps. What goes to the router is `protocol/delivery/commands.py`; of routes the
machine knows only the lease.
"""

from typing import Literal, TypeAlias

from websocket_v6.protocol.delivery import commands as router
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

__all__ = [
    "Answer",
    "Begins",
    "Command",
    "Connect",
    "Deny",
    "Disconnect",
    "ListSubscriptions",
    "OpenPart",
    "Report",
    "Resize",
    "Route",
    "RouterCommand",
    "SendRequest",
    "Serves",
    "Suspect",
    "Tell",
    "Unroute",
]

# When a lease's route begins: at once, or with the stream's next snapshot, which comes as deep as it is wanted.
Begins = Literal["now", "next snapshot"]


class Route(Message):
    """Deliver `streams` to the lease's mailbox."""

    lease: int
    streams: tuple[Stream, ...]
    replay: bool  # it is new: begin with the last value, if there is one, as a snapshot
    snapshots: bool  # deliver what the exchange sends as a snapshot
    realtime: bool  # go on after the first message
    begins: Begins
    reconcile: bool = False  # with what the exchange has not sent


class Unroute(Message):
    """Stop delivering `streams` to the lease, or all of them if `None`: it is gone then."""

    lease: int
    streams: tuple[Stream, ...] | None


class Connect(Message):
    """Someone wants the endpoint: have this source connect, and stay connected.

    `types` are the data type objects of all that is wanted, for a source that has to say so before it is open.
    """

    source: int
    types: list[dict[str, object]]


class Disconnect(Message):
    """Nobody wants the endpoint any more: have this source close, after `linger` seconds unless it is wanted again."""

    source: int
    linger: float


class SendRequest(Message):
    """Have this source serve `types`, the exchange's data type objects, instead of what it was asked before.

    `number` counts the requests of the attachment, from 1. A source that has ended that attachment meanwhile must not
    send it: its next one is asked anew. Where that has several parts, it goes to one of them: `attachment` is the
    part's, and `types` what is wanted of that.
    """

    source: int
    number: int
    types: list[dict[str, object]]
    attachment: int


class ListSubscriptions(Message):
    """Have this source list what it serves. The answer bears the ticket, and comes after all data from before it."""

    source: int
    ticket: str
    attachment: int


class OpenPart(Message):
    """Have this source open one more socket for an attachment: one request cannot hold all. Void if that has ended."""

    source: int
    attachment: int


class Resize(Message):
    """Have this source replaced by one with more sockets, or fewer: what is wanted does not fit the ones it has."""

    source: int


class Suspect(Message):
    """Have this source make its connection anew: it is open and brings nothing. Void if that attachment has ended."""

    source: int
    attachment: int
    reason: str


class Tell(Message):
    """Tell components what happened to the endpoint: all that want something of it, or the owner of one lease."""

    state: str  # "connecting", "open", "lost", "refused", "closed"
    epoch: int
    at_ns: int
    gap_started_ns: int | None
    reason: str
    error: WebSocketV6Error | None
    lease: int | None
    retry_in: float | None = None  # seconds to the next attempt, where that is known


class Report(Message):
    """Tell the owner of this lease that its stream cannot be served; `is_final` ends the subscription, of `streams`."""

    lease: int
    error: WebSocketV6Error
    is_final: bool
    streams: tuple[Stream, ...] = ()


class Serves(Message):
    """This source has all that is wanted, or never will: one that it is to replace may end.

    `is_refused`: never, for its keys are refused.
    """

    source: int
    is_refused: bool


class Answer(Message):
    """Give the asker what the exchange says that it serves."""

    asker: int
    subscriptions: SubscriptionList


class Deny(Message):
    """Tell the asker that there is no answer."""

    asker: int
    error: WebSocketV6Error


RouterCommand: TypeAlias = (
    router.Admit
    | router.End
    | router.Expect
    | router.Fenced
    | router.Forget
    | router.HoldTrades
    | router.Join
    | router.Mark
    | router.Merge
    | router.Missed
    | router.Retire
    | router.Skip
    | router.Turn
)
Command: TypeAlias = (
    RouterCommand
    | Route
    | Unroute
    | Connect
    | Disconnect
    | SendRequest
    | ListSubscriptions
    | OpenPart
    | Resize
    | Suspect
    | Tell
    | Report
    | Serves
    | Answer
    | Deny
)
