"""Markets, past trades, tickers and books over REST.

Source: Upbit WebSocket reference, "REST for an engine", "Regions" (KST fields and `level` are Korea's alone).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..market.catalog import CAUTIONS, english_name, korean_name
from ..market.one_market import Market
from ..market.spelling import as_plain
from ..market.trades import Trade
from ..market.wording import utc_text
from .visit import CallRefused, Visit

__all__ = ["list_all_tickers", "list_instruments", "list_markets", "list_orderbooks", "list_tickers", "list_trades"]

_KST = timedelta(hours=9)
# Largest number of decimals and digits that a level has; more is nonsense, and costly.
_LEVEL_LENGTH = 20


def _markets(visit: Visit) -> list[Market]:
    return [visit.market(code) for code in visit.needed("markets").split(",")]


def list_markets(visit: Visit) -> object:
    details = visit.params.get("is_details") or visit.params.get("isDetails") or "false"
    return [_listed(market, details=details.lower() == "true") for market in visit.floor.listed(visit.as_of)]


def _listed(market: Market, *, details: bool) -> Mapping[str, object]:
    row: dict[str, object] = {
        "market": market.code,
        "korean_name": korean_name(market.code),
        "english_name": english_name(market.code),
    }
    if details:
        caution = {name: name in market.cautions for name in CAUTIONS}
        row["market_event"] = {"warning": market.warning, "caution": caution}
    return row


def list_trades(visit: Visit) -> object:
    """Past trades of one UTC day, newest first: before `cursor`, and up to the time `to`.

    That `days_ago` names one day and not all up to it is the stricter reading of its description.
    """
    market = visit.market(visit.needed("market"))
    count = visit.params.number("count", 1, 1, 500)
    before = visit.params.number("cursor", 0, 0, 10**19) or None
    since, until = _span(visit)
    if visit.as_of < visit.house.clock.now():
        until = min(until, int(visit.as_of * 1000) + 1)
    rows = []
    for trade in reversed(market.trades):
        if since <= trade.ms < until and (before is None or trade.sequential_id < before):
            rows.append(_tick(trade))
            if len(rows) == count:
                break
    return rows


def _span(visit: Visit) -> tuple[int, int]:
    """Return the times from and before which trades are wanted, ms."""
    now = datetime.fromtimestamp(visit.house.clock.now(), UTC)
    name = "daysAgo" if visit.params.get("daysAgo") else "days_ago"
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=visit.params.number(name, 0, 0, 7))
    to = visit.params.get("to")
    if to is None:
        return _ms(day), _ms(day + timedelta(days=1))
    digits = to.replace(":", "")
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        raise CallRefused(400, "to must be HHmmss or HH:mm:ss")
    time = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return _ms(day), _ms(day + time)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


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


def list_instruments(visit: Visit) -> object:
    return [
        {
            "market": market.code,
            "quote_currency": market.code.partition("-")[0],
            "tick_size": as_plain(market.tick),
            "supported_levels": [as_plain(level) for level in market.levels],
        }
        for market in _markets(visit)
    ]


def list_tickers(visit: Visit) -> object:
    return _tickers(visit, _markets(visit))


def list_all_tickers(visit: Visit) -> object:
    quotes = visit.needed("quote_currencies").upper().split(",")
    return _tickers(visit, [market for market in visit.floor.markets.values() if market.code.split("-")[0] in quotes])


def _tickers(visit: Visit, markets: list[Market]) -> object:
    """Return a row for each market that has traded; what a listing has before its first trade is not known."""
    return [_ticker(market, korean=visit.korean) for market in markets if not market.quiet]


def _ticker(market: Market, *, korean: bool) -> Mapping[str, object]:
    fields = market.ticker_fields()
    local = datetime.fromtimestamp(market.last.ms / 1000, UTC) + _KST
    kst = {"trade_date_kst": local.strftime("%Y%m%d"), "trade_time_kst": local.strftime("%H%M%S")} if korean else {}
    # On the socket only.
    left_out = {"ask_bid", "market_state", "acc_ask_volume", "acc_bid_volume"}
    shown = {key: value for key, value in fields.items() if key not in left_out}
    return {"market": market.code, **shown, "timestamp": market.shown_ms(market.ticker_ms), **kst}


def list_orderbooks(visit: Visit) -> object:
    text = visit.params.get("count") or "30"
    units = min(max(int(text), 1), 30) if text.isascii() and text.isdecimal() and len(text) < 10 else 30
    level = _level(visit)
    books = []
    for market in _markets(visit):
        if level not in market.levels or market.quiet:
            continue
        depth = market.book.depth(units, level)
        pairs = [
            {"ask_price": ask[0], "bid_price": bid[0], "ask_size": ask[1], "bid_size": bid[1]}
            for ask, bid in depth.units
        ]
        book: dict[str, object] = {
            "market": market.code,
            "timestamp": market.book_ms,
            "total_ask_size": depth.total_ask,
            "total_bid_size": depth.total_bid,
            "orderbook_units": pairs,
        }
        if visit.korean:
            book["level"] = int(level) if level == level.to_integral_value() else level
        books.append(book)
    return books


def _level(visit: Visit) -> Decimal:
    text = visit.params.get("level") or "0"
    if len(text) > _LEVEL_LENGTH or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        raise CallRefused(400, "level must be a number")
    return Decimal(text)
