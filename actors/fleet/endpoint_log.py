"""The log of one endpoint, while this machine leads: what is put into it, what of it is kept, and what it promises.

All of it belongs to the router's thread, as the mouth does that owns it (`log_mouth.py`).
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TradeEvent
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.fleet.ending import Ending
from websocket_v6.protocol.fleet.entries import Covers, Fetching, Happening, State, encode_happening
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.overlap import Overlap
from websocket_v6.protocol.fleet.packing import Packing
from websocket_v6.protocol.fleet.promise import Promise
from websocket_v6.protocol.fleet.retention import Retention
from websocket_v6.protocol.fleet.ring import Entry, Ring
from websocket_v6.protocol.fleet.sealing import Seal

from .kept import Kept, Written
from .writer import Writer

__all__ = ["EndpointLog", "Pack"]

KEEP: Final = 3600.0  # seconds for which a log outlives its last entry
DEFERRED: Final = 2.0  # seconds in which a log that was read has ended
OVERLAPS: Final = 30.0  # seconds for which who led before may have written what comes here only then

Pack = Callable[..., bytes]


class EndpointLog:
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
        self.deferred: ConnectionChanged | None = None  # one that seems to have opened before
        self.promise = Promise()
        self._recovered: dict[str, int] = {}  # trades that were promised and came, by code
        self.has_spilled = False  # messages of before the gap were written behind the word that it began
        self._overlap: Overlap | None = None
        self._overlaps_until = self._begun_at = 0.0
        self._retention = (retention, most_bytes)
        self._table = Retention(*self._retention)
        self._pack = pack
        self._packing = Packing(compresses=compresses)

    def begin(self, term: int, seal: Seal | None, written: Written | None, ending: Ending | None) -> None:
        """Write from here on: see `Begin`."""
        self.ring, self.seal, self.writer = Ring(term), seal, None
        self._table = Retention(*self._retention)
        kept, self.kept = self.kept, None
        rest: list[Event] = []
        is_seamless = False
        self.first_since_ns = time.time_ns() if written is None and self.state is None else None
        self.deferred, self._begun_at = None, time.monotonic()
        self.promise.begin(ending, is_first=self.first_since_ns is not None)
        if ending is not None:
            # What this machine read late may come once more, as its own: the log it is from hangs on for a moment.
            self._overlap, self._overlaps_until = Overlap(ending.written), time.monotonic() + OVERLAPS
        if kept is not None and written is not None:
            self._overlap, self._overlaps_until = Overlap(written), time.monotonic() + OVERLAPS
            rest, is_seamless = kept.rest(self._overlap), kept.is_whole
        if self.state is not None:
            is_seamless = is_seamless and self.state.state == "open"
            self.state = msgspec.structs.replace(self.state, backfills=False, fetches=[])
            self.say(msgspec.structs.replace(self.state, seamless=is_seamless))
        if self.covers or is_seamless:  # which says that nothing else is brought of what was
            self.say(Covers(list(self.covers), []))
        self.pending += rest
        self.flush(time.monotonic())

    def end(self) -> None:
        """Write nothing any more."""
        self.ring = self.writer = self.seal = self.state = self.kept = self._overlap = self.deferred = None
        self.covers.clear()
        self.pending.clear()
        self.promise.begin(None, is_first=False)
        self.has_spilled = False

    def news(self, events: list[Event], now: float) -> list[Event]:
        """Return what of these the log has not got from who led before."""
        if self.state is not None and self.state.state != "open" and not all(event.is_replayed for event in events):
            self.has_spilled = True
        if self.promise.reminds:
            events = [event for event in events if not (event.backfilled and self._had(event))]
        overlap = self._overlap
        if overlap is not None and now >= self._overlaps_until:
            overlap = self._overlap = None
        if overlap is not None:
            events = [event for event in events if not overlap.is_written(event.stream, event.payload)]
        for event in events if self.promise.streams else ():
            code = event.symbol
            if event.backfilled and code in self._recovered:
                self._recovered[code] += 1
        return events

    def _had(self, event: Event) -> bool:
        """Whether the log has a trade that was fetched, as far back as that is known."""
        had = self.promise.had(event.stream)
        if had is None or not isinstance(event, TradeEvent):
            return False
        try:
            number, made_ms = event.sequential_id, event.timestamp
        except RemoteProtocolError:
            return False  # malformed: the edge will say so
        return None not in (number, made_ms) and had.has(number, made_ms * 1_000_000)

    # --- promises

    def promised(self, epoch: int, *, may_promise: bool) -> list[Stream]:
        """Return of which streams those trades are promised now that were missed before the connection of `epoch`."""
        found = self.promise.made(epoch, may_promise=may_promise and not self.has_spilled)
        self.has_spilled = False
        self._recovered = {split(stream)[1]: 0 for stream in found}
        return found

    def served(self) -> None:
        """Note that a connection of this term is open."""
        if self.first_since_ns is not None:
            # With what comes now streams begin anew for all; the log that was read has ended.
            self.first_since_ns = self._overlap = None
        self.promise.served()

    def _fetching(self) -> None:
        """Say of what trades are yet to come, that were promised."""
        streams = list(self.promise.streams)
        self.say(Fetching(streams, time.time_ns(), {} if streams else self._recovered))

    def fulfil(self, streams: Sequence[Stream]) -> None:
        """Note that of these there is nothing to come any more."""
        if self.promise.dropped(streams):
            self._fetching()

    def take_back(self, stream: Stream) -> None:
        """Take back what was promised, if it was, before anything comes that is newer than what is missing."""
        if not self.promise.broken(stream) or self.state is None:
            return
        self.state = msgspec.structs.replace(self.state, backfills=False, fetches=[], sent=time.time_ns())
        if self.state.state == "open":
            self.say(self.state)
        else:
            self.has_spilled = True  # nobody takes what comes now, and so nobody is to rely on it

    # --- entries

    def append_again(self, writer: Writer, top: EntryId, now: float, *, is_full: bool) -> None:
        """Write what the server lacks, which has all up to `top`."""
        self.writer = writer
        if self.ring is None:
            return
        if is_full:
            self._cut(self._table.halve(now))
        data = b"".join(map(self._command, self.ring.after(top)))
        if data:
            writer.put(data)

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

    def tick(self, now: float) -> ConnectionChanged | None:
        """Trim, and have the log live on; which shows, too, that the server answers.

        Returns that the connection is open, if that has waited for too long: whatever came before nobody has taken.
        """
        if self.ring is not None and self.writer is not None:
            if self.promise.streams:
                self._fetching()
            self._cut(self._table.trim(now))
            seconds = self._retention[0] + KEEP
            self.writer.put(self._pack(("PEXPIRE", self.key, int(1000 * seconds))))
        late = self.deferred
        if late is None or now - self._begun_at < DEFERRED:
            return None
        self.first_since_ns, self.has_spilled = 0, True
        return msgspec.structs.replace(late, at_ns=time.time_ns())

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
