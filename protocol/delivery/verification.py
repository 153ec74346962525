"""What REST is asked of one stream of closed candles, so that its rows are what is delivered.

Should the exchange send the newest candle alone where trades of two fall into one flush, the last state of the older
one never comes, and perhaps nothing of it at all. REST has it. So once a candle is final, and once a newer one has been
there for as long, all from the last one that was verified up to there is asked for. A row that has less volume than the
stream has shown is of a replica that lags, and is asked for again. What cannot be had in time is told to be missing.

Times are as in `closer.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Generic, TypeVar

from .candle_hole import CLOSES_AFTER_MS, Ask, Missing
from .candle_taker import CandleTaker, How, Offered

__all__ = ["Verification"]

Item = TypeVar("Item")

AGAIN = 1.0  # seconds until an answer that was of no use is asked for once more
REMEMBERED = 64  # rows that were delivered, should the stream bring the like late
NOT_VERIFIED = "not verified within {:g} s"


class Verification(Generic[Item]):
    """Which candles of a stream are verified, for those of its `takers` who take that.

    `patience`: seconds after which those that are not are missing. `recent` are candles that were delivered, as they
    were. `next_number` makes the numbers of fetches.
    """

    def __init__(
        self,
        unit_ms: int,
        patience: float,
        volume: Callable[[Item], object],
        takers: Mapping[int, CandleTaker[Item]],
        recent: dict[int, Item],
        next_number: Callable[[], int],
    ) -> None:
        self._unit_ms = unit_ms
        self._patience = patience
        self._volume = volume
        self._takers = takers
        self._recent = recent
        self._next_number = next_number
        self._forget()

    def _forget(self) -> None:
        self.number: int | None = None  # of the fetch that is under way
        self._asked: Ask | None = None
        self._is_on = False
        self._done_ms: int | None = None  # what begins before that is delivered, or told to be missing
        self._wanted_ms = 0  # and up to there all is final
        self._newest_ms: int | None = None
        self._begun: float | None = None  # since when something waits
        self._asks_at = 0.0
        self._shown: dict[int, Item] = {}  # final, and not verified: as the stream has them
        self._missing: list[Missing] = []  # what a gap swallowed, and was told
        self._rows: dict[int, Item] = {}  # the last ones that were delivered

    # --- who takes it

    def joined(self, shown: Iterable[int]) -> None:
        """Note that there may be another taker; `shown` are candles of which something has come, and is not final."""
        if not self._is_on and any(one.verify for one in self._takers.values()):
            self._is_on = True
            for start_ms in shown:
                self.came(start_ms)

    def left(self) -> None:
        """Note that a taker is gone; without any nothing is asked."""
        if self._is_on and not any(one.verify for one in self._takers.values()):
            self._forget()

    @property
    def is_busy(self) -> bool:
        """Whether anything waits to be verified."""
        return self._begun is not None

    @property
    def ends(self) -> list[int]:
        """The end of a candle that, once it is final, is to be asked for, and was not; none, or one."""
        newest_ms = self._newest_ms
        return [] if newest_ms is None or newest_ms <= max(self._wanted_ms, self._done_ms or 0) else [newest_ms]

    @property
    def next_tick(self) -> float | None:
        """When something is due, monotonic seconds."""
        if self._begun is None:
            return None
        over_at = self._begun + self._patience
        return over_at if self.number is not None else min(over_at, self._asks_at)

    def empty_before(self, final_ms: float) -> float:
        """Before when an interval of which nothing was shown is empty; `final_ms` is where they are not over yet.

        Where nothing newer was shown two seconds after its end, nothing was traded in it.
        """
        done_ms, newest_ms = self._done_ms, self._newest_ms
        return final_ms if done_ms is None or newest_ms is None or newest_ms < done_ms else done_ms

    def is_known(self, start_ms: int, item: Item) -> bool:
        """Whether the row that was delivered for `start_ms` says the same."""
        row = self._rows.get(start_ms)
        return row is not None and self._volume(row) == self._volume(item)

    def came(self, start_ms: int) -> None:
        """Note a message of the candle that begins at `start_ms`."""
        if self._is_on:
            self._newest_ms = start_ms if self._newest_ms is None else max(start_ms, self._newest_ms)

    def settled(self, start_ms: int, item: Item) -> None:
        """Note that a candle is final, and what the stream has of it."""
        if self._is_on:
            self._shown[start_ms] = item

    def held(self) -> None:
        """Wait: a gap is seen to first."""
        self.number = self._begun = None

    def missed(self, missing: Iterable[Missing]) -> None:
        """Note what was told to be missing: it is not delivered after that."""
        if self._is_on:
            self._missing += missing

    # --- what is asked, and what comes of it

    def see_to(self, exchange_ms: float, now: float) -> list[Ask | Missing]:
        """Return what is to be asked, and what is to be told, now."""
        self._want(exchange_ms)
        done_ms, end_ms = self._done_ms, self._wanted_ms
        if done_ms is None or end_ms <= done_ms:
            return []
        if self._begun is None:
            self._begun = self._asks_at = now
        if now >= self._begun + self._patience:
            if self.number is not None and self._asked is not None and self._asked.end_ms is not None:
                end_ms = self._asked.end_ms
            self._done(end_ms)
            for one in self._takers.values():
                if one.verify:
                    one.missed()
            return [Missing(done_ms, end_ms, NOT_VERIFIED.format(self._patience)), *self.see_to(exchange_ms, now)]
        if self.number is not None or now < self._asks_at:
            return []
        shown = {start_ms for start_ms in self._shown if done_ms <= start_ms < end_ms}
        shown.update({end_ms} & {self._newest_ms})
        self.number = self._next_number()
        self._asked = Ask(self.number, done_ms, end_ms, None, frozenset(shown))
        return [self._asked]

    def fetched(self, number: int, rows: dict[int, Item], *, is_whole: bool, now: float) -> Offered[Item]:
        """Take an answer, and return what is to be delivered; what is of no use is asked for again."""
        asked, out = self._asked, list[Offered[Item]]()
        if asked is None or self.number != number or asked.from_ms is None or asked.end_ms is None:
            return []
        self.number = None
        shown = {start_ms: one for start_ms, one in self._shown.items() if asked.from_ms <= start_ms < asked.end_ms}
        if not is_whole or any(self._is_behind(rows.get(start_ms), one) for start_ms, one in shown.items()):
            self._asks_at = now + AGAIN
            return []
        is_all = all(one.verify for one in self._takers.values())
        for start_ms in sorted(rows):
            if not asked.from_ms <= start_ms < asked.end_ms or self._is_missing(start_ms):
                continue
            row = self._rows[start_ms] = rows[start_ms]
            if is_all and start_ms in self._recent:
                self._recent[start_ms] = row  # should a gap be found in hindsight
            out += [one.offer(start_ms, row, How.VERIFIED) for one in self._takers.values() if one.verify]
        for start_ms in list(self._rows)[:-REMEMBERED]:
            del self._rows[start_ms]
        self._done(asked.end_ms)
        return [one for offered in out for one in offered]

    def _want(self, exchange_ms: float) -> None:
        """See up to where all is final: a candle by itself, those before the newest once that is there long enough."""
        joined = (one.joined_ms for one in self._takers.values() if one.verify)
        joined_ms = min((one for one in joined if one is not None), default=None)
        if self._newest_ms is None or joined_ms is None:
            return
        if self._done_ms is None:
            # The interval in which the first of them came is its own, whatever was shown of it.
            self._done_ms = self._newest_ms + int((joined_ms - self._newest_ms) // self._unit_ms) * self._unit_ms
        ends = [start_ms + self._unit_ms for start_ms in self._shown]
        if self._newest_ms + CLOSES_AFTER_MS <= exchange_ms:
            ends.append(self._newest_ms)
        self._wanted_ms = max(self._wanted_ms, max(ends, default=0))

    def _is_behind(self, row: Item | None, shown: Item) -> bool:
        """Whether a row is missing, or older than what the stream has shown."""
        return row is None or _is_less(self._volume(row), self._volume(shown))

    def _is_missing(self, start_ms: int) -> bool:
        return any(one.from_ms <= start_ms < one.end_ms for one in self._missing)

    def _done(self, end_ms: int) -> None:
        self._done_ms, self._begun, self.number = end_ms, None, None
        self._shown = {start_ms: one for start_ms, one in self._shown.items() if start_ms >= end_ms}
        self._missing = [one for one in self._missing if one.end_ms > end_ms]


def _is_less(one: object, other: object) -> bool:
    numbers = (int, float, Decimal)
    return isinstance(one, numbers) and isinstance(other, numbers) and one < other
