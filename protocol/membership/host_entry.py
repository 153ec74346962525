"""Who the host is, as the file says it."""

from typing import Annotated, TypeAlias

import msgspec

from websocket_v6.protocol.limits import HOST_FILE_BYTES
from websocket_v6.protocol.secret import HiddenBytes

__all__ = ["HostEntry", "as_written", "is_same", "read_entry"]

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Address: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
Key: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=64)]


class HostEntry(msgspec.Struct, frozen=True):
    """Where a host listens, the key that its door asks for, and which title it is of: titles are counted up."""

    address: Address
    key: Key
    pid: Count
    term: Count = 0

    def __post_init__(self) -> None:
        """Keep the key hidden, wherever it came from."""
        msgspec.structs.force_setattr(self, "key", HiddenBytes(self.key))


def as_written(entry: HostEntry) -> bytes:
    """Return an entry as the host's file holds it, for the user's own processes."""
    return msgspec.msgpack.encode(entry, enc_hook=bytes)


def read_entry(data: bytes) -> HostEntry | None:
    """Return who a file names; `None` if it names nobody, whatever else it holds."""
    if len(data) > HOST_FILE_BYTES:
        return None
    try:
        entry = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    # A path with a zero in it, or a line's end, is none that a host ever listened at.
    return entry if entry.address.isprintable() else None


def is_same(one: HostEntry | None, other: HostEntry | None) -> bool:
    """Whether both are the same title of the same host."""
    if one is None or other is None:
        return False
    return (one.address, one.key, one.term) == (other.address, other.key, other.term)


_decode = msgspec.msgpack.Decoder(HostEntry).decode
