"""Writes what the router delivers for it into files, one piece a second.

A component like any other to the engine: it has a way from the router, as clients of a server have, so that data and
what changes its meaning come in one order.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.messages.component import (
    ConnectionChanged,
    EngineFailed,
    MarketsListed,
    PartFailed,
    StreamFailed,
)
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.steps import Outcome
from websocket_v6.protocol.errors import RecordingError, UnknownCodeError, WebSocketV6Error
from websocket_v6.protocol.events import CandleEvent, Event, Markets
from websocket_v6.protocol.exchange.streams import ANY, Stream
from websocket_v6.protocol.exchange.wants import ACCOUNT
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import printable
from websocket_v6.protocol.recording.key_state import KeyStates
from websocket_v6.protocol.recording.records import (
    Hole,
    Listed,
    ListedMarket,
    Record,
    Standing,
    Value,
    Wants,
    rows_of,
)
from websocket_v6.protocol.recording.writer import Header, RecordingWriter
from websocket_v6.protocol.telling import Tellings

from .progress import Progress
from .recording_file import RecordingFile
from .recording_mouth import Dropped, Heard, RecordingMouth

__all__ = ["GetWay", "Recorder", "Rotation"]

logger = logging.getLogger(__name__)

PERIOD = 1.0  # seconds between two pieces: what the end of the process loses at most
TOO_SLOW = "the disk did not keep up"


class Rotation(Message):
    """When another file is begun: at so many bytes, whenever so many seconds of UTC are over. None: never."""

    size: int | None = None
    period: float | None = None

    def is_due(self, size: int, began_ns: int, now_ns: int) -> bool:
        """Whether a file that is so large, and was begun then, is to be the last one no longer."""
        if self.size is not None and size >= self.size:
            return True
        return self.period is not None and began_ns // int(self.period * 1e9) != now_ns // int(self.period * 1e9)


class GetWay(Message):
    """Which way leads to this recorder? Asked; answered with a Way (live)."""


class _Tick(Message):
    """It is time for a piece."""


class _Hurry(Message):
    """Much is waiting."""


class Recorder(Actor):
    """Takes what its mouth keeps, and writes it to `open_file(number)`, the first of which is number 1.

    Receives GetWay, ConnectionChanged, StreamFailed, PartFailed and EngineFailed. `header` makes the header of a file
    from the id of the one before it. `closed` are the streams of candles that it takes as they come, and once more when
    they are final: what is fetched of these is in the file as well. `watch` is called when a new registry took the
    recorder for an ordinary component; `ended` when it cannot go on, in this thread.
    """

    def __init__(
        self,
        *,
        first: RecordingFile,
        open_file: Callable[[int], RecordingFile],
        header: Callable[[str], Header],
        rotation: Rotation,
        progress: Progress,
        watch: Callable[[Way], object],
        ended: Callable[[], object],
        closed: Sequence[Stream] = (),
    ) -> None:
        super().__init__()
        self.mouth = RecordingMouth(lambda: tell(self.actor_ref, _Hurry()))
        self.way = Way(0, self.mouth)
        self._file: RecordingFile | None = first
        self._path = progress.path = first.path
        self._open_file = open_file
        self._header = header
        self._rotation = rotation
        self._progress = progress
        self._watch = watch
        self._ended = ended
        self._closed = list(closed)
        self._writer = RecordingWriter(header(""))
        self._written = 0  # bytes and messages of the files before this one
        self._messages = 0
        self._states = KeyStates()
        self._is_sound = True  # no bug has ended it
        self._tellings = Tellings()
        self._epochs: dict[str, int | None] = {}  # None: it is not open
        self._newest_epochs: dict[str, int] = {}

    def on_start(self) -> None:
        """Begin the file."""
        self._guarded(self._begin)
        self.after(PERIOD, _Tick())

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case _Tick():
                self._guarded(self._piece)
                self.after(PERIOD, _Tick())
            case _Hurry():
                self._guarded(self._take)
            case ConnectionChanged():
                self._watch(self.way)  # a new registry knows the component alone: from now on behind the data again
                self.mouth.convey(self.way, message)
            case StreamFailed() | MarketsListed():
                self.mouth.convey(self.way, message)
            case PartFailed():
                pass  # what is missing for it is told once that is known
            case EngineFailed(error):
                self._fail(error)
            case GetWay():
                return self.way
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Write what is left, and end the file in order."""
        self._guarded(self._end)

    def on_failure(self, *what: Any) -> None:
        """A bug: whatever can still be written is, but it has not ended as it should."""
        self._is_sound = False
        super().on_failure(*what)

    def failed(self, error: BaseException) -> None:
        """Say that it has ended by a bug; what is written can be read."""
        super().failed(error)
        self._conclude("a bug, see above")

    def _guarded(self, step: Callable[[], object]) -> None:
        """Do it, if there is a file; a disk that is full ends the recording, and nothing else."""
        if self._file is not None:
            try:
                step()
            except OSError as exc:
                self._fail(exc)
            self._note()

    def _fail(self, why: OSError | WebSocketV6Error) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):  # why it ended is known
            file.close()
        self._conclude(printable(str(why)))

    def _conclude(self, reason: str) -> None:
        """Tell why it has ended, and take nothing more."""
        self.mouth.close()
        path = printable(str(self._path), 200)
        text = f"the recording {path} has ended: {reason}; what is written up to now can be read"
        if self._progress.over("failed", reason):
            self._progress.error = RecordingError(text)
            logger.error("%s", text)
            self._ended()

    # --- files

    def _begin(self) -> None:
        self._progress.files += 1
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        self._write(self._writer.begin())
        for value in (*self._states.take(now_ns), Wants(list(self._writer.header.streams), self._closed)):
            self._add(now_ns, wall_ns, value)
        self._write(self._writer.flush())

    def _end(self) -> None:
        self._take()
        self._write(self._writer.end(time.time_ns()))
        file = self._file
        if file is not None:
            file.close()
            self._file = None
        self._note()
        if self._is_sound and self._progress.over("ended"):
            text = "the recording %s has ended in order, with %d messages in %d files"
            logger.info(text, printable(str(self._path), 200), self._progress.messages, self._progress.files)

    def _rotate(self) -> None:
        self._write(self._writer.end(time.time_ns()))
        next_ = self._open_file(self._progress.files + 1)
        before, self._file, self._path = self._file, next_, next_.path
        self._progress.path = next_.path
        if before is not None:
            before.close()
        self._written += self._writer.size
        self._messages += self._writer.messages
        self._writer = RecordingWriter(self._header(self._writer.header.id))
        self._begin()

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)

    def _note(self) -> None:
        self._progress.size = self._written + self._writer.size
        self._progress.messages = self._messages + self._writer.messages

    # --- what has come

    def _piece(self) -> None:
        self._take()
        self._write(self._writer.flush())
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        if self._rotation.is_due(self._writer.size, self._writer.header.wall_ns, wall_ns):
            self._rotate()
        elif self._states.is_due(now_ns):
            self._write(self._writer.flush(ends_frame=True))
            for value in self._states.take(now_ns):
                self._add(now_ns, wall_ns, value)

    def _take(self) -> None:
        for heard in self.mouth.take():
            self._heed(heard)

    def _heed(self, heard: Heard) -> None:
        mono_ns, wall_ns, what = heard.mono_ns, heard.wall_ns, heard.what
        match what:
            case list():
                self._hear(mono_ns, wall_ns, what)
            case Dropped(from_ns, until_ns, messages):
                self._progress.dropped += messages
                self._progress.holes += 1
                self._tell_hole(messages)
                self._add(mono_ns, wall_ns, Hole(from_ns, until_ns, messages, TOO_SLOW))
            case ConnectionChanged():
                self._stands(mono_ns, wall_ns, what)
            case Outcome():
                self._reconciled(mono_ns, wall_ns, what)
            case MarketsListed(markets):
                self._listed(mono_ns, wall_ns, markets)
            case StreamFailed(_, error, _, streams):
                names = streams or (error.codes if isinstance(error, UnknownCodeError) else ()) or ("a stream",)
                logger.warning("the recording goes on without %s: %s", ", ".join(names), error)
                self._progress.failed.update(dict.fromkeys(names, str(error)))

    def _hear(self, mono_ns: int, wall_ns: int, events: list[Event]) -> None:
        came = events
        if self._closed:
            # Candles that came are in it as they came, and close in a replay as they did here.
            came = [one for one in events if not (isinstance(one, CandleEvent) and one.closed)]
            events = [one for one in events if one.backfilled or not (isinstance(one, CandleEvent) and one.closed)]
        for rows in rows_of(events):
            self._add(mono_ns, wall_ns, rows)
        self._states.heard(came)

    def _stands(self, mono_ns: int, wall_ns: int, change: ConnectionChanged) -> None:
        endpoint, epoch = change.endpoint, change.epoch if change.state == "open" else None
        if epoch is not None and self._epochs.get(endpoint) == epoch:
            return  # the registry says so whenever the first of something is wanted
        backfill, standing = change.backfill, _standing(change)
        if backfill is None:
            self._epochs[endpoint] = epoch
            self._progress.states[endpoint] = change.state
            self._states.stands(standing)
        self._newest_epochs[endpoint] = change.epoch
        self._add(mono_ns, wall_ns, standing)

    def _reconciled(self, mono_ns: int, wall_ns: int, outcome: Outcome) -> None:
        """Note what came of asking about the account, as those hear it who take part; a failure is in the log."""
        if outcome.error is None:
            epoch = self._newest_epochs.get(ACCOUNT, 0)
            found = BackfillEnded(
                epoch, outcome.started_ns, outcome.ended_ns, {ANY: outcome.recovered}, outcome.unrecovered, outcome.type
            )
            told = ConnectionChanged(
                ACCOUNT, "reconciled", epoch, wall_ns, outcome.started_ns, outcome.type, backfill=found
            )
            self._add(mono_ns, wall_ns, _standing(told))

    def _listed(self, mono_ns: int, wall_ns: int, markets: Markets) -> None:
        rows = [ListedMarket(*market) for market in markets]
        listed = Listed(markets.quote, markets.listed_at, rows)
        if self._states.listed(listed):
            self._add(mono_ns, wall_ns, listed)

    def _tell_hole(self, messages: int) -> None:
        told = self._tellings.failed("hole", time.monotonic())
        if told:
            text = "the recording %s has a hole: %s, and %d messages found no room%s"
            logger.warning(text, printable(str(self._path), 200), TOO_SLOW, messages, told)

    def _add(self, mono_ns: int, wall_ns: int, value: Value) -> None:
        self._writer.add(Record(mono_ns, value), wall_ns)
        if self._writer.is_frame_full:
            self._write(self._writer.flush())


def _standing(change: ConnectionChanged) -> Standing:
    backfill = change.backfill
    is_over = change.gap_started_ns is not None and (backfill is not None or change.state == "open")
    ended_ns = change.at_ns if backfill is None else backfill.ended_ns
    return Standing(
        change.endpoint,
        change.state,
        change.epoch,
        change.at_ns,
        change.gap_started_ns,
        ended_ns if is_over else None,
        change.reason,
        None if backfill is None else sum(backfill.recovered.values()),
        () if backfill is None else tuple((one[0], one[1], one[2], one[3]) for one in backfill.unrecovered),
        "" if backfill is None else backfill.type,
    )
