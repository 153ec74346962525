"""What may come beside messages, and what a close frame may say; found in the bytes by `frames`.

Source: RFC 6455, sections 5.5 (control frames) and 7.4 (close codes).
"""

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text

__all__ = ["Closed", "Control", "Ping", "Pong", "Violation", "may_be_sent", "read_close", "violation"]


class Ping(Message):
    """The peer wants a pong with the same payload."""

    payload: bytes


class Pong(Message):
    """The peer answers a ping, or sends a sign of life."""

    payload: bytes


class Closed(Message):
    """The peer closed the connection; 1005 stands for a close frame without a code (RFC 6455, 7.1.5)."""

    code: int
    reason: str  # fit to be told


class Violation(Message):
    """The peer broke the protocol: fail the connection with `close_code`."""

    close_code: int
    reason: str


Control = Ping | Pong | Closed | Violation


def may_be_sent(code: int) -> bool:
    """Return whether a close frame may have `code` (RFC 6455, 7.4 and the IANA registry): 1004 to 1006 and 1015 not."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def read_close(payload: bytes) -> Closed:
    """Return what the payload of a close frame says.

    Raises:
        RemoteProtocolError: 1002 or 1007 if it may not be sent like that.
    """
    if not payload:
        return Closed(1005, "")
    if len(payload) == 1:
        raise violation("a close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    if not may_be_sent(code):
        raise violation(f"close code {code} must not be sent")
    try:
        return Closed(code, outside_text(payload[2:].decode()))
    except UnicodeDecodeError:
        raise violation("a close reason is not UTF-8", 1007) from None


def violation(reason: str, close_code: int = 1002) -> RemoteProtocolError:
    """Return the error for a fault of the peer, which is answered with `close_code`."""
    return RemoteProtocolError(reason, close_code=close_code)
