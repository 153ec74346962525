"""Records in columns: the same ones, whoever reads them, and however many at once."""

import contextlib
from unittest.mock import patch

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.fast import rows as rows_in_c
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.recording import messages
from websocket_v6.protocol.recording.messages import (
    Messages,
    Piece,
    count_of,
    decode_pieces,
    first_ns,
    join,
    last_ns,
    records_of,
)
from websocket_v6.protocol.recording.records import REPLAYED, Record, Rows, Wants, encode_record

from .made import RECORDS, rows


def encoded(records: list[Record]) -> bytes:
    return b"".join(encode_record(one.mono_ns, one.value) for one in records)


def decoded(data: bytes) -> list[Piece]:
    pieces: list[Piece] = []
    decode_pieces(data, pieces)
    return pieces


def in_python(data: bytes) -> list[Piece]:
    with patch.object(messages, "read_rows", None):
        return decoded(data)


def columns(pieces: list[Piece]) -> list[object]:
    return [one.columns if isinstance(one, Messages) else one for one in pieces]


@given(st.lists(RECORDS, max_size=8))
def test_records_come_back_as_they_were(records: list[Record]) -> None:
    pieces = decoded(encoded(records))
    assert list(records_of(pieces)) == records
    assert sum(map(count_of, pieces)) == len(records)
    if records:
        assert (first_ns(pieces[0]), last_ns(pieces[-1])) == (records[0].mono_ns, records[-1].mono_ns)


@given(st.lists(RECORDS, max_size=8), st.lists(RECORDS, max_size=8))
def test_more_go_behind_those_before_them(first: list[Record], second: list[Record]) -> None:
    pieces = decoded(encoded(first))
    decode_pieces(encoded(second), pieces)
    whole = decoded(encoded(first + second))
    assert columns(pieces) == columns(whole)
    joined = decoded(encoded(first))
    join(joined, decoded(encoded(second)))
    assert columns(joined) == columns(whole)


def test_what_has_no_marks_stands_in_columns_and_the_rest_alone() -> None:
    marked = Record(3, Rows(1, 2, REPLAYED, ["trade A-B"], [b"{}"]))
    pieces = decoded(encoded([rows(1), rows(2, 1), marked, Record(4, Wants(["a"])), rows(5)]))
    assert [type(one).__name__ for one in pieces] == ["Messages", "Record", "Record", "Messages"]
    first = pieces[0]
    assert isinstance(first, Messages)
    assert (first.counts, first.monos, len(first)) == ([3, 1], [1, 2], 2)
    assert first.streams[0] is first.streams[2]
    assert first.record(1, 3) == rows(2, 1)


@pytest.mark.parametrize(
    "bad",
    [
        b"\xc0",
        b"\xdd\xff\xff\xff\xff",  # an array of four billion
        b"\xc6\xff\xff\xff\xff",  # so many bytes
        b"\xc5\x01",
        b"\xc4",
        b"\x91" * 100_000,  # deep
        msgpack.packb("text"),
        msgpack.packb(b"\x91" * 5000),
        msgpack.packb(msgpack.packb([1, 2, [1, 2, 0, ["one stream"], []]])),
        msgpack.packb(msgpack.packb([1, 2, [1, 2, 0, ["a"], [b"b"]]]) + b"\x00"),
        msgpack.packb(msgpack.packb([1, 2, [1, 2, 0, [""] * (DOOR_ROWS + 1), [b""] * (DOOR_ROWS + 1)]])),
        encode_record(1, Wants(["a"]))[:-1],
        encode_record(1, rows(1).value)[:-1],
    ],
)
def test_what_is_no_record_is_an_error_and_leaves_what_was_there(bad: bytes) -> None:
    for read in (decoded, in_python):
        with pytest.raises(RecordingError):
            read(bad)
    pieces = decoded(encoded([rows(1)]))
    before = [list(column) for column in pieces[0].columns]  # type: ignore[union-attr]
    with pytest.raises(RecordingError):
        decode_pieces(encoded([rows(2), Record(3, Wants([])), rows(4)]) + bad, pieces)
    assert len(pieces) == 1
    assert [list(column) for column in pieces[0].columns] == before  # type: ignore[union-attr]


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    with contextlib.suppress(RecordingError):
        decoded(data)


def test_streams_are_remembered_only_as_far_as_they_are_few() -> None:
    with patch.object(messages, "LEARNED_STREAMS", 2):
        for number in range(9):
            decoded(encoded([Record(1, Rows(1, 2, 0, [f"trade A-{number}"], [b"{}"]))]))
        assert len(messages._known) <= 3


# --- in C


@given(data=st.data(), records=st.lists(RECORDS, min_size=1, max_size=5))
def test_damaged_records_are_the_same_in_c(data: st.DataObject, records: list[Record]) -> None:
    damaged = bytearray(encoded(records))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b"\xc4", b"\xd9", b"\xdc", b"\xcf", b"\xff", b"\xa1", b"\x91"])
        )
    found: list[object] = []
    for read in (decoded, in_python):
        try:
            found.append(columns(read(bytes(damaged))))
        except RecordingError as exc:
            found.append(str(exc))
    assert found[0] == found[1]


@pytest.mark.skipif(rows_in_c is None, reason="there is no C module here")
def test_what_is_plain_is_read_in_c() -> None:
    data = encoded([rows(2**40), rows(2, 20), rows(200, 0), rows(70_000, 1)])
    found = Messages()
    assert rows_in_c is not None
    assert rows_in_c(data, 0, found.columns, {}, 100, 100) == len(data)
    assert list(found.records()) == [rows(2**40), rows(2, 20), rows(200, 0), rows(70_000, 1)]
    for most, characters in ((19, 100), (100, 12)):
        some = Messages()
        end = rows_in_c(data, 0, some.columns, {}, most, characters)
        assert end == len(encoded(list(some.records()))) < len(data)
    for wrong in ((data, len(data) + 1), (data, -1)):
        with pytest.raises(ValueError, match="out of range"):
            rows_in_c(*wrong, found.columns, {}, 1, 1)
    with pytest.raises(TypeError):
        rows_in_c(data, 0, found.columns[:5], {}, 1, 1)  # type: ignore[arg-type]
