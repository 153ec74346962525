"""Calls about the account leave some of the exchange's limit to the bot's own."""

from collections import deque

import pytest

from websocket_v6.protocol.gaps.account_pace import BLOCKED, LIMIT, RETRY, SLOW, SPACING, AccountPace
from websocket_v6.protocol.limits import RETRY_AFTER


def remaining(left: int) -> str:
    return f"group=default; min=1800; sec={left}"


def test_calls_are_a_fifth_of_a_second_apart() -> None:
    pace = AccountPace()
    assert pace.due(5.0) == 5.0
    pace.sent(5.0)
    assert pace.due(5.0) == pytest.approx(5.0 + SPACING)


def test_when_few_are_left_it_waits_for_the_next_second() -> None:
    pace = AccountPace()
    pace.answered(5.0, remaining(5))
    assert pace.due(5.0) == 5.0
    pace.answered(5.1, remaining(4))
    assert pace.due(5.1) == pytest.approx(5.1 + SLOW)


@pytest.mark.parametrize("header", ["", "group=default", "sec=", "sec=x", "sec=99999999"])
def test_a_header_that_says_nothing_changes_nothing(header: str) -> None:
    pace = AccountPace()
    pace.answered(5.0, header)
    assert pace.due(5.0) == 5.0


def test_refusals_and_failures_are_waited_out() -> None:
    pace = AccountPace()
    assert pace.refused(0.0, 429, None) == 1.0
    assert pace.due(0.0) == 1.0
    assert pace.refused(10.0, 418, 30.0) == 30.0
    assert pace.due(10.0) == 40.0
    assert pace.refused(50.0, 418, None) == BLOCKED
    assert pace.refused(200.0, 418, 1e9) == RETRY_AFTER
    other = AccountPace()
    other.failed(0.0, 1)
    assert other.due(0.0) == RETRY
    other.failed(0.0, 3)
    assert other.due(0.0) == 4 * RETRY


class Window:
    """The exchange's limit, in windows that slide or are fixed."""

    def __init__(self, *, is_fixed: bool) -> None:
        self.refused: list[str] = []
        self._is_fixed = is_fixed
        self._times: deque[float] = deque()

    def call(self, who: str, now: float) -> int:
        start = now // 1.0 if self._is_fixed else now - 1.0
        while self._times and self._times[0] <= start - (1e-9 if self._is_fixed else 0):
            self._times.popleft()
        if len(self._times) >= LIMIT:
            self.refused.append(who)
            return 0
        self._times.append(now)
        return LIMIT - len(self._times)


@pytest.mark.parametrize("is_fixed", [True, False])
@pytest.mark.parametrize("offset", [0.0, 0.011, 0.3, 0.5, 0.77, 0.99])
def test_beside_a_bot_that_makes_28_calls_a_second_nobody_is_refused(is_fixed: bool, offset: float) -> None:
    window, pace = Window(is_fixed=is_fixed), AccountPace()
    calls, ours, made = 0, 5.0 + offset, 0
    while calls < 30 * 28:
        if calls / 28 <= ours:
            window.call("bot", calls / 28)
            calls += 1
            continue
        pace.sent(ours)
        pace.answered(ours, remaining(window.call("ours", ours)))
        ours = pace.due(ours)
        made += 1
    assert window.refused == []
    assert made > 15  # and it gets on
