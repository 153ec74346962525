"""One stream of candles whose takers want each candle once, when it is final.

A candle is final two seconds after its end, once the socket has been read that far: flushes come a second apart, and
bring an old candle's last state behind the new one's first. That the next one has begun closes nothing. What is
delivered is the last message of a start; one that comes later is counted and not delivered again. Messages are whole
states, so a gap inside a candle loses nothing; those that may have changed in a gap are fetched, or told to be missing.

Times of candles and of the exchange (`exchange_ms`) are Unix milliseconds, `now` is monotonic seconds. An *item* is
whatever the caller has of a message; nothing of it is looked at but its volume, where two of them are compared.
"""

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeAlias, TypeVar

from .candle_hole import CLOSES_AFTER_MS, Ask, Hole, Missing, Settled, Wrong, first_unsure, parts_missing
from .candle_taker import CandleTaker, Give, How, Late
from .verification import Verification

__all__ = ["CLOSES_AFTER_MS", "Action", "Ask", "Closer", "Missing", "Settled", "Wrong"]

Item = TypeVar("Item")

NAMED_WITHIN = 1.0  # seconds for the snapshot that names the newest candle, or it is asked for without it
ASKS_EVERY = 2.0  # seconds at least between two such calls
REMEMBERED = 64  # candles that were delivered, should a gap be found in hindsight
CHANGED = "its volume is {} as it was delivered, and {} at the exchange"
TOO_LATE = "it was fetched after a later candle had been delivered"
UNFILLED = "nothing is fetched: set backfill=True"
NOT_IN_TIME = "not fetched within {:g} s"


Action: TypeAlias = Give[Item] | Late[Item] | Ask | Missing | Wrong | Settled


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
        self._read_ms = 0.0  # up to when all that the exchange sent has been read
        self._recent: dict[int, Item] = {}  # the last ones that were
        self._hole: Hole[Item] | None = None
        self._check = Verification(unit_ms, patience, volume, self._takers, self._recent, self._next_number)

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
        return self._check.is_busy or self._hole is not None or any(one.waits for one in self._takers.values())

    @property
    def open(self) -> Collection[Item]:
        """The last message of each candle that is not delivered yet."""
        return self._open.values()

    # --- who takes it

    def join(self, taker: int, now: float, *, empty: bool = False, history: int = 0, verify: bool = False) -> None:
        """Begin to deliver to `taker`: what ends from now on, and `history` candles before that."""
        if taker not in self._takers:
            self._takers[taker] = CandleTaker(taker, self.unit_ms, now, empty=empty, history=history, verify=verify)
            self._check.joined(self._open)

    def leave(self, taker: int) -> None:
        """Deliver nothing more to `taker`."""
        self._takers.pop(taker, None)
        self._check.left()

    # --- what comes

    def take(self, start_ms: int, item: Item, *, is_snapshot: bool) -> list[Action[Item]]:
        """Take a message of the candle that begins at `start_ms`."""
        out: list[Action[Item]] = []
        self._newest_ms = start_ms if self._newest_ms is None else max(start_ms, self._newest_ms)
        self._check.came(start_ms)
        if self._hole is not None:
            self._name(self._hole, start_ms, item, out, is_snapshot=is_snapshot)
        if self._settled_ms is None or start_ms > self._settled_ms:
            self._open[start_ms] = item
        elif not is_snapshot:
            had = tuple(
                number
                for number, one in self._takers.items()
                if one.had(start_ms) and not (one.verify and self._check.is_known(start_ms, item))
            )
            if had:
                out.append(Late(had, start_ms, item, self._recent.get(start_ms)))
        return out

    def read(self, exchange_ms: float, now: float) -> list[Action[Item]]:
        """Note that all that the exchange sent before `exchange_ms` has been read; close what is final."""
        out: list[Action[Item]] = []
        self._read_ms = exchange_ms
        self._know(exchange_ms, now)
        if self._hole is not None:
            self._see_to(self._hole, exchange_ms, now, out)
        if self._hole is not None:
            return out
        for start_ms in sorted(self._open):
            if start_ms + self.unit_ms + CLOSES_AFTER_MS > exchange_ms:
                break
            self._settle(start_ms, self._open.pop(start_ms), How.LIVE, out)
        final_ms = exchange_ms - self.unit_ms - CLOSES_AFTER_MS + 1
        for one in self._takers.values():
            out += one.empties(self._check.empty_before(final_ms) if one.verify else final_ms)
        self._verify(exchange_ms, now, out)
        return out

    def lost(self, since_ms: float | None, exchange_ms: float | None, now: float) -> bool:
        """Note that what was sent after `since_ms` may be missing, or since who knows when; whether that matters."""
        if exchange_ms is not None:
            self._know(exchange_ms, now)
        known_ms, settled_ms, old = self._newest_ms, self._settled_ms, self._hole
        if known_ms is None:
            return False  # nothing has come, so nothing can be missed
        delivered: dict[int, Item] = {}
        if since_ms is not None:
            final_ms = since_ms - self.unit_ms - CLOSES_AFTER_MS
            delivered = {start: item for start, item in self._recent.items() if start > final_ms}
            earliest_ms = min((one.from_ms for one in self._takers.values()), default=0.0)
            known_ms = first_unsure(self.unit_ms, known_ms, since_ms, earliest_ms)
        if settled_ms is not None and (since_ms is None or known_ms <= settled_ms):
            known_ms = settled_ms + self.unit_ms
        begins = [known_ms, *self._open, *delivered]
        if old is not None:
            begins.append(old.from_ms)
            delivered = {**old.delivered, **delivered}
        self._hole = Hole(min(begins), now, delivered, old.recovered if old is not None else 0)
        self._hole.asks_at = now + NAMED_WITHIN
        self._open.clear()
        self._check.held()
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
                self._begin(one, found, problem, exchange_ms, now, out)
        out += self._check.fetched(number, found, is_whole=covered is not None and not problem, now=now)
        self._verify(exchange_ms, now, out)
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
            self._verify(exchange_ms, now, out)
        return out

    def ask_again(self) -> None:
        """Forget what was asked: whoever was to fetch it is gone."""
        if self._hole is not None:
            self._hole.number = None
        self._check.number = None
        for one in self._takers.values():
            one.number = None

    @property
    def closes_at_ms(self) -> int | None:
        """From when on, if it was read that far, `read` will do something; `None` if that depends on what comes."""
        if self._hole is not None:
            end_ms = None if self._hole.number is not None else self._hole.end_ms
            return None if end_ms is None else end_ms + CLOSES_AFTER_MS
        ends = [start_ms + self.unit_ms for start_ms in self._open]
        empty = [one.empty_from_ms for one in self._takers.values()]
        ends += [start_ms + self.unit_ms for start_ms in empty if start_ms is not None]
        ends += self._check.ends
        return min(ends) + CLOSES_AFTER_MS if ends else None

    def next_tick(self, exchange_ms: float | None, now: float) -> float | None:
        """When `tick` is to be called, monotonic seconds; `None`: nothing waits for a time."""
        dues: list[float] = []
        hole = self._hole

        def at_exchange(ms: int) -> None:
            if exchange_ms is not None:
                dues.append(now + max(0.0, ms - exchange_ms) / 1000)

        if hole is not None:
            if self._fills and now < hole.begun + self._patience:
                dues.append(hole.begun + self._patience)
            if self._fills and hole.number is None and hole.end_ms is None:
                if now < hole.asks_at:
                    dues.append(hole.asks_at)
                else:
                    at_exchange(hole.from_ms + self.unit_ms + CLOSES_AFTER_MS)
        elif any(one.waits and one.number is None for one in self._takers.values()):
            if self._open:
                at_exchange(max(self._open) + CLOSES_AFTER_MS)
            else:
                dues += [one.joined_at + NAMED_WITHIN for one in self._takers.values() if one.waits]
        if hole is None and self._check.next_tick is not None:
            dues.append(self._check.next_tick)
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
        self._check.settled(start_ms, item)
        for one in self._takers.values():
            if not one.verify:
                out += one.offer(start_ms, item, how)

    def _verify(self, exchange_ms: float, now: float, out: list[Action[Item]]) -> None:
        if self._hole is None:
            out += self._check.see_to(exchange_ms, now)

    # --- what came before a taker

    def _ask_history(self, one: CandleTaker[Item], exchange_ms: float, now: float, out: list[Action[Item]]) -> None:
        end_ms, shown, most = None, self._newest_ms, one.history
        if self._open:
            # Up to the newest: of one before it, nothing may have come since this taker is there.
            end_ms = shown = max(self._open)
            if exchange_ms < end_ms + CLOSES_AFTER_MS:
                return  # the candle before it is not final yet
            one.live_ms = min(one.waits_from_ms or end_ms, *self._open)
            most += (end_ms - one.live_ms) // self.unit_ms
        elif one.waits_from_ms is not None:
            one.live_ms = end_ms = shown = one.waits_from_ms
        elif shown is None and now < one.joined_at + NAMED_WITHIN:
            return
        one.is_blind = shown is None
        one.number = self._next_number()
        out.append(Ask(one.number, None, end_ms, most, frozenset() if shown is None else frozenset({shown})))

    def _begin(
        self,
        one: CandleTaker[Item],
        rows: dict[int, Item],
        problem: str,
        exchange_ms: float,
        now: float,
        out: list[Action[Item]],
    ) -> None:
        """Deliver what came before a taker, and what has waited behind it."""
        final_ms = int(exchange_ms) - self.unit_ms - CLOSES_AFTER_MS
        if problem:
            end_ms = one.waits_from_ms or min(self._open, default=final_ms)
            out.append(Missing(end_ms - one.history * self.unit_ms, end_ms, problem))
        elif one.is_blind and rows and self._hole is None:  # what came live since may not be all that there is
            self._newest_ms = max(*rows, self._newest_ms or 0)
            unsure_ms = first_unsure(self.unit_ms, max(rows), exchange_ms, 0.0)
            if min(self._open, default=unsure_ms + 1) > unsure_ms:
                self._hole = Hole(unsure_ms, now, {})
                self._hole.asks_at, self._hole.end_ms = now + NAMED_WITHIN, min(self._open, default=None)
        out += one.begin([(start_ms, item) for start_ms, item in rows.items() if start_ms <= final_ms])

    # --- a gap

    def _name(self, hole: Hole[Item], start_ms: int, item: Item, out: list[Action[Item]], *, is_snapshot: bool) -> None:
        """See how far the gap reaches: a snapshot is of the newest candle."""
        known = hole.delivered.pop(start_ms, None)
        if known is not None:
            self._compare(start_ms, known, item, out)
        if hole.name(start_ms, is_snapshot=is_snapshot) <= hole.from_ms:
            self._close_hole(hole, out)

    def _see_to(self, hole: Hole[Item], exchange_ms: float | None, now: float, out: list[Action[Item]]) -> None:
        """Fetch what is missing once it is final, or give it up."""
        end_ms, is_over = hole.end_ms, now >= hole.begun + self._patience
        if end_ms is None:
            final_ms = hole.from_ms + self.unit_ms + CLOSES_AFTER_MS
            is_due = now >= hole.asks_at and exchange_ms is not None and exchange_ms >= final_ms
            if self._fills and is_over:
                self._fill(hole, {}, None, NOT_IN_TIME.format(self._patience), exchange_ms, out)
            elif self._fills and is_due and hole.number is None:
                hole.asks_at = now + max(ASKS_EVERY, self.unit_ms / 1000)
                self._ask_missing(hole, out)
        elif hole.is_whole(self.unit_ms, self._open, end_ms):
            self._close_hole(hole, out)
        elif self._read_ms < end_ms + CLOSES_AFTER_MS:
            pass  # what is missing may still come, and what has come may change
        elif not self._fills or is_over:
            problem = NOT_IN_TIME.format(self._patience) if self._fills else UNFILLED
            self._fill(hole, {}, None, problem, exchange_ms, out)
        elif hole.number is None:
            self._ask_missing(hole, out)

    def _ask_missing(self, hole: Hole[Item], out: list[Action[Item]]) -> None:
        hole.number = self._next_number()
        shown = {*hole.delivered, *([] if hole.end_ms is None else [hole.end_ms])}
        out.append(Ask(hole.number, hole.from_ms, hole.end_ms, None, frozenset(shown)))

    def _fill(
        self,
        hole: Hole[Item],
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
            told = parts_missing(self.unit_ms, hole.from_ms, since_ms, {*live, *hole.delivered}, problem)
            self._check.missed(told)
            out += told
            for one in self._takers.values():
                one.missed()
        for start_ms, (item, how) in sorted(pieces.items(), key=lambda one: one[0]):
            known = hole.delivered.pop(start_ms, self._recent.get(start_ms))
            if known is not None:
                self._compare(start_ms, known, item, out)
            elif self._settled_ms is not None and start_ms <= self._settled_ms:
                out.append(Missing(start_ms, start_ms + self.unit_ms, TOO_LATE))
            else:
                hole.recovered += how is How.FILLED
                self._settle(start_ms, item, how, out)
        if since_ms > hole.from_ms:  # what was told to be missing is not delivered after that
            self._settled_ms = max(self._settled_ms or 0, since_ms - self.unit_ms)
        hole.from_ms = max(hole.from_ms, until_ms)
        if end_ms is not None and until_ms >= end_ms:
            self._close_hole(hole, out)

    def _compare(self, start_ms: int, known: Item, item: Item, out: list[Action[Item]]) -> None:
        before, after = self._volume(known), self._volume(item)
        if before != after:
            self._recent[start_ms] = item
            out.append(Wrong(start_ms, CHANGED.format(before, after)))

    def _close_hole(self, hole: Hole[Item], out: list[Action[Item]]) -> None:
        self._hole = None
        out.append(Settled(hole.recovered))
