"""What the router brings for a recording: kept until the recorder's thread comes for it, about once a second.

To wake that thread for each batch would cost the router more than the batch. What waits has a bound: a disk that does
not keep up makes a hole in the recording, and never anybody wait.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event, weigh
from websocket_v6.protocol.message import Message

__all__ = ["MOST_BYTES", "Dropped", "Heard", "RecordingMouth"]

MOST_BYTES: Final = 64 * 1024 * 1024  # of memory for events that wait
HURRY_BYTES: Final = 1024 * 1024


class Dropped(Message):
    """So many messages found no room."""

    from_ns: int  # Unix time
    until_ns: int
    messages: int


class Heard(Message):
    """What came at one time: events, or something that was said beside them."""

    mono_ns: int
    wall_ns: int
    what: object  # a list of events, Dropped, ConnectionChanged, StreamFailed


class RecordingMouth(Mouth):
    """Keeps what comes for `take`. `hurry` is called when it becomes much, in the router's thread."""

    keeps_ledger = False

    def __init__(self, hurry: Callable[[], object], most: int = MOST_BYTES) -> None:
        self._hurry = hurry
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[Heard] = []
        self._bytes = 0
        self._dropped: Dropped | None = None
        self._is_hurried = self._is_closed = False

    def close(self) -> None:
        """Keep nothing any more: nobody will come for it."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        """Keep events."""
        mono_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        for _, events in rows:
            size = weigh(events)
            with self._lock:
                if self._is_closed:
                    return
                if self._bytes + size > self._most:
                    before = self._dropped or Dropped(wall_ns, wall_ns, 0)
                    self._dropped = Dropped(before.from_ns, wall_ns, before.messages + len(events))
                    continue
                self._tell_dropped(mono_ns, wall_ns)
                self._waiting.append(Heard(mono_ns, wall_ns, events))
                self._bytes += size
                hurries = self._bytes > HURRY_BYTES and not self._is_hurried
                self._is_hurried |= hurries
            if hurries:
                self._hurry()

    def convey(self, way: Way, news: object) -> None:  # noqa: ARG002
        """Keep news."""
        mono_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        with self._lock:
            if not self._is_closed:
                self._tell_dropped(mono_ns, wall_ns)
                self._waiting.append(Heard(mono_ns, wall_ns, news))

    def take(self) -> list[Heard]:
        """Return what has come, in its order, and forget it."""
        with self._lock:
            self._tell_dropped(time.monotonic_ns(), time.time_ns())
            taken, self._waiting = self._waiting, []
            self._bytes, self._is_hurried = 0, False
        return taken

    def _tell_dropped(self, mono_ns: int, wall_ns: int) -> None:
        if self._dropped is not None:
            self._waiting.append(Heard(mono_ns, wall_ns, self._dropped))
            self._dropped = None
