"""The account's orders as one process knows them: what is news of what the stream and REST say, each of which may
repeat the other.

A trade is news once, by its id; any other message if its order has come further (`progress.py`). So whoever has a
ledger may be told everything twice: by two passes, by REST and stream, by a host and, after it, its heir.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from websocket_v6.protocol.limits import LEDGER_BYTES, LEDGER_ENDED, LEDGER_ORDERS

from .progress import Found, Progress, Said

__all__ = ["KEPT", "Ledger", "Order", "Waiting"]

KEPT = 3600.0  # seconds for which an order that has ended is remembered

Item = TypeVar("Item")
Waiting = Mapping[str, tuple[tuple[Said, Item], ...]]  # live messages that wait, by order, as they came


class Order(Generic[Item]):
    """One order. `before` counts the trades from before it was known, which are nobody's news."""

    __slots__ = ("before", "code", "ended_at", "last", "live_at", "progress", "stated", "trades")

    def __init__(self, code: str, before: int) -> None:
        self.code = code
        self.before = before
        self.progress = Progress(is_triggered=False)  # as far as any order has come
        self.trades: dict[str, Item | None] = {}  # by id, as they were delivered; None: that is forgotten
        self.stated: Item | None = None  # its last message that is not of a trade
        self.last: Item | None = None  # its last message: the latest totals
        self.live_at = float("-inf")  # when the stream last said something of it, monotonic seconds
        self.ended_at: float | None = None

    @property
    def known(self) -> int:
        """How many of its trades are known, or older than what is."""
        return self.before + len(self.trades)

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


class Ledger(Generic[Item]):
    """All orders that are open, and those that have ended within the last hour.

    `wrap` makes an item of what REST has: of a market, a payload, and whether it is of a start, when nothing was known.
    `size` says how many bytes of memory one holds.
    """

    def __init__(self, wrap: Callable[[str, bytes, bool], Item], size: Callable[[Item], int] = lambda _: 0) -> None:
        self.orders: dict[str, Order[Item]] = {}
        self._wrap = wrap
        self._size = size
        self._weight = 0  # of all items, at most: what was forgotten since it was counted is in it

    # --- what comes

    def hear(self, said: Said, item: Item, now: float, *, is_start: bool = False, is_fetched: bool = False) -> bool:
        """Take what the stream says; return whether that is news.

        `is_start`: the order may be older than the ledger. `is_fetched`: another process had it of REST, or knew it.
        """
        order = self.orders.get(said.uuid)
        is_new = order is None
        if order is None:
            order = self._add(said.uuid, said.code, said.progress.trades - bool(said.trade) if is_start else 0, now)
        order.live_at = now
        is_new = is_new or order.last is None or (is_fetched and order.stated is None)
        return self._take(order, said, item, now, is_new=is_new)

    def note(self, said: Said, item: Item, now: float) -> None:
        """Take what is old news: what became of an order before anybody here asked."""
        order = self.orders.get(said.uuid) or self._add(said.uuid, said.code, 0, now)
        if self._take(order, said, item, now, is_new=True) and said.trade:
            order.before = max(0, order.before - 1)

    def _take(self, order: Order[Item], said: Said, item: Item, now: float, *, is_new: bool) -> bool:
        if said.trade:
            if said.trade in order.trades:
                return False
            order.trades[said.trade] = order.last = item
            self._weigh(item, now)
        elif not is_new and said.progress <= order.progress:
            return False
        else:
            order.stated = item
            if said.progress >= order.progress:
                order.last = item
            self._weigh(item, now)
        self._advance(order, said.progress, now)
        return True

    def find(
        self, found: Found, waiting: Waiting[Item], now: float, *, is_start: bool, since_ms: int
    ) -> Iterator[Item]:
        """Take what REST has of an order; yield what is news, in order.

        Of what is `waiting` too the live form is taken, for it has more fields: a trade in its place among the fetched
        ones, a state where it waits. An order that is not known and has ended is none of a start, nor is one made
        before `since_ms`, when this ledger began.
        """
        order, waits = self.orders.get(found.uuid), waiting.get(found.uuid, ())
        is_new = order is None
        if order is None:
            if found.progress.has_ended and (is_start or found.made_ms < since_ms):
                return
            order = self._add(found.uuid, found.code, _before(found, waits) if is_start else 0, now)
        yield from self._trades(order, found, waits, is_start=is_start)
        was = order.progress
        if any(not said.trade and said.progress >= found.progress for said, _ in waits):
            return  # what waits says it itself
        payload = _news(found, was, order, is_new=is_new)
        if payload or found.progress > was:
            self._advance(order, found.progress, now)
        if payload:
            item = self._wrap(found.code, payload, is_start)
            order.stated = order.last = item
            self._weigh(item, now)
            yield item

    def _trades(
        self, order: Order[Item], found: Found, waits: tuple[tuple[Said, Item], ...], *, is_start: bool
    ) -> Iterator[Item]:
        live = {said.trade: item for said, item in waits if said.trade}
        unseen = [trade for trade in found.trades or () if trade.uuid not in order.trades]
        for trade in unseen[order.before :]:
            item = live[trade.uuid] if trade.uuid in live else self._wrap(found.code, trade.payload, is_start)
            order.trades[trade.uuid] = order.last = item
            self._weigh(item, order.live_at)
            yield item

    def _add(self, uuid: str, code: str, before: int, now: float) -> Order[Item]:
        self._forget_some(now)
        order = self.orders[uuid] = Order(code, before)
        return order

    def _advance(self, order: Order[Item], progress: Progress, now: float) -> None:
        order.progress = max(order.progress, progress)
        if progress.has_ended and order.ended_at is None:
            order.ended_at = now

    # --- what is known

    def open(self) -> Iterator[tuple[str, Order[Item]]]:
        """Yield the orders that are open, the ones known for longest first."""
        return ((uuid, order) for uuid, order in self.orders.items() if order.is_open)

    def known(self) -> dict[str, int]:
        """Return how many trades are known of each order."""
        return {uuid: order.known for uuid, order in self.orders.items()}

    def doubtful(self, since: float) -> tuple[str, ...]:
        """Return the open orders of which the stream has said nothing since a time."""
        return tuple(uuid for uuid, order in self.open() if order.live_at < since)

    def lacking(self) -> tuple[str, ...]:
        """Return the orders that are known to have had more trades than are known."""
        return tuple(uuid for uuid, order in self.orders.items() if order.progress.trades > order.known)

    def keep(self, codes: Collection[str]) -> None:
        """Forget the orders of all other markets: nobody wants them any more, so nothing is heard of them."""
        for uuid in [uuid for uuid, order in self.orders.items() if order.code not in codes]:
            del self.orders[uuid]

    def _weigh(self, item: Item, now: float) -> None:
        self._weight += self._size(item)
        if self._weight <= LEDGER_BYTES:
            return
        weights = {uuid: self._held_by(order) for uuid, order in self.orders.items()}
        self._weight = sum(weights.values())
        if self._weight > LEDGER_BYTES:
            by_age = sorted(weights, key=lambda uuid: self.orders[uuid].ended_at or now)
            while self._weight > LEDGER_BYTES // 2 and len(by_age) > 1:
                self._weight -= weights[by_age[0]]
                del self.orders[by_age.pop(0)]
        if self._weight > LEDGER_BYTES:  # of one order
            for order in self.orders.values():
                order.trades = dict.fromkeys(order.trades)

    def _held_by(self, order: Order[Item]) -> int:
        items = {id(one): one for one in (order.stated, order.last, *order.trades.values()) if one is not None}
        return sum(map(self._size, items.values()))

    def _forget_some(self, now: float) -> None:
        if len(self.orders) % 256:  # seldom enough to cost nothing
            return
        ended = [uuid for uuid, order in self.orders.items() if not order.is_open]
        ended.sort(key=lambda uuid: self.orders[uuid].ended_at or 0.0)
        late = sum(now - (self.orders[uuid].ended_at or 0.0) > KEPT for uuid in ended)
        for uuid in ended[: max(late, len(ended) - LEDGER_ENDED)]:
            del self.orders[uuid]
        surplus: Iterable[str] = list(self.orders)[: max(0, len(self.orders) - LEDGER_ORDERS)]
        for uuid in surplus:
            del self.orders[uuid]


def _before(found: Found, waits: tuple[tuple[Said, Item], ...]) -> int:
    """Return how many trades an order had at a start, before the first of those that wait."""
    return min([found.progress.trades, *(said.progress.trades - 1 for said, _ in waits if said.trade)])


def _news(found: Found, was: Progress, order: Order[Item], *, is_new: bool) -> bytes:
    """Return the message of an order's present state, nothing if that is no news to who knew that it was open."""
    now = found.progress
    if is_new:
        return found.payload
    if now <= was:
        return b""
    if now.has_ended:
        return found.payload
    if now.prevented > was.prevented:
        return found.prevented or found.payload
    # Executed further, and its trades were not asked for, since there are too many such orders: the state alone.
    if found.trades is None and now.trades > order.known:
        return found.payload
    return found.payload if now.is_triggered > was.is_triggered else b""
