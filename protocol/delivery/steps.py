"""What the machine that reconciles is told and what it does; how the account was asked about, and what was found."""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.message import Message

from .progress import Found
from .wallet import Balance

__all__ = ["Answer", "Deliver", "Inquire", "OrderEnded", "Outcome", "Release", "Welcome"]

Item = TypeVar("Item")


class Inquire(Message):
    """Find out how orders, or balances, stand.

    `known`: how many trades are known of each order that is; `doubtful`, those that were open when last heard of,
    before this; `lacking`, those that have had more trades than are known. `codes` are the markets that are wanted, of
    those not `covered` nothing was known before. `since_ms`: the gap's begin, None if there was none. `is_last`: this
    is the second time, so what is nowhere now is missing.
    """

    type: str
    number: int
    known: Mapping[str, int] = {}
    doubtful: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()
    since_ms: int | None = None
    is_last: bool = False


class OrderEnded(Message):
    """The stream says that an order has ended while this inquiry goes on: the pages that are read may have shifted."""

    number: int


class Answer(Message):
    """What was found: orders, or balances. `at_ms` is the exchange's clock as it was asked.

    What is missing for good is `unrecovered`. `error`: why nothing was found; `is_final`: asking again is in vain;
    `retry_after`: seconds for which the exchange wants to be left alone.
    """

    number: int
    at_ms: int = 0
    orders: tuple[Found, ...] = ()
    balances: Mapping[str, Balance] = {}
    unrecovered: tuple[Unrecovered, ...] = ()
    error: WebSocketV6Error | None = None
    is_final: bool = False
    retry_after: float = 0.0


class Deliver(NamedTuple, Generic[Item]):
    """Deliver these to all that take part, in this order."""

    items: tuple[Item, ...]


class Release(NamedTuple, Generic[Item]):
    """Have these heard now, in this order: they have waited."""

    items: tuple[Item, ...]


class Welcome(Message):
    """Let those take part from here on that have waited for it, beginning with what is known."""


class Outcome(NamedTuple):
    """Tell what came of it: so many messages, and what is missing for good, between two times (Unix nanoseconds).

    `error`: why nothing could be had; it is tried again unless that `is_final`.
    """

    type: str
    started_ns: int | None  # None: it was a start
    ended_ns: int
    recovered: int
    unrecovered: tuple[Unrecovered, ...] = ()
    error: WebSocketV6Error | None = None
    is_final: bool = False
