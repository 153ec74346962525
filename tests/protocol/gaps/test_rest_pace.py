"""protocol/gaps/rest_pace.py: at most 10 calls in any second, and patience when refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.gaps.rest_pace import RestPace

# Upbit WebSocket reference, "REST for an engine": after 429 the next second, after 418 as long as the answer says.
NEXT_SECOND = 1.0
BLOCKED = 60.0


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
    assert RestPace().due(0.0) == 0.0, "even if the clock has just begun"


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [(429, None, NEXT_SECOND), (429, 3.0, 3.0), (418, None, BLOCKED), (418, 10.0, 10.0)],
)
def test_a_refusal_is_waited_out(status: int, retry_after: float | None, wait: float) -> None:
    pace = RestPace()
    pace.sent(1000.0)
    pace.refused(1000.1, status, retry_after)
    assert pace.due(1000.2) == pytest.approx(1000.1 + wait)


def test_calls_are_an_eighth_of_a_second_apart() -> None:
    pace = RestPace()
    pace.sent(1000.0)
    assert pace.due(1000.0) == 1000.125
    assert pace.due(1000.2) == 1000.2


def test_what_came_before_is_not_waited_out_any_less() -> None:
    pace = RestPace()
    pace.refused(1000.0, 418, 60.0)
    pace.refused(1001.0, 429, None)
    pace.failed(1002.0, 1)
    assert pace.due(1002.0) == 1060.0


def test_failures_are_retried_more_and_more_slowly() -> None:
    pace = RestPace()
    waits = []
    for times in (1, 2, 3):
        pace.failed(1000.0, times)
        waits.append(pace.due(1000.0) - 1000.0)
    assert waits == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("retry_after", [1e9, 2.5e11, float("inf")])
def test_no_block_is_believed_to_last_longer_than_ten_minutes(retry_after: float) -> None:
    pace = RestPace()
    pace.refused(100.0, 429, retry_after)
    assert pace.due(100.0) == 700.0
