"""Who waits for candles, whose call is next, and what each comes to; no thread, no clock but what has passed."""

import json
import time

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.gaps.candle_fills import LONGEST_BLOCK, CandleFills
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.router import CandlesFetched
from websocket_v6.protocol.delivery.closer import Ask
from websocket_v6.protocol.events.candle_intervals import start_of, utc_text
from websocket_v6.protocol.gaps.candle_fill import LAGS

BTC, ETH = "candle.1m KRW-BTC", "candle.1m KRW-ETH"
MINUTE = 60_000
NOON = 1_795_176_000_000


def page(code: str, *minutes: int) -> bytes:
    numbers = ("opening_price", "high_price", "low_price", "trade_price")
    more = ("candle_acc_trade_volume", "candle_acc_trade_price", "timestamp")
    rows = [
        {"market": code, "candle_date_time_utc": utc_text(NOON + one * MINUTE), **dict.fromkeys((*numbers, *more), 5)}
        for one in minutes
    ]
    return json.dumps(rows[::-1]).encode()


class World:
    def __init__(self) -> None:
        self.router = Ear()
        self.later: list[tuple[float, int]] = []
        self.fills = CandleFills(self.router.ref, lambda wait, number: self.later.append((wait, number)))

    def gap(self, number: int, stream: str = BTC, from_: int = -2, end: int = 1) -> None:
        from_ms, end_ms = NOON + from_ * MINUTE, NOON + end * MINUTE
        self.begin(stream, Ask(number, from_ms, end_ms, None, frozenset({end_ms})))

    def history(self, number: int, stream: str = BTC, most: int = 2) -> None:
        self.begin(stream, Ask(number, None, NOON, most, frozenset({NOON})))

    def begin(self, stream: str, ask: Ask) -> None:
        self.fills.begin(FetchCandles(stream, ask, NOON + 30 * MINUTE, time.monotonic()))

    def called(self) -> int | None:
        call = self.fills.next_call()
        return None if call is None else call.epoch

    def fetched(self) -> list[tuple[int, list[int], str]]:
        found = self.router.heard()
        assert all(isinstance(one, CandlesFetched) for one in found)
        return [(one.number, [(start_ms - NOON) // MINUTE for start_ms, _ in one.rows], one.problem) for one in found]


@pytest.fixture
def world() -> World:
    return World()


def test_gaps_go_before_histories(world: World) -> None:
    assert world.fills.is_idle
    assert world.called() is None
    world.history(1)
    world.history(2, ETH)
    world.gap(3)
    assert world.called() == 3
    world.fills.answered(3, 200, page("KRW-BTC", -2, 0, 1))
    assert world.called() == 1
    world.fills.answered(1, 200, page("KRW-BTC", -3, -2, 0))
    assert world.called() == 2
    world.fills.answered(2, 200, page("KRW-ETH", -1, 0))
    assert world.fetched() == [(3, [-2, 0], ""), (1, [-3, -2], ""), (2, [-1], "")]
    assert world.fills.is_idle


def test_what_is_fetched_comes_with_what_it_covers(world: World) -> None:
    world.gap(1)
    world.fills.answered(1, 200, page("KRW-BTC", -2, 0, 1))
    (found,) = world.router.heard()
    assert found.covered == (NOON - 2 * MINUTE, NOON + MINUTE)
    assert found.stream == BTC
    assert start_of(found.rows[0][1]) == NOON - 2 * MINUTE


def test_an_answer_that_is_too_old_is_asked_for_again_later(world: World) -> None:
    world.gap(1)
    world.gap(2, ETH)
    assert world.called() == 2
    world.fills.answered(2, 200, page("KRW-ETH", -2))
    assert world.later == [(LAGS[0], 2)]
    assert world.called() == 1, "meanwhile others have their turn"
    world.fills.ready(2)
    world.fills.ready(2)
    assert world.called() == 2


def test_a_gap_takes_the_place_of_the_one_before_it(world: World) -> None:
    world.gap(1)
    world.history(2)
    world.gap(3, end=4)
    world.fills.answered(1, 200, page("KRW-BTC", -2, 0, 1))
    assert world.fetched() == [], "nobody waits for it any more"
    assert world.called() == 3
    world.fills.ready(1)
    assert world.called() == 3


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [(404, b"{}", "HTTP 404"), (200, b"no rows", "not a page of candles"), (200, page("KRW-ETH", 0), "KRW-ETH")],
)
def test_what_is_no_answer_ends_one_fetch_alone(world: World, status: int, body: bytes, problem: str) -> None:
    world.history(1)
    world.history(2, ETH)
    world.fills.answered(1, status, body)
    ((number, rows, told),) = world.fetched()
    assert (number, rows) == (1, [])
    assert problem in told
    assert world.called() == 2


def test_all_are_given_up_together(world: World) -> None:
    world.gap(1)
    world.history(2)
    world.fills.refused(LONGEST_BLOCK, 429)
    assert world.fetched() == []
    world.fills.refused(LONGEST_BLOCK + 1, 418)
    assert {(number, "418" in problem) for number, _, problem in world.fetched()} == {(1, True), (2, True)}
    assert world.fills.is_idle
    assert world.called() is None
