"""One taker of closed candles: what it wants of a stream, how far it is, what waits behind candles that are fetched."""

import math
from enum import Enum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

__all__ = ["MOST_EMPTY", "CandleTaker", "Give", "How", "Late", "Offered"]

Item = TypeVar("Item")

MOST_EMPTY = 4000  # in a row: of an hour's silence, each second; beyond, only the last are told


class How(Enum):
    """How a candle came."""

    LIVE = "live"
    FILLED = "filled"  # fetched, for a gap had swallowed it
    HISTORY = "history"  # fetched, from before its taker was there
    VERIFIED = "verified"  # fetched, whatever came live
    EMPTY = "empty"  # not at all: nothing was traded


class Give(NamedTuple, Generic[Item]):
    """Deliver this candle to one taker. The item of an empty one is the candle before it."""

    taker: int
    start_ms: int
    item: Item
    how: How


class Late(NamedTuple, Generic[Item]):
    """This message changes a candle that these takers have had, which was `known`, or that they were told was empty."""

    takers: tuple[int, ...]
    start_ms: int
    item: Item
    known: Item | None


Offered: TypeAlias = list[Give[Item] | Late[Item]]


class CandleTaker(Generic[Item]):
    """It joined at `joined_at` (monotonic seconds): candles that had ended by then are none of its own.

    `empty`: it is told of intervals without a trade. `history`: as many candles come before the live ones, which wait.
    `verify`: what REST has is delivered, not what came live.
    """

    __slots__ = (
        "_after_ms",
        "_first_ms",
        "_from_ms",
        "_last",
        "_last_ms",
        "_queue",
        "_unit_ms",
        "empty",
        "history",
        "is_blind",
        "joined_at",
        "live_ms",
        "number",
        "taker",
        "verify",
        "waits",
    )

    def __init__(
        self, taker: int, unit_ms: int, joined_at: float, *, empty: bool, history: int, verify: bool = False
    ) -> None:
        self.taker = taker
        self.joined_at = joined_at
        self.empty = empty
        self.history = history
        self.verify = verify
        self.waits = history > 0
        self.live_ms: int | None = None  # the first that came live, when that was asked for
        self.is_blind = False  # its history was asked for before anything had come
        self.number: int | None = None  # of the fetch that is under way for it
        self._unit_ms = unit_ms
        self._from_ms: float | None = None  # when it joined, by the exchange's clock
        self._queue: list[tuple[int, Item, How]] = []
        self._first_ms: int | None = None
        self._after_ms: int | None = None  # the start of the last one that it had
        self._last_ms: int | None = None  # the start of the last one in which something was traded
        self._last: Item | None = None  # that one, unless something is missing since

    @property
    def empty_from_ms(self) -> int | None:
        """The start of the next interval that it is told of if nothing is traded in it."""
        if not self.empty or self.waits or self._last is None or self._after_ms is None:
            return None
        return self._after_ms + self._unit_ms

    @property
    def waits_from_ms(self) -> int | None:
        """The start of the first candle that waits for those before it."""
        return self._queue[0][0] if self._queue else None

    @property
    def joined_ms(self) -> float | None:
        """When it joined, by the exchange's clock, as far as that is known."""
        return self._from_ms

    @property
    def from_ms(self) -> float:
        """When it joined, by the exchange's clock; 0 while that is unknown, or if it has had an earlier candle."""
        return 0.0 if self._from_ms is None or self._after_ms is not None else self._from_ms

    def know(self, exchange_ms: float, now: float) -> None:
        """Note what time it is at the exchange."""
        if self._from_ms is None:
            self._from_ms = exchange_ms - (now - self.joined_at) * 1000

    def offer(self, start_ms: int, item: Item, how: How) -> Offered[Item]:
        """Return what is to be delivered now that this candle is final; what was told already is late."""
        if self.waits:
            self._queue.append((start_ms, item, how))
            return []
        if self.had(start_ms) and self._last_ms is not None and start_ms > self._last_ms:
            return [Late((self.taker,), start_ms, item, None)]
        return self._give(start_ms, item, how)

    def begin(self, rows: list[tuple[int, Item]]) -> Offered[Item]:
        """Return the candles of before it was there, and those that have waited behind them, or came between these."""
        self.waits, self.number = False, None
        live_ms = self.live_ms
        before = [row for row in rows if live_ms is None or row[0] < live_ms][-self.history :]
        between = [row for row in rows if live_ms is not None and row[0] >= live_ms]
        pieces = {start_ms: (item, How.HISTORY) for start_ms, item in before + between}
        pieces.update((start_ms, (item, how)) for start_ms, item, how in self._queue)
        self._queue = []
        return [one for start_ms in sorted(pieces) for one in self._give(start_ms, *pieces[start_ms])]

    def empties(self, before_ms: float) -> Offered[Item]:
        """Return what says that nothing was traded in the intervals that begin before `before_ms`."""
        out: Offered[Item] = []
        first_ms = self.empty_from_ms
        if first_ms is not None and (count := math.ceil((before_ms - first_ms) / self._unit_ms)) > MOST_EMPTY:
            self._after_ms = first_ms + (count - MOST_EMPTY - 1) * self._unit_ms
        while (start_ms := self.empty_from_ms) is not None and start_ms < before_ms and self._last is not None:
            out.append(Give(self.taker, start_ms, self._last, How.EMPTY))
            self._after_ms = start_ms
        return out

    def missed(self) -> None:
        """Note that something is missing: up to the next candle, nobody knows in which intervals nothing was traded."""
        self._last = None

    def had(self, start_ms: int) -> bool:
        """Whether it has had the candle of this start, or was told that there is none."""
        first_ms, after_ms = self._first_ms, self._after_ms
        return first_ms is not None and after_ms is not None and first_ms <= start_ms <= after_ms

    def _give(self, start_ms: int, item: Item, how: How) -> Offered[Item]:
        if self._after_ms is not None:
            if start_ms <= self._after_ms:
                return []
        elif how is not How.HISTORY and self._from_ms is not None and start_ms + self._unit_ms <= self._from_ms:
            return []
        out = self.empties(start_ms)
        out.append(Give(self.taker, start_ms, item, how))
        if self._first_ms is None:
            self._first_ms = start_ms
        self._after_ms = self._last_ms = start_ms
        self._last = item
        return out
