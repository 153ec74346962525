"""Times are whole seconds or halves, so that sums are exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.deadlines import Deadline, Deadlines, Kind

FLUSH = Deadline(Kind.FLUSH)
STOP = Deadline(Kind.STOP_MERGING)
SILENT = Deadline(Kind.SILENT, 1, 7)
PROOF = Deadline(Kind.PROOF, 2)
ALWAYS = float("-inf")
PAUSE = 1.0  # seconds: whoever looks later than this was stopped


@pytest.mark.parametrize("kind", list(Kind))
def test_a_verdict_is_whatever_says_that_something_did_not_come(kind: Kind) -> None:
    assert kind.is_verdict is (kind not in (Kind.FLUSH, Kind.STOP_MERGING))


def test_a_deadline_is_nobody_s_unless_it_says_whose() -> None:
    assert Deadline(Kind.FLUSH) == Deadline(Kind.FLUSH, 0, 0)


def test_nothing_is_due_of_nothing() -> None:
    deadlines = Deadlines()
    assert deadlines.next_due is None
    assert deadlines.pop(1000.0) == ([], None)
    assert FLUSH not in deadlines
    deadlines.cancel(FLUSH)
    assert deadlines.marked(1, ALWAYS, 1000.0) == []


def test_what_is_due_comes_in_the_order_of_its_times_and_then_of_its_setting() -> None:
    deadlines = Deadlines()
    deadlines.set(STOP, 10.0, 3.0)
    deadlines.set(FLUSH, 11.0, 0.0)
    assert deadlines.next_due == 11.0
    assert deadlines.pop(10.5) == ([], None)
    assert deadlines.pop(13.0) == ([FLUSH, STOP], None)
    assert deadlines.next_due is None
    deadlines.set(STOP, 20.0, 1.0)
    deadlines.set(FLUSH, 21.0, 0.0)
    assert deadlines.pop(21.0) == ([STOP, FLUSH], None)
    assert deadlines.pop(22.0) == ([], None), "each once"


def test_setting_a_deadline_again_moves_it() -> None:
    deadlines = Deadlines()
    deadlines.set(FLUSH, 10.0, 1.0)
    deadlines.set(FLUSH, 10.0, 5.0)
    assert deadlines.next_due == 15.0
    assert deadlines.pop(14.0) == ([], None)
    deadlines.set(FLUSH, 10.0, 2.0)
    assert deadlines.pop(14.0) == ([FLUSH], None)
    assert deadlines.pop(15.0) == ([], None)


def test_setting_a_deadline_to_the_same_again_leaves_it_in_its_place() -> None:
    deadlines = Deadlines()
    deadlines.set(FLUSH, 10.0, 1.0)
    deadlines.set(STOP, 10.0, 1.0)
    deadlines.set(FLUSH, 10.0, 1.0)
    assert deadlines.pop(11.0) == ([FLUSH, STOP], None)


def test_one_due_at_the_same_time_but_begun_later_counts_from_then() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    deadlines.set(SILENT, 12.0, 3.0)
    assert deadlines.pop(15.0) == ([], 1)
    assert deadlines.marked(1, 11.0, 15.0) == [SILENT]
    assert deadlines.pop(20.0) == ([], None)


def test_what_is_cancelled_is_not_due() -> None:
    deadlines = Deadlines()
    deadlines.set(FLUSH, 10.0, 1.0)
    assert FLUSH in deadlines
    deadlines.cancel(FLUSH)
    assert FLUSH not in deadlines
    assert deadlines.next_due is None
    assert deadlines.pop(20.0) == ([], None)


def test_a_verdict_waits_for_its_mark() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    deadlines.set(FLUSH, 10.0, 5.0)
    assert deadlines.pop(15.0) == ([FLUSH], 1)
    assert (SILENT in deadlines, FLUSH in deadlines, deadlines.next_due) == (True, False, None)
    assert deadlines.pop(15.5) == ([], None), "no second mark for it"
    assert deadlines.marked(2, ALWAYS, 15.5) == [], "it is another's"
    assert deadlines.marked(1, ALWAYS, 15.5) == [SILENT]
    assert SILENT not in deadlines
    assert deadlines.marked(1, ALWAYS, 15.5) == []


def test_each_mark_has_a_number_and_verdicts_of_its_own() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    deadlines.set(PROOF, 10.0, 6.0)
    assert deadlines.pop(15.0) == ([], 1)
    assert deadlines.pop(16.0) == ([], 2)
    assert deadlines.marked(2, ALWAYS, 16.0) == [PROOF]
    assert deadlines.marked(1, ALWAYS, 16.0) == [SILENT]


def test_a_verdict_on_sources_that_are_not_read_begins_anew() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    _, mark = deadlines.pop(15.0)
    assert deadlines.marked(mark or 0, None, 15.5) == []
    assert SILENT in deadlines
    assert deadlines.next_due == 20.5


def test_a_verdict_on_sources_that_flow_again_begins_when_they_did() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    _, mark = deadlines.pop(15.0)
    assert deadlines.marked(mark or 0, 10.5, 15.5) == []
    assert deadlines.next_due == 15.5
    _, mark = deadlines.pop(15.5)
    assert deadlines.marked(mark or 0, 10.5, 15.5) == [SILENT], "from then on they did flow"


def test_a_verdict_on_sources_that_have_flowed_since_it_began_holds() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    _, mark = deadlines.pop(15.0)
    assert deadlines.marked(mark or 0, 10.0, 15.5) == [SILENT]


def test_a_verdict_that_is_looked_at_too_late_begins_anew() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    assert deadlines.pop(15.0 + PAUSE + 0.5) == ([], None)
    assert deadlines.next_due == 21.5
    assert deadlines.pop(21.5 + PAUSE) == ([], 1), "not too late yet"


def test_what_is_no_verdict_is_done_however_late() -> None:
    deadlines = Deadlines()
    deadlines.set(FLUSH, 10.0, 0.0)
    deadlines.set(STOP, 10.0, 5.0)
    assert deadlines.pop(100.0) == ([FLUSH, STOP], None)


def test_a_late_verdict_does_not_hold_up_those_behind_it() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 0.0)
    deadlines.set(PROOF, 10.0, 2.0)
    deadlines.set(FLUSH, 10.0, 2.5)
    # Of no length, it is due again at once: in time now.
    assert deadlines.pop(12.5) == ([FLUSH], 1)
    assert deadlines.marked(1, ALWAYS, 12.5) == [PROOF, SILENT]


def test_a_verdict_set_anew_while_it_waits_for_its_mark_waits_no_more() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    _, mark = deadlines.pop(15.0)
    deadlines.set(SILENT, 15.0, 5.0)
    assert deadlines.marked(mark or 0, ALWAYS, 15.5) == []
    assert deadlines.next_due == 20.0


def test_a_verdict_cancelled_while_it_waits_for_its_mark_is_not_passed() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    deadlines.set(PROOF, 10.0, 5.0)
    _, mark = deadlines.pop(15.0)
    deadlines.cancel(SILENT)
    assert SILENT not in deadlines
    assert deadlines.marked(mark or 0, ALWAYS, 15.5) == [PROOF]


def test_an_attachment_that_ends_takes_all_of_its_own_with_it() -> None:
    deadlines = Deadlines()
    waiting, set_, other = Deadline(Kind.PATIENCE, 3), Deadline(Kind.PROOF, 3), Deadline(Kind.PROOF, 4)
    deadlines.set(waiting, 10.0, 1.0)
    deadlines.set(other, 10.0, 2.0)
    deadlines.set(set_, 10.0, 3.0)
    _, mark = deadlines.pop(11.0)
    deadlines.cancel_all(3)
    assert [one in deadlines for one in (waiting, set_, other)] == [False, False, True]
    assert deadlines.marked(mark or 0, ALWAYS, 11.0) == []
    assert deadlines.next_due == 12.0


def test_a_mark_that_never_comes_back_is_forgotten_with_what_waited_for_it() -> None:
    deadlines = Deadlines()
    deadlines.set(SILENT, 10.0, 5.0)
    deadlines.set(PROOF, 10.0, 6.0)
    _, mark = deadlines.pop(15.0)
    deadlines.forget_marks()
    assert [one in deadlines for one in (SILENT, PROOF)] == [False, True]
    assert deadlines.marked(mark or 0, ALWAYS, 15.0) == []
    assert deadlines.pop(16.0) == ([], 2), "a number is never used again"


some = st.builds(Deadline, st.sampled_from(list(Kind)), st.integers(1, 2))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), some, st.integers(0, 6)),
        st.tuples(st.just("cancel"), some, st.just(0)),
        st.tuples(st.just("cancel all"), some, st.just(0)),
        st.tuples(st.just("wait"), st.none(), st.integers(1, 6)),
        st.tuples(st.just("mark"), st.none(), st.sampled_from([-1, 0, 1, 2, 4, 99])),
        st.tuples(st.just("forget"), st.none(), st.just(0)),
    ),
    max_size=40,
)


@given(steps)
def test_whatever_is_set_is_due_once_and_a_verdict_only_of_what_flowed(
    actions: list[tuple[str, Deadline | None, int]],
) -> None:
    """Against a model that looks at everything each time. Halves of seconds, to be late by less than the pause too."""
    deadlines, now = Deadlines(), 100.0
    times: dict[Deadline, tuple[float, float]] = {}  # when it began, and its length; in the order of setting
    marks: dict[int, dict[Deadline, tuple[float, float]]] = {}

    def put(deadline: Deadline, began: float, length: float) -> None:
        if times.get(deadline) != (began, length):
            drop(deadline)
            times[deadline] = began, length

    def drop(deadline: Deadline) -> None:
        for where in (times, *marks.values()):
            where.pop(deadline, None)

    def look() -> None:
        """Pop in the model as well, one by one, earliest first."""
        ready, waiting = [], {}
        while due := [one for one in times if sum(times[one]) <= now]:
            first = min(due, key=lambda one: sum(times[one]))
            began, length = times.pop(first)
            if first.kind in (Kind.FLUSH, Kind.STOP_MERGING):
                ready.append(first)
            elif now - (began + length) > PAUSE:
                put(first, now, length)
            else:
                waiting[first] = began, length
        found, number = deadlines.pop(now)
        assert found == ready
        assert (number is not None) == bool(waiting)
        if number is not None:
            assert number not in marks
            marks[number] = waiting

    for action, deadline, amount in actions:
        if action == "set" and deadline is not None:
            deadlines.set(deadline, now, amount / 2)
            put(deadline, now, amount / 2)
        elif action == "cancel" and deadline is not None:
            deadlines.cancel(deadline)
            drop(deadline)
        elif action == "cancel all" and deadline is not None:
            deadlines.cancel_all(deadline.attachment)
            for one in [*times, *(one for where in marks.values() for one in where)]:
                if one.attachment == deadline.attachment:
                    drop(one)
        elif action == "wait":
            now += amount / 2
            look()
        elif action == "mark" and marks:
            number = min(marks)
            flowing_since = None if amount < 0 else ALWAYS if amount == 99 else now - amount / 2
            expected = []
            for one, (began, length) in marks.pop(number).items():
                if flowing_since is not None and flowing_since <= began:
                    expected.append(one)
                else:
                    put(one, now if flowing_since is None else flowing_since, length)
            assert deadlines.marked(number, flowing_since, now) == expected
        elif action == "forget":
            deadlines.forget_marks()
            marks.clear()
        assert deadlines.next_due == min((sum(one) for one in times.values()), default=None)
        for kind in Kind:
            for number in (1, 2):
                one = Deadline(kind, number)
                assert (one in deadlines) == (one in times or any(one in where for where in marks.values()))
