"""Requests as the exchange wants them: one JSON array of ticket, data types and format, as a text frame.

Source: Upbit WebSocket reference, "Request format" and "LIST_SUBSCRIPTIONS".
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

__all__ = ["REACH", "encode_list_subscriptions", "encode_reach", "encode_request"]

REACH = "REACH"  # a method that a host knows, and the exchange does not

_encoder = msgspec.json.Encoder()


def encode_request(ticket: str, types: Iterable[Mapping[str, object]], format_: str) -> str:
    """Return a subscription: it replaces whatever the connection was serving.

    A `Decimal` in `types` becomes a JSON number, spelled as it is.
    """
    return _encode([{"ticket": ticket}, *(_numbers(one) for one in types), {"format": format_}])


def encode_list_subscriptions(ticket: str, format_: str) -> str:
    """Return the question what the connection is being served.

    It names the format because the exchange applies the format of the latest request to the whole connection.
    """
    return _encode([{"ticket": ticket}, {"method": "LIST_SUBSCRIPTIONS"}, {"format": format_}])


def encode_reach() -> str:
    """Return the question to a host up to when all has come; what it has sent before comes before its answer."""
    return _encode([{"ticket": REACH}, {"method": REACH}])


def _encode(request: list[object]) -> str:
    return _encoder.encode(request).decode()


def _numbers(value: object) -> object:
    match value:
        case Decimal():
            return msgspec.Raw(str(value).encode())
        case Mapping():
            return {key: _numbers(one) for key, one in value.items()}
        case list():
            return [_numbers(one) for one in value]
        case _:
            return value
