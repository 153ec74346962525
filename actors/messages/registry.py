"""What the registry is told."""

import itertools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import pykka

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.message import Message

from .common import Ref
from .router import SourceEnded, SourceOpened, SourceSaid, SourceState

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.steps import Outcome

__all__ = [
    "AskExchange",
    "AskMarkets",
    "AskReach",
    "Asker",
    "BackfillEnded",
    "ComponentGone",
    "DropSource",
    "ListCame",
    "ListRefused",
    "Look",
    "Marked",
    "OthersMissed",
    "Reconciled",
    "SnapshotServed",
    "SourceEnded",
    "SourceOpened",
    "SourceSaid",
    "SourceState",
    "StreamsSeen",
    "Subscribe",
    "Unsubscribe",
    "UseRouter",
    "UseSource",
    "Watch",
    "next_subscription_id",
]


# --- components to registry


class Watch(Message):
    """A component is there; it hears of connections and failures at `component` (live), or behind the data there."""

    component_id: str
    component: Ref | Way


class OthersMissed(Message):
    """Who is served of an endpoint from now on may have missed something since this time, whatever is known here."""

    endpoint: str
    since_ns: int


class ComponentGone(Message):
    """A component has left: take back all it wants."""

    component_id: str


# Subscriptions are told apart by number in the whole process, whoever makes them.
next_subscription_id: Callable[[], int] = itertools.count(1).__next__


class Subscribe(Message):
    """A component wants something delivered to `mailbox` (live), and to be told at `component` (live) when it is.

    With a Way for a mailbox nobody waits for an answer: what is refused is told there.
    """

    component_id: str
    subscription_id: int
    want: Want
    mailbox: MailboxQueue | Way
    component: Ref | None  # None: the mailbox is pulled, nobody needs telling
    replays: bool = True  # if it wants snapshots: begin with the last value, if there is one


class Unsubscribe(Message):
    """Take back one subscription, or only `want` of it when codes are removed."""

    component_id: str
    subscription_id: int
    want: Want | None = None


class Look(Message):
    """The client at the end of `way` (live) looks on: it has these streams as long as others want them.

    In place of what it looked at before under this `lease`; without streams that is over.
    """

    component_id: str
    lease: int
    endpoint: str
    streams: tuple[Stream, ...]
    way: Way


class AskExchange(Message):
    """What does the exchange say that it serves on `endpoint`? Answered through the future given (live), or there."""

    endpoint: str
    answer: "pykka.Future[Any] | Asker"


class AskMarkets(Message):
    """Which markets of this quote currency are there? Answered through the future given (live), once that is known.

    The list is kept up to date for the component from then on.
    """

    component_id: str
    quote: str
    answer: "pykka.Future[Any]"


class Asker(Message):
    """A client that asks, and hears the answer, a SubscriptionList of this ticket, behind all data from before it."""

    way: Way
    ticket: str


class AskReach(Message):
    """Up to when has all come of `endpoint`? Its sources are asked for a sign; the router hears it, and tells `way`."""

    endpoint: str
    way: Way | None = None  # (live) a guest that asks; None: the router itself


# --- router to registry, beside what sources say (SourceState, SourceOpened, SourceSaid, SourceEnded)


class StreamsSeen(Message):
    """`streams` delivered their first message of this attachment, or since they were asked for anew."""

    endpoint: str
    attachment: int
    streams: tuple[Stream, ...]


class SnapshotServed(Message):
    """The subscription wanted a snapshot alone of `stream`, and got it."""

    subscription_id: int
    stream: Stream


class Marked(Message):
    """All that lay before this Mark is delivered.

    The endpoint's sources have been read without a pause since `flowing_since` (monotonic seconds), minus infinity if
    no mailbox has ever held them back; None while one does.
    """

    endpoint: str
    number: int
    flowing_since: float | None


class Reconciled(Message):
    """The exchange was asked what the stream has not said of the account, in this epoch; and what came of it."""

    epoch: int
    outcome: "Outcome"


# --- backfill to registry


class BackfillEnded(Message):
    """A gap has been seen to: the trades, or closed candles, that were recovered, by code, and what was not.

    Without `started_ns` it was none: what is missing is of before a subscription.
    """

    epoch: int
    started_ns: int | None
    ended_ns: int
    recovered: Mapping[str, int]
    unrecovered: tuple[Unrecovered, ...]
    type: str = "trade"

    def of(self, codes: Collection[str]) -> "BackfillEnded":
        """Return the part of it that concerns `codes`."""
        recovered = {code: count for code, count in self.recovered.items() if code in codes}
        return msgspec.structs.replace(
            self, recovered=recovered, unrecovered=tuple(one for one in self.unrecovered if one.symbol in codes)
        )


# --- supervisor to registry


class UseRouter(Message):
    """Keep routes in this router (live), which has none yet.

    `whole_ns`, by endpoint, is up to when the router before it had delivered everything; sources that it knew are gone.
    """

    router: Ref
    whole_ns: Mapping[str, int]


class UseSource(Message):
    """One more source of `endpoint`: this connection, or link to another process (live), which serves nothing yet.

    It hears Connect, SendRequest, ListSubscriptions and Disconnect.
    """

    endpoint: str
    ref: Ref
    source: int
    is_paced: bool = True  # the exchange's limits on requests hold for it
    names_guilty: bool = False  # it says itself which streams are refused: nobody has to be tried
    heir_of: tuple[int, ...] = ()  # the sources that end as soon as it serves


class DropSource(Message):
    """This source of `endpoint` is gone for good."""

    endpoint: str
    source: int


# --- the registry's own mouth, at which lists of markets end, to the registry


class ListCame(Message):
    """A message of one of these streams."""

    payload: bytes


class ListRefused(Message):
    """There is no such list, and why (error: live)."""

    lease: int
    error: WebSocketV6Error
