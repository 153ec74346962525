"""Recordings made of what others recorded: captures as JSON lines, and files of tardis.dev.

A capture has a line for each frame, `{"dir": "in", "t": "1617646620.849474", "raw": "..."}`. A file of tardis.dev has
the time, a space and the frame in each line, and an empty line where its connection was lost. Both lack what only the
engine knows: epochs other than those lines, what was wanted, the monotonic clock. That is made up, counted and said.
"""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ._version import __version__
from .actors.recording.recording_file import RecordingFile
from .protocol.errors import RecordingError
from .protocol.exchange.heads import Inbound
from .protocol.recording.key_state import KeyStates
from .protocol.recording.records import Record, Rows, Standing, Wants, events_of
from .protocol.recording.writer import Header, RecordingWriter

__all__ = ["Imported", "import_capture"]

SECOND = 1_000_000_000
LOST = "the recorder's connection was lost"


class _Line(NamedTuple):
    at_ns: int
    frame: bytes | None  # None: the connection was lost


class Imported:
    """What was made of a file, and what it lacks."""

    def __init__(self) -> None:
        self.messages = 0
        self.others = 0  # lines that hold no data: requests, answers, what is no message of the exchange
        self.gaps = 0  # lost connections that the file tells of
        self.streams: dict[str, int] = {}

    @property
    def lacks(self) -> str:
        """What had to be made up, in words."""
        return (
            f"its epochs are made up: one, and one more after each of the {self.gaps} lost connections that it tells; "
            "the monotonic clock is the time of receiving; what was wanted is what came"
        )


def import_capture(source: Path, path: Path) -> Imported:
    """Make a recording at `path`, a new file, of a capture or a file of tardis.dev (by their first line; `.gz` too).

    Raises:
        OSError: if the one cannot be read, or the other is there already or cannot be made.
        RecordingError: if no line is a message of the exchange.
        ConfigError: if there is no Zstandard.
    """
    imported = Imported()
    file: RecordingFile | None = None
    try:
        making = _Making(imported)
        for line in _lines(source, imported):
            data = making.add(line)
            if file is None:
                file = RecordingFile(path)
            file.write(data)
        if file is None or not imported.messages:
            raise RecordingError(f"{source} has no line that is a message of the exchange")
        file.write(making.end())
    except BaseException:
        if file is not None:
            file.close()
            path.unlink(missing_ok=True)
        raise
    file.close()
    return imported


class _Making:
    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._inbound = Inbound()
        self._writer: RecordingWriter | None = None
        self._states = KeyStates()
        self._epoch = 1
        self._flushed_ns = self._last_ns = self._mono_ns = 0
        self._lost_ns: int | None = None

    def add(self, line: _Line) -> bytes:
        at_ns, frame = line
        made = b""
        if self._writer is None:
            made = self._begin(at_ns)
        assert self._writer is not None
        self._mono_ns = max(self._mono_ns, at_ns)  # as a clock that cannot go back
        if frame is None:
            if self._lost_ns is None and self._imported.messages:
                self._imported.gaps += 1
                self._lost_ns = self._last_ns
                self._put(Standing("public", "lost", self._epoch, at_ns, self._lost_ns, None, LOST), at_ns)
            return made
        found = self._inbound.sort([frame])
        if not found.streams:
            self._imported.others += 1
            return made
        if self._lost_ns is not None:
            self._epoch += 1
            self._put(Standing("public", "open", self._epoch, at_ns, self._lost_ns, at_ns), at_ns)
            self._lost_ns = None
        rows = Rows(self._epoch, at_ns, 0, list(found.streams), list(found.payloads))
        self._put(rows, at_ns)
        self._states.heard(list(events_of(rows)))
        self._last_ns = at_ns
        self._imported.messages += len(rows.streams)
        for stream in rows.streams:
            self._imported.streams[stream] = self._imported.streams.get(stream, 0) + 1
        if at_ns - self._flushed_ns >= SECOND or self._writer.is_frame_full:
            self._flushed_ns = at_ns
            made += self._writer.flush()
        if self._states.is_due(self._mono_ns):
            made += self._writer.flush(ends_frame=True)
            for value in self._states.take(self._mono_ns):
                self._put(value, at_ns)
        return made

    def end(self) -> bytes:
        assert self._writer is not None
        return self._writer.end(self._last_ns)

    def _begin(self, at_ns: int) -> bytes:
        self._mono_ns = self._flushed_ns = at_ns
        header = Header(
            engine=__version__,
            id=str(uuid.uuid4()),
            region="kr",
            host="imported",
            streams=[],
            wall_ns=at_ns,
            mono_ns=at_ns,
        )
        self._writer = RecordingWriter(header)
        begun = self._writer.begin()
        for value in self._states.take(at_ns):
            self._put(value, at_ns)
        self._put(Wants([]), at_ns)
        standing = Standing("public", "open", self._epoch, at_ns)
        self._states.stands(standing)
        self._put(standing, at_ns)
        return begun

    def _put(self, value: object, at_ns: int) -> None:
        assert self._writer is not None
        self._writer.add(Record(self._mono_ns, value), at_ns)  # type: ignore[arg-type]


def _lines(source: Path, imported: Imported) -> Iterator[_Line]:
    opener: Callable[..., object] = gzip.open if source.suffix == ".gz" else open
    before_ns = 0
    with opener(source, "rt", encoding="utf-8") as lines:  # type: ignore[attr-defined]
        for text in lines:
            line = _line(text.rstrip("\n"), before_ns)
            if line is None:
                imported.others += 1
            else:
                before_ns = line.at_ns
                yield line


def _line(text: str, before_ns: int) -> _Line | None:
    if not text.strip():
        return _Line(before_ns, None) if before_ns else None
    try:
        if text.startswith("{"):
            entry = json.loads(text)
            if entry.get("dir") != "in":
                return None
            return _Line(int(Decimal(entry["t"]) * SECOND), entry["raw"].encode())
        moment, _, frame = text.partition(" ")
        return _Line(_nanoseconds(moment), frame.encode())
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError):
        return None


def _nanoseconds(moment: str) -> int:
    """Read a time such as 2021-04-05T18:17:00.1234567Z, which has more digits than `datetime`."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    since = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(since.timestamp()) * SECOND + int(fraction.ljust(9, "0")[:9] or 0)
