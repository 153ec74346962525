"""A subscription in a replay: what it delivers can be hashed, so that two replays can be compared."""

from struct import Struct
from typing import Any

from websocket_v6.actors.delivery.edge import Delivered, Edge
from websocket_v6.protocol.events import Event, MarketsEvent
from websocket_v6.protocol.replay.digest import Digest, new_digest

__all__ = ["ReplayEdge"]

_head = Struct("<qqBI").pack  # when it was received, epoch, marks, size


class ReplayEdge(Edge):
    """One subscription; with `digests` it counts a hash over all that it delivers, in order.

    Of each event go in: the stream, when it was received, the epoch, the marks (a last value, backfilled, runs on: with
    the message they decide `stream_type`) and the message. Not what is decoded from it, which takes ten times as long.
    """

    __slots__ = ("_digest", "_streams")

    def __init__(self, *arguments: Any, digests: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._digest: Digest | None = None
        self._streams: dict[str, bytes] = {}
        if digests:
            self._digest = new_digest()
            self.note, self.update = self._note, self._digest.update

    @property
    def digest(self) -> str | None:
        """The hash of what was delivered so far; None if nobody counts it."""
        return None if self._digest is None else self._digest.hexdigest()

    def note_lag(self, event: Delivered) -> None:
        """Note nothing: what was recorded is of any age."""

    def _pulled(self, event: Delivered | MarketsEvent) -> Delivered | None:
        shown = super()._pulled(event)
        if shown is not None and self.note is not None and isinstance(event, Event):
            self.note(event)
        return shown

    def _note(self, event: Event) -> None:
        if not isinstance(event, Event):
            return
        stream, payload = event.stream, event._payload
        name = self._streams.get(stream)
        if name is None:
            name = self._streams[stream] = stream.encode() + b"\0"
        marks = event.is_replayed | event.backfilled << 1 | event.runs_on << 2 if event._fixed else 0
        assert self._digest is not None  # else this is not asked
        head = _head(event.received_at, event.epoch, marks, len(payload))
        self._digest.update(b"".join((name, head, payload)))
