import hashlib
import random

from hypothesis import given

from websocket_v6.protocol.recording.chunks import HEAD_BYTES, Chunk, ChunkScanner, Kind
from websocket_v6.protocol.recording.records import KeyState, Record, Rows, encode_record
from websocket_v6.protocol.recording.writer import FRAME_BYTES, RecordingWriter

from .made import HEADER, PIECES, SECOND, read, rows, written


def kinds(data: bytes) -> list[int]:
    scanner = ChunkScanner()
    return [one.kind for one in scanner.receive(data) + scanner.finish() if isinstance(one, Chunk)]


@given(PIECES)
def test_what_is_flushed_is_read_whatever_follows(pieces: list[list[Record]]) -> None:
    made = written(pieces, is_ended=False)
    for number in range(len(pieces) + 1):
        records, reader = read(b"".join(made[: number + 1]))
        assert records == [one for piece in pieces[:number] for one in piece]
        assert reader.header == HEADER


def test_a_frame_goes_on_until_it_is_full() -> None:
    big = Record(1, Rows(1, 1, 0, ["a b"], [random.Random(1).randbytes(FRAME_BYTES // 2)]))
    data = b"".join(written([[rows(1)], [rows(2)], [big, big], [rows(3)]]))
    assert kinds(data) == [Kind.HEADER, Kind.FRAME, Kind.MORE, Kind.MORE, Kind.FRAME, Kind.INDEX, Kind.END]


def test_nothing_new_is_nothing_written() -> None:
    assert [len(one) for one in written([[rows(1)], [], []])[2:4]] == [0, 0]


def test_one_quiet_message_costs_little() -> None:
    """What is beside the message: the chunk's head, and what compression saves none of."""
    _, first, second, _ = written([[rows(1, 1)], [rows(2, 1)]])
    assert len(first) < 200
    assert len(second) < HEAD_BYTES + 100


def test_the_index_says_what_is_where() -> None:
    writer = RecordingWriter(HEADER)
    made = writer.begin()
    writer.add(Record(7, KeyState([], 0)), 100 * SECOND)
    made += writer.flush()
    writer.add(rows(8), 50 * SECOND)  # the clock was set back
    made += writer.flush(ends_frame=True)
    second_at = len(made)
    writer.add(rows(9), 60 * SECOND)
    made += writer.end(61 * SECOND)
    _, reader = read(made)
    index = reader.index
    assert index is not None
    first, second = index.frames
    assert (first.wall_min_ns, first.wall_max_ns, first.mono_ns, first.has_key_state) == (
        50 * SECOND,
        100 * SECOND,
        7,
        True,
    )
    assert (second.offset, second.messages_before, second.has_key_state) == (second_at, 3, False)
    assert index.messages == {"trade KRW-BTC": 2, "trade KRW-ETH": 4}
    raw = [encode_record(7, KeyState([], 0)), *(encode_record(one.mono_ns, one.value) for one in (rows(8), rows(9)))]
    assert index.sha256 == hashlib.sha256(b"".join(raw)).digest()
    assert writer.size == len(made)
