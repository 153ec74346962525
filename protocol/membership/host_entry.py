"""Who the host is, as the file says it."""

import msgspec

__all__ = ["HostEntry", "is_same"]


class HostEntry(msgspec.Struct, frozen=True):
    """Where a host listens, the key that its door asks for, and which title it is of: titles are counted up."""

    address: str
    key: bytes
    pid: int
    term: int = 0

    def __repr__(self) -> str:
        return f"HostEntry({self.address!r}, pid={self.pid}, term={self.term})"


def is_same(one: HostEntry | None, other: HostEntry | None) -> bool:
    """Whether both are the same title of the same host."""
    if one is None or other is None:
        return False
    return (one.address, one.key, one.term) == (other.address, other.key, other.term)
