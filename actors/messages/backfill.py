"""What backfill is told by the router; its reader's answers are in `actors/gaps/rest_reader.py`."""

from typing import TYPE_CHECKING

from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.closer import Ask

__all__ = ["Fetch", "FetchCandles", "MissingTrades", "TradesBegan", "TradesReleased"]


class MissingTrades(Message):
    """The missing trades of one stream: see `Fill` and `Hold` for what tells them."""

    stream: Stream
    known: tuple[int, ...]
    is_all: bool
    since_ns: int
    first: int | None


class Fetch(Message):
    """Fetch what is missing before the live trades of `epoch`, within `patience` seconds."""

    epoch: int
    started_ns: int
    ended_ns: int
    patience: float
    wanted: tuple[MissingTrades, ...]


class FetchCandles(Message):
    """Fetch candles of `stream`, and say CandlesFetched. At `at` (monotonic) it was `exchange_ms` at the exchange."""

    stream: Stream
    ask: "Ask"
    exchange_ms: float
    at: float


class TradesBegan(Message):
    """The first trade after the gap came live, in each of these streams."""

    epoch: int
    firsts: tuple[tuple[Stream, int], ...]


class TradesReleased(Message):
    """The stream goes on; so many fetched trades were delivered. `problem`: why it could wait no longer."""

    epoch: int
    stream: Stream
    recovered: int
    problem: str
