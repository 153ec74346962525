"""The router's part in backfill: which trade streams wait for what a gap swallowed, and what is told of that.

Not an actor: the router owns one `Holds` and asks it; the waiting itself is `protocol/delivery/hold.py`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import HoldTrades
from websocket_v6.protocol.delivery.hold import Hold
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TradeEvent, make_event
from websocket_v6.protocol.exchange.streams import Stream

if TYPE_CHECKING:
    from .router import Route

__all__ = ["MAX_HELD", "Fetch", "Filled", "Held", "Holds", "Released", "TradesBegan", "Wanted"]

MAX_HELD = 4_096  # live trades of one stream that wait

Held = tuple[Event, bool]  # and whether it came as a snapshot
TradeHold = Hold[Held]


# --- router to backfill


class Wanted(NamedTuple):
    """The missing trades of one stream: see `Fill` and `Hold` for what tells them."""

    stream: Stream
    known: tuple[int, ...]
    is_all: bool
    since_ns: int
    first: int | None


class Fetch(NamedTuple):
    """Fetch what is missing before the live trades of `epoch`, within `patience` seconds."""

    epoch: int
    started_ns: int
    ended_ns: int
    patience: float
    wanted: tuple[Wanted, ...]


class TradesBegan(NamedTuple):
    """The first trade after the gap came live, in each of these streams."""

    epoch: int
    firsts: tuple[tuple[Stream, int], ...]


class Released(NamedTuple):
    """The stream goes on; so many fetched trades were delivered. `problem`: why it could wait no longer."""

    epoch: int
    stream: Stream
    recovered: int
    problem: str


# --- backfill to router


class Filled(NamedTuple):
    """The fetched trades of one stream, by id: deliver them, then go on."""

    epoch: int
    stream: Stream
    ts_received_ns: int
    trades: tuple[tuple[int, bytes], ...]

    def events(self) -> list[tuple[int, Held]]:
        """Return the trades as events that are marked."""
        made = []
        for number, payload in self.trades:
            event = make_event(self.stream, payload, self.epoch, self.ts_received_ns).as_backfilled()
            made.append((number, (event, False)))
        return made


class Holds:
    """Begins holds, and tells backfill of them."""

    def __init__(self) -> None:
        self.repeated = 0  # trades that came live after they had been fetched
        self.began: list[tuple[Stream, int]] = []
        self._gap: HoldTrades | None = None
        self._backfill: Ref | None = None

    def use(self, backfill: Ref, routes: "Mapping[Stream, Route]") -> None:
        """Let `backfill` do the fetching; what its predecessor had not finished, it begins anew."""
        self._backfill = backfill
        if self._gap is not None:
            waiting = [
                (stream, route.hold)
                for stream, route in routes.items()
                if route.hold is not None and not route.hold.is_released
            ]
            self._tell(self._gap, waiting)

    def begin(self, gap: HoldTrades, routes: "Mapping[Stream, Route]") -> None:
        """Hold back all trade streams that someone has been following since before `gap` ended."""
        self._gap = gap
        self.began.clear()
        holds = [
            (stream, _begin(gap, route))
            for stream, route in routes.items()
            if route.trades is not None and _follows(route)
        ]
        self._tell(gap, holds)

    def take(self, stream: Stream, route: "Route", event: Event, is_snapshot: bool) -> bool:
        """Take a message of a route that has a hold; return False if it is to go its way now."""
        hold = route.hold
        assert hold is not None
        number = trade_id(event)
        if number is None:
            return False  # malformed: the edge will say so
        if not hold.is_released:
            if hold.keep(number, (event, is_snapshot)):
                self.began.append((stream, number))
            return True
        # A snapshot may be the first that a newcomer gets, and the router knows who has had it.
        if hold.is_repeated(number) and not is_snapshot:
            self.repeated += 1
            return True
        return False

    def flush(self) -> None:
        """Tell backfill which streams have begun."""
        if self._gap is not None:
            tell(self._backfill, TradesBegan(self._gap.epoch, tuple(self.began)))
        self.began.clear()

    def released(self, epoch: int, stream: Stream, recovered: int, problem: str) -> None:
        """Tell backfill that a stream goes on."""
        tell(self._backfill, Released(epoch, stream, recovered, problem))

    def _tell(self, gap: HoldTrades, holds: list[tuple[Stream, TradeHold]]) -> None:
        if holds:
            wanted = tuple(Wanted(stream, hold.known, hold.is_all, hold.since_ns, hold.first) for stream, hold in holds)
            tell(self._backfill, Fetch(gap.epoch, gap.started_ns, gap.ended_ns, gap.patience, wanted))


def trade_id(event: Event) -> int | None:
    """Return the id of a trade, `None` if it cannot be read."""
    try:
        return event.sequential_id if isinstance(event, TradeEvent) else None
    except RemoteProtocolError:
        return None


def _follows(route: "Route") -> bool:
    """Whether someone takes all of this stream and has had something of it."""
    return bool(route.realtime.keys() | route.live.keys() - route.newcomers)


def _begin(gap: HoldTrades, route: "Route") -> TradeHold:
    hold = route.hold
    if hold is not None and not hold.is_released:
        hold.again(gap.epoch)
        return hold
    trades = route.trades
    assert trades is not None
    known = tuple(number for number in map(trade_id, trades) if number is not None)
    since_ns = gap.started_ns if known else max(gap.started_ns, route.opened_ns)
    hold = route.hold = Hold(gap.epoch, known, is_all=len(trades) < (trades.maxlen or 0), since_ns=since_ns)
    for taker in route.newcomers:
        hold.join(taker)
    route.refresh()
    return hold
