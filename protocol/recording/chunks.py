"""The outermost layer of a recording: a magic number, then chunks, each with a checksum of the bytes as they lie there.

    file   = "WSV6REC" major | chunk*
    chunk  = marker u32, length of the body u32, CRC-32 of all that follows u32, kind u8, wall u64 | body

Numbers are little-endian; `wall` is the Unix time in nanoseconds of the first thing in it. The checksum is of the
stored bytes and not of what they hold, so that nothing broken ever reaches a decompressor.
"""

import struct
import zlib
from enum import IntEnum
from typing import Final, NamedTuple

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.limits import RECORDING_CHUNK_BYTES

__all__ = [
    "HEAD_BYTES",
    "MAGIC",
    "MAJOR",
    "Broken",
    "Chunk",
    "ChunkScanner",
    "Kind",
    "body_size",
    "encode_chunk",
    "preamble",
]

MAGIC: Final = b"WSV6REC"
MAJOR: Final = 1
_PREAMBLE: Final = MAGIC + bytes([MAJOR])
_MARKER: Final = b"\xf6REC"  # its first byte is none of UTF-8, so it stands in no text
_HEAD: Final = struct.Struct("<4sII")
_REST: Final = struct.Struct("<BQ")
_WHOLE: Final = struct.Struct("<4sIIBQ")  # both
HEAD_BYTES: Final = _HEAD.size + _REST.size


class Kind(IntEnum):
    """What a chunk holds; whoever reads skips a kind that it does not know."""

    HEADER = 0
    FRAME = 1  # begins a frame of Zstandard
    MORE = 2  # goes on in it
    INDEX = 3
    END = 4


class Chunk(NamedTuple):
    """One chunk that is whole."""

    kind: int
    wall_ns: int
    body: bytes
    offset: int  # of its first byte in the file


class Broken(NamedTuple):
    """Bytes in the middle of a file that are no chunk."""

    offset: int
    size: int


def encode_chunk(kind: int, wall_ns: int, body: bytes) -> bytes:
    """Return a chunk as it is written."""
    rest = _REST.pack(kind, wall_ns) + body
    return _HEAD.pack(_MARKER, len(body), zlib.crc32(rest)) + rest


def body_size(head: bytes) -> int | None:
    """Return how long the body is of a chunk that begins so; None if none does."""
    marker, length, _ = _HEAD.unpack_from(head)
    return length if marker == _MARKER and length <= RECORDING_CHUNK_BYTES else None


def preamble() -> bytes:
    """Return what a file begins with."""
    return _PREAMBLE


class ChunkScanner:
    """Finds the chunks in the bytes of a file, and goes on behind those that are broken."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._offset = 0  # of the first byte of `_data` in the file
        self._broken_at: int | None = None  # where bytes that are no chunk begin
        self._has_begun = False

    @property
    def unread(self) -> int:
        """How many bytes wait for those that follow them, or are no chunk."""
        begin = self._offset if self._broken_at is None else self._broken_at
        return self._offset + len(self._data) - begin

    def receive(self, data: bytes) -> list[Chunk | Broken]:
        """Take the next bytes of the file and return what they complete.

        Raises:
            RecordingError: if it is no recording, or of a later version.
        """
        self._data += data
        return self._scan(is_all=False)

    def finish(self) -> list[Chunk | Broken]:
        """Return what was taken for the beginning of a longer chunk and is none: there is nothing more to come.

        Raises:
            RecordingError: if there was nothing.
        """
        found = self._scan(is_all=True)
        if not self._has_begun:
            raise RecordingError("this is no recording: it is empty, or cut off in its first bytes")
        return found

    def _scan(self, *, is_all: bool) -> list[Chunk | Broken]:
        found: list[Chunk | Broken] = []
        if not self._has_begun and not self._begin():
            return found
        position = 0
        while True:
            chunk = self._chunk_at(position)
            if isinstance(chunk, Chunk):
                if self._broken_at is not None:
                    found.append(Broken(self._broken_at, chunk.offset - self._broken_at))
                    self._broken_at = None
                found.append(chunk)
                position += HEAD_BYTES + len(chunk.body)
                continue
            if chunk is None and not is_all:
                break
            following = self._data.find(_MARKER, position + 1)
            if chunk is None and following < 0:
                break  # a chunk that was cut off, or perhaps one that claims to be long: nothing whole follows it
            if self._broken_at is None:
                self._broken_at = self._offset + position
            if following < 0:
                # The last bytes may be the beginning of a marker.
                position = max(position + 1, len(self._data) - len(_MARKER) + 1)
                break
            position = following
        position = min(position, len(self._data))
        del self._data[:position]
        self._offset += position
        return found

    def _begin(self) -> bool:
        head = bytes(self._data[: len(_PREAMBLE)])
        if not _PREAMBLE.startswith(head[: len(MAGIC)]):
            raise RecordingError("this is no recording of websocket-v6: it begins with other bytes")
        if len(head) < len(_PREAMBLE):
            return False
        if head[-1] != MAJOR:
            raise RecordingError(
                f"the recording has format {head[-1]}, this version reads {MAJOR}: use the one that it was made with"
            )
        del self._data[: len(_PREAMBLE)]
        self._offset, self._has_begun = len(_PREAMBLE), True
        return True

    def _chunk_at(self, position: int) -> Chunk | bool | None:
        """Return the chunk there, None if that takes more bytes, False if there is none."""
        data = self._data
        if len(data) - position < HEAD_BYTES:
            return None if _MARKER.startswith(bytes(data[position : position + len(_MARKER)])) else False
        marker, length, checksum, kind, wall_ns = _WHOLE.unpack_from(data, position)
        if marker != _MARKER or length > RECORDING_CHUNK_BYTES:
            return False
        end = position + HEAD_BYTES + length
        if len(data) < end:
            return None
        with memoryview(data)[position + _HEAD.size : end] as rest:
            if zlib.crc32(rest) != checksum:
                return False
            return Chunk(kind, wall_ns, rest[_REST.size :].tobytes(), self._offset + position)
