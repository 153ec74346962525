import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.connection.stall import StallWatch, Suspicion

LOOK = 5.0
FLOOR = 15.0
# As protocol/connection/stall.py has them, said again so that a change of them is a change of two minds.
FACTOR = 8.0
GIVE_UP = 4.0
LIVELY = 12


class Line:
    """A line that is looked at every five seconds."""

    def __init__(self) -> None:
        self.watch = StallWatch(FLOOR)
        self.now = 1000.0
        self.data_at = 1
        self.watch.begin(self.now)

    def look(self, *, data: bool) -> Suspicion:
        self.now += LOOK
        self.data_at += data
        return self.watch.look(self.now, self.data_at)

    def run(self, data: list[bool]) -> list[Suspicion]:
        return [self.look(data=one) for one in data]


def test_a_lively_line_that_falls_silent_is_asked_and_then_given_up() -> None:
    line = Line()
    assert set(line.run([True] * 100)) == {Suspicion.NONE}
    found = line.run([False] * 100)
    asked, given_up = found.index(Suspicion.ASK), found.index(Suspicion.GIVE_UP)
    assert (asked + 1) * LOOK == FACTOR * LOOK, "one look is the shortest silence it knows of"
    assert (given_up + 1) * LOOK == pytest.approx(GIVE_UP * FACTOR * LOOK, abs=2 * LOOK)
    assert found[:given_up].count(Suspicion.ASK) == 1


def test_a_line_that_never_said_much_is_never_suspected() -> None:
    line = Line()
    line.run([True] * (LIVELY - 1))
    assert set(line.run([False] * 10_000)) == {Suspicion.NONE}


def test_a_line_that_has_said_enough_is_suspected() -> None:
    line = Line()
    line.run([True] * LIVELY)
    assert Suspicion.ASK in line.run([False] * 10)


def test_the_floor_and_the_longest_silence_say_what_is_suspicious() -> None:
    line = Line()
    assert line.watch.limit == FLOOR
    line.run([True])
    assert line.watch.limit == 40.0, "eight times one look"
    line.run([False, True])
    assert line.watch.limit == 80.0


def test_the_longest_silence_counts_half_after_half_an_hour() -> None:
    watch = StallWatch(1.0)
    watch.begin(0.0)
    assert watch.look(600.0, 1) is Suspicion.NONE
    assert watch.limit == 4800.0
    now = 600.0
    for data_at in range(2, 362):
        now += 5.0
        watch.look(now, data_at)
    assert watch.limit == pytest.approx(2400.0)


def test_a_connection_that_took_long_to_come_begins_its_silence_then() -> None:
    line = Line()
    line.run([True] * 50)
    line.now += 10_000.0
    line.watch.begin(line.now)
    assert line.look(data=False) is Suspicion.NONE
    assert line.look(data=True) is Suspicion.NONE
    assert line.watch.limit == pytest.approx(80.0), "what was lost is no silence of the market"


def test_a_new_connection_is_asked_again() -> None:
    line = Line()
    line.run([True] * 50)
    assert line.run([False] * 8)[-1] is Suspicion.ASK
    line.watch.begin(line.now)
    assert [one for one in line.run([False] * 20) if one is not Suspicion.NONE] == [Suspicion.ASK]


def test_without_a_beginning_the_first_look_is_one() -> None:
    watch = StallWatch(15.0)
    watch.skip(100.0)
    assert watch.look(5000.0, 1) is Suspicion.NONE
    assert watch.limit == 15.0


def test_data_after_a_question_ends_the_suspicion() -> None:
    line = Line()
    line.run([True] * 50)
    line.run([False] * int(FACTOR))
    assert line.look(data=True) is Suspicion.NONE
    assert set(line.run([False] * int(FACTOR))) == {Suspicion.NONE}, "it knows a longer silence now"


def test_a_silence_that_ended_a_connection_makes_the_next_one_last_longer() -> None:
    line = Line()
    line.run([True] * 50)
    first = line.run([False] * 100).index(Suspicion.GIVE_UP)
    line.watch.begin(line.now)
    line.run([True])
    assert Suspicion.GIVE_UP not in line.run([False] * first * 4)


@given(st.integers(0, 10_000), st.floats(0.5, 600.0))
def test_a_quiet_market_with_a_steady_rate_is_never_given_up(seed: int, mean: float) -> None:
    """Whatever the rate: an hour or forty messages long, arrivals are random and independent."""
    rng = random.Random(seed)
    line = Line()
    next_at = line.now + rng.expovariate(1 / mean)
    for _ in range(int(max(3600.0, mean * 40) / LOOK)):
        data = line.now + LOOK >= next_at
        assert line.look(data=data) is not Suspicion.GIVE_UP
        while next_at <= line.now:
            next_at += rng.expovariate(1 / mean)


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 400))
def test_it_asks_before_it_gives_up_and_each_once_in_a_silence(data: list[bool], silent: int) -> None:
    line = Line()
    line.run(data)
    line.look(data=True)
    found = [one for one in line.run([False] * silent) if one is not Suspicion.NONE]
    until_given_up = found[: found.index(Suspicion.GIVE_UP) + 1] if Suspicion.GIVE_UP in found else found
    assert until_given_up in ([], [Suspicion.ASK], [Suspicion.ASK, Suspicion.GIVE_UP])


def test_time_in_which_the_machine_slept_is_no_silence() -> None:
    line = Line()
    line.run([True] * 50)
    line.now += 100_000.0
    line.watch.skip(100_000.0)
    assert line.look(data=False) is Suspicion.NONE
