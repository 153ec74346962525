"""From events back to the batches they came in, for another process: the exchange's own bytes, never encoded again."""

import functools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of

from .base import Event

__all__ = ["batches_of"]

Key: TypeAlias = tuple[str, int, int, bool, bool]  # what the records of one batch share

# Bytes beside the payloads, about.
_OF_RECORD = 32  # the name of its stream, two lengths
_OF_BATCH = 32


def batches_of(events: Iterable[Event], max_bytes: int) -> Iterator[list[Batch]]:
    """Yield `events` as batches, in their order; a batch holds what one socket read brought.

    As many batches as `max_bytes` hold, about, come in one list. A batch is cut where it would pass that, and a single
    greater message has a list of its own.
    """
    batches: list[Batch] = []
    key: Key | None = None
    streams: list[str] = []
    payloads: list[bytes] = []
    size = 0
    for event in events:
        payload, stream = event.payload, event.stream
        its = _endpoint(stream), event.epoch, event.received_at, event.is_replayed, event.backfilled
        more = len(payload) + _OF_RECORD + (_OF_BATCH if its != key else 0)
        if size + more > max_bytes and batches:
            yield batches
            batches, key, size = [], None, 0
        size += more
        if its != key:
            endpoint, epoch, ts_received_ns, replayed, backfilled = key = its
            streams, payloads = [], []
            batches.append(Batch(endpoint, 0, epoch, ts_received_ns, streams, payloads, replayed, backfilled))
        streams.append(stream)
        payloads.append(payload)
    if batches:
        yield batches


@functools.lru_cache(maxsize=65_536)  # several times all streams of the exchange
def _endpoint(stream: Stream) -> str:
    return endpoint_of(split(stream)[0])
