"""A server that does just what a test says, and the ends of a transport to hold against it."""

import base64
import contextlib
import hashlib
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from websocket_v6.actors.base import Actor, stop_and_join, tell
from websocket_v6.actors.connection.allowance import CREDITS
from websocket_v6.actors.connection.transport import Transport
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.connection import TransportEnded, TransportFailed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target

TIMEOUT = 20.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Answer = Callable[[bytes], bytes]


def accept_of(key: bytes) -> str:
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode()


def key_of(request: bytes) -> bytes:
    return request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]


def answered(accept: str, *more: str) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", *more, "", ""]).encode()


def welcome(request: bytes) -> bytes:
    return answered(accept_of(key_of(request)))


def hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client was faster, after an answer it would not take
        sock.shutdown(socket.SHUT_RDWR)


def until_hung_up(sock: socket.socket) -> None:
    """Read until the client hangs up."""
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


def binary(payload: bytes) -> bytes:
    """Return a frame as the exchange sends it."""
    length = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x82" + length + payload


def read_frame(sock: socket.socket) -> tuple[int, bytes]:
    """Read a short masked frame; return its first byte and its payload."""
    data = b""
    while len(data) < 6 or len(data) < 6 + (data[1] & 127):
        chunk = sock.recv(6 + (data[1] & 127) - len(data) if len(data) >= 6 else 6 - len(data))
        assert chunk, "the client hung up"
        data += chunk
    assert data[1] & 128, "clients mask"
    return data[0], bytes(byte ^ data[2 + at % 4] for at, byte in enumerate(data[6:]))


class Peer:
    """Listens, answers the first request with `answer`, then does `then`."""

    def __init__(
        self, answer: Answer, then: Callable[[socket.socket], None], *, listener: socket.socket | None = None
    ) -> None:
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self._answer, self._then = answer, then
        self._address = self._listener.getsockname()
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/websocket/v1"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener, self._listener.accept()[0] as sock:
            sock.settimeout(TIMEOUT)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                chunk = sock.recv(65536)
                if not chunk:
                    return
                request += chunk
            sock.sendall(self._answer(request))
            self._then(sock)

    def join(self) -> None:
        self._thread.join(TIMEOUT)

    def close(self) -> None:
        """Wait for the end, also if nobody ever came."""
        with contextlib.suppress(OSError), socket.create_connection(self._address, TIMEOUT):
            pass
        self.join()


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class Meeting:
    """A transport and a peer, with a router and an owner that note what they are told. A context manager."""

    def __init__(
        self,
        answer: Answer = welcome,
        then: Callable[[socket.socket], None] = hang_up,
        *,
        credits_: int = CREDITS,
        jwt: Ref | None = None,
        endpoint: str = "public",
        router: type[Actor] | None = None,
    ) -> None:
        self.routed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.owned: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._refs: list[Ref] = [(router or Note).start(self.routed), Note.start(self.owned)]
        self.peer = Peer(answer, then)
        self.transport = Transport(
            endpoint=endpoint,
            source=7,
            attachment=1,
            target=Target(self.peer.url, needs_keys=endpoint != "public"),
            config=Config(url=self.peer.url, connect_timeout=5.0),
            owner=self._refs[1],
            router=self._refs[0],
            jwt=jwt or self._refs[1],
        )
        for _ in range(credits_):
            self.transport.credits.put(True)

    def __enter__(self) -> "Meeting":
        self.transport.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.transport.is_alive():
            self.transport.abort()
        self.transport.join(TIMEOUT)
        self.close()

    def close(self) -> None:
        self.peer.close()
        for ref in self._refs:
            assert stop_and_join(ref, TIMEOUT)

    def grant(self) -> None:
        self.transport.credits.put(True)

    def hears(self) -> Any:
        """Return what the router is told next."""
        return self.routed.get(timeout=TIMEOUT)

    def owner_hears(self) -> Any:
        """Return what the owner is told next."""
        return self.owned.get(timeout=TIMEOUT)

    def end(self) -> tuple[list[Any], list[Any]]:
        """Wait for the end; return what the router and the owner were told."""
        owned = [self.owner_hears()]
        while not isinstance(owned[-1], TransportFailed | TransportEnded):
            owned.append(self.owner_hears())
        tell(self._refs[0], "end")
        routed = list(iter(self.hears, "end"))
        return routed, owned
