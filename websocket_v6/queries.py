"""What a component of a synchronous program asks, and has answered by the call: no stream begins or ends with it."""

from typing import TYPE_CHECKING, Literal, TypeVar, overload

from . import wanted
from .actors.forks import no_fork
from .face import LIST_TIMEOUT, MARKETS_TIMEOUT, READY_TIMEOUT, Face
from .options import ONCE, Symbols
from .protocol.events import CandleEvent, Event, Markets, OrderbookEvent, TickerEvent, TradeEvent
from .protocol.exchange.heads import SubscriptionList
from .steps import finish
from .wanted import Level, Wanted

if TYPE_CHECKING:
    from .health import Health

__all__ = ["Queries"]

E = TypeVar("E", bound=Event)


class Queries(Face):
    """The part of `WebSocketClientProxy` that asks: what the market is now, and how engine and exchange stand."""

    # --- snapshots

    def get_ticker_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TickerEvent]:
        """Return the present ticker of each code, in the order asked for.

        It comes from the running stream where there is one, else from one request that disturbs nobody.

        Raises:
            UnknownCodeError: if the exchange sends nothing for a code within `timeout` seconds; it names them.
            SnapshotTimeoutError: if there is no connection.
        """
        return self._snapshot(wanted.ticker(symbols, ONCE), timeout)

    def get_trade_snapshot(self, symbols: Symbols, *, timeout: float = 5.0) -> list[TradeEvent]:
        """Return the last trade of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.trade(symbols, ONCE), timeout)

    def get_orderbook_snapshot(
        self, symbols: Symbols, *, depth: int = 30, level: Level = 0, timeout: float = 5.0
    ) -> list[OrderbookEvent]:
        """Return the present order book of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.orderbook(symbols, ONCE, depth=depth, level=level), timeout)

    def get_candle_snapshot(self, symbols: Symbols, *, interval: str = "1m", timeout: float = 5.0) -> list[CandleEvent]:
        """Return the newest candle of each code, in the order asked for; see `get_ticker_snapshot`."""
        return self._snapshot(wanted.candle(symbols, ONCE, interval=interval), timeout)

    # --- the newest values, now

    @overload
    def last(self, type: Literal["ticker"], code: str) -> TickerEvent | None: ...
    @overload
    def last(self, type: Literal["trade"], code: str) -> TradeEvent | None: ...
    @overload
    def last(self, type: Literal["orderbook"], code: str) -> OrderbookEvent | None: ...
    @overload
    def last(self, type: str, code: str) -> Event | None: ...
    def last(self, type: str, code: str) -> Event | None:  # noqa: A002 - the exchange's word
        """Return the newest value of a stream that runs, as it stands now: nothing is waited for and nothing is sent.

        `type` is "ticker", "trade", "orderbook" or a candle's, such as "candle.1m". It has what the newest callback
        has or is about to have, in the form that this component subscribed to. A stream that only other components of
        this process subscribed to is known as well.

        `None` if there is none: nobody subscribed, nothing has come yet, or the connection is gone. A value from before
        that is never given, since it may be wrong by now; after a reconnect it is there again with the first message.

        Raises:
            LocalProtocolError: if the type has no newest value, or the code is nonsense.

        Example:
            proxy.subscribe_ticker("KRW-BTC", on_tick)
            ticker = proxy.last("ticker", "KRW-BTC")
            price = None if ticker is None else ticker.trade_price
        """
        with no_fork():
            from .newest import wanted_value
        return finish(self._newest(wanted_value(type, code)))

    def book(self, code: str, *, level: Level = 0) -> OrderbookEvent | None:
        """Return the newest order book that is subscribed to, as `last` does; `level` is that of the subscription.

        Example:
            proxy.subscribe_orderbook("KRW-BTC", on_book, depth=5)
            book = proxy.book("KRW-BTC")
        """
        with no_fork():
            from .newest import wanted_book
        return finish(self._newest(wanted_book(code, level)))

    def wait_ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Wait until every stream that this component subscribed to has data: `last` has a value for each then.

        The exchange sends no present state of private streams: for those it is enough that their connection is open.

        Raises:
            NotReadyError: if some have none within `timeout` seconds; it names them and says what they wait for.
            ClosedError: if the component ends meanwhile.

        Example:
            proxy.subscribe_orderbook(["KRW-BTC", "KRW-ETH"], on_book)
            proxy.wait_ready(timeout=10.0)
        """
        finish(self._data_awaited(timeout))

    # --- markets

    def markets(self, quote: str = "KRW", *, timeout: float = MARKETS_TIMEOUT) -> Markets:
        """Return all markets of a quote currency: codes, names, warnings, as the exchange's last list has them.

        Waits for the first list; from then on it is kept up to date, once a minute, as long as this component is there.
        `age` says how old it is.

        Raises:
            SnapshotTimeoutError: if there is no list within `timeout` seconds.
            UnknownCodeError: if the exchange has no such quote currency; it names those that there are.

        Example:
            warned = [market.code for market in proxy.markets("KRW") if market.warning]
        """
        return finish(self._markets_listed(quote, timeout))

    # --- how things stand

    def is_public_available(self) -> bool:
        """Whether the public connection is open now."""
        return finish(self._is_open("public"))

    def is_private_available(self) -> bool:
        """Whether the private connection is open now."""
        return finish(self._is_open("private"))

    def list_subscriptions(self, endpoint: str = "public", *, timeout: float = LIST_TIMEOUT) -> SubscriptionList:
        """Ask the exchange what it serves on `endpoint` (LIST_SUBSCRIPTIONS), to all components together.

        Raises:
            TransportError: if the endpoint is not connected, or does not answer within `timeout` seconds.
        """
        return finish(self._listed(endpoint, timeout))

    def health(self) -> "Health":
        """Return how the engine and this component are doing; `str()` of it reads well."""
        return finish(self._gathered())

    # --- inside

    def _snapshot(self, what: Wanted[E], timeout: float) -> list[E]:
        return finish(self._snapshot_taken(what, timeout))
