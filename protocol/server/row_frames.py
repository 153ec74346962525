"""Frames of rows for guests: made once for all that get the same rows, which a message that comes alone always is."""

from collections.abc import Iterator

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .words import Rows, encode

__all__ = ["RowFrames"]

MOST_BYTES = 1024 * 1024  # of payloads in one frame, unless a single message has more


class RowFrames:
    """The frames of one delivery."""

    def __init__(self) -> None:
        self._made: dict[int | tuple[int, ...], list[bytes]] = {}

    def of(self, events: list[Event]) -> list[bytes]:
        """Return the frames for whoever gets these events, which live as long as this does."""
        key = id(events[0]) if len(events) == 1 else tuple(map(id, events))
        frames = self._made.get(key)
        if frames is None:
            frames = self._made[key] = [frame(BINARY, encode(rows)) for rows in _rows(events)]
        return frames


def _rows(events: list[Event]) -> Iterator[Rows]:
    """Yield runs of events that were read at the same moment, and in the same way."""
    rows: Rows | None = None
    size = 0
    for event in events:
        payload = event.payload
        if (
            rows is None
            or event.received_at != rows.ts_received_ns
            or event.is_replayed != rows.replayed
            or event.backfilled != rows.backfilled
            or size + len(payload) > MOST_BYTES
        ):
            if rows is not None:
                yield rows
            rows = Rows(event.received_at, [], [], event.is_replayed, event.backfilled)
            size = 0
        rows.streams.append(event.stream)
        rows.payloads.append(payload)
        size += len(payload)
    if rows is not None:
        yield rows
