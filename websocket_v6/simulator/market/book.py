"""One market's order book: two sides of price levels, best first.

Source: Upbit WebSocket reference, "orderbook": whole books of at most 30 levels, empty slots of price and size 0,
grouping by `level` for KRW markets.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import zip_longest
from typing import Any, NamedTuple

from .spelling import Speller

__all__ = ["EMPTY", "Book", "Depth", "Level", "Side"]

_ZERO = Decimal(0)


class _Pair(NamedTuple):
    price: Decimal
    size: Decimal


class Level(_Pair):
    """A price and the size at it. Most levels of a book stay as they are, so each keeps its own spelling."""

    def spelled(self, wording: str, price: Speller, size: Speller) -> tuple[str, str]:
        """Return the texts of both; `wording` tells which spellers these are."""
        kept: dict[Any, tuple[str, str]] = self.__dict__
        texts = kept.get(wording)
        if texts is None:
            texts = kept[wording] = (price(self.price), size(self.size)) if self.price else ("0", "0")
        return texts


EMPTY = Level(_ZERO, _ZERO)  # a slot for which there is no order


class Depth(NamedTuple):
    """What one orderbook message shows: totals and pairs of (ask, bid) levels, padded with empty slots."""

    total_ask: Decimal
    total_bid: Decimal
    units: list[tuple[Level, Level]]


class Side:
    """One side of a book. `sign` is 1 for asks (lowest price first) and -1 for bids (highest first)."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.levels: list[Level] = []

    @property
    def best(self) -> Level | None:
        return self.levels[0] if self.levels else None

    def index(self, price: Decimal) -> int:
        """Return where `price` stands, or would stand."""
        return bisect_left(self.levels, price * self._sign, key=lambda level: level.price * self._sign)

    def size(self, price: Decimal) -> Decimal:
        """Return the size at `price`, 0 if there is no such level."""
        at = self.index(price)
        return self.levels[at].size if at < len(self.levels) and self.levels[at].price == price else _ZERO

    def put(self, price: Decimal, size: Decimal) -> None:
        """Set the size at `price`; 0 takes the level out."""
        at = self.index(price)
        here = at < len(self.levels) and self.levels[at].price == price
        if size > 0:
            self.levels[at : at + here] = [Level(price, size)]
        elif here:
            del self.levels[at]

    def add(self, price: Decimal, size: Decimal) -> None:
        self.put(price, self.size(price) + size)

    def better_than(self, price: Decimal) -> list[Level]:
        """Return the levels that come before `price`."""
        return self.levels[: self.index(price)]

    def drop_better_than(self, price: Decimal) -> None:
        del self.levels[: self.index(price)]

    def drop_crossed(self, price: Decimal) -> None:
        """Take out `price` and what comes before it: the levels that one of the other side at `price` would meet."""
        at = self.index(price)
        del self.levels[: at + (at < len(self.levels) and self.levels[at].price == price)]

    def grouped(self, step: Decimal) -> list[Level]:
        """Return the levels summed over multiples of `step`: asks rounded up, bids down."""
        rounding = ROUND_CEILING if self._sign > 0 else ROUND_FLOOR
        sums: dict[Decimal, Decimal] = {}
        for price, size in self.levels:
            group = (price / step).to_integral_value(rounding) * step
            sums[group] = sums.get(group, _ZERO) + size
        return [Level(price, size) for price, size in sums.items() if price > 0]


class Book:
    """Both sides, and the view of them that a message shows."""

    def __init__(self) -> None:
        self.asks = Side(1)
        self.bids = Side(-1)

    def replace(self, units: Iterable[tuple[Level, Level]]) -> None:
        """Take over a book as a message shows it: pairs of (ask, bid) levels."""
        pairs = list(units)
        self.asks.levels = [ask for ask, _ in pairs if ask.price > 0]
        self.bids.levels = [bid for _, bid in pairs if bid.price > 0]

    def copy(self) -> "Book":
        """Return the book as it is now."""
        book = Book()
        book.asks.levels, book.bids.levels = self.asks.levels[:], self.bids.levels[:]
        return book

    def depth(self, units: int, level: Decimal = _ZERO, *, total_units: int | None = None) -> Depth:
        """Return `units` levels a side in steps of `level`, totals over `total_units` levels (default: those shown)."""
        asks = self.asks.grouped(level) if level else self.asks.levels
        bids = self.bids.grouped(level) if level else self.bids.levels
        rows = list(zip_longest(asks[:units], bids[:units], fillvalue=EMPTY))
        rows += [(EMPTY, EMPTY)] * (units - len(rows))
        summed = units if total_units is None else total_units
        return Depth(_total(asks[:summed]), _total(bids[:summed]), rows)


def _total(levels: Sequence[Level]) -> Decimal:
    return sum((size for _, size in levels), _ZERO)
