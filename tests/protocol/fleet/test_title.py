from collections.abc import Iterator

import pytest

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.fleet.title import BEAT, GAP, PATIENCE, PROMPT, Candidate, Lead, lead_of

OTHER = Lead("log", 7, "other", 3)
FIELDS = {b"log": b"x", b"term": b"7", b"owner": b"me", b"beat": b"3", b"format": b"1", b"name": b"bot", b"wall": b"9"}


def looks(start: float = 100.0) -> Iterator[float]:
    while True:
        yield start
        start += BEAT


def test_the_title_is_read_as_the_server_has_it() -> None:
    assert lead_of(FIELDS) == Lead("x", 7, "me", 3, "bot", 9, 1)
    assert lead_of({}) is None


@pytest.mark.parametrize("wrong", [{b"a": b"b"}, {**FIELDS, b"term": b"x"}, {**FIELDS, b"beat": b""}])
def test_another_hash_is_no_title(wrong: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="no fleet's title"):
        lead_of(wrong)


def test_a_title_of_a_later_version_is_refused_whatever_else_it_holds() -> None:
    with pytest.raises(ConfigError, match="has format 2, this version knows 1: update websocket-v6"):
        lead_of({b"format": b"2", b"crown": b"gold"})


def test_where_nobody_leads_the_title_may_be_taken_at_once() -> None:
    for lead in (None, OTHER._replace(owner=""), OTHER._replace(owner="me")):
        assert Candidate("me").looked(lead, 1.0, 1.0)


def test_a_beat_that_stands_still_is_watched_for_two_seconds() -> None:
    candidate, times = Candidate("me"), looks()
    seen = [(at, candidate.looked(OTHER, at, at + 0.001)) for at, _ in zip(times, range(8), strict=False)]
    assert next(at - seen[0][0] for at, may in seen if may) == PATIENCE
    assert not any(may for _, may in seen[:4])


def test_a_leader_that_beats_keeps_its_title() -> None:
    candidate = Candidate("me")
    for beat, at in zip(range(100), looks(), strict=False):
        assert not candidate.looked(OTHER._replace(beat=beat // 3), at, at)


def test_one_of_another_term_is_watched_anew() -> None:
    candidate = Candidate("me")
    for term, at in zip(range(100), looks(), strict=False):
        assert not candidate.looked(OTHER._replace(term=term // 4), at, at)


def test_who_led_may_take_a_title_first_that_the_server_has_forgotten() -> None:
    candidate = Candidate("me")
    assert not candidate.looked(OTHER, 0.0, 0.0)
    for at, may in ((0.5, False), (1.0, False), (1.5, True)):
        assert candidate.looked(None, at, at) is may


@pytest.mark.parametrize("what", ["slow answer", "late look", "no answer"])
def test_evidence_begins_anew_after_a_pause_of_the_server_or_of_this_machine(what: str) -> None:
    candidate = Candidate("me")
    for at in (0.0, 0.5, 1.0, 1.5):
        assert not candidate.looked(OTHER, at, at)
    match what:
        case "slow answer":
            assert not candidate.looked(OTHER, 2.0, 2.1 + PROMPT)
            start = 2.1 + PROMPT
        case "late look":
            start = 1.6 + GAP
            assert not candidate.looked(OTHER, start, start)
        case _:
            candidate.forget()
            start = 2.0
            assert not candidate.looked(OTHER, start, start)
    for step in (0.5, 1.0, 1.5):
        assert not candidate.looked(OTHER, start + step, start + step)
    assert candidate.looked(OTHER, start + 2.0, start + 2.0)
