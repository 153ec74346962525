"""What happened to the stream itself: the connection or markets came or went, a mailbox overflowed.

Not messages of the exchange.
"""

import time
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

import msgspec

if TYPE_CHECKING:
    from websocket_v6.protocol.exchange.market_list import Market


__all__ = ["ConnectionEvent", "ConnectionState", "Markets", "MarketsEvent", "OverflowEvent", "Unrecovered"]


class ConnectionState(StrEnum):
    """What `on_connection` tells; each is its own word, so that `event.state == "open"` holds as well.

    >>> ConnectionState.OPEN == "open", f"{ConnectionState.LOST}"
    (True, 'lost')
    """

    CONNECTING = "connecting"
    """An attempt has begun."""
    OPEN = "open"
    """Connected, and everything is asked for; `gap` tells what may be missing before it."""
    LOST = "lost"
    """The connection, or an attempt, has failed; it is tried again by itself. `reason` says why."""
    REFUSED = "refused"
    """The exchange refuses the keys; they are tried again rarely, or once others are set."""
    CLOSED = "closed"
    """Nothing is wanted of the endpoint any more."""
    BACKFILLED = "backfilled"
    """The gap of an open connection has been seen to: what was `recovered`, and what was not."""
    RECONCILED = "reconciled"
    """The exchange was asked what it had not sent of own orders, or balances (`reason`: "myOrder" or "myAsset")."""
    RESTARTING = "restarting"
    """A part of the engine that the endpoint needs has failed and is started again; what that does is told too."""


class Unrecovered(NamedTuple):
    """What is missing of one code for good between the two times, if there was anything."""

    symbol: str
    started_at: int  # Unix nanoseconds; of candles, by the exchange's clock
    ended_at: int
    reason: str
    type: str = "trade"  # or "candle.1m", "myOrder", "myAsset"


class ConnectionEvent(msgspec.Struct, frozen=True):
    """The connection of an endpoint changed its state; messages may be missing where `gap` is given.

    `state` is a ConnectionState: "connecting", "open", "lost", "refused", "closed", "backfilled", "reconciled" or
    "restarting".

    >>> states = queue.SimpleQueue()
    >>> proxy.on_connection(states.put)
    >>> subscription = proxy.subscribe_ticker("KRW-BTC")
    >>> event = states.get(timeout=5.0)
    >>> event.endpoint in ("public", "private", "info"), isinstance(event.state, ConnectionState)
    (True, True)
    """

    endpoint: str  # "public", "private", "info"
    state: ConnectionState
    epoch: int  # of the endpoint: rises whenever messages may be missing
    gap: float | None = None  # seconds without a connection
    gap_started_at: int | None = None  # Unix nanoseconds: all that had come by then was delivered
    gap_ended_at: int | None = None  # when it was open again: the streams follow its first request, some 100 ms later
    reason: str = ""
    received_at: int = 0  # Unix nanoseconds
    recovered: int | None = None  # "backfilled": trades or candles fetched for this component; "reconciled": events
    unrecovered: tuple[Unrecovered, ...] = ()

    symbol: ClassVar[None] = None  # concerns all codes of the endpoint
    stream_type: ClassVar[str] = "REALTIME"

    @property
    def timestamp(self) -> int:
        """When it happened, Unix milliseconds."""
        return self.received_at // 1_000_000

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name."""
        return {**_asdict(self), "unrecovered": tuple(one._asdict() for one in self.unrecovered)}


@final
class OverflowEvent(msgspec.Struct, frozen=True):
    """A mailbox dropped events because its reader is too slow, or because its policy means to.

    It goes to `on_overflow`; with `notify=True`, it stands in the stream where they would have been.

    >>> trades = proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(1, notify=True))
    >>> time.sleep(1.0)  # and nobody takes what comes
    >>> overflow = trades.get(timeout=5.0)
    >>> isinstance(overflow, OverflowEvent), overflow.dropped > 0
    (True, True)
    """

    symbol: str | None  # the code whose events were dropped, None for several
    dropped: int  # since the last OverflowEvent
    dropped_total: int
    policy: str  # "latest", "drop_oldest", "throttle", "lossless", "block"
    epoch: int = 0
    received_at: int = 0  # Unix nanoseconds
    type: str = ""  # of the subscription, such as "ticker" or "candle.1m"; empty in the stream itself

    stream_type: ClassVar[str] = "REALTIME"

    @property
    def timestamp(self) -> int:
        """When it happened, Unix milliseconds."""
        return self.received_at // 1_000_000

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name."""
        return _asdict(self)


@final
class MarketsEvent(msgspec.Struct, frozen=True):
    """Markets of a quote currency have come or gone; see `on_markets`.

    It comes before the first event of a code that is added, and after the last of one that is removed. The first one
    has all markets as added.

    >>> told = queue.SimpleQueue()
    >>> proxy.on_markets(told.put)
    >>> subscription = proxy.subscribe_ticker("KRW-*", lambda ticker: None)
    >>> told.get(timeout=5.0).added
    ('KRW-BTC', 'KRW-ETH')
    """

    quote: str  # such as KRW
    added: tuple[str, ...]  # codes, in the order of the exchange's list
    removed: tuple[str, ...]
    markets: "tuple[Market, ...]"  # all that there are now, in that order
    received_at: int = 0  # Unix nanoseconds: when the list came that says so
    epoch: int = 0

    symbol: ClassVar[None] = None  # concerns all codes of the quote currency
    stream_type: ClassVar[str] = "REALTIME"

    @property
    def timestamp(self) -> int:
        """When the list came, Unix milliseconds."""
        return self.received_at // 1_000_000

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all markets that there are now."""
        return tuple(one.code for one in self.markets)

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name."""
        return {**_asdict(self), "markets": tuple(one._asdict() for one in self.markets)}


@final
class Markets(msgspec.Struct, frozen=True):
    """The markets of one quote currency, in the order of the exchange; iterate over it, or look one up by its code.

    `listed_at` is when the list came, Unix nanoseconds.

    >>> markets = proxy.markets("KRW")
    >>> markets.codes, "KRW-NONE" in markets, markets.age < 60.0
    (('KRW-BTC', 'KRW-ETH'), False, True)
    """

    quote: str
    markets: "tuple[Market, ...]"
    listed_at: int

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes."""
        return tuple(one.code for one in self.markets)

    @property
    def age(self) -> float:
        """How many seconds ago the list came, by this machine's clock."""
        return max(0.0, (time.time_ns() - self.listed_at) / 1e9)

    def __iter__(self) -> "Iterator[Market]":
        return iter(self.markets)

    def __len__(self) -> int:
        return len(self.markets)

    def __contains__(self, code: object) -> bool:
        return any(one.code == code for one in self.markets)

    def __getitem__(self, code: str) -> "Market":
        for one in self.markets:
            if one.code == code:
                return one
        raise KeyError(code)


def _asdict(event: ConnectionEvent | OverflowEvent | MarketsEvent) -> dict[str, Any]:
    common = {name: getattr(event, name) for name in ("symbol", "timestamp", "received_at", "epoch", "stream_type")}
    return {**common, **msgspec.structs.asdict(event)}
