"""One market: a book, its trades, and the candles and sums that follow from them.

Everything here agrees with everything else: a trade takes its size from the book, and the ticker and the candles are
sums over the trades. Source: Upbit WebSocket reference, "ticker", "trade", "orderbook".
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import NamedTuple

from .book import Level, Side
from .candles import SECONDS, Series
from .catalog import Listing, tick_size
from .figures import DAY_MS, Figures
from .makers import Makers
from .past import Past
from .trades import Trade, TradeIds, TradeSide, change_fields
from .wording import utc_text

__all__ = ["Market"]


class MadeUp(NamedTuple):
    """What the ticker tells of the first day's hours before the simulation."""

    volume: Decimal
    amount: Decimal
    opening: Decimal
    high: Decimal
    low: Decimal

    @classmethod
    def of(cls, figures: Figures) -> "MadeUp":
        volume = figures.acc_ask + figures.acc_bid
        return cls(volume, figures.acc_amount, figures.opening, figures.high, figures.low)


class Market:
    """One market's state. `ms` arguments are its time; it never goes back."""

    def __init__(
        self,
        listing: Listing,
        rng: Random,
        ms: int,
        *,
        depth: int = 40,
        history: int = 10_000,
        days: int = 0,
        now: Callable[[], int] | None = None,
        stamp: Callable[[int], int] = lambda ms: ms,
    ) -> None:
        """Begin at `ms` with a book of `depth` levels a side, some turnover, and one trade a little older.

        `days` are those it has been listed for; a new listing has no 52 weeks to look back on.
        `now` tells the time in ms, at which days end without a trade too; without it time passes with trades alone.
        `stamp` tells when a trade at a time is told.
        """
        self.code = listing.code
        self.levels = listing.levels
        self.market_state = "ACTIVE"
        self.suspended = False
        self.warning = False
        self.cautions: frozenset[str] = frozenset()
        self.delisting: datetime | None = None
        self._rng = rng
        self._makers = Makers(listing, rng, depth=depth)
        self.book = self._makers.book
        self.book_ms = ms - rng.randrange(100, 5_000)
        self.series = {unit: Series(unit) for unit in SECONDS}
        self.trades: deque[Trade] = deque(maxlen=history)
        self._ids = TradeIds()
        drift = Decimal(str(round(rng.uniform(-0.03, 0.03), 4)))
        yesterday = self._on_tick(listing.price * (1 + drift))
        # Until its first trade it is on the list and says nothing.
        self.quiet = False
        self.figures = Figures(listing.price, yesterday, ms)
        turnover = self._makers.size(listing.price) * 900
        self.figures.make_up_past(rng, ms, turnover, listing.price, tick_size(self.code, listing.price))
        if not days:
            # A new listing has no year to look back on; the dates are null until the price moves.
            self.figures.year_high = self.figures.year_low = (listing.price, None)
        self.made_up: MadeUp | None = MadeUp.of(self.figures)
        self.ticker_ms = ms
        self._now = now
        self._stamp = stamp
        self._makers.begin(listing.price)
        self.first_ms = self._ms_before(ms)
        self.past = Past(
            self.code,
            seed=f"{yesterday} {self.code}",
            begin_ms=self.first_ms,
            price=listing.price,
            prev_closing=yesterday,
            volume=turnover * 2,
            days=days,
        )
        self.last = self.trade(self.first_ms, None, None, None)

    @property
    def tick(self) -> Decimal:
        """The price step where the market is trading now."""
        return tick_size(self.code, self.last.price)

    def ticker_fields(self) -> dict[str, object]:
        """Return the ticker as it stands, all but its type and code."""
        self.pass_time()
        last, figures = self.last, self.figures
        date, _, time = utc_text(last.ms).partition("T")
        return {
            "opening_price": figures.opening,
            "high_price": figures.high,
            "low_price": figures.low,
            "trade_price": last.price,
            "prev_closing_price": figures.prev_closing,
            "acc_trade_price": figures.acc_amount,
            **change_fields(last.price, figures.prev_closing, signed=True),
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

    def pass_time(self) -> None:
        """Let the day end and the sums fall, if it is time."""
        if self._now is not None:
            self.figures.pass_to(max(self._now(), self.last.ms))

    def shown_ms(self, told_ms: int) -> int:
        """Return the `timestamp` that who asks now is shown: nothing is told ahead of its time."""
        return told_ms if self._now is None else min(told_ms, self._now())

    def hush(self) -> None:
        """Be on the list and say nothing, as a market before its first trade."""
        self.quiet, self.made_up = True, None
        self.trades.clear()
        self.series = {unit: Series(unit) for unit in SECONDS}
        self.figures.forget()

    def _speak(self, price: Decimal, ms: int) -> None:
        self.quiet = False
        self.first_ms = ms
        self.figures.opening = self.figures.high = self.figures.low = price
        self.figures.year_high = self.figures.year_low = (price, None)

    def trade(self, ms: int, price: Decimal | None, volume: Decimal | None, side: TradeSide | None) -> Trade:
        """Execute a trade and return it; what is not given is what this market would do next.

        A price away from the book moves the book there first: no level stays that the trade would have crossed.
        """
        side = side or self.side_for(price)
        if price is None:
            best = self.against(side).best
            price = best[0] if best else self.last.price
        self._makers.open_way(price, side)
        volume, before = self._makers.take(price, volume, side)
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
        ms, number = self._ids.next(ms)
        figures = self.figures
        figures.pass_to(ms)
        if self.quiet:
            self._speak(price, ms)
        after = self._makers.best()
        trade = Trade(
            self.code,
            ms,
            price,
            volume,
            side,
            sequential_id or number,
            figures.prev_closing,
            before or after,
            after,
            self._stamp(ms),
        )
        amount = trade.amount
        figures.count(ms, price, volume, amount, side)
        for series in self.series.values():
            series.add(price, volume, amount, ms)
        self.trades.append(trade)
        self.last = trade
        self.ticker_ms, self.book_ms = trade.told_ms, ms
        return trade

    def volume_worth(self, krw: float) -> Decimal:
        """Return a size at the last price that is worth so many KRW."""
        return self._makers.volume_worth(krw, self.last.price)

    def against(self, side: TradeSide) -> Side:
        """Return the side of the book that a taker of `side` meets."""
        return self.book.asks if side == "BID" else self.book.bids

    def side_for(self, price: Decimal | None) -> TradeSide:
        """Return the taker's side that a trade at `price` would have: at or above the best ask somebody bought."""
        ask, bid = self._makers.best()
        if price is not None and ask[0] and price >= ask[0]:
            return "BID"
        if price is not None and price <= bid[0]:
            return "ASK"
        return "BID" if self._rng.random() < 0.5 else "ASK"

    def stir(self, ms: int) -> None:
        """Change one level of the book at random, as orders come and go."""
        self._makers.stir(self.last.price)
        self.book_ms = ms

    def rest(self, ms: int, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Put an order into the book, or take one out with a negative `volume`."""
        self._makers.rest(side, price, volume)
        self.book_ms = ms

    def filled(self, side: TradeSide, price: Decimal, volume: Decimal) -> None:
        """Note that a trade has taken `volume` of the resting orders; the book knows already."""
        self._makers.filled(side, price, volume)

    def take_book(self, ms: int, units: Iterable[tuple[Level, Level]]) -> None:
        """Take over a recorded book."""
        self.book.replace(units)
        self.book_ms = ms

    # How it begins.

    def _ms_before(self, ms: int) -> int:
        # Snapshots of quiet markets were 7 to 143 s old; the first trade of a day stays in its day.
        return max(ms - self._rng.randrange(7_000, 143_000), self.figures.day * DAY_MS)

    def _on_tick(self, price: Decimal) -> Decimal:
        tick = tick_size(self.code, price)
        return max(tick, (price / tick).to_integral_value(ROUND_HALF_UP) * tick)
