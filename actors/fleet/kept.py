"""What comes on a machine that is to lead next: kept until it is known what of it the log has already.

Belongs to the router's thread, as the mouth does that owns it.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, TypeAlias

from websocket_v6.protocol.delivery.strays import SNAPSHOT
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.fleet.overlap import Overlap

__all__ = ["Kept", "Written"]

MOST_BYTES: Final = 64 * 1024 * 1024


# What a log has, which another machine has written until now, since before this one began to keep what comes: the
# identities of messages, by stream, in their order.
Written: TypeAlias = Mapping[str, Sequence[Hashable]]


class Kept:
    """Messages of one endpoint since this machine misses nothing, as far as it `is_whole`."""

    def __init__(self) -> None:
        self.is_whole = True
        self._events: list[Event] = []
        self._bytes = 0
        self._has_begun = False

    def add(self, events: Sequence[Event]) -> None:
        """Keep messages. Last values are none: whoever wants them has them from a checkpoint."""
        for event in events:
            if not event.is_replayed and (event.runs_on or SNAPSHOT not in event.payload):
                self._events.append(event)
                self._bytes += len(event.payload)
        if self._bytes > MOST_BYTES:
            self.broken()

    def turned(self, *, is_open: bool) -> None:
        """Note that an epoch begins or ends: before the first there was nothing to be missed."""
        if self._has_begun:
            self.broken()
        self._has_begun = self._has_begun or is_open

    def broken(self) -> None:
        """Note that something may be missing behind what was kept: so none of it counts."""
        self.is_whole = False
        self._events.clear()
        self._bytes = 0

    def rest(self, overlap: Overlap) -> list[Event]:
        """Return what the log lacks."""
        return overlap.rest((event.stream, event.payload, event) for event in self._events)
