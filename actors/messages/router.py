"""What the router is told, beside batches and the commands of `protocol/delivery/commands.py`.

All that a source says goes through the router, behind the data before it, and on to the registry: so nothing can
overtake. SourceState, SourceOpened, SourceSaid and SourceEnded are told on as they are.
"""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.delays import DelayHealth
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Event, MarketsEvent
from websocket_v6.protocol.exchange.heads import Notice
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Closing
from websocket_v6.protocol.message import Message

from .common import Credits, Ref

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.books import Accounts
    from websocket_v6.protocol.delivery.closer import Closer
    from websocket_v6.protocol.delivery.steps import Answer
    from websocket_v6.protocol.server.words import Reconciled, Refused

__all__ = [
    "AccountAnswer",
    "AccountChanged",
    "AddRoutes",
    "Attach",
    "AwaitReach",
    "Beat",
    "Beaten",
    "CandlesFetched",
    "ClosingsDue",
    "Convey",
    "CountStreams",
    "DropRoutes",
    "Filled",
    "GetHeld",
    "GetLastValues",
    "GoOn",
    "Held",
    "HoldOver",
    "MailboxDrained",
    "Malformed",
    "Notify",
    "ReconcileDue",
    "RouterHealth",
    "RouterInheritance",
    "SourceEnded",
    "SourceOpened",
    "SourceReached",
    "SourceSaid",
    "SourceState",
    "UseBackfill",
    "UseReconciler",
    "UseRegistry",
]


# --- registry to router


class AddRoutes(Message):
    """Deliver `streams` to the subscription's mailbox, or client (live), and wake its component (live), if need be."""

    subscription_id: int
    endpoint: str
    streams: tuple[Stream, ...]
    mailbox: MailboxQueue | Way
    component: Ref | None
    replay: bool  # it is new: begin with the last value, if there is one, as a snapshot
    snapshots: bool  # deliver what the exchange sends as a snapshot
    realtime: bool  # go on after the first message
    awaits_snapshot: bool = False  # begin with the next snapshot of each stream: what comes before is too shallow
    closing: Closing | None = None  # candles: each once, when it is final
    reconcile: bool = False  # own orders or assets, with what the exchange has not sent


class DropRoutes(Message):
    """Stop delivering `streams` to the subscription, or all of them if `None`."""

    subscription_id: int
    streams: tuple[Stream, ...] | None = None


class Convey(Message):
    """Tell the client at the end of `way` (live) this, behind its data; an answer also behind trades that are held."""

    way: Way
    news: object
    is_answer: bool = False


class Notify(Message):
    """Put this into a component's mailbox (live), behind all that was delivered to it, and wake it (live)."""

    subscription_id: int
    mailbox: MailboxQueue
    component: Ref | None
    event: MarketsEvent


class HoldOver(Message):
    """No hold of this epoch is needed any more."""

    epoch: int


class GoOn(Message):
    """What had to wait in this mouth (live) waits no longer."""

    mouth: Mouth


class AwaitReach(Message):
    """Tell the client at the end of `way` (live) up to when all has come, once the endpoint's sources give a sign."""

    endpoint: str
    way: Way


# --- servers to router


class Beat(Message):
    """Are you there? Answered with Beaten, behind all that lies before it."""

    reply_to: Ref


class Beaten(Message):
    """The router is there. Its answer to Beat."""


class ClosingsDue(Message):
    """Something of the candles that close is due."""


class ReconcileDue(Message):
    """Something that reconciling waits for is due."""


# --- sources to router, which tells the registry in its turn


class Attach(Message):
    """A source begins a new life: batches of this attachment will come, once it is admitted, one for each credit.

    `credits` (live) is filled with `size` of them when it is admitted; one comes back for each batch. `whole` is the
    attachment that it is a part of, if its source has several sockets: the first of its parts, with which all end.
    """

    attachment: int
    endpoint: str
    source: int
    credits: Credits
    size: int
    whole: int = 0


class SourceState(Message):
    """A source is connecting, an attempt of it was lost or refused, or it is closed; it is not open."""

    endpoint: str
    source: int
    state: str  # "connecting", "lost", "refused", "closed"
    at_ns: int
    reason: str = ""
    error: WebSocketV6Error | None = None  # (live)
    retry_in: float | None = None  # seconds to the next attempt, where that is known


class SourceOpened(Message):
    """A source is open; `at_ns` is since when. `backfills`: it brings the trades missed in a gap by itself.

    `date_ms` is what the answer to its handshake said the time is, if that came from the exchange; Unix milliseconds.
    `whole` is the attachment that it is one more part of; `limit` how many bytes a request to it may have, where what
    is wanted can be divided.
    """

    endpoint: str
    source: int
    attachment: int
    at_ns: int
    backfills: bool = False
    date_ms: int | None = None
    whole: int = 0
    limit: int | None = None


class SourceReached(Message):
    """A source gave a sign: all that was emitted before `whole_ns` and came this way came before it.

    `exchange_ms` is what time it was at the exchange then, at least, where a host says so.
    """

    endpoint: str
    attachment: int
    whole_ns: int
    exchange_ms: int | None = None


class TradesCame(Message):
    """Who leads a fleet has fetched what was missed before this attachment, so many trades by code: all have come."""

    recovered: Mapping[str, int]


class SourceSaid(Message):
    """A source brought what is not data: an answer, an error, a door's refusal, something that cannot be read.

    All that was emitted before `whole_ns` and came this way came before it; 0 where that is not known.
    """

    endpoint: str
    attachment: int
    notice: "Notice | Refused | Reconciled | TradesCame"
    whole_ns: int = 0


class SourceEnded(Message):
    """An attachment is over. Its last word, exactly once.

    All that was emitted before `whole_ns` and came through it was delivered; from there on something may be missing.
    """

    endpoint: str
    source: int
    attachment: int
    whole_ns: int
    at_ns: int
    reason: str = ""
    error: WebSocketV6Error | None = None  # (live)


# --- components to router


class MailboxDrained(Message):
    """A mailbox that made its source wait has room again."""

    subscription_id: int


class Malformed(Message):
    """A message that came as `stream` could not be decoded. `key` tells it from others, so that it counts once."""

    stream: Stream
    problem: str
    key: tuple[int, int]


class CountStreams(Message):
    """Answer with how many messages each stream had, counted from the first question on."""


class RouterHealth(Message):
    """What went through the router.

    `unrouted` messages had no taker: strays of a subscription just replaced. `repeated` ones were delivered before,
    through another source or before a reconnect. `late` ones came after the end of their source was told.
    """

    received: int
    delivered: int
    unrouted: int
    repeated: int
    late: int
    malformed: int
    streams: int
    mailboxes: int
    delays: tuple[DelayHealth, ...] = ()  # by endpoint


class GetHeld(Message):
    """Answer with what the router keeps of an endpoint, once all that came before is where it goes: Held."""

    endpoint: str


class Held(Message):
    """When the oldest message came that waits for others, and by stream when candles did that are not final.

    `holds`: own orders or balances wait, too.
    """

    oldest: int | None
    candles: Mapping[Stream, int]
    holds: bool


class GetLastValues(Message):
    """Answer with the router's LastValues (live)."""


# --- backfill to router


class CandlesFetched(Message):
    """The answer to FetchCandles: what was fetched, by start, each as the socket would have sent it; oldest first.

    All that begins within `covered` is among it; None: nothing is certain, and `problem` says why.
    """

    stream: Stream
    number: int
    received_ns: int
    rows: tuple[tuple[int, bytes], ...]
    covered: tuple[int, int] | None
    problem: str


class Filled(Message):
    """The fetched trades of one stream, by id: deliver them, then go on. `problem`: why less than all could be had."""

    epoch: int
    stream: Stream
    ts_received_ns: int
    trades: tuple[tuple[int, bytes], ...]
    problem: str = ""


# --- reconciler to router


class AccountAnswer(Message):
    """What REST says of own orders, or of own balances: `type` is whose Inquire it answers."""

    type: str
    answer: "Answer"


# --- supervisor to router: who the others are, after one of them was started anew


class AccountChanged(Message):
    """The keys are others, and what the old ones brought has ended: what is known is another account's."""


class UseRegistry(Message):
    """Report to this registry (live)."""

    registry: Ref


class UseBackfill(Message):
    """Have missed trades fetched by this actor (live)."""

    backfill: Ref


class UseReconciler(Message):
    """Have the account asked about by this actor (live)."""

    reconciler: Ref


class RouterInheritance(Message):
    """What a router leaves to its successor, and to the registry (live).

    The last trades of each stream keep one from being delivered twice, and the closers a candle; `whole_ns`, by
    endpoint, is up to when all was delivered: what lay in its inbox is lost. `accounts` is what is known of own orders
    and balances.
    """

    trades: Mapping[Stream, deque[Event]]
    whole_ns: Mapping[str, int]
    closers: "Mapping[Stream, Closer[Event]]" = MappingProxyType({})
    accounts: "Accounts | None" = None
