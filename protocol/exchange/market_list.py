"""The exchange's list of markets: read from REST, and passed on quote currency by quote currency as a stream.

`markets KRW` is such a stream: each message is the whole list of one quote currency, in the words of the exchange, with
the time at which it was asked for. The exchange has no such stream. It is made in the process that asks
(`actors/markets/`), and from there on goes where all others go: to components, through a door, into a recording.

Source: Upbit WebSocket reference, "REST for an engine" (`GET /v1/market/all`), "Market codes".
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import excerpt, outside_text

from .codes import CODE, QUOTE
from .streams import MARKETS, Stream, stream_of

__all__ = ["Listing", "Market", "MarketList", "list_stream", "read_listing", "read_market_list"]

_MOST_MARKETS = 50_000  # fifty times what there is; more is no list
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)


class Market(NamedTuple):
    """One market as the exchange lists it.

    >>> market = proxy.markets("KRW")["KRW-BTC"]
    >>> market.english_name, market.warning
    ('Bitcoin', False)
    """

    code: str  # such as KRW-BTC
    korean_name: str
    english_name: str
    warning: bool = False  # the exchange advises caution as a whole: trading support may end
    cautions: tuple[str, ...] = ()  # of what in particular, such as PRICE_FLUCTUATIONS


class MarketList(Message):
    """All markets of all quote currencies, in the order of the exchange, each once."""

    quotes: Mapping[str, tuple[Market, ...]]

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(one.code for markets in self.quotes.values() for one in markets)


class Listing(Message):
    """The markets of one quote currency, at the time `listed_ns` (Unix nanoseconds, of whoever asked)."""

    quote: str
    listed_ns: int
    markets: tuple[Market, ...]

    def encode(self) -> bytes:
        """Return the message of the stream."""
        rows = [
            _Row(one.code, one.korean_name, one.english_name, _Event(one.warning, dict.fromkeys(one.cautions, True)))
            for one in self.markets
        ]
        message = _Message(MARKETS, self.quote, self.listed_ns // 1_000_000, self.listed_ns, "REALTIME", rows)
        return _encode(message)


class _Event(msgspec.Struct, frozen=True):
    warning: bool = False
    caution: dict[str, Any] = {}


class _Row(msgspec.Struct, frozen=True):
    market: str
    korean_name: str = ""
    english_name: str = ""
    market_event: _Event | None = None


class _Message(msgspec.Struct, frozen=True):
    type: str
    code: str
    timestamp: int
    listed_ns: int
    stream_type: str
    markets: list[_Row]


_encode = msgspec.json.Encoder().encode
_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_message = msgspec.json.Decoder(_Message).decode


def list_stream(quote: str) -> Stream:
    """Return the stream that brings the list of one quote currency."""
    return stream_of(MARKETS, quote)


def read_market_list(body: bytes) -> MarketList:
    """Read the answer of `GET /v1/market/all`, with or without details.

    Raises:
        RemoteProtocolError: if it is no such list, or has no market at all.
    """
    try:
        rows = _decode_rows(body)
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"no list of markets: {excerpt(body)} ({outside_text(exc)})") from None
    quotes: dict[str, list[Market]] = {}
    for market in _markets(rows):
        quotes.setdefault(market.code.partition("-")[0], []).append(market)
    if not quotes:
        raise RemoteProtocolError(f"a list without a market: {excerpt(body)}")
    return MarketList({quote: tuple(markets) for quote, markets in quotes.items()})


def read_listing(payload: bytes) -> Listing:
    """Read one message of the stream.

    Raises:
        RemoteProtocolError: if it is none.
    """
    try:
        message = _decode_message(payload)
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"no list of markets: {excerpt(payload)} ({outside_text(exc)})") from None
    if not QUOTE.fullmatch(message.code) or message.listed_ns < 0:
        raise RemoteProtocolError(f"no list of markets: {excerpt(payload)}")
    own = tuple(one for one in _markets(message.markets) if one.code.startswith(f"{message.code}-"))
    return Listing(message.code, message.listed_ns, own)


def _markets(rows: Iterable[_Row]) -> Iterable[Market]:
    """Yield each market once. A code that cannot be one is left out: asking for it would be an error of ours."""
    found: dict[str, Market] = {}
    for row in rows:
        if CODE.fullmatch(row.market) and len(found) < _MOST_MARKETS:
            event = row.market_event or _Event()
            cautions = tuple(name for name, is_on in event.caution.items() if is_on)
            market = Market(row.market, row.korean_name, row.english_name, event.warning, cautions)
            found.setdefault(row.market, market)
    return found.values()
