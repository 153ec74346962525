"""What a host says on a guest's data socket, beside the answers of the exchange: one msgpack array in a binary frame.

Nothing of a peer is believed: whatever is not exactly a word of this module is refused here.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError

__all__ = ["Refused", "Rows", "State", "Word", "decode", "encode"]

StateName = Literal["connecting", "open", "lost", "refused", "closed"]
_MAX_TEXT = 500


class Rows(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=0):
    """Messages of the exchange: a `Batch` on the wire, whose attachment each side counts for itself."""

    ts_received_ns: int  # the host's clock, Unix nanoseconds
    streams: list[str]
    payloads: list[bytes]  # as long as `streams`
    replayed: bool = False  # last values: snapshots, whatever they say of themselves
    backfilled: bool = False  # fetched over REST


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """How the connection behind the door stands: rows before it are of another attachment than those after it."""

    state: StateName
    at_ns: int
    gap_started_ns: int | None
    reason: str
    error: str  # "", or the class of the error: "AuthenticationError"
    backfills: bool = False  # trades that were missed before it come by themselves
    sent_ns: int = 0


class Refused(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """These streams are not served any more: the exchange, or the host, refused them."""

    streams: tuple[str, ...]
    name: str
    text: str


Word: TypeAlias = Rows | State | Refused
encode: Callable[[Word], bytes] = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Word] = msgspec.msgpack.Decoder(Word).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def decode(data: bytes) -> Word:
    """Read one word.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        word = _decode(data)
    except _MALFORMED as exc:
        text = f"the host said what is no word: {len(data)} bytes that begin {data[:16]!r}: {exc!s:.200}"
        raise RemoteProtocolError(text, close_code=1002) from None
    if type(word) is Rows and len(word.streams) != len(word.payloads):
        raise RemoteProtocolError("the host sent rows with more streams than messages, or fewer", close_code=1002)
    return word
