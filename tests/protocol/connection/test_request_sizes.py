"""How large requests are, and when the end of a connection is told with the size of one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.connection.request_sizes import KNOWN_SERVED, LARGE_REQUEST, RequestLimit, RequestSizes


@pytest.fixture
def limit() -> RequestLimit:
    return RequestLimit()


@pytest.fixture
def sizes(limit: RequestLimit) -> RequestSizes:
    return RequestSizes(limit)


def test_the_last_request_is_known(sizes: RequestSizes) -> None:
    assert (sizes.bytes, sizes.codes) == (0, 0)
    sizes.sent(70, 2, 1.0)
    sizes.sent(50, 1, 2.0)
    assert (sizes.bytes, sizes.codes) == (50, 1)


def test_one_beyond_what_servers_take_is_news_each_time_that_it_becomes_so(sizes: RequestSizes) -> None:
    asked = (LARGE_REQUEST, LARGE_REQUEST + 1, LARGE_REQUEST + 2, 5, LARGE_REQUEST + 1)
    assert [sizes.sent(size, 1, 0.0) for size in asked] == [False, True, False, False, True]


def test_an_end_soon_after_a_large_request_is_told_with_it(sizes: RequestSizes) -> None:
    sizes.sent(KNOWN_SERVED + 1, 900, 10.0)
    told = sizes.ended(11.9)
    assert told == "1.9 s after a request of 9,469 bytes for 900 codes, larger than any that was served (9,468)"
    assert sizes.ended(11.9) == "", "it is told once for each request"


@pytest.mark.parametrize(("size", "after"), [(KNOWN_SERVED, 0.1), (KNOWN_SERVED + 1, 2.0), (KNOWN_SERVED + 1, 60.0)])
def test_an_end_has_another_cause(sizes: RequestSizes, size: int, after: float) -> None:
    sizes.sent(size, 900, 10.0)
    assert sizes.ended(10.0 + after) == ""


def test_an_end_without_a_request_has_another_cause(sizes: RequestSizes) -> None:
    assert sizes.ended(5.0) == ""


def test_an_end_that_has_another_cause_shows_nothing(sizes: RequestSizes, limit: RequestLimit) -> None:
    sizes.sent(40_000, 900, 10.0)
    sizes.explained()
    assert sizes.ended(10.5) == ""
    assert limit.bytes == LARGE_REQUEST


def test_after_one_that_was_not_taken_a_request_may_be_half_as_large(sizes: RequestSizes, limit: RequestLimit) -> None:
    sizes.sent(40_000, 900, 10.0)
    sizes.ended(10.5)
    assert 20_000 < limit.bytes < 24_000, "and what each half has in common with it"
    sizes.sent(limit.bytes, 450, 11.0)
    sizes.ended(11.5)
    assert 11_000 < limit.bytes < 14_000
    sizes.sent(limit.bytes, 225, 12.0)
    sizes.ended(12.5)
    assert limit.bytes == KNOWN_SERVED, "which is"
    sizes.sent(limit.bytes, 200, 13.0)
    assert sizes.ended(13.5) == ""


def test_all_connections_learn_from_one(sizes: RequestSizes, limit: RequestLimit) -> None:
    other = RequestSizes(limit)
    for one in (sizes, other):
        one.sent(40_000, 900, 10.0)
    sizes.ended(10.5)
    known = limit.bytes
    other.ended(10.6)
    assert limit.bytes == known, "they were asked the same"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), max_size=30))
def test_the_limit_never_grows_and_is_never_below_what_was_served_before_it_fell(
    shown: list[tuple[bool, int]],
) -> None:
    limit = RequestLimit()
    for is_taken, size in shown:
        before = limit.bytes
        if is_taken:
            limit.taken(size)
            assert limit.bytes == before
        else:
            limit.not_taken(size)
            assert min(before, limit.served) <= limit.bytes <= before


def test_what_the_connection_outlived_is_served(sizes: RequestSizes, limit: RequestLimit) -> None:
    sizes.sent(20_000, 900, 10.0)
    sizes.sent(30_000, 950, 12.0)
    assert limit.served == 20_000
    assert "served (20,000)" in sizes.ended(12.5)
    sizes.sent(20_000, 900, 13.0)
    assert sizes.ended(13.1) == ""
    sizes.sent(30_000, 950, 14.0)
    sizes.ended(16.0)
    sizes.sent(30_000, 950, 20.0)
    assert sizes.ended(20.1) == ""


def test_what_was_overtaken_in_time_was_not_shown_to_be_served(sizes: RequestSizes) -> None:
    sizes.sent(20_000, 900, 10.0)
    sizes.sent(30_000, 950, 11.0)
    assert "served (9,468)" in sizes.ended(11.5)
