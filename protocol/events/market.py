"""Ticker, trade and candle: flat objects of prices and sizes.

Source: Upbit WebSocket reference, "ticker", "trade", "candle.{unit}".
"""

from typing import Any

from .base import COMMON, Event, MarketEvent
from .fields import Field, integer, number, optional_flag, optional_number, optional_text, text

__all__ = ["CandleEvent", "TickerEvent", "TradeEvent"]


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
    """

    __match_args__ = COMMON

    opening_price = number("op")
    high_price = number("hp")
    low_price = number("lp")
    trade_price = number("tp")
    prev_closing_price = number("pcp")
    acc_trade_price = number("atp")
    change = text("c")  # RISE, EVEN, FALL
    change_price = number("cp")
    signed_change_price = number("scp")
    change_rate = number("cr")
    signed_change_rate = number("scr")
    ask_bid = text("ab")  # ASK, BID
    trade_volume = number("tv")
    acc_trade_volume = number("atv")
    trade_date = text("tdt")
    trade_time = text("ttm")
    trade_timestamp = integer("ttms")
    acc_ask_volume = number("aav")
    acc_bid_volume = number("abv")
    highest_52_week_price = number("h52wp")
    highest_52_week_date = optional_text("h52wdt")
    lowest_52_week_price = number("l52wp")
    lowest_52_week_date = optional_text("l52wdt")
    market_state = text("ms")  # PREVIEW, ACTIVE, DELISTED
    is_trading_suspended = optional_flag("its")  # deprecated
    delisting_date = Field("dd", Any, _plain_date)
    market_warning = optional_text("mw")  # deprecated
    acc_trade_price_24h = number("atp24h")
    acc_trade_volume_24h = number("atv24h")


class TradeEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """One execution. `sequential_id` identifies it within its code and says nothing of the order.

    `trade_date` is "yyyy-MM-dd" and `trade_time` "HH:mm:ss", both UTC; `change_price` is absolute. The snapshot is the
    last trade, perhaps one already seen before a reconnect.
    """

    __match_args__ = COMMON

    trade_date = text("td")
    trade_time = text("ttm")
    trade_timestamp = integer("ttms")
    trade_price = number("tp")
    trade_volume = number("tv")
    ask_bid = text("ab")  # ASK: the taker sold, BID: the taker bought
    prev_closing_price = number("pcp")
    change = text("c")  # RISE, EVEN, FALL
    change_price = number("cp")
    sequential_id = integer("sid")
    best_ask_price = optional_number("bap")
    best_ask_size = optional_number("bas")
    best_bid_price = optional_number("bbp")
    best_bid_size = optional_number("bbs")
    backfilled = Event.backfilled  # here to be shown: what is fetched is trades, and they lack the best levels


class CandleEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """One candle so far; `type` tells its unit, such as "candle.1m". The last one received of the same start counts.

    `candle_date_time_utc` and `..._kst` are its start, "yyyy-MM-ddTHH:mm:ss" without a zone. No message says that a
    candle is closed: it is once one with a later start arrives.
    """

    __match_args__ = COMMON

    candle_date_time_utc = text("cdttmu")
    candle_date_time_kst = optional_text("cdttmk")
    opening_price = number("op")
    high_price = number("hp")
    low_price = number("lp")
    trade_price = number("tp")
    candle_acc_trade_volume = number("catv")
    candle_acc_trade_price = number("catp")
