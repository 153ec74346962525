"""How large requests are, and when the end of a connection is told with the size of one."""

import pytest

from websocket_v6.protocol.connection.request_sizes import KNOWN_SERVED, LARGE_REQUEST, RequestSizes, codes_of


@pytest.fixture
def sizes() -> RequestSizes:
    return RequestSizes()


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
    assert told.startswith(
        "1.9 s after a request of 9,469 bytes for 900 codes, larger than any that was served (9,468)"
    )
    assert "fewer codes" in told
    assert sizes.ended(11.9) == "", "it is told once for each request"


@pytest.mark.parametrize(("size", "after"), [(KNOWN_SERVED, 0.1), (KNOWN_SERVED + 1, 2.0), (KNOWN_SERVED + 1, 60.0)])
def test_an_end_has_another_cause(sizes: RequestSizes, size: int, after: float) -> None:
    sizes.sent(size, 900, 10.0)
    assert sizes.ended(10.0 + after) == ""


def test_an_end_without_a_request_has_another_cause(sizes: RequestSizes) -> None:
    assert sizes.ended(5.0) == ""


def test_what_the_connection_outlived_is_served(sizes: RequestSizes) -> None:
    sizes.sent(20_000, 900, 10.0)
    sizes.sent(30_000, 950, 12.0)
    assert sizes.served == 20_000
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


def test_codes_are_counted_once_whatever_is_wanted_of_them() -> None:
    types: list[dict[str, object]] = [
        {"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]},
        {"type": "orderbook", "codes": ["KRW-BTC.5", "KRW-XRP.5"]},
        {"type": "myAsset"},
    ]
    assert codes_of(types) == 3
    assert codes_of([]) == 0
