"""Who holds a replay up is told once, each time, and not too early."""

from pathlib import Path
from typing import Any

import pytest

from tests.replays import market, write
from websocket_v6.actors.replay.hold_up import PATIENCE, UNREADY, HoldUp
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.stage import Stage, reader
from websocket_v6.protocol.replaying import Replay

NOW = 100.0


def staged(path: Path, speed: Any = "max") -> Stage:
    return Stage(Tape(Replay(write(path / "a.wsr", market(5)), speed)))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return staged(tmp_path)


def test_a_program_that_is_not_ready_is_told_how_to_say_so_once(stage: Stage) -> None:
    hold_up = HoldUp(stage)
    hold_up.begins(NOW)
    assert not hold_up.look(NOW + UNREADY, has_takers=True, is_out=False)
    assert not hold_up.look(NOW + UNREADY + 0.1, has_takers=False, is_out=False), "nobody has subscribed yet"
    assert "call run() or wait_ready()" in hold_up.look(NOW + UNREADY + 0.1, has_takers=True, is_out=False)
    assert not hold_up.look(NOW + 9 * UNREADY, has_takers=True, is_out=False)


def test_a_callback_that_does_not_return_is_told_of_once(stage: Stage) -> None:
    stage.has_begun = True
    hold_up = HoldUp(stage)
    assert not hold_up.look(NOW, has_takers=True, is_out=True), "it counts from the first look"
    assert not hold_up.look(NOW + PATIENCE, has_takers=True, is_out=True)
    told = hold_up.look(NOW + PATIENCE + 1, has_takers=True, is_out=True)
    assert told == "the recording waits, for 6 s, for a callback that has not returned"
    assert not hold_up.look(NOW + 9 * PATIENCE, has_takers=True, is_out=True)


def test_it_counts_anew_once_it_has_gone_on(stage: Stage) -> None:
    stage.has_begun = True
    hold_up = HoldUp(stage)
    for begin in (NOW, NOW + 1000):
        assert not hold_up.look(begin, has_takers=True, is_out=True)
        assert hold_up.look(begin + PATIENCE + 1, has_takers=True, is_out=True)
        hold_up.ends()


def test_who_pulls_and_is_at_something_else_is_named(stage: Stage) -> None:
    stage.has_begun = True
    stage.readers.comes(reader())
    hold_up = HoldUp(stage)
    hold_up.look(NOW, has_takers=True, is_out=False)
    assert "for thread MainThread" in hold_up.look(NOW + PATIENCE + 1, has_takers=True, is_out=False)


def test_at_a_speed_nobody_who_pulls_holds_it_up(tmp_path: Path) -> None:
    stage = staged(tmp_path, 10.0)
    stage.has_begun = True
    stage.readers.comes(reader())
    hold_up = HoldUp(stage)
    hold_up.look(NOW, has_takers=True, is_out=False)
    assert not hold_up.look(NOW + PATIENCE + 1, has_takers=True, is_out=False)


def test_nothing_is_told_of_one_that_is_over(stage: Stage) -> None:
    stage.has_begun = stage.is_over = True
    hold_up = HoldUp(stage)
    hold_up.begins(NOW)
    assert not hold_up.look(NOW + 9 * PATIENCE, has_takers=True, is_out=True)
