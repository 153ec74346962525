"""What a client may send: one frame read into a request, or into the error the exchange would answer.

Source: Upbit WebSocket reference, "Request format" and "Errors". Where the reference leaves an answer open, a switch
of `Answers` decides. Codes are not looked at: the exchange serves a wrong one with silence.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ..answers import Answers
from ..market.wording import FORMATS
from .indicator_rules import TIMEFRAMES, Combination, parse_indicators
from .refusals import RequestError

__all__ = ["ENDPOINTS", "Part", "Request", "parse_request", "split_suffix"]

_CANDLES = tuple(f"candle.{unit}" for unit in ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"))
ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "public": ("ticker", "trade", "orderbook", *_CANDLES),
    "private": ("myOrder", "myAsset", "announcement"),
    "info": ("indicator", "indicator_signal"),
}
_ENDPOINT_OF = {type_: endpoint for endpoint, types in ENDPOINTS.items() for type_ in types}
_EVERYWHERE = ("ticker", "trade", "orderbook", "myOrder", "myAsset")
_CATEGORIES = ("notice", "trade", "wallet", "maintenance", "digital_asset", "nft", "service", "event")
# The official SDK lists these too; the Korean page does not.
_REGIONAL_CATEGORIES = ("note", "trading", "airdrop", "feature", "disclosure")
_UNITS = (1, 5, 15, 30)


class Part(NamedTuple):
    """One data type object of a request."""

    type: str
    codes: tuple[str, ...] | None = None  # as they were sent, with their suffixes
    level: Decimal = Decimal(0)
    snapshot: bool = True
    realtime: bool = True
    categories: tuple[str, ...] = ()
    include_body: bool = False
    timeframe: str = ""
    combinations: tuple[Combination, ...] = ()
    indicators: tuple[Mapping[str, object], ...] = ()  # as they were sent


class Request(NamedTuple):
    """One request: data types to subscribe to, or `is_list` for LIST_SUBSCRIPTIONS."""

    ticket: str
    parts: tuple[Part, ...]
    is_list: bool
    format: str | None


def parse_request(text: str, endpoint: str, answers: Answers, *, region: str = "kr", most: int | None = 100) -> Request:
    """Return what `text` asks of `endpoint`; `most` is the number of indicator combinations allowed.

    Raises:
        RequestError: if the exchange would refuse it; the connection is then closed with 1000.
    """
    objects = _objects(text)
    ticket = _ticket(objects)
    extras = region == "kr" or answers.regional_extras
    format_ = _format(objects, answers, extras=extras)
    methods = [entry["method"] for entry in objects if "method" in entry]
    if methods:
        if methods[0] != "LIST_SUBSCRIPTIONS":
            raise RequestError("INVALID_PARAM")
        return Request(ticket, (), is_list=True, format=format_)
    parts = tuple(_part(entry, endpoint, answers, region) for entry in objects if not _is_frame(entry))
    if not parts and answers.empty_request == "error":
        raise RequestError("NO_TYPE")
    for part in parts:
        if not extras and part.type not in _EVERYWHERE:
            raise RequestError("INVALID_PARAM", part.type)
    combinations = sum(len(part.codes or ()) * len(part.combinations) for part in parts)
    if most is not None and combinations > most:
        raise RequestError("TOO_MANY_REQUEST")
    return Request(ticket, parts, is_list=False, format=format_)


def split_suffix(code: str) -> tuple[str, int]:
    """Split `KRW-BTC.5` into the code and the number of levels; a number that is not offered means 30."""
    bare, dot, suffix = code.partition(".")
    if not dot:
        return code, 30
    return bare, int(suffix) if suffix.isdecimal() and int(suffix) in _UNITS else 30


def _objects(text: str) -> list[dict[str, object]]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise RequestError("WRONG_FORMAT") from exc
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise RequestError("WRONG_FORMAT")
    return value


def _ticket(objects: list[dict[str, object]]) -> str:
    tickets = [entry["ticket"] for entry in objects if "ticket" in entry]
    if not tickets or not isinstance(tickets[0], str) or not tickets[0]:
        raise RequestError("NO_TICKET")
    return tickets[0]


def _format(objects: list[dict[str, object]], answers: Answers, *, extras: bool) -> str | None:
    formats = [entry["format"] for entry in objects if "format" in entry and "type" not in entry]
    if not formats:
        return None
    if formats[-1] in (FORMATS if extras else FORMATS[:2]):
        return str(formats[-1])
    if answers.wrong_format_name == "error":
        raise RequestError("INVALID_PARAM")
    return "DEFAULT"


def _is_frame(entry: dict[str, object]) -> bool:
    """Whether the object is the ticket or the format, not a data type."""
    return "type" not in entry and ("ticket" in entry or "format" in entry)


def _part(entry: dict[str, object], endpoint: str, answers: Answers, region: str) -> Part:
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
