"""What a replica says of the title, at times that the test sets."""

import pytest

from websocket_v6.actors.fleet.replica_sight import STALE, ReplicaSight
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.title import Lead


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr("time.monotonic", one)
    return one


@pytest.mark.parametrize(("term", "is_clear"), [(None, True), (6, True), (7, True), (8, False)])
def test_a_title_older_than_what_was_read_says_nothing(term: int | None, is_clear: bool) -> None:
    assert ReplicaSight().is_clear(Lead("log", 7, "me", 1), term) is is_clear
    assert not ReplicaSight().is_clear(None, term)


def test_one_whose_beat_stands_still_is_left(clock: Clock) -> None:
    one = ReplicaSight()
    for beat in (1, 2):
        one.is_clear(Lead("log", 7, "me", beat), 7)
        clock.now += STALE
        assert one.is_clear(Lead("log", 7, "me", beat), 7)
    clock.now += 0.1
    assert one.is_clear(Lead("log", 7, "", 2), 7), "nobody leads: there is no beat"
    with pytest.raises(TransportError, match="nothing for 3 s"):
        one.is_clear(Lead("log", 7, "me", 2), 7)


def test_one_that_has_no_title_is_left_as_well(clock: Clock) -> None:
    one = ReplicaSight()
    one.is_clear(None, 7)
    clock.now += STALE + 0.1
    with pytest.raises(TransportError):
        one.is_clear(None, 7)
