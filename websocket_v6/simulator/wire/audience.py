"""Which connections take which streams.

Source: Upbit WebSocket reference, "A new request replaces the old one": a few messages of the old subscription may
still come behind the new one.
"""

from collections.abc import Iterable, Iterator

from ..parts import Stream
from .client import Client

__all__ = ["Audience"]

_Pair = tuple[Client, Stream]
_Table = dict[tuple[str, str], list[_Pair]]


class Audience:
    """Subscriptions by type and code, in the order they were made."""

    def __init__(self) -> None:
        self._live: _Table = {}
        self._strays: _Table = {}
        self._keys: dict[Client, set[tuple[str, str]]] = {}

    def add(self, client: Client, stream: Stream) -> None:
        self._put(self._live, client, stream)

    def replace(self, client: Client, old: Iterable[Stream]) -> None:
        """End what a client took; if it may still get strays, they are of those `old` streams it has no more."""
        self.remove(client)
        if client.strays:
            wanted = {stream.name for stream in client.streams if stream.part.realtime}
            for stream in old:
                if stream.name not in wanted:
                    self._put(self._strays, client, stream)

    def remove(self, client: Client) -> None:
        for key in self._keys.pop(client, ()):
            for table in (self._live, self._strays):
                pairs = [pair for pair in table.get(key, ()) if pair[0] is not client]
                if pairs:
                    table[key] = pairs
                else:
                    table.pop(key, None)

    def wanted(self, type_: str, code: str) -> bool:
        """Whether anybody takes a message of this stream."""
        key = (type_, code)
        return key in self._live or key in self._strays

    def of(self, type_: str, code: str) -> Iterable[_Pair]:
        return self._live.get((type_, code), ())

    def strays_of(self, type_: str, code: str) -> Iterable[_Pair]:
        return self._strays.get((type_, code), ())

    def of_types(self, *types: str) -> Iterator[_Pair]:
        """Return all pairs of some types, whatever their code."""
        for (type_, _), pairs in list(self._live.items()):
            if type_ in types:
                yield from pairs

    def _put(self, table: _Table, client: Client, stream: Stream) -> None:
        key = (stream.type, stream.code)
        table.setdefault(key, []).append((client, stream))
        self._keys.setdefault(client, set()).add(key)
