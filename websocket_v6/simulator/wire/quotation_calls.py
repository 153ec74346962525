"""The bodies of the REST calls: markets, past trades, tickers, books.

Source: Upbit WebSocket reference, "REST for an engine".
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..market.one_market import Market
from ..market.spelling import as_plain
from ..market.trades import Trade
from ..market.trading_floor import TradingFloor
from ..market.wording import utc_text

__all__ = [
    "CallRefused",
    "Query",
    "list_all_tickers",
    "list_instruments",
    "list_markets",
    "list_orderbooks",
    "list_tickers",
    "list_trades",
]

Query = Mapping[str, str]
_KST = timedelta(hours=9)


class CallRefused(Exception):  # noqa: N818
    """A call the exchange refuses: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _market(floor: TradingFloor, code: str) -> Market:
    # REST takes lower case, which the socket does not.
    market = floor.markets.get(code.upper())
    if market is None:
        raise CallRefused(404, "Code not found")
    return market


def _markets(floor: TradingFloor, query: Query) -> list[Market]:
    if not query.get("markets"):
        raise CallRefused(400, "Missing required parameter: markets")
    return [_market(floor, code.strip()) for code in query["markets"].split(",")]


def list_markets(floor: TradingFloor, query: Query) -> object:
    details = query.get("is_details", query.get("isDetails", "false")).lower() == "true"
    cautions = (
        "PRICE_FLUCTUATIONS",
        "TRADING_VOLUME_SOARING",
        "DEPOSIT_AMOUNT_SOARING",
        "GLOBAL_PRICE_DIFFERENCES",
        "CONCENTRATION_OF_SMALL_ACCOUNTS",
    )
    event = {"market_event": {"warning": False, "caution": dict.fromkeys(cautions, False)}} if details else {}
    return [
        {"market": code, "korean_name": code.partition("-")[2], "english_name": code.partition("-")[2].title(), **event}
        for code in floor.markets
    ]


def list_trades(floor: TradingFloor, query: Query) -> object:
    """Past trades of one UTC day, newest first: before `cursor`, and up to the time `to`.

    That `days_ago` names one day and not all up to it is the stricter reading of its description.
    """
    if "market" not in query:
        raise CallRefused(400, "Missing required parameter: market")
    market = _market(floor, query["market"])
    count = _number(query, "count", 1)
    if not 1 <= count <= 500:
        raise CallRefused(400, "count must be between 1 and 500")
    before = _number(query, "cursor", 0) or None
    since, until = _span(floor, query)
    rows = []
    for trade in reversed(market.trades):
        if since <= trade.ms < until and (before is None or trade.sequential_id < before):
            rows.append(_tick(trade))
            if len(rows) == count:
                break
    return rows


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise CallRefused(400, f"{name} must be a number")
    return int(text)


def _span(floor: TradingFloor, query: Query) -> tuple[int, int]:
    """Return the times from and before which trades are wanted, ms."""
    now = datetime.fromtimestamp(floor.clock.now(), UTC)
    days_ago = _number(query, "days_ago", _number(query, "daysAgo", 0))
    if days_ago > 7:
        raise CallRefused(400, "days_ago must be between 1 and 7")
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    to = query.get("to")
    if to is None:
        end = day + timedelta(days=1)
    else:
        digits = to.replace(":", "")
        if len(digits) != 6 or not digits.isdecimal():
            raise CallRefused(400, "to must be HHmmss or HH:mm:ss")
        end = day + timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return int(day.timestamp() * 1000), int(end.timestamp() * 1000)


def _tick(trade: Trade) -> Mapping[str, object]:
    date, _, time = utc_text(trade.ms).partition("T")
    return {
        "market": trade.code,
        "trade_date_utc": date,
        "trade_time_utc": time,
        "timestamp": trade.ms,
        "trade_price": trade.price,
        "trade_volume": trade.volume,
        "prev_closing_price": trade.prev_closing,
        # Signed here, absolute on the socket.
        "change_price": trade.price - trade.prev_closing,
        "ask_bid": trade.side,
        "sequential_id": trade.sequential_id,
    }


def list_instruments(floor: TradingFloor, query: Query) -> object:
    return [
        {
            "market": market.code,
            "quote_currency": market.code.partition("-")[0],
            "tick_size": as_plain(market.tick),
            "supported_levels": [as_plain(level) for level in market.levels],
        }
        for market in _markets(floor, query)
    ]


def list_tickers(floor: TradingFloor, query: Query) -> object:
    return [_ticker(market) for market in _markets(floor, query)]


def list_all_tickers(floor: TradingFloor, query: Query) -> object:
    quotes = query.get("quote_currencies", "").upper().split(",")
    return [_ticker(market) for code, market in floor.markets.items() if code.partition("-")[0] in quotes]


def _ticker(market: Market) -> Mapping[str, object]:
    fields = market.ticker_fields()
    local = datetime.fromtimestamp(market.last.ms / 1000, UTC) + _KST
    kst = {"trade_date_kst": local.strftime("%Y%m%d"), "trade_time_kst": local.strftime("%H%M%S")}
    # On the socket only.
    left_out = {"ask_bid", "market_state", "acc_ask_volume", "acc_bid_volume"}
    return {"market": market.code, **{key: value for key, value in fields.items() if key not in left_out}, **kst}


def list_orderbooks(floor: TradingFloor, query: Query) -> object:
    units = min(max(_number(query, "count", 30), 1), 30)
    level = Decimal(query.get("level", "0") or "0")
    books = []
    for market in _markets(floor, query):
        if level not in market.levels:
            continue
        depth = market.book.depth(units, level)
        pairs = [
            {"ask_price": ask[0], "bid_price": bid[0], "ask_size": ask[1], "bid_size": bid[1]}
            for ask, bid in depth.units
        ]
        books.append(
            {
                "market": market.code,
                "timestamp": market.book_ms,
                "total_ask_size": depth.total_ask,
                "total_bid_size": depth.total_bid,
                "orderbook_units": pairs,
                "level": level,
            }
        )
    return books
