"""One data type object of a request: its type, codes, flags, level, categories, indicators.

Source: Upbit WebSocket reference, "Request format" and "Errors". Where the reference leaves an answer open, a switch
of `Answers` decides.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from ..answers import Answers
from ..parts import TIMEFRAMES, Part
from .indicator_rules import parse_indicators
from .refusals import RequestError

__all__ = ["ENDPOINTS", "read_part"]

_CANDLES = tuple(f"candle.{unit}" for unit in ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"))
ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "public": ("ticker", "trade", "orderbook", *_CANDLES),
    "private": ("myOrder", "myAsset", "announcement"),
    "info": ("indicator", "indicator_signal"),
}
_ENDPOINT_OF = {type_: endpoint for endpoint, types in ENDPOINTS.items() for type_ in types}
_CATEGORIES = ("notice", "trade", "wallet", "maintenance", "digital_asset", "nft", "service", "event")
# The official SDK lists these too; the Korean page does not.
_REGIONAL_CATEGORIES = ("note", "trading", "airdrop", "feature", "disclosure")


def read_part(entry: dict[str, object], endpoint: str, answers: Answers, region: str) -> Part:
    """Return what one data type object of a request to `endpoint` asks for.

    Raises:
        RequestError: if the exchange would refuse it, and with it the whole request.
    """
    if "type" not in entry:
        raise RequestError("NO_TYPE")
    type_ = entry["type"]
    if not isinstance(type_, str):
        raise RequestError("WRONG_FORMAT")
    home = _ENDPOINT_OF.get(type_)
    if home is None:
        raise RequestError("INVALID_PARAM", type_)
    if home != endpoint:
        if endpoint == "public" or answers.wrong_endpoint == "INVALID_AUTH":
            raise RequestError("INVALID_AUTH")
        raise RequestError("INVALID_PARAM", type_)
    if type_ == "announcement":
        return Part(type_, categories=_categories(entry, region), include_body=_flag(entry, "include_body"))
    codes = _codes(type_, entry)
    if home == "private":
        return Part(type_, codes)
    if home == "info":
        return _info_part(type_, codes, entry)
    snapshot, realtime = _only(entry, answers)
    level = _level(entry.get("level", 0)) if type_ == "orderbook" else Decimal(0)
    return Part(type_, codes, level, snapshot, realtime)


def _codes(type_: str, entry: dict[str, object]) -> tuple[str, ...] | None:
    if type_ == "myAsset":
        if "codes" in entry:
            raise RequestError("WRONG_FORMAT")
        return None
    if "codes" not in entry:
        if type_ == "myOrder":
            return None
        raise RequestError("NO_CODES")
    codes = entry["codes"]
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise RequestError("WRONG_FORMAT")
    if not codes and type_ != "myOrder":
        raise RequestError("INVALID_PARAM", "codes")
    return tuple(codes) or None


def _only(entry: dict[str, object], answers: Answers) -> tuple[bool, bool]:
    """Return whether a snapshot and whether realtime messages are wanted."""
    only_snapshot, only_realtime = _flag(entry, "is_only_snapshot"), _flag(entry, "is_only_realtime")
    if answers.camel_case_flags:
        only_snapshot = only_snapshot or _flag(entry, "isOnlySnapshot")
        only_realtime = only_realtime or _flag(entry, "isOnlyRealtime")
    if not (only_snapshot and only_realtime):
        return not only_realtime, not only_snapshot
    if answers.both_only == "error":
        raise RequestError("INVALID_PARAM")
    return answers.both_only == "snapshot", answers.both_only == "realtime"


def _flag(entry: dict[str, object], name: str) -> bool:
    value = entry.get(name, False)
    # The guide's table types the flags as strings.
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise RequestError("WRONG_FORMAT")
    return value


def _level(value: object) -> Decimal:
    """Return the price step; a number or, as an older text has it, a numeric string."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise RequestError("WRONG_FORMAT")
    try:
        level = Decimal(value)
    except InvalidOperation as exc:
        raise RequestError("WRONG_FORMAT") from exc
    if not level.is_finite():
        raise RequestError("WRONG_FORMAT")
    return level


def _categories(entry: dict[str, object], region: str) -> tuple[str, ...]:
    value = entry.get("categories", [])
    if not isinstance(value, list) or not all(isinstance(category, str) for category in value):
        raise RequestError("WRONG_FORMAT")
    known = _CATEGORIES if region == "kr" else _CATEGORIES + _REGIONAL_CATEGORIES
    if not set(value) <= set(known):
        raise RequestError("INVALID_PARAM")
    return tuple(value)


def _info_part(type_: str, codes: tuple[str, ...] | None, entry: dict[str, object]) -> Part:
    timeframe = entry.get("timeframe")
    if not isinstance(timeframe, str | None):
        raise RequestError("WRONG_FORMAT")
    if timeframe not in TIMEFRAMES:
        raise RequestError("INVALID_PARAM")
    sent = entry.get("indicators", [])
    combinations = parse_indicators(type_, sent)
    assert isinstance(sent, list), "parse_indicators lets nothing else pass"
    return Part(type_, codes, timeframe=timeframe, combinations=combinations, indicators=tuple(sent))
