import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.fleet.ids import LAST_SEQUENCE, EntryId, Keys, before_term, follow_on, parse_id, scope_of

numbers = st.integers(0, LAST_SEQUENCE)


@given(numbers, numbers)
def test_an_id_is_read_as_it_is_written(term: int, sequence: int) -> None:
    id_ = EntryId(term, sequence)
    assert parse_id(str(id_)) == parse_id(str(id_).encode()) == id_


@given(st.tuples(numbers, numbers), st.tuples(numbers, numbers))
def test_ids_are_ordered_by_term_and_then_by_sequence(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (EntryId(*one) < EntryId(*other)) == (one < other)


def test_what_is_read_after_the_end_of_a_term_begins_with_the_first_entry_of_the_next() -> None:
    assert EntryId(6, 12) < before_term(7) < EntryId(7, 0)


@pytest.mark.parametrize(
    ("start", "ids", "end", "expected"),
    [
        ((7, 2), [(7, 3), (7, 4)], (7, 4), True),
        ((7, 2), [], (7, 2), True),
        (before_term(7), [(7, 0), (7, 1)], (7, 1), True),
        ((7, 2), [(7, 3), (9, 0), (9, 1)], (9, 1), True),
        ((7, 2), [(7, 4)], (7, 4), False),
        ((7, 2), [(7, 3), (7, 5)], (7, 5), False),
        ((7, 2), [(7, 3)], (7, 4), False),  # the last is gone
        ((7, 2), [], (7, 3), False),
        ((7, 2), [(9, 0)], (9, 0), False),  # what the term opened behind is gone
        ((7, 2), [(7, 3), (9, 1)], (9, 1), False),
        (before_term(7), [(9, 0)], (9, 0), False),
    ],
)
def test_whether_entries_are_all_that_lie_between_two(
    start: tuple[int, int], ids: list[tuple[int, int]], end: tuple[int, int], expected: bool
) -> None:
    entries = [(EntryId(*one), EntryId(7, 3) if one == (9, 0) else None) for one in ids]
    assert follow_on(EntryId(*start), entries, EntryId(*end)) is expected


@pytest.mark.parametrize("text", ["", "7", "a-1", "7-", b"\xff"])
def test_what_is_no_id_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_id(text)


def test_a_fleet_is_that_of_an_exchange_and_perhaps_of_an_account() -> None:
    scopes = {scope_of("wss://a"), scope_of("wss://b"), scope_of("wss://a", "me"), scope_of("wss://a", "you")}
    assert len(scopes) == 4
    assert all(len(scope) == 12 and int(scope, 16) >= 0 for scope in scopes)


def test_all_keys_of_a_fleet_lie_in_one_slot_of_a_cluster() -> None:
    keys = Keys("0123456789ab")
    names = [keys.lead, keys.control, keys.machines, keys.want("m"), keys.log("public"), keys.last("public")]
    assert len(set(names)) == 6
    assert all(name.startswith("v6:{0123456789ab}:") for name in names)
    assert keys.log("public") == "v6:{0123456789ab}:log:public:0"
