"""The router's part in backfill: which trade streams wait for what a gap swallowed, and what is told of that.

Not an actor: the router owns one `Holds` and asks it. The waiting itself is `protocol/delivery/hold.py`.
"""

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.backfill import Fetch, MissingTrades, TradesBegan, TradesReleased
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import Filled
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.commands import HoldTrades
from websocket_v6.protocol.delivery.hold import Had, Hold
from websocket_v6.protocol.events import Event, make_event, weigh
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.limits import HELD_BYTES

from .deliveries import Delivery, Taker
from .route import Held, Route, TradeHold, bare_trade, trade_id
from .routes import Routes

__all__ = ["MAX_HELD", "Holds"]

MAX_HELD = 4_096  # live trades of one stream that wait


class Holds:
    """Lets trades wait for those before them, and delivers them with what was fetched."""

    def __init__(self, routes: Routes, delivery: Delivery) -> None:
        self.repeated = 0  # trades that came live after they had been fetched
        self._routes = routes
        self._delivery = delivery
        self._weight = 0  # of the trades that wait, at most: what was let go since it was counted is in it
        self._began: list[tuple[Stream, int]] = []
        self._gap: HoldTrades | None = None
        self._backfill: Ref | None = None

    def use(self, backfill: Ref) -> None:
        """Let `backfill` do the fetching; what its predecessor had not finished, it begins anew."""
        self._backfill = backfill
        if self._gap is not None:
            waiting = [
                (stream, route.hold)
                for stream, route in self._routes
                if route.hold is not None and not route.hold.is_released
            ]
            self._tell(self._gap, waiting)

    def begin(self, gap: HoldTrades) -> None:
        """Hold back all trade streams that someone has been following since before `gap` ended."""
        self._gap = gap
        self._began.clear()
        had = {stream: _remind(stream, route) for stream, route in self._routes if route.trades is not None}
        holds = [
            (stream, _begin(gap, route, had[stream]))
            for stream, route in self._routes
            if route.trades is not None and _follows(route)
        ]
        self._tell(gap, holds)
        clients: dict[Way, dict[Stream, tuple[int, ...]]] = {}
        for stream, hold in holds:
            for way in self._waiting(self._routes.by_stream[stream], hold):
                clients.setdefault(way, {})[stream] = hold.known
        for way, streams in clients.items():
            way.mouth.held(way, gap.epoch, streams)

    def take(self, stream: Stream, route: Route, event: Event, *, is_snapshot: bool) -> bool:
        """Let a trade of a stream with a hold wait, or drop it if it was fetched already; False if it is to go on."""
        hold = route.hold
        number = trade_id(event)
        if hold is None or number is None:
            return False
        if hold.is_released:
            # A snapshot may be the first that a newcomer gets, and the route knows who has had it.
            if is_snapshot or not hold.is_repeated(number):
                return False
            self.repeated += 1
        else:
            weight = weigh([event])
            self._weight += weight
            if hold.keep(number, (event, is_snapshot), weight):
                self._began.append((stream, number))
        return True

    def look_at(self, stream: Stream, route: Route) -> None:
        """Let a stream go on for which too many trades wait."""
        if route.hold is not None and len(route.hold) >= MAX_HELD:
            self._go_on(stream, route, [], f"{MAX_HELD:,} live trades were waiting")
        while self._weight > HELD_BYTES:
            waiting = {one: other for one, other in self._routes if other.hold is not None and len(other.hold)}
            self._weight = sum(_weight(one) for one in waiting.values())
            if self._weight > HELD_BYTES:
                heaviest = max(waiting, key=lambda one: _weight(waiting[one]))
                self._go_on(heaviest, waiting[heaviest], [], f"{self._weight >> 20} MiB of live trades were waiting")

    def filled(self, message: Filled) -> None:
        """Deliver what was fetched, and what has waited for it."""
        epoch, stream = message.epoch, message.stream
        route = self._routes.by_stream.get(stream)
        if route is None or route.hold is None or route.hold.is_released or route.hold.epoch != epoch:
            self._released(epoch, stream, 0, "")  # nobody waits for it any more
            return
        fetched = [
            (number, (make_event(stream, payload, epoch, message.ts_received_ns).as_backfilled(), False))
            for number, payload in message.trades
        ]
        self._go_on(stream, route, fetched, given_up=message.problem)

    def over(self, epoch: int) -> None:
        """No hold of this epoch is needed any more."""
        for stream, route in self._routes:
            if route.hold is not None and route.hold.epoch == epoch:
                if not route.hold.is_released:
                    self._go_on(stream, route, [], "backfill did not answer")
                route.hold = None
                route.settle()

    def tell_began(self) -> None:
        """Tell backfill which streams have begun."""
        if self._began and self._gap is not None:
            tell(self._backfill, TradesBegan(self._gap.epoch, tuple(self._began)))
        self._began.clear()

    def _go_on(
        self, stream: Stream, route: Route, fetched: list[tuple[int, Held]], problem: str = "", given_up: str = ""
    ) -> None:
        """Deliver what was fetched and what waited, each trade once.

        `problem`: why it could wait no longer. `given_up`: why backfill has not fetched all.
        """
        hold = route.hold
        assert hold is not None
        recovered = 0
        ways = self._waiting(route, hold)
        if problem or given_up:
            self._tell_ways(ways, stream, problem or given_up)
            ways = []
        for _, live, found, position in hold.release(fetched):
            route.settle()
            takers = route.takers + tuple(route.realtime.values())
            if live is None:
                assert found is not None
                event = found[0]
            else:
                event, is_snapshot = live
                if found is not None and is_snapshot:
                    # It came as a snapshot alone, so who takes none gets it as it was fetched.
                    realtime = self._hand(found[0], tuple(route.realtime.values()), hold, position)
                    recovered += realtime and not route.takers
                takers = self._routes.takers(stream, route, event, is_snapshot=is_snapshot)
            is_had = self._hand(event, takers, hold, position)
            recovered += is_had and live is None
            if route.trades is not None:
                route.trades.append(event)
        self._tell_ways(ways, stream, "")
        self._released(hold.epoch, stream, recovered, problem)

    def _waiting(self, route: Route, hold: TradeHold) -> list[Way]:
        """Return the ways of clients that are to get what is fetched."""
        takers = (*(taker.sink for taker in route.live.values()), *route.realtime.values())
        ways = [one.mailbox for one in takers if isinstance(one.mailbox, Way) and hold.is_for(one.subscription_id, -1)]
        return list(dict.fromkeys(ways))

    def _tell_ways(self, ways: list[Way], stream: Stream, problem: str) -> None:
        """Tell clients that a stream goes on, behind all that was delivered to them."""
        if ways:
            self._delivery.flush(at_once=True)
        for way in ways:
            way.mouth.released(way, stream, problem)

    def _hand(self, event: Event, takers: tuple[Taker, ...], hold: TradeHold, position: int) -> bool:
        """Give it to whom it is for; return whether any is of those that are told how many came from here."""
        is_had = False
        for taker in takers:
            if hold.is_for(taker.subscription_id, position):
                self._delivery.give(taker, event)
                is_had |= not isinstance(taker.mailbox, Way) or not taker.mailbox.mouth.compares_trades
        return is_had

    def _released(self, epoch: int, stream: Stream, recovered: int, problem: str) -> None:
        tell(self._backfill, TradesReleased(epoch, stream, recovered, problem))

    def _tell(self, gap: HoldTrades, holds: list[tuple[Stream, TradeHold]]) -> None:
        if holds:
            wanted = tuple(
                MissingTrades(stream, hold.known, hold.is_all, hold.since_ns, hold.first) for stream, hold in holds
            )
            tell(self._backfill, Fetch(gap.epoch, gap.started_ns, gap.ended_ns, gap.patience, wanted))


def _weight(route: Route) -> int:
    return 0 if route.hold is None else route.hold.weight


def _follows(route: Route) -> bool:
    """Whether someone takes all of this stream and has had something of it."""
    return bool(route.realtime.keys() | route.live.keys() - route.newcomers)


def _remind(stream: Stream, route: Route) -> Had | None:
    """Return what clients had of a stream before it came through here: then they are no newcomers to it.

    None if nobody knows, or it is less than what was delivered here: then they are to have what comes live, as any.
    """
    own = [number for number in map(trade_id, route.trades or ()) if number is not None]
    found: Had | None = None
    for taker in route.live.values():
        way = taker.mailbox
        had = way.mouth.had(way, stream) if isinstance(way, Way) else None
        if had is not None and not (own and had.known and max(own) > max(had.known)):
            route.newcomers.discard(taker.sink.subscription_id)
            found = had
    return None if own else found


def _begin(gap: HoldTrades, route: Route, had: Had | None) -> TradeHold:
    hold = route.hold
    if hold is not None and not hold.is_released:
        hold.again(gap.epoch)
        return hold
    trades = route.trades
    assert trades is not None
    if had is not None:
        trades.extend(bare_trade(route.stream, number) for number in had.known)
        hold = route.hold = Hold(gap.epoch, had.known, is_all=False, since_ns=had.since_ns)
    else:
        known = tuple(number for number in map(trade_id, trades) if number is not None)
        since_ns = gap.started_ns if known else max(gap.started_ns, route.opened_ns)
        hold = route.hold = Hold(gap.epoch, known, is_all=len(trades) < (trades.maxlen or 0), since_ns=since_ns)
    for taker in route.newcomers:
        hold.join(taker)
    route.refresh()
    return hold
