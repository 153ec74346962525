"""Sending on a client's connection: websocket-client's frames, with a limit for how long one may take."""

import contextlib

import websocket

from websocket_v6.actors.dialing.boundary import outside
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.websocket import deflate

from .opening import socket_of

__all__ = ["Writer"]

SEND_TIMEOUT = 10.0  # seconds for a frame to fit into the kernel's buffer


class Writer:
    """Sends on one connection, which is called `name`, in its thread. `deflater` is what was agreed on."""

    def __init__(self, name: str = "connection") -> None:
        self._name = name
        self.deflater: deflate.Deflater | None = None

    def text(self, ws: websocket.WebSocket, message: bytes) -> None:
        """Send a text message."""
        payload = self.deflater.deflate(message) if self.deflater is not None else None
        if payload is None:
            self.frame(ws, websocket.ABNF.OPCODE_TEXT, message)
        else:
            self.frame(ws, websocket.ABNF.OPCODE_TEXT, payload, is_deflated=True)

    def close(self, ws: websocket.WebSocket, code: int) -> None:
        """Send a close frame. The peer may be gone; the reason for which we close says more than that."""
        with contextlib.suppress(TransportError):
            self.frame(ws, websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))

    def frame(self, ws: websocket.WebSocket, opcode: int, payload: bytes, *, is_deflated: bool = False) -> None:
        """Send one frame.

        Raises:
            TransportError: if that cannot be done.
        """
        with outside(f"{self._name} lost"):
            # Blocking with a limit: our frames are small, so a full buffer means that the peer reads nothing any more.
            sock = socket_of(ws)
            sock.settimeout(SEND_TIMEOUT)
            try:
                ws.send_frame(websocket.ABNF(fin=1, rsv1=int(is_deflated), opcode=opcode, data=payload))
            finally:
                sock.setblocking(False)
