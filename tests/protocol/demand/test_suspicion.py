"""Who is suspected of what: only those who were in a request, also after a restart."""

from websocket_v6.protocol.demand.probation import Probation, Suspicion


def test_a_strike_is_not_held_against_who_comes_later() -> None:
    probation = Probation()
    probation.suspect(1)
    probation.refused()
    probation.forget(1)
    probation.suspect(2)
    assert probation.refused() == (None, ())


def test_only_who_was_in_the_request_is_to_blame_or_good() -> None:
    probation = Probation()
    probation.suspect(1)
    probation.suspect(2)
    assert probation.refused({3}) == (None, ())
    probation.refused({1})
    assert probation.refused({1}) == (1, ())
    probation.proven({1})
    assert probation.suspects == {2}
    probation.proven({2})
    assert not probation.suspects


def test_a_trial_goes_on_beside_newcomers() -> None:
    probation = Probation()
    for number in (1, 2):
        probation.suspect(number)
    probation.refused()
    probation.refused()
    probation.suspect(9)
    assert not probation.is_trying
    assert probation.next_trial() == 1
    assert probation.is_trying
    assert probation.suspects == {1, 9}
    assert probation.refused({1}) == (1, ())
    assert not probation.is_trying


def test_a_successor_knows_what_was_known_but_of_who_is_gone() -> None:
    probation = Probation()
    for number in (1, 2, 3):
        probation.suspect(number)
    probation.refused()
    probation.refused()
    probation.next_trial()
    inherited = probation.inheritance()
    assert inherited == Suspicion(frozenset({1}), 1, (2, 3), 1)
    assert Probation(inherited).inheritance() == inherited
    assert inherited.of({1, 3}) == Suspicion(frozenset({1}), 1, (3,), 1)
    assert inherited.of({2}) == Suspicion(frozenset(), 1, (2,), 1)


def test_a_strike_is_against_those_who_were_refused_and_nobody_else() -> None:
    probation = Probation()
    probation.suspect(1)
    probation.refused({1})
    probation.suspect(2)
    assert probation.refused({2}) == (None, ()), "it is refused for the first time"
    assert probation.refused({2}) == (2, ())


def test_a_strike_lasts_until_they_are_good_or_gone_whoever_else_is() -> None:
    probation = Probation()
    probation.suspect(1)
    probation.suspect(2)
    probation.refused({1})
    probation.proven({2})
    assert probation.refused({1}) == (1, ())
    for number in (3, 4):
        probation.suspect(number)
    probation.refused({3})
    probation.proven({3})
    probation.suspect(3)
    assert probation.refused({3}) == (None, ())
    probation.forget(3)
    probation.suspect(3)
    assert probation.refused({3}) == (None, ())


def test_a_single_refusal_is_the_verdict_of_a_trial_whoever_is_proven_meanwhile() -> None:
    probation = Probation()
    for number in (1, 2):
        probation.suspect(number)
    probation.refused()
    probation.refused()
    probation.suspect(9)
    assert probation.next_trial() == 1
    probation.proven({9})
    assert probation.refused({1}) == (1, ())
