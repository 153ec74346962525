"""What a subscription wants once codes and patterns are added to it, or taken out of it."""

from collections.abc import Set

import msgspec

from .options import Symbols
from .protocol.errors import LocalProtocolError
from .protocol.exchange.codes import check_codes, check_symbols
from .protocol.exchange.wants import Want, indicator_want, orderbook_want

__all__ = ["more_of", "same_kind", "with_more", "without"]


def same_kind(want: Want, symbols: Symbols) -> Want:
    """Return `want` for other codes and patterns, checked as the first ones were."""
    if not want.codes and not want.quotes:
        raise LocalProtocolError(f"this {want.type} subscription is not by code: it has all of them")
    if want.type == "orderbook":
        return orderbook_want(
            symbols, depth=want.depth, level=want.level, snapshot=want.snapshot, realtime=want.realtime
        )
    if want.indicators:
        checked = indicator_want(
            symbols, timeframe=want.timeframe, indicators=[{"type": "rsi", "params": {"period": 14}}]
        )
        return want.with_codes(checked.codes)
    if not want.is_public:
        return want.with_codes(check_codes(symbols))
    codes, quotes = check_symbols(symbols)
    return msgspec.structs.replace(want, codes=codes, quotes=quotes)


def more_of(want: Want, excluded: Set[str], symbols: Symbols) -> Want | None:
    """Return what of `symbols` is to be asked for in addition; `None` if nothing is. `excluded`: from its patterns."""
    more = same_kind(want, symbols)
    known, back = frozenset(want.codes), {_quote_of(code) for code in excluded}
    codes = tuple(code for code in more.codes if code not in known)
    quotes = tuple(quote for quote in more.quotes if quote not in want.quotes or quote in back)
    if not codes and not quotes:
        return None
    # With a first pattern, whoever keeps it must know which codes are named: these stay when it goes.
    named = want.codes if quotes and not want.quotes else ()
    return msgspec.structs.replace(more, codes=(*named, *codes), quotes=quotes)


def with_more(want: Want, excluded: frozenset[str], part: Want) -> tuple[Want, frozenset[str]]:
    """Return what is wanted, and what is excluded of its patterns, once `part` is added."""
    codes = tuple(dict.fromkeys((*want.codes, *part.codes)))
    quotes = tuple(dict.fromkeys((*want.quotes, *part.quotes)))
    left = frozenset(code for code in excluded if code not in part.codes and _quote_of(code) not in part.quotes)
    return msgspec.structs.replace(want, codes=codes, quotes=quotes), left


def without(want: Want, excluded: frozenset[str], part: Want) -> tuple[Want, frozenset[str]]:
    """Return what is wanted, and what is excluded of its patterns, once `part` is taken out."""
    going = frozenset(part.codes)
    quotes = tuple(quote for quote in want.quotes if quote not in part.quotes)
    codes = tuple(code for code in want.codes if code not in going)
    left = frozenset(code for code in excluded | going if _quote_of(code) in quotes)
    return msgspec.structs.replace(want, codes=codes, quotes=quotes), left


def _quote_of(code: str) -> str:
    return code.partition("-")[0]
