"""What the processes of one machine say to each other through a pipe: a host, and the guests that use its connections.

Every message is one msgpack array that begins with its name. Nothing of a peer is believed: whatever is not exactly a
message of this module is refused here, and a want is checked as if it came from the user. Keys and tokens never cross:
processes with the same keys know it by a fingerprint that only the holder of the host's pipe key can make.

A guest greets (`Hello`) and is answered (`Welcome`, or `Goodbye` with what to do). From then on it says what it wants
(`Wanted`, which replaces what it wanted before, as with the exchange itself), and gets `Records`. What changes their
meaning (`Changed`, `Refused`, `Answer`) lies in one order with them: records are of the connection that was last said
to be open.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.exchange.indicators import Indicator
from websocket_v6.protocol.exchange.wants import (
    ENDPOINTS,
    Want,
    announcement_want,
    candle_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
    trade_want,
)

__all__ = [
    "MAX_CONTROL",
    "MAX_RECORDS",
    "VERSION",
    "Answer",
    "Changed",
    "Endpoint",
    "Entry",
    "Goodbye",
    "Hello",
    "Host",
    "Keys",
    "LetMeHost",
    "Part",
    "Ping",
    "Pong",
    "Question",
    "Records",
    "Refused",
    "Shared",
    "State",
    "Wanted",
    "Welcome",
    "Wish",
    "check_endpoint",
    "decode_from_guest",
    "decode_from_host",
    "encode",
    "fingerprint",
    "to_want",
    "to_wish",
]

VERSION = 2  # of all that is said here; peers of two versions do not talk
MAX_CONTROL = 4 * 1024 * 1024  # bytes of what a guest says at once: all codes of all types in every way are fewer
MAX_RECORDS = 64 * 1024 * 1024  # bytes of what a host says at once: the greatest single message, and room

Endpoint = Literal["public", "private", "info"]
State = Literal["connecting", "open", "lost", "refused", "closed"]
_MAX_WISHES = 10_000
_MAX_CODES = 10_000


# --- a guest says


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """Here I am. `keys` is the fingerprint of the account's keys, empty without any."""

    version: int
    program: str
    pid: int
    keys: bytes


class Wish(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A `Want` on the wire: decimals as text, indicators as the exchange's own objects."""

    type: str
    codes: tuple[str, ...]
    depth: int
    level: str
    categories: tuple[str, ...]
    include_body: bool
    timeframe: str
    indicators: tuple[dict[str, Any], ...]
    snapshot: bool
    realtime: bool


class Wanted(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="wanted"):
    """All that I want of `endpoint`, in place of what I wanted before."""

    endpoint: Endpoint
    wishes: tuple[Wish, ...]


class Question(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="question"):
    """What does the exchange say that it serves? Answered with an `Answer` of the same ticket."""

    endpoint: Endpoint
    ticket: str


class LetMeHost(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="let_me_host"):
    """I am here to be the host (`websocket-v6 serve`): hand over to me."""

    address: str
    key: bytes


class Keys(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="keys"):
    """My keys are others now: this is their fingerprint. Answered with `Shared`."""

    keys: bytes


class Ping(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ping"):
    """Are you there? Either side asks."""


class Pong(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="pong"):
    """I am."""


# --- a host says


class Welcome(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="welcome"):
    """You are served. `shared` are the endpoints that you may want something of; `stays`: I hand over to nobody."""

    version: int
    pid: int
    shared: tuple[Endpoint, ...]
    stays: bool


class Goodbye(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="goodbye"):
    """I do not serve you (any more), and why. `retry`: another attempt may be answered otherwise."""

    reason: str
    retry: bool


class Shared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="shared"):
    """The endpoints you may want something of are others now: keys were replaced."""

    endpoints: tuple[Endpoint, ...]


class Changed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="changed"):
    """What happened to a connection; `ConnectionChanged` of `actors/messages/component.py`, its error as two words.

    All records of the epoch before it came before it, and all of the epoch that it opens come after it.
    """

    endpoint: Endpoint
    state: State
    epoch: int
    at_ns: int
    gap_started_ns: int | None
    reason: str
    error: str  # "", or the class of the error: "AuthenticationError"


class Refused(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="refused"):
    """The exchange refused something of what you want of `endpoint`; you are not served that any more."""

    endpoint: Endpoint
    name: str
    text: str


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A `SubscribedEntry` on the wire: the level as text."""

    type: str
    codes: tuple[str, ...]
    level: str | None
    extra: dict[str, Any]


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="answer"):
    """The answer to a `Question`: what the exchange said, or why there is none."""

    endpoint: Endpoint
    ticket: str
    entries: tuple[Entry, ...]
    problem: str


class Part(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A `Batch` on the wire: which attachment it is of, each side counts for itself."""

    endpoint: Endpoint
    ts_received_ns: int
    streams: list[str]
    payloads: list[bytes]
    replayed: bool
    backfilled: bool


class Records(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="records"):
    """Messages of the exchange: batch after batch, as many as wait, since what a pipe carries is paid by the piece."""

    parts: list[Part]


class Host(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="host"):
    """Another process is about to be the host: go over to it. With your own address: be it."""

    address: str
    key: bytes


FromGuest = Hello | Keys | Wanted | Question | LetMeHost | Ping | Pong
FromHost = Welcome | Goodbye | Shared | Changed | Refused | Answer | Records | Host | Ping | Pong

_encode = msgspec.msgpack.Encoder().encode
_from_guest: Callable[[bytes], FromGuest] = msgspec.msgpack.Decoder(FromGuest).decode
_from_host: Callable[[bytes], FromHost] = msgspec.msgpack.Decoder(FromHost).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def encode(message: FromGuest | FromHost) -> bytes:
    """Return the bytes of one message."""
    return _encode(message)


def decode_from_guest(data: bytes) -> FromGuest:
    """Read what a guest said.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        message = _from_guest(data)
    except _MALFORMED as exc:
        raise _garbage("a guest", data, exc) from None
    if isinstance(message, Wanted) and (
        len(message.wishes) > _MAX_WISHES or sum(len(wish.codes) for wish in message.wishes) > _MAX_CODES * 10
    ):
        raise RemoteProtocolError("a guest wants more than the exchange has")
    return message


def decode_from_host(data: bytes) -> FromHost:
    """Read what a host said.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        message = _from_host(data)
    except _MALFORMED as exc:
        raise _garbage("the host", data, exc) from None
    if type(message) is Records and any(len(part.streams) != len(part.payloads) for part in message.parts):
        raise RemoteProtocolError("the host sent records with more streams than messages, or fewer")
    if type(message) is Answer:
        for entry in message.entries:
            _check_level(entry)
    return message


def _check_level(entry: Entry) -> None:
    try:
        is_number = entry.level is None or Decimal(entry.level).is_finite()
    except InvalidOperation:
        is_number = False
    if not is_number:
        raise RemoteProtocolError(f"the host sent a level that is no number: {entry.level!r:.40}")


def _garbage(who: str, data: bytes, reason: object) -> RemoteProtocolError:
    return RemoteProtocolError(f"{who} said what is no message: {len(data)} bytes that begin {data[:16]!r}: {reason}")


def fingerprint(pipe_key: bytes, access_key: str | None) -> bytes:
    """Return what tells two processes that they have the same account, and nobody anything else; empty without keys."""
    if access_key is None:
        return b""
    return hmac.new(pipe_key, access_key.encode(), hashlib.sha256).digest()


def to_wish(want: Want) -> Wish:
    """Return `want` as it crosses the pipe."""
    return Wish(
        want.type,
        want.codes,
        want.depth,
        str(want.level),
        want.categories,
        want.include_body,
        want.timeframe,
        tuple(_indicator_object(one) for one in want.indicators),
        want.snapshot,
        want.realtime,
    )


def to_want(wish: Wish, region: str) -> Want:
    """Check a wish as if the user had made it, and return it as a want.

    Raises:
        LocalProtocolError: if the exchange would refuse it.
    """
    kind, _, interval = wish.type.partition(".")
    flags = {"snapshot": wish.snapshot, "realtime": wish.realtime}
    match kind:
        case "ticker" if not interval:
            return ticker_want(wish.codes, **flags)
        case "trade" if not interval:
            return trade_want(wish.codes, **flags)
        case "candle":
            return candle_want(wish.codes, interval=interval, **flags)
        case "orderbook" if not interval:
            return orderbook_want(wish.codes, depth=wish.depth, level=_level(wish.level), **flags)
        case "myOrder":
            return my_order_want(wish.codes or None)
        case "myAsset":
            return my_asset_want()
        case "announcement":
            return announcement_want(wish.categories or None, include_body=wish.include_body, region=region)
        case "indicator" | "indicator_signal":
            is_signal = kind == "indicator_signal"
            return indicator_want(wish.codes, timeframe=wish.timeframe, indicators=wish.indicators, signal=is_signal)
    raise LocalProtocolError(f"there is no data type {wish.type!r:.40}")


def check_endpoint(wants: Iterable[Want], endpoint: str) -> None:
    """Refuse wants that are not of `endpoint`.

    Raises:
        LocalProtocolError: if one is not.
    """
    if endpoint not in ENDPOINTS or any(want.endpoint != endpoint for want in wants):
        raise LocalProtocolError(f"a want that is not of the {endpoint!r:.20} endpoint")


def _level(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise LocalProtocolError(f"level={text!r:.40} is not a number") from None


def _indicator_object(indicator: Indicator) -> dict[str, Any]:
    one: dict[str, Any] = {"type": indicator.type, "params": _plain(indicator.params)}
    if indicator.trigger:
        one |= {"trigger": indicator.trigger, "event_params": _plain(indicator.event_params)}
    return one


def _plain(params: Iterable[tuple[str, int | Decimal | str]]) -> dict[str, int | float | str]:
    # Decimals here have one digit behind the point, which a float spells exactly.
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in params}
