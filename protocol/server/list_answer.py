"""The answer to LIST_SUBSCRIPTIONS, and UP, which answers PING.

Source: Upbit WebSocket reference, "LIST_SUBSCRIPTIONS", "Keep-alive". Codes come back as asked, with
suffixes; how SIMPLE shortens what it says of indicators is not documented, so it does not. The list formats have the
answer in an array, where the official SDK looks for it; UP is never in one.
"""

from collections.abc import Iterable, Mapping

import msgspec

__all__ = ["UP", "list_answer"]

UP = b'{"status":"UP"}'
_METHOD = "LIST_SUBSCRIPTIONS"
_SHORT = {"type": "ty", "codes": "cds", "level": "lv"}
# Parameters and price steps are JSON numbers, spelled as they were sent.
_encode = msgspec.json.Encoder(decimal_format="number").encode


def list_answer(shown: Iterable[Mapping[str, object]], ticket: str, format_: str) -> bytes:
    """Return the answer in one of the four formats; `shown` are the objects that are subscribed to, in DEFAULT keys."""
    answer: dict[str, object]
    if format_.startswith("SIMPLE"):
        short = [{_SHORT.get(key, key): value for key, value in one.items()} for one in shown]
        answer = {"mthd": _METHOD, "rslt": short, "tckt": ticket}
    else:
        answer = {"method": _METHOD, "result": [dict(one) for one in shown], "ticket": ticket}
    return _encode([answer] if format_.endswith("LIST") else answer)
