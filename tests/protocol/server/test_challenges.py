"""Challenges: each once, and not for ever."""

from websocket_v6.protocol.server.challenges import LIFETIME, MOST, Challenges


def test_a_challenge_is_good_once() -> None:
    challenges = Challenges()
    one, other = challenges.make(0.0), challenges.make(0.0)
    assert one != other
    assert challenges.take(one, 1.0)
    assert not challenges.take(one, 1.0)
    assert not challenges.take("00" * 32, 1.0)
    assert not challenges.take("", 1.0)


def test_it_is_not_good_for_ever() -> None:
    challenges = Challenges()
    assert not challenges.take(challenges.make(0.0), LIFETIME)
    assert challenges.take(challenges.make(0.0), LIFETIME - 0.001)


def test_who_only_asks_costs_little() -> None:
    challenges = Challenges()
    first = challenges.make(0.0)
    last = [challenges.make(0.0) for _ in range(MOST)][-1]
    assert not challenges.take(first, 0.0)
    assert challenges.take(last, 0.0)
    for _ in range(10):
        challenges.make(2 * LIFETIME)
    assert len(challenges._made) == 10
