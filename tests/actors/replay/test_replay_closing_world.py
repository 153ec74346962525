"""What closed candles are told in a replay: the recording's clocks, and what was fetched then."""

from pathlib import Path
from typing import Any

import pytest

from tests.replays import SECOND, START, candle, market, rows, write
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_closing_world import ReplayClosingWorld
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.closer import Ask
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.recording.records import BACKFILLED, CLOSED, Standing
from websocket_v6.protocol.replaying import Replay

MINUTE = START // 1_000_000 + 20_000  # a minute begins, Unix milliseconds
STREAM = "candle.1m A"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Tape(Replay(write(tmp_path / "a.wsr", market(5)))))


@pytest.fixture
def world(stage: Stage) -> ReplayClosingWorld:
    made = ReplayClosingWorld(stage, Delivery(SourceFlow()))
    made.wants([STREAM])
    return made


def fetch(world: ReplayClosingWorld, end: int | None = 3, stream: str = STREAM, number: int = 7) -> None:
    end_ms = None if end is None else MINUTE + end * 60_000
    world.fetch(FetchCandles(stream, Ask(number, MINUTE, end_ms, None, frozenset()), 0.0, 0.0))


def fetched(world: ReplayClosingWorld, *minutes: int) -> None:
    for minute in minutes:
        world.fetched(rows(200, candle("A", 200, 20 + minute * 60, 1), marks=BACKFILLED | CLOSED)[1])


def settled(*missing: tuple[int, int], code: str = "A", type_: str = "candle.1m") -> Standing:
    lost = [(code, (MINUTE + a * 60_000) * 10**6, (MINUTE + b * 60_000) * 10**6, "why") for a, b in missing]
    return Standing("public", "backfilled", 2, 9, 1, 2, "", 0, tuple(lost), type_)


def answered(world: ReplayClosingWorld) -> Any:
    """Return the starts, what is covered, why not, and whether it is told by who closes."""
    answer = world.answer()
    if answer is None:
        return None
    covered = answer.covered and tuple((one - MINUTE) // 60_000 for one in answer.covered)
    return [(start - MINUTE) // 60_000 for start, _ in answer.rows], covered, answer.problem, world.tells()


def test_time_is_the_recording_s(world: ReplayClosingWorld, stage: Stage) -> None:
    assert world.clock() == stage.tape.began_ns / 1e9 > 0
    stage.mono_ns = 50 * SECOND
    world.played(START)
    stage.mono_ns = 53 * SECOND
    assert (world.clock(), world.wall_ns()) == (53.0, START + 3 * SECOND)
    timer = world.after(1.5, "due")
    assert world.due_ns == 54_500_000_000
    timer.cancel()
    assert world.due_ns is None
    world.after(0.0, "at once")
    assert world.due_ns is not None
    assert world.due_ns > stage.mono_ns  # it goes on, whatever is rounded
    world.time_came()
    assert world.due_ns is None


def test_what_was_fetched_is_the_answer_once_it_is_known_to_be_all(world: ReplayClosingWorld) -> None:
    fetch(world)
    fetched(world, 0, 2)
    assert answered(world) is None
    world.settled(settled(type_="trade"))
    assert answered(world) is None
    world.settled(settled())
    assert answered(world) == ([0, 2], (0, 3), "", False)
    assert answered(world) is None
    assert world.tells()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ([(0, 1)], ([1, 2], (1, 3), "why", False)),
        ([(0, 3)], ([], None, "why", False)),
        ([(-3, 0), (3, 9)], ([1, 2], (0, 3), "", False)),
    ],
)
def test_what_was_not_to_be_had_is_not_in_it(
    world: ReplayClosingWorld, missing: list[tuple[int, int]], expected: Any
) -> None:
    fetch(world)
    fetched(world, 1, 2)
    world.settled(settled(*missing))
    assert answered(world) == expected


def test_whoever_asks_later_has_the_same_answer_until_the_next_gap(world: ReplayClosingWorld) -> None:
    fetched(world, 1)
    world.settled(settled((0, 1), code="B"))
    fetch(world, None)
    assert answered(world) == ([1], (0, 2), "", False)
    world.turned()
    fetch(world)
    assert answered(world) is None


def test_without_any_of_it_in_the_recording_the_answer_says_so_at_once(world: ReplayClosingWorld) -> None:
    fetch(world, stream="candle.1m B")
    found = answered(world)
    assert found[:2] == ([], None)
    assert "nothing is fetched in a replay" in found[2]
    assert found[3]
    world.wants(["candle.1m KRW-*"])
    fetch(world, stream="candle.1m KRW-B")
    assert answered(world) is None  # it is to come
