"""What a wire makes of a server that does not shake hands as RFC 6455 says; a real one is in tests/engine."""

import base64
import contextlib
import hashlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from websocket_v6 import Config, RemoteProtocolError, TransportError
from websocket_v6.actors.base import Actor, stop_and_join
from websocket_v6.actors.connection.transport import Wire
from websocket_v6.actors.messages.connection import WireLost, WireOpened, WireRefused

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Owner(Actor):
    """Keeps what the wire tells it."""

    def __init__(self, out: "queue.SimpleQueue[object]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


def accept_of(key: bytes) -> str:
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode()


def serve(listener: socket.socket, answer: Callable[[bytes], str]) -> None:
    """Take one connection, answer its handshake, and hang up when the client does."""
    peer, _ = listener.accept()
    with peer:
        request = b""
        while b"\r\n\r\n" not in request:
            request += peer.recv(4096)
        headers = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
        peer.sendall(answer(headers[b"Sec-WebSocket-Key"]).encode())
        with contextlib.suppress(ConnectionResetError):  # hung up on something it would not read
            while peer.recv(4096):
                pass


@pytest.fixture
def said() -> Iterator[tuple[Any, "queue.SimpleQueue[object]"]]:
    out: queue.SimpleQueue[object] = queue.SimpleQueue()
    ref = Owner.start(out)
    yield ref, out
    assert stop_and_join(ref, 5)


def meet(said: tuple[Any, "queue.SimpleQueue[object]"], answer: Callable[[bytes], str]) -> list[object]:
    """Let a wire meet a server; return what it told its owner until it was refused, or lost after being closed."""
    owner, out = said
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener, answer))
        server.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/websocket/v1"
        config = Config(url=url)
        wire = Wire(endpoint="public", line=1, url=url, epoch=1, config=config, owner=owner, router=owner, jwt=owner)
        wire.start()
        heard = [out.get(timeout=10)]
        wire.finish()
        if isinstance(heard[0], WireOpened):
            heard.append(out.get(timeout=10))
        wire.join(10)
        server.join(10)
    return heard


def answered(accept: str, *more: str) -> str:
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", *more, "", ""])


def test_a_sound_handshake_opens(said: Any) -> None:
    opened, lost = meet(said, lambda key: answered(accept_of(key)))
    assert isinstance(opened, WireOpened)
    assert isinstance(lost, WireLost)
    assert isinstance(lost.error, TransportError)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda key: answered(accept_of(key).swapcase()), "Sec-WebSocket-Accept|[Ii]nvalid"),
        (lambda key: answered(accept_of(b"another key")), "[Aa]ccept|[Ii]nvalid"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Protocol: chat"), "subprotocol|[Pp]rotocol"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Extensions: x-webkit-deflate-frame"), "Extensions"),
        (lambda key: answered(accept_of(key), "Sec-WebSocket-Extensions: permessage-deflate; foo=1"), "foo"),
        (lambda _: "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "302|[Rr]edirect"),
        (lambda _: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (lambda _: "nonsense\r\n\r\n", "cannot connect"),
    ],
    ids=[
        "accept in another case",
        "accept of another key",
        "subprotocol",
        "extension",
        "parameter",
        "302",
        "503",
        "no HTTP",
    ],
)
def test_an_unsound_handshake_is_refused(said: Any, answer: Callable[[bytes], str], reason: str) -> None:
    (refused,) = meet(said, answer)
    assert isinstance(refused, WireRefused)
    assert isinstance(refused.error, TransportError | RemoteProtocolError)
    with pytest.raises(type(refused.error), match=reason):
        raise refused.error
