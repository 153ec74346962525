"""Typed events: what user code sees of the exchange's messages.

`make_event` wraps a message that is already sorted; for others there is `decode.py`. Every event has `symbol`,
`timestamp` (the exchange's, ms), `received_at` (ns), `epoch` and `stream_type`, then the fields of its type under the
exchange's full names, whatever the format on the wire.
"""

from .account import MyAsset, MyAssetEvent, MyOrderEvent
from .base import EVENT_BYTES, Event, payloads_as_they_came, weigh
from .fields import Number
from .info import AnnouncementEvent, GenericEvent, IndicatorEvent, IndicatorSignalEvent
from .make import event_class, kind_of, make_event
from .market import CandleEvent, TickerEvent, TradeEvent
from .orderbook import OrderbookEvent, OrderbookUnit
from .stream import ConnectionEvent, ConnectionState, Markets, MarketsEvent, OverflowEvent, Unrecovered

__all__ = [
    "EVENT_BYTES",
    "AnnouncementEvent",
    "CandleEvent",
    "ConnectionEvent",
    "ConnectionState",
    "Event",
    "GenericEvent",
    "IndicatorEvent",
    "IndicatorSignalEvent",
    "Markets",
    "MarketsEvent",
    "MyAsset",
    "MyAssetEvent",
    "MyOrderEvent",
    "Number",
    "OrderbookEvent",
    "OrderbookUnit",
    "OverflowEvent",
    "TickerEvent",
    "TradeEvent",
    "Unrecovered",
    "event_class",
    "kind_of",
    "make_event",
    "payloads_as_they_came",
    "weigh",
]
