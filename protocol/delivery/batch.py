"""Records: exchange messages wrapped once, in batches, as they travel between threads, processes and files.

A batch is what one socket read brought: its messages share the connection, its epoch and the time they arrived, so
these stand once and the messages stand in two columns. Every field is a msgpack value and the exchange's JSON travels
as `bin`, untouched: `Batch.unpack(batch.pack())` is the batch itself, whatever the payloads hold.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgpack

from websocket_v6.protocol.errors import RemoteProtocolError

__all__ = ["Batch", "Record"]


class Record(NamedTuple):
    """One exchange message with where and when it arrived."""

    endpoint: str  # "public", "private", "info"
    epoch: int  # counts connections: messages may be missing between two epochs
    ts_received_ns: int  # this machine's clock, Unix nanoseconds
    stream: str  # what routing goes by, such as "ticker KRW-BTC" (protocol/exchange/streams.py)
    payload: bytes  # the exchange's own JSON, one object


class Batch(NamedTuple):
    """The records of one socket read, in the order of the exchange."""

    endpoint: str
    line: int  # what it came through: tells the lines of a process apart (actors/demand/registry.py)
    epoch: int  # counts the connections of the line
    ts_received_ns: int
    streams: list[str]
    payloads: list[bytes]  # as long as `streams`
    replayed: bool = False  # last values that another process passes on: snapshots, whatever they say of themselves
    backfilled: bool = False  # fetched over REST by another process

    def records(self) -> Iterator[Record]:
        """Yield each message on its own."""
        for stream, payload in zip(self.streams, self.payloads, strict=True):
            yield Record(self.endpoint, self.epoch, self.ts_received_ns, stream, payload)

    def pack(self) -> bytes:
        """Encode the whole batch as one msgpack array."""
        packed: bytes = msgpack.packb(self)
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> "Batch":
        """Decode what `pack` made.

        Raises:
            RemoteProtocolError: if `data` is anything else.
        """
        try:
            batch = cls._make(msgpack.unpackb(data))
        except (ValueError, TypeError, msgpack.UnpackException) as exc:
            raise RemoteProtocolError(f"not a batch of records: {len(data)} bytes that begin {data[:16]!r}") from exc
        if not batch._is_sound():
            raise RemoteProtocolError(f"a batch of records with fields of wrong types: {len(data)} bytes")
        return batch

    def _is_sound(self) -> bool:
        return (
            isinstance(self.endpoint, str)
            and type(self.line) is int
            and type(self.epoch) is int
            and type(self.ts_received_ns) is int
            and isinstance(self.streams, list)
            and isinstance(self.payloads, list)
            and len(self.streams) == len(self.payloads)
            and all(isinstance(stream, str) for stream in self.streams)
            and all(isinstance(payload, bytes) for payload in self.payloads)
            and isinstance(self.replayed, bool)
            and isinstance(self.backfilled, bool)
        )
