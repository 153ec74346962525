"""Recordings made for tests, and the ways in which they are read."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import Record, Rows, Standing
from websocket_v6.protocol.recording.writer import Header, RecordingWriter

HEADER = Header(
    engine="6.0",
    id="one",
    region="kr",
    host="api.upbit.com",
    streams=["trade KRW-BTC"],
    wall_ns=1_600_000_000_000_000_000,
    mono_ns=5,
)
SECOND = 1_000_000_000


def rows(number: int, count: int = 3) -> Record:
    """Return one record of a few trades."""
    streams = [f"trade KRW-{'BTC' if n % 2 else 'ETH'}" for n in range(count)]
    payloads = [json.dumps({"ty": "trade", "n": number, "m": n}).encode() for n in range(count)]
    return Record(number, Rows(1, HEADER.wall_ns + number, 0, streams, payloads))


def written(pieces: Sequence[Sequence[Record]], *, is_ended: bool = True) -> list[bytes]:
    """Return the pieces of a file: its beginning, one for each of `pieces`, its end."""
    writer = RecordingWriter(HEADER)
    made = [writer.begin()]
    for number, piece in enumerate(pieces):
        for record in piece:
            writer.add(record, HEADER.wall_ns + number * SECOND)
        made.append(writer.flush())
    return [*made, writer.end(HEADER.wall_ns + len(pieces) * SECOND)] if is_ended else made


def read(data: bytes, step: int | None = None) -> tuple[list[Record], RecordingReader]:
    """Return what is in a file, and who has read it, `step` bytes at a time."""
    reader = RecordingReader()
    records: list[Record] = []
    step = step or len(data) or 1
    for begin in range(0, len(data), step):
        records += reader.receive(data[begin : begin + step])
    records += reader.finish()
    return records, reader


_text = st.text(max_size=12)
_time = st.integers(0, 2**62)
_rows = st.lists(st.tuples(_text, st.binary(max_size=60)), max_size=6).flatmap(
    lambda ones: st.builds(
        Rows,
        st.integers(0, 2**40),
        _time,
        st.integers(0, 7),
        st.just([stream for stream, _ in ones]),
        st.just([payload for _, payload in ones]),
    )
)
_standings = st.builds(
    Standing, _text, _text, st.integers(0, 99), _time, st.none() | _time, st.none() | _time, _text, st.none()
)
RECORDS = st.builds(Record, _time, _rows | _standings)
PIECES = st.lists(st.lists(RECORDS, max_size=4), max_size=6)
