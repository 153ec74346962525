"""Proxies of one's own, HTTP and SOCKS 5, that a test tells what to do; and addresses that never answer."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator

TIMEOUT = 20.0


class ProxyServer:
    """Listens on loopback, and connects whoever asks to `to`, whatever place was asked for. A context manager.

    `asked` are the places, `logins` what they showed ("user:password" or ""). `status` other than 200 refuses: an HTTP
    status, or the code of a SOCKS reply (0 grants).
    """

    def __init__(self, to: tuple[str, int], *, status: int = 200, login: str = "") -> None:
        self.asked: list[str] = []
        self.logins: list[str] = []
        self.status = status
        self._login = login
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "ProxyServer":
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def url(self, scheme: str, login: str = "") -> str:
        return f"{scheme}://{login and login + '@'}127.0.0.1:{self.port}"

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            sock.settimeout(TIMEOUT)
            first = _exactly(sock, 1)
            if not (self._socks(sock) if first == b"\x05" else self._http(sock, first)):
                sock.shutdown(socket.SHUT_RDWR)
                return
            onward = socket.create_connection(self._to, TIMEOUT)
            self._sockets.append(onward)
            sock.sendall(b"\x05\0\0\x01\0\0\0\0\0\0" if first == b"\x05" else b"HTTP/1.1 200 Connected\r\n\r\n")
            self._spawn(_pump, onward, sock)
            _pump(sock, onward)

    def _http(self, sock: socket.socket, head: bytes) -> bool:
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(sock, 1)
        line, *fields = head.decode().split("\r\n")
        headers = dict(field.lower().partition(": ")[::2] for field in fields)
        self.asked.append(line.split()[1])
        raw = next((field.split()[-1] for field in fields if field.lower().startswith("proxy-auth")), "")
        self.logins.append(base64.b64decode(raw).decode())
        status = 407 if self._login and self.logins[-1] != self._login else self.status
        assert headers["host"] == self.asked[-1]
        if status != 200:
            sock.sendall(f"HTTP/1.1 {status} {raw or 'no'}\r\nContent-Length: 0\r\n\r\n".encode())
        return status == 200

    def _socks(self, sock: socket.socket) -> bool:
        methods = _exactly(sock, _exactly(sock, 1)[0])
        if self._login:
            if 2 not in methods:
                sock.sendall(b"\x05\xff")
                return False
            sock.sendall(b"\x05\x02")
            _exactly(sock, 1)
            user, password = (_exactly(sock, _exactly(sock, 1)[0]).decode() for _ in range(2))
            self.logins.append(f"{user}:{password}")
            sock.sendall(b"\x01\0" if self.logins[-1] == self._login else b"\x01\x01")
            if self.logins[-1] != self._login:
                return False
        else:
            self.logins.append("")
            sock.sendall(b"\x05\0")
        kind = _exactly(sock, 4)[3]
        if kind == 3:
            host = _exactly(sock, _exactly(sock, 1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, _exactly(sock, 4 if kind == 1 else 16))
        self.asked.append(f"{host}:{int.from_bytes(_exactly(sock, 2), 'big')}")
        if self.status not in (0, 200):
            sock.sendall(bytes((5, self.status, 0, 1, 0, 0, 0, 0, 0, 0)))
        return self.status in (0, 200)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def mute_address() -> Iterator[tuple[str, int]]:
    """An address that drops whoever comes: its backlog is full."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        try:
            yield listener.getsockname()
        finally:
            for sock in waiting:
                sock.close()
