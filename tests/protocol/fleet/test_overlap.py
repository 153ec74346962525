"""What two have of one upstream: together each message once, in order."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.overlap import Overlap

STREAMS = ("trade KRW-BTC", "trade KRW-ETH", "ticker KRW-BTC")


def message(stream: str, number: int) -> bytes:
    if stream.startswith("trade"):
        return b'{"ty":"trade","sid":%d,"st":"REALTIME"}' % number
    return b'{"ty":"ticker","tp":%d,"tms":5,"st":"REALTIME"}' % number


def overlap(*rows: tuple[str, int]) -> Overlap:
    written: dict[str, list[object]] = {}
    for stream, number in rows:
        written.setdefault(stream, []).append(identity_of(stream, message(stream, number)))
    return Overlap(written)


def rest(one: Overlap, *rows: tuple[str, int]) -> list[tuple[str, int]]:
    return one.rest((stream, message(stream, number), (stream, number)) for stream, number in rows)


TRADE, OTHER, TICKER = STREAMS


def test_what_the_log_has_is_no_news_and_what_is_behind_it_is() -> None:
    one = overlap((TRADE, 1), (TRADE, 2), (TRADE, 3))
    assert rest(one, (TRADE, 2), (TRADE, 3), (OTHER, 9), (TRADE, 4)) == [(OTHER, 9), (TRADE, 4)]
    assert not one.is_written(TRADE, message(TRADE, 5))


def test_what_the_log_has_and_comes_late_is_passed_over() -> None:
    one = overlap((TRADE, 1), (TRADE, 2), (TRADE, 3))
    assert rest(one, (TRADE, 1)) == []
    assert [one.is_written(TRADE, message(TRADE, number)) for number in (2, 3, 4)] == [True, True, False]


def test_what_stands_before_something_that_the_log_has_is_older() -> None:
    one = overlap((TICKER, 1), (TICKER, 3))
    assert rest(one, (TICKER, 2), (TICKER, 3), (TICKER, 4)) == [(TICKER, 4)]


def test_what_looks_as_it_did_before_is_news_all_the_same() -> None:
    one = overlap((TICKER, 1))
    assert rest(one, (TICKER, 1), (TICKER, 2), (TICKER, 1)) == [(TICKER, 2), (TICKER, 1)]


@given(
    upstream=st.lists(st.sampled_from(STREAMS), max_size=60),
    written=st.integers(0, 60),
    kept_from=st.integers(0, 60),
    kept_to=st.integers(0, 60),
    ahead=st.dictionaries(st.sampled_from(STREAMS), st.integers(0, 20)),
)
def test_with_what_the_log_has_each_message_comes_once_and_in_order(
    upstream: list[str], written: int, kept_from: int, kept_to: int, ahead: dict[str, int]
) -> None:
    """What one has of each stream may be ahead of what the other has, or behind; what was kept began within the log."""
    rows = [(stream, number) for number, stream in enumerate(upstream)]
    kept_from = min(kept_from, written)
    kept_to = max(kept_from, kept_to)
    log = [row for row in rows if row[1] < written - ahead.get(row[0], 0) or row[1] < kept_from]
    one = overlap(*log)
    had = rest(one, *rows[kept_from:kept_to])
    had += [row for row in rows[kept_to:] if not one.is_written(row[0], message(*row))]
    for stream in STREAMS:
        assert [row for row in log + had if row[0] == stream] == [row for row in rows if row[0] == stream]
