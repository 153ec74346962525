"""A server that echoes, made of this project's pieces: what the fuzzing client of a suite connects to.

All reading, checking, answering and compressing is `protocol/websocket/`; the threads and sockets here are the tests'.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

from websocket_v6.protocol.websocket import outgoing
from websocket_v6.protocol.websocket.controls import Closed, Ping, Violation
from websocket_v6.protocol.websocket.deflate import compress
from websocket_v6.protocol.websocket.frames import FrameDecoder, Text
from websocket_v6.protocol.websocket.server_deflate import ServerAgreement, agree
from websocket_v6.protocol.websocket.server_handshake import BadRequest, accept, read_head, refuse, upgrade

__all__ = ["echo_server"]

_CHUNK = 256 * 1024
_READ_TIMEOUT = 60.0  # the suite waits by design in some cases, and gives up on its own
_END_TIMEOUT = 5.0  # for the client to hang up once both have said goodbye


@contextlib.contextmanager
def echo_server() -> Iterator[str]:
    """Serve on a free port of loopback; the value is `host:port`."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        thread = threading.Thread(target=_accept, args=(listener,), name="echo server", daemon=True)
        thread.start()
        host, port = listener.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(_END_TIMEOUT)


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # it was shut down
        threading.Thread(target=_serve, args=(sock,), daemon=True).start()


def _serve(sock: socket.socket) -> None:
    # A case may end in any way, also with a reset: the verdict is the suite's.
    with sock, contextlib.suppress(OSError):
        sock.settimeout(_READ_TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = bytearray()
        while (answered := _answer_head(sock, received)) is None:
            data = sock.recv(_CHUNK)
            if not data:
                return
            received += data
        if answered.is_open:
            _Client(sock, answered.agreed).echo(received)
        # The server hangs up first (RFC 6455, 7.1.1), without losing what it said last.
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(_END_TIMEOUT)
        while sock.recv(_CHUNK):
            pass


class _Answered(NamedTuple):
    """How a handshake was answered."""

    is_open: bool
    agreed: ServerAgreement | None


def _answer_head(sock: socket.socket, received: bytearray) -> _Answered | None:
    """Answer the request at the beginning of `received` and take it out; `None` if it is not whole."""
    try:
        read = read_head(received)
        if read is None:
            return None
        head, size = read
        key = upgrade(head)
        agreed = agree(head.headers.get("sec-websocket-extensions"))
    except BadRequest as error:
        sock.sendall(refuse(error.status, error.reason.encode(), error.headers, "text/plain"))
        return _Answered(is_open=False, agreed=None)
    del received[:size]
    sock.sendall(accept(key, subprotocol=None, extensions=agreed.response if agreed else None))
    return _Answered(is_open=True, agreed=agreed)


class _Client:
    """One connection after its handshake."""

    def __init__(self, sock: socket.socket, agreed: ServerAgreement | None) -> None:
        self._sock = sock
        self._window_bits = agreed.window_bits if agreed else None
        self._decoder = FrameDecoder(deflate=agreed.inflater if agreed else None, masked=True)

    def echo(self, received: bytes | bytearray) -> None:
        """Echo every message, first those in `received`, until one side ends the connection."""
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        if self._answer(self._decoder.receive(received)):
            return
        while count := self._sock.recv_into(buffer):
            if self._answer(self._decoder.receive(view[:count])):
                return

    def _answer(self, messages: list[bytes]) -> bool:
        """Answer what one read brought, goodbyes last; return whether it was the end."""
        controls, self._decoder.controls = self._decoder.controls, []
        out = [outgoing.frame(outgoing.PONG, control.payload) for control in controls if isinstance(control, Ping)]
        out += map(self._echo_of, messages)
        last = controls[-1] if controls else None
        match last:
            case Closed(code, _) | Violation(code, _):
                out.append(outgoing.close_frame(code))
        self._sock.sendall(b"".join(out))
        return isinstance(last, Closed | Violation)

    def _echo_of(self, message: bytes) -> bytes:
        opcode = outgoing.TEXT if isinstance(message, Text) else outgoing.BINARY
        if self._window_bits is None:
            return outgoing.frame(opcode, message)
        return outgoing.frame(opcode, compress(message, self._window_bits), rsv1=True)
