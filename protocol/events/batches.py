"""From events back to the batches they came in, for another process: the exchange's own bytes, never encoded again."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ..records import Batch
from ..wants import endpoint_of
from .base import Event

__all__ = ["batches_of"]

Key: TypeAlias = tuple[str, int, int, bool, bool]  # what the records of one batch share

_OVERHEAD = 32  # bytes that a record takes besides its payload, about: the name of its stream, two lengths


def batches_of(events: Iterable[Event], max_bytes: int) -> Iterator[Batch]:
    """Yield `events` as batches, in their order; one holds what one socket read brought.

    A batch is cut where it would pass `max_bytes`, about; a single greater message has a batch of its own.
    """
    key: Key | None = None
    streams: list[str] = []
    payloads: list[bytes] = []
    size = 0
    for event in events:
        payload = event.payload
        its = (endpoint_of(event.type), event.epoch, event.received_at, event.is_replayed, event.backfilled)
        size += len(payload) + _OVERHEAD
        if its != key or size > max_bytes:
            if key is not None and streams:
                yield _batch(key, streams, payloads)
            key, streams, payloads, size = its, [], [], len(payload) + _OVERHEAD
        streams.append(event.stream)
        payloads.append(payload)
    if key is not None and streams:
        yield _batch(key, streams, payloads)


def _batch(key: Key, streams: list[str], payloads: list[bytes]) -> Batch:
    endpoint, epoch, ts_received_ns, replayed, backfilled = key
    return Batch(endpoint, 0, epoch, ts_received_ns, streams, payloads, replayed, backfilled)
