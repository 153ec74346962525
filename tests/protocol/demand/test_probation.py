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
