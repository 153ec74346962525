"""Who is let in: what a web page can do to a port of this machine, tokens, and TLS on one side alone."""

import logging
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

import pytest
import trustme
from websockets.sync.client import connect

from tests.door.world import MARKETS, Client, handshake, raw_socket
from tests.front_door import FrontDoor, front_door
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

TOKEN = "a-token-of-this-door-alone-0123456789"
TICKER = b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'
Open = Callable[..., FrontDoor]
pytestmark = pytest.mark.usefixtures("connects")


@pytest.fixture
def opened() -> Iterator[Open]:
    with ExitStack() as stack:

        def make(*, tls: ssl.SSLContext | None = None, **rules: object) -> FrontDoor:
            sim = stack.enter_context(Simulator(MARKETS, limits=None))
            return stack.enter_context(front_door(sim, rules=Rules(**rules), tls=tls))  # type: ignore[arg-type]

        yield make


def answer(door: FrontDoor, data: bytes) -> bytes:
    """Return what the door answers and hangs up after, or its status line and headers if it goes on."""
    with raw_socket(door.port) as sock:
        sock.sendall(data)
        found = b""
        while chunk := sock.recv(65536):
            found += chunk
            if found.startswith(b"HTTP/1.1 101") and found.endswith(b"\r\n\r\n"):
                break
        return found


def status(door: FrontDoor, data: bytes) -> int:
    return int(answer(door, data).split(b" ", 2)[1])


def visit(port: int, path: str = "/", host: str = "", method: str = "GET", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


# --- what a page can do


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://upbit.com", "null", "http://localhost:3000", "file://", "http://127.0.0.1"],
)
def test_pages_are_refused_by_their_origin(opened: Open, origin: str) -> None:
    door = opened()
    found = answer(door, handshake(door.port, Origin=origin))
    assert found.startswith(b"HTTP/1.1 403")
    # No script of that page may read the answer either.
    assert b"access-control" not in found.lower()
    assert status(door, visit(door.port, "/state.json", Origin=origin)) == 403


def test_pages_that_are_allowed_come_in(opened: Open) -> None:
    door = opened(origins=frozenset({"https://desk.example"}))
    assert status(door, handshake(door.port, Origin="https://desk.example")) == 101
    for other in ("https://desk.example.evil.example", "http://desk.example", "https://desk.example:444", "null"):
        assert status(door, handshake(door.port, Origin=other)) == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "localhost.evil.example:{}", "127.0.0.1.evil.example", "[::2]:{}", "a"]
)
def test_names_that_are_made_to_lead_here_are_refused(opened: Open, host: str) -> None:
    door = opened()
    name = host.format(door.port)
    assert status(door, handshake(door.port, host=name)) == 421
    assert status(door, visit(door.port, "/", host=name)) == 421
    assert status(door, visit(door.port, "/state.json", host=name)) == 421


def test_our_names_are_let_in(opened: Open) -> None:
    door = opened(names=frozenset({"localhost", "127.0.0.1", "desk.example"}))
    for name in ("LOCALHOST", f"localhost:{door.port}", "desk.example", f"127.0.0.1:{door.port}"):
        assert status(door, handshake(door.port, host=name)) == 101
    # The near end of a tunnel, or the published port of a container.
    assert status(door, handshake(door.port, host=f"localhost:{door.port + 1}")) == 101


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD", "CONNECT"])
def test_forms_and_fetches_of_a_page_do_nothing(opened: Open, method: str) -> None:
    door = opened()
    body = b"[{'ticket':'t'}]" * 10
    data = visit(door.port, "/websocket/v1", method=method, Content_Type="text/plain", Content_Length=str(len(body)))
    found = answer(door, data + body)
    assert found.startswith((b"HTTP/1.1 405", b"HTTP/1.1 400"))
    assert b"access-control" not in found.lower()


def test_a_script_s_fetch_may_not_hide_a_handshake_in_its_body(opened: Open) -> None:
    door = opened()
    inside = handshake(door.port)
    data = visit(door.port, "/", Content_Length=str(len(inside)), Origin="http://evil.example") + inside
    assert b" 101 " not in answer(door, data)


def test_addresses_that_go_elsewhere(opened: Open) -> None:
    door = opened()
    for path in ("/nonsense", "/websocket", "/websocket-v6", "/websocket/v1/", "/websocket/v1/private/x"):
        assert status(door, handshake(door.port, path)) == 404
    for path in ("/../etc/passwd", "/%2e%2e/x", "//", "/websocket/v1/../v1", "http://127.0.0.1/websocket/v1"):
        assert status(door, handshake(door.port, path)) == 400
    assert status(door, visit(door.port, "/websocket/v1")) == 426


# --- the door's token


def test_the_token_is_asked_for_and_never_logged(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    door = opened(token=Secret(TOKEN))
    wrong = {"missing": {}, "wrong": {"Authorization": "Bearer wrong"}, "basic": {"Authorization": f"Basic {TOKEN}"}}
    for headers in wrong.values():
        assert status(door, handshake(door.port, **headers)) == 401
    for query in (
        "",
        "?token=",
        "?token=wrong",
        f"?token={TOKEN}x",
        f"?x={TOKEN}",
        f"?TOKEN={TOKEN}",
        f"?token={TOKEN[:-1]}",
    ):
        assert status(door, handshake(door.port, f"/websocket/v1{query}")) == 401
        assert status(door, visit(door.port, f"/state.json{query}")) == 401
        assert status(door, visit(door.port, f"/{query}")) == 401
    assert status(door, handshake(door.port, Authorization=f"Bearer {TOKEN}")) == 101
    assert status(door, handshake(door.port, f"/websocket/v1?token={TOKEN}")) == 101
    assert status(door, handshake(door.port, f"/websocket/v1?token=wrong&token={TOKEN}")) == 101
    assert status(door, visit(door.port, f"/?token={TOKEN}")) == 200
    # In the answer to a refusal neither.
    assert TOKEN.encode() not in answer(door, handshake(door.port, f"/nonsense?token={TOKEN}"))
    door.health()
    assert caplog.records
    assert TOKEN not in caplog.text


def test_private_data_takes_both_tokens(opened: Open) -> None:
    door = opened(token=Secret(TOKEN))
    assert status(door, handshake(door.port, "/websocket/v1/private")) == 401
    assert status(door, handshake(door.port, f"/websocket/v1/private?token={TOKEN}")) == 401
    assert status(door, handshake(door.port, "/websocket/v1/private", Authorization=f"Bearer {TOKEN}")) == 401


# --- TLS


@pytest.mark.parametrize("is_secure", [False, True])
def test_connections_that_are_reset_at_once(opened: Open, context: ssl.SSLContext, is_secure: bool) -> None:
    door = opened(tls=context if is_secure else None)
    for data in [b"", b"G", b"\x16\x03"] * 300:
        with raw_socket(door.port) as sock:
            sock.sendall(data)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    door.health()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_data_flows_over_tls(opened: Open, context: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    door = opened(tls=context)
    with connect(door.url, ssl=trusting, proxy=None, close_timeout=1.0) as connection:
        client = Client(cast(Any, connection))
        codes = ["KRW-BTC", "KRW-ETH", "BTC-ETH"]
        client.ask({"type": "ticker", "codes": codes}, {"type": "orderbook", "codes": codes})
        assert len(client.read_many(6)) == 6
        # Larger than a TLS record, and than what is read in one turn.
        client.send(" " * 300_000 + TICKER.decode())
        assert client.read()["code"] == "KRW-BTC"


def test_nothing_comes_unasked_over_tls(opened: Open, context: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """A ticket behind the handshake would meet the request of a client with a thread for each direction."""
    door = opened(tls=context)
    with raw_socket(door.port) as sock, trusting.wrap_socket(sock, server_hostname="127.0.0.1") as secure:
        secure.sendall(handshake(door.port, "/nowhere"))
        while secure.recv(65536):
            pass
        assert secure.session is None or not secure.session.has_ticket


def test_plain_text_on_a_port_of_tls(opened: Open, context: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    door = opened(tls=context)
    sock = raw_socket(door.port)
    sock.sendall(handshake(door.port))
    assert _ends(sock)
    with connect(door.url, ssl=trusting, proxy=None, close_timeout=1.0) as connection:
        assert connection.ping().wait(5.0)


def test_tls_on_a_plain_port(opened: Open, trusting: ssl.SSLContext) -> None:
    door = opened()
    with pytest.raises((ssl.SSLError, OSError)):
        connect(replace(door, is_secure=True).url, ssl=trusting, proxy=None)
    assert status(door, handshake(door.port)) == 101


def test_a_handshake_of_tls_that_stalls(
    opened: Open, context: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("websocket_v6.actors.server.sockets.HANDSHAKE", 3.0)
    monkeypatch.setattr("websocket_v6.actors.server.base_server.LOOK", 0.2)
    door = opened(tls=context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = trusting.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    first = outgoing.read()
    with ExitStack() as stack:
        socks = [stack.enter_context(raw_socket(door.port)) for _ in range(30)]
        for number, sock in enumerate(socks):
            sock.sendall(first[: number * len(first) // 30])
        with connect(door.url, ssl=trusting, proxy=None, close_timeout=1.0) as connection:
            assert connection.ping().wait(5.0)
            assert all(map(_ends, socks))
            assert connection.ping().wait(5.0)


def _ends(sock: socket.socket) -> bool:
    with sock:
        try:
            while sock.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True
