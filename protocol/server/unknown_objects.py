"""What a host does not know of a guest's request: taken apart as far as it goes, and named stream by stream.

The guest counts what it wants by streams, so a refusal must name them as the guest does, even where this process knows
neither the type nor its parameters. It never fails: what cannot be named is refused without a stream.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from websocket_v6.protocol.exchange.streams import ANY, Stream, indicator_stream, stream_of

__all__ = ["streams_of", "taken_apart"]

_SEVERAL = ("categories", "indicators")  # the lists of which one entry may be known and another not

_MOST_PIECES = 1_000  # what has more is too much for the exchange anyway
_MOST_STREAMS = 10_000  # that a refusal names


def taken_apart(one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield objects that are the same together, with one category or one indicator each."""
    for key in _SEVERAL:
        several, codes = one.get(key), one.get("codes")
        if not isinstance(several, list) or len(several) < 2:
            continue
        if len(several) * (len(codes) if isinstance(codes, list) else 1) <= _MOST_PIECES:
            for each in several:
                yield {**one, key: [each]}
            return
    yield one


def streams_of(one: Mapping[str, Any]) -> tuple[Stream, ...]:
    """Return the streams of a data type object that may be of a type that is not known here."""
    try:
        return tuple(dict.fromkeys(islice(_streams(one), _MOST_STREAMS)))
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return ()


def _streams(one: Mapping[str, Any]) -> Iterator[Stream]:
    type_ = one["type"] if isinstance(one.get("type"), str) else ""
    if not type_:
        return
    codes = one.get("codes") or one.get("categories") or [ANY]
    for code in codes if isinstance(codes, list) else ():
        bare = str(code).partition(".")[0]
        if "indicators" not in one:
            yield stream_of(type_, bare, one.get("level", 0))
            continue
        for each in one["indicators"]:
            params, event_params = each.get("params", {}), each.get("event_params", {})
            name, trigger = str(each.get("type")), str(each.get("trigger", ""))
            yield indicator_stream(type_, bare, str(one.get("timeframe", "")), name, params, trigger, event_params)
