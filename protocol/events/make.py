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

__all__ = ["MADE", "Made", "event_class", "make_event"]

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

# How the events of a stream are made: their class, symbol and codec.
Made = tuple[type[Event], str, Codec]
MADE: dict[Stream, Made] = {}


def event_class(type_: str) -> type[Event]:
    """Return the class of a data type's events."""
    return CandleEvent if type_.startswith("candle.") else _CLASSES.get(type_, GenericEvent)


def make_event(stream: Stream, payload: bytes, epoch: int, received_at: int) -> Event:
    """Wrap one message of `stream`; nothing of it is looked at before a field is read or `load` called."""
    made = MADE.get(stream)
    if made is None:
        made = _learn(stream)
    cls, symbol, codec = made
    return cls(stream, symbol, received_at, epoch, payload, codec)


def _learn(stream: Stream) -> Made:
    type_, symbol = split(stream)
    if len(MADE) >= LEARNED_STREAMS:
        MADE.clear()
    cls = event_class(type_)
    made = MADE[stream] = cls, symbol, cls._codecs[Decimal]
    return made
