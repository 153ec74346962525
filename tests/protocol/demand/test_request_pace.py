import itertools

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.request_pace import PATIENCE, PER_MINUTE, RequestPace


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
    assert sent[-1] - max(times) <= PATIENCE + 0.3


def test_a_question_counts_but_does_not_settle_changes() -> None:
    pace = RequestPace()
    pace.changed(0.0)
    pace.sent(0.0, settles=False)
    due = pace.due(0.0)
    assert due is not None
    assert due >= 0.25


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
