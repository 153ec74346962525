import math
import random

import pytest

from websocket_v6.protocol.connection.connect_pace import SETTLE, ConnectPace


def test_no_second_has_more_attempts_than_it_may() -> None:
    pace = ConnectPace()
    turns = [pace.reserve(100.0 + index * 0.05) for index in range(50)]
    assert turns[:4] == [100.0 + index * 0.05 for index in range(4)], "the first ones need not wait"
    assert turns == sorted(turns)
    assert all(later - earlier >= 1.0 for earlier, later in zip(turns, turns[4:], strict=False))
    assert turns[-1] < 113.0, "and none waits longer than it must"
    assert pace.reserve(500.0) == 500.0


def test_a_block_holds_all_and_the_first_after_it_goes_alone() -> None:
    pace = ConnectPace()
    assert pace.blocked_until == -math.inf
    assert pace.reserve(100.0) == 100.0
    pace.block(160.0)
    assert pace.blocked_until == 160.0
    turns = [pace.reserve(101.0) for _ in range(6)]
    assert turns == [160.0, *[160.0 + SETTLE] * 4, 161.0 + SETTLE], "it may find another block"


def test_a_block_is_never_shortened() -> None:
    pace = ConnectPace()
    pace.block(160.0)
    pace.block(130.0)
    assert pace.blocked_until == 160.0
    assert pace.reserve(100.0) == 160.0


def test_a_block_that_is_over_holds_nobody() -> None:
    pace = ConnectPace()
    pace.block(160.0)
    assert pace.reserve(200.0) == 200.0
    assert pace.reserve(210.0) == 210.0


def test_turns_that_a_block_made_void_hold_nobody_up_for_long() -> None:
    pace = ConnectPace()
    for _ in range(400):
        pace.reserve(100.0)  # up to 199
    pace.block(160.0)
    assert pace.reserve(101.0) == 161.0


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_no_second_has_more_and_no_block_is_broken(seed: int) -> None:
    rng, pace, now = random.Random(seed), ConnectPace(), 0.0
    valid: list[float] = []
    for _ in range(2000):
        now += rng.expovariate(3.0)
        if rng.random() < 0.02:
            pace.block(now + rng.uniform(0.0, 30.0))
            valid = [turn for turn in valid if turn <= now]  # those to come are void
        turn = pace.reserve(now)
        assert turn >= max(now, pace.blocked_until)
        valid.append(turn)
    valid.sort()
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(valid, valid[4:], strict=False))
