"""Frames of rows for guests: made once for all that get the same rows, which a message that comes alone always is."""

from collections.abc import Iterator

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .rewriting import REALTIME, SNAPSHOT
from .words import encode_rows

__all__ = ["RowFrames", "payload_of"]

SAME_NS = 1_000_000  # what was read within this time of each other counts as read at once
MOST_BYTES = 1024 * 1024  # of payloads in one frame, unless a single message has more


class RowFrames:
    """The frames of one delivery."""

    def __init__(self) -> None:
        self._made: dict[int | tuple[int, ...], bytes] = {}

    def of(self, events: list[Event]) -> bytes:
        """Return the frames, one after the other, for who gets these events, which live as long as this does."""
        if len(events) == 1:  # as a rule, where messages come one by one
            (event,) = events
            made = self._made.get(id(event))
            if made is None:
                made = self._made[id(event)] = frame(BINARY, _pack(event, [event.stream], [payload_of(event)]))
            return made
        key = tuple(map(id, events))
        frames = self._made.get(key)
        if frames is None:
            frames = self._made[key] = b"".join([frame(BINARY, rows) for rows in _rows(events)])
        return frames


def _rows(events: list[Event]) -> Iterator[bytes]:
    """Yield runs of events that were read within a moment, and in the same way; they are of when the last was read."""
    first = last = events[0]
    streams: list[str] = []
    payloads: list[bytes] = []
    size = 0
    for event in events:
        payload = payload_of(event)
        has_room = len(streams) < DOOR_ROWS and size + len(payload) <= MOST_BYTES
        if streams and not (has_room and _go_together(first, event)):
            yield _pack(last, streams, payloads)
            first, streams, payloads, size = event, [], [], 0
        last = event
        streams.append(event.stream)
        payloads.append(payload)
        size += len(payload)
    yield _pack(last, streams, payloads)


def payload_of(event: Event) -> bytes:
    """Return the message as it goes on: what came as a snapshot of a further source, of a stream that runs, is none."""
    payload = event.payload
    return payload.replace(SNAPSHOT, REALTIME) if event.runs_on else payload


def _go_together(first: Event, event: Event) -> bool:
    return (
        0 <= event.received_at - first.received_at <= SAME_NS
        and event.is_replayed == first.is_replayed
        and event.backfilled == first.backfilled
    )


def _pack(last: Event, streams: list[str], payloads: list[bytes]) -> bytes:
    return encode_rows(last.received_at, streams, payloads, replayed=last.is_replayed, backfilled=last.backfilled)
