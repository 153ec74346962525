"""Where a machine with a name goes on in one stream of the log: what is kept of it, and what it is owed.

All up to its place is done, but for streams that are behind it: of each of these all from one message on is not. What
is beyond the place, up to where the machine may have read before it ended without a word, may come a second time.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.streams import split
from websocket_v6.protocol.limits import STREAM_CHARACTERS
from websocket_v6.protocol.outside_text import outside_text

from .entries import Rows
from .ids import LAST_SEQUENCE, EntryId, before_term

__all__ = ["Behind", "Ledger", "Resumption", "Saved", "decode_saved", "encode_saved", "just_before"]

MOST_NOTED: Final = 200_000  # entries whose places are known exactly

_Name = Annotated[str, msgspec.Meta(max_length=STREAM_CHARACTERS)]
_Streams = Annotated[list[_Name], msgspec.Meta(max_length=200_000)]
_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Sequence = Annotated[int, msgspec.Meta(ge=0)]  # up to LAST_SEQUENCE: just before the first of a term


class Behind(msgspec.Struct, frozen=True, array_like=True):
    """Of one stream, the last `count` messages of an entry and all after it are not done.

    `is_sure`: nobody has had any of them; else one of several that take the stream may have.
    """

    term: _Natural
    sequence: _Sequence
    count: _Natural
    is_sure: bool = True

    @property
    def id(self) -> EntryId:
        """The entry."""
        return EntryId(self.term, self.sequence)


class Saved(msgspec.Struct, frozen=True):
    """A machine's place, of one stream of the log. `whole_ns`: since when it may have missed something, its clock's."""

    log: str
    term: _Natural
    sequence: _Sequence
    whole_ns: _Natural
    streams: _Streams = []  # that it had
    behind: dict[_Name, Behind] = {}

    @property
    def at(self) -> EntryId:
        """The place."""
        return EntryId(self.term, self.sequence)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Saved).decode
_decode_streams = msgspec.msgpack.Decoder(_Streams).decode


def encode_saved(saved: Saved) -> bytes:
    """Return a place as it is kept."""
    return _encode(saved)


def decode_saved(data: bytes, streams: bytes | None = None) -> Saved:
    """Read a place, with its streams if they are kept beside it.

    Raises:
        RemoteProtocolError: if it is none.
    """
    try:
        saved = _decode(data)
        return saved if streams is None else msgspec.structs.replace(saved, streams=_decode_streams(streams))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as exc:
        raise RemoteProtocolError(f"the place that is kept cannot be read: {outside_text(exc)}") from None


def just_before(id_: EntryId) -> EntryId:
    """Return the id after which reading begins with this one."""
    return id_._replace(sequence=id_.sequence - 1) if id_.sequence else before_term(id_.term)


def _just_after(id_: EntryId) -> EntryId:
    """Return the least id after this one."""
    return id_._replace(sequence=id_.sequence + 1) if id_.sequence < LAST_SEQUENCE else EntryId(id_.term + 1, 0)


class Part(NamedTuple):
    """Messages of one entry that are owed. `may_repeat`: they may have come before the machine went away."""

    rows: Rows
    may_repeat: bool


class Resumption:
    """What a machine is owed that was away. `until`: it may have read so far without a word; None: it left in order."""

    def __init__(self, saved: Saved, until: EntryId | None = None) -> None:
        self.saved = saved
        self.is_clean = until is None  # it left in order
        self.until = saved.at if until is None else max(until, saved.at)

    @property
    def begin(self) -> EntryId:
        """The entry to read after."""
        return min([self.saved.at, *(just_before(one.id) for one in self.saved.behind.values())])

    def moved(self, log: str, at: EntryId, top: EntryId) -> "Resumption | None":
        """Return what may repeat in another log, read after `at`, that ended at `top`; None: nothing.

        What was kept may be of a log before it, or of one that the server has lost since, to which this one led. In the
        same log it holds, and who led then may go on to write it.
        """
        until = top if log != self.saved.log and self.until.term > _just_after(at).term else self.until
        if until <= at:
            return None
        return Resumption(Saved(log, *at, self.saved.whole_ns, self.saved.streams), until)

    def is_over(self, id_: EntryId) -> bool:
        """Whether all after this entry is simply owed."""
        return id_ >= self.until

    def parts(self, id_: EntryId, rows: Rows) -> Sequence[Part]:
        """Return what of an entry is owed."""
        if id_ > self.saved.at:
            return [Part(rows, id_ <= self.until)]
        sure: list[int] = []
        unsure: list[int] = []
        places: dict[str, list[int]] = {}
        for index, stream in enumerate(rows.streams):
            places.setdefault(stream, []).append(index)
        for stream, indexes in places.items():
            behind = self.saved.behind.get(stream)
            if behind is None or id_ < behind.id:
                continue
            picks = indexes[-behind.count :] if id_ == behind.id and behind.count else indexes
            (sure if self.is_clean and behind.is_sure else unsure).extend(picks)
        return [Part(_picked(rows, sorted(picks)), picks is unsure) for picks in (sure, unsure) if picks]


def _picked(rows: Rows, picks: Sequence[int]) -> Rows:
    return Rows(
        rows.received_ns,
        rows.age_us,
        rows.marks,
        [rows.streams[index] for index in picks],
        [rows.payloads[index] for index in picks],
    )


class Ledger:
    """When each entry of which something is still held came, to tell the place of a message by its time.

    Times rise, so that each belongs to one entry. `start` is the place before all that is noted.
    """

    def __init__(self, start: EntryId, start_ns: int) -> None:
        self.start = start
        self._start_ns = start_ns
        self._times: list[int] = []
        self._ids: list[EntryId] = []

    def note(self, id_: EntryId, at_ns: int) -> None:
        """Note that messages of an entry go to whoever wants them, as of that time, later than all before."""
        self._times.append(at_ns)
        self._ids.append(id_)
        if len(self._ids) > MOST_NOTED:  # the older half is known by every second entry from now on
            half = MOST_NOTED // 2
            self._times[:half], self._ids[:half] = self._times[1:half:2], self._ids[1:half:2]

    @property
    def newest_ns(self) -> int:
        """When the last one came."""
        return self._times[-1] if self._times else self._start_ns

    def before(self, at_ns: int) -> EntryId:
        """Return the last entry that came before this time."""
        index = bisect_left(self._times, at_ns)
        return self._ids[index - 1] if index else self.start

    def find(self, at_ns: int) -> EntryId | None:
        """Return the entry that came just then; None if none is known."""
        index = bisect_left(self._times, at_ns)
        return self._ids[index] if index < len(self._ids) and self._times[index] == at_ns else None

    def time_of(self, id_: EntryId) -> int:
        """Return when all up to this entry had come."""
        index = bisect_left(self._ids, (id_.term, id_.sequence + 1))
        return self._times[index - 1] if index else self._start_ns

    def forget(self, id_: EntryId) -> None:
        """Nothing up to this entry is held any more."""
        index = bisect_left(self._ids, (id_.term, id_.sequence + 1))
        if index:
            self.start, self._start_ns = self._ids[index - 1], self._times[index - 1]
            del self._times[:index], self._ids[:index]
        self.start = max(self.start, id_)

    # --- what is not done

    def behind(self, held: Iterable[Sequence[tuple[str, int]]], *, shared: Collection[str] = ()) -> dict[str, Behind]:
        """Return which streams are behind, by what is held: for each who takes some, its streams and times.

        Of a data type that is `shared` others may have had what one has not.
        """
        found: dict[str, Behind] = {}
        for one in held:
            for stream, behind in self._behind_of(one, shared).items():
                other = found.get(stream)
                if other is None:
                    found[stream] = behind
                elif (other.id, other.count) != (behind.id, behind.count):
                    first = min(other, behind, key=lambda each: (each.id, -each.count))
                    found[stream] = msgspec.structs.replace(first, is_sure=False)
        return found

    def _behind_of(self, held: Sequence[tuple[str, int]], shared: Collection[str]) -> dict[str, Behind]:
        first: dict[str, tuple[int, int]] = {}  # by stream: when the oldest came, and how many came then
        for stream, at_ns in held:
            if not self._times or at_ns < self._times[0]:
                continue  # of another log, which is gone; it does not hide what waits behind it
            when, count = first.get(stream, (at_ns, 0))
            first[stream] = (at_ns, 1) if at_ns < when else (when, count + (at_ns == when))
        found: dict[str, Behind] = {}
        for stream, (at_ns, count) in first.items():
            id_ = self.find(at_ns)
            if id_ is not None:
                found[stream] = Behind(*id_, count, split(stream)[0] not in shared)
            else:  # somewhere after the one before it
                found[stream] = Behind(*_just_after(self.before(at_ns)), 0, is_sure=False)
        return found
