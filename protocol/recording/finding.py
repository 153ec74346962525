"""Finding one's way in a file of a recording: its index, what is in it, where to begin."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from websocket_v6.protocol.errors import RecordingError

from .chunks import HEAD_BYTES, Chunk, ChunkScanner, Kind, body_size, preamble
from .records import KeyState, Listed, Record, Rows
from .writer import Index

__all__ = ["INDEX_TAIL", "Contents", "contents_of", "header_size", "index_place", "seek", "without_key_states"]

INDEX_TAIL: Final = HEAD_BYTES + struct.calcsize("<Q")  # bytes at the end that say where the index is


class Contents(NamedTuple):
    """How many messages of each stream there are, those of key states apart; and from when to when, where known.

    `quotes` are the quote currencies of which the lists of markets are there.
    """

    messages: Mapping[str, int]
    began_ns: int = 0
    ended_ns: int = 0
    quotes: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.messages.values())

    @classmethod
    def of_index(cls, index: Index) -> "Contents":
        """Return what an index says."""
        frames, messages = index.frames, dict.fromkeys(index.again, 0) | index.messages
        quotes = frozenset(index.quotes)
        if not frames:
            return cls(messages, quotes=quotes)
        began_ns, ended_ns = min(one.wall_min_ns for one in frames), max(one.wall_max_ns for one in frames)
        return cls(messages, began_ns, ended_ns, quotes)

    @classmethod
    def of_all(cls, parts: Sequence["Contents"]) -> "Contents":
        """Return what several files have together."""
        messages: dict[str, int] = {}
        for part in parts:
            for stream, count in part.messages.items():
                messages[stream] = messages.get(stream, 0) + count
        known = [part for part in parts if part.ended_ns]
        return cls(
            messages,
            min((part.began_ns for part in known), default=0),
            max((part.ended_ns for part in known), default=0),
            frozenset().union(*(part.quotes for part in parts)),
        )


def contents_of(records: Iterable[Record]) -> Contents:
    """Return what is in a file without an index."""
    messages: dict[str, int] = {}
    quotes: set[str] = set()
    began_ns = ended_ns = 0
    for record in records:
        value = record.value
        if isinstance(value, Rows):  # also those of key states, which may be all there is of a stream
            for stream in value.streams:
                messages[stream] = messages.get(stream, 0) + 1
            if not value.marks:
                began_ns, ended_ns = began_ns or value.received_ns, max(ended_ns, value.received_ns)
        elif isinstance(value, KeyState):
            quotes.update(one.quote for one in value.lists)
        elif isinstance(value, Listed):
            quotes.add(value.quote)
    return Contents(messages, began_ns, ended_ns, frozenset(quotes))


def without_key_states(records: Iterable[Record]) -> Iterable[Record]:
    """Leave out what is said again so that one may begin there."""
    passed = 0
    for one in records:
        if isinstance(one.value, KeyState):
            passed = one.value.rows
        elif passed and isinstance(one.value, Rows):
            passed -= 1
        else:
            passed = 0
            yield one


def header_size(begin: bytes) -> int:
    """Return how many bytes stand before the first frame, as far as `begin` says: the size that it should have if not.

    Raises:
        RecordingError: if it is no recording.
    """
    least = len(preamble()) + HEAD_BYTES
    if len(begin) < least:
        return least
    size = body_size(begin[len(preamble()) :])
    if size is None:
        # Let the reader say what is wrong with it, which it does with more care.
        ChunkScanner().receive(begin)
        raise RecordingError("the recording is cut off or broken before it says what is in it: nothing can be read")
    return least + size


def index_place(tail: bytes) -> int | None:
    """Return where the index is, by the last INDEX_TAIL bytes of a file; None if it was not ended in order."""
    found = ChunkScanner().receive(preamble() + tail)
    match found:
        case [Chunk(kind=Kind.END, body=body)] if len(body) == struct.calcsize("<Q"):
            place: int = struct.unpack("<Q", body)[0]
            return place
    return None


def seek(index: Index | None, from_ns: int | None, begin: int) -> int:
    """Return where to begin to read for what was received from `from_ns` on: at the key state before that.

    The order of frames is the law, for clocks are set: it is the first one that reaches that time.
    """
    if index is None or from_ns is None:
        return begin
    place = begin
    for frame in index.frames:
        if frame.has_key_state:
            place = frame.offset
        if frame.wall_max_ns >= from_ns:
            break
    return place
