"""A recording as a program has it: begun, watched, ended; and read back from its file."""

import contextlib
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from . import engine
from ._version import __version__
from .actors.base import tell
from .actors.future import Future
from .actors.messages.common import Ref
from .actors.messages.registry import AskMarkets, ComponentGone, Subscribe, Watch, next_subscription_id
from .actors.recording.progress import Progress
from .actors.recording.recorder import GetWay, Recorder, Rotation
from .actors.recording.recording_file import RecordingFile
from .actors.ways import Way
from .link import Link
from .protocol.config import Config
from .protocol.errors import EngineError, RecordingError
from .protocol.exchange.wants import Want
from .protocol.recording.reader import RecordingReader
from .protocol.recording.records import Record
from .protocol.recording.taking import named_streams, recorded_wants
from .protocol.recording.writer import Header
from .protocol.zstd import check_zstd
from .steps import Answer, Ended, Steps, finish

__all__ = ["Recording", "read_recording"]

logger = logging.getLogger(__name__)

STOP_TIMEOUT: Final = 10.0
READ_BYTES: Final = 256 * 1024

_numbers = itertools.count(1)


class Recording:
    """Records what is wanted into a new file, from now until `end`. A context manager.

    With a `rotation` the files after the first have a number: day.wsr, day.2.wsr, day.3.wsr. What is wrong with the
    disk ends the recording and stands in `error`; nothing is raised for it, but `error_handler` is called with it, in
    the recorder's thread. The lists of markets that patterns follow are in it, and those of `quotes`. Who `begins` it
    by steps of its own says so.

    Raises:
        OSError: if the file is there already, or cannot be made.
        ConfigError: if there is no Zstandard; as `WebSocketClientProxy` else.
        EngineError: if the engine cannot be started, or does not answer.
    """

    def __init__(
        self,
        path: Path,
        wants: Sequence[Want],
        config: Config,
        rotation: Rotation = Rotation(),  # noqa: B008
        *,
        quotes: Iterable[str] = (),
        error_handler: Callable[[Exception], object] | None = None,
        begins: bool = True,
    ) -> None:
        self.progress = Progress()
        self._error_handler = error_handler
        self._wants = tuple(recorded_wants(wants))
        self._quotes = tuple(quotes)
        self._path = path
        self._config = config
        self._streams = list(dict.fromkeys(stream for want in wants for stream in want.streams()))
        closed = [stream for want in wants if want.closing is not None for stream in named_streams(want)]
        self._id = f"recording {path.name}#{next(_numbers)}"
        self._link: Link | None = None
        self._at_exit = _AtExit(self)
        check_zstd("a recording is", "record")
        self._recorder: Ref = Recorder.start(
            first=RecordingFile(path),
            open_file=lambda number: RecordingFile(numbered(path, number)),
            header=self._header,
            rotation=rotation,
            progress=self.progress,
            watch=self._watch,
            ended=self._has_ended,
            closed=tuple(dict.fromkeys(closed)),
        )
        if begins:
            finish(self.begin())

    def begin(self) -> Steps[None]:
        """Want what is to be recorded."""
        way = yield Answer.of(self._recorder, GetWay(), STOP_TIMEOUT)
        try:
            self._link = yield from engine.join(self._config, self._id, self._recorder)
            self._watch(way)
            for want in self._wants:
                yield from self._link.ask_registry(Subscribe(self._id, next_subscription_id(), want, way, None))
            for quote in self._quotes:  # told behind the data, as all that changes it is
                yield from self._link.ask_registry(AskMarkets(self._id, quote, Future()))
        except BaseException:
            yield from self.ended()
            self._path.unlink(missing_ok=True)  # nothing is in it
            raise
        engine.at_exit(self._at_exit)
        if self.progress.error is not None:  # it ended before there was anything to leave
            yield from self._leave()

    @property
    def error(self) -> RecordingError | None:
        """What ended it, if anything did; what is written up to then can be read."""
        return self.progress.error

    @property
    def messages(self) -> int:
        """How many messages are in its files."""
        return self.progress.messages

    def end(self, timeout: float = STOP_TIMEOUT) -> None:
        """Write what is left, and end the file; idempotent."""
        finish(self.ended(timeout))

    def ended(self, timeout: float = STOP_TIMEOUT) -> Steps[None]:
        """Do what `end` does."""
        yield from self._leave()
        yield Ended(self._recorder, timeout)

    def _has_ended(self) -> None:
        """It cannot go on: called by the recorder, in its thread."""
        finish(self._leave())
        error, handler = self.progress.error, self._error_handler
        if handler is None or error is None:
            return
        try:
            handler(error)
        except Exception:
            logger.exception("the error_handler of the recording %s raised", self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _watch(self, way: Way) -> None:
        """Have what happens to connections told behind the data."""
        link = self._link
        if link is None:
            return
        with contextlib.suppress(EngineError):  # it is stopping, or tells of connections later
            tell(finish(link.children()).registry, Watch(self._id, way))

    def _leave(self) -> Steps[None]:
        """Want nothing any more, and let go of the engine."""
        link, self._link = self._link, None
        if link is None:
            return
        try:
            with contextlib.suppress(EngineError):
                yield from link.take_back(ComponentGone(self._id))
        finally:
            yield from link.leave()

    def _header(self, previous: str) -> Header:
        return Header(
            engine=__version__,
            id=str(uuid.uuid4()),
            previous=previous,
            region=self._config.region,
            host=urlsplit(self._config.url).hostname or "",
            streams=self._streams,
            wall_ns=time.time_ns(),
            mono_ns=time.monotonic_ns(),
        )


class _AtExit:
    """Ends a recording before the interpreter ends."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def end(self, timeout: float) -> Steps[None]:
        yield from self._recording.ended(timeout)


def numbered(path: Path, number: int) -> Path:
    """Return the name of a recording's file: its own for the first, with a number in it for those that follow."""
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def read_recording(path: Path, reader: RecordingReader) -> Iterator[Record]:
    """Yield what a file holds; `reader` knows how it begins, and in the end how it ends.

    Raises:
        OSError: if it cannot be read.
        RecordingError: if it is no recording, or one of a later version.
    """
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            yield from reader.receive(data)
    yield from reader.finish()
