"""protocol/dialing/addresses.py: families take turns, and nobody waits for a dead one longer than a quarter second."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.dialing.addresses import DELAY, Address, Race, in_turn
from websocket_v6.protocol.limits import ADDRESSES

SIX, FOUR = 10, 2


def six(*numbers: int) -> list[Address]:
    return [Address(SIX, (f"2001:db8::{number}", 443, 0, 0)) for number in numbers]


def four(*numbers: int) -> list[Address]:
    return [Address(FOUR, (f"192.0.2.{number}", 443)) for number in numbers]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([], []),
        (four(1, 2), four(1, 2)),
        (six(1, 2, 3) + four(1), six(1) + four(1) + six(2, 3)),
        (four(1) + six(1, 2), four(1) + six(1, 2)),
        (six(1, 1) + four(1, 1) + six(1), six(1) + four(1)),
    ],
)
def test_families_take_turns_the_systems_first(given_: list[Address], expected: list[Address]) -> None:
    assert in_turn(given_) == expected


addresses = st.lists(st.builds(Address, st.sampled_from([SIX, FOUR]), st.integers(0, 60)), max_size=60)


@given(addresses)
def test_no_more_are_tried_than_the_limit(given_: list[Address]) -> None:
    turns = in_turn(given_)
    assert len(turns) == min(ADDRESSES, len(set(given_)))
    assert len(set(turns)) == len(turns)
    assert set(turns) <= set(given_)
    families = {one.family for one in given_}
    assert {one.family for one in turns[:2]} == families


def test_one_begins_after_the_other() -> None:
    race = Race(six(1) + four(1), 100.0)
    assert race.next_at == 100.0
    assert race.begin(100.0) == six(1)[0]
    assert race.begin(100.0) is None
    assert race.next_at == 100.0 + DELAY
    assert race.begin(100.2) is None
    assert race.begin(100.0 + DELAY) == four(1)[0]
    assert race.next_at is None
    assert race.begin(200.0) is None


def test_after_a_failure_the_next_waits_no_longer() -> None:
    race = Race(six(1, 2) + four(1), 100.0)
    race.begin(100.0)
    race.failed(100.1)
    assert race.next_at == 100.1
    assert race.begin(100.1) == four(1)[0]
    assert race.next_at == 100.1 + DELAY
    race.failed(100.2)
    race.failed(100.3)
    assert race.begin(100.3) == six(2)[0]
    race.failed(100.4)
    assert race.next_at is None


@given(addresses, st.lists(st.floats(0, 1), max_size=30))
def test_all_have_their_turn_and_none_too_early(given_: list[Address], pauses: list[float]) -> None:
    race, now, begun = Race(given_, 0.0), 0.0, []
    for pause in [*pauses, *([DELAY] * ADDRESSES)]:
        if (address := race.begin(now)) is not None:
            begun.append((now, address))
        now += pause
    assert [address for _, address in begun] == in_turn(given_)
    assert all(later - earlier >= DELAY - 1e-9 for (earlier, _), (later, _) in itertools.pairwise(begun))
