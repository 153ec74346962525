"""Those who quote in one market: they fill its book, follow its price and keep the orders placed through the simulator.

A seeded random walk moves them. Source: Upbit WebSocket reference, "orderbook".
"""

from decimal import Decimal
from random import Random

from .book import EMPTY, Book, Level, Side
from .catalog import Listing, next_price, tick_size
from .trades import TradeSide

__all__ = ["Makers"]

_EIGHT = Decimal("0.00000001")
_ZERO = Decimal(0)
_WORTH = {"KRW": 1.0, "BTC": 1e8, "USDT": 1.4e3}  # of one unit of the quote currency, in KRW


class Makers:
    """The book of one market, and what its makers do to it."""

    def __init__(self, listing: Listing, rng: Random, *, depth: int) -> None:
        """Begin with an empty book; `begin` fills it with `depth` levels a side."""
        self.book = Book()
        self._code = listing.code
        self._worth = _WORTH.get(listing.code.partition("-")[0], 1.0)
        self._rng = rng
        self._depth = depth
        self._held: dict[tuple[TradeSide, Decimal], Decimal] = {}  # resting orders placed through the simulator

    def begin(self, price: Decimal) -> None:
        """Quote around `price`."""
        self.book.asks.put(price, self.size(price))
        below = self._step(price, -1)
        if below > 0:
            self.book.bids.put(below, self.size(price))
        self._refill()

    def best(self) -> tuple[Level, Level]:
        """Return the best ask and bid."""
        return self.book.asks.best or EMPTY, self.book.bids.best or EMPTY

    def size(self, price: Decimal) -> Decimal:
        """Return a random size for a level: worth about a million KRW, give or take a factor of ten."""
        return self.volume_worth(10 ** self._rng.gauss(6.0, 0.6), price)

    def volume_worth(self, krw: float, price: Decimal) -> Decimal:
        """Return the size that is worth so many KRW at `price`."""
        return Decimal(max(1, round(krw / float(price) / self._worth * 1e8))).scaleb(-8)

    # Trades.

    def open_way(self, price: Decimal, side: TradeSide) -> None:
        """Take out of the book what a trade at `price` would have crossed."""
        against, behind = (self.book.asks, self.book.bids) if side == "BID" else (self.book.bids, self.book.asks)
        against.drop_better_than(price)
        # A taker who buys at `price` leaves no bid at it or above, and the others follow.
        behind.drop_crossed(price)
        towards = 1 if side == "BID" else -1
        self._follow(against, self._step(price, towards))
        self._follow(behind, self._step(price, -towards))
        for held_side, held_price in list(self._held):
            if (self.book.asks if held_side == "ASK" else self.book.bids).size(held_price) == 0:
                del self._held[held_side, held_price]

    def take(self, price: Decimal, volume: Decimal | None, side: TradeSide) -> tuple[Decimal, tuple[Level, Level]]:
        """Let a taker have `volume` at `price`, or what one would take; return it and the best levels before."""
        against = self.book.asks if side == "BID" else self.book.bids
        resting = against.size(price)
        if volume is None:
            volume = max(_EIGHT, min(resting or self.size(price), self.size(price) / 4).quantize(_EIGHT))
        if resting < volume:
            # Somebody must have stood there: the taker bought from, or sold to, all of it.
            against.put(price, volume)
        before = self.best()
        against.put(price, max(resting - volume, _ZERO))
        self._refill()
        return volume, before

    # Orders that come and go.

    def stir(self, last: Decimal) -> None:
        """Change one level of the book at random, near the `last` price if its side is empty."""
        rng = self._rng
        side = self.book.asks if rng.random() < 0.5 else self.book.bids
        self._close_gap()
        if not side.levels:
            price = self._step(last, 1 if side is self.book.asks else -1)
            if price > 0:
                side.put(price, self.size(price))
            self._refill()
            return
        # Most of what happens happens near the top.
        at = min(int(rng.expovariate(0.25)), len(side.levels) - 1)
        price = side.levels[at][0]
        held = self._held.get(("ASK" if side is self.book.asks else "BID", price), _ZERO)
        if at and not held and rng.random() < 0.15:
            side.put(price, _ZERO)
            self._refill()
        else:
            side.put(price, self.size(price) + held)

    def rest(self, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Put an order into the book, or take one out with a negative `volume`."""
        self._hold(side, price, volume)
        (self.book.asks if side == "ASK" else self.book.bids).add(price, volume)
        self._refill()

    def filled(self, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Note that a trade has taken `volume` of the resting orders; the book knows already."""
        self._hold(side, price, -volume)

    def _hold(self, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        held = self._held.get((side, price), _ZERO) + volume
        if held > 0:
            self._held[side, price] = held
        else:
            self._held.pop((side, price), None)

    # How they quote.

    def _follow(self, side: Side, price: Decimal) -> None:
        """Give a side a level at `price` if its best one is more than a few ticks away."""
        if price > 0 and (side.best is None or abs(side.best[0] - price) > 4 * tick_size(self._code, price)):
            side.put(price, self.size(price))

    def _refill(self) -> None:
        """Bring both sides back to their depth at their far ends."""
        self._extend(self.book.asks, 1)
        self._extend(self.book.bids, -1)

    def _extend(self, side: Side, direction: int) -> None:
        while side.levels and len(side.levels) < self._depth:
            price = self._step(side.levels[-1][0], direction * self._rng.choice((1, 1, 1, 2, 3)))
            if price <= 0:
                return
            side.levels.append(Level(price, self.size(price)))

    def _close_gap(self) -> None:
        """Let somebody quote inside a spread that got wide."""
        asks, bids = self.book.asks, self.book.bids
        if asks.levels and bids.levels and asks.levels[0][0] - bids.levels[0][0] > 4 * self._tick(asks):
            side = asks if self._rng.random() < 0.5 else bids
            price = self._step(side.levels[0][0], -1 if side is asks else 1)
            side.put(price, self.size(price))

    def _tick(self, side: Side) -> Decimal:
        return tick_size(self._code, side.levels[0][0])

    def _step(self, price: Decimal, steps: int) -> Decimal:
        return next_price(self._code, price, steps)
