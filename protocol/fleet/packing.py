"""What the router brings at a time, as entries of the log: runs of messages that were read at once."""

from collections.abc import Iterator, Sequence
from typing import Final

from websocket_v6.protocol.events import Event, payloads_as_they_came
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.server.row_frames import payload_of
from websocket_v6.protocol.zstd import FAST, Compressor

from .entries import BACKFILLED, REPLAYED, encode_rows

__all__ = ["MOST_BYTES", "Packing"]

SAME_NS: Final = 1_000_000  # what was read within this time of each other counts as read at once
MOST_BYTES: Final = 1024 * 1024  # of messages in one entry, unless a single one has more
LEAST_ROWS: Final = 8  # messages; fewer have too little in common to be worth the compressing


class Packing:
    """Of one stream of the log.

    Raises:
        ConfigError: if it is to compress, and there is no Zstandard.
    """

    def __init__(self, *, compresses: bool = False) -> None:
        self._compressor = Compressor(FAST) if compresses else None

    def entries(self, events: Sequence[Event], now_ns: int) -> Iterator[tuple[str, bytes]]:
        """Yield the field and the body of each entry that holds these, in their order."""
        for count, rows in _runs(events, now_ns):
            if self._compressor is not None and count >= LEAST_ROWS:
                yield "z", self._compressor.piece(rows, is_last=True)
            else:
                yield "d", rows


def _runs(events: Sequence[Event], now_ns: int) -> Iterator[tuple[int, bytes]]:
    """Yield runs of events that were read within a moment, and in the same way: as a rule, that is one."""
    received_ns = events[0].received_at
    if 0 <= events[-1].received_at - received_ns <= SAME_NS and len(events) <= DOOR_ROWS:
        whole = payloads_as_they_came(events)
        if whole is not None and sum(map(len, whole)) <= MOST_BYTES:
            streams = [one.stream for one in events]
            yield len(whole), encode_rows(received_ns, _age_us(received_ns, now_ns), 0, streams, whole)
            return
    yield from _careful_runs(events, now_ns)


def _careful_runs(events: Sequence[Event], now_ns: int) -> Iterator[tuple[int, bytes]]:
    streams: list[str] = []
    payloads: list[bytes] = []
    head: tuple[int, int] | None = None
    size = 0
    for event in events:
        marks = REPLAYED * event.is_replayed | BACKFILLED * event.backfilled
        payload = payload_of(event)
        if head is not None and not (
            marks == head[1]
            and 0 <= event.received_at - head[0] <= SAME_NS
            and len(streams) < DOOR_ROWS
            and size + len(payload) <= MOST_BYTES
        ):
            yield len(streams), encode_rows(head[0], _age_us(head[0], now_ns), head[1], streams, payloads)
            streams, payloads, size, head = [], [], 0, None
        if head is None:
            head = event.received_at, marks
        streams.append(event.stream)
        payloads.append(payload)
        size += len(payload)
    if head is not None:
        yield len(streams), encode_rows(head[0], _age_us(head[0], now_ns), head[1], streams, payloads)


def _age_us(received_ns: int, now_ns: int) -> int:
    return max(0, now_ns - received_ns) // 1000
