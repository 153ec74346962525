"""protocol/server/quota.py: so many times within so many seconds."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.server.quota import Quota


def test_one_too_many_is_refused_until_the_window_is_over() -> None:
    quota = Quota(2, 1.0)
    assert [quota.take(now) for now in (0.0, 0.5, 0.9)] == [True, True, False]
    assert quota.take(1.2) is False  # the one at 0.9 counts, though it was refused
    assert quota.take(2.0) is True


def test_what_is_over_counts_no_more() -> None:
    quota = Quota(1, 10.0)
    assert quota.is_idle(0.0)
    quota.take(0.0)
    assert not quota.is_idle(9.0)
    assert quota.is_idle(10.0)


@given(st.lists(st.floats(0, 2), max_size=40), st.integers(1, 5))
def test_no_window_holds_more_than_its_limit(gaps: list[float], limit: int) -> None:
    quota, now, taken = Quota(limit, 1.0), 0.0, []
    for gap in gaps:
        now += gap
        if quota.take(now):
            taken.append(now)
    for start in taken:
        assert sum(start <= time < start + 1.0 for time in taken) <= limit
