"""One trade: its message, and the id it gets.

Source: Upbit WebSocket reference, "trade".
"""

from decimal import Decimal
from typing import Literal, NamedTuple

from .book import Level
from .wording import Bulletin, utc_text

__all__ = ["Trade", "TradeIds", "TradeSide", "change_fields"]

TradeSide = Literal["ASK", "BID"]
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
    told_ms: int  # the `timestamp` of what is said of it

    @property
    def amount(self) -> Decimal:
        return self.price * self.volume

    def bulletin(self, best: Literal["after", "before", "null"] = "after") -> Bulletin:
        """Return the message of the trade, with the best levels of the book `best` it."""
        ask, bid = self.before if best == "before" else self.after
        null = best == "null"
        date, _, time = utc_text(self.ms).partition("T")
        fields = {
            "type": "trade",
            "code": self.code,
            "timestamp": self.told_ms,
            "trade_date": date,
            "trade_time": time,
            "trade_timestamp": self.ms,
            "trade_price": self.price,
            "trade_volume": self.volume,
            "ask_bid": self.side,
            "prev_closing_price": self.prev_closing,
            **change_fields(self.price, self.prev_closing, signed=False),
            "sequential_id": self.sequential_id,
            "best_ask_price": None if null else ask[0],
            "best_ask_size": None if null else ask[1],
            "best_bid_price": None if null else bid[0],
            "best_bid_size": None if null else bid[1],
        }
        return Bulletin("trade", self.code, fields)


class TradeIds:
    """The sequential ids of one market: `ms` x 10000 + a counter, so at most 10000 trades fit a millisecond."""

    def __init__(self) -> None:
        self._last_ms, self._in_ms = 0, 0

    def next(self, ms: int) -> tuple[int, int]:
        """Return the time of the next trade, `ms` or a little later, and its id."""
        ms = max(ms, self._last_ms)
        if ms > self._last_ms:
            self._last_ms, self._in_ms = ms, 0
        elif self._in_ms == 10_000:
            self._last_ms, self._in_ms = ms + 1, 0
        number = self._last_ms * 10_000 + self._in_ms
        self._in_ms += 1
        return self._last_ms, number


def change_fields(price: Decimal, previous: Decimal, *, signed: bool) -> dict[str, object]:
    """Return what a message says of a price against the close of the day before."""
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
