from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.recording.chunks import (
    HEAD_BYTES,
    MAGIC,
    MAJOR,
    Broken,
    Chunk,
    ChunkScanner,
    encode_chunk,
    preamble,
)

BODIES = [b"", b"a", b"\xf6REC", b"\xf6RE", bytes(1000), b"the last"]


def scan(data: bytes, step: int = 1 << 20) -> tuple[list[Chunk | Broken], int]:
    scanner = ChunkScanner()
    found = [one for begin in range(0, len(data), step) for one in scanner.receive(data[begin : begin + step])]
    found += scanner.finish()
    return found, scanner.unread


def whole(bodies: list[bytes]) -> list[bytes]:
    return [preamble(), *(encode_chunk(number, number * 7, body) for number, body in enumerate(bodies))]


@pytest.mark.parametrize("step", [1, 3, 21, 1000, 1 << 20])
def test_chunks_are_found_however_the_bytes_come(step: int) -> None:
    found, unread = scan(b"".join(whole(BODIES)), step)
    assert [(one.kind, one.wall_ns, one.body) for one in found if isinstance(one, Chunk)] == [
        (number, number * 7, body) for number, body in enumerate(BODIES)
    ]
    assert (len(found), unread) == (len(BODIES), 0)


def test_their_offsets_are_those_in_the_file() -> None:
    found, _ = scan(b"".join(whole(BODIES)))
    assert found[0].offset == len(preamble())
    for before, after in pairwise(found):
        assert isinstance(before, Chunk)
        assert after.offset == before.offset + HEAD_BYTES + len(before.body)


@given(st.integers(0, 1200))
def test_a_file_that_is_cut_anywhere_has_its_whole_chunks(cut: int) -> None:
    pieces = whole(BODIES)
    data = b"".join(pieces)[: max(cut, len(preamble()))]
    found, unread = scan(data)
    there = sum(len(b"".join(pieces[: n + 1])) <= len(data) for n in range(1, len(pieces)))
    assert len(found) == there
    assert unread == len(data) - len(b"".join(pieces[: there + 1]))


@given(st.integers(8, 1100), st.integers(1, 255), st.sampled_from([1, 50, 5000]))
def test_a_broken_byte_breaks_its_chunk_alone(where: int, change: int, step: int) -> None:
    data = bytearray(b"".join(whole(BODIES)))
    data[min(where, len(data) - 1)] ^= change
    found, unread = scan(bytes(data), step)
    chunks = [one for one in found if isinstance(one, Chunk)]
    assert len(chunks) == len(BODIES) - 1
    assert all(one.body == BODIES[one.kind] for one in chunks)
    lost = [one.size for one in found if isinstance(one, Broken)]
    assert sum(lost) + unread == len(data) - len(preamble()) - sum(HEAD_BYTES + len(one.body) for one in chunks)


@pytest.mark.parametrize("data", [b"", MAGIC, MAGIC[:3]])
def test_a_file_that_has_hardly_begun_is_no_recording(data: bytes) -> None:
    with pytest.raises(RecordingError, match="empty, or cut off"):
        scan(data)


def test_other_files_are_refused_at_once() -> None:
    with pytest.raises(RecordingError, match="begins with other bytes"):
        ChunkScanner().receive(b"{")


def test_a_later_format_is_refused_and_named() -> None:
    with pytest.raises(RecordingError, match="format 9, this version reads 1"):
        ChunkScanner().receive(MAGIC + bytes([9]))
    assert MAJOR == 1


def test_a_length_beyond_all_bounds_is_not_waited_for() -> None:
    data = preamble() + b"\xf6REC\xff\xff\xff\xff" + encode_chunk(1, 2, b"next")
    found = ChunkScanner().receive(data)
    assert [type(one) for one in found] == [Broken, Chunk]
