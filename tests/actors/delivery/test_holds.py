"""Trades held back until those before them are fetched, between a router's routes and a backfill that only hears."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from tests.actors.delivery.world import BITCOIN, TRADES, World, ids, trade
from tests.actors.ear import Ear
from websocket_v6.actors.delivery import holds as subject
from websocket_v6.actors.messages.backfill import Fetch, MissingTrades, TradesBegan, TradesReleased
from websocket_v6.actors.messages.router import AddRoutes, Filled
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.commands import HoldTrades
from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.events import Event, TradeEvent

STARTED, ENDED = 1_000, 2_000
OTHERS = "trade KRW-ETH"
Marked = list[tuple[int, bool]]


class Trades(World):
    """One taker of a trade stream, number 1; the router opened its route at 500 ns."""

    def __init__(self) -> None:
        super().__init__(now_ns=500)
        self.epoch = 1
        self.follow(TRADES)

    def live(self, *numbers: int, stream_type: str = "REALTIME") -> None:
        """Let trades come live."""
        self.come(TRADES, *(trade(number, stream_type) for number in numbers), epoch=self.epoch)

    def lose(self, epoch: int, patience: float = 60.0) -> None:
        self.routes.forget("public")
        self.holds.begin(HoldTrades(epoch, STARTED, ENDED, patience))
        self.epoch = epoch

    def fill(self, epoch: int, *numbers: int, stream: str = TRADES) -> None:
        self.holds.filled(Filled(epoch, stream, 6_000, tuple((number, trade(number)) for number in numbers)))

    def marked(self, number: int = 1) -> Marked:
        """Return ids and marks of what a taker has been given since."""
        return [(event.sequential_id, event.backfilled) for event in self.take(number) if isinstance(event, TradeEvent)]

    def wanted(self) -> tuple[MissingTrades, ...]:
        (fetch,) = self.backfill.heard()
        assert isinstance(fetch, Fetch)
        return fetch.wanted


@pytest.fixture
def world() -> Trades:
    return Trades()


def live(*numbers: int) -> Marked:
    return [(number, False) for number in numbers]


def fetched(*numbers: int) -> Marked:
    return [(number, True) for number in numbers]


# --- what is wanted


def test_backfill_is_told_what_is_missing(world: Trades) -> None:
    world.live(1, 2)
    world.lose(2, patience=7.0)
    wanted = (MissingTrades(TRADES, (1, 2), True, STARTED, None),)
    assert world.backfill.heard() == [Fetch(2, STARTED, ENDED, 7.0, wanted)]


@pytest.mark.parametrize(
    ("count", "known", "is_all"),
    [(15, tuple(range(1, 16)), True), (16, tuple(range(1, 17)), False), (18, tuple(range(3, 19)), False)],
)
def test_only_the_last_trades_are_known(world: Trades, count: int, known: tuple[int, ...], is_all: bool) -> None:
    world.live(*range(1, count + 1))
    world.lose(2)
    (missing,) = world.wanted()
    assert (missing.known, missing.is_all) == (known, is_all)


def test_without_a_trade_before_it_the_gap_begins_when_the_stream_was_first_wanted() -> None:
    world = Trades()
    world.now_ns = 1_500
    world.follow(OTHERS, replay=False)
    world.follow(TRADES, snapshots=False)
    world.lose(2)
    missing = {one.stream: one for one in world.wanted()}
    assert missing[TRADES] == MissingTrades(TRADES, (), True, STARTED, None)
    assert missing[OTHERS] == MissingTrades(OTHERS, (), True, 1_500, None)


def test_a_malformed_trade_is_no_known_one(world: Trades) -> None:
    world.live(1)
    world.come(TRADES, b"garbage")
    world.lose(2)
    assert world.wanted()[0].known == (1,)


def test_who_has_had_nothing_yet_misses_nothing(world: Trades) -> None:
    world.lose(2)
    assert world.backfill.heard() == []
    world.live(6)
    assert world.marked() == live(6)
    assert world.seen() == [TRADES]


def test_other_streams_are_not_held(world: Trades) -> None:
    one = world.follow(BITCOIN)
    world.come(BITCOIN, b"{}")
    world.lose(2)
    world.come(BITCOIN, b"{}")
    assert world.backfill.heard() == []
    assert len(world.take(one)) == 2


def test_who_takes_no_snapshots_misses_trades_from_the_first_moment(world: Trades) -> None:
    world.routes.drop(1, None)
    one = world.follow(TRADES, snapshots=False)
    world.lose(2)
    assert [missing.stream for missing in world.wanted()] == [TRADES]
    world.live(6)
    world.fill(2, 5)
    assert world.marked(one) == fetched(5) + live(6)


# --- the beginning


def test_from_the_gap_on_no_trade_goes_the_short_way(world: Trades) -> None:
    world.live(1)
    route = world.routes.by_stream[TRADES]
    assert route.is_plain
    world.holds.begin(HoldTrades(2, STARTED, ENDED, 60.0))
    assert not route.is_plain
    route.settle()
    assert not route.is_plain


def test_backfill_is_told_once_of_the_first_trade_that_came_live(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.backfill.heard()
    world.holds.tell_began()
    assert world.backfill.heard() == []
    world.live(6, 7)
    assert world.backfill.heard() == []
    world.holds.tell_began()
    world.holds.tell_began()
    assert world.backfill.heard() == [TradesBegan(2, ((TRADES, 6),))]


def test_a_beginning_before_the_next_gap_is_not_told_after_it(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.lose(3)
    world.backfill.heard()
    world.holds.tell_began()
    assert world.backfill.heard() == []


# --- the wait and its end


def test_live_trades_wait_for_those_before_them(world: Trades) -> None:
    world.live(1, 2)
    world.lose(2)
    world.live(6, stream_type="SNAPSHOT")
    world.live(7)
    assert world.marked() == live(1, 2)
    world.backfill.heard()
    world.fill(2, 3, 4, 5, 6)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 3, "")]
    world.live(8)
    assert world.marked() == fetched(3, 4, 5) + live(6, 7, 8)
    assert ids(world.routes.trades()[TRADES]) == list(range(1, 9))


def test_fetched_trades_bear_the_epoch_and_the_time_of_their_arrival(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.fill(2, 3)
    assert [(one.epoch, one.received_at) for one in world.take(1)] == [(1, 500), (2, 6_000)]


def test_who_takes_no_snapshots_gets_the_first_one_as_it_was_fetched(world: Trades) -> None:
    realtime = world.follow(TRADES, snapshots=False)
    world.live(1)
    world.lose(2)
    world.live(6, stream_type="SNAPSHOT")
    world.live(7)
    world.fill(2, 5, 6, 7)
    assert world.marked(realtime) == [*live(1), *fetched(5, 6), *live(7)]
    assert world.marked() == [*live(1), *fetched(5), *live(6, 7)]


def test_a_snapshot_that_was_not_fetched_is_not_for_who_takes_none(world: Trades) -> None:
    realtime = world.follow(TRADES, snapshots=False)
    world.live(1)
    world.lose(2)
    world.live(6, stream_type="SNAPSHOT")
    world.fill(2, 5)
    assert world.marked(realtime) == live(1) + fetched(5)
    assert world.marked() == live(1) + fetched(5) + live(6)


def test_who_comes_meanwhile_begins_with_the_next_live_trade(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    later = world.follow(TRADES)
    world.live(7)
    world.fill(2, 5)
    assert world.marked() == live(1) + fetched(5) + live(6, 7)
    assert world.marked(later) == live(6, 7), "the last value, and what came since"


def test_who_has_come_since_the_loss_begins_with_the_snapshot(world: Trades) -> None:
    world.live(1)
    world.routes.forget("public")
    newcomer = world.follow(TRADES)
    world.lose(2)
    world.live(1, stream_type="SNAPSHOT")
    later = world.follow(TRADES)
    world.live(7)
    world.fill(2)
    for number in (1, newcomer, later):
        assert world.marked(number) == live(1, 7)


def test_a_malformed_trade_waits_for_nothing(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.take(1)
    world.come(TRADES, b"garbage", epoch=2)
    assert [event.payload for event in world.take(1)] == [b"garbage"]


def test_too_many_that_wait_go_on(world: Trades, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_HELD", 3)
    world.live(1)
    world.lose(2)
    world.live(6, 7)
    world.backfill.heard()
    assert world.marked() == live(1)
    world.live(8)
    assert world.marked() == live(6, 7, 8)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "3 live trades were waiting")]
    world.fill(2, 4, 5)
    assert world.marked() == [], "it comes too late"
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "")]


def test_a_trade_that_was_fetched_and_comes_late_is_dropped(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.fill(2, 2, 4, 5)
    world.live(5, 7, 4, 3)
    assert world.marked() == live(1) + fetched(2, 4, 5) + live(6, 7, 3)
    assert world.holds.repeated == 2


def test_a_newcomer_after_the_release_gets_the_snapshot_though_it_was_fetched(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.fill(2, 5)
    world.routes.forget("public")
    later = world.follow(TRADES)
    world.live(5, stream_type="SNAPSHOT")
    assert world.marked(later) == live(5)
    assert world.marked() == live(1) + fetched(5)
    assert world.holds.repeated == 0


# --- an end without an answer, and other gaps


def test_without_an_answer_the_stream_goes_on(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.backfill.heard()
    world.holds.over(1)
    assert (world.marked(), world.backfill.heard()) == (live(1), [])
    world.holds.over(2)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "backfill did not answer")]
    route = world.routes.by_stream[TRADES]
    assert route.is_plain
    world.live(7)
    world.fill(2, 2, 3)
    assert world.marked() == live(6, 7)


def test_after_an_answer_only_the_memory_of_it_ends(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.fill(2, 5)
    world.backfill.heard()
    assert not world.routes.by_stream[TRADES].is_plain
    world.holds.over(2)
    assert world.backfill.heard() == []
    assert world.routes.by_stream[TRADES].is_plain
    world.live(5)
    assert world.marked() == [*live(1), *fetched(5), *live(6, 5)]


def test_an_answer_to_an_older_gap_is_not_delivered(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(4)
    world.lose(3)
    (first, second) = world.backfill.heard()
    assert second == msgspec.structs.replace(first, epoch=3), "what was missing is still missing"
    world.fill(2, 2, 3)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "")]
    world.live(8)
    world.holds.tell_began()
    assert world.backfill.heard() == [TradesBegan(3, ((TRADES, 8),))]
    assert world.marked() == live(1)
    world.fill(3, 2, 3, 5, 6, 7)
    assert world.backfill.heard() == [TradesReleased(3, TRADES, 5, "")]
    assert world.marked() == fetched(2, 3) + live(4) + fetched(5, 6, 7) + live(8)


def test_a_gap_after_a_release_is_a_new_one(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.live(6)
    world.fill(2, 5)
    world.backfill.heard()
    world.lose(3)
    assert world.wanted()[0].known == (1, 5, 6)
    world.live(9)
    world.fill(3, 8)
    assert world.marked() == live(1) + fetched(5) + live(6) + fetched(8) + live(9)


def test_a_successor_of_backfill_begins_anew(world: Trades) -> None:
    world.live(1)
    world.come(OTHERS, trade(1))
    world.lose(2)
    world.live(6)
    successor = Ear()
    world.holds.use(successor.ref)
    wanted = (MissingTrades(TRADES, (1,), True, STARTED, 6),)
    assert successor.heard() == [Fetch(2, STARTED, ENDED, 60.0, wanted)]
    world.fill(2, 5)
    assert successor.heard() == [TradesReleased(2, TRADES, 1, "")]
    another = Ear()
    world.holds.use(another.ref)
    assert another.heard() == [], "nothing waits any more"


def test_an_answer_for_a_stream_that_has_ended_is_done(world: Trades) -> None:
    world.live(1)
    world.lose(2)
    world.backfill.heard()
    world.routes.drop(1, None)
    world.routes.retire((TRADES,))
    world.fill(2, 2)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "")]
    one = world.follow(TRADES)
    world.fill(2, 2)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "")]
    assert world.marked(one) == []


# --- clients that are told


class Log(Mouth):
    """A client that is told what waits, and had something of a stream before it came here."""

    def __init__(self, had: Had | None = None) -> None:
        self.said: list[Any] = []
        self._had = had

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        self.said += [(event.sequential_id, event.backfilled) for _, events in rows for event in events]  # type: ignore[attr-defined]

    def convey(self, way: Way, news: object) -> None:
        raise AssertionError(f"nobody says {news!r} to {way!r}")

    def had(self, way: Way, stream: str) -> Had | None:
        return self._had if stream == TRADES else None

    def held(self, way: Way, epoch: int, streams: Mapping[str, Sequence[int]]) -> None:
        self.said.append((epoch, dict(streams)))

    def released(self, way: Way, stream: str, problem: str) -> None:
        self.said.append((stream, problem))


def client(world: Trades, log: Log, *streams: str) -> None:
    """Add a client that has had nothing through here; number 2."""
    message = AddRoutes(2, "public", streams, Way(0, log), None, True, True, True)
    world.takers.append(world.routes.taker(message))
    world.routes.add(message, world.takers[-1], world.now_ns)


def test_a_client_is_told_what_waits_and_that_it_has_come_behind_it(world: Trades) -> None:
    log = Log()
    client(world, log, TRADES, OTHERS)
    world.live(1, 2)
    world.delivery.flush(at_once=True)
    world.lose(2)
    world.live(6)
    world.fill(2, 5)
    world.delivery.flush(at_once=True)
    assert log.said == [(1, False), (2, False), (2, {TRADES: (1, 2)}), (5, True), (6, False), (TRADES, "")]


def test_a_client_is_told_what_cannot_be_had_before_what_comes_all_the_same(world: Trades) -> None:
    log = Log()
    client(world, log, TRADES)
    world.live(1)
    world.delivery.flush(at_once=True)
    world.lose(2)
    world.live(6)
    world.holds.filled(Filled(2, TRADES, 6_000, ((5, trade(5)),), "it is too much"))
    world.delivery.flush(at_once=True)
    assert log.said == [(1, False), (2, {TRADES: (1,)}), (TRADES, "it is too much"), (5, True), (6, False)]
    world.lose(3)
    world.live(8)
    world.holds.over(3)
    world.delivery.flush(at_once=True)
    assert log.said[5:] == [(3, {TRADES: (1, 5, 6)}), (TRADES, "backfill did not answer"), (8, False)]


def test_a_client_that_is_new_and_had_nothing_elsewhere_is_told_nothing(world: Trades) -> None:
    log = Log()
    world.live(1)
    world.routes.forget("public")
    client(world, log, TRADES)
    world.lose(2)
    world.live(6)
    world.fill(2, 5)
    world.delivery.flush(at_once=True)
    assert log.said == [(6, False)]


def test_what_a_client_had_elsewhere_is_where_it_goes_on(world: Trades) -> None:
    """Nobody else follows that stream here."""
    world.routes.drop(1, None)
    world.routes.retire((TRADES,))
    log = Log(Had((3, 4), 700))
    client(world, log, TRADES, OTHERS)
    world.lose(2)
    assert world.wanted() == (MissingTrades(TRADES, (3, 4), False, 700, None),)
    world.live(4, stream_type="SNAPSHOT")
    world.live(6)
    world.fill(2, 5)
    world.delivery.flush(at_once=True)
    assert log.said == [(2, {TRADES: (3, 4)}), (5, True), (6, False), (TRADES, "")]


def test_of_a_stream_that_was_quiet_all_since_then_is_missing(world: Trades) -> None:
    world.routes.drop(1, None)
    world.routes.retire((TRADES,))
    log = Log(Had((), 700))
    client(world, log, TRADES)
    world.lose(2)
    assert world.wanted() == (MissingTrades(TRADES, (), False, 700, None),)
    assert log.said == [(2, {TRADES: ()})]


@pytest.mark.parametrize(("known", "is_told"), [((1, 2, 3), True), ((), True), ((1,), False)])
def test_what_is_followed_here_goes_on_where_that_is(world: Trades, known: tuple[int, ...], is_told: bool) -> None:
    """Unless the client has had less of it: then some of that is not fetched."""
    log = Log(Had(known, 700))
    world.live(1, 2)
    world.routes.forget("public")
    client(world, log, TRADES)
    world.lose(2)
    assert world.wanted() == (MissingTrades(TRADES, (1, 2), True, STARTED, None),)
    world.live(6)
    world.fill(2, 5)
    world.delivery.flush(at_once=True)
    told = [(2, {TRADES: (1, 2)}), (5, True), (6, False), (TRADES, "")]
    assert log.said == (told if is_told else [(6, False)])
    assert world.marked() == live(1, 2) + fetched(5) + live(6)


def test_a_client_that_wants_a_stream_once_more_is_owed_what_it_was(world: Trades) -> None:
    log = Log()
    client(world, log, TRADES)
    world.live(1)
    world.lose(2)
    world.live(6)
    way = world.takers[1].mailbox
    more = AddRoutes(3, "public", (TRADES,), way, None, False, True, True)
    world.routes.add(more, world.routes.taker(more), world.now_ns)
    world.fill(2, 5)
    world.delivery.flush(at_once=True)
    assert log.said[-3:] == [(5, True), (6, False), (TRADES, "")]


@pytest.mark.parametrize("compares", [False, True])
def test_who_compares_gets_the_last_trade_again_so_that_the_stream_is_seen_to_go_on(
    world: Trades, compares: bool
) -> None:
    log = Log()
    log.compares_trades = compares
    client(world, log, TRADES)
    world.live(1)
    world.delivery.flush(at_once=True)
    world.routes.forget("public")
    world.live(1, stream_type="SNAPSHOT")
    world.delivery.flush(at_once=True)
    assert log.said == [(1, False)] * (1 + compares)
    assert world.marked() == live(1)


def test_how_many_came_is_counted_for_those_that_are_told_here(world: Trades) -> None:
    """Who reads a log is told there."""
    log = Log(Had((1,), 700))
    log.compares_trades = True
    world.routes.drop(1, None)
    world.routes.retire((TRADES,))
    client(world, log, TRADES)
    world.lose(2)
    world.backfill.heard()
    world.fill(2, 5)
    assert world.backfill.heard() == [TradesReleased(2, TRADES, 0, "")]
    world.delivery.flush(at_once=True)
    assert log.said[1:] == [(5, True), (TRADES, "")]
