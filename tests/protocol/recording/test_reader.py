import re
import sys
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.limits import RECORDING_CHUNK_BYTES
from websocket_v6.protocol.recording.chunks import Kind, encode_chunk, preamble
from websocket_v6.protocol.recording.records import (
    Hole,
    KeyState,
    Listed,
    ListedMarket,
    Record,
    Rows,
    Standing,
    Wants,
    events_of,
)
from websocket_v6.protocol.zstd import Compressor

from .made import HEADER, PIECES, SECOND, read, rows, written

PIECES_MADE = [[rows(n * 10 + m) for m in range(3)] for n in range(4)]
WRITTEN = written(PIECES_MADE)
DATA = b"".join(WRITTEN)
RECORDS = [one for piece in PIECES_MADE for one in piece]


@given(PIECES, st.sampled_from([None, 1, 7, 100]))
def test_a_whole_file_is_read_whole(pieces: list[list[Record]], step: int | None) -> None:
    records, reader = read(b"".join(written(pieces)), step)
    assert records == [one for piece in pieces for one in piece]
    assert reader.ending == (True, 0)


@given(st.integers(len(WRITTEN[0]), len(DATA)))
def test_a_file_cut_anywhere_has_all_whole_pieces(cut: int) -> None:
    records, reader = read(DATA[:cut])
    there = sum(len(b"".join(WRITTEN[: n + 1])) <= cut for n in range(1, 5))
    assert records == [one for piece in PIECES_MADE[:there] for one in piece]
    assert reader.ending is not None
    assert reader.ending.is_whole == (cut == len(DATA))


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255), st.sampled_from([None, 11]))
def test_a_broken_byte_is_told_and_nothing_wrong_is_read(where: int, change: int, step: int | None) -> None:
    data = bytearray(DATA)
    data[where] ^= change
    try:
        records, reader = read(bytes(data), step)
    except RecordingError:
        assert where < len(WRITTEN[0])  # the magic number or the header
        return
    real = [one for one in records if not isinstance(one.value, Hole)]
    assert real == RECORDS[: len(real)]  # one frame: what follows the broken piece cannot be read
    assert reader.ending is not None
    assert not reader.ending.is_whole
    assert reader.ending.unread or len(real) == len(RECORDS)


def test_behind_a_broken_piece_it_goes_on_with_the_next_frame_and_tells_of_the_hole() -> None:
    first, second = written([[rows(1)], [rows(2)]], is_ended=False), written([[rows(7)], [rows(8)]])
    body = bytearray(b"".join(first))
    body[-1] ^= 1  # of the second piece
    records, reader = read(bytes(body) + b"".join(second[1:]))
    assert [one.mono_ns for one in records] == [1, 7, 7, 8]
    hole = records[1].value
    assert isinstance(hole, Hole)
    assert (hole.from_ns, hole.until_ns, hole.messages) == (HEADER.wall_ns, HEADER.wall_ns, None)
    assert reader.ending == (True, 0)


def test_a_chunk_that_inflates_beyond_the_limit_is_broken() -> None:
    bomb = Compressor(1).piece(bytes(RECORDING_CHUNK_BYTES + 1), is_last=True)
    data = WRITTEN[0] + encode_chunk(Kind.FRAME, 3 * SECOND, bomb) + b"".join(written([[rows(7)]])[1:])
    records, _ = read(data)
    assert [type(one.value).__name__ for one in records] == ["Hole", "Rows"]


@pytest.mark.parametrize("kind", [5, 77, 255])
def test_a_kind_of_a_later_version_is_passed_over(kind: int) -> None:
    records, reader = read(WRITTEN[0] + encode_chunk(kind, 1, b"whatever") + b"".join(WRITTEN[1:]))
    assert records == RECORDS
    assert reader.ending == (True, 0)


def test_fields_of_a_later_version_are_passed_over() -> None:
    header = {**{name: getattr(HEADER, name) for name in HEADER.__struct_fields__}, "minor": 9, "added": [1]}
    data = preamble() + encode_chunk(Kind.HEADER, 1, msgpack.packb(header)) + b"".join(WRITTEN[1:])
    records, reader = read(data)
    assert records == RECORDS
    assert reader.header is not None
    assert reader.header.minor == 9


@pytest.mark.parametrize(
    "data",
    [
        preamble(),
        preamble() + encode_chunk(Kind.HEADER, 1, b"\xc1"),
        preamble() + encode_chunk(Kind.HEADER, 1, msgpack.packb({"engine": 1})),
        preamble() + b"".join(WRITTEN[1:]),
    ],
)
def test_without_a_header_nothing_is_read(data: bytes) -> None:
    with pytest.raises(RecordingError):
        read(data)


@pytest.mark.parametrize("kind", [Kind.INDEX, Kind.END])
def test_an_end_that_makes_no_sense_is_none(kind: Kind) -> None:
    _, reader = read(b"".join(WRITTEN[:-1]) + encode_chunk(kind, 1, b"\xc1"))
    assert reader.ending is not None
    assert not reader.ending.is_whole


@given(st.binary(max_size=100))
def test_garbage_behind_a_header_is_never_anything_else_than_told(garbage: bytes) -> None:
    records, reader = read(WRITTEN[0] + garbage)
    assert not [one for one in records if not isinstance(one.value, Hole)]
    assert reader.ending == (False, len(garbage))


def test_twenty_lines_are_enough_to_read_it() -> None:
    """The reader in docs/recording.md, which has nothing of ours."""
    page = (ROOT / "docs" / "recording.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    if sys.version_info >= (3, 14):
        code = code.replace("backports.zstd", "compression.zstd")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    values = [one.value for one in RECORDS]
    made = [event for one in values if isinstance(one, Rows) for event in events_of(one)]
    expected = [(one.stream, one.epoch, one.received_at, one.payload) for one in made]
    assert list(names["messages"](DATA)) == expected
    assert list(names["messages"](b"".join(WRITTEN[:3]) + WRITTEN[3][:-1])) == expected[: 3 * 3 * 2]


def test_a_file_that_the_first_version_wrote_is_read() -> None:
    """Kept as it was written: a later version may not change it, only read it."""
    records, reader = read((ROOT / "tests" / "protocol" / "recording" / "version_1.wsr").read_bytes())
    assert reader.header == msgspec.structs.replace(HEADER, minor=0)
    assert reader.ending == (True, 0)
    assert [type(one.value).__name__ for one in records] == [
        *("KeyState", "Wants", "Standing", "Rows", "Standing", "Standing", "Hole")
    ]
    events = [event for one in records if isinstance(one.value, Rows) for event in events_of(one.value)]
    assert [event.stream for event in events] == ["ticker KRW-BTC", "trade KRW-BTC"]
    assert all(event.timestamp for event in events)
    assert reader.index is not None
    assert reader.index.messages == {"ticker KRW-BTC": 1, "trade KRW-BTC": 1}


@pytest.mark.parametrize("minor", [1, 2])
def test_a_file_that_an_earlier_minor_version_wrote_is_read(minor: int) -> None:
    """Kept as they were written, the same but for what each version knew."""
    path = ROOT / "tests" / "protocol" / "recording" / f"version_1_{minor}.wsr"
    records, reader = read(path.read_bytes())
    assert reader.header == msgspec.structs.replace(HEADER, minor=minor)
    assert reader.ending == (True, 0)
    values = [one.value for one in records]
    kinds = [type(one) for one in values]
    assert kinds[:7] == [KeyState, Wants, Standing, Rows, Standing, Standing, Standing]
    assert kinds[7:] == ([Hole] if minor == 1 else [Listed, Rows, Standing, Hole])
    assert reader.index is not None
    assert reader.index.quotes == ([] if minor == 1 else ["KRW"])
    if minor == 1:
        assert (values[0], values[6].data_type) == (KeyState([], 0), "")  # type: ignore[union-attr]
        return
    (candle,) = events_of(values[8])  # type: ignore[arg-type]
    assert (candle.closed, candle.backfilled) == (True, True)  # type: ignore[attr-defined]
    assert [one.code for one in values[0].lists[0].markets] == ["KRW-BTC"]  # type: ignore[union-attr]
    assert values[7].markets[1] == ListedMarket("KRW-ETH", "이름", "Name", True, ("PRICE",))  # type: ignore[union-attr]
    assert values[6].data_type == "candle.1m"  # type: ignore[union-attr]
    assert (values[9].state, values[9].data_type) == ("reconciled", "myOrder")  # type: ignore[union-attr]
