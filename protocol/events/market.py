"""Ticker, trade and candle: flat objects of prices and sizes.

Source: Upbit WebSocket reference, "ticker", "trade", "candle.{unit}".
"""

from typing import Any, Final, Self

from .base import COMMON, Event, MarketEvent
from .fields import Field, integer, number, optional_flag, optional_number, optional_text, text

__all__ = ["CandleEvent", "TickerEvent", "TradeEvent"]


_CLOSED: Final = ("closed", True)
_EMPTY: Final = ("empty", True)


def _plain_date(value: Any, _number: object) -> str | None:
    """Read a date in any of the forms seen or documented: null, a string, an object of year, month and day."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return f"{value['year']:04d}-{value['month']:02d}-{value['day']:02d}"


class TickerEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """The state of one market after a trade. Volumes are in the base currency, prices and turnover in the quote's.

    The day begins at 00:00 UTC. `trade_date` is "yyyyMMdd" and `trade_time` "HHmmss", both UTC; the 52-week dates are
    "yyyy-MM-dd"; `delisting_date` too where the exchange sends an object, else as it is sent.

    >>> (ticker,) = proxy.get_ticker_snapshot("KRW-BTC")
    >>> ticker.symbol, ticker.low_price <= ticker.trade_price <= ticker.high_price
    ('KRW-BTC', True)
    """

    __match_args__ = COMMON

    opening_price = number("op", "Price at the day's opening, 00:00 UTC, in the quote currency")
    high_price = number("hp", "Highest price of the day, in the quote currency")
    low_price = number("lp", "Lowest price of the day, in the quote currency")
    trade_price = number("tp", "Price of the last trade, in the quote currency")
    prev_closing_price = number("pcp", "Closing price of the day before, in the quote currency")
    acc_trade_price = number("atp", "Turnover since 00:00 UTC, in the quote currency")
    change = text("c", "Against the day before: RISE, EVEN or FALL")
    change_price = number("cp", "Change against the day before, without sign, in the quote currency")
    signed_change_price = number("scp", "Change against the day before, in the quote currency")
    change_rate = number("cr", "Change against the day before, without sign, as a fraction")
    signed_change_rate = number("scr", "Change against the day before, as a fraction: 0.01 is one percent")
    ask_bid = text("ab", "Side of the last trade: ASK, a sell, or BID, a buy")
    trade_volume = number("tv", "Volume of the last trade, in the base currency")
    acc_trade_volume = number("atv", "Volume since 00:00 UTC, in the base currency")
    trade_date = text("tdt", "Day of the last trade, UTC, yyyyMMdd")
    trade_time = text("ttm", "Time of the last trade, UTC, HHmmss")
    trade_timestamp = integer("ttms", "Time of the last trade, Unix milliseconds")
    acc_ask_volume = number("aav", "Sell volume of the day, in the base currency")
    acc_bid_volume = number("abv", "Buy volume of the day, in the base currency")
    highest_52_week_price = number("h52wp", "Highest price of 52 weeks, in the quote currency")
    highest_52_week_date = optional_text("h52wdt", "Day of that, yyyy-MM-dd")
    lowest_52_week_price = number("l52wp", "Lowest price of 52 weeks, in the quote currency")
    lowest_52_week_date = optional_text("l52wdt", "Day of that, yyyy-MM-dd")
    market_state = text("ms", "PREVIEW, ACTIVE or DELISTED")
    is_trading_suspended = optional_flag("its", "Whether trading is suspended; deprecated by the exchange")
    delisting_date = Field(
        "dd",
        Any,
        _plain_date,
        meaning="End of support, yyyy-MM-dd where the exchange sends an object",
        kind="str or None",
    )
    market_warning = optional_text("mw", "NONE or CAUTION; deprecated by the exchange")
    acc_trade_price_24h = number("atp24h", "Turnover of the last 24 hours, in the quote currency")
    acc_trade_volume_24h = number("atv24h", "Volume of the last 24 hours, in the base currency")


class TradeEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """One execution. `sequential_id` identifies it within its code and says nothing of the order.

    `trade_date` is "yyyy-MM-dd" and `trade_time` "HH:mm:ss", both UTC; `change_price` is absolute. The snapshot is the
    last trade, perhaps one already seen before a reconnect.

    >>> trade = proxy.subscribe_trade("KRW-BTC").get(timeout=5.0)
    >>> trade.symbol, trade.ask_bid in ("ASK", "BID"), type(trade.trade_price).__name__
    ('KRW-BTC', True, 'Decimal')
    """

    __match_args__ = COMMON

    trade_date = text("td", "Day of the trade, UTC, yyyy-MM-dd")
    trade_time = text("ttm", "Time of the trade, UTC, HH:mm:ss")
    trade_timestamp = integer("ttms", "Time of the trade, Unix milliseconds")
    trade_price = number("tp", "Price, in the quote currency")
    trade_volume = number("tv", "Volume, in the base currency")
    ask_bid = text("ab", "ASK: the taker sold, BID: the taker bought")
    prev_closing_price = number("pcp", "Closing price of the day before, in the quote currency")
    change = text("c", "Against the day before: RISE, EVEN or FALL")
    change_price = number("cp", "Change against the day before, without sign, in the quote currency")
    sequential_id = integer("sid", "Identifies the trade within its code; says nothing of the order")
    best_ask_price = optional_number("bap", "Best asking price at that moment, in the quote currency")
    best_ask_size = optional_number("bas", "Size at the best asking price, in the base currency")
    best_bid_price = optional_number("bbp", "Best bid at that moment, in the quote currency")
    best_bid_size = optional_number("bbs", "Size at the best bid, in the base currency")
    backfilled = Event.backfilled  # here to be shown: what is fetched is trades, and they lack the best levels


class CandleEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """One candle so far; `type` tells its unit, such as "candle.1m". The last one received of the same start counts.

    `candle_date_time_utc` and `..._kst` are its start, "yyyy-MM-ddTHH:mm:ss" without a zone. No message says that a
    candle is closed: with `closed=True`, a subscription has each once when it is, and these have `closed` set.

    >>> (candle,) = proxy.get_candle_snapshot("KRW-BTC", interval="1m")
    >>> candle.type, candle.low_price <= candle.opening_price <= candle.high_price
    ('candle.1m', True)
    """

    __match_args__ = COMMON

    candle_date_time_utc = text("cdttmu", "Start of the candle, UTC, yyyy-MM-ddTHH:mm:ss")
    candle_date_time_kst = optional_text("cdttmk", "Start of the candle, Korean time, yyyy-MM-ddTHH:mm:ss")
    opening_price = number("op", "First price, in the quote currency")
    high_price = number("hp", "Highest price, in the quote currency")
    low_price = number("lp", "Lowest price, in the quote currency")
    trade_price = number("tp", "Last price so far, in the quote currency")
    candle_acc_trade_volume = number("catv", "Volume so far, in the base currency")
    candle_acc_trade_price = number("catp", "Turnover so far, in the quote currency")

    @property
    def closed(self) -> bool:
        """Whether it is final: of a subscription with `closed=True`, each is."""
        return _CLOSED in self._fixed

    backfilled = Event.backfilled

    @property
    def empty(self) -> bool:
        """Whether nothing was traded: it was made of the candle before it, and the exchange has none."""
        return _EMPTY in self._fixed

    def as_closed(self) -> Self:
        """Return this event marked as final."""
        return self._view_with(*_CLOSED)

    def as_empty(self) -> Self:
        """Return this event marked as one in which nothing was traded, which is final."""
        return self._view_with(*_EMPTY).as_closed()
