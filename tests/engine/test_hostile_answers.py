"""What answers in the exchange's place never ends the engine: it is told, tried again, left when nobody wants it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.actors.connection.peer import accept_of, answered, key_of
from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy

LONG = 20.0
Answer = Callable[[socket.socket, bytes], None]


class Impostor:
    """Listens where the exchange should be; `answer` is what it does with each request. A context manager."""

    def __init__(self, answer: Answer) -> None:
        self.came = 0
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        port = self._listener.getsockname()[1]
        self.config = Config(
            url=f"ws://127.0.0.1:{port}/websocket/v1",
            mode="embedded",
            connect_timeout=LONG,
            backoff_initial=0.01,
            backoff_max=0.02,
        )

    def __enter__(self) -> "Impostor":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LONG)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            request = sock.recv(65536)
            self.came += 1
            self.answer(sock, request)
            sock.shutdown(socket.SHUT_RDWR)


def says(text: bytes) -> Answer:
    return lambda sock, _: sock.sendall(text)


def drips(sock: socket.socket, _: bytes) -> None:
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
    sock.settimeout(0.01)
    while True:
        sock.sendall(b"a")
        with contextlib.suppress(TimeoutError):
            if not sock.recv(1):
                return


@contextlib.contextmanager
def engine(config: Config) -> Iterator[tuple[WebSocketClientProxy, list[str]]]:
    reasons: list[str] = []
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.on_connection(lambda event: reasons.append(event.reason))
        yield proxy, reasons


def state(proxy: WebSocketClientProxy) -> str:
    (found,) = (one.state for one in proxy.health().connections if one.endpoint == "public")
    return found


@pytest.mark.parametrize(
    "answer",
    [
        says(b"HTTP/1.1 101 X\r\nSet-Cookie: a/b=c\r\n\r\n"),
        lambda sock, request: sock.sendall(
            answered(accept_of(key_of(request)), "Set-Cookie: a/b=c; domain=127.0.0.1", "Sec-WebSocket-Protocol: x")
        ),
        says(b"HTTP/1.1 \xff\xfe Bearer\r\n\r\n"),
        says(b"\0" * 100_000),
        says(b"HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: " + b"a," * 30_000 + b"a\r\n\r\n"),
        lambda sock, request: sock.sendall(
            answered(accept_of(key_of(request)), "Sec-WebSocket-Extensions: " + "a," * 30_000 + "a")
        ),
        says(b"HTTP/1.1 503 X\r\nContent-Length: 5000\r\n\r\n" + b"[" * 5000),
    ],
    ids=["cookie", "cookie and protocol", "status line", "zeros", "no key", "extensions", "nested body"],
)
def test_an_answer_of_any_kind_is_told_and_tried_again(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    with Impostor(answer) as impostor, engine(impostor.config) as (proxy, reasons):
        proxy.subscribe_ticker(["KRW-BTC"])
        wait_until(lambda: impostor.came > 2, "attempts")
        assert proxy.health()
        assert any(reasons)
    assert "bug" not in caplog.text + "".join(reasons)


def test_an_attempt_that_drips_is_left_when_nobody_wants_it_and_made_anew_when_somebody_does() -> None:
    with Impostor(drips) as impostor, engine(impostor.config) as (proxy, _):
        first = proxy.subscribe_ticker(["KRW-BTC"])
        wait_until(lambda: impostor.came == 1, "the first attempt")
        begin = time.monotonic()
        first.close()
        wait_until(lambda: state(proxy) == "idle", "the end of the first attempt")
        proxy.subscribe_ticker(["KRW-ETH"])
        wait_until(lambda: impostor.came == 2, "the second attempt")
        assert time.monotonic() - begin < LONG / 2
        begin = time.monotonic()
    # And the fixture for all tests sees that no thread is left.
    assert time.monotonic() - begin < LONG / 2
