"""Asking on a connection that is being made, and reading the answer: to a handshake, and of a proxy."""

import contextlib
import errno

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import REFUSAL_BYTES
from websocket_v6.protocol.websocket.client_handshake import (
    Answer,
    body_length,
    is_chunked,
    missing,
    read_answer,
    unchunked,
)

from .bounded_socket import BoundedSocket

__all__ = ["ask_for", "read_refusal"]

_LAST_CHUNK = b"0\r\n\r\n"


def ask_for(sock: BoundedSocket, request: bytes) -> Answer:
    """Send `request` and return the head of what it is answered; nothing beyond is read.

    Raises:
        RemoteProtocolError: if it is no answer, or one without an end.
        OSError, GivenUp: see BoundedSocket.
    """
    sock.sendall(request)
    head = bytearray()
    # What follows the head of a 101 is the connection's own, so no more is read than must belong to the head.
    while size := missing(head):
        data = sock.recv(size)
        if not data:
            what = "in the middle of its answer" if head else "without an answer"
            raise ConnectionResetError(errno.ECONNRESET, f"whoever is there hung up {what}")
        head += data
    return read_answer(head)


def read_refusal(sock: BoundedSocket, answer: Answer) -> bytes:
    """Return the body of a refusal, as far as it comes within the bounds: what it says is a help, no more."""
    body = bytearray()
    length = body_length(answer)
    room = REFUSAL_BYTES if length is None else min(length, REFUSAL_BYTES)
    with contextlib.suppress(OSError, RemoteProtocolError):
        while len(body) < room and (data := sock.recv(room - len(body))):
            body += data
            if is_chunked(answer) and body.endswith(_LAST_CHUNK):
                break
    return unchunked(bytes(body)) if is_chunked(answer) else bytes(body)
