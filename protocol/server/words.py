"""What a host says to a guest on a data socket: one msgpack array for each binary frame, which begins with its kind.

Rows are messages of the exchange in two columns, untouched. What changes their meaning, `State` and `Refused`, lies in
one order with them. The answer to a LIST_SUBSCRIPTIONS is none of these words: it comes as the exchange's own text.
What a guest says is the exchange's own requests (`request_reading.py`).

`encode_rows` is paid for each batch. msgspec packs a plain tuple in half the time that msgpack takes, one row in 0.5 us
and twenty in 1.6 us, a Struct in two thirds of it; lists are read faster than tuples.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import DOOR_ROWS, NAME_CHARACTERS, REASON_CHARACTERS, STREAM_CHARACTERS
from websocket_v6.protocol.outside_text import outside_text

__all__ = [
    "MAX_WORD",
    "SUBPROTOCOL",
    "Clock",
    "Refused",
    "Rows",
    "State",
    "StateName",
    "Word",
    "decode",
    "encode",
    "encode_rows",
]

SUBPROTOCOL = "v6.2"  # rises with every change of what is said here
MAX_WORD = 64 * 1024 * 1024  # bytes: the greatest single message, and room
_MAX_REFUSED = 200_000  # as many as a guest can ask for
_ROWS = 1

StateName = Literal["connecting", "open", "lost", "refused", "closed"]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=STREAM_CHARACTERS)]
# Refused by the number at their head, before any is read: 64 MiB of empty ones would be a gigabyte.
Streams: TypeAlias = Annotated[list[Name], msgspec.Meta(max_length=DOOR_ROWS)]
Payloads: TypeAlias = Annotated[list[bytes], msgspec.Meta(max_length=DOOR_ROWS)]
Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Rows(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=_ROWS):
    """Messages of the exchange. `replayed` are last values, `backfilled` were fetched after a gap."""

    ts_received_ns: Nanoseconds  # the host's clock, Unix nanoseconds
    streams: Streams
    payloads: Payloads
    replayed: bool
    backfilled: bool


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """What happened to the host's connection; the first word on each socket. `open` begins an attachment.

    `backfills`: the host brings the trades that were missed. `sent_ns` is its clock as it says so.
    """

    state: StateName
    at_ns: Nanoseconds
    gap_started_ns: Nanoseconds | None
    reason: str
    error: str  # "", or the class of the error: "AuthenticationError"
    backfills: bool
    sent_ns: Nanoseconds


class Refused(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """These streams are not served (any more), and why, in the exchange's words."""

    streams: Annotated[tuple[Name, ...], msgspec.Meta(max_length=_MAX_REFUSED)]
    name: str
    text: str


class Clock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=4):
    """What time the host has. Said now and then to who is on another machine, and has another clock."""

    sent_ns: Nanoseconds


Word: TypeAlias = Rows | State | Refused | Clock

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Word).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def encode_rows(
    ts_received_ns: int,
    streams: Sequence[str],
    payloads: Sequence[bytes],
    *,
    replayed: bool = False,
    backfilled: bool = False,
) -> bytes:
    """Return rows as they are sent; `streams` and `payloads` are lists or tuples, of one length."""
    return _encode((_ROWS, ts_received_ns, streams, payloads, replayed, backfilled))


def encode(word: State | Refused | Clock) -> bytes:
    """Return a word as it is sent, its texts fit to be printed."""
    return _encode(word if isinstance(word, Clock) else _cleaned(word))


def decode(data: bytes | bytearray | memoryview) -> Word:
    """Read one word.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    size = len(data)
    if size > MAX_WORD:
        raise RemoteProtocolError(f"the host sent {size} bytes at once: more than {MAX_WORD}")
    try:
        word = _decode(data)
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"the host sent what is no word: {bytes(data[:16])!r}: {outside_text(exc)}") from None
    if isinstance(word, Clock):
        return word
    if not isinstance(word, Rows):
        return _cleaned(word)
    if len(word.streams) != len(word.payloads):
        raise RemoteProtocolError("the host sent rows with more streams than messages, or fewer")
    return word


def _cleaned(word: State | Refused) -> State | Refused:
    if isinstance(word, State):
        reason, error = outside_text(word.reason, REASON_CHARACTERS), outside_text(word.error, NAME_CHARACTERS)
        return msgspec.structs.replace(word, reason=reason, error=error)
    name, text = outside_text(word.name, NAME_CHARACTERS), outside_text(word.text, REASON_CHARACTERS)
    return msgspec.structs.replace(word, name=name, text=text)
