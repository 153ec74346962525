"""One taker: what it had, what waits, what it is told of intervals without a trade."""

from websocket_v6.protocol.delivery.candle_taker import MOST_EMPTY, CandleTaker, Give, How, Late


def taker(*, empty: bool = False, history: int = 0) -> CandleTaker[str]:
    return CandleTaker(7, 1000, 100.0, empty=empty, history=history)


def test_starts_rise_strictly_whatever_is_offered() -> None:
    one = taker()
    assert one.offer(5000, "a", How.LIVE) == [Give(7, 5000, "a", How.LIVE)]
    assert one.offer(5000, "b", How.FILLED) == []
    assert one.offer(4000, "c", How.LIVE) == []
    assert one.offer(9000, "d", How.LIVE) == [Give(7, 9000, "d", How.LIVE)]


def test_what_it_was_told_is_empty_is_late_afterwards() -> None:
    one = taker(empty=True)
    one.offer(5000, "a", How.LIVE)
    assert one.empties(7001) == [Give(7, 6000, "a", How.EMPTY), Give(7, 7000, "a", How.EMPTY)]
    assert one.empty_from_ms == 8000
    assert one.offer(7000, "b", How.LIVE) == [Late((7,), 7000, "b", None)]
    assert one.offer(8000, "c", How.LIVE) == [Give(7, 8000, "c", How.LIVE)]


def test_after_something_is_missing_nothing_is_empty_until_the_next_candle() -> None:
    one = taker(empty=True)
    one.offer(5000, "a", How.LIVE)
    one.missed()
    assert one.empty_from_ms is None
    assert one.empties(99_000) == []
    assert one.offer(9000, "b", How.LIVE) == [Give(7, 9000, "b", How.LIVE)]
    assert one.empty_from_ms == 10_000


def test_live_candles_wait_behind_what_is_fetched() -> None:
    one = taker(history=2)
    assert one.waits_from_ms is None
    assert one.offer(5000, "live", How.LIVE) == []
    assert one.waits_from_ms == 5000
    one.live_ms = 5000
    rows = [(1000, "w"), (2000, "x"), (3000, "y"), (5000, "the same"), (6000, "between")]
    one.offer(7000, "more", How.LIVE)
    given = [(start_ms, item, how) for _, start_ms, item, how in one.begin(rows)]
    assert given == [
        (2000, "x", How.HISTORY),
        (3000, "y", How.HISTORY),
        (5000, "live", How.LIVE),
        (6000, "between", How.HISTORY),
        (7000, "more", How.LIVE),
    ]
    assert not one.waits


def test_a_candle_that_ended_before_it_came_is_none_of_its_own() -> None:
    one = taker()
    one.know(6000.0, 101.0)  # it came a second ago: at 5000
    one.know(60_000.0, 101.0)
    assert one.offer(4000, "a", How.LIVE) == []
    assert one.offer(4001, "b", How.LIVE) == [Give(7, 4001, "b", How.LIVE)]
    assert [one.had(start_ms) for start_ms in (4000, 4001, 4002)] == [False, True, False]


def test_there_is_an_end_to_what_is_told_of_nothing() -> None:
    one = taker(empty=True)
    one.offer(5000, "a", How.LIVE)
    before_ms = 5000 + 1000 * (MOST_EMPTY + 100_000)
    told = [action.start_ms for action in one.empties(before_ms)]
    assert len(told) == MOST_EMPTY
    assert told[-1] == before_ms - 1000
    assert [action.start_ms for action in one.empties(before_ms + 2000)] == [before_ms, before_ms + 1000]
