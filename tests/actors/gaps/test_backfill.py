"""Gaps and what came of them, between a router and a registry that only hear and a reader that does as it is told."""

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.gaps import backfill as subject
from websocket_v6.actors.gaps import rest_asker
from websocket_v6.actors.gaps.backfill import Backfill
from websocket_v6.actors.gaps.rest_reader import Answered, Call, Unanswered
from websocket_v6.actors.messages.backfill import Fetch, MissingTrades, TradesBegan, TradesReleased
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.actors.messages.router import Filled
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.gaps import rest_pace
from websocket_v6.protocol.gaps.fill import PAGE, Query

BTC, ETH, XRP = "trade KRW-BTC", "trade KRW-ETH", "trade KRW-XRP"
SECOND = 1_000_000_000
ENDED = time.time_ns()
STARTED = ENDED - 10 * SECOND
LONG_AGO_MS = STARTED // 1_000_000 - 3_600_000


class StandIn:
    """A reader that notes its calls; the test answers them."""

    made: "list[StandIn]"

    def __init__(self, config: Config, owner: Ref, jwt: Ref | None) -> None:
        assert jwt is None, "nobody asks about an account"
        self.base_url = config.rest_base
        self.owner = owner
        self.calls = Ear()
        self.is_started = self.is_finished = self.is_dead = False
        self.made.append(self)

    def start(self) -> None:
        self.is_started = True

    def is_alive(self) -> bool:
        return not self.is_dead

    def ask(self, call: Call) -> None:
        assert self.is_started
        self.calls.tell(call)

    def finish(self) -> None:
        self.is_finished = True


class World:
    """Backfill, and whoever it has to do with."""

    def __init__(self, config: Config) -> None:
        self.router, self.registry, self.supervisor = Ear(), Ear(), Ear()
        self.ref = Backfill.start(
            config=config, router=self.router.ref, registry=self.registry.ref, supervisor=self.supervisor.ref
        )
        StandIn.made = []

    def tell(self, *messages: object) -> None:
        for message in messages:
            tell(self.ref, message)

    def settle(self) -> None:
        """Wait until it has done all it was told by now."""
        ask(self.ref, TradesBegan(-1, ()), 10)

    def fetch(self, epoch: int, *wanted: MissingTrades, patience: float = 60.0, started_ns: int = STARTED) -> None:
        self.tell(Fetch(epoch, started_ns, ENDED, patience, wanted))

    def began(self, epoch: int, *firsts: tuple[str, int]) -> None:
        self.tell(TradesBegan(epoch, firsts))

    def released(self, epoch: int, stream: str, recovered: int = 0, problem: str = "") -> None:
        self.tell(TradesReleased(epoch, stream, recovered, problem))

    @property
    def reader(self) -> StandIn:
        return StandIn.made[-1]

    def call(self) -> Call:
        """Wait for the next call that is made."""
        wait_until(lambda: StandIn.made, "a reader")
        found = self.reader.calls.hear()
        assert isinstance(found, Call)
        return found

    def answer(self, call: Call, body: bytes, status: int = 200, **headers: str) -> None:
        self.tell(Answered(call, status, headers, body))

    def is_quiet(self) -> bool:
        """Whether nothing is asked and nothing delivered any more."""
        self.settle()
        return not self.router.heard() and not [one for made in StandIn.made for one in made.calls.heard()]

    def filled(self) -> tuple[int, str, list[int]]:
        """Wait for the next that goes to the router; return epoch, stream and ids."""
        found = self.router.hear()
        assert isinstance(found, Filled)
        assert found.ts_received_ns >= ENDED
        return found.epoch, found.stream, [number for number, _ in found.trades]

    def ended(self) -> BackfillEnded:
        found = self.registry.hear()
        assert isinstance(found, BackfillEnded)
        return found


@pytest.fixture
def config() -> Config:
    return Config(url="ws://127.0.0.1:1/websocket/v1", backfill=True)


@pytest.fixture
def world(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(rest_asker, "RestReader", StandIn)
    monkeypatch.setattr(subject, "LAG", 0.02)
    monkeypatch.setattr(rest_pace, "SPACING", 0.0)
    monkeypatch.setattr(rest_pace, "RETRY", 0.0)
    made = World(config)
    yield made
    assert stop_and_join(made.ref, 10)


def missing(stream: str = BTC, *known: int, since_ns: int = STARTED, first: int | None = None) -> MissingTrades:
    return MissingTrades(stream, known, True, since_ns, first)


def page(*numbers: int, code: str = "KRW-BTC", ms: int = LONG_AGO_MS) -> bytes:
    row = {
        "market": code,
        "trade_date_utc": "2026-11-20",
        "trade_time_utc": "05:31:12",
        "timestamp": ms,
        "trade_price": 1,
        "trade_volume": 1,
        "prev_closing_price": 1,
        "change_price": 0,
        "ask_bid": "BID",
    }
    return json.dumps([{**row, "sequential_id": number} for number in numbers]).encode()


# --- pages


def test_what_is_missing_is_fetched_once_its_stream_has_begun(world: World) -> None:
    world.fetch(2, missing(BTC, 1))
    world.began(2, (BTC, 5))
    call = world.call()
    assert call == Call(2, BTC, Query("KRW-BTC", None, 0))
    assert world.reader.base_url == "http://127.0.0.1:1"
    world.answer(call, page(5, 4, 3, 1))
    assert world.filled() == (2, BTC, [3, 4, 5])
    assert world.is_quiet()
    assert not world.reader.is_finished, "until the router has said what came of it"
    world.released(2, BTC, 2)
    assert world.ended() == BackfillEnded(2, STARTED, ENDED, {"KRW-BTC": 2}, ())
    world.settle()
    assert world.reader.is_finished


def test_pages_are_followed_until_the_known_trades(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=2000))
    world.answer(world.call(), page(*range(2000, 2000 - PAGE, -1)))
    call = world.call()
    assert call.query == Query("KRW-BTC", 2001 - PAGE, 0)
    world.answer(call, page(1500, 1))
    epoch, stream, numbers = world.filled()
    assert (epoch, stream, len(numbers), numbers[0]) == (2, BTC, PAGE + 1, 1500)


def test_a_stream_that_had_begun_before_is_told_with_the_gap(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=1))
    assert world.filled() == (2, BTC, []), "the gap swallowed none"
    assert world.is_quiet()
    assert StandIn.made == [], "nothing is asked"
    world.released(2, BTC)
    assert world.ended() == BackfillEnded(2, STARTED, ENDED, {"KRW-BTC": 0}, ())


def test_what_is_quiet_is_fetched_after_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "GRACE", 0.02)
    world.fetch(2, missing(BTC, 1), missing(ETH, 1, first=5))
    first = world.call()
    assert first.stream == ETH
    wait_until(lambda: not _timers(world, "GraceOver"), "the end of the grace")
    world.answer(first, page(5, 1, code="KRW-ETH"))
    assert world.filled() == (2, ETH, [5])
    assert world.call() == Call(2, BTC, Query("KRW-BTC", None, 0))


def _timers(world: World, kind: str) -> list[Any]:
    inbox: Any = world.ref.actor_inbox
    return [timer for _, _, timer in list(inbox._heap) if type(timer.message).__name__ == kind]


def test_nothing_is_fetched_before_a_stream_has_begun(world: World) -> None:
    world.fetch(2, missing(BTC, 1))
    assert world.is_quiet()
    assert (len(_timers(world, "GraceOver")), len(_timers(world, "TimeOver"))) == (1, 1)


def test_a_stream_that_begins_overtakes_those_that_are_quiet(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    asked = world.call()
    world.fetch(3, missing(BTC, 1), missing(ETH, 1), missing(XRP, 1))
    world.tell(subject.AskAgain(3, BTC), subject.AskAgain(3, ETH))  # as after the grace
    world.began(3, (XRP, 5))
    world.answer(asked, b"[]")
    assert world.call().stream == XRP


def test_a_stream_that_begins_while_it_is_asked_for_is_not_asked_for_twice(world: World) -> None:
    world.fetch(2, missing(BTC, 1), missing(ETH, 1))
    world.tell(subject.AskAgain(2, BTC))
    call = world.call()
    world.began(2, (BTC, 5))
    world.answer(call, page(5, 1))
    assert world.filled() == (2, BTC, [5])
    assert world.is_quiet()


def test_a_page_that_lags_is_asked_for_again(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    call = world.call()
    world.answer(call, page(4, 1))
    assert world.call() == call, "in a moment"
    assert world.router.heard() == []
    world.answer(call, page(5, 4, 1))
    assert world.filled() == (2, BTC, [4, 5])


def test_while_one_lags_the_others_are_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LAG", 60.0)
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    first = world.call()
    world.answer(first, page(4, 1, code=first.query.market))
    second = world.call()
    assert {first.stream, second.stream} == {BTC, ETH}
    world.answer(second, page(5, 1, code=second.query.market))
    assert world.filled() == (2, second.stream, [5])
    assert world.is_quiet()


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (404, b"", "the exchange answered HTTP 404 for its trades"),
        (204, b"[]", "the exchange answered HTTP 204 for its trades"),
        (200, b"what?", "not a page of trades"),
        (200, page(5, code="KRW-XRP"), "not a page of trades"),
    ],
)
def test_an_answer_of_no_use_ends_one_stream(world: World, status: int, body: bytes, problem: str) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    bad = world.call()
    world.answer(bad, body, status)
    assert world.filled() == (2, bad.stream, [])
    good = world.call()
    world.answer(good, page(5, 3, 1, code=good.query.market))
    assert world.filled() == (2, good.stream, [3, 5])
    world.released(2, bad.stream)
    world.released(2, good.stream, 1)
    ended = world.ended()
    assert ended.recovered == {bad.query.market: 0, good.query.market: 1}
    (lost,) = ended.unrecovered
    assert lost[:3] == (bad.query.market, STARTED, ENDED)
    assert problem in lost.reason


def test_what_was_fetched_before_a_problem_is_delivered_and_told_apart(world: World) -> None:
    ms = STARTED // 1_000_000 + 4_000
    world.fetch(2, missing(BTC, 1, first=2000))
    world.answer(world.call(), page(*range(2000, 2000 - PAGE, -1), ms=ms))
    world.answer(world.call(), b"", 404)
    assert len(world.filled()[2]) == PAGE
    world.released(2, BTC, PAGE - 1)
    (lost,) = world.ended().unrecovered
    assert (lost.started_at, lost.ended_at) == (STARTED, ms * 1_000_000), "the newer ones were had"


# --- pace


def test_calls_keep_the_pace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_pace, "SPACING", 60.0)
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    first = world.call()
    assert world.is_quiet(), "one at a time"
    world.answer(first, page(5, 1, code=first.query.market))
    world.filled()
    assert world.is_quiet()
    assert world.is_quiet()
    (timer,) = _timers(world, "CallDue")
    assert 50 < timer.due - time.monotonic() < 61
    monkeypatch.setattr(rest_pace, "SPACING", 0.0)
    tell(world.ref, timer.message)
    assert world.is_quiet(), "it is not due"


def test_what_is_due_later_is_asked_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_pace, "SPACING", 0.05)
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    first = world.call()
    world.answer(first, page(5, 1, code=first.query.market))
    assert world.call().stream != first.stream


@pytest.mark.parametrize("status", [418, 429])
def test_a_refusal_is_waited_out(world: World, status: int) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    call = world.call()
    world.answer(call, b"", status, **{"Retry-After": "0"})
    assert world.call() == call, "the same page again"
    world.answer(call, page(5, 1))
    assert world.filled() == (2, BTC, [5])


@pytest.mark.parametrize(("status", "seconds"), [(429, 1.0), (418, 60.0)])
def test_a_refusal_without_a_time_has_its_own(world: World, status: int, seconds: float) -> None:
    world.fetch(2, missing(BTC, 1, first=5), patience=1000.0)
    world.answer(world.call(), b"", status)
    world.settle()
    (timer,) = _timers(world, "CallDue")
    assert seconds - 1 < timer.due - time.monotonic() < seconds + 0.1
    assert world.is_quiet()


@pytest.mark.parametrize("status", [418, 429])
def test_a_refusal_for_too_long_ends_it(world: World, status: int) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5), patience=60.0)
    world.answer(world.call(), b"", status, **{"Retry-After": "61"})
    assert {world.filled()[1], world.filled()[1]} == {BTC, ETH}
    world.released(2, BTC)
    world.released(2, ETH)
    reason = f"the exchange answered HTTP {status}: too many REST calls from this address"
    assert [one.reason for one in world.ended().unrecovered] == [reason, reason]


def test_a_refusal_counts_for_the_next_gap_too(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    call = world.call()
    world.released(2, BTC, 0, "no more")
    world.ended()
    world.answer(call, b"", 429, **{"Retry-After": "50"})
    world.fetch(3, missing(BTC, 1, first=5))
    world.settle()
    (timer,) = _timers(world, "CallDue")
    assert 40 < timer.due - time.monotonic() < 51


# --- no answer, and no time


@pytest.mark.parametrize("is_silent", [True, False])
def test_three_calls_in_a_row_without_an_answer_end_it(
    world: World, is_silent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    for _ in range(3):
        assert world.router.heard() == []
        call = world.call()
        world.tell(Unanswered(call, "no route") if is_silent else Answered(call, 503, {}, b"no route"))
    assert {world.filled()[1], world.filled()[1]} == {BTC, ETH}
    world.released(2, BTC)
    world.released(2, ETH)
    for one in world.ended().unrecovered:
        assert one.reason.startswith("no answer from http://127.0.0.1:1: ")
        assert "no route" in one.reason
    assert world.is_quiet()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "missed trades cannot be fetched from http"
    ]


def test_an_answer_in_between_begins_the_count_anew(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=2000))
    for _ in range(2):
        world.tell(Unanswered(world.call(), "no route"))
    world.answer(world.call(), page(*range(2000, 2000 - PAGE, -1)))
    for _ in range(2):
        world.tell(Unanswered(world.call(), "no route"))
    world.answer(world.call(), page(1500, 1))
    assert len(world.filled()[2]) == PAGE + 1


def test_each_failure_is_waited_for_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_pace, "RETRY", 40.0)
    world.fetch(2, missing(BTC, 1, first=5))
    world.tell(Unanswered(world.call(), "no route"))
    world.settle()
    (timer,) = _timers(world, "CallDue")
    assert 30 < timer.due - time.monotonic() < 41


def test_what_takes_too_long_ends_with_what_there_is(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=2000), missing(ETH, 1), patience=0.2)
    world.answer(world.call(), page(*range(2000, 2000 - PAGE, -1)))
    assert {world.filled()[1], world.filled()[1]} == {BTC, ETH}
    world.released(2, BTC, 7)
    world.released(2, ETH)
    ended = world.ended()
    assert {one.reason for one in ended.unrecovered} == {"not fetched within 0.2 s"}
    assert ended.recovered == {"KRW-BTC": 7, "KRW-ETH": 0}


def test_time_that_is_over_is_that_of_its_own_gap(world: World) -> None:
    world.fetch(2, missing(BTC, 1))
    world.fetch(3, missing(BTC, 1))
    world.tell(subject.TimeOver(2), subject.GraceOver(2))
    assert world.is_quiet()
    world.tell(subject.TimeOver(3))
    assert world.filled() == (3, BTC, [])
    world.released(3, BTC)
    world.ended()
    world.tell(subject.TimeOver(3), subject.GraceOver(3))
    assert world.is_quiet()


def test_of_a_longer_gap_nothing_is_fetched(config: Config, world: World) -> None:
    limit = int(config.backfill_max_gap) * SECOND
    world.fetch(2, missing(BTC, 1, since_ns=ENDED - limit - SECOND, first=5), missing(ETH, 1, since_ns=ENDED - limit))
    assert world.filled() == (2, BTC, [])
    world.began(2, (ETH, 5))
    assert world.call().stream == ETH, "it is not longer"
    world.released(2, BTC)
    world.released(2, ETH)
    (lost,) = world.ended().unrecovered
    assert lost == Unrecovered(
        "KRW-BTC", ENDED - limit - SECOND, ENDED, "the gap is longer than backfill_max_gap=3600 s"
    )


# --- what the router says


def test_a_stream_that_could_wait_no_longer_is_left(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5), missing(XRP, 1))
    first = world.call()
    other = ETH if first.stream == BTC else BTC
    world.released(2, other, 0, "10 live trades were waiting")
    world.released(2, XRP)
    world.began(2, (XRP, 5))
    world.answer(first, page(5, 1, code=first.query.market))
    assert world.filled() == (2, first.stream, [5])
    assert world.is_quiet(), "the others are not asked for"
    world.released(2, first.stream, 1)
    code = other.partition(" ")[2]
    assert world.ended().unrecovered == (Unrecovered(code, STARTED, ENDED, "10 live trades were waiting"),)


def test_an_answer_for_a_stream_that_was_left_is_for_nobody(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1))
    call = world.call()
    world.released(2, BTC, 0, "10 live trades were waiting")
    world.answer(call, page(5, 1))
    assert world.is_quiet()


def test_a_stream_that_lagged_and_was_left_is_not_asked_for_again(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1))
    world.answer(world.call(), page(4, 1))
    world.released(2, BTC, 0, "10 live trades were waiting")
    world.settle()
    wait_until(lambda: not _timers(world, "AskAgain"), "the moment of the next try")
    assert world.is_quiet()
    world.released(2, ETH)
    assert len(world.ended().unrecovered) == 1
    world.tell(subject.AskAgain(2, ETH))
    assert world.is_quiet()


def test_what_was_fetched_too_late_is_told(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    world.answer(world.call(), page(5, 4, 1))
    assert world.filled() == (2, BTC, [4, 5])
    world.released(2, BTC, 0, "10 live trades were waiting")  # it crossed what was fetched
    world.released(2, BTC)
    ended = world.ended()
    assert ended.recovered == {"KRW-BTC": 0}
    assert ended.unrecovered == (Unrecovered("KRW-BTC", STARTED, ENDED, "10 live trades were waiting"),)


def test_what_was_fetched_in_part_and_too_late_is_told_once(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=2000))
    world.answer(world.call(), page(*range(2000, 2000 - PAGE, -1)))
    world.answer(world.call(), b"", 404)
    world.filled()
    world.released(2, BTC, 0, "10 live trades were waiting")
    assert world.ended().unrecovered == (Unrecovered("KRW-BTC", STARTED, ENDED, "10 live trades were waiting"),)


def test_a_release_is_taken_once_and_of_its_own_gap(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=1), missing(ETH, 1, first=1))
    world.released(1, BTC, 100)
    world.released(2, XRP, 100)
    world.released(2, BTC, 3)
    world.released(2, BTC, 100)
    world.released(2, ETH, 4)
    assert world.ended().recovered == {"KRW-BTC": 3, "KRW-ETH": 4}
    world.released(2, ETH, 100)
    world.settle()
    assert world.registry.heard() == []


# --- one gap after another


def test_a_gap_takes_over_the_one_before_it(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    old = world.call()
    world.fetch(3, missing(BTC, 1), missing(ETH, 1), started_ns=STARTED + 5 * SECOND)
    world.began(2, (BTC, 6))
    world.answer(old, page(5, 1, code=old.query.market))
    assert world.is_quiet(), "that was for the other gap"
    world.began(3, (BTC, 9), (ETH, 1))
    assert world.filled() == (3, ETH, [])
    world.answer(world.call(), page(9, 7, 5, 1))
    assert world.filled() == (3, BTC, [5, 7, 9])
    world.released(3, ETH)
    world.released(3, BTC, 2)
    ended = world.ended()
    assert ended == BackfillEnded(3, STARTED, ENDED, {"KRW-ETH": 0, "KRW-BTC": 2}, ())
    assert len(StandIn.made) == 1, "one reader does for both"


def test_two_gaps_are_told_of_as_one(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1, first=5))
    bad = world.call()
    world.answer(bad, b"", 404)
    world.filled()
    world.released(2, bad.stream, 3)
    good = ETH if bad.stream == BTC else BTC
    started_ns = STARTED + 5 * SECOND
    world.fetch(3, missing(BTC, 1, first=1), missing(ETH, 1, first=1), started_ns=started_ns)
    world.released(3, bad.stream, 4)
    world.released(3, good, 1)
    ended = world.ended()
    code = bad.query.market
    assert (ended.epoch, ended.started_ns) == (3, STARTED)
    assert ended.recovered == {code: 7, good.partition(" ")[2]: 1}
    assert [(one.symbol, one.reason) for one in ended.unrecovered] == [
        (code, "the exchange answered HTTP 404 for its trades")
    ]


def test_what_still_waits_may_be_had_after_all(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1))
    world.answer(world.call(), b"", 404)
    world.filled()
    world.fetch(3, missing(BTC, 1, first=9), started_ns=STARTED + 5 * SECOND)  # the router was already at the next gap
    world.released(2, BTC)
    world.answer(world.call(), page(9, 5, 1))
    assert world.filled() == (3, BTC, [5, 9])
    world.released(3, BTC, 1)
    assert world.ended() == BackfillEnded(3, STARTED, ENDED, {"KRW-BTC": 1}, ())


def test_what_was_lost_and_waits_for_nothing_stays_lost(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5), missing(ETH, 1))
    world.answer(world.call(), b"", 404)
    world.filled()
    world.fetch(3, missing(ETH, 1, first=1), started_ns=STARTED + 5 * SECOND)
    world.released(3, ETH)
    assert [one.symbol for one in world.ended().unrecovered] == ["KRW-BTC"]


def test_after_a_gap_is_done_the_next_is_on_its_own(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    world.answer(world.call(), b"", 404)
    world.filled()
    world.released(2, BTC, 3)
    assert len(world.ended().unrecovered) == 1
    started_ns = STARTED + 5 * SECOND
    world.fetch(3, missing(BTC, 1, first=1), started_ns=started_ns)
    world.released(3, BTC, 4)
    assert world.ended() == BackfillEnded(3, started_ns, ENDED, {"KRW-BTC": 4}, ())


def test_an_answer_of_a_reader_that_has_finished_is_not_taken_for_another(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    old = world.call()
    world.released(2, BTC, 0, "10 live trades were waiting")
    world.ended()
    world.fetch(3, missing(BTC, 1, first=9))
    wait_until(lambda: len(StandIn.made) == 2, "another reader")
    new = world.call()
    assert StandIn.made[0].is_finished
    assert not StandIn.made[1].is_finished
    world.answer(old, page(5, 1))
    world.tell(Unanswered(old, "no route"))
    assert world.is_quiet(), "its call is still on its way"
    world.answer(new, page(8, 1))  # it lags
    assert world.call() == new
    assert world.is_quiet()
    assert world.supervisor.heard() == []


# --- ends


def test_its_reader_ends_with_it(world: World) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    world.call()
    assert stop_and_join(world.ref, 10)
    assert world.reader.is_finished


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_is_told_to_the_supervisor(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fetch(2, missing(BTC, 1, first=5))
    call = world.call()
    world.tell(Answered(call, 429, None, b""))  # type: ignore[arg-type]
    failed = world.supervisor.hear()
    assert isinstance(failed, Failed)
    assert (failed.name, failed.ref) == ("backfill", world.ref)
    assert isinstance(failed.error, AttributeError)
    assert world.reader.is_finished


def test_what_it_does_not_know_ends_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.tell(("what", "is this"))
    world.settle()
    assert "is this" in caplog.text
    world.fetch(2, missing(BTC, 1, first=1))
    assert world.filled() == (2, BTC, [])


def test_the_calls_go_where_the_configuration_says(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_asker, "RestReader", StandIn)
    made = World(msgspec.structs.replace(config, rest_url="http://127.0.0.1:2/"))
    made.fetch(2, missing(BTC, 1, first=5))
    made.call()
    assert made.reader.base_url == "http://127.0.0.1:2"
    assert stop_and_join(made.ref, 10)
