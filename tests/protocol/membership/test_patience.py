"""Deadlines that run only while the judge runs and reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.membership.patience import Patience, Pauses, Verdict

LIMIT, INTERVAL = 10.0, 1.0


def looks(patience: Patience, start: float, end: float, **what: float | None) -> list[Verdict]:
    """Look every INTERVAL after `start`, up to `end`."""
    times = [start + INTERVAL * number for number in range(1, int((end - start) / INTERVAL) + 1)]
    return [patience.look(now, **what) for now in times]


def test_silence_is_judged_after_the_limit() -> None:
    assert looks(Patience(LIMIT, INTERVAL, 100.0), 100, 111) == [Verdict.WAIT] * 10 + [Verdict.SILENT]


def test_whatever_is_heard_is_life() -> None:
    patience = Patience(LIMIT, INTERVAL, 100.0)
    for now in range(101, 150):
        assert patience.look(now, heard_at=now - 9.0) is Verdict.WAIT
    assert looks(patience, 149, 161, heard_at=150.0)[-2:] == [Verdict.WAIT, Verdict.SILENT]


@pytest.mark.parametrize("pause", [2.5, 20.0, 100_000.0])
def test_after_a_pause_of_its_own_the_deadline_begins_anew(pause: float) -> None:
    patience = Patience(LIMIT, INTERVAL, 100.0)
    looks(patience, 100, 109)
    back = 109 + pause
    assert patience.look(back) is Verdict.AWAY
    assert looks(patience, back, back + 11) == [Verdict.WAIT] * 10 + [Verdict.SILENT]


def test_without_reading_nothing_is_judged() -> None:
    patience = Patience(LIMIT, INTERVAL, 100.0)
    assert set(looks(patience, 100, 150, reading_since=None)) == {Verdict.AWAY}
    assert looks(patience, 150, 161, reading_since=150.5)[-2:] == [Verdict.WAIT, Verdict.SILENT]


def test_a_pause_in_reading_between_two_looks_counts_as_one() -> None:
    patience = Patience(LIMIT, INTERVAL, 100.0)
    looks(patience, 100, 110, reading_since=0.0)
    assert patience.look(110.9, reading_since=110.5) is Verdict.WAIT


def test_it_can_be_begun_anew() -> None:
    patience = Patience(LIMIT, INTERVAL, 100.0)
    looks(patience, 100, 110)
    patience.begin(110.0)
    assert looks(patience, 110, 121)[-2:] == [Verdict.WAIT, Verdict.SILENT]


def test_pauses_are_much_longer_than_the_interval() -> None:
    pauses = Pauses(INTERVAL, 100.0)
    assert not pauses.look(101.9)
    assert not pauses.is_stale(103.8)
    assert pauses.is_stale(104.0)
    assert pauses.look(104.0)
    assert not pauses.look(104.1)


steps = st.lists(st.tuples(st.integers(10, 30_000), st.booleans()), max_size=60)


@given(steps)
def test_a_peer_is_silent_only_after_the_limit_of_running_and_reading(given_steps: list[tuple[int, bool]]) -> None:
    now, counted = 100_000, 0  # milliseconds, which add up exactly
    patience = Patience(10_000, 1_000, now)
    for step, reads in given_steps:
        now += step
        ran = step <= 2_000 and reads
        counted = counted + step if ran else 0
        verdict = patience.look(now, reading_since=0 if reads else None)
        assert verdict is (Verdict.AWAY if not ran else Verdict.SILENT if counted > 10_000 else Verdict.WAIT)
