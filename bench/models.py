"""The classes that a user of msgspec would write for the messages: every field, numbers as exact decimals."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from .messages import Messages

__all__ = ["reader"]

_D = Decimal | None
_S = str | None
_I = int | None

# Name, SIMPLE name, type. Everything but type and code may be missing.
_TICKER = [
    ("opening_price", "op", _D), ("high_price", "hp", _D), ("low_price", "lp", _D), ("trade_price", "tp", _D),
    ("prev_closing_price", "pcp", _D), ("acc_trade_price", "atp", _D), ("change", "c", _S),
    ("change_price", "cp", _D), ("signed_change_price", "scp", _D), ("change_rate", "cr", _D),
    ("signed_change_rate", "scr", _D), ("ask_bid", "ab", _S), ("trade_volume", "tv", _D),
    ("acc_trade_volume", "atv", _D), ("trade_date", "tdt", _S), ("trade_time", "ttm", _S),
    ("trade_timestamp", "ttms", _I), ("acc_ask_volume", "aav", _D), ("acc_bid_volume", "abv", _D),
    ("highest_52_week_price", "h52wp", _D), ("highest_52_week_date", "h52wdt", _S),
    ("lowest_52_week_price", "l52wp", _D), ("lowest_52_week_date", "l52wdt", _S), ("market_state", "ms", _S),
    ("is_trading_suspended", "its", bool | None), ("market_warning", "mw", _S), ("timestamp", "tms", _I),
    ("acc_trade_price_24h", "atp24h", _D), ("acc_trade_volume_24h", "atv24h", _D), ("stream_type", "st", _S),
]  # fmt: skip
_TRADE = [
    ("trade_price", "tp", _D), ("trade_volume", "tv", _D), ("ask_bid", "ab", _S), ("prev_closing_price", "pcp", _D),
    ("change", "c", _S), ("change_price", "cp", _D), ("trade_date", "td", _S), ("trade_time", "ttm", _S),
    ("trade_timestamp", "ttms", _I), ("timestamp", "tms", _I), ("sequential_id", "sid", _I),
    ("best_ask_price", "bap", _D), ("best_ask_size", "bas", _D), ("best_bid_price", "bbp", _D),
    ("best_bid_size", "bbs", _D), ("stream_type", "st", _S),
]  # fmt: skip
_UNIT = [
    ("ask_price", "ap", Decimal),
    ("bid_price", "bp", Decimal),
    ("ask_size", "as", Decimal),
    ("bid_size", "bs", Decimal),
]
_BARE = [("trade_price", "tp", _D)]


def reader(messages: Messages, took: Callable[[str, Any], None], *, is_bare: bool = False) -> Callable[[Any], None]:
    """Return a function that decodes one message and tells `took`; `is_bare`: with nothing but code and price."""
    is_short = messages.is_short
    unit = _struct("Unit", _UNIT[:1] if is_bare else _UNIT, is_short)
    units = [("orderbook_units", "obu", list[unit])]  # type: ignore[valid-type]
    sizes = [
        ("timestamp", "tms", _I),
        ("total_ask_size", "tas", _D),
        ("total_bid_size", "tbs", _D),
        ("stream_type", "st", _S),
    ]
    classes = {
        "ticker": _message("ticker", _BARE if is_bare else _TICKER, is_short),
        "trade": _message("trade", _BARE if is_bare else _TRADE, is_short),
        "orderbook": _message("orderbook", units if is_bare else [*sizes, *units], is_short),
    }
    wanted = classes[messages.types[0]]
    for type_ in messages.types[1:]:
        wanted = wanted | classes[type_]
    decode = msgspec.json.Decoder(wanted).decode

    def read_flat(raw: Any) -> None:
        message: Any = decode(raw)
        took(message.code, message.trade_price)

    def read_book(raw: Any) -> None:
        message: Any = decode(raw)
        took(message.code, message.orderbook_units[0].ask_price)

    def read_any(raw: Any) -> None:
        message: Any = decode(raw)
        if isinstance(message, classes["orderbook"]):
            took(message.code, message.orderbook_units[0].ask_price)
        else:
            took(message.code, message.trade_price)

    if len(messages.types) > 1:
        return read_any
    return read_book if messages.types == ["orderbook"] else read_flat


def _message(type_: str, fields: list[tuple[str, str, Any]], is_short: bool) -> Any:
    return msgspec.defstruct(
        type_.capitalize(),
        [("code", str), *((name, kind, None) for name, _, kind in fields)],
        rename=_names([("code", "cd", str), *fields], is_short),
        tag_field="ty" if is_short else "type",
        tag=type_,
        gc=False,
    )


def _struct(name: str, fields: list[tuple[str, str, Any]], is_short: bool) -> Any:
    return msgspec.defstruct(
        name, [(name, kind) for name, _, kind in fields], rename=_names(fields, is_short), gc=False
    )


def _names(fields: list[tuple[str, str, Any]], is_short: bool) -> dict[str, str] | None:
    return {name: short for name, short, _ in fields} if is_short else None
