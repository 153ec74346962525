"""What is kept of a place in the log, what is owed from there, and how a message's time tells its entry."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet import resume
from websocket_v6.protocol.fleet.entries import Rows
from websocket_v6.protocol.fleet.ids import LAST_SEQUENCE, EntryId, before_term
from websocket_v6.protocol.fleet.resume import (
    Behind,
    Ledger,
    Resumption,
    Saved,
    decode_saved,
    encode_saved,
    just_before,
)

A, B = "trade KRW-BTC", "trade KRW-ETH"


def rows(*streams: str) -> Rows:
    return Rows(5, 0, 0, list(streams), [str(number).encode() for number in range(len(streams))])


def saved(sequence: int, **behind: Behind) -> Saved:
    named = {{"a": A, "b": B}[name]: one for name, one in behind.items()}
    return Saved("log", 9, sequence, 1, [A, B], named)


def owed(resumption: Resumption, sequence: int, *streams: str) -> list[tuple[bytes, bool]]:
    parts = resumption.parts(EntryId(9, sequence), rows(*streams))
    return [(payload, may_repeat) for part, may_repeat in parts for payload in part.payloads]


def test_all_after_the_place_is_owed_and_nothing_before() -> None:
    one = Resumption(saved(5))
    assert one.begin == EntryId(9, 5)
    assert owed(one, 5, A) == []
    assert owed(one, 6, A, B) == [(b"0", False), (b"1", False)]
    assert one.is_over(EntryId(9, 5))


def test_what_may_have_been_read_before_a_kill_may_repeat() -> None:
    one = Resumption(saved(5), EntryId(9, 7))
    assert owed(one, 7, A) == [(b"0", True)]
    assert owed(one, 8, A) == [(b"0", False)]
    assert not one.is_over(EntryId(9, 6))
    assert one.is_over(EntryId(9, 7))


def test_a_stream_that_is_behind_goes_on_where_it_was_and_the_others_do_not_repeat() -> None:
    one = Resumption(saved(5, a=Behind(9, 3, 2)))
    assert one.begin == EntryId(9, 2)
    assert owed(one, 3, A, B, A, A) == [(b"2", False), (b"3", False)]
    assert owed(one, 4, A, B) == [(b"0", False)]
    assert owed(one, 6, A, B) == [(b"0", False), (b"1", False)]


@pytest.mark.parametrize(
    ("behind", "until"), [(Behind(9, 3, 1, is_sure=False), None), (Behind(9, 3, 1), EntryId(9, 5))]
)
def test_what_one_of_several_may_have_had_and_what_a_killed_process_had_may_repeat(
    behind: Behind, until: EntryId | None
) -> None:
    assert owed(Resumption(saved(5, a=behind), until), 3, A) == [(b"0", True)]


def test_what_begins_a_term_is_read_after_the_end_of_the_term_before() -> None:
    assert just_before(EntryId(9, 0)) == before_term(9)
    assert just_before(EntryId(9, 4)) == EntryId(9, 3)


@pytest.mark.parametrize("sequence", [5, LAST_SEQUENCE])
def test_a_place_is_kept_as_it_is(sequence: int) -> None:
    one = saved(sequence, a=Behind(9, 3, 2), b=Behind(9, 4, 0, is_sure=False))
    assert decode_saved(encode_saved(one)) == one
    assert decode_saved(encode_saved(one), b"\x90").streams == []


@given(st.binary())
def test_garbage_is_a_remote_error(data: bytes) -> None:
    for given_ in ((data, None), (encode_saved(saved(1)), data)):
        try:
            decode_saved(*given_)
        except RemoteProtocolError as exc:
            assert "cannot be read" in str(exc)  # noqa: PT017


def ledger(*times: int) -> Ledger:
    one = Ledger(EntryId(9, 0), 5)
    for number, at_ns in enumerate(times, 1):
        one.note(EntryId(9, number), at_ns)
    return one


def test_a_time_tells_the_entry_and_what_was_before() -> None:
    one = ledger(10, 20, 30)
    assert [one.before(at) for at in (10, 11, 20, 99)] == [EntryId(9, sequence) for sequence in (0, 1, 1, 3)]
    assert [one.find(at) for at in (20, 21)] == [EntryId(9, 2), None]
    assert [one.time_of(EntryId(9, sequence)) for sequence in (0, 2, 3, 8)] == [5, 20, 30, 30]
    one.forget(EntryId(9, 2))
    assert one.before(30) == EntryId(9, 2)
    assert one.find(20) is None
    assert one.time_of(EntryId(9, 2)) == 20


def test_the_oldest_message_of_each_stream_that_is_held_says_what_is_behind() -> None:
    one = ledger(10, 20, 30)
    assert one.behind([[(A, 20), (B, 20), (A, 20), (A, 30)]]) == {A: Behind(9, 2, 2), B: Behind(9, 2, 1)}


def test_of_two_who_hold_the_same_stream_the_one_that_is_further_behind_counts() -> None:
    one = ledger(10, 20, 30)
    assert one.behind([[(A, 20), (A, 30)], [(A, 30)]]) == {A: Behind(9, 2, 1, is_sure=False)}
    assert one.behind([[(A, 20)], [(A, 20)]]) == {A: Behind(9, 2, 1)}
    assert one.behind([[(A, 20)]], shared={"trade"}) == {A: Behind(9, 2, 1, is_sure=False)}


def test_a_message_whose_time_is_not_known_lies_after_the_entry_before_it() -> None:
    one = ledger(10, 20, 30)
    assert one.behind([[(A, 25)]]) == {A: Behind(9, 3, 0, is_sure=False)}
    assert one.behind([[(A, 3)]]) == {}, "older than all that is held"


def test_what_waits_from_a_log_that_is_gone_does_not_hide_what_waits_from_this_one() -> None:
    assert ledger(10, 20, 30).behind([[(A, 3), (A, 20)]]) == {A: Behind(9, 2, 1)}


def test_a_message_whose_time_is_not_known_may_lie_behind_the_end_of_a_term() -> None:
    one = Ledger(before_term(9), 5)
    one.note(before_term(9), 10)
    one.note(EntryId(9, 1), 30)
    assert one.behind([[(A, 20)]]) == {A: Behind(9, 0, 0, is_sure=False)}


@pytest.mark.parametrize(
    ("until", "expected"),
    [(EntryId(9, 8), EntryId(9, 8)), (EntryId(12, 3), EntryId(9, 6)), (EntryId(8, 5), None), (EntryId(9, 2), None)],
)
def test_what_was_read_of_a_log_that_the_place_is_not_of_may_repeat(until: EntryId, expected: EntryId | None) -> None:
    moved = Resumption(Saved("old", 7, 5, 1, [A]), until).moved("log", EntryId(9, 3), EntryId(9, 6))
    assert (None if moved is None else moved.until) == expected
    if moved is not None:
        assert owed(moved, 4, A) == [(b"0", True)]


def test_what_was_read_of_a_log_may_repeat_in_the_same_one_however_far_it_went_back() -> None:
    moved = Resumption(Saved("log", 7, 5, 1, [A]), EntryId(12, 3)).moved("log", EntryId(9, 3), EntryId(9, 3))
    assert moved is not None
    assert moved.until == EntryId(12, 3)


def test_with_very_many_entries_held_the_older_ones_are_known_less_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "MOST_NOTED", 100)
    one = ledger(*range(10, 10_010))
    assert len(one._ids) <= 101
    assert one.find(10_009) == EntryId(9, 10_000)
    for at in range(10, 10_010, 7):
        assert one.before(at) <= EntryId(9, at - 10), "never later than it is"


@given(
    st.lists(st.lists(st.sampled_from([A, B]), min_size=1, max_size=4), min_size=1, max_size=12),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_after_an_orderly_end_each_message_comes_once(entries: list[list[str]], done: int, read: int) -> None:
    """A mailbox had the first `read` entries, and handed out the first `done` messages of these."""
    read = min(read, len(entries))
    one = Ledger(EntryId(9, 0), 0)
    delivered: list[tuple[str, int, int]] = []
    for number, streams in enumerate(entries[:read], 1):
        one.note(EntryId(9, number), 10 * number)
        delivered += [(stream, 10 * number, index) for index, stream in enumerate(streams)]
    done = min(done, len(delivered))
    place = Saved("log", 9, read, 0, [A, B], one.behind([[each[:2] for each in delivered[done:]]]))
    resumption = Resumption(decode_saved(encode_saved(place)))
    again = _read_from(resumption, entries)
    everything = [
        (stream, 10 * number, index)
        for number, streams in enumerate(entries, 1)
        for index, stream in enumerate(streams)
    ]
    assert sorted(again) == sorted(everything[done:])
    for stream in (A, B):
        assert [each for each in again if each[0] == stream] == [
            each for each in everything[done:] if each[0] == stream
        ]


def _read_from(resumption: Resumption, entries: Sequence[Sequence[str]]) -> list[tuple[str, int, int]]:
    found = []
    for number, streams in enumerate(entries, 1):
        id_ = EntryId(9, number)
        if id_ > resumption.begin:
            for part, may_repeat in resumption.parts(id_, rows(*streams)):
                assert not may_repeat
                found += [
                    (stream, 10 * number, int(payload))
                    for stream, payload in zip(part.streams, part.payloads, strict=True)
                ]
    return found
