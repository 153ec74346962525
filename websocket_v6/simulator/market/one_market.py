"""One market: a book, its trades, and the candles and sums that follow from them.

Everything here agrees with everything else: a trade takes its size from the book, and the ticker and the candles are
sums over the trades. A seeded random walk moves it. Source: Upbit WebSocket reference, "ticker", "trade", "orderbook".
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Literal, NamedTuple

from .book import EMPTY, Book, Level, Side
from .candles import SECONDS, Series
from .catalog import Listing
from .figures import DAY_MS, Figures
from .wording import Event, utc_text

__all__ = ["Market", "Trade", "TradeSide"]

TradeSide = Literal["ASK", "BID"]
_EIGHT = Decimal("0.00000001")
_RATE = Decimal("0.0000000001")
_ZERO = Decimal(0)


class Trade(NamedTuple):
    """One execution. `side` is the taker's; the best levels are those of the book around it."""

    code: str
    ms: int
    price: Decimal
    volume: Decimal
    side: TradeSide
    sequential_id: int
    prev_closing: Decimal
    before: tuple[Level, Level]  # best ask and bid as the taker found them
    after: tuple[Level, Level]

    @property
    def amount(self) -> Decimal:
        return self.price * self.volume


class Market:
    """One market's state. `ms` arguments are its time; it never goes back."""

    def __init__(self, listing: Listing, rng: Random, ms: int, *, depth: int = 40, history: int = 10_000) -> None:
        """Begin at `ms` with a book of `depth` levels a side, some turnover, and one trade a little older."""
        self.code = listing.code
        self.tick = listing.tick
        self.levels = listing.levels
        self.market_state = "ACTIVE"
        self.delisting: datetime | None = None
        self._rng = rng
        self._depth = depth
        self.book = Book()
        self.book_ms = ms - rng.randrange(100, 5_000)
        self.series = {unit: Series(unit) for unit in SECONDS}
        self.trades: deque[Trade] = deque(maxlen=history)
        self._last_id_ms, self._ids_in_ms = 0, 0
        self._held: dict[tuple[TradeSide, Decimal], Decimal] = {}  # resting orders placed through the simulator
        drift = Decimal(str(round(rng.uniform(-0.03, 0.03), 4)))
        yesterday = max(self.tick, self._on_tick(listing.price * (1 + drift)))
        self.figures = Figures(listing.price, yesterday, ms)
        self.figures.make_up_past(rng, ms, self._size(listing.price) * 900, listing.price, self.tick)
        self.ticker_ms = ms
        self._begin_book(listing.price)
        self.last = self.trade(self._ms_before(ms), None, None, None)

    # What the market says.

    def trade_event(self, trade: Trade, best: Literal["after", "before", "null"] = "after") -> Event:
        """Return the message of a trade, with the best levels of the book `best` the trade."""
        ask, bid = trade.before if best == "before" else trade.after
        null = best == "null"
        date, _, time = utc_text(trade.ms).partition("T")
        fields = {
            "type": "trade",
            "code": self.code,
            "timestamp": trade.ms,
            "trade_date": date,
            "trade_time": time,
            "trade_timestamp": trade.ms,
            "trade_price": trade.price,
            "trade_volume": trade.volume,
            "ask_bid": trade.side,
            "prev_closing_price": trade.prev_closing,
            **_change(trade.price, trade.prev_closing, signed=False),
            "sequential_id": trade.sequential_id,
            "best_ask_price": None if null else ask[0],
            "best_ask_size": None if null else ask[1],
            "best_bid_price": None if null else bid[0],
            "best_bid_size": None if null else bid[1],
        }
        return Event("trade", self.code, fields)

    def ticker_fields(self) -> dict[str, object]:
        """Return the ticker as it stands, all but its type and code."""
        last, figures = self.last, self.figures
        date, _, time = utc_text(last.ms).partition("T")
        return {
            "opening_price": figures.opening,
            "high_price": figures.high,
            "low_price": figures.low,
            "trade_price": last.price,
            "prev_closing_price": figures.prev_closing,
            "acc_trade_price": figures.acc_amount,
            **_change(last.price, figures.prev_closing, signed=True),
            "ask_bid": last.side,
            "trade_volume": last.volume,
            "acc_trade_volume": figures.acc_ask + figures.acc_bid,
            "trade_date": date.replace("-", ""),
            "trade_time": time.replace(":", ""),
            "trade_timestamp": last.ms,
            "acc_ask_volume": figures.acc_ask,
            "acc_bid_volume": figures.acc_bid,
            "highest_52_week_price": figures.year_high[0],
            "highest_52_week_date": figures.year_high[1],
            "lowest_52_week_price": figures.year_low[0],
            "lowest_52_week_date": figures.year_low[1],
            "market_state": self.market_state,
            "timestamp": self.ticker_ms,
            "acc_trade_price_24h": figures.amount_24h,
            "acc_trade_volume_24h": figures.volume_24h,
        }

    # What happens to it.

    def trade(self, ms: int, price: Decimal | None, volume: Decimal | None, side: TradeSide | None) -> Trade:
        """Execute a trade and return it; what is not given is what this market would do next.

        A price away from the book moves the book there first: no level stays that the trade would have crossed.
        """
        side = side or self.side_for(price)
        against = self.book.asks if side == "BID" else self.book.bids
        if price is None:
            best = against.best
            price = best[0] if best else self.last.price
        self._open_way(price, side)
        resting = against.size(price)
        if volume is None:
            volume = max(_EIGHT, min(resting or self._size(price), self._size(price) / 4).quantize(_EIGHT))
        if resting < volume:
            # Somebody must have stood there: the taker bought from, or sold to, all of it.
            against.put(price, volume)
        before = self._best()
        against.put(price, max(resting - volume, _ZERO))
        self._refill()
        return self.record(ms, price, volume, side, before=before)

    def record(
        self,
        ms: int,
        price: Decimal,
        volume: Decimal,
        side: TradeSide,
        *,
        before: tuple[Level, Level] | None = None,
        sequential_id: int | None = None,
    ) -> Trade:
        """Count a trade without touching the book."""
        ms, number = self._next_id(ms)
        figures = self.figures
        figures.roll(ms, price)
        trade = Trade(
            self.code,
            ms,
            price,
            volume,
            side,
            sequential_id or number,
            figures.prev_closing,
            before or self._best(),
            self._best(),
        )
        amount = trade.amount
        figures.count(ms, price, volume, amount, side)
        for series in self.series.values():
            series.add(price, volume, amount, ms)
        self.trades.append(trade)
        self.last = trade
        self.ticker_ms = self.book_ms = ms
        return trade

    def side_for(self, price: Decimal | None) -> TradeSide:
        """Return the taker's side that a trade at `price` would have: at or above the best ask somebody bought."""
        ask, bid = self._best()
        if price is not None and ask[0] and price >= ask[0]:
            return "BID"
        if price is not None and price <= bid[0]:
            return "ASK"
        return "BID" if self._rng.random() < 0.5 else "ASK"

    def stir(self, ms: int) -> None:
        """Change one level of the book at random, as orders come and go."""
        rng = self._rng
        side = self.book.asks if rng.random() < 0.5 else self.book.bids
        self._close_gap()
        if not side.levels:
            price = self.last.price + (self.tick if side is self.book.asks else -self.tick)
            if price > 0:
                side.put(price, self._size(price))
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
            side.put(price, self._size(price) + held)
        self.book_ms = ms

    def rest(self, ms: int, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Put an order into the book, or take one out with a negative `volume`."""
        held = self._held.get((side, price), _ZERO) + volume
        if held > 0:
            self._held[side, price] = held
        else:
            self._held.pop((side, price), None)
        (self.book.asks if side == "ASK" else self.book.bids).add(price, volume)
        self._refill()
        self.book_ms = ms

    def filled(self, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Note that a trade has taken `volume` of the resting orders; the book knows already."""
        held = self._held.get((side, price), _ZERO) - volume
        if held > 0:
            self._held[side, price] = held
        else:
            self._held.pop((side, price), None)

    def take_book(self, ms: int, units: Iterable[tuple[Level, Level]]) -> None:
        """Take over a recorded book."""
        self.book.replace(units)
        self.book_ms = ms

    # How it begins.

    def _begin_book(self, price: Decimal) -> None:
        self.book.asks.put(price, self._size(price))
        if price > self.tick:
            self.book.bids.put(price - self.tick, self._size(price))
        self._refill()

    def _ms_before(self, ms: int) -> int:
        # Snapshots of quiet markets were 7 to 143 s old; the first trade of a day stays in its day.
        return max(ms - self._rng.randrange(7_000, 143_000), self.figures.day * DAY_MS)

    # How it moves.

    def _best(self) -> tuple[Level, Level]:
        return self.book.asks.best or EMPTY, self.book.bids.best or EMPTY

    def _open_way(self, price: Decimal, side: TradeSide) -> None:
        """Take out of the book what a trade at `price` would have crossed."""
        against, behind = (self.book.asks, self.book.bids) if side == "BID" else (self.book.bids, self.book.asks)
        against.drop_better_than(price)
        # A taker who buys at `price` leaves no bid at it or above, and the others follow.
        behind.drop_crossed(price)
        towards = self.tick if side == "BID" else -self.tick
        self._follow(against, price + towards)
        self._follow(behind, price - towards)
        for held_side, held_price in list(self._held):
            if (self.book.asks if held_side == "ASK" else self.book.bids).size(held_price) == 0:
                del self._held[held_side, held_price]

    def _follow(self, side: Side, price: Decimal) -> None:
        """Give a side a level at `price` if its best one is more than a few ticks away."""
        if price > 0 and (side.best is None or abs(side.best[0] - price) > 4 * self.tick):
            side.put(price, self._size(price))

    def _refill(self) -> None:
        """Bring both sides back to their depth at their far ends."""
        self._extend(self.book.asks, self.tick)
        self._extend(self.book.bids, -self.tick)

    def _close_gap(self) -> None:
        """Let somebody quote inside a spread that got wide."""
        asks, bids = self.book.asks, self.book.bids
        if asks.levels and bids.levels and asks.levels[0][0] - bids.levels[0][0] > 4 * self.tick:
            side = asks if self._rng.random() < 0.5 else bids
            price = side.levels[0][0] + (-self.tick if side is asks else self.tick)
            side.put(price, self._size(price))

    def _extend(self, side: Side, step: Decimal) -> None:
        while side.levels and len(side.levels) < self._depth:
            price = side.levels[-1][0] + step * self._rng.choice((1, 1, 1, 2, 3))
            if price <= 0:
                return
            side.levels.append(Level(price, self._size(price)))

    def _size(self, price: Decimal) -> Decimal:
        """Return a random size for a level: worth about a million KRW, give or take a factor of ten."""
        worth = 10 ** self._rng.gauss(6.0, 0.6)
        return max(_EIGHT, Decimal(worth / float(price) / self._krw).quantize(_EIGHT))

    @property
    def _krw(self) -> float:
        return {"KRW": 1.0, "BTC": 1e8, "USDT": 1.4e3}.get(self.code.partition("-")[0], 1.0)

    def _on_tick(self, price: Decimal) -> Decimal:
        return (price / self.tick).to_integral_value(ROUND_HALF_UP) * self.tick

    def _next_id(self, ms: int) -> tuple[int, int]:
        """Return the trade's time and its id: `ms` x 10000 + a counter, so at most 10000 trades fit a millisecond."""
        ms = max(ms, self._last_id_ms)
        if ms > self._last_id_ms:
            self._last_id_ms, self._ids_in_ms = ms, 0
        elif self._ids_in_ms == 10_000:
            self._last_id_ms, self._ids_in_ms = ms + 1, 0
        number = self._last_id_ms * 10_000 + self._ids_in_ms
        self._ids_in_ms += 1
        return self._last_id_ms, number


def _change(price: Decimal, previous: Decimal, *, signed: bool) -> dict[str, object]:
    difference = price - previous
    word = "RISE" if difference > 0 else "FALL" if difference < 0 else "EVEN"
    if not signed:
        return {"change": word, "change_price": abs(difference)}
    rate = (difference / previous).quantize(_RATE) if previous else _ZERO
    return {
        "change": word,
        "change_price": abs(difference),
        "signed_change_price": difference,
        "change_rate": abs(rate),
        "signed_change_rate": rate,
    }
