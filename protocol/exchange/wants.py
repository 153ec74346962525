"""What one subscription wants: checked, normalised, and made of msgpack values so that it can cross a pipe.

A want is refused here if the exchange would refuse it, because the exchange answers by closing the connection that all
components share. Merging many wants into one request is `protocol/demand/union.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.message import Message

from .codes import (
    CANDLE_INTERVALS,
    check_categories,
    check_codes,
    check_depth,
    check_interval,
    check_level,
    check_symbols,
)
from .indicators import Indicator, check_indicators, check_timeframe
from .streams import MARKETS, Stream, indicator_stream, stream_of

__all__ = [
    "ACCOUNT",
    "ALL_ENDPOINTS",
    "ENDPOINTS",
    "KNOWN_TYPES",
    "MOST_HISTORY",
    "Closing",
    "Want",
    "announcement_want",
    "candle_want",
    "endpoint_of",
    "indicator_want",
    "markets_want",
    "my_asset_want",
    "my_order_want",
    "open_as",
    "orderbook_want",
    "ticker_want",
    "trade_want",
    "without_account",
]

ENDPOINTS = ("public", "private", "info")  # of the exchange
# With the list of markets, which is asked for over REST and from there on is a stream like any other.
ALL_ENDPOINTS = (*ENDPOINTS, MARKETS)
ACCOUNT = "private"  # what comes there is one account's; keys open others, for the same data to everybody
PRIVATE_TYPES = ("myOrder", "myAsset", "announcement")
KNOWN_TYPES = frozenset(
    (
        *("ticker", "trade", "orderbook", "indicator", "indicator_signal"),
        *(f"candle.{interval}" for interval in CANDLE_INTERVALS),
        *PRIVATE_TYPES,
    )
)


MOST_HISTORY = 4000  # candles of before a subscription: 20 pages of the exchange's


class Closing(Message):
    """Candles are wanted each once, when it is final: after `history` of them, and with `empty` ones between them.

    `verify`: what REST has of each is delivered, whatever came live.
    """

    empty: bool = False
    history: int = 0
    verify: bool = False


class Want(Message):
    """One subscription's wish: a data type, its codes and its options.

    `depth` and `level` belong to order books, `categories` and `include_body` to announcements, `timeframe` and
    `indicators` to indicators, `closing` to candles, `reconcile` to orders and assets: the exchange is asked what it
    has not sent. No `codes` means all markets, no `categories` all of them. With `quotes` it is a pattern: all markets
    of these quote currencies beside the codes that it names; it has no streams of its own but those of its codes, and
    whoever keeps it says what it stands for (`protocol/demand/patterns.py`).
    """

    type: str  # as the exchange spells it: "ticker", "candle.1m", "myOrder", ...
    codes: tuple[str, ...] = ()
    depth: int = 0
    level: Decimal = Decimal(0)
    categories: tuple[str, ...] = ()
    include_body: bool = False
    timeframe: str = ""
    indicators: tuple[Indicator, ...] = ()
    snapshot: bool = True
    realtime: bool = True
    quotes: tuple[str, ...] = ()
    closing: Closing | None = None
    reconcile: bool = False

    @property
    def endpoint(self) -> str:
        """The connection that carries it."""
        return endpoint_of(self.type)

    @property
    def is_public(self) -> bool:
        """Whether the exchange begins it with a snapshot and needs no keys for it."""
        return self.endpoint in ("public", MARKETS)

    def streams(self) -> Iterator[Stream]:
        """Yield the identity of every stream that serves this want."""
        if self.type.startswith("indicator"):
            for code in self.codes:
                for one in self.indicators:
                    yield indicator_stream(
                        self.type, code, self.timeframe, one.type, one.params, one.trigger, one.event_params
                    )
        elif self.type == "announcement":
            for category in self.categories or ("*",):
                yield stream_of(self.type, category)
        else:
            for code in self.codes or (() if self.quotes else ("*",)):
                yield stream_of(self.type, code, self.level)

    def with_codes(self, codes: Iterable[str]) -> "Want":
        """Return the same wish for other codes, and for no pattern."""
        return msgspec.structs.replace(self, codes=tuple(codes), quotes=())


def ticker_want(symbols: str | Iterable[str], *, snapshot: bool = True, realtime: bool = True) -> Want:
    """Want tickers of `symbols`."""
    return _public(Want("ticker"), symbols, snapshot, realtime)


def trade_want(symbols: str | Iterable[str], *, snapshot: bool = True, realtime: bool = True) -> Want:
    """Want trades of `symbols`."""
    return _public(Want("trade"), symbols, snapshot, realtime)


def orderbook_want(
    symbols: str | Iterable[str],
    *,
    depth: int = 30,
    level: float | str | Decimal = 0,
    snapshot: bool = True,
    realtime: bool = True,
) -> Want:
    """Want order books of `symbols`, `depth` levels a side, prices grouped by `level`."""
    want = _public(Want("orderbook", depth=check_depth(depth)), symbols, snapshot, realtime)
    step = check_level(level, want.codes)
    if step and want.quotes:
        raise LocalProtocolError(
            f"level={level!r:.60} is not for all markets: each has its own steps, and the exchange serves one that it "
            "does not have with silence; name the codes, or leave level out"
        )
    return msgspec.structs.replace(want, level=step)


def candle_want(
    symbols: str | Iterable[str],
    *,
    interval: str = "1m",
    snapshot: bool = True,
    realtime: bool = True,
    closing: Closing | None = None,
) -> Want:
    """Want candles of `symbols`; with `closing` each once, when it is final."""
    if closing is not None and not (snapshot and realtime):
        raise LocalProtocolError("closed=True takes neither snapshot=False nor realtime=False: leave them out")
    if closing is not None and not 0 <= closing.history <= MOST_HISTORY:
        raise LocalProtocolError(f"history={closing.history} is not offered: choose 0 to {MOST_HISTORY} candles")
    want = _public(Want(f"candle.{check_interval(interval)}", closing=closing), symbols, snapshot, realtime)
    if closing is not None and closing.verify and want.quotes:
        raise LocalProtocolError(
            "verify=True is not for all markets: each takes a REST call for each candle, and only so many can be made; "
            "name the codes, or leave verify out"
        )
    return want


def markets_want(quotes: Iterable[str]) -> Want:
    """Want the lists of all markets of these quote currencies, now and whenever there is a newer one."""
    return Want(MARKETS, tuple(quotes))


def my_order_want(symbols: str | Iterable[str] | None = None, *, reconcile: bool = False) -> Want:
    """Want the account's orders, of all markets unless `symbols` says which."""
    return Want("myOrder", () if symbols is None else check_codes(symbols), snapshot=False, reconcile=reconcile)


def my_asset_want(*, reconcile: bool = False) -> Want:
    """Want the account's balances."""
    return Want("myAsset", snapshot=False, reconcile=reconcile)


def announcement_want(
    categories: str | Iterable[str] | None = None, *, include_body: bool = False, region: str = "kr"
) -> Want:
    """Want the exchange's notices, of all categories unless `categories` says which."""
    checked = check_categories(categories, region)
    return Want("announcement", categories=checked, include_body=bool(include_body), snapshot=False)


def indicator_want(
    symbols: str | Iterable[str],
    *,
    timeframe: str,
    indicators: Mapping[str, object] | Iterable[Mapping[str, object]],
    signal: bool = False,
) -> Want:
    """Want indicator values, or with `signal` the moments at which their conditions come true; KRW markets only."""
    codes = check_codes(symbols)
    foreign = [code for code in codes if not code.startswith("KRW-")]
    if foreign:
        raise LocalProtocolError(f"indicators exist for KRW markets only, not for {', '.join(foreign)}")
    return Want(
        "indicator_signal" if signal else "indicator",
        codes,
        timeframe=check_timeframe(timeframe),
        indicators=check_indicators(indicators, signal=signal),
        snapshot=False,
    )


def endpoint_of(type_: str) -> str:
    """Return the connection that carries data of this type."""
    if type_.startswith("indicator"):
        return "info"
    if type_ == MARKETS:
        return MARKETS
    return "private" if type_ in PRIVATE_TYPES else "public"


def without_account(endpoints: Iterable[str]) -> tuple[str, ...]:
    """Leave out the endpoint whose data is one account's: the keys that it was shared with are others now."""
    return tuple(endpoint for endpoint in endpoints if endpoint != ACCOUNT)


def open_as(endpoint: str) -> str:
    """Return the endpoint of the exchange with which this one is shared among processes: lists are public data."""
    return "public" if endpoint == MARKETS else endpoint


def _public(want: Want, symbols: str | Iterable[str], snapshot: bool, realtime: bool) -> Want:
    codes, quotes = check_symbols(symbols)
    if not snapshot and not realtime:
        raise LocalProtocolError("snapshot=False and realtime=False leave nothing to deliver: set one of them")
    return msgspec.structs.replace(want, codes=codes, quotes=quotes, snapshot=snapshot, realtime=realtime)
