import pytest

from tests.replays import SECOND, START, header, market, rows, trade
from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.recording.chunks import HEAD_BYTES
from websocket_v6.protocol.recording.finding import (
    INDEX_TAIL,
    Contents,
    contents_of,
    header_size,
    index_place,
    seek,
    without_key_states,
)
from websocket_v6.protocol.recording.records import REPLAYED, KeyState, Listed, Record, Rows, Value
from websocket_v6.protocol.recording.writer import FrameEntry, Index, RecordingWriter

from .made import HEADER, read, written
from .made import rows as made_rows

DATA = b"".join(written([[made_rows(1)], [made_rows(2)]]))


def test_the_header_s_size_is_in_the_first_bytes() -> None:
    least = header_size(b"")
    size = header_size(DATA[:least])
    assert size > least
    _, reader = read(DATA[:size])
    assert reader.header == HEADER
    assert reader.ending is not None
    assert reader.ending.unread == 0


@pytest.mark.parametrize("data", [b"x" * 100, DATA[:8] + b"x" * 100])
def test_what_does_not_begin_as_a_recording_is_refused(data: bytes) -> None:
    with pytest.raises(RecordingError):
        header_size(data)


def test_the_tail_says_where_the_index_is() -> None:
    place = index_place(DATA[-INDEX_TAIL:])
    assert place is not None
    assert DATA[place : place + 4] == b"\xf6REC"
    assert len(DATA) - place > INDEX_TAIL + HEAD_BYTES
    for tail in (DATA[-INDEX_TAIL - 1 : -1], DATA[-INDEX_TAIL:-1] + b"x", b"\0" * INDEX_TAIL, b""):
        assert index_place(tail) is None


def test_what_a_file_holds_is_the_same_with_and_without_an_index() -> None:
    values = market(30)
    writer = RecordingWriter(header())
    writer.begin()
    records = [Record(int(at * SECOND), value) for at, value in values]
    for (at, _), record in zip(values, records, strict=True):
        writer.add(record, START + int(at * SECOND))
    data = RecordingWriter(header()).begin()
    data += writer.flush() + writer.end(START)
    _, reader = read(data)
    assert reader.index is not None
    found = Contents.of_index(reader.index)
    assert found.messages == contents_of(records).messages
    assert found.total == sum(len(value.streams) for _, value in values if isinstance(value, Rows))
    assert found.ended_ns == START + int(values[-1][0] * SECOND)


def test_a_stream_of_a_key_state_alone_is_known() -> None:
    writer = RecordingWriter(header())
    made = writer.begin()
    writer.add(Record(5, KeyState([], 1)), START)
    writer.add(Record(5, rows(0, trade("KRW-BTC", 0, 1), marks=REPLAYED)[1]), START)
    made += writer.end(START)
    _, reader = read(made)
    assert reader.index is not None
    assert Contents.of_index(reader.index).messages == {"trade KRW-BTC": 0}


def test_several_files_are_counted_together() -> None:
    parts = [
        Contents({"a": 1, "b": 2}, 5, 9, frozenset({"KRW"})),
        Contents({"b": 3}, 3, 7),
        Contents({"c": 0}, quotes=frozenset({"BTC"})),
    ]
    assert Contents.of_all(parts) == Contents({"a": 1, "b": 5, "c": 0}, 3, 9, frozenset({"KRW", "BTC"}))


@pytest.mark.parametrize("is_ended", [True, False])
@pytest.mark.parametrize("value", [Listed("KRW", 1, []), KeyState([], 0, [Listed("KRW", 1, [])])])
def test_it_is_known_of_which_quote_currencies_lists_are_there(value: Value, is_ended: bool) -> None:
    writer = RecordingWriter(header())
    made = writer.begin()
    writer.add(Record(5, value), START)
    made += writer.end(START) if is_ended else writer.flush()
    records, reader = read(made)
    found = contents_of(records) if reader.index is None else Contents.of_index(reader.index)
    assert found.quotes == {"KRW"}


def test_one_begins_at_the_key_state_before_a_moment() -> None:
    frames = [FrameEntry(10, 0, 5, 0, 0, True), FrameEntry(20, 5, 9, 0, 0, False), FrameEntry(30, 9, 12, 0, 0, True)]
    # The last one was written with the clock set back.
    index = Index(frames=[*frames, FrameEntry(40, 2, 3, 0, 0, False)], messages={}, sha256=b"")
    assert [seek(index, moment, 1) for moment in (0, 5, 6, 9, 10, 99)] == [10, 10, 10, 10, 30, 30]
    assert seek(index, None, 1) == seek(None, 5, 1) == 1


def test_what_is_said_again_is_left_out() -> None:
    again = [Record(1, KeyState([], 2)), *(Record(1, rows(1, trade("KRW-BTC", 1, n))[1]) for n in range(3))]
    assert list(without_key_states(again)) == again[3:]
