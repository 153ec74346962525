"""How the keys of each type's messages are called in the exchange's two spellings, DEFAULT (full) and SIMPLE (short).

The names are those by which events read messages; the order of a message's keys is the same in both spellings, so it is
not needed here. Of a type that this version does not know, no more is renamed than what all types have.

Source: Upbit WebSocket reference, "Data types"; the names that are gone since 2018 and 2022 too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from websocket_v6.protocol.events import event_class
from websocket_v6.protocol.events.fields import Field
from websocket_v6.protocol.exchange import short_names

__all__ = ["Names", "Renaming", "kind_of", "renaming_of"]

Names = Mapping[bytes, bytes]

_COMMON = {"ty": "type", "cd": "code", "mk": "market"}  # `market` is the code in messages of 2018
_FORMER = {"ticker": {"ts": "trade_status", "msfi": "market_state_for_ios"}}
# What is renamed inside of messages, by the full name of where it is; `l` and `ap` mean other things outside.
_INNER: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "orderbook": {
        "orderbook_units": {"ap": "ask_price", "bp": "bid_price", "as": "ask_size", "bs": "bid_size"},
    },
    "myAsset": {"assets": {"cu": "currency", "b": "balance", "l": "locked"}},
    "indicator_signal": {
        "params": short_names.PARAMS,
        "event_params": short_names.EVENT_PARAMS,
        "value": short_names.VALUE,
    },
}
_KINDS = frozenset({"ticker", "trade", "orderbook", "myOrder", "myAsset", "announcement", "indicator_signal"})


class Renaming(NamedTuple):
    """What becomes of a message on the way from one spelling to another, which may be the same."""

    names: Names  # of its keys; those that are not in it stay
    inner: Mapping[bytes, Names]  # those of the objects inside of it, by the key they are at
    stream_type: bytes  # this and the following: keys as they are before
    units: bytes | None = None  # of an order book
    body: bytes | None = None  # of an announcement


def kind_of(type_: str) -> str:
    """Return the name of all types that are spelled like this one, nothing for those that are not known."""
    if type_.startswith("candle."):
        return "candle"
    if type_ == "indicator":  # a signal without its trigger
        return "indicator_signal"
    return type_ if type_ in _KINDS else ""


def renaming_of(kind: str, *, from_full: bool, to_full: bool) -> Renaming:
    """Return how messages of a kind are renamed."""
    short = _short_names(kind)
    at = {full: full.encode() if from_full else name.encode() for name, full in short.items()}  # the keys before
    names = {} if from_full is to_full else _directed(short, from_full=from_full, to_full=to_full)
    inner = {
        at[name]: _directed(inside, from_full=from_full, to_full=to_full)
        for name, inside in _INNER.get(kind, {}).items()
    }
    return Renaming(names, inner, at["stream_type"], at.get("orderbook_units"), at.get("body"))


def _short_names(kind: str) -> dict[str, str]:
    event = event_class("candle.1m" if kind == "candle" else kind)
    fields = [field for base in event.__mro__ for field in vars(base).values() if isinstance(field, Field)]
    return {**_COMMON, **{field.short: field.full for field in fields}, **_FORMER.get(kind, {})}


def _directed(names: Mapping[str, str], *, from_full: bool, to_full: bool) -> Names:
    pairs = [(short.encode(), full.encode()) for short, full in names.items()]
    return {pair[from_full]: pair[to_full] for pair in pairs}
