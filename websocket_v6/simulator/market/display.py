"""What the markets would say now: the newest message of every stream.

Source: Upbit WebSocket reference, "ticker", "orderbook", "candle"; what it leaves open is decided by `Answers`.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from ..answers import Answers
from ..clock import Clock
from .book import Book
from .candles import Candle
from .figures import DAY_MS
from .one_market import Market
from .passage import Make
from .trades import Trade
from .wording import Bulletin

__all__ = ["TOLD", "Display", "Recorded"]

# Types whose messages may be late; candles are not.
TOLD = ("trade", "ticker", "orderbook")


class Recorded(Protocol):
    """A recorded message, which keeps its text."""

    @property
    def type(self) -> str: ...

    @property
    def code(self) -> str: ...

    def cut(self, units: int) -> Bulletin:
        """Return it with at most `units` levels a side."""


class Display:
    """Makes messages of what the markets are; it changes nothing about them."""

    def __init__(self, markets: Mapping[str, Market], *, clock: Clock, answers: Answers, region: str) -> None:
        self._markets = markets
        self._clock = clock
        self._answers = answers
        self._region = region
        self.recorded: dict[tuple[str, str], Recorded] = {}  # the newest message of a stream that is being played
        self.told: dict[tuple[str, str], Make] = {}  # the newest that was sent, where messages are sent late

    def current(self, type_: str, code: str, level: Decimal = Decimal(0), units: int = 30) -> Bulletin:
        """Return the newest message of a stream as it would be sent now, with the time of its last change.

        A snapshot tells what the stream has told: nothing older may follow it, and nothing twice.
        """
        recorded = self.recorded.get((type_, code))
        if recorded is not None and not level:
            return recorded.cut(units)
        market = self._markets[code]
        told = self.told.get((type_, code))
        if told is not None:
            bulletin = told(level, units)
            return self._ticker_now(market, bulletin) if type_ == "ticker" else bulletin
        if type_ == "ticker":
            return self._ticker_at(market, market.shown_ms(market.ticker_ms))
        if type_ == "trade":
            return self.trade(market.last._replace(told_ms=market.shown_ms(market.last.told_ms)))
        if type_ == "orderbook":
            return self.book(market, market.book, market.book_ms, level, units)
        unit = type_.partition(".")[2]
        return self.candle(market, unit, market.series[unit].newest)

    def kept(self, type_: str, market: Market) -> Make:
        """Return a maker of what a stream of `TOLD` would say now, whatever happens later."""
        if type_ == "orderbook":
            return partial(self.book, market, market.book.copy(), market.book_ms)
        bulletin = self.current(type_, market.code)
        return lambda _level, _units: bulletin

    def trade(self, trade: Trade) -> Bulletin:
        share = self._answers.best_null_share
        # Knuth's multiplicative hash: a trade that is repeated is the same.
        null = share > 0 and trade.sequential_id * 2_654_435_761 % 2**32 < share * 2**32
        return trade.bulletin("null" if null else self._answers.best_prices)

    def candle(self, market: Market, unit: str, candle: Candle | None) -> Bulletin:
        assert candle is not None, "a market that has traded has a candle of every unit"
        sent = self._answers.candle_timestamp == "sent"
        timestamp = max(self._clock.now_ms(), candle.last_ms) if sent else None
        return candle.bulletin(unit, market.code, kst=self._region == "kr", timestamp=timestamp)

    def ticker(self, market: Market) -> Bulletin:
        fields: dict[str, object] = {"type": "ticker", "code": market.code, **market.ticker_fields()}
        fields["delisting_date"] = self._delisting(market.delisting)
        if self._answers.deprecated_ticker_keys:
            fields["is_trading_suspended"] = market.suspended
            fields["market_warning"] = "CAUTION" if market.warning else "NONE"
        return Bulletin("ticker", market.code, fields)

    def _ticker_at(self, market: Market, ms: int) -> Bulletin:
        return Bulletin("ticker", market.code, {**self.ticker(market).fields, "timestamp": ms})

    def _ticker_now(self, market: Market, told: Bulletin) -> Bulletin:
        """Return a ticker that was told with what the passing of time has done to it."""
        now = self.ticker(market).fields
        told_ms, now_ms = told.fields["timestamp"], self._clock.now_ms()
        assert isinstance(told_ms, int)
        if told_ms // DAY_MS < now_ms // DAY_MS:
            return self._ticker_at(market, min(market.ticker_ms, now_ms))
        sums = {key: now[key] for key in ("acc_trade_price_24h", "acc_trade_volume_24h")}
        return Bulletin("ticker", market.code, {**told.fields, **sums})

    def _delisting(self, when: datetime | None) -> object:
        if when is None:
            return None
        if self._answers.delisting_date == "text":
            return when.strftime("%Y-%m-%d")
        return {"year": when.year, "month": when.month, "day": when.day}

    def book(self, market: Market, book: Book, ms: int, level: Decimal, units: int) -> Bulletin:
        """Return the message of a market's book as it was at `ms`."""
        total_units = 30 if self._answers.totals == "all" else None
        depth = book.depth(units, level, total_units=total_units)
        fields: dict[str, object] = {
            "type": "orderbook",
            "code": market.code,
            "timestamp": ms,
            "total_ask_size": depth.total_ask,
            "total_bid_size": depth.total_bid,
            "orderbook_units": depth.units,
        }
        if self._region == "kr":
            fields["level"] = level
        return Bulletin("orderbook", market.code, fields)
