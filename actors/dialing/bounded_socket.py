"""A socket before its connection is open: it waits no longer than its attempt may take, and reads no more than a bound.

A wrapper, not a subclass: reading an open connection is the hottest path there is, and needs the bare socket.
"""

import contextlib
import io
import os
import socket
import ssl
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websocket_v6.protocol.errors import RemoteProtocolError

from .attempt import Attempt

if TYPE_CHECKING:
    import websocket

__all__ = ["BoundedSocket", "inherit_nothing"]

_sockets: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


def inherit_nothing(sock: socket.socket) -> None:
    """Have a forked child close its copy of `sock`, as long as that is there: else the peer never sees its end."""
    _sockets.add(sock)


class BoundedSocket:
    """`sock`, for `attempt`, of which no more than `room` bytes are read. It closes that, unless it was released.

    Raises, in whatever it does: OSError, TimeoutError once the attempt's time is over, GivenUp once it is aborted.
    """

    def __init__(self, sock: socket.socket, attempt: Attempt, room: int) -> None:
        self._sock = sock
        self._attempt = attempt
        self._size = self._room = room
        self._readers = 0
        self._is_closed = False
        inherit_nothing(sock)

    def begin(self, attempt: Attempt, room: int) -> None:
        """Go on for another attempt."""
        self._attempt = attempt
        self._size = self._room = room

    def recv(self, size: int, /) -> bytes:
        """Return `size` bytes or less; none if the peer has hung up.

        Raises:
            RemoteProtocolError: if there were too many before.
        """
        if self._room <= 0:
            raise RemoteProtocolError(f"an answer of more than {self._size} bytes")
        with self._waiting():
            data = self._sock.recv(min(size, self._room))
        if not data:
            self._attempt.remaining()  # raises if it was this side that ended it
        self._room -= len(data)
        return data

    def sendall(self, data: bytes | bytearray | memoryview, /) -> None:
        """Send all of it."""
        with self._waiting():
            self._sock.sendall(data)

    def secure(self, host: str, ca_file: Path | str | None) -> None:
        """Speak TLS from now on, with who can show a certificate for `host`.

        Trusted is who signs those in `ca_file`; without that, whom the system trusts, or SSL_CERT_FILE names.
        """
        try:
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except OSError as exc:  # among them what the file says, an SSLError
            raise OSError(exc.errno, f"the certificates of {ca_file} cannot be read: {exc.strerror or exc}") from None
        self._attempt.doing = "shaking hands for TLS"
        plain = self._sock
        # The handshake apart: until then the descriptor has no owner that `abort` could reach.
        self._sock = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        inherit_nothing(self._sock)
        with self._waiting():
            self._sock.do_handshake()

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        with self._attempt.interrupted_by(self._shut_down):
            self._sock.settimeout(self._attempt.remaining())
            try:
                yield
            except OSError:
                self._attempt.remaining()  # raises what says more: it was given up, or its time is over
                raise

    def _shut_down(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)

    def release(self) -> socket.socket:
        """Return the socket, which is the caller's from now on, and not blocking."""
        self._sock.setblocking(False)
        self._is_closed = True
        return self._sock

    def hand_over(self, ws: "websocket.WebSocket") -> None:
        """Make the socket that of `ws`, which sends on it from now on."""
        ws.sock, ws.connected = self.release(), True

    def close(self) -> None:
        """Close the socket, at the latest when whoever reads from `makefile` has done so."""
        self._is_closed, was_closed = True, self._is_closed
        if not was_closed and not self._readers:
            self._sock.close()

    def makefile(self, _mode: str, /) -> io.BufferedReader:
        """Return what reads from here, as `http.client` wants it."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def _reader_closed(self) -> None:
        self._readers -= 1
        if self._is_closed and not self._readers:
            self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: BoundedSocket) -> None:
        self._bounded = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._bounded.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._bounded._reader_closed()


def _abandon_in_child() -> None:
    for sock in list(_sockets):
        sock.close()  # the descriptor alone: nothing is sent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
