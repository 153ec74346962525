"""A client's connection without a handshake, to see what is sent on it."""

import socket

import websocket


class Line:
    """A connection and its other end."""

    def __init__(self) -> None:
        self.ws = websocket.WebSocket()
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.ws.sock = ours
        self.peer.settimeout(10.0)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.ws.shutdown()  # type: ignore[no-untyped-call]
        self.peer.close()
