"""protocol/gaps/rest_pace.py: at most 10 calls in any second, and patience when refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.gaps.rest_pace import BLOCKED, NEXT_SECOND, RestPace


@given(st.lists(st.floats(0, 2), max_size=60))
def test_no_second_sees_more_than_ten_calls(pauses: list[float]) -> None:
    pace, now, sent = RestPace(), 1000.0, []
    for pause in pauses:
        now = pace.due(now + pause)
        sent.append(now)
        pace.sent(now)
    assert all(sum(at <= other < at + 1.0 for other in sent) <= 10 for at in sent)


def test_the_first_call_leaves_at_once() -> None:
    assert RestPace().due(1000.0) == 1000.0


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [(429, None, NEXT_SECOND), (429, 3.0, 3.0), (418, None, BLOCKED), (418, 10.0, 10.0)],
)
def test_a_refusal_is_waited_out(status: int, retry_after: float | None, wait: float) -> None:
    pace = RestPace()
    pace.sent(1000.0)
    pace.refused(1000.1, status, retry_after)
    assert pace.due(1000.2) == pytest.approx(1000.1 + wait)


def test_failures_are_retried_more_and_more_slowly() -> None:
    pace = RestPace()
    waits = []
    for times in (1, 2, 3):
        pace.failed(1000.0, times)
        waits.append(pace.due(1000.0) - 1000.0)
    assert waits == [0.25, 0.5, 1.0]
