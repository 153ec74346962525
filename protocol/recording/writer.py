"""Makes the bytes of a recording: records become pieces of frames, each in a chunk that can be read without the next.

A frame is what is compressed together, a chunk what is lost at most. One piece a second in frames of 1 MiB is a third
of the size that a frame a second has.
"""

import hashlib
import struct
from typing import Final

import msgspec

from websocket_v6.protocol.zstd import FAST, SMALL, Compressor

from .chunks import Kind, encode_chunk, preamble
from .records import KeyState, Listed, Record, Rows, Value, encode_record

__all__ = ["FRAME_BYTES", "MINOR", "FrameEntry", "Header", "Index", "RecordingWriter"]

MINOR: Final = 2  # 1: `again` in the index; 2: lists of markets, what reconciled and closed candles are of
FRAME_BYTES: Final = 1024 * 1024
BUSY: Final = 5000.0  # messages a second from which on speed is worth more than size


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself: a msgpack map. Fields that a reader does not know are passed over."""

    minor: int = MINOR
    engine: str  # the version that wrote it
    id: str
    previous: str = ""  # the id of the file that this one goes on from
    region: str
    host: str  # of the exchange: nothing else of its URL
    streams: list[str]
    wall_ns: int  # when it began, Unix time and monotonic clock
    mono_ns: int


class FrameEntry(msgspec.Struct, frozen=True, array_like=True):
    """Where a frame begins, and what is in it."""

    offset: int
    wall_min_ns: int
    wall_max_ns: int
    mono_ns: int
    messages_before: int
    has_key_state: bool


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the end of a file that was ended in order: a msgpack map."""

    frames: list[FrameEntry]
    messages: dict[str, int]  # by stream, those of key states apart
    sha256: bytes  # of all records, uncompressed
    again: list[str] = []  # streams of key states, which may say nothing else
    quotes: list[str] = []  # quote currencies of which the lists of markets are in it


_pack = msgspec.msgpack.Encoder().encode


class RecordingWriter:
    """One file. `begin`, then `add` and `flush` as often as need be, then `end`; what is returned is to be written."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.size = 0  # bytes of the file so far
        self.messages = 0
        self._counts: dict[str, int] = {}
        self._hash = hashlib.sha256()
        self._frames: list[FrameEntry] = []
        self._compressor: Compressor | None = None  # of the frame that is open
        self._level = SMALL
        self._pending: list[bytes] = []
        self._pending_wall_ns = 0
        self._pending_bytes = self._frame_bytes = 0
        self._offset = self._wall_min_ns = self._wall_max_ns = self._mono_ns = self._before = 0
        self._has_key_state = False
        self._repeated = 0  # records of the last key state that are yet to come
        self._again: set[str] = set()  # the streams of all of them
        self._quotes: set[str] = set()

    def begin(self) -> bytes:
        """Return what the file begins with."""
        return self._out(preamble() + encode_chunk(Kind.HEADER, self.header.wall_ns, _pack(self.header)))

    def add(self, record: Record, wall_ns: int) -> None:
        """Take a record, of this time."""
        data = encode_record(record.mono_ns, record.value)
        if self._compressor is None and not self._pending:
            self._open_frame(record.value, record.mono_ns, wall_ns)
        if not self._pending:
            self._pending_wall_ns = wall_ns
        self._wall_min_ns, self._wall_max_ns = min(self._wall_min_ns, wall_ns), max(self._wall_max_ns, wall_ns)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if isinstance(record.value, KeyState):
            self._repeated = record.value.rows
            self._quotes.update(one.quote for one in record.value.lists)
        elif isinstance(record.value, Listed):
            self._quotes.add(record.value.quote)
        elif isinstance(record.value, Rows) and self._repeated:
            self._repeated -= 1  # said again, and counted already
            self._again.update(record.value.streams)
        elif isinstance(record.value, Rows):
            self.messages += len(record.value.streams)
            counts = self._counts
            for stream in record.value.streams:
                counts[stream] = counts.get(stream, 0) + 1

    @property
    def is_frame_full(self) -> bool:
        """Whether a frame has as much as it should have: it is time for a flush."""
        return self._frame_bytes + self._pending_bytes >= FRAME_BYTES

    def flush(self, *, ends_frame: bool = False) -> bytes:
        """Return what was added since, so that it can be read whatever comes after it."""
        if not self._pending:
            # A frame that is open needs no end: what begins the next one says so.
            self._compressor = None if ends_frame else self._compressor
            return b""
        kind = Kind.FRAME if self._compressor is None else Kind.MORE
        if self._compressor is None:
            self._compressor = Compressor(self._level)
        is_last = ends_frame or self.is_frame_full
        raw = b"".join(self._pending)
        self._hash.update(raw)
        body = self._compressor.piece(raw, is_last=is_last)
        self._frame_bytes += len(raw)
        self._pending.clear()
        self._pending_bytes = 0
        if kind is Kind.FRAME:
            self._offset = self.size
        made = self._out(encode_chunk(kind, self._pending_wall_ns, body))
        entry = FrameEntry(
            self._offset, self._wall_min_ns, self._wall_max_ns, self._mono_ns, self._before, self._has_key_state
        )
        if kind is Kind.FRAME:
            self._frames.append(entry)
        else:
            self._frames[-1] = entry
        if is_last:
            self._compressor = None
        return made

    def end(self, wall_ns: int) -> bytes:
        """Return what is left, and the index."""
        last = self.flush(ends_frame=True)
        at = self.size
        index = Index(
            frames=self._frames,
            messages=self._counts,
            sha256=self._hash.digest(),
            again=sorted(self._again),
            quotes=sorted(self._quotes),
        )
        closing = encode_chunk(Kind.INDEX, wall_ns, _pack(index))
        closing += encode_chunk(Kind.END, wall_ns, struct.pack("<Q", at))
        return last + self._out(closing)

    def _open_frame(self, first: Value, mono_ns: int, wall_ns: int) -> None:
        if self._frames:
            spent = (wall_ns - self._wall_min_ns) / 1e9
            rate = (self.messages - self._before) / spent if spent > 0 else 0.0
            self._level = FAST if rate > BUSY else SMALL
        self._wall_min_ns = self._wall_max_ns = wall_ns
        self._mono_ns, self._before, self._frame_bytes = mono_ns, self.messages, 0
        self._has_key_state = isinstance(first, KeyState)

    def _out(self, data: bytes) -> bytes:
        self.size += len(data)
        return data
