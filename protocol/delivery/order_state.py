"""The present state of an order as one message, made of the last one that stated it and the last one of all.

For who comes late: the last message may be of a trade, whose price and volume are the trade's. All else in it is the
order's, and newer. Both may be in either format of the exchange; what comes out is DEFAULT, digits as they were.
"""

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import MyOrderEvent
from websocket_v6.protocol.outside_text import excerpt

__all__ = ["present_state"]

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)
_NULL = msgspec.Raw(b"null")
_OF_TRADE = ("price", "volume", "trade_uuid", "trade_fee", "is_maker", "trade_timestamp")


def present_state(stated: bytes | None, last: bytes) -> bytes:
    """Return what `last` says of the order, with what is its own of `stated`, if there is such a one.

    Raises:
        RemoteProtocolError: if one of them is no JSON object.
    """
    now = _read(last)
    if bytes(now.get("state", _NULL)) != b'"trade"':
        return _encode(now)
    own = {} if stated is None else _read(stated)
    for name in _OF_TRADE:
        now[name] = own.get(name, _NULL)
    known = own.get("state", _NULL)
    now["state"] = known if bytes(known) in (b'"done"', b'"cancel"') else msgspec.Raw(b'"wait"')
    return _encode(now)


def _read(payload: bytes) -> dict[str, msgspec.Raw]:
    try:
        found = _decode(payload)
        found.keys() & _NAMES.keys()
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"not a message of an order: {excerpt(payload)!r}") from exc
    return {_NAMES.get(name, name): value for name, value in found.items()}


_NAMES = {field.short: field.full for field in vars(MyOrderEvent).values() if hasattr(field, "short")} | {
    "ty": "type",
    "cd": "code",
    "tms": "timestamp",
    "st": "stream_type",
}
