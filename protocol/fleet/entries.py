"""What stands in the log: rows of messages, and what changes their meaning, in one order.

Each entry has one field, whose name says what it holds. A reader skips names it does not know, but counts the entry.

    d   a msgpack array: received (Unix ns, the leader's clock), age (us, when it was written), marks, streams, payloads
    z   the same, compressed: one frame of Zstandard
    s   a msgpack map: what happened, by its "kind"
    p   one of these, encrypted (`sealing.py`)

Payloads are the exchange's own JSON, untouched.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import (
    DOOR_ROWS,
    LOG_ENTRY_BYTES,
    NAME_CHARACTERS,
    REASON_CHARACTERS,
    STREAM_CHARACTERS,
)
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.zstd import inflate

from .ids import FORMAT, EntryId

__all__ = [
    "BACKFILLED",
    "REPLAYED",
    "Checkpoint",
    "Covers",
    "Fetching",
    "Happening",
    "Last",
    "Listed",
    "Open",
    "Refused",
    "Rows",
    "State",
    "decode_happening",
    "decode_last",
    "decode_rows",
    "encode_happening",
    "encode_last",
    "encode_open",
    "encode_rows",
]

REPLAYED: Final = 1  # a last value that nobody had from the log before
BACKFILLED: Final = 2  # fetched over REST after a gap

_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=STREAM_CHARACTERS)]
_Streams: TypeAlias = Annotated[list[_Name], msgspec.Meta(max_length=DOOR_ROWS)]
_Many: TypeAlias = Annotated[list[_Name], msgspec.Meta(max_length=200_000)]
_Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Rows(msgspec.Struct, frozen=True, array_like=True):
    """Messages of the exchange. Times are of the leader's clock, which is another than the reader's."""

    received_ns: _Nanoseconds
    age_us: int  # how long ago that was, when it was written
    marks: int  # REPLAYED, BACKFILLED
    streams: _Streams
    payloads: Annotated[list[bytes], msgspec.Meta(max_length=DOOR_ROWS)]

    @property
    def sent_ns(self) -> int:
        """What the leader's clock was when it was written."""
        return self.received_ns + 1000 * self.age_us

    def marked(self, marks: int) -> "Rows":
        """Return the same with more marks."""
        return msgspec.structs.replace(self, marks=self.marks | marks)


class Open(msgspec.Struct, frozen=True, tag_field="kind", tag="open"):
    """A term begins; sequence 0 of it. `after` is the last entry before, as the server found it: "", or an id."""

    log: str
    writer: str  # the machine, for people
    at: _Nanoseconds
    messages: str = "SIMPLE"  # the exchange's format, which is everybody's
    seamless: bool = False
    format: int = FORMAT
    after: str = ""


class State(msgspec.Struct, frozen=True, tag_field="kind", tag="state"):
    """What happened to the leader's connection; `open` begins an epoch.

    `backfills`: the trades that it missed will come, of the streams in `fetches`. The same epoch once more, and not so:
    they will not, or not all of them.

    `seamless`: nothing has happened, but that another machine leads and has missed nothing.
    """

    state: Literal["connecting", "open", "lost", "refused", "closed"]
    epoch: int
    at: _Nanoseconds
    sent: _Nanoseconds  # the leader's clock as it says so
    gap_started: _Nanoseconds | None = None
    reason: str = ""
    error: str = ""  # or the class of the error
    backfills: bool = False
    seamless: bool = False
    fetches: _Many = []


class Covers(msgspec.Struct, frozen=True, tag_field="kind", tag="covers"):
    """What the stream brings from here on: so much more, so much less."""

    add: _Many = []
    drop: _Many = []


class Fetching(msgspec.Struct, frozen=True, tag_field="kind", tag="fetching"):
    """Of these streams trades that were promised are yet to come: said each second, and once when there are none.

    Then `recovered` says how many have come, by code. Else it is for who leads next: it must not take for whole what
    nobody has fetched.
    """

    streams: _Many
    sent: _Nanoseconds  # the leader's clock
    recovered: Annotated[dict[_Name, Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=200_000)] = {}


class Refused(msgspec.Struct, frozen=True, tag_field="kind", tag="refused"):
    """These streams are not served (any more), and why, in the exchange's words."""

    streams: _Many
    name: str
    text: str


class Listed(msgspec.Struct, frozen=True, tag_field="kind", tag="listed"):
    """The exchange's answer to a machine's question, in its own words; all from before it came stands before it."""

    ticket: str
    text: bytes


class Checkpoint(msgspec.Struct, frozen=True, tag_field="kind", tag="checkpoint"):
    """The last values as they were at this sequence, or later, can be had."""

    sequence: int


Happening: TypeAlias = Open | State | Covers | Fetching | Refused | Listed | Checkpoint


class Last(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint: all that a newcomer must know, as of one entry."""

    term: int
    sequence: int
    sent_ns: _Nanoseconds
    state: State | None
    covers: _Many
    streams: _Many
    payloads: list[bytes]
    ages_us: list[int]

    @property
    def id(self) -> EntryId:
        """The entry that it is of."""
        return EntryId(self.term, self.sequence)


_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(Rows).decode
_happening = msgspec.msgpack.Decoder(Happening).decode
_last = msgspec.msgpack.Decoder(Last).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def encode_rows(received_ns: int, age_us: int, marks: int, streams: Sequence[str], payloads: Sequence[bytes]) -> bytes:
    """Return rows as they are written; `streams` and `payloads` are of one length."""
    return _encode((received_ns, age_us, marks, streams, payloads))


def decode_rows(data: bytes, *, is_compressed: bool = False) -> Rows:
    """Read rows.

    Raises:
        RemoteProtocolError: if they are none, or hold too much.
    """
    try:
        rows = _rows(inflate(data, LOG_ENTRY_BYTES) if is_compressed else data)
    except _MALFORMED as exc:
        raise _problem("rows", data, exc) from None
    if len(rows.streams) != len(rows.payloads):
        raise RemoteProtocolError("the log has rows with more streams than messages, or fewer")
    return rows


def encode_happening(what: Happening) -> bytes:
    """Return what happened as it is written, its texts fit to be printed."""
    return _encode(_cleaned(what))


def encode_open(what: Open) -> bytes:
    """Return what the script that opens a term completes: it adds the value of `after`, the map's last."""
    whole = _encode(msgspec.structs.replace(what, after=""))
    return whole[:-1]  # without the empty string


def decode_happening(data: bytes) -> Happening:
    """Read what happened.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        return _cleaned(_happening(data))
    except _MALFORMED as exc:
        raise _problem("an entry", data, exc) from None


def encode_last(last: Last) -> bytes:
    """Return a checkpoint as it is kept."""
    return _encode(last)


def decode_last(data: bytes) -> Last:
    """Read a checkpoint.

    Raises:
        RemoteProtocolError: if it is none.
    """
    try:
        last = _last(data)
    except _MALFORMED as exc:
        raise _problem("a checkpoint", data, exc) from None
    if not len(last.streams) == len(last.payloads) == len(last.ages_us):
        raise RemoteProtocolError("the fleet's checkpoint has columns of different lengths")
    return last


def _problem(what: str, data: bytes, exc: BaseException) -> RemoteProtocolError:
    return RemoteProtocolError(f"the log has {what} that cannot be read: {data[:16]!r}: {outside_text(exc)}")


def _cleaned(what: Happening) -> Happening:
    replace = msgspec.structs.replace
    match what:
        case State(reason=reason, error=error):
            return replace(
                what, reason=outside_text(reason, REASON_CHARACTERS), error=outside_text(error, NAME_CHARACTERS)
            )
        case Refused(name=name, text=text):
            return replace(what, name=outside_text(name, NAME_CHARACTERS), text=outside_text(text, REASON_CHARACTERS))
        case Open(writer=writer):
            return replace(what, writer=outside_text(writer, NAME_CHARACTERS))
        case _:
            return what
