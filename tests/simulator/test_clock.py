"""The simulator's time passes with the machine's and by hand; what is due is called in order."""

import time

import pytest

from websocket_v6.simulator.clock import Agenda, Clock


def test_the_clock_begins_where_it_is_told_and_runs_on() -> None:
    clock = Clock(1_000_000.0)
    before = time.monotonic()
    first = clock.now()
    assert 0 <= first - 1_000_000.0 <= time.monotonic() - before + 1.0
    clock.advance(60)
    assert clock.now() - first >= 60
    assert clock.now_ms() >= 1_000_060_000


def test_the_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        Clock().advance(-1)


def test_calls_are_made_in_the_order_of_their_times_and_only_when_due() -> None:
    clock = Clock()
    agenda = Agenda(clock)
    made: list[str] = []
    agenda.after(30, lambda: made.append("third"))
    agenda.after(10, lambda: made.append("first"))
    agenda.after(20, lambda: made.append("never")).cancel()
    agenda.after(10.001, lambda: made.append("second"))
    agenda.run()
    assert made == []
    clock.advance(20)
    agenda.run()
    assert made == ["first", "second"]
    clock.advance(20)
    agenda.run()
    assert made == ["first", "second", "third"]
    assert agenda.next_due() is None


def test_a_call_may_plan_the_next_one_and_its_owner_is_told_of_an_earlier_one() -> None:
    clock = Clock(frozen=True)
    changes: list[None] = []
    agenda = Agenda(clock, lambda: changes.append(None))
    made: list[float] = []

    def again() -> None:
        made.append(clock.now())
        if len(made) < 3:
            agenda.at(clock.now(), again)

    agenda.after(100, lambda: None)
    agenda.after(200, lambda: None)
    assert len(changes) == 1
    agenda.after(0, again)
    assert len(changes) == 2
    agenda.run()
    assert len(made) == 3


def test_what_falls_due_while_it_runs_waits_for_the_next_time() -> None:
    clock = Clock(1_000.0)
    agenda = Agenda(clock)
    made: list[int] = []

    def make() -> None:
        made.append(1)
        assert len(made) < 1000, "for ever"
        agenda.at(clock.now(), make)

    agenda.at(1_000.0, make)
    agenda.run()
    assert len(made) == 1
    agenda.run()
    assert len(made) == 2
