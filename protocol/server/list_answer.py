"""The exchange's answer to LIST_SUBSCRIPTIONS, passed on: in its own words, with the ticket of who asked.

Source: Upbit WebSocket reference, "LIST_SUBSCRIPTIONS".
"""

import msgspec

from websocket_v6.protocol.exchange.heads import SubscribedEntry, SubscriptionList

__all__ = ["encode_list"]

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode_list(answer: SubscriptionList) -> bytes:
    """Return the answer as the exchange sends it."""
    result = [_entry(one) for one in answer.subscriptions]
    return _encoder.encode({"method": "LIST_SUBSCRIPTIONS", "result": result, "ticket": answer.ticket})


def _entry(one: SubscribedEntry) -> dict[str, object]:
    entry: dict[str, object] = {"type": one.type, "codes": one.codes}
    if one.level is not None:
        entry["level"] = one.level
    return entry | dict(one.extra)
