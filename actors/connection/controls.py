"""What the peer says of the connection itself, as websockets have it, and what is said to that."""

import websocket

from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.websocket.frames import Closed, Ping, Violation

from .writer import Writer

__all__ = ["Over", "answer"]

NO_CODE = 1005  # what stands for a close frame without a code, and is never sent. Source: RFC 6455, 7.4.1
NORMAL = 1000


class Over(Exception):  # noqa: N818 - not an error: how the loop hears that it is over
    """The connection is over."""

    def __init__(self, error: WebSocketV6Error) -> None:
        super().__init__(str(error))
        self.error = error


def answer(
    control: Ping | Closed | Violation, ws: websocket.WebSocket, writer: Writer, *, endpoint: str, peer: str
) -> None:
    """Send what is due to a control frame, or to a frame that is none.

    Raises:
        Over: if that was the end of the connection.
        TransportError: if a pong cannot be sent.
    """
    match control:
        case Ping(payload):
            writer.frame(ws, websocket.ABNF.OPCODE_PONG, payload)
        case Closed(code, reason):
            writer.close(ws, NORMAL if code == NO_CODE else code)
            raise Over(TransportError(f"{peer} closed the {endpoint} connection: {code} {reason}".rstrip()))
        case Violation(code, reason):
            writer.close(ws, code)
            raise Over(RemoteProtocolError(f"bad frame on the {endpoint} connection: {reason}", close_code=code))
