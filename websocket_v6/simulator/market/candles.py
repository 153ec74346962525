"""Candles of one market: one series for each unit, fed by trades.

No candle is made for an interval without a trade; starts are multiples of the unit on the UTC clock.
Source: Upbit WebSocket reference, "candle".
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

from .wording import Bulletin, utc_text

__all__ = ["SECONDS", "Candle", "Series"]

_MINUTES = (1, 3, 5, 10, 15, 30, 60, 240)
SECONDS = {"1s": 1, **{f"{n}m": n * 60 for n in _MINUTES}, "1d": 86_400}
_KEPT = {"1s": 400}  # closed candles of a unit, and of the others
_KST_MS = 9 * 3_600_000


class Candle:
    """One interval's trades, summed up so far."""

    __slots__ = ("amount", "high", "last_ms", "low", "opening", "price", "start_ms", "volume")

    def __init__(self, start_ms: int, price: Decimal) -> None:
        self.start_ms = start_ms
        self.opening = self.high = self.low = self.price = price
        self.volume = self.amount = Decimal(0)
        self.last_ms = start_ms

    def add(self, price: Decimal, volume: Decimal, amount: Decimal, ms: int) -> None:
        if price > self.high:
            self.high = price
        if price < self.low:
            self.low = price
        self.price = price
        self.volume += volume
        self.amount += amount
        self.last_ms = ms

    def bulletin(self, unit: str, code: str, *, kst: bool = True, timestamp: int | None = None) -> Bulletin:
        """Return the message of a candle; its time is that of the last trade, or `timestamp`."""
        local = {"candle_date_time_kst": utc_text(self.start_ms + _KST_MS)} if kst else {}
        fields = {
            "type": f"candle.{unit}",
            "code": code,
            "candle_date_time_utc": utc_text(self.start_ms),
            **local,
            "opening_price": self.opening,
            "high_price": self.high,
            "low_price": self.low,
            "trade_price": self.price,
            "candle_acc_trade_volume": self.volume,
            "candle_acc_trade_price": self.amount,
            "timestamp": self.last_ms if timestamp is None else timestamp,
        }
        return Bulletin(f"candle.{unit}", code, fields)


class Series:
    """One unit's candles: the newest, and those before it."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.ms = SECONDS[unit] * 1000
        self.newest: Candle | None = None
        self.closed: deque[Candle] = deque(maxlen=_KEPT.get(unit, 1000))

    def add(self, price: Decimal, volume: Decimal, amount: Decimal, ms: int) -> None:
        """Count a trade in the candle of its time."""
        start = ms - ms % self.ms
        candle = self.newest
        if candle is None or start > candle.start_ms:
            if candle is not None:
                self.closed.append(candle)
            candle = self.newest = Candle(start, price)
        candle.add(price, volume, amount, ms)

    def __iter__(self) -> Iterator[Candle]:
        """Iterate over the candles, oldest first."""
        yield from self.closed
        if self.newest is not None:
            yield self.newest
