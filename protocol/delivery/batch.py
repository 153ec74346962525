"""Exchange messages wrapped once, in batches, as they travel between threads, processes and files.

A batch is what one socket read brought: its messages share the source and the time they arrived, so these
stand once and the messages stand in two columns. Every field is a msgpack value and the exchange's JSON travels
as `bin`, untouched: `Batch.unpack(batch.pack())` is the batch itself, whatever the payloads hold.
"""

from typing import NamedTuple

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import EVENT_BYTES

__all__ = ["Batch"]


class Batch(NamedTuple):
    """The messages of one socket read, in the order of the exchange."""

    endpoint: str  # "public", "private", "info"
    attachment: int  # one life of one source; credits and epochs belong to it
    whole_ns: int  # what was emitted before this and came this way is in this batch, or came before it
    ts_received_ns: int  # this machine's clock, Unix nanoseconds
    streams: list[str]
    payloads: list[bytes]  # as long as `streams`
    replayed: bool = False  # last values that another process passes on: snapshots, whatever they say of themselves
    backfilled: bool = False  # fetched over REST by another process
    repeated: bool = False  # may have come before: to a process that ended, and goes on in this one

    @property
    def weight(self) -> int:
        """How many bytes of memory the events hold that are made of it, about."""
        return EVENT_BYTES * len(self.payloads) + sum(map(len, self.payloads))

    def pack(self) -> bytes:
        """Encode the whole batch as one msgpack array."""
        import msgpack  # late, as below: what is received goes on without it

        packed: bytes = msgpack.packb(self)
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> "Batch":
        """Decode what `pack` made.

        Raises:
            RemoteProtocolError: if `data` is anything else.
        """
        import msgpack

        try:
            batch = cls._make(msgpack.unpackb(data))
        except (ValueError, TypeError, msgpack.UnpackException) as exc:
            raise RemoteProtocolError(f"not a batch: {len(data)} bytes that begin {data[:16]!r}") from exc
        if not batch._is_sound():
            raise RemoteProtocolError(f"a batch with fields of wrong types: {len(data)} bytes")
        return batch

    def _is_sound(self) -> bool:
        return (
            isinstance(self.endpoint, str)
            and type(self.attachment) is int
            and type(self.whole_ns) is int
            and type(self.ts_received_ns) is int
            and isinstance(self.streams, list)
            and isinstance(self.payloads, list)
            and len(self.streams) == len(self.payloads)
            and all(isinstance(stream, str) for stream in self.streams)
            and all(isinstance(payload, bytes) for payload in self.payloads)
            and isinstance(self.replayed, bool)
            and isinstance(self.backfilled, bool)
            and isinstance(self.repeated, bool)
        )
