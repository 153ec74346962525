"""The sums over a market's trades that its ticker tells: of the day, of 24 hours, of the year.

The trading day begins at 00:00 UTC. Source: Upbit WebSocket reference, "ticker" and "Market codes" (day boundary).
"""

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Literal

from .wording import utc_text

__all__ = ["DAY_MS", "Figures"]

DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_EIGHT = Decimal("0.00000001")
_ZERO = Decimal(0)


class Figures:
    """Kept up to date trade by trade, and by `pass_to` in between."""

    def __init__(self, price: Decimal, prev_closing: Decimal, ms: int) -> None:
        """Begin the day of `ms` at the close before it; its last price so far is `price`, without turnover."""
        self.price = price
        self.prev_closing = prev_closing
        self._begin_day(prev_closing, ms)
        self._traded = True  # whether the day had a trade
        self.high, self.low = max(price, prev_closing), min(price, prev_closing)
        self.year_high: tuple[Decimal, str | None] = (price, utc_text(ms)[:10])
        self.year_low: tuple[Decimal, str | None] = self.year_high
        self.volume_24h = self.amount_24h = _ZERO
        self._minutes: deque[tuple[int, Decimal, Decimal]] = deque()  # minute, volume, amount: the last 24 hours

    def make_up_past(self, rng: Random, ms: int, side_volume: Decimal, price: Decimal, tick: Decimal) -> None:
        """Make up the turnover of today so far, `side_volume` sold and bought at `price`, and the ends of the year.

        It was traded evenly over the hours of the day so far, so that it leaves the sums of 24 hours bit by bit.
        """
        self.acc_ask = self.acc_bid = side_volume
        self.acc_amount = price * side_volume * 2
        hours = max(1, ms % DAY_MS // _HOUR_MS)
        share = (side_volume * 2 / hours).quantize(_EIGHT, ROUND_DOWN)
        for back in range(hours - 1, 0, -1):
            self._count_24h(ms - back * _HOUR_MS, share, price * share)
        rest = side_volume * 2 - share * (hours - 1)
        self._count_24h(ms, rest, price * rest)
        today = datetime.fromtimestamp(ms / 1000, UTC).date()
        days = [today - timedelta(days=rng.randrange(10, 300)) for _ in range(2)]
        half = (price / 2 / tick).to_integral_value() * tick
        self.year_high = (price * 2, str(days[0]))
        self.year_low = (max(tick, half), str(days[1]))

    def pass_to(self, ms: int) -> None:
        """Let time pass without a trade: a new day begins at 00:00 UTC, and what is a day old leaves the sums."""
        if ms // DAY_MS > self.day:
            self.prev_closing = self.price
            self._begin_day(self.price, ms)
            self._traded = False
        self._expire(ms // _MINUTE_MS)

    def count(self, ms: int, price: Decimal, volume: Decimal, amount: Decimal, side: Literal["ASK", "BID"]) -> None:
        """Count a trade. The first of a day is its opening, high and low."""
        self.pass_to(ms)
        if not self._traded:
            self.opening = self.high = self.low = price
            self._traded = True
        self.price = price
        self.high, self.low = max(self.high, price), min(self.low, price)
        if price > self.year_high[0]:
            self.year_high = (price, utc_text(ms)[:10])
        if price < self.year_low[0]:
            self.year_low = (price, utc_text(ms)[:10])
        self.acc_amount += amount
        if side == "ASK":
            self.acc_ask += volume
        else:
            self.acc_bid += volume
        self._count_24h(ms, volume, amount)

    def forget(self) -> None:
        """Be without any turnover, of today and of the day before."""
        self.acc_ask = self.acc_bid = self.acc_amount = _ZERO
        self.volume_24h = self.amount_24h = _ZERO
        self._minutes.clear()

    def _begin_day(self, price: Decimal, ms: int) -> None:
        self.day = ms // DAY_MS
        self.opening = self.high = self.low = price
        self.acc_ask = self.acc_bid = self.acc_amount = _ZERO

    def _count_24h(self, ms: int, volume: Decimal, amount: Decimal) -> None:
        minute = ms // _MINUTE_MS
        self.volume_24h += volume
        self.amount_24h += amount
        if self._minutes and self._minutes[-1][0] == minute:
            _, volumes, amounts = self._minutes.pop()
            volume, amount = volumes + volume, amounts + amount
        self._minutes.append((minute, volume, amount))

    def _expire(self, minute: int) -> None:
        while self._minutes and self._minutes[0][0] <= minute - 1440:
            _, volume, amount = self._minutes.popleft()
            self.volume_24h -= volume
            self.amount_24h -= amount
