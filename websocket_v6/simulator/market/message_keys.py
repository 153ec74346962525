"""The keys of the exchange's messages, long and short, in their order on the wire.

These tables are the simulator's own, made from the reference and not shared with the engine's decoders, so that a
mistake in one of the two shows. Source: Upbit WebSocket reference, "Data types".
"""

from collections.abc import Mapping

__all__ = ["FIELDS", "INNER", "Field", "fields_of", "long_keys", "short_keys"]

# key, short key, kind: a kind of number (spelling.py), or "as is" for strings, integers, booleans and null.
Field = tuple[str, str, str]
_HEAD: tuple[Field, ...] = (("type", "ty", "as is"), ("code", "cd", "as is"))
_TAIL: tuple[Field, ...] = (("timestamp", "tms", "as is"), ("stream_type", "st", "as is"))

_TICKER: tuple[Field, ...] = (
    *_HEAD,
    ("opening_price", "op", "price"),
    ("high_price", "hp", "price"),
    ("low_price", "lp", "price"),
    ("trade_price", "tp", "price"),
    ("prev_closing_price", "pcp", "base"),
    ("acc_trade_price", "atp", "amount"),
    ("change", "c", "as is"),
    ("change_price", "cp", "base"),
    ("signed_change_price", "scp", "base"),
    ("change_rate", "cr", "rate"),
    ("signed_change_rate", "scr", "rate"),
    ("ask_bid", "ab", "as is"),
    ("trade_volume", "tv", "size"),
    ("acc_trade_volume", "atv", "size"),
    ("trade_date", "tdt", "as is"),
    ("trade_time", "ttm", "as is"),
    ("trade_timestamp", "ttms", "as is"),
    ("acc_ask_volume", "aav", "size"),
    ("acc_bid_volume", "abv", "size"),
    ("highest_52_week_price", "h52wp", "price"),
    ("highest_52_week_date", "h52wdt", "as is"),
    ("lowest_52_week_price", "l52wp", "price"),
    ("lowest_52_week_date", "l52wdt", "as is"),
    ("market_state", "ms", "as is"),
    ("is_trading_suspended", "its", "as is"),
    ("delisting_date", "dd", "as is"),
    ("market_warning", "mw", "as is"),
    ("timestamp", "tms", "as is"),
    ("acc_trade_price_24h", "atp24h", "rolling"),
    ("acc_trade_volume_24h", "atv24h", "size"),
    ("stream_type", "st", "as is"),
)
_TRADE: tuple[Field, ...] = (
    *_HEAD,
    ("timestamp", "tms", "as is"),
    ("trade_date", "td", "as is"),
    ("trade_time", "ttm", "as is"),
    ("trade_timestamp", "ttms", "as is"),
    ("trade_price", "tp", "price"),
    ("trade_volume", "tv", "size"),
    ("ask_bid", "ab", "as is"),
    ("prev_closing_price", "pcp", "base"),
    ("change", "c", "as is"),
    ("change_price", "cp", "base"),
    ("sequential_id", "sid", "as is"),
    ("best_ask_price", "bap", "best"),
    ("best_ask_size", "bas", "size"),
    ("best_bid_price", "bbp", "best"),
    ("best_bid_size", "bbs", "size"),
    ("stream_type", "st", "as is"),
)
_ORDERBOOK: tuple[Field, ...] = (
    *_HEAD,
    ("timestamp", "tms", "as is"),
    ("total_ask_size", "tas", "size"),
    ("total_bid_size", "tbs", "size"),
    ("orderbook_units", "obu", "units"),
    ("stream_type", "st", "as is"),
    ("level", "lv", "level"),
)
_CANDLE: tuple[Field, ...] = (
    *_HEAD,
    ("candle_date_time_utc", "cdttmu", "as is"),
    ("candle_date_time_kst", "cdttmk", "as is"),
    ("opening_price", "op", "price"),
    ("high_price", "hp", "price"),
    ("low_price", "lp", "price"),
    ("trade_price", "tp", "price"),
    ("candle_acc_trade_volume", "catv", "size"),
    ("candle_acc_trade_price", "catp", "amount"),
    *_TAIL,
)
_MY_ORDER: tuple[Field, ...] = (
    *_HEAD,
    ("uuid", "uid", "as is"),
    ("ask_bid", "ab", "as is"),
    ("order_type", "ot", "as is"),
    ("state", "s", "as is"),
    ("trade_uuid", "tuid", "as is"),
    ("price", "p", "money"),
    ("avg_price", "ap", "money"),
    ("volume", "v", "money"),
    ("remaining_volume", "rv", "money"),
    ("executed_volume", "ev", "money"),
    ("trades_count", "tc", "as is"),
    ("reserved_fee", "rsf", "money"),
    ("remaining_fee", "rmf", "money"),
    ("paid_fee", "pf", "money"),
    ("locked", "l", "money"),
    ("executed_funds", "ef", "money"),
    ("time_in_force", "tif", "as is"),
    ("trade_fee", "tf", "money"),
    ("is_maker", "im", "as is"),
    ("identifier", "id", "as is"),
    ("smp_type", "smpt", "as is"),
    ("prevented_volume", "pv", "money"),
    ("prevented_locked", "pl", "money"),
    ("trade_timestamp", "ttms", "as is"),
    ("order_timestamp", "otms", "as is"),
    *_TAIL,
)
_MY_ASSET: tuple[Field, ...] = (
    ("type", "ty", "as is"),
    ("asset_uuid", "astuid", "as is"),
    ("assets", "ast", "assets"),
    ("asset_timestamp", "asttms", "as is"),
    *_TAIL,
)
_ANNOUNCEMENT: tuple[Field, ...] = (
    ("type", "ty", "as is"),
    ("event_type", "et", "as is"),
    ("uuid", "uid", "as is"),
    ("title", "tt", "as is"),
    ("category", "cat", "as is"),
    ("url", "url", "as is"),
    ("first_listed_at", "flat", "as is"),
    ("listed_at", "lat", "as is"),
    *_TAIL,
    ("body", "bd", "as is"),
)
_INDICATOR: tuple[Field, ...] = (
    *_HEAD,
    ("timeframe", "tf", "as is"),
    ("indicator", "ind", "as is"),
    ("params", "p", "params"),
    ("trigger", "tr", "as is"),
    ("event_params", "ep", "event_params"),
    ("candle_date_time_utc", "cdttmu", "as is"),
    ("value", "v", "value"),
    *_TAIL,
)
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "ticker": _TICKER,
    "trade": _TRADE,
    "orderbook": _ORDERBOOK,
    "candle": _CANDLE,
    "myOrder": _MY_ORDER,
    "myAsset": _MY_ASSET,
    "announcement": _ANNOUNCEMENT,
    "indicator": _INDICATOR,
    "indicator_signal": _INDICATOR,
}
# Objects inside messages. `value` inside an indicator's `v` keeps its long name.
INNER: Mapping[str, Mapping[str, str]] = {
    "params": {
        "period": "p",
        "type": "t",
        "short_period": "shp",
        "long_period": "lop",
        "multiplier": "m",
        "fast": "f",
        "slow": "s",
        "signal_period": "sgp",
    },
    "event_params": {"threshold": "th", "multiplier": "mul"},
    "value": {
        "volume": "vol",
        "avg_volume": "av",
        "ratio": "rto",
        "ma_short": "mas",
        "ma_long": "mal",
        "bb_upper": "bbu",
        "bb_middle": "bbm",
        "bb_lower": "bbl",
        "macd_signal": "macds",
        "histogram": "hist",
    },
    "units": {"ask_price": "ap", "bid_price": "bp", "ask_size": "as", "bid_size": "bs"},
    "assets": {"currency": "cu", "balance": "b", "locked": "l"},
}


def long_keys(message: Mapping[str, object]) -> dict[str, object]:
    """Return a SIMPLE message under its long names; unknown keys stay as they are."""
    return _renamed(message, str(message["ty"]), long=True)


def short_keys(type_: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return a message under its short names; unknown keys stay as they are."""
    return _renamed(fields, type_, long=False)


def _renamed(message: Mapping[str, object], type_: str, *, long: bool) -> dict[str, object]:
    renamed: dict[str, object] = {}
    fields = {(short if long else name): (name, short, kind) for name, short, kind in fields_of(type_)}
    for key, value in message.items():
        name, short, kind = fields.get(key, (key, key, "as is"))
        if isinstance(value, list) and kind in INNER:
            inner = {short: name for name, short in INNER[kind].items()} if long else INNER[kind]
            value = [{inner.get(key, key): item for key, item in entry.items()} for entry in value]
        renamed[name if long else short] = value
    return renamed


def fields_of(type_: str) -> tuple[Field, ...]:
    """Return the fields of a message type in their order on the wire; none for an unknown type."""
    return FIELDS.get(type_.partition(".")[0], ())
