"""Frames of rows for guests: made once for all that get the same rows, which a message that comes alone always is."""

from collections.abc import Iterator

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .words import encode_rows

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
            frames = self._made[key] = [frame(BINARY, rows) for rows in _rows(events)]
        return frames


def _rows(events: list[Event]) -> Iterator[bytes]:
    """Yield runs of events that were read at the same moment, and in the same way."""
    if len(events) == 1:
        (event,) = events
        yield _pack(_how(event), [event.stream], [event.payload])
        return
    how: tuple[int, bool, bool] | None = None
    streams: list[str] = []
    payloads: list[bytes] = []
    size = 0
    for event in events:
        payload = event.payload
        if how != (how_now := _how(event)) or size + len(payload) > MOST_BYTES:
            if how is not None and streams:
                yield _pack(how, streams, payloads)
            how, streams, payloads, size = how_now, [], [], 0
        streams.append(event.stream)
        payloads.append(payload)
        size += len(payload)
    if how is not None:
        yield _pack(how, streams, payloads)


def _how(event: Event) -> tuple[int, bool, bool]:
    return event.received_at, event.is_replayed, event.backfilled


def _pack(how: tuple[int, bool, bool], streams: list[str], payloads: list[bytes]) -> bytes:
    received_ns, replayed, backfilled = how
    return encode_rows(received_ns, streams, payloads, replayed=replayed, backfilled=backfilled)
