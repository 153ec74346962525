"""The table of restarts, all of it, and walks through it with clocks that jump."""

import itertools
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.supervision.restarts import LONGEST, REMEMBERED, TABLE, WELL, Restarts
from websocket_v6.protocol.supervision.steps import Due, Event, Failed, Gone, Started, State, Stopped

PART = "router"
FAILED = Failed(PART, "a bug")
EVENTS: dict[type, Event] = {type(one): one for one in (Started(PART), FAILED, Stopped(PART), Gone(PART), Due())}


def at_its_most() -> float:
    return 1.0


@pytest.fixture
def restarts() -> Restarts:
    return Restarts(at_its_most)


def in_state(state: State) -> Restarts:
    one = Restarts(at_its_most)
    if state is State.WAITING:
        one.handle(FAILED, 0.0)
    if state is State.RUNNING:
        one.handle(Started(PART), 0.0)
    return one


def state_of(restarts: Restarts) -> State:
    if not restarts.may_start(PART):
        return State.WAITING if restarts.next_due is not None else State.RUNNING
    return State.ABSENT


AFTER: dict[tuple[State, type], State | None] = {
    (State.ABSENT, Started): State.RUNNING,
    (State.ABSENT, Failed): State.WAITING,
    (State.ABSENT, Stopped): State.ABSENT,
    (State.ABSENT, Gone): State.ABSENT,
    (State.ABSENT, Due): State.ABSENT,
    (State.RUNNING, Started): None,
    (State.RUNNING, Failed): State.ABSENT,  # the first time at once
    (State.RUNNING, Stopped): State.ABSENT,
    (State.RUNNING, Gone): State.ABSENT,
    (State.RUNNING, Due): State.RUNNING,
    (State.WAITING, Started): None,
    (State.WAITING, Failed): State.WAITING,  # nobody had said yet that it runs
    (State.WAITING, Stopped): State.WAITING,
    (State.WAITING, Gone): State.ABSENT,
    (State.WAITING, Due): State.WAITING,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, EVENTS)))
def test_each_pair_leads_where_it_should_or_is_refused(state: State, event: type) -> None:
    restarts = in_state(state)
    expected = AFTER[state, event]
    if expected is None:
        with pytest.raises(LookupError):
            restarts.handle(EVENTS[event], 0.1)
        return
    restarts.handle(EVENTS[event], 0.1)
    assert state_of(restarts) is expected


def test_the_table_knows_all_events() -> None:
    assert set(TABLE) == set(EVENTS)
    assert all(len(row) == len(State) for row in TABLE.values())


def fail_and_return(restarts: Restarts, now: float, count: int) -> tuple[list[float], float]:
    """Have a part fail and come back so many times; return the pauses, and when that was over."""
    pauses = []
    for _ in range(count):
        restarts.handle(Started(PART), now)
        (told,) = restarts.handle(FAILED, now)
        pauses.append(told.trouble.wait)
        now += told.trouble.wait
        restarts.handle(Due(), now)
        assert restarts.may_start(PART)
    return pauses, now


def test_pauses_grow_up_to_a_bound_and_never_end(restarts: Restarts) -> None:
    pauses, _ = fail_and_return(restarts, 0.0, 50)
    assert pauses[:9] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert set(pauses[9:]) == {LONGEST}


def test_what_cannot_be_started_waits_even_the_first_time(restarts: Restarts) -> None:
    (told,) = restarts.handle(FAILED, 5.0)
    assert (told.trouble.wait, restarts.next_due) == (0.5, 5.5)


def test_who_runs_well_starts_over(restarts: Restarts) -> None:
    _, now = fail_and_return(restarts, 0.0, 5)
    restarts.handle(Started(PART), now)
    restarts.handle(Due(), now + WELL - 0.1)
    assert restarts.troubles
    restarts.handle(Due(), now + WELL)
    assert restarts.troubles == ()
    (told,) = restarts.handle(FAILED, now + WELL)
    assert (told.trouble.times, told.trouble.wait, told.is_new) == (1, 0.0, True)


def test_while_the_process_stood_still_nothing_ran_well(restarts: Restarts) -> None:
    _, now = fail_and_return(restarts, 0.0, 5)
    restarts.handle(Started(PART), now)
    restarts.handle(Due(was_away=True), now + 10 * WELL)
    assert restarts.troubles
    restarts.handle(Due(), now + 11 * WELL)
    assert restarts.troubles == ()


def test_a_part_that_was_stopped_with_another_keeps_its_own_pause(restarts: Restarts) -> None:
    fail_and_return(restarts, 0.0, 3)
    restarts.handle(Started(PART), 10.0)
    restarts.handle(FAILED, 10.0)
    restarts.handle(Stopped(PART), 10.1)
    assert (restarts.may_start(PART), restarts.next_due) == (False, 12.0)


def test_a_clock_that_is_set_back_lets_nobody_wait_for_longer(restarts: Restarts) -> None:
    restarts.handle(FAILED, 1e9)
    restarts.handle(Due(), 5.0)
    assert restarts.next_due == 5.0 + LONGEST


def test_the_same_failure_is_told_in_full_once(restarts: Restarts) -> None:
    told = []
    for number, kind in enumerate(["A", "A", "B", "A"]):
        restarts.handle(Started(PART), number)
        told += restarts.handle(Failed(PART, f"number {number}", kind), number)
        restarts.handle(Due(), number + 0.9 + LONGEST)
    assert [one.is_new for one in told] == [True, False, True, False]


def test_what_was_told_is_not_remembered_without_end(restarts: Restarts) -> None:
    for number in range(2 * REMEMBERED):
        restarts.handle(Failed(f"part {number}", "a bug"), 0.0)
    assert len(restarts._told) == REMEMBERED


def test_of_who_is_gone_nothing_is_known(restarts: Restarts) -> None:
    restarts.handle(FAILED, 0.0)
    restarts.handle(Gone(PART), 0.1)
    assert (restarts.troubles, restarts.next_due, restarts._parts, restarts._told) == ((), None, {}, {})


def test_what_waits_says_why(restarts: Restarts) -> None:
    (told,) = restarts.handle(Failed(PART, "OSError()", remedy="raise the limit"), 0.0)
    why = told.trouble
    assert list(restarts.troubles) == [why]
    assert str(why) == "the engine's router failed: OSError(); it is started again in 0.5 s; raise the limit"
    restarts.handle(Due(), 0.5)
    restarts.handle(Started(PART), 0.6)
    assert list(restarts.troubles) == [msgspec.structs.replace(why, due=None)], "but it was there a short while ago"


# --- walks


class Walk:
    """Parts that fail and start at random; beside the machine, what must hold whatever happens."""

    def __init__(self, random: Callable[[], float]) -> None:
        self.restarts = Restarts(random)
        self.running: set[str] = set()
        self.now = 0.0

    def step(self, part: str, what: str, seconds: float) -> None:
        self.now += seconds
        restarts = self.restarts
        restarts.handle(Due(), self.now)  # as a supervisor does all the time
        match what:
            case "start" if restarts.may_start(part):
                restarts.handle(Started(part), self.now)
                self.running.add(part)
            case "cannot" if restarts.may_start(part):
                self.fail(part)
            case "fail" if part in self.running:
                self.running.discard(part)
                self.fail(part)
            case "stop" if part in self.running:
                self.running.discard(part)
                restarts.handle(Stopped(part), self.now)
            case "gone":
                self.running.discard(part)
                restarts.handle(Gone(part), self.now)
            case "look" | "away":
                restarts.handle(Due(what == "away"), self.now)
        self.check()

    def fail(self, part: str) -> None:
        (told,) = self.restarts.handle(Failed(part, "a bug"), self.now)
        trouble = told.trouble
        assert trouble.part == part
        assert trouble.due == self.now + trouble.wait
        assert 0 <= trouble.wait <= LONGEST
        assert "it is started again" in str(trouble)

    def check(self) -> None:
        due = self.restarts.next_due
        assert due is None or due <= self.now + LONGEST, "nobody waits for long"
        for part in PARTS:
            assert self.restarts.may_start(part) <= (part not in self.running)
        waiting = {one.part for one in self.restarts.troubles if one.due is not None}
        assert not waiting & self.running

    def end(self) -> None:
        """All come back, whatever has happened, once time passes."""
        self.now += 2 * LONGEST
        self.restarts.handle(Due(), self.now)
        for part in PARTS:
            assert (part in self.running) or self.restarts.may_start(part)
            if part not in self.running:
                self.restarts.handle(Started(part), self.now)
        self.now += WELL + 1.0
        self.restarts.handle(Due(), self.now)
        assert self.restarts.troubles == ()


PARTS = ("a", "b", "c")
STEPS = st.tuples(
    st.sampled_from(PARTS),
    st.sampled_from(["start", "start", "cannot", "fail", "stop", "gone", "look", "away"]),
    st.sampled_from([0.0, 0.01, 0.4, 3.0, 29.0, 61.0, 1e6, -50.0]),
)


@given(st.lists(STEPS, max_size=60), st.floats(0.0, 1.0, exclude_max=True))
def test_whatever_happens_all_come_back(steps: list[tuple[str, str, float]], draw: float) -> None:
    walk = Walk(lambda: draw)
    for part, what, seconds in steps:
        walk.step(part, what, seconds)
    walk.end()
