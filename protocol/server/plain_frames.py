"""Frames of the exchange's messages for plain clients: converted once for each form, framed and compressed once.

Clients that take the same messages in the same form get the same bytes, all messages of a delivery together.
"""

from collections.abc import Mapping
from typing import NamedTuple

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream, wildcard
from websocket_v6.protocol.websocket.deflate import compress
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .forms import convert, is_snapshot
from .rewriting import REALTIME, SNAPSHOT

__all__ = ["Form", "PlainFrames", "Taking", "comes_as_snapshot"]

DEFLATE_FROM = 128  # bytes from which compressing a message pays


class Taking(NamedTuple):
    """How a client takes one stream: how deep a book, with snapshots or not, an announcement with its text or not."""

    depth: int = 0
    snapshots: bool = True
    body: bool = True


class Form(NamedTuple):
    """How a client gets its messages. `window_bits`: they are compressed, with a window of so many."""

    format: str = "DEFAULT"
    window_bits: int = 0


PLAIN = Taking()


class PlainFrames:
    """The frames of one delivery."""

    def __init__(self) -> None:
        self._joined: dict[tuple[Form, tuple[int, ...]], bytes] = {}
        self._frames: dict[tuple[int, Form, Taking], bytes] = {}
        self._snapshots: dict[int, bool] = {}

    def of(self, events: list[Event], form: Form, takings: Mapping[Stream, Taking]) -> bytes:
        """Return the frames, one after the other, of what a client gets of `events`, which live as long as this.

        `takings` are the streams that it takes otherwise than whole.
        """
        if takings:
            return b"".join(self._chosen(events, form, takings))
        key = form, tuple(map(id, events))
        joined = self._joined.get(key)
        if joined is None:
            joined = self._joined[key] = b"".join([self._frame(event, form, PLAIN) for event in events])
        return joined

    def is_snapshot(self, event: Event) -> bool:
        """Tell whether clients get an event as a snapshot; looked for once."""
        found = self._snapshots.get(id(event))
        if found is None:
            found = self._snapshots[id(event)] = comes_as_snapshot(event)
        return found

    def _chosen(self, events: list[Event], form: Form, takings: Mapping[Stream, Taking]) -> list[bytes]:
        found = []
        for event in events:
            taking = takings.get(event.stream) or takings.get(wildcard(event.stream)) or PLAIN
            if taking.snapshots or not self.is_snapshot(event):
                found.append(self._frame(event, form, taking))
        return found

    def _frame(self, event: Event, form: Form, taking: Taking) -> bytes:
        key = id(event), form, taking
        made = self._frames.get(key)
        if made is None:
            made = self._frames[key] = self._make(event, form, taking)
        return made

    def _make(self, event: Event, form: Form, taking: Taking) -> bytes:
        payload = convert(
            event.stream,
            event.payload,
            form.format,
            snapshot=event.is_replayed,
            depth=taking.depth,
            no_body=not taking.body,
        )
        if event.runs_on:
            payload = payload.replace(SNAPSHOT, REALTIME)
        if form.window_bits and len(payload) >= DEFLATE_FROM:
            return frame(BINARY, compress(payload, form.window_bits), rsv1=True)
        return frame(BINARY, payload)


def comes_as_snapshot(event: Event) -> bool:
    """Tell whether clients get an event as a snapshot."""
    return event.is_replayed or (is_snapshot(event.payload) and not event.runs_on)
