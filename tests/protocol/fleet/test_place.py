import pytest

from websocket_v6.protocol.fleet.ids import EntryId, before_term
from websocket_v6.protocol.fleet.place import AGAIN, HOLE, OTHER_LEADER, WENT_BACK, WHOLE, Place, Verdict
from websocket_v6.protocol.fleet.title import Lead


def at(term: int, sequence: int) -> Place:
    return Place("log", EntryId(term, sequence))


@pytest.mark.parametrize(
    ("place", "id_", "after", "is_seamless", "verdict"),
    [
        ((7, 3), (7, 4), None, False, Verdict(True, WHOLE)),
        ((7, 3), (7, 6), None, False, Verdict(True, HOLE)),
        ((7, 3), (7, 3), None, False, Verdict(False, AGAIN)),
        ((7, 3), (9, 0), (7, 3), False, Verdict(True, OTHER_LEADER)),
        ((7, 3), (9, 0), (7, 5), False, Verdict(True, OTHER_LEADER)),
        ((7, 3), (9, 0), (7, 3), True, Verdict(True, WHOLE)),
        ((7, 3), (9, 0), (7, 5), True, Verdict(True, OTHER_LEADER)),
        ((7, 3), (9, 2), None, False, Verdict(True, HOLE)),
        (before_term(7), (7, 0), (5, 1), False, Verdict(True, WHOLE)),
        (before_term(7), (7, 2), None, False, Verdict(True, HOLE)),
    ],
)
def test_what_an_entry_means(
    place: tuple[int, int],
    id_: tuple[int, int],
    after: tuple[int, int] | None,
    is_seamless: bool,
    verdict: Verdict,
) -> None:
    one = at(*place)
    last = None if after is None else EntryId(*after)
    assert one.read(EntryId(*id_), after=last, is_seamless=is_seamless) == verdict
    assert one.at == max(EntryId(*place), EntryId(*id_))


@pytest.mark.parametrize(
    ("lead", "gap", "place"),
    [
        (Lead("log", 7, "m", 1), WHOLE, (7, 3)),
        (Lead("other", 7, "m", 1), WHOLE, (7, 3)),  # its stream was made anew by the same leader: of the same term
        (Lead("log", 9, "m", 1), WHOLE, (7, 3)),  # what is new will come
        (Lead("log", 5, "m", 1), WENT_BACK, before_term(5)),
        (Lead("other", 9, "m", 1), WENT_BACK, before_term(9)),
        (Lead("other", 5, "m", 1), WENT_BACK, before_term(5)),
    ],
)
def test_what_the_title_means(lead: Lead, gap: str, place: tuple[int, int]) -> None:
    one = at(7, 3)
    assert one.look(lead) == gap
    assert one.at == EntryId(*place)
    assert one.log == (lead.log if lead.term == 7 or gap else "log")
    assert one.look(lead) == WHOLE


def test_back_in_a_term_that_was_read_it_goes_on_after_what_it_had() -> None:
    one = at(7, 3)
    one.read(EntryId(9, 0))
    one.read(EntryId(9, 1))
    assert one.look(Lead("log", 7, "m", 1)) == WENT_BACK
    assert one.at == EntryId(7, 3)
    assert one.read(EntryId(7, 4)) == Verdict(True, WHOLE)
    assert one.read(EntryId(9, 1)) == Verdict(False, AGAIN)
    assert one.at == EntryId(9, 1)


def test_only_the_last_terms_are_remembered() -> None:
    one = at(1, 0)
    for term in range(2, 12):
        one.read(EntryId(term, 0))
    assert one.look(Lead("log", 3, "m", 1)) == WENT_BACK
    assert one.at == before_term(3)


def test_after_a_gap_nothing_comes_that_is_older_than_what_was_delivered() -> None:
    one = at(7, 0)
    one.read(EntryId(7, 1), at_ns=50)
    assert one.read(EntryId(9, 1), at_ns=50) == Verdict(False, HOLE)
    assert one.read(EntryId(9, 2), at_ns=49) == Verdict(False, AGAIN)
    assert one.read(EntryId(9, 3), at_ns=51) == Verdict(True, WHOLE)
    assert one.read(EntryId(9, 4), at_ns=50) == Verdict(False, AGAIN)


def test_without_a_gap_messages_may_come_out_of_their_time() -> None:
    one = at(7, 0)
    one.read(EntryId(7, 1), at_ns=50)
    assert one.read(EntryId(7, 2), at_ns=40) == Verdict(True, WHOLE)
