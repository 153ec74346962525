"""Rate limits count as the exchange says, by a clock that the test hands in."""

import pytest

from websocket_v6.simulator import Limits
from websocket_v6.simulator.wire.gate import Gate, Quota


def test_a_sliding_window_forgets_one_by_one() -> None:
    quota = Quota(2, 1.0)
    for at in (0.0, 0.5):
        assert quota.left(at) > 0
        quota.count(at)
    assert quota.left(0.9) == 0
    assert quota.left(1.0) == 1
    assert quota.left(1.5) == 2


def test_a_fixed_window_forgets_all_at_once() -> None:
    quota = Quota(2, 1.0, "fixed")
    for at in (0.8, 0.9):
        quota.count(at)
    assert quota.left(0.99) == 0
    assert quota.left(1.0) == 2


def test_without_a_limit_nothing_runs_out() -> None:
    quota = Quota(None, 1.0)
    for _ in range(1000):
        quota.count(0.0)
    assert quota.left(0.0) > 1000


def gate_statuses(gate: Gate, times: list[float], who: str = "ip") -> list[int]:
    return [gate.admit(who, at, limit=5).status for at in times]


def test_the_sixth_connect_within_a_second_is_refused_and_each_has_its_own_count() -> None:
    gate = Gate(Limits())
    assert gate_statuses(gate, [0.0] * 6) == [101] * 5 + [429]
    assert gate_statuses(gate, [0.0] * 6, "another") == [101] * 5 + [429]
    assert gate_statuses(gate, [1.0]) == [101]


def test_the_verdict_tells_how_many_are_left() -> None:
    gate = Gate(Limits())
    assert [gate.admit("ip", 0.0, limit=5).left for _ in range(6)] == [4, 3, 2, 1, 0, 0]


def test_who_goes_on_is_blocked_and_the_block_grows() -> None:
    gate = Gate(Limits())
    assert gate_statuses(gate, [0.0] * 9) == [101] * 5 + [429] * 3 + [418]
    assert gate.admit("ip", 4.0, limit=5) == (418, 0, 6.0)
    assert gate_statuses(gate, [10.0] * 9) == [101] * 5 + [429] * 3 + [418]
    assert gate.admit("ip", 10.0, limit=5).blocked_for == pytest.approx(20.0)


def test_refusals_far_apart_do_not_block() -> None:
    gate = Gate(Limits())
    for second in range(0, 100, 11):
        assert gate_statuses(gate, [float(second)] * 6) == [101] * 5 + [429]
