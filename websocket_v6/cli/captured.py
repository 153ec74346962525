"""A recording as the simulator plays it: a capture, JSON lines, for the simulator shares no code with the engine."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websocket_v6.protocol.recording.chunks import MAGIC
from websocket_v6.protocol.recording.finding import without_key_states
from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import CLOSED, Rows
from websocket_v6.recording import read_recording

__all__ = ["captured"]


@contextmanager
def captured(path: Path) -> Iterator[Path]:
    """Yield the path of a capture: this one, or for a while one made of a recording's public messages.

    Raises:
        OSError: if it cannot be read.
        RecordingError: if it is a recording of a later version.
    """
    with path.open("rb") as file:
        is_recording = file.read(len(MAGIC)) == MAGIC
    if not is_recording:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{path.name}.jsonl"
        with made.open("w", encoding="utf-8") as lines:
            for record in without_key_states(read_recording(path, RecordingReader())):
                if (
                    isinstance(record.value, Rows) and not record.value.marks & CLOSED
                ):  # of REST, for who closes candles
                    lines.writelines(_lines(record.value))
        yield made


def _lines(rows: Rows) -> Iterator[str]:
    at = f"{rows.received_ns // 10**9}.{rows.received_ns % 10**9:09}"
    for stream, payload in zip(rows.streams, rows.payloads, strict=True):
        if not stream.startswith("my"):
            yield json.dumps({"dir": "in", "t": at, "raw": payload.decode()}) + "\n"
