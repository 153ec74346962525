"""What a recording holds: one msgpack value for each thing that the router delivered or said, in its order.

    record = bin of [kind, mono, value]

`mono` is the recording machine's monotonic clock in nanoseconds. Each record stands in a `bin` of its own, so that a
reader knows its size before it looks into it, and passes over one of a kind, or with fields, that it does not know.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgpack
import msgspec

from websocket_v6.protocol.errors import RecordingError, RemoteProtocolError
from websocket_v6.protocol.events import CandleEvent, Event, make_event
from websocket_v6.protocol.limits import DOOR_ROWS, STREAM_CHARACTERS
from websocket_v6.protocol.outside_text import outside_text

__all__ = [
    "BACKFILLED",
    "CLOSED",
    "REPLAYED",
    "RUNS_ON",
    "Hole",
    "KeyState",
    "Listed",
    "ListedMarket",
    "Record",
    "Rows",
    "Standing",
    "Wants",
    "decode_record",
    "encode_record",
    "events_of",
    "rows_of",
]

REPLAYED: Final = 1  # last values, made the snapshot of a newcomer
BACKFILLED: Final = 2  # fetched over REST, since a gap had swallowed them
RUNS_ON: Final = 4  # they came as snapshots of a further source, of streams that run
CLOSED: Final = 8  # final candles that were fetched, for those alone who take candles when they are final

_ROWS_BYTES: Final = 1024 * 1024  # of payloads in one record, unless a single message has more
_MOST_LISTED: Final = 50_000  # markets of one quote currency

_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=STREAM_CHARACTERS)]
_Epoch: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Rows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Messages of one endpoint that were read at once: the exchange's own JSON, untouched."""

    epoch: _Epoch
    received_ns: _Nanoseconds
    marks: int  # REPLAYED, BACKFILLED, RUNS_ON, CLOSED
    streams: Annotated[list[_Name], msgspec.Meta(max_length=DOOR_ROWS)]
    payloads: Annotated[list[bytes], msgspec.Meta(max_length=DOOR_ROWS)]


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What happened to the connections of an endpoint: a ConnectionEvent, but for its order."""

    endpoint: _Name
    state: _Name
    epoch: int
    at_ns: _Nanoseconds
    gap_started_ns: _Nanoseconds | None = None
    gap_ended_ns: _Nanoseconds | None = None
    reason: str = ""
    recovered: int | None = None  # with state "backfilled" or "reconciled"
    unrecovered: tuple[tuple[str, int, int, str], ...] = ()  # code, from, until (Unix nanoseconds), why
    data_type: str = ""  # that these two are of; empty where it is not known, or nothing is missing

    @property
    def lasts(self) -> bool:
        """Whether the endpoint stands so from then on; else it tells what came of a gap."""
        return self.state not in ("backfilled", "reconciled")


class ListedMarket(msgspec.Struct, frozen=True, array_like=True):
    """One market of a list."""

    code: _Name
    korean_name: str = ""
    english_name: str = ""
    warning: bool = False
    cautions: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """All markets of a quote currency from here on: some were added or removed, or have other names or warnings."""

    quote: _Name
    listed_ns: _Nanoseconds  # when the list came, Unix time
    markets: Annotated[list[ListedMarket], msgspec.Meta(max_length=_MOST_LISTED)]


class KeyState(msgspec.Struct, frozen=True, array_like=True):
    """From here on it can be read without what lies before: how the endpoints stand; last values follow as Rows."""

    standings: list[Standing]
    rows: int  # how many records of REPLAYED rows follow
    lists: list[Listed] = []  # of markets


class Wants(msgspec.Struct, frozen=True, array_like=True):
    """What is recorded from here on. Of `closed` streams of candles, also those that are fetched after a gap."""

    streams: Annotated[list[_Name], msgspec.Meta(max_length=200_000)]
    closed: Annotated[list[_Name], msgspec.Meta(max_length=200_000)] = []


class Hole(msgspec.Struct, frozen=True, array_like=True):
    """Something is missing of every stream: the disk was too slow, or the file is broken here."""

    from_ns: _Nanoseconds
    until_ns: _Nanoseconds
    messages: int | None  # how many, where that is known
    reason: str


Value: TypeAlias = Rows | Standing | KeyState | Wants | Listed | Hole


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record."""

    mono_ns: int
    value: Value


class _RowsRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: int
    mono_ns: int
    value: Rows


class _Head(msgspec.Struct, frozen=True, array_like=True):
    kind: int
    mono_ns: int
    value: msgspec.Raw


_KINDS: Final[dict[int, Any]] = {1: Rows, 2: Standing, 3: KeyState, 4: Wants, 5: Listed, 6: Hole}
_NUMBERS: Final = {type_: number for number, type_ in _KINDS.items()}
_encode = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(_RowsRecord).decode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_DECODERS: Final = {number: msgspec.msgpack.Decoder(type_).decode for number, type_ in _KINDS.items() if number != 1}
_IS_ROWS: Final = b"\x01"  # behind the head of the array
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def encode_record(mono_ns: int, value: Value) -> bytes:
    """Return a record as it stands in a frame."""
    data: bytes = msgpack.packb(_encode((_NUMBERS[type(value)], mono_ns, value)))
    return data


def decode_record(data: bytes) -> Record | None:
    """Return the record that is all of a bin; None if it is of a kind that is not known.

    Raises:
        RecordingError: if it is anything else.
    """
    try:
        return _record(data)
    except _MALFORMED as exc:
        raise RecordingError(f"a record cannot be read: {outside_text(exc)}") from None


def _record(data: bytes) -> Record | None:
    if data[1:2] == _IS_ROWS:  # in one go, for that is what there is so much of
        rows = _decode_rows(data)
        value = rows.value
        if len(value.streams) != len(value.payloads):
            raise ValueError("rows with more streams than messages, or fewer")
        return Record(rows.mono_ns, value)
    head = _decode_head(data)
    decode = _DECODERS.get(head.kind)
    if decode is None:
        return None
    return Record(head.mono_ns, decode(head.value))


def rows_of(events: Sequence[Event], marks: int = 0) -> Iterator[Rows]:
    """Yield events of the router as rows, in their order: those that were read at once, and in the same way, together.

    `marks` are added to what they have.
    """
    streams: list[str] = []
    payloads: list[bytes] = []
    head: tuple[int, int, int] | None = None
    size = 0
    for event in events:
        own = event.epoch, event.received_at, marks | _marks(event)
        payload = event.payload
        if head is not None and (own != head or len(streams) >= DOOR_ROWS or size + len(payload) > _ROWS_BYTES):
            yield Rows(*head, streams, payloads)
            streams, payloads, size = [], [], 0
        head = own
        streams.append(event.stream)
        payloads.append(payload)
        size += len(payload)
    if head is not None:
        yield Rows(*head, streams, payloads)


def events_of(rows: Rows) -> Iterator[Event]:
    """Yield the events that the rows were made of."""
    for stream, payload in zip(rows.streams, rows.payloads, strict=True):
        event = make_event(stream, payload, rows.epoch, rows.received_ns)
        if rows.marks & BACKFILLED:
            event = event.as_backfilled()
        if rows.marks & REPLAYED:
            with contextlib.suppress(RemoteProtocolError):  # malformed, as it was
                event = event.as_snapshot()
        if rows.marks & RUNS_ON:
            event = event.as_realtime()
        if rows.marks & CLOSED and isinstance(event, CandleEvent):
            event = event.as_closed()
        yield event


def _marks(event: Event) -> int:
    closed = isinstance(event, CandleEvent) and event.closed
    return REPLAYED * event.is_replayed | BACKFILLED * event.backfilled | RUNS_ON * event.runs_on | CLOSED * closed
