"""Reads a recording, also one that nobody ended: bytes in, records out, in their order.

What is broken in the middle is passed over up to the next frame, and told as a Hole in its place. What is cut off at
the end is told by `finish`.
"""

import struct
from typing import Final, NamedTuple

import msgspec

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.limits import RECORDING_CHUNK_BYTES
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.zstd import Decompressor

from .chunks import Broken, Chunk, ChunkScanner, Kind
from .messages import Piece, decode_pieces, first_ns, last_ns, records_of
from .records import Hole, Record
from .writer import Header, Index

__all__ = ["Ending", "RecordingReader"]

_FRAME: Final = int(Kind.FRAME)  # a name of an enumeration is looked up as often as it is written
_FRAMES: Final = _FRAME, int(Kind.MORE)
BROKEN: Final = "the file is broken here"
_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_index = msgspec.msgpack.Decoder(Index).decode
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


class Ending(NamedTuple):
    """How a file ends."""

    is_whole: bool  # it was ended in order
    unread: int  # bytes at its end that are no whole chunk, or need one that is broken


class RecordingReader:
    """One file. Give `receive` its bytes, in pieces of any size, then call `finish` once."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.index: Index | None = None
        self.ending: Ending | None = None
        self._scanner = ChunkScanner()
        self._decompressor: Decompressor | None = None  # of the frame that is open
        self._is_over = False
        self._wall_ns = self._mono_ns = 0  # of what was read last
        self._lost: int | None = None  # bytes since something was broken

    def receive(self, data: bytes) -> list[Record]:
        """Return the records that these bytes complete.

        Raises:
            RecordingError: if it is no recording, of a later version, or one without a header.
            ConfigError: if there is no Zstandard.
        """
        return list(records_of(self.pieces(data)))

    def finish(self) -> list[Record]:
        """Return what is left, and note the `ending`; raises as `receive` does."""
        return list(records_of(self.last_pieces()))

    def pieces(self, data: bytes) -> list[Piece]:
        """Do what `receive` does, for whoever wants many at once."""
        return self._read(self._scanner.receive(data))

    def last_pieces(self) -> list[Piece]:
        """Do what `finish` does, for whoever wants many at once."""
        left = self._read(self._scanner.finish())
        if self.header is None:
            raise RecordingError("the recording is cut off or broken before it says what is in it: nothing can be read")
        unread = self._scanner.unread + (self._lost or 0)
        self.ending = Ending(self._is_over and not unread, unread)
        return left

    def _read(self, found: list[Chunk | Broken]) -> list[Piece]:
        pieces: list[Piece] = []
        for one in found:
            if isinstance(one, Broken):
                self._lose(one.size)
            elif self.header is None:
                self._begin(one)
            elif one.kind in _FRAMES:
                self._frame(one, pieces)
            elif one.kind == Kind.INDEX:
                self._note_index(one)
            elif one.kind == Kind.END:
                self._is_over = len(one.body) == struct.calcsize("<Q")
        return pieces

    def _begin(self, chunk: Chunk) -> None:
        try:
            if chunk.kind != Kind.HEADER:
                raise ValueError("it does not begin with a header")
            self.header = _decode_header(chunk.body)
        except _MALFORMED as exc:
            raise RecordingError(f"the recording does not say what is in it: {outside_text(exc)}") from None
        self._wall_ns, self._mono_ns = chunk.wall_ns, self.header.mono_ns

    def _frame(self, chunk: Chunk, pieces: list[Piece]) -> None:
        if chunk.kind == _FRAME:
            self._decompressor = Decompressor()
        if self._decompressor is None:
            self._lose(len(chunk.body))
            return
        is_hole = self._lost is not None
        more: list[Piece] = [] if is_hole else pieces
        try:
            decode_pieces(self._decompressor.piece(chunk.body, RECORDING_CHUNK_BYTES), more)
        except (ValueError, RecordingError):
            self._lose(len(chunk.body))
            return
        if is_hole:
            self._lost = None
            mono_ns = first_ns(more[0]) if more else self._mono_ns
            pieces.append(Record(mono_ns, Hole(self._wall_ns, chunk.wall_ns, None, BROKEN)))
            pieces += more
        self._wall_ns = chunk.wall_ns
        if pieces:
            self._mono_ns = last_ns(pieces[-1])

    def _note_index(self, chunk: Chunk) -> None:
        try:
            self.index = _decode_index(chunk.body)
        except _MALFORMED:
            self._lose(len(chunk.body))

    def _lose(self, size: int) -> None:
        self._lost = (self._lost or 0) + size
        self._decompressor = None
