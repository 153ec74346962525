"""A subscription in a replay: what it delivers can be hashed, so that two replays can be compared."""

import hashlib
from typing import Any

from websocket_v6.actors.delivery.edge import Delivered, Edge
from websocket_v6.protocol.events import Event

__all__ = ["ReplayEdge"]


class ReplayEdge(Edge):
    """One subscription that counts a hash, BLAKE2b of 32 bytes, over all that it delivers, in order.

    Of each event go in: the stream, when it was received, the epoch, the marks (a last value, backfilled, runs on: with
    the message they decide `stream_type`) and the message. Not what is decoded from it, which takes ten times as long.
    """

    __slots__ = ("_hash",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._hash = hashlib.blake2b(digest_size=32)

    @property
    def digest(self) -> str:
        """The hash of what was delivered so far."""
        return self._hash.copy().hexdigest()

    def prepare(self, event: Delivered) -> Delivered | None:
        shown = super().prepare(event)
        if isinstance(shown, Event):
            head = f"{event.stream} {event.received_at} {event.epoch} {event._fixed} {len(event._payload)}\n"  # type: ignore[union-attr]
            self._hash.update(head.encode() + event._payload)  # type: ignore[union-attr]
        return shown
