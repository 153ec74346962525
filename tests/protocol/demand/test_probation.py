from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.probation import Probation


def test_an_error_without_new_leases_blames_nobody() -> None:
    assert Probation().refused() == (None, ())


def test_the_first_refusal_may_have_had_another_cause() -> None:
    probation = Probation()
    probation.suspect(1)
    assert probation.refused() == (None, ())
    probation.proven()
    assert probation.refused() == (None, ()), "proven good, it is no suspect any more"


def test_a_single_suspect_is_guilty_the_second_time() -> None:
    probation = Probation()
    probation.suspect(7)
    probation.refused()
    assert probation.refused() == (7, ())


def test_each_suspicion_begins_with_a_refusal_that_blames_nobody() -> None:
    probation = Probation()
    probation.suspect(1)
    probation.refused()
    assert probation.refused() == (1, ())
    probation.suspect(2)
    assert probation.refused() == (None, ()), "after a verdict"
    assert probation.refused() == (2, ())
    probation.suspect(2)
    probation.refused()
    probation.proven()
    probation.suspect(3)
    assert probation.refused() == (None, ()), "after a request that was good"
    assert probation.refused() == (3, ())
    assert probation.refused() == (None, ()), "nobody is left to blame"


def test_a_lease_that_is_gone_is_no_suspect() -> None:
    probation = Probation()
    for number in (1, 2):
        probation.suspect(number)
    probation.forget(1)
    assert not probation.is_apart(2)
    probation.refused()
    assert probation.refused() == (2, ())
    probation.forget(2)
    probation.forget(99)
    assert (probation.has_apart, probation.next_trial()) == (False, None)


def test_one_that_is_tried_is_not_apart_any_more() -> None:
    probation = Probation()
    for number in (1, 2):
        probation.suspect(number)
    probation.refused()
    probation.refused()
    assert (probation.is_apart(1), probation.is_apart(2), probation.has_apart) == (True, True, True)
    assert probation.next_trial() == 1
    assert (probation.is_apart(1), probation.is_apart(2), probation.has_apart) == (False, True, True)
    assert probation.refused() == (1, ())
    assert probation.next_trial() == 2
    assert not probation.has_apart


def test_several_suspects_are_tried_one_by_one() -> None:
    probation = Probation()
    for number in (3, 1, 2):
        probation.suspect(number)
    probation.refused()
    assert probation.refused() == (None, (1, 2, 3))
    assert probation.next_trial() == 1
    probation.proven()
    assert probation.next_trial() == 2
    assert probation.refused() == (2, ())
    assert probation.is_apart(3)
    probation.forget(3)
    assert not probation.has_apart
    assert probation.next_trial() is None


@given(st.sets(st.integers(0, 50), min_size=1), st.data())
def test_exactly_the_guilty_are_found(numbers: set[int], data: st.DataObject) -> None:
    guilty = data.draw(st.sets(st.sampled_from(sorted(numbers))))
    probation, asked, found = Probation(), set(numbers), set()
    for number in numbers:
        probation.suspect(number)
    for _ in range(4 * len(numbers) + 4):
        if asked & guilty:
            one, apart = probation.refused()
            asked -= set(apart)
            if one is not None:
                found.add(one)
                asked.discard(one)
        else:
            probation.proven()
        if not asked & guilty or probation.has_apart:
            following = probation.next_trial()
            if following is not None:
                asked.add(following)
    assert found == guilty
    assert asked == numbers - guilty
