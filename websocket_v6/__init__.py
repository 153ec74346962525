"""Upbit's WebSocket feeds for synchronous programs: one connection, many components.

    from websocket_v6 import WebSocketClientProxy

    with WebSocketClientProxy("my_chart") as proxy:
        for event in proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"]):
            print(event.symbol, event.trade_price)

Begin with help(websocket_v6.WebSocketClientProxy): all calls. help() of each of these says more:

    Config                what may be set, field by field; Config.from_env() is what a proxy without one uses
    Subscription          what subscribe_... returns: get(), get_many(), iteration, add, remove, stats, close
    Mailbox               what happens when events come faster than they are taken
    Health                what proxy.health() returns

    TickerEvent, TradeEvent, OrderbookEvent (OrderbookUnit), CandleEvent          public data, field by field
    MyOrderEvent, MyAssetEvent (MyAsset), AnnouncementEvent                       with keys
    IndicatorEvent, IndicatorSignalEvent                                          with keys
    GenericEvent          a type that the exchange has added since
    ConnectionEvent       what on_connection tells; its state is a ConnectionState
    OverflowEvent         what on_overflow tells
    MarketsEvent          what on_markets tells; proxy.markets() returns Markets, each one a Market

    WebSocketV6Error      all that is raised or reported; below it, the common ones first:
    UnknownCodeError, AuthenticationError, TransportError (RateLimitedError), SnapshotTimeoutError, ClosedError,
    NotReadyError, MailboxFullError, LocalProtocolError, ConfigError, EngineError, RemoteProtocolError (ExchangeError),
    StreamError, RecordingError

websocket_v6.aio has the same for asyncio; websocket_v6.simulator.Simulator is a local exchange for tests.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._version import __version__ as __version__
from .dependencies import check_websocket_client as _check  # noqa: F401 - first: what is `websocket`?
from .protocol.config import Config as Config
from .protocol.delivery.policy import Mailbox as Mailbox
from .protocol.errors import AuthenticationError as AuthenticationError
from .protocol.errors import ClosedError as ClosedError
from .protocol.errors import ConfigError as ConfigError
from .protocol.errors import EngineError as EngineError
from .protocol.errors import ExchangeError as ExchangeError
from .protocol.errors import LocalProtocolError as LocalProtocolError
from .protocol.errors import MailboxFullError as MailboxFullError
from .protocol.errors import NotReadyError as NotReadyError
from .protocol.errors import ProtocolError as ProtocolError
from .protocol.errors import RateLimitedError as RateLimitedError
from .protocol.errors import RecordingError as RecordingError
from .protocol.errors import RemoteProtocolError as RemoteProtocolError
from .protocol.errors import SnapshotTimeoutError as SnapshotTimeoutError
from .protocol.errors import StreamError as StreamError
from .protocol.errors import TransportError as TransportError
from .protocol.errors import UnknownCodeError as UnknownCodeError
from .protocol.errors import WebSocketV6Error as WebSocketV6Error
from .protocol.events import AnnouncementEvent as AnnouncementEvent
from .protocol.events import CandleEvent as CandleEvent
from .protocol.events import ConnectionEvent as ConnectionEvent
from .protocol.events import ConnectionState as ConnectionState
from .protocol.events import GenericEvent as GenericEvent
from .protocol.events import IndicatorEvent as IndicatorEvent
from .protocol.events import IndicatorSignalEvent as IndicatorSignalEvent
from .protocol.events import Markets as Markets
from .protocol.events import MarketsEvent as MarketsEvent
from .protocol.events import MyAsset as MyAsset
from .protocol.events import MyAssetEvent as MyAssetEvent
from .protocol.events import MyOrderEvent as MyOrderEvent
from .protocol.events import OrderbookEvent as OrderbookEvent
from .protocol.events import OrderbookUnit as OrderbookUnit
from .protocol.events import OverflowEvent as OverflowEvent
from .protocol.events import TickerEvent as TickerEvent
from .protocol.events import TradeEvent as TradeEvent
from .proxy import WebSocketClientProxy as WebSocketClientProxy
from .subscription import Subscription as Subscription

if _TYPE_CHECKING:
    from .health import Health as Health
    from .protocol.exchange.market_list import Market as Market
else:  # to them it would be a package that has every name
    from .late_names import late_names as _late_names

    __getattr__, __dir__ = _late_names(__name__, {"Health": "health", "Market": "protocol.exchange.market_list"})
