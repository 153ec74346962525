"""A trade stream whose gap is being filled: what comes live meanwhile waits here, and how the two become one.

The router keeps one `Hold` for each such stream (actors/delivery/holds.py). Every trade comes out once: a live one in
its own form, since it has more fields, a fetched one where the live stream lacks it.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Had", "Hold", "Released", "floor_of"]

Item = TypeVar("Item")


def floor_of(known: Collection[int], *, is_all: bool) -> int:
    """Return the id up to which all was delivered before the last trades, which are `known`; 0 if none is.

    Trades come a few places out of order, so the least of them says so only if they are all there ever were.
    """
    if not known:
        return 0
    return min(known) if is_all else sorted(known)[len(known) // 2]


class Had(NamedTuple):
    """What a client had of a trade stream before the router brought it: the ids of the last ones, if any are known.

    What is missing was made since `since_ns`, by the exchange's clock.
    """

    known: tuple[int, ...]
    since_ns: int

    def has(self, number: int, made_ns: int) -> bool:
        """Whether a trade is none of what is missing."""
        if self.known:
            return number in self.known or number <= floor_of(self.known, is_all=False)
        return made_ns < self.since_ns


class Released(NamedTuple, Generic[Item]):
    """One trade as it leaves: as it came live, as it was fetched, or both."""

    id: int
    live: Item | None
    fetched: Item | None
    position: int  # in the order in which live ones came; of a fetched one -1


class Hold(Generic[Item]):
    """Live trades of one stream that wait for those before them, and afterwards the memory of what was fetched.

    `known` are the ids of the last trades before the gap, all there ever were if `is_all`; the gap began at `since_ns`.
    """

    def __init__(self, epoch: int, known: tuple[int, ...], *, is_all: bool, since_ns: int) -> None:
        self.epoch = epoch  # of the connection after the gap
        self.known = known
        self.is_all = is_all
        self.since_ns = since_ns
        self.first: int | None = None  # the first trade that came live on that connection
        self.is_released = False
        self.weight = 0  # bytes of memory that those which wait hold
        self._held: list[tuple[int, Item]] = []
        self._joined: dict[int, int] = {}  # taker -> how many were held when it came
        self._fetched: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, number: int, item: Item, weight: int = 0) -> bool:
        """Let a live trade wait; return whether it is the first on this connection."""
        self._held.append((number, item))
        self.weight += weight
        is_first = self.first is None
        if is_first:
            self.first = number
        return is_first

    def waiting(self) -> Iterator[Item]:
        """Yield the live trades that wait, as they came."""
        return (item for _, item in self._held)

    def join(self, taker: int) -> None:
        """Note a taker that is new: the gap was none of its own, and it begins with the next live trade."""
        self._joined[taker] = len(self._held)

    def is_for(self, taker: int, position: int) -> bool:
        """Whether the trade released from `position` is news for `taker`."""
        return self._joined.get(taker, -1) <= position

    def again(self, epoch: int) -> None:
        """Go on over another gap, which came before the first one was filled."""
        self.epoch = epoch
        self.first = None

    def release(self, fetched: Iterable[tuple[int, Item]]) -> Iterator[Released[Item]]:
        """Yield each trade once, the fetched ones by id, the live ones as they came.

        A fetched trade comes before the first live one with a greater id.
        """
        missing = dict(sorted(fetched))
        held_ids = {number for number, _ in self._held}
        waiting = sorted((number for number in missing if number not in held_ids), reverse=True)
        self.is_released = True
        self._fetched = frozenset(missing)
        seen: set[int] = set()
        for position, (number, item) in enumerate(self._held):
            while waiting and waiting[-1] < number:
                yield _alone(waiting[-1], missing[waiting.pop()])
            if number not in seen:
                seen.add(number)
                yield Released(number, item, missing.get(number), position)
        while waiting:
            yield _alone(waiting[-1], missing[waiting.pop()])
        self._held.clear()
        self.weight = 0

    def is_repeated(self, number: int) -> bool:
        """Whether a trade that comes live after the release was fetched already."""
        return number in self._fetched


def _alone(number: int, item: Item) -> Released[Item]:
    return Released(number, None, item, -1)
