"""The router's way to its `Closings`, which most programs do without: begun for the first who wants closed candles.

Until then this keeps what they are to begin with, and of that the last alone.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from websocket_v6.actors.base import Timer
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import CandlesFetched
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream

from .deliveries import Delivery, Taker
from .route import Route

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.closer import Closer
    from websocket_v6.protocol.exchange.wants import Closing

    from .closings import Closings

__all__ = ["ENDPOINT", "ClosedCandles"]

ENDPOINT = "public"


class ClosedCandles:
    """What is told here means what it means to `Closings`. `closers` are those of a router before this one."""

    def __init__(
        self,
        delivery: Delivery,
        after: Callable[[float, object], Timer],
        *,
        fill_patience: float | None = None,
        closers: "Mapping[Stream, Closer[Event]] | None" = None,
    ) -> None:
        self._delivery = delivery
        self._after = after
        self._fill_patience = fill_patience
        self._inherited = closers
        self.routes: Mapping[Stream, Route] = {}  # those of the router
        self._closings: Closings | None = None
        self._backfill: Ref | None = None
        self._date: tuple[float, int] | None = None  # when an answer to a handshake came, monotonic, and what it said
        self._told: tuple[int, int] | None = None  # up to when all was read, and what time it was at the exchange then
        self._gap: tuple[int | None, int] = (None, 0)
        self._epoch = 0

    def begin(self) -> "Closings":
        """Return the closings, begun with what was told before."""
        if self._closings is not None:
            return self._closings
        with no_fork():
            from .closings import Closings
        closings = Closings(
            self._delivery,
            self._after,
            fill_patience=self._fill_patience,
            closers=self._inherited,
            gap=self._gap,
            epoch=self._epoch,
        )
        closings.routes = self.routes
        if self._date is not None:
            closings.dated(*self._date)
        if self._told is not None:
            closings.told_time(*self._told)
        if self._backfill is not None:
            closings.use(self._backfill)
        self._closings = closings
        return closings

    @property
    def closers(self) -> "Mapping[Stream, Closer[Event]]":
        """What a router after this one begins with."""
        return (self._inherited or {}) if self._closings is None else self._closings.closers

    # --- who takes candles

    def join(self, stream: Stream, route: Route, taker: Taker, closing: "Closing") -> None:
        """Deliver to `taker` each candle of `stream` once."""
        self.begin().join(stream, route, taker, closing)

    def use(self, backfill: Ref) -> None:
        """Have candles fetched by `backfill`."""
        self._backfill = backfill
        if self._closings is not None:
            self._closings.use(backfill)

    def ask(self, way: Way) -> None:
        """Tell a guest, at the next sign, up to when all has been read."""
        self.begin().ask(way)

    # --- what comes

    def take(self, stream: Stream, closer: "Closer[Event]", event: Event, *, is_snapshot: bool) -> None:
        """Take a message of a stream that is closed."""
        self.begin().take(stream, closer, event, is_snapshot=is_snapshot)

    def listens(self) -> bool:
        """Whether `heard` is to be called for this batch."""
        return self._closings is not None and self._closings.listens()

    def heard(self, whole_ns: int | None, batch: Batch | None = None) -> None:
        """Note that all from before `whole_ns` has been read and delivered, of which `batch` was the last."""
        if self._closings is not None:
            self._closings.heard(whole_ns, batch)

    def told_time(self, whole_ns: int, exchange_ms: int | None) -> None:
        """Note what time it was at the exchange, as a host said it."""
        if self._closings is not None:
            self._closings.told_time(whole_ns, exchange_ms)
        elif exchange_ms is not None:
            self._told = whole_ns, exchange_ms

    def opened(self, at_ns: int, date_ms: int | None) -> None:
        """Note that a source is open, and what the answer to its handshake said the time is."""
        if self._closings is not None:
            self._closings.opened(at_ns, date_ms)
            return
        self._gap = self._gap[0], at_ns
        if date_ms is not None:
            self._date = time.monotonic(), date_ms

    def ended(self, whole_ns: int) -> None:
        """Note that a source is over."""
        self._gap = whole_ns, self._gap[1]
        if self._closings is not None:
            self._closings.ended(whole_ns)

    def turn(self, epoch: int) -> None:
        """Something may be missing before what comes now."""
        self._epoch = epoch
        if self._closings is not None:
            self._closings.turn(epoch)

    def fetched(self, message: CandlesFetched) -> None:
        """Take candles that were fetched."""
        if self._closings is not None:
            self._closings.fetched(message)

    def time_came(self) -> None:
        """Note that the timer is over, and do what is due."""
        if self._closings is not None:
            self._closings.time_came()
