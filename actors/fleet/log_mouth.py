"""What the router brings for other machines: put into entries of the log, and sent in the router's own thread.

A second thread would have to be woken for each batch, which costs more than the sending. What comes within a moment is
gathered into one entry: the first is sent at once, and what follows it soon waits until that moment is over. All that
is here belongs to the router's thread; the fleet tells it what to do through the router, as it does its clients.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.fleet import ValuesTaken
from websocket_v6.actors.server.news_frames import answer_text
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.fleet.entries import (
    Checkpoint,
    Covers,
    Happening,
    Listed,
    Refused,
    State,
    encode_happening,
)
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.overlap import Overlap
from websocket_v6.protocol.fleet.packing import Packing
from websocket_v6.protocol.fleet.retention import Retention
from websocket_v6.protocol.fleet.ring import Entry, Ring
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.message import Message

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
KEEP: Final = 3600.0  # seconds for which a log outlives its last entry
OVERLAPS: Final = 30.0  # seconds for which who led before may have written what comes here only then
STATES: Final = ("connecting", "open", "lost", "refused", "closed")

Pack = Callable[..., bytes]


# --- fleet to its mouth, through the router


class Prepare(Message):
    """This machine is to lead next: keep what comes, until the log begins."""


class Begin(Message):
    """A term begins, and this log is open: write from here on.

    `written`, for who was prepared, is what stands in it: what is lacking of what was kept comes first.
    """

    term: int
    seal: Seal | None
    written: Written | None = None


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


class _Log:
    """One endpoint's log, while this machine leads."""

    def __init__(self, key: str, retention: float, most_bytes: int, pack: Pack, *, compresses: bool) -> None:
        self.key = key
        self.writer: Writer | None = None
        self.ring: Ring | None = None
        self.seal: Seal | None = None
        self.state: State | None = None
        self.covers: dict[str, None] = {}
        self.pending: list[Event] = []
        self.written_at = 0.0
        self.kept: Kept | None = None  # while this machine is to lead next
        self.first_since_ns: int | None = None  # until a connection has opened since then: the first of this term
        self._overlap: Overlap | None = None
        self._overlaps_until = 0.0
        self._retention = (retention, most_bytes)
        self._table = Retention(*self._retention)
        self._pack = pack
        self._packing = Packing(compresses=compresses)

    def begin(self, term: int, seal: Seal | None, written: Written | None) -> None:
        self.ring, self.seal, self.writer = Ring(term), seal, None
        self._table = Retention(*self._retention)
        kept, self.kept = self.kept, None
        rest: list[Event] = []
        is_seamless = False
        self.first_since_ns = time.time_ns() if written is None and self.state is None else None
        if kept is not None and written is not None:
            self._overlap, self._overlaps_until = Overlap(written), time.monotonic() + OVERLAPS
            rest, is_seamless = kept.rest(self._overlap), kept.is_whole
        if self.state is not None:
            is_seamless = is_seamless and self.state.state == "open"
            backfills = is_seamless and self.state.backfills
            self.say(msgspec.structs.replace(self.state, seamless=is_seamless, backfills=backfills))
        if self.covers or is_seamless:  # which says that nothing else is brought of what was
            self.say(Covers(list(self.covers), []))
        self.pending += rest
        self.flush(time.monotonic())

    def end(self) -> None:
        self.ring = self.writer = self.seal = self.state = self.kept = self._overlap = None
        self.covers.clear()
        self.pending.clear()

    def news(self, events: list[Event], now: float) -> list[Event]:
        """Return what of these the log has not got from who led before."""
        overlap = self._overlap
        if overlap is not None and now >= self._overlaps_until:
            overlap = self._overlap = None
        if overlap is None:
            return events
        return [event for event in events if not overlap.is_written(event.stream, event.payload)]

    def append_again(self, message: Append, now: float) -> None:
        self.writer = message.writer
        if self.ring is None:
            return
        if message.is_full:
            self._cut(self._table.halve(now))
        data = b"".join(map(self._command, self.ring.after(message.top)))
        if data:
            message.writer.put(data)

    def say(self, what: Happening) -> None:
        """Write what happened, behind the messages before it."""
        self.flush(time.monotonic())
        self._add("s", encode_happening(what), time.monotonic())

    def flush(self, now: float) -> None:
        """Write what is pending."""
        events, self.pending = self.pending, []
        if events and self.ring is not None:
            self.written_at = now
            for field, body in self._packing.entries(events, time.time_ns()):
                self._add(field, body, now)

    def tick(self, now: float) -> None:
        """Trim, and have the log live on; which shows, too, that the server answers."""
        if self.ring is not None and self.writer is not None:
            self._cut(self._table.trim(now))
            seconds = self._retention[0] + KEEP
            self.writer.put(self._pack(("PEXPIRE", self.key, int(1000 * seconds))))

    def _cut(self, first: EntryId | None) -> None:
        if first is not None and self.writer is not None:
            self.writer.put(self._pack(("XTRIM", self.key, "MINID", "~", str(first))))

    def _add(self, field: str, body: bytes, now: float) -> None:
        ring = self.ring
        if ring is None:
            return
        if self.seal is not None:
            following = ring.last._replace(sequence=ring.last.sequence + 1)
            field, body = "p", self.seal.close(following, field, body)
        entry = ring.add(field, body, now)
        self._table.note(entry.id, len(body), now)
        if self.writer is not None:
            self.writer.put(self._command(entry))

    def _command(self, entry: Entry) -> bytes:
        return self._pack(("XADD", self.key, "NOMKSTREAM", str(entry.id), entry.field, entry.body))


class LogMouth(Mouth):
    """Writes the logs of `keys`, one for each way, by the way's number. `tell` tells the fleet something.

    `pack` makes bytes of a command. `compresses`: where it is worth it. `backfills`: trades that were missed come by
    themselves.
    """

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
        self._logs = [_Log(key, retention, most_bytes, pack, compresses=compresses) for key in keys]
        self._tell = tell
        self._gather = gather
        self._backfills = backfills

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
        log = self._logs[way.client]
        match news:
            case Prepare():
                log.kept = Kept()
            case Begin(term, seal, written):
                log.begin(term, seal, written)
            case Append():
                log.append_again(news, time.monotonic())
            case End():
                log.end()
                way.epoch = None
            case Cover(add, drop):
                self._cover(log, add, drop)
            case Tick():
                log.tick(time.monotonic())
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

    def _cover(self, log: _Log, add: tuple[str, ...], drop: tuple[str, ...]) -> None:
        log.covers.update(dict.fromkeys(add))
        for stream in drop:
            log.covers.pop(stream, None)
        log.say(Covers(list(add), list(drop)))

    def _stands(self, log: _Log, way: Way, change: ConnectionChanged) -> None:
        epoch = change.epoch if change.state == "open" else None
        if change.state not in STATES or (epoch is not None and epoch == way.epoch):
            return  # the registry says so whenever the first of something is wanted
        way.epoch = epoch
        log.state = State(
            change.state,  # type: ignore[arg-type]
            change.epoch,
            change.at_ns,
            time.time_ns(),
            change.gap_started_ns,
            change.reason,
            "" if change.error is None else type(change.error).__name__,
            self._backfills and change.endpoint == "public" and log.first_since_ns is None,
        )
        # What is older is the log that this machine has read: it may hang on for a moment.
        if epoch is not None and log.first_since_ns is not None and change.at_ns >= log.first_since_ns:
            log.first_since_ns = None
        if log.kept is not None:
            log.kept.turned(is_open=change.state == "open")
        log.say(log.state)

    def _take_values(self, log: _Log, way: Way, of: Callable[[str], Event | None]) -> None:
        if log.ring is None:
            return
        log.flush(time.monotonic())
        events = tuple(event for event in map(of, log.covers) if event is not None)
        last = log.ring.last
        self._tell(ValuesTaken(way, last.term, last.sequence, log.state, tuple(log.covers), events))
