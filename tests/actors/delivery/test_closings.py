"""The router's part in closed candles: whose they are, when a sign is asked for, what is told; by the test's clock."""

import time
from typing import Any, cast

import pytest

from tests.actors.delivery.world import no_timer
from tests.actors.ear import Ear
from websocket_v6.actors.base import Timer
from websocket_v6.actors.delivery.closed_candles import ClosedCandles
from websocket_v6.actors.delivery.closings import AGAIN, GRACE, SAMPLE, Closings
from websocket_v6.actors.delivery.deliveries import Delivery, Taker
from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.registry import AskReach, BackfillEnded
from websocket_v6.actors.messages.router import AddRoutes, CandlesFetched, ClosingsDue
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import CandleEvent, make_event
from websocket_v6.protocol.events.candle_intervals import utc_text
from websocket_v6.protocol.exchange.wants import Closing
from websocket_v6.protocol.server.words import Reached

STREAM, ETHER = "candle.1s KRW-BTC", "candle.1s KRW-ETH"
NOON = 1_795_176_000_000  # at the exchange, when the clock here says 100


def candle(second: int, volume: float = 1.5, made: int | None = None, stream_type: str = "REALTIME") -> bytes:
    start = utc_text(NOON + second * 1000)
    made_ms = NOON + second * 1000 if made is None else made
    return (
        f'{{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"{start}","trade_price":5.0,'
        f'"candle_acc_trade_volume":{volume},"timestamp":{made_ms},"stream_type":"{stream_type}"}}'
    ).encode()


class Told(Mouth):
    def __init__(self) -> None:
        self.told: list[object] = []

    def deliver(self, rows: Any) -> None:
        """Nothing goes there in these tests."""

    def go_on(self) -> None:
        raise AssertionError("nothing had to wait")

    def convey(self, way: Way, news: object) -> None:
        self.told.append(news)


class World:
    """Closings between a router's parts and ears, by a clock that stands still but for `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
        self.now = 100.0
        self.wall_ns = time.time_ns()
        monkeypatch.setattr("websocket_v6.actors.delivery.closing_world.time.time_ns", lambda: self.wall_ns)
        self.timers: list[Timer] = []
        self.registry, self.backfill = Ear(), Ear()
        self.delivery = Delivery(SourceFlow())
        self.delivery.registry = self.registry.ref
        self.closings = Closings(self.delivery, self.after, clock=lambda: self.now, **how)
        self.routes = Routes(self.delivery, {}, cast(ClosedCandles, self.closings))
        self.closings.use(self.backfill.ref)
        self.mailboxes: dict[int, MailboxQueue] = {}

    def after(self, delay: float, message: object) -> Timer:
        assert message == ClosingsDue()
        self.timers.append(Timer(self.now + delay, message))
        return self.timers[-1]

    def join(self, taker: int = 1, stream: str = STREAM, **how: Any) -> None:
        mailbox = self.mailboxes[taker] = MailboxQueue(Mailbox.lossless(1 << 20))
        message = AddRoutes(taker, "public", (stream,), mailbox, None, True, True, True, False, Closing(**how))
        self.routes.add(message, Taker(taker, "public", mailbox, None), 5)

    def go(self, seconds: float) -> None:
        """Let time pass, on both clocks; what is due in it happens at its time."""
        end = self.now + seconds
        while self.due is not None and self.due <= end:
            self.pass_until(self.due)
            self.timers[-1].message = None
            self.closings.time_came()
        self.pass_until(end)

    def pass_until(self, now: float) -> None:
        self.wall_ns += round((now - self.now) * 1e9)
        self.now = now

    @property
    def due(self) -> float | None:
        return self.timers[-1].due if self.timers and self.timers[-1].message is not None else None

    @property
    def exchange_ms(self) -> int:
        return NOON + round((self.now - 100) * 1000)

    def come(self, payload: bytes, *, stream: str = STREAM, is_snapshot: bool = False) -> None:
        route = self.routes.by_stream[stream]
        event = make_event(stream, payload, 1, self.wall_ns)
        assert route.closer is not None
        self.closings.take(stream, route.closer, event, is_snapshot=is_snapshot)
        route.last = event
        self.hear(payload)

    def hear(self, payload: bytes | None = None) -> None:
        """Something came, of any stream."""
        if payload is None:
            payload = b'{"type":"trade","timestamp":%d,"stream_type":"REALTIME"}' % self.exchange_ms
        batch = Batch("public", 1, self.wall_ns, self.wall_ns, ["any"], [payload])
        self.closings.heard(self.wall_ns, batch)

    def sign(self) -> None:
        """A pong came."""
        self.closings.heard(self.wall_ns)

    def take(self, taker: int = 1) -> list[CandleEvent]:
        self.delivery.flush()
        events = self.mailboxes[taker].take_many(0.0, 1000)
        assert all(isinstance(one, CandleEvent) for one in events)
        return events  # type: ignore[return-value]

    def starts(self, taker: int = 1) -> list[str]:
        return [one.candle_date_time_utc[-8:] for one in self.take(taker)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_candle_closes_with_what_comes_after_it(world: World) -> None:
    world.join()
    world.hear()
    world.come(candle(0, 2.5))
    world.go(2.99)
    world.hear()
    assert world.starts() == []
    world.go(0.01)
    world.hear()
    (event,) = world.take()
    assert (event.closed, event.backfilled, event.empty, event.stream_type) == (True, False, False, "REALTIME")
    assert event.payload == candle(0, 2.5)


def test_a_sign_is_asked_for_where_nothing_comes_and_again_until_it_does(world: World) -> None:
    world.join()
    world.hear()
    world.come(candle(0))
    world.registry.heard()
    world.go(3.0 + GRACE - 0.001)
    assert world.registry.heard() == []
    world.go(0.001)
    assert world.registry.heard() == [AskReach("public")]
    world.go(2 * AGAIN)
    assert world.registry.heard() == [AskReach("public")] * 2
    assert world.starts() == [], "time alone closes nothing"
    world.sign()
    assert world.starts() == ["12:00:00"]
    world.go(60.0)
    assert world.registry.heard() == [], "there is nothing to wait for"


def test_until_the_time_is_known_it_is_asked_for(world: World) -> None:
    world.join()
    assert world.registry.heard() == [AskReach("public")]
    world.go(AGAIN)
    assert world.registry.heard() == [AskReach("public")]
    world.closings.told_time(world.wall_ns, world.exchange_ms)
    world.registry.heard()
    world.go(30.0)
    assert world.registry.heard() == []


@pytest.mark.parametrize("step_ns", [3600 * 10**9, -3600 * 10**9])
def test_a_clock_that_is_set_changes_nothing(world: World, step_ns: int) -> None:
    world.join()
    world.hear()
    world.come(candle(0))
    world.go(1.0)
    world.wall_ns += step_ns
    world.go(1.9)
    world.hear()
    assert world.starts() == []
    world.go(0.1)
    world.hear()
    assert world.starts() == ["12:00:00"]


def test_a_clock_that_is_set_between_the_reading_and_here_is_no_proof_of_anything(world: World) -> None:
    world.join()
    world.hear()
    world.come(candle(0))
    world.go(2.9)
    read_ns = world.wall_ns
    world.wall_ns += 3600 * 10**9
    world.closings.heard(read_ns)
    assert world.starts() == []
    world.go(0.2)
    world.sign()
    assert world.starts() == ["12:00:00"]


def test_what_was_read_late_closes_nothing_too_early(world: World) -> None:
    world.join()
    world.hear()
    world.come(candle(0))
    long_ago_ns = world.wall_ns
    world.go(10.0)
    world.closings.heard(long_ago_ns)  # a starved reader: its bytes lay there for ten seconds
    assert world.starts() == []
    world.sign()
    assert world.starts() == ["12:00:00"]


def test_the_date_of_the_handshake_counts_until_a_message_comes(world: World) -> None:
    world.closings.opened(world.wall_ns, world.exchange_ms - 700)
    world.join()
    world.come(candle(0, stream_type="SNAPSHOT"), is_snapshot=True)
    world.go(3.1)
    world.sign()
    assert world.starts() == []
    world.go(0.7)
    world.sign()
    assert world.starts() == ["12:00:00"]


def test_two_takers_have_one_event_and_who_leaves_has_none(world: World) -> None:
    world.join(1)
    world.join(2)
    world.join(3)
    world.hear()
    world.come(candle(0))
    world.routes.drop(3, None)
    world.go(3.0)
    world.hear()
    (one,), (other,) = world.take(1), world.take(2)
    assert one is other
    assert world.take(3) == []
    world.routes.drop(1, None)
    world.routes.drop(2, None)
    assert world.routes.by_stream[STREAM].closer is None
    world.closings.due()
    assert world.closings.closers == {}


def test_a_newcomer_begins_with_the_last_value(world: World) -> None:
    world.hear()
    world.routes.add(
        AddRoutes(9, "public", (STREAM,), MailboxQueue(Mailbox.latest()), None, True, True, True),
        Taker(9, "public", MailboxQueue(Mailbox.latest()), None),
        5,
    )
    world.routes.by_stream[STREAM].last = make_event(STREAM, candle(0), 1, 5)
    world.join()
    world.hear()
    world.go(3.0)
    world.hear()
    assert world.starts() == ["12:00:00"]


def test_empty_candles_are_made_of_the_one_before(world: World) -> None:
    world.join(empty=True)
    world.hear()
    world.come(candle(0, 2.5))
    world.go(5.0)
    world.sign()
    closed, first, second = world.take()
    assert [one.empty for one in (closed, first, second)] == [False, True, True]
    assert [one.candle_date_time_utc[-2:] for one in (first, second)] == ["01", "02"]
    assert (
        first.asdict(float).items()
        >= {"candle_acc_trade_volume": 0.0, "trade_price": 5.0, "timestamp": closed.timestamp}.items()
    )


@pytest.mark.parametrize(
    ("state", "count"), [(b'"ACTIVE"', 3), (b"null", 3), (b'"DELISTED"', 1), (b'"PREVIEW"', 1), (b"7", 3)]
)
def test_of_a_market_that_does_not_trade_none_is_empty(world: World, state: bytes, count: int) -> None:
    mailbox = MailboxQueue(Mailbox.latest())
    world.routes.add(
        AddRoutes(9, "public", ("ticker KRW-BTC",), mailbox, None, True, True, True),
        Taker(9, "public", mailbox, None),
        5,
    )
    payload = b'{"type":"ticker","code":"KRW-BTC","market_state":%b}' % state
    world.routes.by_stream["ticker KRW-BTC"].last = make_event("ticker KRW-BTC", payload, 1, 5)
    world.join(empty=True)
    world.hear()
    world.come(candle(0))
    world.go(5.0)
    world.sign()
    assert len(world.take()) == count


def test_a_late_change_is_counted_where_it_was_had(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.join(1)
    world.hear()
    world.come(candle(0, 2.5))
    world.go(3.0)
    world.hear()
    world.join(2)
    world.come(candle(0, 3.5))
    world.come(candle(0, 4.5))
    assert (world.mailboxes[1].late, world.mailboxes[2].late, world.closings.late) == (2, 0, 2)
    (record,) = caplog.records
    assert "from 2.5 to 3.5" in record.message
    assert STREAM in record.message


def test_what_is_verified_is_fetched_and_delivered_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, fill_patience=15.0)
    world.join(1, verify=True)
    world.join(2)
    world.hear()
    world.come(candle(0, 2.5))
    world.go(3.0)
    world.hear()
    assert world.starts(2) == ["12:00:00"]
    (asked,) = world.backfill.heard()
    assert isinstance(asked, FetchCandles)
    assert (asked.stream, asked.ask.from_ms, asked.ask.end_ms) == (STREAM, NOON, NOON + 1000)
    rows = ((NOON, candle(0, 1002.5)),)
    world.closings.fetched(CandlesFetched(STREAM, asked.ask.number, 7, rows, (NOON, NOON + 1000), ""))
    (event,) = world.take(1)
    assert (event.closed, event.backfilled, event.stream_type) == (True, True, "REALTIME")
    assert event.payload == candle(0, 1002.5)
    assert world.take(2) == []


def test_what_is_not_verified_in_time_is_told_by_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, fill_patience=4.0)
    world.join(1, verify=True)
    world.hear()
    world.come(candle(0, 2.5))
    world.go(3.0)
    world.hear()
    world.go(3.9)
    assert not [one for one in world.registry.heard() if isinstance(one, BackfillEnded)]
    world.go(0.1)
    (told,) = [one for one in world.registry.heard() if isinstance(one, BackfillEnded)]
    (missing,) = told.unrecovered
    assert (missing.started_at, missing.reason) == (NOON * 10**6, "not verified within 4 s")
    assert world.take() == []


def test_what_says_no_start_is_left_to_others(world: World) -> None:
    world.join()
    world.come(b'{"type":"candle.1s"}')
    assert world.take() == []


# --- gaps


def test_a_gap_without_anybody_to_fetch_is_told(world: World) -> None:
    world.join()
    world.hear()
    world.come(candle(0))
    world.closings.ended(world.wall_ns)
    world.go(10.0)
    world.closings.opened(world.wall_ns, None)
    world.closings.turn(2)
    world.come(candle(10), is_snapshot=True)
    world.registry.heard()
    world.go(2.0)
    world.hear()
    (told,) = [one for one in world.registry.heard() if isinstance(one, BackfillEnded)]
    assert (told.epoch, told.type, told.recovered) == (2, "candle.1s", {"KRW-BTC": 0})
    (missing,) = told.unrecovered
    assert (missing.symbol, missing.type) == ("KRW-BTC", "candle.1s")
    assert (missing.started_at, missing.ended_at) == (NOON * 10**6, (NOON + 10_000) * 10**6)
    assert told.started_ns is not None
    assert (told.ended_ns - told.started_ns) / 1e9 == pytest.approx(10.0)
    world.go(1.0)
    world.hear()
    assert world.starts() == ["12:00:10"]


def test_what_a_gap_swallowed_is_fetched_and_told_once_all_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, fill_patience=15.0)
    world.join(1)
    world.join(2, ETHER)
    world.hear()
    for stream in (STREAM, ETHER):
        world.come(candle(0), stream=stream)
    world.closings.ended(world.wall_ns)
    world.go(10.0)
    world.closings.opened(world.wall_ns, None)
    world.closings.turn(2)
    for stream in (STREAM, ETHER):
        world.come(candle(10), stream=stream, is_snapshot=True)
    world.registry.heard()
    world.go(2.0)
    world.hear()
    first, second = world.backfill.heard()
    assert isinstance(first, FetchCandles)
    assert first.exchange_ms == pytest.approx(world.exchange_ms)
    covered = (NOON, NOON + 10_000)
    rows = ((NOON, candle(0, 9.5)), (NOON + 4000, candle(4)))
    world.closings.fetched(CandlesFetched(STREAM, first.ask.number, 7, rows, covered, ""))
    assert not [one for one in world.registry.heard() if isinstance(one, BackfillEnded)], "the other is not known"
    got = world.take(1)
    assert [(one.candle_date_time_utc[-2:], one.backfilled, one.epoch) for one in got] == [
        ("00", True, 2),
        ("04", True, 2),
    ]
    assert {one.stream_type for one in got} == {"REALTIME"}
    world.closings.fetched(CandlesFetched(ETHER, second.ask.number, 7, (), covered, ""))
    (told,) = [one for one in world.registry.heard() if isinstance(one, BackfillEnded)]
    assert told.recovered == {"KRW-BTC": 2, "KRW-ETH": 0}
    assert told.unrecovered == ()
    world.closings.fetched(CandlesFetched("candle.1s KRW-XRP", 1, 7, (), None, "nobody's"))


def test_a_backfill_that_is_started_again_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, fill_patience=15.0)
    world.join(history=5)
    world.hear()
    world.come(candle(0), is_snapshot=True)
    world.go(2.0)
    (asked,) = world.backfill.heard()
    world.closings.use(world.backfill.ref)
    (again,) = world.backfill.heard()
    assert again.ask.most == asked.ask.most == 5
    world.closings.fetched(CandlesFetched(STREAM, again.ask.number, 7, ((NOON - 1000, candle(-1)),), None, ""))
    (event,) = world.take()
    assert (event.stream_type, event.backfilled, event.closed) == ("SNAPSHOT", True, True)


def test_what_a_router_leaves_keeps_a_candle_from_coming_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.join(1)
    world.join(2)
    world.hear()
    world.come(candle(0))
    world.go(3.0)
    world.hear()
    assert world.starts() == ["12:00:00"]
    heir = World(monkeypatch, closers=world.closings.closers)
    heir.pass_until(world.now)
    heir.join(1)
    heir.closings.ended(heir.wall_ns)
    heir.closings.turn(2)
    heir.hear()
    heir.come(candle(0), is_snapshot=True)
    heir.go(3.0)
    heir.hear()
    assert heir.starts() == []
    assert heir.closings.closers[STREAM].takers == {1}, "who has not come again is gone"
    heir.come(candle(6))
    heir.go(9.0)
    heir.hear()
    assert heir.starts() == ["12:00:06"]


def test_most_batches_need_not_be_told(world: World) -> None:
    assert not world.closings.listens(), "nobody takes closed candles"
    world.join()
    assert world.closings.listens()
    world.hear()
    assert not world.closings.listens()
    world.go(SAMPLE)
    assert world.closings.listens(), "what time is it there?"
    world.come(candle(0))
    world.hear()
    world.go(SAMPLE / 2)
    assert not world.closings.listens()
    world.go(3.0)
    world.closings.heard(world.wall_ns - 10**9)
    assert world.closings.listens(), "it is late enough, but not all has been read"
    world.hear()
    assert not world.closings.listens()


# --- guests


def test_a_guest_is_told_at_the_next_sign(world: World) -> None:
    mouth = Told()
    world.hear()
    world.closings.ask(Way(3, mouth))
    assert world.closings.listens()
    world.closings.heard(world.wall_ns - 10**9)
    assert mouth.told == [], "what was read before it asked says nothing"
    world.go(0.5)
    world.hear()
    assert mouth.told == [Reached(world.wall_ns, world.exchange_ms)]
    world.hear()
    assert len(mouth.told) == 1


def test_without_any_message_the_time_is_not_told(world: World) -> None:
    mouth = Told()
    world.closings.ask(Way(3, mouth))
    world.go(0.1)
    world.sign()
    assert mouth.told == [Reached(world.wall_ns, None)]


def test_without_anybody_no_timer_is_needed() -> None:
    Closings(Delivery(SourceFlow()), no_timer).due()
