"""Who the host is, as the file says it."""

import msgspec

from websocket_v6.protocol.secret import HiddenBytes

__all__ = ["HostEntry", "as_written", "is_same"]


class HostEntry(msgspec.Struct, frozen=True):
    """Where a host listens, the key that its door asks for, and which title it is of: titles are counted up."""

    address: str
    key: bytes
    pid: int
    term: int = 0

    def __post_init__(self) -> None:
        """Keep the key hidden, wherever it came from."""
        msgspec.structs.force_setattr(self, "key", HiddenBytes(self.key))


def as_written(entry: HostEntry) -> bytes:
    """Return an entry as the host's file holds it, for the user's own processes."""
    return msgspec.msgpack.encode(entry, enc_hook=bytes)


def is_same(one: HostEntry | None, other: HostEntry | None) -> bool:
    """Whether both are the same title of the same host."""
    if one is None or other is None:
        return False
    return (one.address, one.key, one.term) == (other.address, other.key, other.term)
