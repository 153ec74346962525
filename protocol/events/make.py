"""From a message's stream to the class of its event, and to what else all events of the stream share."""

from decimal import Decimal

from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.limits import LEARNED_STREAMS

from .account import MyAssetEvent, MyOrderEvent
from .base import Event
from .codec import Codec
from .fields import Number
from .info import AnnouncementEvent, GenericEvent, IndicatorEvent, IndicatorSignalEvent
from .market import CandleEvent, TickerEvent, TradeEvent
from .orderbook import OrderbookEvent

__all__ = ["Kind", "event_class", "kind_of", "make_event"]

_CLASSES: dict[str, type[Event]] = {
    "ticker": TickerEvent,
    "trade": TradeEvent,
    "orderbook": OrderbookEvent,
    "myOrder": MyOrderEvent,
    "myAsset": MyAssetEvent,
    "announcement": AnnouncementEvent,
    "indicator": IndicatorEvent,
    "indicator_signal": IndicatorSignalEvent,
}

# What the events of a stream have in common: class, symbol, codec. A plain tuple, which is unpacked at once.
Kind = tuple[type[Event], str, Codec]
_kinds: dict[Stream, Kind] = {}


def event_class(type_: str) -> type[Event]:
    """Return the class of a data type's events."""
    return CandleEvent if type_.startswith("candle.") else _CLASSES.get(type_, GenericEvent)


def make_event(stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
    """Wrap one message of `stream`; nothing of it is looked at before a field is read or `load` called."""
    kind = _kinds.get(stream)
    if kind is None:
        if len(_kinds) >= LEARNED_STREAMS:
            _kinds.clear()
        kind = _kinds[stream] = kind_of(stream)
    cls, symbol, codec = kind
    return cls(stream, symbol, received_at, epoch, payload, codec)


def kind_of(stream: Stream, numbers: Number = Decimal) -> Kind:
    """Return the kind of the stream's events whose numbers are `Decimal`, or `float`."""
    type_, symbol = split(stream)
    cls = event_class(type_)
    return cls, symbol, cls._codecs[numbers]
