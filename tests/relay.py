"""A wire between a test's client and its server."""

import contextlib
import select
import socket
import ssl
import threading

__all__ = ["Relay"]


class Relay(threading.Thread):
    """Passes on what is said to `port`, a thread for each client; it speaks TLS to them if it has a context."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        super().__init__(name="relay")
        self._target = port
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = int(self._listener.getsockname()[1])
        self._is_over = threading.Event()
        self._is_held = threading.Event()
        self._clients: list[threading.Thread] = []

    def hold(self) -> None:
        """Pass nothing on from now, and close nothing: a wire that nobody knows to be cut."""
        self._is_held.set()

    def go_on(self) -> None:
        """Pass on again."""
        self._is_held.clear()

    def run(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                self._clients.append(threading.Thread(target=self._serve, args=(sock,)))
                self._clients[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(5.0)
            with (
                self._context.wrap_socket(sock, server_side=True) if self._context is not None else sock as client,
                socket.create_connection(("127.0.0.1", self._target), 5.0) as server,
            ):
                self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        pause = threading.Event()
        while not self._is_over.is_set():
            if self._is_held.is_set():
                pause.wait(0.02)
                continue
            pending = isinstance(client, ssl.SSLSocket) and client.pending() > 0
            ready, _, _ = select.select([client, server], [], [], 0 if pending else 0.1)
            for one, other in ((client, server), (server, client)):
                if one in ready or (one is client and pending):
                    data = one.recv(65_536)
                    if not data:
                        return
                    other.sendall(data)

    def __enter__(self) -> "Relay":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in (self, *self._clients):
            one.join()
        self._listener.close()
