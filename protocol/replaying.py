"""What is replayed, and how: the part of a Config that puts a recording in the place of the exchange."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from .errors import ConfigError

__all__ = ["Replay", "Speed", "Start", "moment"]

Speed: TypeAlias = float | Literal["max"]
Start: TypeAlias = Literal["ready", "subscribe"]


class Replay(msgspec.Struct, frozen=True):
    """A recording, or a folder of those that were rotated.

    Raises:
        ConfigError: if something makes no sense.
    """

    path: Path | str
    speed: Speed = "max"
    start: Start = "ready"
    from_ns: int | None = None  # Unix nanoseconds: begin there
    to_ns: int | None = None  # and end before that
    digests: bool = False  # whether each subscription counts a hash of what it delivers

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        if not isinstance(self.path, str | Path) or not str(self.path):
            raise ConfigError(f"path={self.path!r:.80} is not accepted: give that of a recording")
        msgspec.structs.force_setattr(self, "path", Path(self.path))
        is_number = isinstance(self.speed, int | float) and not isinstance(self.speed, bool)
        if self.speed != "max" and not (is_number and 0 < self.speed < float("inf")):
            raise ConfigError(f"speed={self.speed!r:.40} is not accepted: give a number above 0, or 'max'")
        if self.start not in ("ready", "subscribe"):
            raise ConfigError(f"start={self.start!r:.40} is not accepted: give 'ready' or 'subscribe'")
        if self.from_ns is not None and self.to_ns is not None and self.from_ns >= self.to_ns:
            raise ConfigError("from_ is not before to: nothing of the recording is left")

    @property
    def rate(self) -> float | None:
        """How many recorded seconds go by in one; None: as many as can."""
        return None if self.speed == "max" else float(self.speed)


def moment(name: str, value: datetime | None) -> int | None:
    """Return a moment as Unix nanoseconds; one without a zone is UTC.

    Raises:
        ConfigError: if it is none.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise ConfigError(f"{name}={value!r:.40} is not accepted: give a datetime")
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
