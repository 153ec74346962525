"""What the router brings for other machines: put into entries of the log, and sent in the router's own thread.

A second thread would have to be woken for each batch, which costs more than the sending. What comes within a moment is
gathered into one entry: the first is sent at once, and what follows it soon waits until that moment is over. All that
is here belongs to the router's thread; the fleet tells it what to do through the router, as it does its clients.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.fleet import LogOwes, ValuesTaken
from websocket_v6.actors.server.news_frames import answer_text
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.fleet.ending import Ending
from websocket_v6.protocol.fleet.entries import Checkpoint, Covers, Listed, Refused, State
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.message import Message

from .endpoint_log import EndpointLog, Pack
from .kept import Kept, Written
from .writer import Writer

__all__ = [
    "GATHER",
    "Append",
    "Begin",
    "Cover",
    "End",
    "LogMouth",
    "Prepare",
    "TakeValues",
    "Tick",
    "ValuesWritten",
]

GATHER: Final = 0.0005  # seconds for which messages are gathered into one entry
STATES: Final = ("connecting", "open", "lost", "refused", "closed")

# --- fleet to its mouth, through the router


class Prepare(Message):
    """This machine is to lead next: keep what comes, until the log begins."""


class Begin(Message):
    """A term begins, and this log is open: write from here on.

    `written`, for who was prepared, is what stands in it: what is lacking of what was kept comes first. `ending`, for
    who was not, is how the log ends before this term, as far as that is known.
    """

    term: int
    seal: Seal | None
    written: Written | None = None
    ending: Ending | None = None


class Append(Message):
    """Write through this connection (live), all that the server lacks first; its last entry is `top`.

    `is_full`: it has no more memory, so half of the log goes before that.
    """

    writer: Writer
    top: EntryId
    is_full: bool = False


class End(Message):
    """Write nothing any more: another machine leads."""


class Cover(Message):
    """The log is to bring so much more, and so much less."""

    add: tuple[str, ...]
    drop: tuple[str, ...]


class TakeValues(Message):
    """Tell the fleet the last values; `of` (live) returns that of a stream."""

    of: Callable[[str], Event | None]


class ValuesWritten(Message):
    """They can be had, as of this entry."""

    id: EntryId


class Tick(Message):
    """Another second is over: trim."""


class LogMouth(Mouth):
    """Writes the logs of `keys`, one for each way, by the way's number. `tell` tells the fleet something.

    `pack` makes bytes of a command. `compresses`: where it is worth it. `backfills`: trades that were missed come by
    themselves.
    """

    compares_trades = True

    def __init__(
        self,
        keys: Sequence[str],
        tell: Callable[[object], object],
        pack: Pack,
        *,
        retention: float,
        most_bytes: int,
        gather: float = GATHER,
        compresses: bool = False,
        backfills: bool = False,
    ) -> None:
        self._logs = [EndpointLog(key, retention, most_bytes, pack, compresses=compresses) for key in keys]
        self._tell = tell
        self._gather = gather
        self._backfills = backfills
        self._owes = False

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> float | None:
        """Write messages, now or in a moment; return after how many seconds those that wait are to be written."""
        now = time.monotonic()
        wait: float | None = None
        for way, events in rows:
            log = self._logs[way.client]
            if log.ring is None:
                if log.kept is not None:
                    log.kept.add(events)
                continue
            has_waited = bool(log.pending)
            log.pending += log.news(events, now)
            left = log.written_at + self._gather - now
            if left <= 0:
                log.flush(now)
            elif not has_waited:
                wait = left
        return wait

    def go_on(self) -> None:
        """Write what waits: the moment is over."""
        now = time.monotonic()
        for log in self._logs:
            if log.pending:
                log.flush(now)

    def convey(self, way: Way, news: object) -> None:
        """Write what has happened, or do what the fleet says."""
        self._heed(self._logs[way.client], way, news)
        self._tell_owed()

    def _heed(self, log: EndpointLog, way: Way, news: object) -> None:
        match news:
            case Prepare():
                log.kept = Kept()
            case Begin(term, seal, written, ending):
                log.begin(term, seal, written, ending)
            case Append(writer, top, is_full):
                log.append_again(writer, top, time.monotonic(), is_full=is_full)
            case End():
                log.end()
                way.epoch = None
            case Cover(add, drop):
                self._cover(log, add, drop)
            case Tick():
                late = log.tick(time.monotonic())
                if late is not None:
                    self._stands(log, way, late)
            case TakeValues(of):
                self._take_values(log, way, of)
            case ValuesWritten(id_):
                if log.ring is not None and log.ring.term == id_.term:
                    log.say(Checkpoint(id_.sequence))
            case ConnectionChanged():
                self._stands(log, way, news)
            case StreamFailed(_, error, True, streams):
                log.say(Refused(list(streams), type(error).__name__, str(error)))
                self._tell(news)
            case SubscriptionList():
                log.say(Listed(news.ticket, answer_text(news)))
            case _:
                pass

    # --- trades that wait for those before them

    def had(self, way: Way, stream: Stream) -> Had | None:
        """Return what the readers had of a stream of who led before; None if nothing is known of that."""
        return self._logs[way.client].promise.had(stream)

    def held(self, way: Way, epoch: int, streams: Mapping[Stream, Sequence[int]]) -> None:
        """Note what may be promised when it is said that the connection is open."""
        log = self._logs[way.client]
        if log.ring is not None:
            log.promise.held(epoch, streams)

    def released(self, way: Way, stream: Stream, problem: str) -> None:
        """Keep a promise, or take it back."""
        log = self._logs[way.client]
        if problem:
            log.take_back(stream)
        else:
            log.fulfil((stream,))
        self._tell_owed()

    def _tell_owed(self) -> None:
        owes = any(log.promise.streams for log in self._logs)
        if owes is not self._owes:
            self._owes = owes
            self._tell(LogOwes(owes))

    # --- what has happened

    def _cover(self, log: EndpointLog, add: tuple[str, ...], drop: tuple[str, ...]) -> None:
        log.covers.update(dict.fromkeys(add))
        for stream in drop:
            log.covers.pop(stream, None)
        log.say(Covers(list(add), list(drop)))
        log.fulfil(drop)

    def _stands(self, log: EndpointLog, way: Way, change: ConnectionChanged) -> None:
        epoch = change.epoch if change.state == "open" else None
        if change.state not in STATES or (epoch is not None and epoch == way.epoch):
            return  # the registry says so whenever the first of something is wanted
        log.deferred = None
        if epoch is not None and log.first_since_ns is not None and change.at_ns < log.first_since_ns:
            # This is the log that this machine has read, which hangs on for a moment: nothing of what comes now. Where
            # it stays like that the clock was set back.
            log.deferred = change
            return
        way.epoch = epoch
        fetches: list[Stream] = []
        if epoch is not None:
            fetches = log.promised(epoch, may_promise=self._backfills and change.endpoint == "public")
        log.state = State(
            change.state,  # type: ignore[arg-type]
            change.epoch,
            change.at_ns,
            time.time_ns(),
            change.gap_started_ns,
            change.reason,
            "" if change.error is None else type(change.error).__name__,
            bool(fetches),
            fetches=fetches,
        )
        if epoch is not None:
            log.served()
        if log.kept is not None:
            log.kept.turned(is_open=change.state == "open")
        log.say(log.state)

    def _take_values(self, log: EndpointLog, way: Way, of: Callable[[str], Event | None]) -> None:
        if log.ring is None:
            return
        log.flush(time.monotonic())
        events = tuple(event for event in map(of, log.covers) if event is not None)
        last = log.ring.last
        self._tell(ValuesTaken(way, last.term, last.sequence, log.state, tuple(log.covers), events))
