"""Routes: which stream goes to which mailboxes, and the last value of each stream for those who come later."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.hold import floor_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TradeEvent, weigh
from websocket_v6.protocol.exchange.streams import Stream, split, wildcard
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.limits import LAST_VALUES_BYTES, WILDCARD_CODES

from .closed_candles import ClosedCandles
from .deliveries import Delivery, Taker
from .route import REMEMBERED_TRADES, Route, trade_id

__all__ = ["Routes", "as_snapshot"]

logger = logging.getLogger(__name__)


class Routes:
    """All routes of the router. `trades` are the last ones that a router before this one has delivered, by stream."""

    def __init__(self, delivery: Delivery, trades: Mapping[Stream, deque[Event]], closings: ClosedCandles) -> None:
        self.by_stream: dict[Stream, Route] = {}
        self.mailboxes: dict[int, Taker] = {}
        self._sinks: dict[Way, Taker] = {}  # of clients
        self.repeated = 0  # trades that a reconnect's snapshot brought again
        self._wildcards: dict[Stream, Route] = {}
        self.remembers_trades = True  # to tell the last ones from those that a reconnect brings again
        self._found: dict[Stream, Route] = {}  # those that a wildcard alone takes: the exchange chooses their codes
        self._by_code: dict[str, dict[Stream, Route]] = {}
        self._delivery = delivery
        self._trades = dict(trades)
        self._closings = closings
        closings.routes = self.by_stream

    def __iter__(self) -> Iterator[tuple[Stream, Route]]:
        return iter(self.by_stream.items())

    def of(self, endpoint: str) -> Iterator[tuple[Stream, Route]]:
        """Yield the routes of one endpoint."""
        return ((stream, route) for stream, route in self if endpoint_of(split(stream)[0]) == endpoint)

    def of_code(self, code: str) -> Iterator[Route]:
        """Yield the routes of one code, whatever their types."""
        return iter(self._by_code.get(code, {}).values())

    # --- who takes what

    def taker(self, message: AddRoutes) -> Taker:
        """Return the taker of a subscription, made anew if it is not known."""
        subscription_id, mailbox = message.subscription_id, message.mailbox
        taker = self.mailboxes.get(subscription_id)
        if taker is None:
            sink = self._sinks.get(mailbox) if isinstance(mailbox, Way) else None
            taker = Taker(subscription_id, message.endpoint, mailbox, message.component, sink)
            if isinstance(mailbox, Way):
                self._sinks[mailbox] = taker.sink
        return taker

    def add(self, message: AddRoutes, taker: Taker, now_ns: int) -> None:
        """Route the streams to `taker`; one that is new begins with the last value."""
        self.mailboxes[taker.subscription_id] = taker
        for stream in message.streams:
            route = self.by_stream.get(stream) or self._open(stream, now_ns)
            self._found.pop(stream, None)
            self._take(stream, route, taker, message)

    def _take(self, stream: Stream, route: Route, taker: Taker, message: AddRoutes) -> None:
        if message.closing is not None:
            taker.streams.add(stream)
            self._closings.join(stream, route, taker, message.closing)
            return
        if message.awaits_snapshot or route.is_expecting:
            route.awaiting[taker.subscription_id] = taker, message
            taker.streams.add(stream)
            route.refresh()
            return
        if message.replay and route.last is not None:
            if not message.realtime:
                self._delivery.serve_once(taker, stream, as_snapshot(taker.view(route.last)))
                return
            self._delivery.give(taker, as_snapshot(taker.view(route.last)))
        taker.streams.add(stream)
        if route.hold is not None and not route.has(taker.sink):
            route.hold.join(taker.sink.subscription_id)
        route.admit(taker, message)
        if stream in self._wildcards:
            self._refresh_children(stream, route)

    def _open(self, stream: Stream, now_ns: int) -> Route:
        route = self._keep(Route(stream, now_ns))
        type_, code = split(stream)
        if type_ == "trade" and self.remembers_trades:
            route.trades = self._trades.pop(stream, None) or deque(maxlen=REMEMBERED_TRADES)
        if code == "*":
            self._wildcards[stream] = route
        else:
            route.parent = self._wildcards.get(wildcard(stream))
        return route

    def find(self, stream: Stream, now_ns: int) -> Route | None:
        """Return the route of `stream`, made anew if only a wildcard takes it; None if nobody does."""
        route = self.by_stream.get(stream)
        if route is None and (parent := self._wildcards.get(wildcard(stream))) is not None:
            if len(self._found) >= WILDCARD_CODES:
                self._retire_found()
            route = self._found[stream] = self._keep(Route(stream, now_ns))
            route.parent = parent
            route.refresh()
        return route

    def _keep(self, route: Route) -> Route:
        self.by_stream[route.stream] = route
        self._by_code.setdefault(split(route.stream)[1], {})[route.stream] = route
        return route

    def _delete(self, stream: Stream) -> None:
        del self.by_stream[stream]
        self._found.pop(stream, None)
        code = split(stream)[1]
        same = self._by_code[code]
        del same[stream]
        if not same:
            del self._by_code[code]

    def _retire_found(self) -> None:
        """Forget the quarter of a wildcard's codes that had no message for longest.

        All that is lost are last values: what has come lies with the takers already, and the next message makes the
        route anew.
        """
        by_age = sorted(self._found, key=lambda stream: self._found[stream].touched_ns)
        for stream in by_age[: max(1, WILDCARD_CODES // 4)]:
            self._delete(stream)

    def drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        """Stop delivering `streams` to a taker, or all of them if None, and the taker with them."""
        taker = self.mailboxes.get(subscription_id)
        if taker is None:
            return
        for stream in taker.streams.intersection(streams) if streams is not None else set(taker.streams):
            taker.streams.discard(stream)
            route = self.by_stream.get(stream)
            if route is not None:
                route.remove(taker)
                if stream in self._wildcards:
                    self._refresh_children(stream, route)
        if streams is None:
            del self.mailboxes[subscription_id]
            if isinstance(taker.mailbox, Way) and not any(
                one.mailbox is taker.mailbox for one in self.mailboxes.values()
            ):
                del self._sinks[taker.mailbox]

    def is_held(self, way: Way) -> bool:
        """Whether trades that the client at the end of `way` takes wait for those before them."""
        held = (route for _, route in self if route.hold is not None and not route.hold.is_released)
        return any(taker.mailbox is way for route in held for taker in (*route.live.values(), *route.realtime.values()))

    def _refresh_children(self, stream: Stream, route: Route) -> None:
        for other, child in self:
            if other != stream and wildcard(other) == stream:
                child.parent = route
                child.refresh()

    def takers(self, stream: Stream, route: Route, event: Event, *, is_snapshot: bool) -> tuple[Taker, ...]:
        """Return who takes `event` where not everybody takes everything; who wants a snapshot alone gets it here."""
        takers = route.takers
        if is_snapshot and route.trades and _is_among(route.trades, event):
            # The last trade again, after a reconnect: news only to those who have had nothing yet.
            self.repeated += 1
            takers = tuple(
                taker
                for taker in takers
                if taker.subscription_id in route.newcomers
                or (isinstance(taker.mailbox, Way) and taker.mailbox.mouth.compares_trades)
            )
        if route.realtime and not is_snapshot:
            takers += tuple(route.realtime.values())
        if route.once:
            self.serve_once(stream, route, event if is_snapshot else as_snapshot(event))
        route.newcomers.clear()
        return takers

    def had(self, route: Route, event: Event) -> bool:
        """Whether a trade that was fetched is none that was missed here, though another process did miss it."""
        number = trade_id(event)
        if not route.trades or number is None:
            return False
        ids = [one for one in map(trade_id, route.trades) if one is not None]
        is_old = number in ids or number < floor_of(ids, is_all=len(route.trades) < REMEMBERED_TRADES)
        self.repeated += is_old
        return is_old

    def serve_once(self, stream: Stream, route: Route, snapshot: Event) -> None:
        """Give the snapshot to those who want nothing else."""
        for taker in route.once.values():
            self._delivery.serve_once(taker, stream, snapshot)
        route.once.clear()

    # --- last values

    def expect(self, streams: Iterable[Stream]) -> None:
        """Take nothing before the next snapshot of each for its last value."""
        for stream in streams:
            route = self.by_stream.get(stream)
            if route is not None:
                route.is_expecting = True
                route.is_plain = False

    def retire(self, streams: Iterable[Stream]) -> None:
        """Forget streams that nobody serves any more, and routes that nobody takes."""
        for stream in streams:
            route = self.by_stream.get(stream)
            if route is None:
                continue
            route.forget_last()
            if route.is_empty:
                self._delete(stream)
                if self._wildcards.pop(stream, None) is not None:
                    self._orphan(stream)

    def _orphan(self, parent: Stream) -> None:
        for stream in [one for one in self.by_stream if wildcard(one) == parent]:
            route = self.by_stream[stream]
            route.parent = None
            route.refresh()
            if route.is_empty:
                self._delete(stream)

    def forget(self, endpoint: str) -> None:
        """Nothing of `endpoint` is current any more."""
        for _, route in self.of(endpoint):
            route.forget_last()

    def shed(self) -> None:
        """Forget the largest last values, and of the last trades all but their ids, if all hold too much memory."""
        held = [event for _, route in self if route.trades for event in route.trades]
        total = weigh([route.last for _, route in self if route.last is not None]) + weigh(held)
        if total <= LAST_VALUES_BYTES:
            return
        weights = {stream: route.weight for stream, route in self}
        logger.warning("last values hold %d MiB: the largest are forgotten", total >> 20)
        for stream in sorted(weights, key=weights.__getitem__, reverse=True):
            if total <= LAST_VALUES_BYTES // 2:
                break
            route = self.by_stream[stream]
            route.shed()
            total -= weights[stream] - route.weight

    def latest(self, stream: Stream) -> bytes | None:
        """Return the last message of `stream` that later ones are compared with.

        None: its takers wait for their first. Empty: nobody takes it.
        """
        route = self.by_stream.get(stream)
        if route is None:
            return b""
        return None if route.last is None else route.last.payload

    def expects(self, stream: Stream) -> bool:
        """Whether `stream` is to begin anew with its next snapshot, whatever that says."""
        route = self.by_stream.get(stream)
        return route is not None and route.is_expecting

    def trades(self) -> dict[Stream, deque[Event]]:
        """Return what keeps a trade from being delivered twice: the last ones of each stream."""
        return {stream: route.trades for stream, route in self if route.trades is not None}


def _is_among(trades: Iterable[Event], event: Event) -> bool:
    """Whether `event` is one of `trades`, by its id: it may stand at another place in time, and as a snapshot."""
    try:
        return isinstance(event, TradeEvent) and any(
            isinstance(trade, TradeEvent) and trade.sequential_id == event.sequential_id for trade in trades
        )
    except RemoteProtocolError:
        return False  # malformed: the edge will say so


def as_snapshot(event: Event) -> Event:
    """Return `event` as a snapshot; one that is malformed as it is, for the edge to say so."""
    try:
        return event.as_snapshot()
    except RemoteProtocolError:
        return event
