"""What of a recording is played: its records in order, without what is said again, from one moment to another.

Several files that were rotated are one recording. Each file begins with a key state; of one that goes on where the
last one ended it is passed over. Where something is missing (a hole, a file that is not there), that is played as a gap
of all endpoints that were open: the epoch rises, as it would have.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from websocket_v6.protocol.exchange.streams import split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.recording.messages import Messages, Piece, records_of
from websocket_v6.protocol.recording.records import (
    BACKFILLED,
    REPLAYED,
    Hole,
    KeyState,
    Listed,
    Record,
    Rows,
    Standing,
    Wants,
)
from websocket_v6.protocol.recording.writer import Header

__all__ = ["Playback"]

NO_FILE: Final = "the file between these two is not there"
NOT_OPEN: Final = ("lost", "refused", "closed")
SECOND: Final = 1_000_000_000


class Playback:
    """Records in, records out, in the same order. Call `begin` with the header of each file, in their order.

    Times are Unix nanoseconds.
    """

    def __init__(self, from_ns: int | None = None, to_ns: int | None = None) -> None:
        self.is_over = False  # nothing of what follows is to be played
        self.wall_ns = 0  # of the last record that says
        self._from_ns = from_ns
        self._to_ns = to_ns
        self._passed = 0  # records of a key state that are yet to be passed over
        self._last_id: str | None = None
        self._is_first = True  # whether the next key state is the beginning of all
        self._standings: dict[str, Standing] = {}
        self._lists: dict[str, Listed] = {}  # of markets, as they were given out, or stand where it begins
        self._wants = Wants([])  # before `from_ns`
        self._last: dict[str, Record] = {}  # before `from_ns`, by stream: rows of one message
        self._holes = 0  # epochs that were not recorded
        self._mono_ns = 0  # of the last record, as it was given out
        self._offset_ns = 0  # from the clock of the present file to that of what is given out

    def begin(self, header: Header) -> Iterator[Record]:
        """Yield what is to be played because another file begins."""
        follows = self._last_id is not None and header.previous == self._last_id
        if self._last_id is not None and not follows:
            # Another run, perhaps after the machine began anew: its clock is not the one before it.
            passed_ns = max(0, header.wall_ns - self.wall_ns)
            self._offset_ns = self._mono_ns + passed_ns - header.mono_ns
            hole = Hole(min(self.wall_ns, header.wall_ns), header.wall_ns, None, NO_FILE)
            yield from self._put(Record(header.mono_ns, hole))
            self._is_first = True
        self._last_id = header.id

    def receive(self, pieces: list[Piece]) -> list[Piece]:
        """Return what is to be played of some records of the present file."""
        played: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, Messages) and self._is_plain and not self._reaches_end(piece):
                self.wall_ns, self._mono_ns = piece.received[-1], piece.monos[-1]
                played.append(piece)
                continue
            for one in records_of([piece]):
                played += self._receive(one)
                if self.is_over:
                    return played
        return played

    @property
    def _is_plain(self) -> bool:
        """Whether rows are played as they are."""
        return self._from_ns is None and not (self._passed or self._holes or self._offset_ns)

    def _reaches_end(self, messages: Messages) -> bool:
        return self._to_ns is not None and max(messages.received) >= self._to_ns

    def _receive(self, record: Record) -> Iterator[Record]:
        value = record.value
        if isinstance(value, KeyState):
            if self._is_first:
                self._is_first = False
                for standing in value.standings:
                    yield from self._put(Record(record.mono_ns, standing))
            else:
                self._passed = value.rows
            for listed in value.lists:  # they differ only where something is missing before
                yield from self._put(Record(record.mono_ns, listed))
            return
        if isinstance(value, Rows):
            if self._passed:
                self._passed -= 1
                return
        elif isinstance(value, Standing):
            self._passed = 0
        yield from self._put(record)

    def finish(self) -> Iterator[Record]:
        """Yield what is left at the end: all there is, if `from_ns` lies behind everything."""
        if self._from_ns is not None and not self.is_over:
            yield from self._arrive(self._mono_ns - self._offset_ns)

    # --- inside

    def _put(self, record: Record) -> Iterator[Record]:
        value = record.value
        at_ns = self._time_of(value)
        if at_ns is None and self._from_ns is not None and self.wall_ns < self._from_ns:
            self._pass(record)
            return
        if at_ns is not None:
            # Last values that are said again are of any age.
            if not (isinstance(value, Rows) and value.marks & (REPLAYED | BACKFILLED)):
                self.wall_ns = at_ns
            if self._to_ns is not None and self.wall_ns >= self._to_ns:
                self.is_over = True
                return
            if self._from_ns is not None:
                if self.wall_ns < self._from_ns:
                    self._pass(record)
                    return
                yield from self._arrive(record.mono_ns)
        match value:
            case Hole():
                yield from self._gap(record.mono_ns, value)
            case Standing():
                yield self._out(record.mono_ns, self._noted(value))
            case Rows():
                if self._holes:
                    value = msgspec.structs.replace(value, epoch=value.epoch + self._holes)
                yield self._out(record.mono_ns, value)
            case Listed() if self._is_news(value):
                yield self._out(record.mono_ns, value)
            case Wants() if value.closed:
                yield self._out(record.mono_ns, value)
            case _:
                pass

    @staticmethod
    def _time_of(value: object) -> int | None:
        match value:
            case Rows(received_ns=at_ns) | Standing(at_ns=at_ns) | Hole(until_ns=at_ns):
                return at_ns
        return None

    def _is_news(self, listed: Listed) -> bool:
        before = self._lists.get(listed.quote)
        self._lists[listed.quote] = listed
        return before is None or before.markets != listed.markets

    def _out(self, mono_ns: int, value: Rows | Standing | Listed | Wants) -> Record:
        # The order of records is the law: a clock that seems to go back stands still.
        self._mono_ns = max(self._mono_ns, mono_ns + self._offset_ns)
        return Record(self._mono_ns, value)

    def _noted(self, standing: Standing) -> Standing:
        if self._holes:
            standing = msgspec.structs.replace(standing, epoch=standing.epoch + self._holes)
        if standing.lasts:
            self._standings[standing.endpoint] = standing
        return standing

    def _gap(self, mono_ns: int, hole: Hole) -> Iterator[Record]:
        """Play a hole as what it is to whoever listens."""
        before = [one for one in self._standings.values() if one.state == "open"]
        self._holes += bool(before)
        for one in before:
            lost = Standing(one.endpoint, "lost", one.epoch, hole.from_ns, hole.from_ns, None, hole.reason)
            again = Standing(one.endpoint, "open", one.epoch + 1, hole.until_ns, hole.from_ns, hole.until_ns)
            self._standings[one.endpoint] = again
            yield self._out(mono_ns, lost)
            yield self._out(mono_ns, again)

    # --- up to where it begins

    def _pass(self, record: Record) -> None:
        """Note what a record before the beginning changes."""
        value = record.value
        self._mono_ns = max(self._mono_ns, record.mono_ns + self._offset_ns)
        match value:
            case Listed():
                self._lists[value.quote] = value
            case Wants():
                self._wants = value
            case Standing():
                self._noted(value)
                if value.state in NOT_OPEN:
                    self._last = {
                        stream: one for stream, one in self._last.items() if _endpoint(stream) != value.endpoint
                    }
            case Rows(epoch, received_ns, marks, streams, payloads):
                for stream, payload in zip(streams, payloads, strict=True):
                    kept = Rows(epoch + self._holes, received_ns, REPLAYED | marks & BACKFILLED, [stream], [payload])
                    self._last[stream] = Record(record.mono_ns, kept)
            case Hole():
                for one in self._gap(record.mono_ns, value):
                    assert isinstance(one.value, Standing)  # nothing else is a gap

    def _arrive(self, mono_ns: int) -> Iterator[Record]:
        """Yield how everything stands where it begins."""
        self._from_ns = None
        for standing in self._standings.values():
            # No gap: nothing was delivered before it.
            present = Standing(standing.endpoint, standing.state, standing.epoch, standing.at_ns, None, None)
            yield self._out(mono_ns, present)
        if self._wants.closed:
            yield self._out(mono_ns, self._wants)
        for listed in self._lists.values():
            yield self._out(mono_ns, listed)
        for one in self._last.values():
            if endpoint_of(split(one.value.streams[0])[0]) == "public":  # type: ignore[union-attr]
                yield self._out(mono_ns, one.value)  # type: ignore[arg-type]
        self._last.clear()


def _endpoint(stream: str) -> str:
    return endpoint_of(split(stream)[0])
