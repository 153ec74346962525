"""One stream: who takes it and how, what its events are made as, its last value, and what it waits for."""

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TradeEvent, kind_of, make_event, weigh
from websocket_v6.protocol.exchange.streams import Stream

from .deliveries import Taker

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.closer import Closer
    from websocket_v6.protocol.delivery.hold import Hold

__all__ = ["REMEMBERED_TRADES", "Held", "Route", "TradeHold", "bare_trade", "trade_id"]

# A reconnect's snapshot of a trade stream is its last trade, which may have come before: as many are remembered.
REMEMBERED_TRADES = 16

Held = tuple[Event, bool]  # a trade that waits, and whether it came as a snapshot
TradeHold: TypeAlias = "Hold[Held]"


class Route:
    """One stream: its takers by how they take it, and its last value."""

    __slots__ = (
        "awaiting",
        "closer",
        "hold",
        "is_expecting",
        "is_plain",
        "is_stale",
        "kind",
        "last",
        "live",
        "newcomers",
        "once",
        "opened_ns",
        "parent",
        "realtime",
        "stream",
        "takers",
        "trades",
    )

    def __init__(self, stream: Stream, opened_ns: int) -> None:
        self.stream = stream
        self.last: Event | None = None
        self.live: dict[int, Taker] = {}  # everything
        self.realtime: dict[int, Taker] = {}  # everything but snapshots
        self.once: dict[int, Taker] = {}  # the next message, as a snapshot, and no more
        self.awaiting: dict[int, tuple[Taker, AddRoutes]] = {}  # nothing before the next snapshot
        self.newcomers: set[int] = set()  # takers that have had nothing yet
        self.parent: Route | None = None  # the wildcard whose takers take this too
        self.takers: tuple[Taker, ...] = ()  # the sinks of `live` and of the wildcard: the short way
        self.kind = kind_of(stream)  # of the events that go the short way
        self.is_plain = False  # a message is simply the next one, for all `takers`
        self.is_stale = False  # takers have changed since `takers` was built
        self.is_expecting = False  # what comes before the next snapshot is too shallow to be a last value
        self.trades: deque[Event] | None = None  # of trade streams, the last few
        self.hold: TradeHold | None = None  # of a trade stream with a gap that is being filled
        self.closer: Closer[Event] | None = None  # of a candle stream that someone takes candle by candle
        self.opened_ns = opened_ns

    @property
    def touched_ns(self) -> int:
        """When its last message came."""
        return self.opened_ns if self.last is None else self.last.received_at

    @property
    def weight(self) -> int:
        """How many bytes of memory its last value and its last trades hold."""
        last = () if self.last is None else (self.last,)
        return weigh((*last, *self.trades) if self.trades else last)

    def shed(self) -> None:
        """Forget the last value, and of the last trades all but what tells them from others."""
        self.forget_last()
        if self.trades is not None:
            self.trades = deque(map(_bare, self.trades), maxlen=self.trades.maxlen)

    @property
    def is_empty(self) -> bool:
        takers = (self.live, self.realtime, self.once, self.awaiting)
        return not any(takers) and (self.closer is None or not self.closer.is_needed)

    def refresh(self) -> None:
        """Note a change of takers. A thousand of them may come in a row: the next message rebuilds the short way."""
        self.is_plain = False
        self.is_stale = True

    def settle(self) -> None:
        """Make the short way what the takers are now."""
        if self.is_stale:
            takers = dict(self.live)
            if self.parent is not None:
                takers.update(self.parent.live)
            self.takers = tuple(dict.fromkeys(taker.sink for taker in takers.values()))
            numbers = {taker.numbers for taker in self.takers} - {None}
            self.kind = kind_of(self.stream, float if numbers == {float} else Decimal)
            self.is_stale = False
        self.is_plain = not (
            self.last is None
            or self.realtime
            or self.once
            or self.awaiting
            or self.newcomers
            or self.is_expecting
            or self.hold is not None
            or self.closer is not None
        )

    def forget_last(self) -> None:
        """The last value is no longer current: the next message is the first."""
        self.last = None
        self.is_plain = self.is_expecting = False

    def has(self, sink: Taker) -> bool:
        """Whether it goes there already, for another subscription of the same client."""
        return any(one.sink is sink for takers in (self.live, self.realtime) for one in takers.values())

    def remove(self, taker: Taker) -> None:
        """Take a taker out, however it takes."""
        subscription_id = taker.subscription_id
        if subscription_id in self.live:
            # A client that goes over to a deeper book is served as before until that begins.
            for number, (other, _) in self.awaiting.items():
                if other.sink is taker.sink and number != subscription_id:
                    self.live[number] = other
        for takers in (self.live, self.realtime, self.once, self.awaiting):
            takers.pop(subscription_id, None)
        if self.closer is not None:
            self.closer.leave(subscription_id)
            self.closer = self.closer if self.closer.is_needed else None
        self.newcomers.discard(subscription_id)
        self.refresh()

    def admit(self, taker: Taker, how: AddRoutes) -> None:
        """Let `taker` take from the next message on."""
        if not how.realtime:
            self.once[taker.subscription_id] = taker
        elif not how.snapshots:
            self.realtime[taker.subscription_id] = taker
        else:
            self.live[taker.subscription_id] = taker
            if self.last is None and self.trades is not None and how.replay:
                self.newcomers.add(taker.sink.subscription_id)
        self.refresh()


def _bare(trade: Event) -> Event:
    """Return a trade with its id alone; one that has none as it could be malformed in few bytes."""
    return bare_trade(trade.stream, trade_id(trade), trade.epoch, trade.received_at)


def trade_id(event: Event) -> int | None:
    """Return a trade's id; None of what is none, or malformed: the edge will say so."""
    try:
        return event.sequential_id if isinstance(event, TradeEvent) else None
    except RemoteProtocolError:
        return None


def bare_trade(stream: Stream, number: int | None, epoch: int = 0, received_at: int = 0) -> Event:
    """Return a trade of which there is its id, if that."""
    payload = b"{}" if number is None else b'{"ty":"trade","sid":%d}' % number
    return make_event(stream, payload, epoch, received_at)
