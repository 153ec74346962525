"""Whose a resume name is."""

import pytest

from websocket_v6.protocol.fleet.claim import GAP, LOOK, PATIENCE, Claim, Holder, holder_of


def watch(claim: Claim, holders: list[Holder | None], start: float = 0.0, step: float = LOOK) -> list[bool]:
    return [claim.looked(one, start + number * step, start + number * step) for number, one in enumerate(holders)]


def test_a_name_that_nobody_has_may_be_taken_at_once() -> None:
    assert Claim("me").looked(None, 0.0, 0.1)
    assert Claim("me").looked(Holder("", 7, "host (1)"), 0.0, 0.1)


def test_its_own_name_may_be_taken_again() -> None:
    assert Claim("me").looked(Holder("me", 7, "host (1)"), 0.0, 0.1)


def test_a_beat_that_stands_still_long_enough_is_that_of_a_process_that_has_ended() -> None:
    looks = int(PATIENCE / LOOK) + 1
    found = watch(Claim("me"), [Holder("other", 7, "host (1)")] * looks)
    assert found == [False] * (looks - 1) + [True]


def test_a_beat_that_moves_names_the_process_that_lives() -> None:
    claim = Claim("me")
    assert not any(watch(claim, [Holder("other", beat, "host (1)") for beat in range(20)]))
    assert claim.taken_by == "host (1)"
    assert claim.looked(Holder("", 20, "host (1)"), 10.0, 10.0)
    assert claim.taken_by == ""


def test_another_process_that_takes_it_is_watched_anew() -> None:
    claim = Claim("me")
    watch(claim, [Holder("other", 7, "host (1)")] * 5)
    assert not claim.looked(Holder("third", 7, "host (2)"), 2.6, 2.6)
    assert claim.taken_by == ""
    assert not claim.looked(Holder("third", 7, "host (2)"), 3.2, 3.2)


@pytest.mark.parametrize(("asked_at", "at"), [(PATIENCE, PATIENCE + 1.0), (LOOK + GAP + 2.0, LOOK + GAP + 2.0)])
def test_what_was_not_watched_all_the_time_proves_nothing(asked_at: float, at: float) -> None:
    claim = Claim("me")
    holder = Holder("other", 7, "host (1)")
    watch(claim, [holder] * 2)
    assert not claim.looked(holder, asked_at, at)


def test_after_the_server_was_away_it_begins_anew() -> None:
    claim = Claim("me")
    holder = Holder("other", 7, "host (1)")
    watch(claim, [holder] * 6)
    claim.forget()
    assert not claim.looked(holder, PATIENCE, PATIENCE)


def test_who_has_it_is_read_from_the_place() -> None:
    fields = {"owner": b"abc", "beat": b"7", "who": b"host \x1b[31m(1)"}
    found = holder_of(fields)
    assert found is not None
    assert found[:2] == ("abc", 7)
    assert "\x1b" not in found.who
    assert holder_of({}) is None
    assert holder_of({"owner": b"abc", "beat": b"x"}) is None
