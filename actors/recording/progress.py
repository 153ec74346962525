"""How far a recording is, and how it has ended: written by the recorder's thread, read by anybody."""

import time
from pathlib import Path
from typing import NamedTuple

from websocket_v6.protocol.errors import RecordingError

__all__ = ["Progress", "RecordingHealth"]


class RecordingHealth(NamedTuple):
    """One recording: `state` is "running", "ended" (somebody did that) or "failed", since then (Unix nanoseconds).

    `reason` says why it has failed; what was written until then can be read. `messages` and `size` (bytes) are of all
    its files, the last of which is `path`; `missing` messages found no room, in so many `holes`.
    """

    path: str
    state: str
    since_ns: int
    reason: str
    files: int
    messages: int
    size: int
    missing: int
    holes: int

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since_ns // 1_000_000_000))
        why = f": {self.reason}" if self.reason else ""
        lost = f", {self.missing} messages missing in {self.holes} holes" if self.holes else ""
        files = f" in {self.files} files" if self.files > 1 else ""
        return (
            f"recording {self.path} {self.state} since {since}{why}; {self.messages} messages, "
            f"{self.size / 1e6:.2f} MB{files}{lost}"
        )


class Progress:
    """How far a recording is."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path()
        self.state, self.since_ns, self.reason = "running", time.time_ns(), ""
        self.files = 0
        self.messages = self.size = 0  # of all files
        self.dropped = self.holes = 0  # messages that found no room, and how often that was so
        self.states: dict[str, str] = {}  # of each endpoint, as last heard
        self.error: RecordingError | None = None  # that ended it
        self.failed: dict[str, str] = {}  # streams, or codes, that are not served, and why

    def over(self, state: str, reason: str = "") -> bool:
        """Note how it has ended; the first time counts. Return whether this was it."""
        if self.state != "running":
            return False
        self.state, self.since_ns, self.reason = state, time.time_ns(), reason
        return True

    def health(self) -> RecordingHealth:
        """Return how it stands."""
        return RecordingHealth(
            str(self.path),
            self.state,
            self.since_ns,
            self.reason,
            self.files,
            self.messages,
            self.size,
            self.dropped,
            self.holes,
        )
