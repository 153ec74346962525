import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.request_pace import RequestPace

# The exchange takes 5 messages a second and 100 a minute for each connection (Upbit WebSocket reference, "Rate
# limits"); ours are 4 and 90, and no change waits longer than a second behind the spacing.
PER_MINUTE = 90
PATIENCE = 1.25


def drive(arrivals: list[float], gather: float = 0.005) -> list[float]:
    """Return when requests leave if changes come at `arrivals`, sorted, and the timer is exact."""
    pace, waiting = RequestPace(gather), list(arrivals)
    sent: list[float] = []
    now = 0.0
    while True:
        due = pace.due(now)
        if waiting and (due is None or waiting[0] <= due):
            now = max(now, waiting.pop(0))
            pace.changed(now)
        elif due is None:
            return sent
        else:
            now = max(now, due)
            pace.sent(now)
            sent.append(now)


def test_a_change_alone_leaves_after_the_gathering() -> None:
    assert drive([1.0]) == [1.005]


def test_changes_within_the_gathering_share_a_request() -> None:
    assert drive([1.0, 1.001, 1.004]) == [1.005]


def test_a_second_change_waits_for_the_spacing() -> None:
    assert drive([1.0, 1.01]) == [1.005, 1.255]


def test_nothing_changed_means_nothing_due() -> None:
    pace = RequestPace()
    assert pace.due(5.0) is None
    pace.changed(5.0)
    pace.settled()
    assert pace.due(6.0) is None


def test_three_hundred_components_within_a_second_cost_two_requests() -> None:
    assert len(drive([index / 300 for index in range(300)])) == 2


@given(st.lists(st.floats(0, 1), min_size=300, max_size=300))
def test_three_hundred_at_any_times_within_a_second_cost_few_requests(times: list[float]) -> None:
    # A pause of 0.2 s ends the storm, so times drawn at will may need more than two, but never one each spacing.
    assert len(drive(sorted(times))) <= 4


@given(st.lists(st.floats(0, 200), max_size=300))
def test_the_limits_hold_whatever_comes(times: list[float]) -> None:
    sent = drive(sorted(times))
    assert all(later - earlier >= 0.25 - 1e-9 for earlier, later in itertools.pairwise(sent))
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(sent, sent[PER_MINUTE:], strict=False))


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_no_change_waits_longer_than_the_patience(times: list[float]) -> None:
    sent = drive(sorted(times))
    assert sent[-1] - max(times) <= PATIENCE + 0.25


def test_the_pause_that_ends_a_storm_is_a_fifth_of_a_second() -> None:
    assert drive([1.0, 1.2]) == [1.005, 1.4], "a pause longer than the rest of the spacing"
    assert drive([1.0, 1.01, 1.2, 1.39]) == [1.005, pytest.approx(1.59)]


def test_a_storm_without_a_pause_is_cut_by_the_patience() -> None:
    arrivals = [1.0, *(1.01 + 0.1 * index for index in range(30))]
    first, second, *_ = drive(arrivals)
    assert (first, second) == (1.005, 2.255)


def test_the_last_request_counts_and_not_the_first() -> None:
    assert drive([1.0, 10.0, 10.01, 10.1]) == [1.005, 10.005, pytest.approx(10.3)]
    pace = RequestPace()
    pace.sent(1.0)
    pace.sent(2.0)
    assert pace.free_at(2.0) == 2.25


def test_a_change_after_the_spacing_is_no_storm() -> None:
    assert drive([1.0, 1.255]) == [1.005, pytest.approx(1.26)]
    assert drive([1.0, 2.0, 2.001]) == [1.005, 2.005]


def test_the_ninety_first_request_waits_for_the_minute_after_the_first() -> None:
    pace = RequestPace()
    for index in range(PER_MINUTE - 1):
        pace.sent(10.0 + index * 0.25)
    assert pace.free_at(33.0) == 33.0
    pace.sent(33.0)
    assert pace.free_at(33.0) == 70.0
    assert pace.free_at(69.9) == 70.0
    assert pace.free_at(70.0) == 70.0
    pace.sent(70.0)
    assert pace.free_at(70.0) == 70.25


def test_nothing_was_sent_for_a_minute_means_at_once() -> None:
    pace = RequestPace()
    pace.sent(10.0)
    assert pace.free_at(10.1) == 10.25
    assert pace.free_at(11.0) == 11.0
    assert pace.free_at(80.0) == 80.0


def test_the_first_of_several_changes_counts() -> None:
    pace = RequestPace(gather=1.0)
    pace.changed(5.0)
    pace.changed(5.9)
    assert pace.due(5.9) == 6.0
    pace.sent(6.0)
    assert pace.due(6.0) is None
    pace.changed(9.0)
    assert pace.due(9.0) == 10.0


def test_a_question_counts_but_does_not_settle_changes() -> None:
    pace = RequestPace()
    pace.changed(0.0)
    pace.sent(0.0, settles=False)
    due = pace.due(0.0)
    assert due == 0.25


def test_a_new_connection_has_its_limits_whole() -> None:
    pace = RequestPace()
    for index in range(PER_MINUTE):
        pace.sent(index * 0.25)
    assert pace.free_at(23.0) == 60.0
    pace.reset()
    assert pace.free_at(23.0) == 23.0


def test_what_is_no_connection_keeps_no_limits() -> None:
    pace = RequestPace(gather=0.01, is_limited=False)
    for now in range(200):
        pace.changed(now * 0.001)
        pace.sent(now * 0.001)
        assert pace.free_at(now * 0.001) == now * 0.001
    pace.changed(1.0)
    assert pace.due(1.0) == 1.01
