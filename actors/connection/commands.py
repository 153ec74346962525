"""What the owner of a transport has its thread do."""

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.message import Message

__all__ = ["Close", "SendPing", "Text"]


class Text(Message):
    """Send a text message; `ticket` is that of a question."""

    text: str
    ticket: str = ""


class SendPing(Message):
    """Send a ping."""


class Close(Message):
    """End the connection, for this reason; without one, because nobody wants it any more."""

    error: WebSocketV6Error | None
    is_stalled: bool = False
