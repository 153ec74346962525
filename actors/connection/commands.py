"""What the owner of a transport has its thread do."""

from typing import NamedTuple

from websocket_v6.protocol.errors import WebSocketV6Error

__all__ = ["Close", "SendPing", "Text"]


class Text(NamedTuple):
    """Send a text message; `ticket` is that of a question."""

    text: str
    ticket: str = ""


class SendPing(NamedTuple):
    """Send a ping."""


class Close(NamedTuple):
    """End the connection, for this reason; without one, because nobody wants it any more."""

    error: WebSocketV6Error | None
    is_stalled: bool = False
