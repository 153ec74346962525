"""Upbit's WebSocket feeds for synchronous programs: one connection, many components.

from websocket_v6 import WebSocketClientProxy

with WebSocketClientProxy("my_chart") as proxy:
    proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], callback=lambda event: print(event.symbol, event.trade_price))
    tickers = proxy.get_ticker_snapshot(["KRW-BTC"])
"""

from ._version import __version__
from .health import Health
from .protocol.config import Config
from .protocol.delivery.policy import Mailbox
from .protocol.errors import (
    AuthenticationError,
    ClosedError,
    ConfigError,
    EngineError,
    ExchangeError,
    LocalProtocolError,
    MailboxFullError,
    ProtocolError,
    RateLimitedError,
    RemoteProtocolError,
    SnapshotTimeoutError,
    StreamError,
    TransportError,
    UnknownCodeError,
    WebSocketV6Error,
)
from .protocol.events import (
    AnnouncementEvent,
    CandleEvent,
    ConnectionEvent,
    ConnectionState,
    GenericEvent,
    IndicatorEvent,
    IndicatorSignalEvent,
    MyAsset,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    OrderbookUnit,
    OverflowEvent,
    TickerEvent,
    TradeEvent,
)
from .proxy import WebSocketClientProxy
from .subscription import Subscription

__all__ = [
    "AnnouncementEvent",
    "AuthenticationError",
    "CandleEvent",
    "ClosedError",
    "Config",
    "ConfigError",
    "ConnectionEvent",
    "ConnectionState",
    "EngineError",
    "ExchangeError",
    "GenericEvent",
    "Health",
    "IndicatorEvent",
    "IndicatorSignalEvent",
    "LocalProtocolError",
    "Mailbox",
    "MailboxFullError",
    "MyAsset",
    "MyAssetEvent",
    "MyOrderEvent",
    "OrderbookEvent",
    "OrderbookUnit",
    "OverflowEvent",
    "ProtocolError",
    "RateLimitedError",
    "RemoteProtocolError",
    "SnapshotTimeoutError",
    "StreamError",
    "Subscription",
    "TickerEvent",
    "TradeEvent",
    "TransportError",
    "UnknownCodeError",
    "WebSocketClientProxy",
    "WebSocketV6Error",
    "__version__",
]
