"""What a new leader has beside what the log has already, when the one before it leads until then.

Both have brought the same streams for a while. Of each stream what the log has is, but for what was sent to none of
them, a run of what its next leader has: that begins within it, and goes on behind it or ends before its end. Where it
ends before, the rest is passed over as it comes.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from websocket_v6.protocol.exchange.identity import identity_of

__all__ = ["Overlap"]

T = TypeVar("T")


class Overlap:
    """Of one log. `written` are the identities of the messages that stand in it, by stream, in their order."""

    def __init__(self, written: Mapping[str, Sequence[Hashable]]) -> None:
        self._left = {stream: list(identities) for stream, identities in written.items()}

    def is_written(self, stream: str, payload: bytes) -> bool:
        """Return whether the log has this message; with it all before it has come."""
        left = self._left.get(stream)
        if not left:
            return False
        try:
            del left[: left.index(identity_of(stream, payload)) + 1]
        except ValueError:
            return False
        return True

    def rest(self, rows: Iterable[tuple[str, bytes, T]]) -> list[T]:
        """Return what of `rows`, of a stream and a payload each, is behind all that the log has."""
        found: list[tuple[str, T]] = []
        last: dict[str, int] = {}
        for index, (stream, payload, one) in enumerate(rows):
            found.append((stream, one))
            if self.is_written(stream, payload):
                last[stream] = index
        return [one for index, (stream, one) in enumerate(found) if index > last.get(stream, -1)]
