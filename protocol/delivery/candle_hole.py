"""The candles that a gap may have swallowed: from where to where, and what is told of them."""

from collections.abc import Collection
from typing import Generic, NamedTuple, TypeVar

__all__ = ["CLOSES_AFTER_MS", "Ask", "Hole", "Missing", "Settled", "Wrong", "first_unsure", "parts_missing"]

Item = TypeVar("Item")

CLOSES_AFTER_MS = 2000  # after its end a candle is final: a flush's period, and as much for its way


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


class Hole(Generic[Item]):
    """Candles from `from_ms` on that may have changed in a gap; it ends at the newest one, once that is named.

    `begun` is when it was found, monotonic seconds. `delivered` are those that were since the gap began, as they were.
    """

    __slots__ = ("asks_at", "begun", "delivered", "end_ms", "from_ms", "is_named", "number", "recovered")

    def __init__(self, from_ms: int, begun: float, delivered: dict[int, Item], recovered: int = 0) -> None:
        self.from_ms = from_ms
        self.begun = self.asks_at = begun  # when it is asked for without its end
        self.delivered = delivered
        self.end_ms: int | None = None
        self.is_named = False  # by a snapshot, which is of the newest
        self.number: int | None = None  # of the fetch that is under way
        self.recovered = recovered

    def name(self, start_ms: int, *, is_snapshot: bool) -> int:
        """Note a message of after the gap, and return where it ends as far as is known."""
        if self.end_ms is None or (is_snapshot and not self.is_named):
            self.end_ms = max(start_ms, self.end_ms or start_ms)
        self.is_named = self.is_named or is_snapshot
        return self.end_ms

    def is_whole(self, unit_ms: int, shown: Collection[int], end_ms: int) -> bool:
        """Whether each candle in it was `shown` since, by its start, so that nothing is missing."""
        if any(start_ms < end_ms for start_ms in self.delivered):
            return False
        inside = sum(self.from_ms <= start_ms < end_ms for start_ms in shown)
        return inside * unit_ms >= end_ms - self.from_ms


def first_unsure(unit_ms: int, known_ms: int, since_ms: float, earliest_ms: float) -> int:
    """Return the start of the first candle of which something may have been sent after `since_ms`.

    It may be one that nothing was shown of before. `known_ms` is the start of any candle of the stream; what had ended
    by `earliest_ms` is nobody's.
    """
    after_ms = max(int(since_ms) - unit_ms - CLOSES_AFTER_MS, int(max(earliest_ms, 0)) - unit_ms)
    return known_ms + ((after_ms - known_ms) // unit_ms + 1) * unit_ms


def parts_missing(unit_ms: int, from_ms: int, end_ms: int, shown: Collection[int], reason: str) -> list[Missing]:
    """Return what is missing between two times, around the candles that were `shown`, by their starts."""
    parts = []
    for start_ms in sorted(one for one in shown if from_ms <= one < end_ms):
        if start_ms > from_ms:
            parts.append(Missing(from_ms, start_ms, reason))
        from_ms = start_ms + unit_ms
    if from_ms < end_ms:
        parts.append(Missing(from_ms, end_ms, reason))
    return parts
