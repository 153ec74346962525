"""How far one log was read and what of it is done: noted by the reader, asked by the fleet, which keeps it."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from websocket_v6.protocol.fleet.ids import EntryId, parse_id
from websocket_v6.protocol.fleet.resume import (
    Behind,
    Ledger,
    Resumption,
    Saved,
    decode_saved,
    encode_saved,
    just_before,
)
from websocket_v6.protocol.fleet.sealing import Seal

__all__ = ["Asked", "Claimed", "Progress"]


class Claimed(NamedTuple):
    """A resume name that is this process's: its place's key, the process as it is known there, what encrypts it."""

    key: str
    owner: str
    life: int  # milliseconds for which the place is kept
    seal: Seal | None = None

    def place(self, endpoint: str, saved: Saved) -> dict[str, str | bytes]:
        """Return the fields of a place, but for its streams."""
        more = encode_saved(msgspec.structs.replace(saved, streams=[]))
        return {endpoint: str(saved.at), f"{endpoint}:log": saved.log, f"{endpoint}:more": self._closed(more)}

    def streams(self, endpoint: str, streams: Iterable[str]) -> dict[str, str | bytes]:
        """Return the field of the streams that go on at a place."""
        return {f"{endpoint}:streams": self._closed(msgspec.msgpack.encode(sorted(streams)))}

    def resumption(self, endpoint: str, fields: Mapping[str, bytes]) -> Resumption | None:
        """Return what is owed of an endpoint, by the fields that the server has; None for a newcomer.

        Raises:
            RemoteProtocolError: if they cannot be read.
        """
        more = fields.get(f"{endpoint}:more")
        if more is None:
            return None
        streams, until = fields.get(f"{endpoint}:streams"), fields.get(f"{endpoint}:until")
        saved = decode_saved(self._opened(more), self._opened(streams) if streams else None)
        return Resumption(saved, parse_id(until) if until else None)

    def _closed(self, body: bytes) -> bytes:
        return body if self.seal is None else self.seal.close_value(body)

    def _opened(self, body: bytes) -> bytes:
        return body if self.seal is None else self.seal.open_value(body)


class Asked(NamedTuple):
    """Up to where a log was read when it was asked what is held; `turn` counts how often the log has gone back."""

    read: EntryId
    turn: int = 0


class Progress:
    """Of one reader, from one place on. Safe to use from any thread. `saved` is what was kept when it began.

    A process before may have read up to `until`; None: it left in order.
    """

    def __init__(
        self, log: str, start: EntryId, start_ns: int, saved: Saved | None = None, until: EntryId | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._log = log
        self._read = start
        self._turn = 0
        self._streams: tuple[str, ...] = ()
        self._ledger = Ledger(start, start_ns)
        self._saved = self._began = saved
        self._until = until
        self._is_lost = False
        self._is_unreserved = False
        # What was kept until its stream began is delivered behind what is newer. The place stays before it until nobody
        # holds anything that was delivered before it was: as of that time, and read up to that entry.
        self._kept_after: EntryId | None = None
        self._kept_until: tuple[int, EntryId] | None = None

    # --- the reader's side

    def note(self, id_: EntryId, at_ns: int) -> None:
        """Note that messages of an entry are about to be delivered, as of that time, later than all before."""
        with self._lock:
            self._ledger.note(id_, at_ns)

    def reached(self, log: str, id_: EntryId, kept_from: EntryId | None = None) -> None:
        """Note that the log was read up to an entry, and all of that is on its way but for what is kept."""
        with self._lock:
            self._log, self._read = log, id_
            if kept_from is not None:
                before = just_before(kept_from)
                self._kept_after = before if self._kept_after is None else min(before, self._kept_after)
                self._kept_until = None
            elif self._kept_after is not None and self._kept_until is None:
                self._kept_until = (self._ledger.newest_ns, id_)

    def time_of(self, id_: EntryId) -> int:
        """Return the time as of which an entry was noted."""
        with self._lock:
            return self._ledger.time_of(id_)

    def runs(self, streams: Iterable[str]) -> None:
        """Note which streams have begun."""
        found = tuple(sorted(streams))
        with self._lock:
            self._streams = found

    @property
    def is_unreserved(self) -> bool:
        """Whether the server has lost how far may have been read: a place without that is one of an orderly end."""
        with self._lock:
            return self._is_unreserved

    def reserved(self) -> None:
        """Note that the server has that."""
        with self._lock:
            self._is_unreserved = False

    def go_back(self, log: str, at: EntryId, at_ns: int, until: EntryId | None = None) -> None:
        """Read after `at` from here on. What this log has up to `until` may have come before.

        So may, to who has the name next, what was read of it here: who led then may write that again.
        """
        with self._lock:
            if log == self._log and self._read > max(at, until or at):
                until = self._read
            self._log, self._read, self._saved, self._began, self._until = log, at, None, None, until
            self._turn += 1
            self._ledger = Ledger(at, at_ns)
            self._kept_after = self._kept_until = None

    # --- the fleet's side

    @property
    def read(self) -> EntryId:
        """Up to where the log was read."""
        with self._lock:
            return self._read

    def asks(self) -> Asked:
        """Return what `settle` is to know of when it was asked what is held."""
        with self._lock:
            return Asked(self._read, self._turn)

    def keep_again(self) -> None:
        """Return the place from `settle` even if it is what it was: the server has lost it, and what was reserved."""
        with self._lock:
            self._is_lost = self._is_unreserved = True

    @property
    def unread(self) -> EntryId | None:
        """Up to where a process before this one may have read what this one has not; None: nowhere."""
        with self._lock:
            start = self._read if self._began is None else self._began.at
            until = self._until or start
            return until if self._read < until else None

    def settle(self, asked: Asked, oldest_ns: int | None, candles: Mapping[str, int]) -> Saved | None:
        """Return the place, where all read by then is with whom it is for, and the oldest message not done is that old.

        None if it is what it was, or the log has gone back since: that place may be beyond what is there now.
        """
        with self._lock:
            if asked.turn != self._turn:
                return None
            ledger, read = self._ledger, asked.read
            place = read if oldest_ns is None else min(read, ledger.before(oldest_ns))
            if self._kept_until is not None:
                at_ns, id_ = self._kept_until
                if read > id_ and (oldest_ns is None or oldest_ns > at_ns):
                    self._kept_after = self._kept_until = None
            if self._kept_after is not None:
                place = min(place, self._kept_after)
            behind = ledger.behind([[one] for one in candles.items()])
            behind = {stream: one for stream, one in behind.items() if one.id <= place}
            if self._is_unreserved or (self._saved is not None and place < self._saved.at):
                return None  # or what was owed of before is not done yet
            saved = Saved(self._log, *place, ledger.time_of(place), [], behind)
            if saved == self._saved and not self._is_lost:
                return None
            self._saved, self._is_lost = saved, False
            ledger.forget(min([place, *(just_before(one.id) for one in behind.values())]))
            return saved

    def rest(self, held: Iterable[Sequence[tuple[str, int]]], shared: Collection[str]) -> Saved | None:
        """Return the place at the end, by what is held: for each who takes some, its streams and times.

        None: it ends before it has caught up, and what was kept holds.
        """
        with self._lock:
            ledger, place = self._ledger, self._read
            if self._saved is not None and place < self._saved.at:
                return None
            behind = ledger.behind(held, shared=shared)
            for stream, one in behind.items():
                if one.is_sure and not self._is_sure(stream, one):
                    behind[stream] = msgspec.structs.replace(one, is_sure=False)
            return Saved(self._log, *place, ledger.time_of(place), list(self._streams), behind)

    def _is_sure(self, stream: str, one: Behind) -> bool:
        """Whether a process before this one cannot have had what this one is not done with."""
        began = self._began
        was_behind = None if began is None or one.id > began.at else began.behind.get(stream)
        return (self._until is None or one.id > self._until) and (was_behind is None or was_behind.is_sure)
