"""Market codes and the other words a request is made of, checked before anything is sent.

The exchange answers a bad request with an error and closes the connection for everyone; a lower-case code it serves
with silence. So lower case is put right here and nonsense is refused here.
Source: Upbit WebSocket reference, "Codes", "Order-book extras", "candle", "announcement".
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from websocket_v6.protocol.errors import LocalProtocolError

__all__ = [
    "CANDLE_INTERVALS",
    "CANDLE_UNITS",
    "CODE",
    "DEPTHS",
    "QUOTE",
    "check_categories",
    "check_codes",
    "check_depth",
    "check_interval",
    "check_level",
    "check_quote",
    "check_symbols",
]

QUOTE = re.compile(r"[A-Z0-9]{2,10}")
CODE = re.compile(rf"{QUOTE.pattern}-[A-Z0-9]{{1,20}}")
DEPTHS = (1, 5, 15, 30)
CANDLE_INTERVALS = ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m")
# How long the candles of each type are, milliseconds.
CANDLE_UNITS = {
    f"candle.{interval}": int(interval[:-1]) * (1000 if interval.endswith("s") else 60_000)
    for interval in CANDLE_INTERVALS
}
KOREAN_CATEGORIES = ("notice", "trade", "wallet", "maintenance", "digital_asset", "nft", "service", "event")
# The official SDK lists these too, presumably for the other regions.
REGIONAL_CATEGORIES = ("note", "trading", "airdrop", "feature", "disclosure")


# Currencies of states: they are quotes, never bases. The order of most other exchanges is the other way round.
STATE_CURRENCIES = ("KRW", "SGD", "IDR", "THB")


def check_codes(symbols: str | Iterable[str]) -> tuple[str, ...]:
    """Return the codes in upper case, each once, in the order given.

    Raises:
        LocalProtocolError: if there is none or one is not of the form QUOTE-BASE.
    """
    codes, quotes = check_symbols(symbols)
    if quotes:
        raise LocalProtocolError(
            f"{quotes[0]}-* stands for all markets of {quotes[0]}, which is not offered here: name the codes"
        )
    return codes


def check_symbols(symbols: str | Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the codes, and the quote currencies of which all are meant ("KRW-*"), in upper case, each once, in order.

    Raises:
        LocalProtocolError: if there is none or one is not of the form QUOTE-BASE or QUOTE-*.
    """
    if isinstance(symbols, str | bytes):
        symbols = (symbols,)  # bytes are refused as what they are
    try:
        checked = dict.fromkeys(_check_symbol(symbol) for symbol in symbols)
    except TypeError as exc:
        raise LocalProtocolError(f"symbols must be a code or a list of codes, not {type(symbols).__name__}") from exc
    if not checked:
        raise LocalProtocolError("no codes given: name at least one, such as KRW-BTC")
    codes = tuple(symbol for symbol in checked if "*" not in symbol)
    return codes, tuple(symbol.partition("-")[0] for symbol in checked if "*" in symbol)


def check_quote(quote: str) -> str:
    """Return the quote currency in upper case.

    Raises:
        LocalProtocolError: if it cannot be one.
    """
    checked = quote.strip().upper() if isinstance(quote, str) else ""
    if not QUOTE.fullmatch(checked):
        raise LocalProtocolError(f"quote={quote!r:.60} is no quote currency: give one such as 'KRW'")
    return checked


def _check_symbol(symbol: object) -> str:
    if not isinstance(symbol, str):
        raise LocalProtocolError(f"{symbol!r:.60} is not a code: codes are strings such as 'KRW-BTC'")
    code = symbol.strip().upper()
    if "*" in code:
        quote, _, base = code.partition("-")
        if base != "*" or not QUOTE.fullmatch(quote):
            raise LocalProtocolError(f"{symbol!r:.60} is no pattern: only QUOTE-* is, such as 'KRW-*'")
        return code
    if not CODE.fullmatch(code):
        raise LocalProtocolError(f"{symbol!r:.60} is not a code: write QUOTE-BASE, such as 'KRW-BTC'")
    quote, _, base = code.partition("-")
    if base in STATE_CURRENCIES:
        raise LocalProtocolError(f"{symbol!r:.60} has its currencies the wrong way round: write '{base}-{quote}'")
    return code


def check_depth(depth: int) -> int:
    """Return `depth` if the exchange has it; it would silently send 30 levels for any other number."""
    if type(depth) is not int or depth not in DEPTHS:
        raise LocalProtocolError(f"depth={depth!r:.60} is not offered: choose one of {_listed(DEPTHS)}")
    return depth


def check_level(level: float | str | Decimal, codes: Iterable[str]) -> Decimal:
    """Return the price grouping step of an order book, in the quote currency; 0 is none.

    Only KRW markets have steps; which ones is the exchange's to say, and it serves an unsupported one with silence.

    Raises:
        LocalProtocolError: if it is negative, not a number, or asked of a market that is not KRW.
    """
    try:
        step = Decimal(str(level))
    except InvalidOperation as exc:
        raise LocalProtocolError(f"level={level!r:.60} is not a number: give a price step such as 10000, or 0") from exc
    if isinstance(level, bool) or not step.is_finite() or step < 0 or abs(step.adjusted()) > 15:
        raise LocalProtocolError(f"level={level!r:.60} makes no sense: give a price step such as 10000, or 0 for none")
    foreign = [code for code in codes if not code.startswith("KRW-")] if step else []
    if foreign:
        raise LocalProtocolError(
            f"level={level!r} is for KRW markets only, not for {_listed(foreign)}: leave it out there"
        )
    return step


def check_interval(interval: str) -> str:
    """Return `interval` if the exchange streams candles of it."""
    if interval not in CANDLE_INTERVALS:
        raise LocalProtocolError(
            f"interval={interval!r:.60} is not streamed: choose one of {_listed(CANDLE_INTERVALS)}"
        )
    return interval


def check_categories(categories: str | Iterable[str] | None, region: str) -> tuple[str, ...]:
    """Return the announcement categories, each once; none means all.

    Raises:
        LocalProtocolError: if the exchange would refuse one; it closes the connection over it.
    """
    if categories is None:
        return ()
    if not isinstance(categories, Iterable):
        raise LocalProtocolError(f"categories={categories!r:.60} makes no sense: give names such as 'trade', or None")
    wanted = (categories,) if isinstance(categories, str) else tuple(categories)
    known = KOREAN_CATEGORIES if region == "kr" else KOREAN_CATEGORIES + REGIONAL_CATEGORIES
    for category in wanted:
        if category not in known:
            raise LocalProtocolError(f"category {category!r:.60} is not known: choose from {_listed(known)}")
    wanted = tuple(dict.fromkeys(wanted))
    if not wanted:
        raise LocalProtocolError("no categories given: leave categories out for all of them")
    return wanted


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
