"""What one message is, by a full parse: the stream of a data message, or a notice of something else.

This is the slow way, for what inbound.py has not met before. It never raises: what cannot be understood is a notice.

Source: Upbit WebSocket reference, "Formats", "LIST_SUBSCRIPTIONS", "Errors", "Keep-alive".
"""

from collections.abc import Mapping
from decimal import Decimal
from re import compile as pattern
from typing import Any, NamedTuple

import msgspec

from websocket_v6.protocol.limits import LEVEL_CHARACTERS, NAME_CHARACTERS, STREAM_CHARACTERS
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import excerpt, outside_text, printable

from . import short_names
from .streams import ANY, Stream, indicator_stream, stream_of

__all__ = [
    "MALFORMED",
    "ErrorNotice",
    "Malformed",
    "Notice",
    "StatusUp",
    "SubscribedEntry",
    "SubscriptionList",
    "read_envelope",
]


class ErrorNotice(Message):
    """The exchange's answer to a bad request; it closes the connection after it."""

    name: str  # such as WRONG_FORMAT
    text: str  # in the language of the region; both are fit to be told


class StatusUp(Message):
    """The answer to a text PING."""


class SubscribedEntry(NamedTuple):
    """One entry of what the exchange says it serves."""

    type: str
    codes: tuple[str, ...]
    level: Decimal | None  # order books only
    extra: Mapping[str, Any]  # all other keys, under the exchange's own names: timeframe, indicators


class SubscriptionList(NamedTuple):
    """The answer to LIST_SUBSCRIPTIONS."""

    ticket: str
    subscriptions: tuple[SubscribedEntry, ...]


class Malformed(Message):
    """A message that cannot be sorted, and others of the same read that cannot be for the same reason."""

    kind: str  # "not JSON", "not an object", "no type", "no code", "bad level", "bad indicator", "too many notices"
    excerpt: str  # its beginning, fit to be told
    times: int = 1


Notice = ErrorNotice | StatusUp | SubscriptionList | Malformed


_NULL = msgspec.Raw(b"null")  # for an absent key: absent and null mean the same


class _Envelope(msgspec.Struct, gc=False):
    """Every key that tells what a message is, in both spellings."""

    ty: Any = None
    type: Any = None
    cd: Any = None
    code: Any = None
    mk: Any = None
    market: Any = None
    lv: msgspec.Raw = _NULL
    level: msgspec.Raw = _NULL
    cat: Any = None
    category: Any = None
    tf: Any = None
    timeframe: Any = None
    ind: Any = None
    indicator: Any = None
    p: Any = None
    params: Any = None
    tr: Any = None
    trigger: Any = None
    ep: Any = None
    event_params: Any = None
    error: Any = None
    status: Any = None
    mthd: Any = None
    method: Any = None
    rslt: Any = None
    result: Any = None
    tckt: Any = None
    ticket: Any = None
    # By one of these a message of 2018, which has no type, is known.
    obu: msgspec.Raw = _NULL
    orderbook_units: msgspec.Raw = _NULL
    sid: msgspec.Raw = _NULL
    sequential_id: msgspec.Raw = _NULL
    atp: msgspec.Raw = _NULL
    acc_trade_price: msgspec.Raw = _NULL


# What decoding of outside bytes may raise: broken JSON, wrong types, nesting too deep, numbers out of range.
MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)

_decode = msgspec.json.Decoder(_Envelope, float_hook=Decimal).decode
_is_word = pattern(r"\S{1,64}").fullmatch
# Nothing that has a meaning in the name of a stream.
_is_name = pattern(r"[^\s@*]{1,64}").fullmatch
_MARKET_TYPES = frozenset({"ticker", "trade", "orderbook", "myOrder", "indicator", "indicator_signal"})


def read_envelope(payload: bytes) -> Stream | Notice:
    """Say what one message is."""
    try:
        envelope = _decode(payload)
    except msgspec.ValidationError:
        return Malformed("not an object", excerpt(payload))
    except MALFORMED:
        return Malformed("not JSON", excerpt(payload))
    type_ = _first(envelope.type, envelope.ty)
    if type_ is None:
        type_ = _type_of_2018(envelope)
    if type_ is None:
        notice = _read_notice(envelope)
        return Malformed("no type", excerpt(payload)) if notice is None else notice
    if not isinstance(type_, str) or not _is_word(type_) or not type_.isprintable():
        return Malformed("no type", excerpt(payload))
    code = _code(type_, envelope)
    if code is None:
        return Malformed("no code", excerpt(payload))
    try:
        return _named(_stream(type_, code, envelope))
    except (*MALFORMED, AttributeError):
        return Malformed("bad level" if type_ == "orderbook" else "bad indicator", excerpt(payload))


def _first(full: Any, short: Any) -> Any:
    return short if full is None else full


def _type_of_2018(envelope: _Envelope) -> str | None:
    if envelope.market is None and envelope.mk is None:
        return None
    if _is_given(envelope.orderbook_units) or _is_given(envelope.obu):
        return "orderbook"
    if _is_given(envelope.sequential_id) or _is_given(envelope.sid):
        return "trade"
    return "ticker" if _is_given(envelope.acc_trade_price) or _is_given(envelope.atp) else None


def _is_given(raw: msgspec.Raw) -> bool:
    return bytes(raw) != b"null"


def _code(type_: str, envelope: _Envelope) -> str | None:
    """Return what stands second in the stream's name, None for a message that lacks it."""
    if type_ == "announcement":
        return _plain_word(_first(envelope.category, envelope.cat)) or ANY
    code = _first(_first(envelope.code, envelope.cd), _first(envelope.market, envelope.mk))
    if type_ == "myAsset" or (code is None and not _is_market_type(type_)):
        return ANY
    return _plain_word(code)


def _plain_word(value: object) -> str | None:
    return value if isinstance(value, str) and _is_name(value) and value.isprintable() else None


def _is_market_type(type_: str) -> bool:
    return type_ in _MARKET_TYPES or type_.startswith("candle.")


def _stream(type_: str, code: str, envelope: _Envelope) -> Stream:
    if type_ == "orderbook":
        return stream_of(type_, code, _level(envelope.level if _is_given(envelope.level) else envelope.lv))
    if type_ in ("indicator", "indicator_signal"):
        return _indicator(type_, code, envelope)
    return stream_of(type_, code)


def _named(stream: Stream) -> Stream:
    """Return the name if it can be one: it is kept, compared, and told in logs and errors."""
    if len(stream) > STREAM_CHARACTERS or not stream.isprintable():
        raise ValueError("words beyond any stream's")
    return stream


def _level(raw: msgspec.Raw) -> str:
    if not _is_given(raw):
        return "0"
    # Taken by its text: the SDK types the level as a string, the exchange sends a number.
    text = bytes(raw)
    if len(text) > LEVEL_CHARACTERS:
        raise ValueError("a level beyond any price")
    return text.decode().strip('"')


def _indicator(type_: str, code: str, envelope: _Envelope) -> Stream:
    timeframe = _word(_first(envelope.timeframe, envelope.tf))
    indicator = _word(_first(envelope.indicator, envelope.ind))
    params = _full_names(short_names.PARAMS, _first(envelope.params, envelope.p))
    if type_ == "indicator":
        return indicator_stream(type_, code, timeframe, indicator, params)
    trigger = _word(_first(envelope.trigger, envelope.tr))
    event_params = _full_names(short_names.EVENT_PARAMS, _first(envelope.event_params, envelope.ep))
    return indicator_stream(type_, code, timeframe, indicator, params, trigger, event_params)


def _word(value: object) -> str:
    word = _plain_word(value)
    if word is None:
        raise ValueError(f"{value!r:.40} is not a word")
    return word


def _full_names(names: Mapping[str, str], values: Mapping[str, object] | None) -> dict[str, object]:
    return {names.get(name, name): value for name, value in (values or {}).items()}


def _read_notice(envelope: _Envelope) -> Notice | None:
    if isinstance(envelope.error, dict):
        name, text = envelope.error.get("name", ""), envelope.error.get("message", "")
        return ErrorNotice(outside_text(name, NAME_CHARACTERS), outside_text(text))
    if _first(envelope.method, envelope.mthd) == "LIST_SUBSCRIPTIONS":
        result = _first(envelope.result, envelope.rslt)
        entries = result if isinstance(result, list) else []
        ticket = _first(envelope.ticket, envelope.tckt)
        subscriptions = tuple(_entry(entry) for entry in entries if isinstance(entry, dict))
        return SubscriptionList(_text(ticket), subscriptions)
    return StatusUp() if envelope.status == "UP" else None


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""


_ENTRY_KEYS = ("type", "ty", "codes", "cds", "level", "lv")


def _entry(entry: Mapping[str, Any]) -> SubscribedEntry:
    level = _first(entry.get("level"), entry.get("lv"))
    codes = _first(entry.get("codes"), entry.get("cds"))
    return SubscribedEntry(
        type=_text(_first(entry.get("type"), entry.get("ty"))),
        codes=tuple(_text(code) for code in codes) if isinstance(codes, list) else (),
        level=Decimal(level) if isinstance(level, int | Decimal) else None,
        extra={key: value for key, value in entry.items() if key not in _ENTRY_KEYS},
    )
