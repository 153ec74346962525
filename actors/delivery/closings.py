"""The router's part in closed candles: whose they are, up to when all has been read, and what is told of gaps.

Not an actor: the router owns one `Closings`. When a candle is final is `protocol/delivery/closer.py`'s to say, what
time it is at the exchange `exchange_time.py`'s. A clock that can be set is asked for nothing but how long ago it was.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from websocket_v6.actors.base import Timer
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.actors.messages.router import CandlesFetched, ClosingsDue
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.candle_taker import Give, How, Late
from websocket_v6.protocol.delivery.closer import Action, Ask, Closer, Missing, Settled, Wrong
from websocket_v6.protocol.delivery.exchange_time import ExchangeTime, made_at
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import CandleEvent, Event, TickerEvent, Unrecovered, make_event
from websocket_v6.protocol.events.candle_intervals import empty_after, start_of
from websocket_v6.protocol.exchange.codes import CANDLE_UNITS
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import Closing
from websocket_v6.protocol.server.words import Reached
from websocket_v6.protocol.telling import Tellings

from .closing_world import ClosingWorld
from .deliveries import Delivery, Taker
from .route import Route

__all__ = ["Closings"]

logger = logging.getLogger(__name__)

GRACE = 0.05  # seconds for a message that comes by itself, before a sign is asked for
AGAIN = 1.0  # seconds until it is asked for once more
SAMPLE = (
    0.1  # seconds between two messages of other streams whose time is looked at: it takes as long as to deliver one
)
REALTIME = b'"REALTIME"'
NEVER = math.inf


class Closings:
    """Closes candles for who wants each once. What it gives anybody is in `delivery`, for the caller to flush.

    `fill_patience`: for so many seconds live candles wait for those that a gap swallowed; `None`: nothing is fetched.
    `closers` are those of a router before this one. `gap` and `epoch` are the last ones from before it was made.
    """

    def __init__(
        self,
        delivery: Delivery,
        after: Callable[[float, object], Timer],
        *,
        fill_patience: float | None = None,
        closers: Mapping[Stream, Closer[Event]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        gap: tuple[int | None, int] = (None, 0),
        epoch: int = 0,
    ) -> None:
        self._is_on = False  # somebody wants to know the exchange's time
        self._listens_at = -NEVER  # when the next batch is to be told, monotonic
        self.late = 0
        self.world = ClosingWorld(delivery, after, clock)
        self._delivery = delivery
        self._fill_patience = fill_patience
        self.routes: Mapping[Stream, Route] = {}  # those of the router: a ticker says whether its market trades
        self._closers = dict(closers or {})
        self._takers: dict[int, Taker] = {}
        self._time = ExchangeTime()
        self._read_at = -NEVER  # up to when all has been read, monotonic
        self._closes_at_ms = NEVER  # when there is something to close, by the exchange's clock
        self._asked_at = -NEVER  # when a sign was last asked for
        self._guests: list[tuple[Way, float]] = []  # that asked up to when all has been read, and when they did
        self._timer: Timer | None = None
        self._epoch = epoch
        self._gap = gap  # its bounds, Unix nanoseconds
        self._holes: set[Stream] = set()  # streams that wait for what it swallowed
        self._recovered: dict[Stream, int] = {}
        self._missing: dict[Stream, list[Unrecovered]] = {}
        self._tellings = Tellings()
        for closer in self._closers.values():
            closer.ask_again()

    @property
    def closers(self) -> Mapping[Stream, Closer[Event]]:
        """What a router after this one begins with: no candle is delivered twice."""
        return {stream: closer for stream, closer in self._closers.items() if closer.is_needed}

    # --- who takes candles

    def join(self, stream: Stream, route: Route, taker: Taker, closing: Closing) -> None:
        """Deliver to `taker` each candle of `stream` once."""
        now, closer = self.world.clock(), route.closer
        if closer is None:
            closer = self._closers.get(stream)
            if closer is None or not closer.is_needed:  # else it is inherited
                patience = self._fill_patience
                closer = Closer(
                    CANDLE_UNITS[split(stream)[0]], volume=_volume, fills=patience is not None, patience=patience or 0.0
                )
            route.closer = self._closers[stream] = closer
            if route.last is not None and not route.is_expecting:
                self.take(stream, closer, route.last, is_snapshot=True)
        self._takers[taker.subscription_id] = taker
        closer.join(taker.subscription_id, now, **msgspec.structs.asdict(closing))
        route.refresh()
        self._is_on = True
        self.due()

    def use(self, backfill: Ref) -> None:
        """Have candles fetched by `backfill`; what its predecessor had not finished, it begins anew."""
        self.world.backfill = backfill
        for closer in self._closers.values():
            closer.ask_again()
        self.due()

    # --- what comes

    def take(self, stream: Stream, closer: Closer[Event], event: Event, *, is_snapshot: bool) -> None:
        """Take a message of a stream that is closed."""
        start_ms = start_of(event.payload)
        if start_ms is not None:
            made_ms = None if is_snapshot else made_at(event.payload)
            if made_ms is not None:
                self._time.note(self.world.clock(), made_ms)
            self._listens_at = -NEVER
            self._act(stream, closer.take(start_ms, event, is_snapshot=is_snapshot))
            closes_at_ms = closer.closes_at_ms
            if closes_at_ms is not None and closes_at_ms < self._closes_at_ms:
                self._closes_at_ms = closes_at_ms
                self._set_timer()
            if closer.is_busy:
                self.due()

    @property
    def listens_at(self) -> float:
        """From when on `heard` is to be called for the next batch: for most it is not."""
        return self._listens_at if self._is_on else NEVER

    def listens(self) -> bool:
        """Whether it is time for that."""
        return self._is_on and self.world.clock() >= self._listens_at

    def heard(self, whole_ns: int | None, batch: Batch | None = None) -> None:
        """Note that all from before `whole_ns` has been read and delivered, of which `batch` was the last."""
        now = self.world.clock()
        if batch is not None and batch.payloads and not batch.replayed and not batch.backfilled:
            payload = batch.payloads[-1]
            made_ms = made_at(payload) if REALTIME in payload else None
            if made_ms is not None:
                self._time.note(now, made_ms)
        if whole_ns is not None:
            self._read_at = max(self._read_at, self._clock_at(whole_ns))
            self._close(now)
            if self._guests:
                self._answer_guests(whole_ns)
        exchange_ms = self._time.at(now)
        closes_in = NEVER if exchange_ms is None else (self._closes_at_ms - exchange_ms) / 1000
        self._listens_at = -NEVER if self._guests else now + min(SAMPLE, closes_in)

    def told_time(self, whole_ns: int, exchange_ms: int | None) -> None:
        """Note what time it was at the exchange, as a host said it."""
        if exchange_ms is not None:
            self._time.note(self._clock_at(whole_ns), exchange_ms)

    def opened(self, at_ns: int, date_ms: int | None) -> None:
        """Note that a source is open, and what the answer to its handshake said the time is."""
        self._gap = (self._gap[0], at_ns)
        if date_ms is not None:
            self.dated(self.world.clock(), date_ms)

    def dated(self, at: float, date_ms: int) -> None:
        """Note what the answer to a handshake, which came by `at`, said the time is."""
        self._time.date(at, date_ms)

    def ended(self, whole_ns: int) -> None:
        """Note that a source is over; what came after `whole_ns` may be missing, if no other brought it."""
        self._gap = (whole_ns, self._gap[1])

    def turn(self, epoch: int) -> None:
        """Something may be missing before what comes now."""
        self._epoch, now = epoch, self.world.clock()
        since_ns = self._gap[0]
        # Up to then it was read, as far as is known; in hindsight perhaps less.
        since = min(self._read_at, NEVER if since_ns is None else self._clock_at(since_ns))
        since_ms = self._time.at(since) if since > -NEVER else None
        self._read_at, self._closes_at_ms = -NEVER, NEVER
        for stream, closer in self._closers.items():
            for taker in closer.takers.difference(self._takers):
                closer.leave(taker)  # of a router before this one, and gone since
            if closer.lost(since_ms, self._time.at(now), now):
                self._holes.add(stream)
        self.due()

    def fetched(self, message: CandlesFetched) -> None:
        """Take candles that were fetched."""
        stream, closer, now = message.stream, self._closers.get(message.stream), self.world.clock()
        if closer is None:
            return
        rows = [
            (start_ms, make_event(stream, payload, self._epoch, message.received_ns).as_backfilled())
            for start_ms, payload in message.rows
        ]
        exchange_ms = self._time.at(now)
        assert exchange_ms is not None, "nothing is asked for before the time is known"
        fetched = closer.fetched(message.number, rows, message.covered, message.problem, exchange_ms, now)
        self._act(stream, fetched)
        self._close(now)
        self.due()

    def ask(self, way: Way) -> None:
        """Tell a guest, at the next sign, up to when all has been read."""
        self._is_on = True
        self._listens_at = -NEVER
        self._guests.append((way, self.world.clock()))

    # --- what is due

    def time_came(self) -> None:
        """Note that the timer is over, and do what is due."""
        self._timer = None
        self.due()

    def due(self) -> None:
        """Do what its time has come for."""
        now = self.world.clock()
        exchange_ms = self._time.at(now)
        self._closers = {stream: one for stream, one in self._closers.items() if one.is_needed}
        for stream, closer in self._closers.items():
            if closer.is_busy:
                self._act(stream, closer.tick(exchange_ms, now))
        self._plan()
        self._listens_at = -NEVER
        self._report()
        if now >= self._sign_at(exchange_ms, now):
            self._asked_at = now
            self.world.ask_sign()
        self._set_timer()

    def _set_timer(self) -> None:
        now = self.world.clock()
        exchange_ms = self._time.at(now)
        ticks = [one.next_tick(exchange_ms, now) for one in self._closers.values() if one.is_busy]
        due = min((one for one in ticks if one is not None), default=NEVER)
        due = min(due, self._sign_at(exchange_ms, now))
        timer = self._timer
        if timer is not None and timer.message is not None:
            if timer.due <= due:
                return  # it wakes in time, and looks again then
            timer.cancel()
        self._timer = None if due == NEVER else self.world.after(max(0.0, due - now), ClosingsDue())

    def _sign_at(self, exchange_ms: float | None, now: float) -> float:
        """When a sign is to be asked for, that all has been read, if none comes by itself."""
        if not self._closers or (exchange_ms is not None and self._closes_at_ms == NEVER):
            return NEVER
        wait = 0.0 if exchange_ms is None else (self._closes_at_ms - exchange_ms) / 1000 + GRACE
        return max(now + wait, self._asked_at + AGAIN)

    def _close(self, now: float) -> None:
        """Close what is final, if all has been read that far."""
        exchange_ms = self._time.at(self._read_at) if self._read_at > -NEVER else None
        if exchange_ms is not None and exchange_ms >= self._closes_at_ms:
            for stream, closer in self._closers.items():
                self._act(stream, closer.read(exchange_ms, now))
            self._plan()
            self._report()
            self._set_timer()

    def _plan(self) -> None:
        closes = (one.closes_at_ms for one in self._closers.values())
        self._closes_at_ms = min((one for one in closes if one is not None), default=NEVER)

    def _clock_at(self, at_ns: int) -> float:
        """Return a moment of the wall clock's, just past, by the clock that nobody sets."""
        return self.world.clock() - max(0.0, (self.world.wall_ns() - at_ns) / 1e9)

    def _answer_guests(self, whole_ns: int) -> None:
        due = [way for way, asked_at in self._guests if asked_at < self._read_at]
        if due:
            exchange_ms = self._time.at(self._read_at)
            word = Reached(whole_ns, None if exchange_ms is None else int(exchange_ms))
            self._guests = [one for one in self._guests if one[1] >= self._read_at]
            self._delivery.flush()
            self._delivery.send()
            for way in due:
                way.mouth.convey(way, word)

    # --- what a closer decides

    def _act(self, stream: Stream, actions: Iterable[Action[Event]]) -> None:
        type_, code = split(stream)
        made: dict[tuple[int, How], Event | None] = {}
        for action in actions:
            match action:
                case Give(taker, start_ms, item, how):
                    if (start_ms, how) not in made:
                        made[start_ms, how] = self._event(stream, start_ms, item, how)
                    event, known = made[start_ms, how], self._takers.get(taker)
                    if event is not None and known is not None:
                        self._delivery.give(known, event)
                case Late():
                    self._note_late(stream, action)
                case Ask():
                    now = self.world.clock()
                    exchange_ms = self._time.at(now)
                    assert exchange_ms is not None, "nothing is asked for before the time is known"
                    self.world.fetch(FetchCandles(stream, action, exchange_ms, now))
                case Missing() | Wrong() if not self.world.tells():
                    pass
                case Missing(from_ms, end_ms, reason):
                    lost = Unrecovered(code, from_ms * 1_000_000, end_ms * 1_000_000, reason, type_)
                    self._missing.setdefault(stream, []).append(lost)
                case Wrong(start_ms, reason):
                    end_ms = start_ms + CANDLE_UNITS[type_]
                    lost = Unrecovered(code, start_ms * 1_000_000, end_ms * 1_000_000, reason, type_)
                    self._missing.setdefault(stream, []).append(lost)
                case Settled(recovered):
                    self._holes.discard(stream)
                    if self.world.tells():
                        self._recovered[stream] = self._recovered.get(stream, 0) + recovered

    def _event(self, stream: Stream, start_ms: int, item: Event, how: How) -> Event | None:
        """Return a candle as it is delivered; `None` if it is not, for nobody can say what stands for it."""
        if how is How.EMPTY:
            if not self._is_active(split(stream)[1]):
                return None
            try:
                payload = empty_after(item.payload, start_ms)
            except RemoteProtocolError:  # the edge has said so
                return None
            item = make_event(stream, payload, item.epoch, self.world.wall_ns())
        if not isinstance(item, CandleEvent):
            return None
        if how is How.EMPTY:
            return item.as_empty()
        return item.as_snapshot().as_closed() if how is How.HISTORY else item.as_closed()

    def _is_active(self, code: str) -> bool:
        """Whether a market trades, as far as its ticker says."""
        route = self.routes.get(f"ticker {code}")
        ticker = None if route is None else route.last
        try:
            return not isinstance(ticker, TickerEvent) or ticker.market_state in ("ACTIVE", None)
        except RemoteProtocolError:
            return True

    def _note_late(self, stream: Stream, late: Late[Event]) -> None:
        self.late += 1
        for taker in late.takers:
            known = self._takers.get(taker)
            if known is not None and isinstance(known.mailbox, MailboxQueue):
                known.mailbox.late += 1
        told = self._tellings.failed(stream, self.world.clock())
        if told:
            before = "0" if late.known is None else _volume(late.known)
            text = "%s: a candle changed after it was delivered, its volume from %s to %s: it is not delivered again%s"
            logger.warning(text, stream, before, _volume(late.item), told)

    def _report(self) -> None:
        """Tell what became of a gap, or of a history, once all is known."""
        self._holes.intersection_update(self._closers)
        if self._holes or not (self._recovered or self._missing):
            return
        recovered, self._recovered = self._recovered, {}
        missing, self._missing = self._missing, {}
        started_ns, ended_ns = self._gap
        for type_ in dict.fromkeys(split(stream)[0] for stream in (*recovered, *missing)):
            counts = {split(stream)[1]: count for stream, count in recovered.items() if split(stream)[0] == type_}
            lost = [one for ones in missing.values() for one in ones if one.type == type_]
            self.world.report(BackfillEnded(self._epoch, started_ns, ended_ns, counts, tuple(lost), type_))


def _volume(event: Event) -> object:
    try:
        return event.candle_acc_trade_volume if isinstance(event, CandleEvent) else None
    except RemoteProtocolError:
        return None
