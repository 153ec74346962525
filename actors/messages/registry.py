"""What the registry is told."""

import itertools
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import pykka

from websocket_v6.actors.delivery.mailbox import MailboxQueue
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.exchange.heads import Notice
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want

from .common import Ref

__all__ = [
    "AskExchange",
    "BackfillEnded",
    "CheckSilent",
    "ComponentGone",
    "DropConnection",
    "ExchangeSaid",
    "Flush",
    "LineChanged",
    "SnapshotServed",
    "StreamsSeen",
    "Subscribe",
    "Sync",
    "Unsubscribe",
    "UseConnection",
    "UseRouter",
    "Watch",
    "next_subscription_id",
]


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


class StreamsSeen(NamedTuple):
    """`streams` delivered their first message since this line opened, or since they were asked for anew."""

    endpoint: str
    line: int
    streams: tuple[Stream, ...]


class SnapshotServed(NamedTuple):
    """The subscription wanted a snapshot alone of `stream`, and got it."""

    subscription_id: int
    stream: Stream


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


class UseRouter(NamedTuple):
    """Keep routes in this router (live), which has none yet."""

    router: Ref


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


class Flush(NamedTuple):
    """Changes have been gathered: send them."""

    endpoint: str


class CheckSilent(NamedTuple):
    """Have all codes of this subscription delivered by now, on the connection of this epoch?"""

    subscription_id: int
    epoch: int
