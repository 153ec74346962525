"""Candles by their starts: when one began, and what stands for an interval in which nothing was traded.

Source: Upbit WebSocket reference, "candle": the start is UTC without a zone, and no candle is made where nothing was
traded.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.outside_text import excerpt

__all__ = ["empty_after", "start_of", "utc_text"]

_KST = timedelta(hours=9)
_START = re.compile(
    rb'"(?:candle_date_time_utc|cdttmu)"\s*:\s*"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"'
)

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
# The fields of a candle, in both spellings: what an empty one has in place of what the one before it had.
_PRICES = ("opening_price", "high_price", "low_price", "op", "hp", "lp")
_VOLUMES = ("candle_acc_trade_volume", "candle_acc_trade_price", "catv", "catp")
_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)


def start_of(payload: bytes) -> int | None:
    """Return when the candle in this message begins, Unix milliseconds; `None` if it does not say."""
    found = _START.search(payload)
    if found is None:
        return None
    try:
        return int(datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:  # the thirteenth month
        return None


def utc_text(ms: int) -> str:
    """Return a time as the exchange writes it: UTC, without a zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def empty_after(payload: bytes, start_ms: int) -> bytes:
    """Return the message of a candle in which nothing was traded, after the one in `payload`.

    All prices are that one's last, spelled as it spells it; its `timestamp` stays.

    Raises:
        RemoteProtocolError: if `payload` is no candle.
    """
    try:
        fields = _decode(payload)
        price = fields["trade_price"] if "trade_price" in fields else fields["tp"]
    except (*_MALFORMED, KeyError) as exc:
        raise RemoteProtocolError(f"no candle: {excerpt(payload)!r}") from exc
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    texts = {"utc": utc_text(start_ms), "kst": utc_text(int((start + _KST).timestamp() * 1000))}
    changed = {
        **dict.fromkeys(_PRICES, price),
        **dict.fromkeys(_VOLUMES, msgspec.Raw(b"0.0")),
        **dict.fromkeys(("candle_date_time_utc", "cdttmu"), msgspec.Raw(_encode(texts["utc"]))),
        **dict.fromkeys(("candle_date_time_kst", "cdttmk"), msgspec.Raw(_encode(texts["kst"]))),
    }
    return _encode({name: changed.get(name, value) for name, value in fields.items()})
