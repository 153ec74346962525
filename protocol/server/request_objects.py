"""One data type object of a request, as the exchange reads it: what it wants, or the error that it is answered.

A code that cannot be one, a price level where there is none, an indicator of a market that has none: all that the
exchange serves with silence is no error, and no want either.
Source: Upbit WebSocket reference, "Request format", "myAsset", "announcement", "indicator", "Errors".
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.codes import CODE, DEPTHS, QUOTE, check_categories
from websocket_v6.protocol.exchange.indicators import TIMEFRAMES
from websocket_v6.protocol.exchange.streams import MARKETS
from websocket_v6.protocol.exchange.wants import KNOWN_TYPES, Want, endpoint_of, markets_want

from .indicator_objects import read_indicators
from .request_error import RequestError

__all__ = ["Part", "read_object", "split_depth"]

_FULL_DEPTH = 30  # without a suffix, and with one that is not offered
_DEEPEST_STEP = 15  # digits of a price step, before the point or behind it
_is_number = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?").fullmatch


class Part(NamedTuple):
    """What one object wants, and how LIST_SUBSCRIPTIONS shows it; `combinations` counts against the limit of them."""

    wants: tuple[Want, ...]
    shown: Mapping[str, object]
    combinations: int = 0


def read_object(one: Mapping[str, Any], endpoint: str, region: str) -> Part:
    """Return what the object asks of `endpoint`.

    Raises:
        RequestError: if the exchange would refuse it, and the whole request for it.
    """
    if "type" not in one:
        raise RequestError.of("NO_TYPE", region)
    type_ = one["type"]
    if not isinstance(type_, str):
        raise RequestError.of("WRONG_FORMAT", region)
    if endpoint == MARKETS and type_ == MARKETS:  # where hosts alone come in
        quotes = tuple(quote for quote in dict.fromkeys(_codes(one, region)) if QUOTE.fullmatch(quote))
        return Part((markets_want(quotes),) if quotes else (), {"type": type_, "codes": list(quotes)})
    if type_ not in KNOWN_TYPES:
        raise RequestError.unknown_type(type_, region)
    if endpoint_of(type_) != endpoint:
        # Without a token nothing private is served; what else is at the wrong address is not established.
        if endpoint == "public":
            raise RequestError.of("INVALID_AUTH", region)
        raise RequestError.unknown_type(type_, region)
    match type_:
        case "announcement":
            return _announcement(one, region)
        case "myAsset":
            if "codes" in one:
                raise RequestError.of("WRONG_FORMAT", region)
            return Part((Want(type_, snapshot=False),), {"type": type_})
        case "myOrder":
            return _my_order(one, region)
        case "indicator" | "indicator_signal":
            return _indicator(type_, one, region)
    return _market(type_, one, region)


def split_depth(code: str) -> tuple[str, int]:
    """Split the levels from the code of an order book: KRW-BTC.5 has 5, KRW-BTC and KRW-BTC.7 have 30."""
    bare, _, suffix = code.partition(".")
    return bare, next((depth for depth in DEPTHS if suffix == str(depth)), _FULL_DEPTH)


def _market(type_: str, one: Mapping[str, Any], region: str) -> Part:
    codes = _codes(one, region)
    only_snapshot, only_realtime = (_flag(one, name, region) for name in ("is_only_snapshot", "is_only_realtime"))
    # What both together mean is not documented: a snapshot, since whoever asks for one must get it.
    want = Want(type_, snapshot=only_snapshot or not only_realtime, realtime=not only_snapshot)
    if type_ != "orderbook":
        named = _named(codes)
        return Part((want.with_codes(named),) if named else (), {"type": type_, "codes": codes})
    level = _level(one.get("level", 0), region)
    wants = tuple(_books(want, codes, level))
    return Part(wants, {"type": type_, "codes": codes, "level": _plain(level)})


def _books(want: Want, codes: list[str], level: Decimal) -> Iterator[Want]:
    """Yield a want for each depth. A step that no market has is served with silence."""
    if level < 0 or (level and abs(level.adjusted()) > _DEEPEST_STEP):
        return
    by_depth: dict[int, list[str]] = {}
    for code, depth in map(split_depth, codes):
        if not level or code.startswith("KRW-"):
            by_depth.setdefault(depth, []).append(code)
    for depth, asked in by_depth.items():
        if named := _named(asked):
            yield msgspec.structs.replace(want, codes=named, depth=depth, level=level)


def _my_order(one: Mapping[str, Any], region: str) -> Part:
    want = Want("myOrder", snapshot=False)
    codes = _strings(one["codes"], region) if "codes" in one else []
    if not codes:
        return Part((want,), {"type": want.type})  # all markets
    named = _named(codes)
    return Part((want.with_codes(named),) if named else (), {"type": want.type, "codes": codes})


def _announcement(one: Mapping[str, Any], region: str) -> Part:
    categories = _strings(one.get("categories", []), region)
    include_body = _flag(one, "include_body", region)
    try:
        checked = check_categories(categories, region) if categories else ()
    except LocalProtocolError:
        raise RequestError.of("INVALID_PARAM", region) from None
    want = Want("announcement", categories=checked, include_body=include_body, snapshot=False)
    return Part((want,), {"type": want.type})


def _indicator(type_: str, one: Mapping[str, Any], region: str) -> Part:
    codes = _codes(one, region)
    timeframe = one.get("timeframe")
    if not isinstance(timeframe, str | None):
        raise RequestError.of("WRONG_FORMAT", region)
    if timeframe not in TIMEFRAMES:
        raise RequestError.of("INVALID_PARAM", region)
    sent = one.get("indicators", [])
    indicators = read_indicators(sent, region, is_signal=type_ == "indicator_signal")
    named = tuple(code for code in _named(codes) if code.startswith("KRW-"))
    want = Want(type_, named, timeframe=timeframe, indicators=indicators, snapshot=False)
    shown = {"type": type_, "codes": codes, "timeframe": timeframe, "indicators": sent}
    return Part((want,) if named else (), shown, len(codes) * len(indicators))


def _codes(one: Mapping[str, Any], region: str) -> list[str]:
    if "codes" not in one:
        raise RequestError.of("NO_CODES", region)
    codes = _strings(one["codes"], region)
    if not codes:
        raise RequestError.no_codes_in_list(region)
    return codes


def _named(codes: list[str]) -> tuple[str, ...]:
    """Return those that can be the code of a market, each once: lower case is none."""
    return tuple(code for code in dict.fromkeys(codes) if CODE.fullmatch(code))


def _strings(value: object, region: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RequestError.of("WRONG_FORMAT", region)
    return value


def _flag(one: Mapping[str, Any], name: str, region: str) -> bool:
    value = one.get(name, False)
    # The guide's table types them as strings, the pages of the types as booleans.
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise RequestError.of("WRONG_FORMAT", region)
    return value


def _level(value: object, region: str) -> Decimal:
    """Return the price step: a number, or a string that is one, as an older text has it."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise RequestError.of("WRONG_FORMAT", region)
    if isinstance(value, str) and not _is_number(value):
        raise RequestError.of("WRONG_FORMAT", region)
    return Decimal(value)


def _plain(level: Decimal) -> Decimal | int:
    """Return the step as it is shown: a whole one without a point or exponent."""
    is_whole = abs(level.adjusted()) <= _DEEPEST_STEP and level == level.to_integral_value()
    return int(level) if is_whole else level
