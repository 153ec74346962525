"""Whoever answers a handshake chooses neither how long it takes nor how much it costs, and no cookie is kept."""

import contextlib
import http.cookies
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import websocket
import websocket._handshake

from tests.actors.connection.peer import TIMEOUT, Peer, accept_of, answered, key_of, until_hung_up
from tests.actors.ear import StandIn
from tests.foreign_errors import FOREIGN, made
from websocket_v6.actors.connection import opening as subject
from websocket_v6.actors.connection.opening import Opening
from websocket_v6.actors.dialing.first_words import read_refusal
from websocket_v6.actors.jwt import Grant, TokenWanted
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.limits import REFUSAL_BYTES
from websocket_v6.protocol.secret import Secret

TOKEN = "eyJhbGciOiJIUzUxMiJ9.eyJhY2Nlc3Nfa2V5IjoiQUNDRVNTIn0.c2lnbmF0dXJl"
OPEN = b"HTTP/1.1 101 Switching Protocols\r\nX: "
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\n"


def opening_to(url: str, timeout: float = TIMEOUT, token: str = "") -> Opening:
    jwt = StandIn("jwt", answers={TokenWanted: Grant(Secret(token), 3)})
    return Opening("public", Target(url, needs_keys=bool(token)), Config(connect_timeout=timeout), jwt.ref)


def failure(opening: Opening) -> WebSocketV6Error:
    with pytest.raises(WebSocketV6Error) as caught:
        opening.open()
    assert opening.ws.sock is None
    return caught.value


@contextlib.contextmanager
def peer(answer: Callable[[bytes], bytes], then: Callable[[socket.socket], None] = until_hung_up) -> Iterator[Peer]:
    made = Peer(answer, then)
    try:
        yield made
    finally:
        made.close()


def pouring(piece: bytes) -> Callable[[socket.socket], None]:
    def pour(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(piece)

    return pour


def say_no_more(sock: socket.socket) -> None:
    """Let nothing follow, as long as anybody is there to hear that."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def dripping(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.settimeout(0.01)
        while True:
            sock.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                if not sock.recv(1):
                    return


# --- how much


@pytest.mark.parametrize("piece", [b"x" * 65536, b"X: x\r\n" * 10_000], ids=["one line", "lines"])
def test_an_answer_without_an_end_is_cut_off_at_the_limit(piece: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with peer(lambda _: OPEN, pouring(piece)) as one:
        error = failure(opening_to(one.url))
    assert isinstance(error, TransportError)
    assert "cannot connect to the public endpoint ws://" in str(error)
    assert "an answer of more than 65536 bytes" in str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024, "KiB"


@pytest.mark.parametrize(
    "head", [b"\r\n", b"Content-Length: 999999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_refusal_s_body_is_read_up_to_the_limit(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[bytes] = []
    read = read_refusal

    def noted(*arguments: object) -> bytes:
        bodies.append(read(*arguments))  # type: ignore[arg-type]
        return bodies[-1]

    monkeypatch.setattr("websocket_v6.actors.connection.opening.read_refusal", noted)
    with peer(lambda _: REFUSED + head, pouring(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")) as one:
        error = failure(opening_to(one.url))
    assert "the exchange is out of order: HTTP 503" in str(error)
    assert 0 < len(bodies[0]) <= REFUSAL_BYTES
    assert len(str(error)) < 400


def test_the_words_of_a_block_are_read_from_chunks() -> None:
    body = b'{"error":{"name":418,"message":"blocked for 3 minutes"}}'
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (20, body[:20], len(body) - 20, body[20:])
    with peer(lambda _: b"HTTP/1.1 418 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked) as one:
        error = failure(opening_to(one.url))
    assert isinstance(error, TransportError)
    assert error.retry_after == 180.0


def test_a_body_nested_without_an_end_is_a_refusal_like_any_other() -> None:
    with peer(lambda _: b"HTTP/1.1 429 X\r\nContent-Length: 5000\r\n\r\n" + b"[" * 5000) as one:
        assert "HTTP 429" in str(failure(opening_to(one.url)))


# --- how long


@pytest.mark.parametrize(
    "then",
    [dripping, until_hung_up, say_no_more],
    ids=["drip", "silence", "half closed"],
)
@pytest.mark.parametrize("head", [b"", OPEN, REFUSED + b"\r\n"], ids=["nothing", "head", "body"])
def test_no_answer_takes_longer_than_the_attempt(head: bytes, then: Callable[[socket.socket], None]) -> None:
    begin = time.monotonic()
    with peer(lambda _: head, then) as one:
        error = failure(opening_to(one.url, timeout=0.15))
    assert time.monotonic() - begin < TIMEOUT / 2
    assert isinstance(error, TransportError)
    if head.startswith(REFUSED):
        assert "HTTP 503" in str(error)
    elif then is until_hung_up:
        assert "not done within 0.15 s, it was waiting for the answer to the handshake" in str(error)


@pytest.mark.parametrize("how", [Opening.abort, Opening.give_up])
def test_a_drip_ends_when_nobody_wants_it(how: Callable[[Opening], None]) -> None:
    with peer(lambda _: OPEN, dripping) as one:
        opening = opening_to(one.url)
        timer = threading.Timer(0.05, how, [opening])
        timer.start()
        begin = time.monotonic()
        assert "given up" in str(failure(opening))
        timer.join()
    assert time.monotonic() - begin < TIMEOUT / 2


def test_a_name_that_is_looked_up_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def getaddrinfo(*_: object, flags: int = 0, **__: object) -> list[object]:
        if not flags:
            released.wait(TIMEOUT)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        error = failure(opening_to("ws://slow.example/", timeout=0.1))
        assert "not done within 0.1 s, it was looking up slow.example" in str(error)
        opening = opening_to("ws://slow.example/")
        timer = threading.Timer(0.05, opening.abort)
        timer.start()
        assert "given up" in str(failure(opening))
        timer.join()
    finally:
        released.set()
    assert "Name or service not known" in str(failure(opening_to("ws://slow.example/")))


# --- cookies


def test_forty_connections_keep_no_cookie_and_send_none() -> None:
    jar = websocket._handshake.CookieJar.jar
    before, requests = dict(jar), []
    # Another user of the library in this process has some.
    jar[".127.0.0.1"] = http.cookies.SimpleCookie("theirs=1")
    try:
        for number in range(40):

            def answer(request: bytes, number: int = number) -> bytes:
                requests.append(request)
                cookie = f"Set-Cookie: n{number}={'K' * 1000}; domain=127.0.0.1"
                return answered(accept_of(key_of(request)), cookie)

            with peer(answer) as one:
                opening = opening_to(one.url)
                opening.open()
                opening.close()
        assert set(jar) == {*before, ".127.0.0.1"}
        assert jar[".127.0.0.1"].output() == "Set-Cookie: theirs=1"
    finally:
        jar.pop(".127.0.0.1")
    assert len(requests) == 40
    assert not any(b"cookie" in request.lower() for request in requests)


@pytest.mark.parametrize("cookie", ["a/b=c", "a,b=c", "@=", "(a)=b; domain=x", "=", '"', "\x80=\xff"])
def test_a_cookie_of_any_name_opens_a_connection(cookie: str) -> None:
    def answer(request: bytes) -> bytes:
        line = f"\r\nSet-Cookie: {cookie}\r\n\r\n".encode("latin-1")
        return answered(accept_of(key_of(request))).replace(b"\r\n\r\n", line)

    with peer(answer) as one:
        opening = opening_to(one.url)
        opening.open()
        opening.close()


# --- what is told


@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 {}",
        "{}",
        "HTTP/1.1 101 {}",
        "HTTP/1.1 503 {}",
        "HTTP/1.1 101 X\r\n{}",
        "HTTP/1.1 302 X\r\nLocation: ws://x/{}",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}",
        "HTTP/1.1 101 X\r\nSec-WebSocket-Protocol: {}",
        "HTTP/1.1 403 {0}\r\nContent-Length: 400\r\n\r\n" + '{{"error":{{"name":"{0}","message":"{0}"}}}}',
    ],
)
@pytest.mark.parametrize("token", [TOKEN, "ey.short"])
def test_a_token_that_is_echoed_is_not_told(line: str, token: str) -> None:
    def echo(request: bytes) -> bytes:
        (given,) = (one for one in request.decode().split("\r\n") if one.startswith("Authorization: "))
        assert given == f"Authorization: Bearer {token}"
        return f"{line.format(given)}\r\n\r\n".encode()

    with peer(echo, say_no_more) as one:
        error = failure(opening_to(one.url, token=token))
    assert token not in str(error)
    assert token not in str(getattr(error, "name", ""))
    assert str(error).isprintable()


def test_tracing_the_library_shows_no_token(caplog: pytest.LogCaptureFixture) -> None:
    handler = logging.NullHandler()
    caplog.set_level(1)
    websocket.enableTrace(True, handler=handler, level="DEBUG")
    try:
        with peer(lambda request: answered(accept_of(key_of(request)), f"X-Echo: {TOKEN}")) as one:
            opening = opening_to(one.url, token=TOKEN)
            opening.open()
            opening.close()
    finally:
        websocket.enableTrace(False)
    assert TOKEN not in caplog.text


# --- the boundary


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
@pytest.mark.parametrize("where", ["dial", "ask_for"])
def test_whatever_a_library_raises_is_no_connection_and_no_bug(
    kind: type[Exception], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise made(kind)

    class Sock:
        closed = False

        def close(self) -> None:
            self.closed = True

    sock = Sock()
    if where == "ask_for":
        monkeypatch.setattr(subject, "dial", lambda *_, **__: sock)
    monkeypatch.setattr(subject, where, fail)
    error = failure(opening_to("ws://127.0.0.1:1/"))
    assert type(error) is TransportError
    assert str(error).startswith("cannot connect to the public endpoint ws://127.0.0.1:1/: ")
    assert sock.closed is (where == "ask_for")


def test_a_proxy_that_is_none_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "pigeon://me:hunter2@loft")
    error = failure(opening_to("wss://host.example/"))
    assert isinstance(error, TransportError)
    assert "HTTPS_PROXY names no proxy that can be used" in str(error)
    assert "hunter2" not in str(error)


def test_what_a_rule_of_ours_refuses_is_still_that() -> None:
    with peer(lambda request: answered(accept_of(key_of(request)), "Sec-WebSocket-Protocol: x")) as one:
        assert isinstance(failure(opening_to(one.url)), RemoteProtocolError)
