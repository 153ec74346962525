"""One stream of candles whose takers want each candle once, when it is final.

A candle is final two seconds after its end, once the socket has been read that far: flushes come a second apart, and
bring an old candle's last state behind the new one's first. That the next one has begun closes nothing. What is
delivered is the last message of a start; one that comes later is counted and not delivered again. Messages are whole
states, so a gap inside a candle loses nothing; those that may have changed in a gap are fetched, or told to be missing.

Times of candles and of the exchange (`exchange_ms`) are Unix milliseconds, `now` is monotonic seconds. An *item* is
whatever the caller has of a message; nothing of it is looked at but its volume, where two of them are compared.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from .candle_taker import CandleTaker, Give, How, Late

__all__ = ["CLOSES_AFTER_MS", "Action", "Ask", "Closer", "Missing", "Settled", "Wrong"]

Item = TypeVar("Item")

CLOSES_AFTER_MS = 2000  # after its end: a flush's period, and as much for its way
NAMED_WITHIN = 1.0  # seconds for the snapshot that names the newest candle, or it is asked for without it
REMEMBERED = 64  # candles that were delivered, should a gap be found in hindsight
CHANGED = "its volume is {} as it was delivered, and {} at the exchange"
TOO_LATE = "it was fetched after a later candle had been delivered"
UNFILLED = "nothing is fetched: set backfill=True"
NOT_IN_TIME = "not fetched within {:g} s"


class Ask(NamedTuple):
    """Fetch candles, and say `fetched` with this number.

    The `most` newest of those that begin before `end_ms`, or all of those from `from_ms` on; without `end_ms` up to
    now. `shown` are starts that the stream has brought: an answer without them is too old.
    """

    number: int
    from_ms: int | None
    end_ms: int | None
    most: int | None
    shown: frozenset[int]


class Missing(NamedTuple):
    """Candles that begin in this time are missing for good, if there were any."""

    from_ms: int
    end_ms: int
    reason: str


class Wrong(NamedTuple):
    """A candle that was delivered changed in a gap that was found in hindsight."""

    start_ms: int
    reason: str


class Settled(NamedTuple):
    """A gap has been seen to; so many candles were fetched."""

    recovered: int


Action: TypeAlias = Give[Item] | Late[Item] | Ask | Missing | Wrong | Settled


class _Hole(Generic[Item]):
    """Candles from `from_ms` on that may have changed in a gap; it ends at the newest one, once that is named."""

    __slots__ = ("begun", "delivered", "end_ms", "from_ms", "is_named", "number", "recovered")

    def __init__(self, from_ms: int, begun: float, delivered: dict[int, Item]) -> None:
        self.from_ms = from_ms
        self.begun = begun
        self.delivered = delivered  # those that were since the gap began, as they were
        self.end_ms: int | None = None
        self.is_named = False  # by a snapshot, which is of the newest
        self.number: int | None = None
        self.recovered = 0


class Closer(Generic[Item]):
    """Closes the candles of one stream, `unit_ms` long.

    `fills`: what is missing can be fetched, and live candles wait for it, at most `patience` seconds. What its methods
    return is to be done in that order.
    """

    _next_number = itertools.count(1).__next__  # of fetches: a closer that comes after another has others

    def __init__(self, unit_ms: int, *, volume: Callable[[Item], object], fills: bool, patience: float) -> None:
        self.unit_ms = unit_ms
        self._volume = volume
        self._fills = fills
        self._patience = patience
        self._takers: dict[int, CandleTaker[Item]] = {}
        self._open: dict[int, Item] = {}  # by start, the last message of each that is not delivered yet
        self._newest_ms: int | None = None  # the latest start there ever was
        self._settled_ms: int | None = None  # the latest start that was delivered
        self._recent: dict[int, Item] = {}  # the last ones that were
        self._hole: _Hole[Item] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anybody takes it."""
        return bool(self._takers)

    @property
    def takers(self) -> frozenset[int]:
        """Who takes it."""
        return frozenset(self._takers)

    @property
    def is_busy(self) -> bool:
        """Whether candles wait for others that are to be fetched, so that `tick` has to be called."""
        return self._hole is not None or any(one.waits for one in self._takers.values())

    # --- who takes it

    def join(self, taker: int, now: float, *, empty: bool = False, history: int = 0) -> None:
        """Begin to deliver to `taker`: what ends from now on, and `history` candles before that."""
        if taker not in self._takers:
            self._takers[taker] = CandleTaker(taker, self.unit_ms, now, empty=empty, history=history)

    def leave(self, taker: int) -> None:
        """Deliver nothing more to `taker`."""
        self._takers.pop(taker, None)

    # --- what comes

    def take(self, start_ms: int, item: Item, *, is_snapshot: bool) -> list[Action[Item]]:
        """Take a message of the candle that begins at `start_ms`."""
        out: list[Action[Item]] = []
        self._newest_ms = start_ms if self._newest_ms is None else max(start_ms, self._newest_ms)
        if self._hole is not None:
            self._name(self._hole, start_ms, item, out, is_snapshot=is_snapshot)
        if self._settled_ms is None or start_ms > self._settled_ms:
            self._open[start_ms] = item
        elif not is_snapshot:
            had = tuple(number for number, one in self._takers.items() if one.had(start_ms))
            if had:
                out.append(Late(had, start_ms, item, self._recent.get(start_ms)))
        return out

    def read(self, exchange_ms: float, now: float) -> list[Action[Item]]:
        """Note that all that the exchange sent before `exchange_ms` has been read; close what is final."""
        out: list[Action[Item]] = []
        self._know(exchange_ms, now)
        if self._hole is not None:
            return out
        for start_ms in sorted(self._open):
            if start_ms + self.unit_ms + CLOSES_AFTER_MS > exchange_ms:
                break
            self._settle(start_ms, self._open.pop(start_ms), How.LIVE, out)
        for one in self._takers.values():
            out += one.empties(exchange_ms - self.unit_ms - CLOSES_AFTER_MS + 1)
        return out

    def lost(self, since_ms: float | None, now: float) -> bool:
        """Note that what was sent after `since_ms` may be missing, or since who knows when; whether that matters."""
        newest_ms, old = self._newest_ms, self._hole
        if newest_ms is None:
            return False  # nothing has come, so nothing can be missed
        delivered: dict[int, Item] = {}
        if since_ms is not None:
            final_ms = since_ms - self.unit_ms - CLOSES_AFTER_MS
            delivered = {start: item for start, item in self._recent.items() if start > final_ms}
            newest_ms += max(0, int(since_ms - newest_ms) // self.unit_ms) * self.unit_ms
        if self._settled_ms is not None and newest_ms <= self._settled_ms:
            newest_ms = self._settled_ms + self.unit_ms
        begins = [newest_ms, *self._open, *delivered]
        if old is not None:
            begins.append(old.from_ms)
            delivered = {**old.delivered, **delivered}
        self._hole = _Hole(min(begins), now, delivered)
        if old is not None:
            self._hole.recovered = old.recovered
        self._open.clear()
        return True

    def fetched(
        self,
        number: int,
        rows: Iterable[tuple[int, Item]],
        covered: tuple[int, int] | None,
        problem: str,
        exchange_ms: float,
        now: float,
    ) -> list[Action[Item]]:
        """Take what was fetched: all candles that begin within `covered`, oldest first; `None`: `problem` says why."""
        out: list[Action[Item]] = []
        self._know(exchange_ms, now)
        hole, found = self._hole, dict(rows)
        if hole is not None and hole.number == number:
            self._fill(hole, found, covered, problem, exchange_ms, out)
        for one in self._takers.values():
            if one.number == number:
                self._begin(one, found.items(), problem, exchange_ms, out)
        return out

    # --- what is due

    def tick(self, exchange_ms: float | None, now: float) -> list[Action[Item]]:
        """Do what its time has come for; `exchange_ms` is what time it is there, as far as that is known."""
        out: list[Action[Item]] = []
        if self._hole is not None:
            self._see_to(self._hole, exchange_ms, now, out)
        if exchange_ms is not None:
            self._know(exchange_ms, now)
            for one in self._takers.values():
                if one.waits and one.number is None and self._hole is None:
                    self._ask_history(one, exchange_ms, now, out)
        return out

    def ask_again(self) -> None:
        """Forget what was asked: whoever was to fetch it is gone."""
        if self._hole is not None:
            self._hole.number = None
        for one in self._takers.values():
            one.number = None

    @property
    def closes_at_ms(self) -> int | None:
        """From which time on at the exchange there will be something to close, `None` if that depends on what comes."""
        if self._hole is not None:
            return None
        ends = [start_ms + self.unit_ms for start_ms in self._open]
        empty = [one.empty_from_ms for one in self._takers.values()]
        ends += [start_ms + self.unit_ms for start_ms in empty if start_ms is not None]
        return min(ends) + CLOSES_AFTER_MS if ends else None

    def next_tick(self, exchange_ms: float | None, now: float) -> float | None:
        """When `tick` is to be called, monotonic seconds; `None`: nothing waits for a time."""
        dues: list[float] = []
        hole = self._hole

        def at_exchange(ms: int) -> None:
            if exchange_ms is not None:
                dues.append(now + max(0.0, ms - exchange_ms) / 1000)

        if hole is not None:
            if self._fills:
                dues.append(hole.begun + self._patience)
            if self._fills and hole.number is None:
                if hole.end_ms is not None:
                    at_exchange(hole.end_ms + CLOSES_AFTER_MS)
                elif now < hole.begun + NAMED_WITHIN:
                    dues.append(hole.begun + NAMED_WITHIN)
                else:
                    at_exchange(hole.from_ms + self.unit_ms + CLOSES_AFTER_MS)
        elif any(one.waits and one.number is None for one in self._takers.values()):
            if self._open:
                at_exchange(min(self._open) + CLOSES_AFTER_MS)
            else:
                dues += [one.joined_at + NAMED_WITHIN for one in self._takers.values() if one.waits]
        return min(dues, default=None)

    # --- to the takers

    def _know(self, exchange_ms: float, now: float) -> None:
        for one in self._takers.values():
            one.know(exchange_ms, now)

    def _settle(self, start_ms: int, item: Item, how: How, out: list[Action[Item]]) -> None:
        self._settled_ms = start_ms
        self._recent[start_ms] = item
        if len(self._recent) > REMEMBERED:
            del self._recent[next(iter(self._recent))]
        for one in self._takers.values():
            out += one.offer(start_ms, item, how)

    # --- what came before a taker

    def _ask_history(self, one: CandleTaker[Item], exchange_ms: float, now: float, out: list[Action[Item]]) -> None:
        end_ms, shown = None, self._newest_ms
        if self._open:
            end_ms = shown = min(self._open)
            if exchange_ms < end_ms + CLOSES_AFTER_MS:
                return  # the candle before it is not final yet
        elif shown is None and now < one.joined_at + NAMED_WITHIN:
            return
        one.number = self._next_number()
        out.append(Ask(one.number, None, end_ms, one.history, frozenset() if shown is None else frozenset({shown})))

    def _begin(
        self,
        one: CandleTaker[Item],
        rows: Iterable[tuple[int, Item]],
        problem: str,
        exchange_ms: float,
        out: list[Action[Item]],
    ) -> None:
        """Deliver what came before a taker, and what has waited behind it."""
        final_ms = int(exchange_ms) - self.unit_ms - CLOSES_AFTER_MS
        if problem:
            end_ms = one.live_from_ms or min(self._open, default=final_ms)
            out.append(Missing(end_ms - one.history * self.unit_ms, end_ms, problem))
        out += one.begin([(start_ms, item) for start_ms, item in rows if start_ms <= final_ms])

    # --- a gap

    def _name(
        self, hole: _Hole[Item], start_ms: int, item: Item, out: list[Action[Item]], *, is_snapshot: bool
    ) -> None:
        """See how far the gap reaches: a snapshot is of the newest candle."""
        known = hole.delivered.pop(start_ms, None)
        if known is not None:
            self._compare(start_ms, known, item, out)
        if hole.end_ms is None or (is_snapshot and not hole.is_named):
            hole.end_ms = max(start_ms, hole.end_ms or start_ms)
        hole.is_named = hole.is_named or is_snapshot
        if hole.end_ms <= hole.from_ms:
            self._close_hole(hole, out)

    def _see_to(self, hole: _Hole[Item], exchange_ms: float | None, now: float, out: list[Action[Item]]) -> None:
        end_ms = hole.end_ms
        if end_ms is not None and self._is_whole(hole, end_ms):
            self._close_hole(hole, out)
        elif not self._fills:
            if end_ms is not None:
                self._fill(hole, {}, None, UNFILLED, exchange_ms, out)
        elif now >= hole.begun + self._patience:
            self._fill(hole, {}, None, NOT_IN_TIME.format(self._patience), exchange_ms, out)
        elif hole.number is None and exchange_ms is not None:
            if end_ms is None:
                is_due = now >= hole.begun + NAMED_WITHIN
                is_due = is_due and exchange_ms >= hole.from_ms + self.unit_ms + CLOSES_AFTER_MS
            else:
                is_due = exchange_ms >= end_ms + CLOSES_AFTER_MS
            if is_due:
                hole.number = self._next_number()
                shown = {*hole.delivered, *([] if end_ms is None else [end_ms])}
                out.append(Ask(hole.number, hole.from_ms, end_ms, None, frozenset(shown)))

    def _is_whole(self, hole: _Hole[Item], end_ms: int) -> bool:
        """Whether each candle in the gap has changed since it, so that nothing is missing."""
        if any(start_ms < end_ms for start_ms in hole.delivered):
            return False
        inside = sum(hole.from_ms <= start_ms < end_ms for start_ms in self._open)
        return inside * self.unit_ms >= end_ms - hole.from_ms

    def _fill(
        self,
        hole: _Hole[Item],
        rows: dict[int, Item],
        covered: tuple[int, int] | None,
        problem: str,
        exchange_ms: float | None,
        out: list[Action[Item]],
    ) -> None:
        """Deliver what was fetched and what came live meanwhile, and say what is missing."""
        hole.number, end_ms = None, hole.end_ms
        if covered is None:
            end_ms = end_ms or max(hole.from_ms + self.unit_ms, int(exchange_ms or 0) // self.unit_ms * self.unit_ms)
            since_ms = until_ms = end_ms
        else:
            since_ms, until_ms = covered if end_ms is None else (covered[0], min(covered[1], end_ms))
        pieces = {start: (item, How.FILLED) for start, item in rows.items() if since_ms <= start < until_ms}
        live = [start_ms for start_ms in self._open if start_ms < until_ms]
        pieces.update((start_ms, (self._open.pop(start_ms), How.LIVE)) for start_ms in live)
        if since_ms > hole.from_ms:
            self._tell_missing(hole.from_ms, since_ms, problem, live, out)
        for start_ms, (item, how) in sorted(pieces.items(), key=lambda one: one[0]):
            known = hole.delivered.pop(start_ms, None)
            if known is not None:
                self._compare(start_ms, known, item, out)
            elif self._settled_ms is not None and start_ms <= self._settled_ms:
                out.append(Missing(start_ms, start_ms + self.unit_ms, TOO_LATE))
            else:
                hole.recovered += how is How.FILLED
                self._settle(start_ms, item, how, out)
        hole.from_ms = max(hole.from_ms, until_ms)
        if end_ms is not None and until_ms >= end_ms:
            self._close_hole(hole, out)

    def _tell_missing(
        self, from_ms: int, end_ms: int, problem: str, live: Sequence[int], out: list[Action[Item]]
    ) -> None:
        """Name what is between those that are known, and tell nobody that nothing was traded there."""
        for start_ms in sorted(one for one in live if from_ms <= one < end_ms):
            if start_ms > from_ms:
                out.append(Missing(from_ms, start_ms, problem))
            from_ms = start_ms + self.unit_ms
        if from_ms < end_ms:
            out.append(Missing(from_ms, end_ms, problem))
        for one in self._takers.values():
            one.missed()

    def _compare(self, start_ms: int, known: Item, item: Item, out: list[Action[Item]]) -> None:
        before, after = self._volume(known), self._volume(item)
        if before != after:
            self._recent[start_ms] = item
            out.append(Wrong(start_ms, CHANGED.format(before, after)))

    def _close_hole(self, hole: _Hole[Item], out: list[Action[Item]]) -> None:
        self._hole = None
        out.append(Settled(hole.recovered))
