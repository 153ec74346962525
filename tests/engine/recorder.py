"""Stands on the way between a client and a server of this machine: writes down what they say, holds it up, cuts it."""

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self

__all__ = ["Recorder"]

CHUNK = 65536


class Recorder:
    """Passes on whatever comes, to `port`, and names that in requests as a proxy does. A context manager.

    With a `receive_buffer` of so many bytes what it holds up fills the server's side soon.
    """

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self._port = port
        self._receive_buffer = receive_buffer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._own_port = self._listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self._own_port}/websocket/v1"
        self._said, self._heard = bytearray(), bytearray()
        self._ways: dict[socket.socket, socket.socket] = {}
        self._servers: set[socket.socket] = set()
        self._is_held = self._is_over = self._is_cut = False
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._is_over = True
        self._wake()
        self._thread.join(10)
        for sock in (self._listener, self._waker, self._woken, *self._ways):
            sock.close()

    def said(self) -> bytes:
        """Return what clients have said."""
        return bytes(self._said)

    def heard(self) -> bytes:
        """Return what they were answered."""
        return bytes(self._heard)

    def hold(self) -> None:
        """Leave what servers say where it is."""
        self._is_held = True
        self._wake()

    def go_on(self) -> None:
        """Pass it on again."""
        self._is_held = False
        self._wake()

    def drop(self) -> None:
        """Cut all connections; new ones may come."""
        self._is_cut = True
        self._wake()

    def _wake(self) -> None:
        self._waker.send(b"\0")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._is_over:
                for key, _ in selector.select():
                    sock = key.fileobj
                    if sock is self._listener:
                        self._meet(selector)
                    elif sock is self._woken:
                        self._woken.recv(CHUNK)
                        self._obey(selector)
                    elif sock in self._ways:
                        self._pass_on(selector, sock)

    def _meet(self, selector: selectors.BaseSelector) -> None:
        client, _ = self._listener.accept()
        server = socket.socket()
        if self._receive_buffer:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        try:
            server.connect(("127.0.0.1", self._port))
        except OSError:
            client.close()
            server.close()
            return
        self._ways |= {client: server, server: client}
        self._servers.add(server)
        selector.register(client, selectors.EVENT_READ)
        if not self._is_held:
            selector.register(server, selectors.EVENT_READ)

    def _obey(self, selector: selectors.BaseSelector) -> None:
        if self._is_cut:
            self._is_cut = False
            for server in list(self._servers):
                self._end(selector, server)
        for server in self._servers:
            is_registered = server in {key.fileobj for key in selector.get_map().values()}
            if self._is_held and is_registered:
                selector.unregister(server)
            elif not self._is_held and not is_registered:
                selector.register(server, selectors.EVENT_READ)

    def _pass_on(self, selector: selectors.BaseSelector, sock: socket.socket) -> None:
        try:
            data = sock.recv(CHUNK)
            (self._heard if sock in self._servers else self._said).extend(data)
            if sock not in self._servers:
                data = data.replace(b"Host: 127.0.0.1:%d" % self._own_port, b"Host: 127.0.0.1:%d" % self._port)
            self._ways[sock].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(selector, sock)

    def _end(self, selector: selectors.BaseSelector, sock: socket.socket) -> None:
        for one in (sock, self._ways[sock]):
            del self._ways[one]
            self._servers.discard(one)
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(one)
            one.close()
