"""The files of a recording: in which order, what is in them, and their records from one moment to another.

A file that was ended in order says in its index what is in it; one that was cut off is read once for that.
"""

import contextlib
import functools
import logging
import os
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.recording.finding import INDEX_TAIL, Contents, contents_of, header_size, index_place, seek
from websocket_v6.protocol.recording.messages import Piece, first_ns, records_of
from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import Listed, Record
from websocket_v6.protocol.recording.writer import Header, Index
from websocket_v6.protocol.replay.digest import new_digest
from websocket_v6.protocol.replay.playback import Playback
from websocket_v6.protocol.replaying import Replay

__all__ = ["Tape"]

SOON_NS = 60_000_000_000
READ_BYTES = 64 * 1024  # a thousand messages: each time, two threads are woken for them

logger = logging.getLogger(__name__)


class _File(Message):
    path: Path
    header: Header
    index_: Index | None
    head: bytes  # what it begins with, up to its first frame
    contents: Contents


class Tape:
    """A recording as it is played; knows what is in it from the beginning.

    Raises:
        OSError: if it cannot be read.
        RecordingError: if it is no recording, or one of a later version.
        ConfigError: if there is no Zstandard, or digests are wanted and there is no xxhash.
    """

    def __init__(self, settings: Replay) -> None:
        self.settings = settings
        if settings.digests:
            new_digest()  # else somebody finds out later
        self._files = _in_order([_opened(path) for path in _paths(Path(settings.path))])
        self.contents = Contents.of_all([one.contents for one in self._files])
        self.playback = Playback(settings.from_ns, settings.to_ns)
        self.lists = self._first_lists()

    def read(self) -> Iterator[list[Piece]]:
        """Yield all that is to be played, in pieces; raises as the constructor does."""
        return self._played(self.playback)

    @functools.cached_property
    def began_ns(self) -> int:
        """When it begins, by the recording's monotonic clock."""
        with contextlib.closing(self._played(Playback(self.settings.from_ns, self.settings.to_ns))) as played:
            return next((first_ns(piece) for piece in chain.from_iterable(played)), 0)

    def _first_lists(self) -> dict[str, Listed]:
        """Return the lists of markets that it begins with, by quote currency: those that come soon, if not at once."""
        found: dict[str, Listed] = {}
        if not self.contents.quotes:
            return found
        begun_ns: int | None = None
        with contextlib.closing(self._played(Playback(self.settings.from_ns, self.settings.to_ns))) as played:
            for record in records_of(chain.from_iterable(played)):
                begun_ns = record.mono_ns if begun_ns is None else begun_ns
                if self.contents.quotes <= found.keys() or record.mono_ns - begun_ns > SOON_NS:
                    break
                if isinstance(record.value, Listed):
                    found.setdefault(record.value.quote, record.value)
        return found

    def _played(self, playback: Playback) -> Generator[list[Piece], None, None]:
        files = self._files
        from_ns = self.settings.from_ns
        if from_ns is not None:
            # Nothing of a file before the one in which it begins is needed: each begins with a key state.
            begun = [place for place, one in enumerate(files) if one.header.wall_ns <= from_ns]
            files = files[begun[-1] :] if begun else files
        for place, one in enumerate(files):
            yield list(playback.begin(one.header))
            for piece in _pieces(one, from_ns if place == 0 else None):
                yield playback.receive(piece)
                if playback.is_over:
                    return
        yield list(playback.finish())


def _pieces(one: _File, from_ns: int | None) -> Iterator[list[Piece]]:
    reader = RecordingReader()
    with one.path.open("rb") as file:
        yield reader.pieces(one.head)
        file.seek(seek(one.index_, from_ns, len(one.head)))
        while data := file.read(READ_BYTES):
            yield reader.pieces(data)
    yield reader.last_pieces()
    if reader.ending is not None and not reader.ending.is_whole:
        logger.warning("%s ends without an index, %d bytes unread", one.path, reader.ending.unread)


def _paths(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix == ".wsr" and one.is_file())
    if not found:
        raise RecordingError(f"there is no recording in {path}: its files end in .wsr")
    return found


def _opened(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            begin = file.read(header_size(b""))
            size = header_size(begin)
            head = begin + file.read(max(0, size - len(begin)))
            reader = RecordingReader()
            for _ in reader.receive(head):
                pass
            if reader.header is None:
                for _ in reader.finish():  # raises: it is cut off in its header, or something else
                    pass
                raise RecordingError("it does not say what is in it")
            index = _index(path, head)
            header = reader.header
            if index is None:
                reader = RecordingReader()
                file.seek(0)
                contents = contents_of(_all(reader, iter(lambda: file.read(READ_BYTES), b"")))
                return _File(path, header, None, head, contents)
            return _File(path, header, index, head, Contents.of_index(index))
    except RecordingError as exc:
        raise RecordingError(f"{path}: {exc}") from None


def _all(reader: RecordingReader, pieces: Iterator[bytes]) -> Iterator[Record]:
    for data in pieces:
        yield from reader.receive(data)
    yield from reader.finish()


def _index(path: Path, head: bytes) -> Index | None:
    """Return the index of a file that was ended in order."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < len(head) + INDEX_TAIL:
            return None
        file.seek(size - INDEX_TAIL)
        place = index_place(file.read(INDEX_TAIL))
        if place is None or not len(head) <= place < size - INDEX_TAIL:
            return None
        file.seek(place)
        reader = RecordingReader()
        with contextlib.suppress(RecordingError):
            for _ in reader.receive(head + file.read(size - INDEX_TAIL - place)):
                return None  # a record there: it is no index
        return reader.index


def _in_order(files: list[_File]) -> list[_File]:
    """Return files in the order in which they were written: each behind the one that it names, else by time."""
    by_id = {one.header.id: one for one in files}
    followers: dict[str, list[_File]] = {}
    for one in sorted(files, key=lambda one: one.header.wall_ns):
        previous = one.header.previous if one.header.previous in by_id else ""
        followers.setdefault(previous, []).append(one)
    ordered: list[_File] = []
    waiting = list(reversed(followers.get("", [])))
    while waiting:
        one = waiting.pop()
        ordered.append(one)
        waiting.extend(reversed(followers.pop(one.header.id, [])))
    return ordered
