"""From a message's stream to the class of its event."""

from decimal import Decimal

from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.limits import LEARNED_STREAMS

from .account import MyAssetEvent, MyOrderEvent
from .base import Event
from .codec import Codec
from .info import AnnouncementEvent, GenericEvent, IndicatorEvent, IndicatorSignalEvent
from .market import CandleEvent, TickerEvent, TradeEvent
from .orderbook import OrderbookEvent

__all__ = ["event_class", "make_event"]

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

_Made = tuple[type[Event], str, Codec]
_made: dict[Stream, _Made] = {}


def event_class(type_: str) -> type[Event]:
    """Return the class of a data type's events."""
    return CandleEvent if type_.startswith("candle.") else _CLASSES.get(type_, GenericEvent)


def make_event(stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
    """Wrap one message of `stream`; nothing of it is looked at before a field is read or `load` called."""
    made = _made.get(stream)
    if made is None:
        made = _learn(stream)
    cls, symbol, codec = made
    return cls(stream, symbol, received_at, epoch, payload, codec)


def _learn(stream: Stream) -> _Made:
    type_, symbol = split(stream)
    if len(_made) >= LEARNED_STREAMS:
        _made.clear()
    cls = event_class(type_)
    made = _made[stream] = cls, symbol, cls._codecs[Decimal]
    return made
