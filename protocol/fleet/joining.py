"""Which messages of the log a machine takes, and how a stream that it wants anew begins: with its last value.

A stream that others follow already brings no snapshot of its own. Its messages are kept until the leader has written a
checkpoint; then its last value comes first, and those messages that the checkpoint does not hold. The leader sends
nothing to anybody, so a thousand machines that join cost one checkpoint.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from websocket_v6.protocol.exchange.streams import wildcard

from .entries import REPLAYED, Last, Rows, State
from .ids import EntryId

__all__ = ["Interest", "Taken"]

PATIENCE: Final = 3.0  # seconds until a stream begins without its last value
MOST_KEPT: Final = 20_000  # messages; with more, streams begin without their last values
MOST_KNOWN: Final = 65_536  # streams of which it is remembered whether they are wanted


class Taken(NamedTuple):
    """Messages to deliver, in two columns. Times are the leader's clock."""

    received_ns: int
    marks: int
    streams: Sequence[str]
    payloads: Sequence[bytes]
    id: EntryId | None = None  # of what was kept: the entry


class Interest:
    """Of one reader in one stream of the log."""

    def __init__(self) -> None:
        self._wanted: frozenset[str] = frozenset()
        self._known: dict[str, bool] = {}  # what the log brings, and whether it is wanted
        self._waiting: dict[str, EntryId] = {}  # wanted anew, and after which entry
        self._had: dict[str, EntryId] = {}  # up to where a last value holds what the log brings
        self._had_until = EntryId(0, 0)
        self._owed: set[str] = set()  # that run, and are owed their last values if nothing else comes of them
        self._owed_since = EntryId(0, 0)
        self._kept: list[tuple[EntryId, Taken]] = []
        self._kept_messages = 0
        self._due = 0.0

    @property
    def wanted(self) -> frozenset[str]:
        """The streams that are wanted."""
        return self._wanted

    @property
    def is_waiting(self) -> bool:
        """Whether a checkpoint is wanted."""
        return bool(self._waiting or self._owed)

    @property
    def runs(self) -> frozenset[str]:
        """The streams that have begun."""
        return self._wanted - self._waiting.keys()

    def is_fetched(self, state: State) -> bool:
        """Whether the log brings all trades that were missed here before the leader's connection opened like this.

        What has not begun has missed nothing. Where nothing has happened there is nothing to bring but what it has.
        """
        trades = {stream for stream in self.runs if stream.startswith("trade ")}
        return state.seamless or (state.backfills and trades <= set(state.fetches))

    @property
    def kept_from(self) -> EntryId | None:
        """The first entry of which something is kept, that was read and not delivered."""
        return self._kept[0][0] if self._kept else None

    def want(self, streams: Iterable[str], at: EntryId, now: float, runs: Collection[str] = ()) -> bool:
        """Want just these, of which the log was read up to `at`; return whether a checkpoint is needed.

        Those of `runs` go on where the log is read.
        """
        wanted = frozenset(streams)
        added, self._wanted = wanted - self._wanted, wanted
        self._known.clear()
        self._release(self._waiting.keys() - wanted, None)
        # What has no code has no last value.
        fresh = [stream for stream in added if not stream.endswith(" *") and stream not in runs]
        self._wait_for(fresh, at, now)
        return bool(fresh)

    def renew(self, at: EntryId) -> bool:
        """Go on with what comes after a gap, and with the last values of what is silent; return whether any is owed."""
        self._owed = {stream for stream in self._wanted if not stream.endswith(" *")} - self._waiting.keys()
        self._owed_since = at
        return bool(self._owed)

    def broke(self, at: EntryId) -> None:
        """Have what has not begun yet begin behind a gap, which is told now: nothing is kept of before it."""
        self._waiting = dict.fromkeys(self._waiting, at)
        self._kept.clear()
        self._kept_messages = 0

    def lost(self, streams: Iterable[str], at: EntryId) -> list[str]:
        """Return those of these that run here: the log brings them no more, from `at` on.

        Those that have not begun begin behind that, if they are brought again.
        """
        found = [stream for stream in streams if stream in self._wanted]
        waiting = self._waiting.keys() & set(found)
        self._release(waiting, None)
        self._waiting.update(dict.fromkeys(waiting, at))
        return [stream for stream in found if stream not in waiting]

    def restart(self) -> None:
        """Begin anew with what comes: an epoch begins, and the exchange sends snapshots."""
        self._waiting.clear()
        self._owed.clear()
        self._had.clear()
        self._kept.clear()
        self._kept_messages = 0

    def _wait_for(self, streams: Iterable[str], at: EntryId, now: float) -> None:
        if not self._waiting:
            self._due = now + PATIENCE
        self._waiting.update(dict.fromkeys(streams, at))

    def take(self, id_: EntryId, rows: Rows) -> Taken | None:
        """Return what of an entry is to be delivered now."""
        waiting, had = self._waiting, self._had
        if had and id_ > self._had_until:
            had.clear()  # what those last values hold has passed
        if not (waiting or had or self._owed) and all(map(self._known.get, rows.streams)):
            return Taken(rows.received_ns, rows.marks, rows.streams, rows.payloads)  # as a rule
        picks: list[int] = []
        kept: list[int] = []
        for index, stream in enumerate(rows.streams):
            if not self._is_wanted(stream):
                continue
            if stream in waiting:
                if id_ > waiting[stream]:  # what came before it was wanted is not for it
                    kept.append(index)
            elif not had or stream not in had or id_ > had[stream]:
                picks.append(index)
        if self._owed:
            self._owed.difference_update(rows.streams)
        if kept:
            self._kept.append((id_, _picked(rows, kept)))
            self._kept_messages += len(kept)
        if len(picks) == len(rows.streams):
            return Taken(rows.received_ns, rows.marks, rows.streams, rows.payloads)
        return _picked(rows, picks) if picks else None

    def checkpoint(self, last: Last, at: EntryId) -> list[Taken]:
        """Return what begins with these last values: they, and then what came since they were written down.

        `at` is up to where the log was read; later values are not for what runs, which would lose what lies between.
        """
        ready = {stream for stream, after in self._waiting.items() if after <= last.id}
        owed: set[str] = set()
        if self._owed_since <= last.id <= at:
            owed, self._owed = self._owed, set()
        found: list[Taken] = []
        for stream, payload, age_us in zip(last.streams, last.payloads, last.ages_us, strict=True):
            if stream in ready:
                found.append(Taken(last.sent_ns - 1000 * age_us, REPLAYED, (stream,), (payload,)))
                self._had[stream] = last.id
                self._had_until = max(self._had_until, last.id)
            elif stream in owed:
                found.append(Taken(last.sent_ns - 1000 * age_us, REPLAYED, (stream,), (payload,)))
        return found + self._release(ready, last.id)

    def due(self, now: float) -> list[Taken]:
        """Return what begins without its last value, for no checkpoint came in time, or too much is kept."""
        if not self._waiting or (now < self._due and self._kept_messages <= MOST_KEPT):
            return []
        return self._release(set(self._waiting), None)

    def _release(self, ready: set[str], id_: EntryId | None) -> list[Taken]:
        """Have streams go on; return what was kept of them since `id_`."""
        found: list[Taken] = []
        left: list[tuple[EntryId, Taken]] = []
        for at, taken in self._kept:
            goes = [index for index, stream in enumerate(taken.streams) if stream in ready]
            stays = [index for index, stream in enumerate(taken.streams) if stream not in ready]
            if goes and (id_ is None or at > id_):
                found.append(_picked(taken, goes)._replace(id=at))
            if stays:
                left.append((at, _picked(taken, stays)))
        self._kept = left
        self._kept_messages = sum(len(taken.streams) for _, taken in left)
        for stream in ready:
            self._waiting.pop(stream, None)
        return found

    def _is_wanted(self, stream: str) -> bool:
        known = self._known.get(stream)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[stream] = stream in self._wanted or wildcard(stream) in self._wanted
        return known


def _picked(rows: Rows | Taken, picks: Sequence[int]) -> Taken:
    return Taken(
        rows.received_ns,
        rows.marks,
        [rows.streams[index] for index in picks],
        [rows.payloads[index] for index in picks],
    )
