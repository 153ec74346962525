"""A trouble is told at once, then ever more rarely, and once when it is over."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol import telling
from websocket_v6.protocol.telling import FIRST, LONGEST, Telling, Tellings, Told


def told_at(one: Telling, every: float, until: float) -> list[float]:
    """Fail every so many seconds; return when it was told."""
    times = [every * number for number in range(int(until / every))]
    return [now for now in times if one.failed(now) is not None]


def test_the_first_is_told_at_once_and_the_rest_at_growing_intervals() -> None:
    assert told_at(Telling(), 1.0, 200.0) == [0.0, 10.0, 30.0, 70.0, 150.0]


def test_it_says_how_often_and_for_how_long() -> None:
    one = Telling()
    first = one.failed(100.0)
    assert first is not None
    assert first.is_first
    assert str(first) == ""
    for _ in range(4):
        assert one.failed(101.0) is None
    again = one.failed(110.0)
    assert again == Told(6, 10.0)
    assert str(again) == " (6 times in 10 s)"


def test_intervals_grow_to_an_hour() -> None:
    times = told_at(Telling(), 60.0, 100_000.0)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) == LONGEST


def test_that_it_is_over_is_told_once_and_only_if_it_was_told() -> None:
    one = Telling()
    assert one.over(0.0) is None
    one.failed(1.0)
    one.failed(2.0)
    assert one.over(3.0) == Told(2, 2.0)
    assert one.over(4.0) is None
    one.failed(5.0)  # too early to be told
    assert one.over(6.0) is None


def test_what_was_well_for_long_enough_is_another_trouble() -> None:
    one = Telling()
    one.failed(0.0)
    one.over(1.0)
    told = one.failed(1.0 + FIRST)
    assert told is not None
    assert told.is_first


@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.booleans()), max_size=400))
def test_flapping_never_floods(steps: list[tuple[float, bool]]) -> None:
    one, now, lines = Telling(), 0.0, 0
    for pause, fails in steps:
        now += pause
        lines += (one.failed(now) if fails else one.over(now)) is not None
    # At worst a pair of lines each interval that was shown to be enough.
    assert lines <= 2 + 2 * now / FIRST


def test_troubles_are_told_apart() -> None:
    many = Tellings()
    assert many.failed("a", 0.0) is not None
    assert many.failed("a", 1.0) is None
    assert many.failed("b", 1.0) is not None
    assert many.over("c", 1.0) is None
    assert many.over("b", 2.0) == Told(1, 1.0)


def test_their_number_is_bounded() -> None:
    many = Tellings()
    for number in range(telling.MOST + 5):
        many.failed(number, 0.0)
    assert len(many) == telling.MOST
