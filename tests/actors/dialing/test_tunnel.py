"""Through proxies of one's own: where they lead, what they are told, and what is said if they refuse."""

import queue
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.proxies import ProxyServer
from websocket_v6.actors.dialing import tunnel as subject
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.actors.dialing.tunnel import pass_through
from websocket_v6.protocol.dialing.addresses import Address
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.dialing.proxies import parse_proxy
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.limits import HANDSHAKE_BYTES

LONG = 20.0
SCHEMES = ("http", "socks5", "socks5h")
EXCHANGE = place_of("wss://api.upbit.example/websocket/v1")


@pytest.fixture
def greeter() -> Iterator[tuple[str, int]]:
    """A server that says hello to one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LONG)

        def serve() -> None:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.sendall(b"hello")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        socket.create_connection(listener.getsockname()).close()  # if nobody came
        thread.join(LONG)


def through(server: ProxyServer, url: str, to: str = "wss://api.upbit.example/", timeout: float = LONG) -> bytes:
    proxy = parse_proxy(url)
    assert proxy is not None
    attempt = Attempt(timeout)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        bounded = BoundedSocket(sock, attempt, HANDSHAKE_BYTES)
        pass_through(bounded, proxy, place_of(to), attempt)
        return bounded.recv(100)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_names_are_looked_up_by_the_proxy(greeter: tuple[str, int], scheme: str) -> None:
    with ProxyServer(greeter) as server:
        assert through(server, server.url(scheme)) == b"hello"
        assert server.asked == ["api.upbit.example:443"]
        assert server.logins == [""]


def test_names_are_looked_up_here_with_socks5(greeter: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "look_up", lambda *_: [Address(socket.AF_INET, ("192.0.2.7", 443))])
    with ProxyServer(greeter) as server:
        assert through(server, server.url("socks5")) == b"hello"
        assert server.asked == ["192.0.2.7:443"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_addresses(greeter: tuple[str, int], scheme: str, host: str) -> None:
    bracketed = f"[{host}]" if ":" in host else host
    with ProxyServer(greeter) as server:
        assert through(server, server.url(scheme), f"ws://{bracketed}:8000/") == b"hello"
        assert server.asked == [f"{host if scheme != 'http' else bracketed}:8000"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_login_is_shown_to_the_proxy(greeter: tuple[str, int], scheme: str) -> None:
    with ProxyServer(greeter, login="me:hunter2@x") as server:
        assert through(server, server.url(scheme, "me:hunter2%40x"), "ws://192.0.2.7/") == b"hello"
        assert server.logins == ["me:hunter2@x"]


@pytest.mark.parametrize(
    ("scheme", "status", "words"),
    [
        ("http", 403, "HTTP 403; it does not let"),
        ("http", 407, "HTTP 407; give user and password"),
        ("http", 502, "HTTP 502; ask who runs it"),
        ("socks5h", 2, "not allowed by ruleset"),
        ("socks5h", 5, "onnection refused"),
    ],
)
def test_a_proxy_that_refuses_is_named_and_its_password_is_not(
    greeter: tuple[str, int], scheme: str, status: int, words: str
) -> None:
    with ProxyServer(greeter, status=status) as server:
        with pytest.raises(TransportError, match=words) as caught:
            through(server, server.url(scheme, "me:hunter2"))
        text = str(caught.value)
        assert f"the proxy {scheme}://127.0.0.1:{server.port} refused to connect to api.upbit.example:443" in text
        assert "hunter2" not in text
        assert "bWU6aHVudGVyMg" not in text, "what it echoes"


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_wrong_login_is_refused(greeter: tuple[str, int], scheme: str) -> None:
    with ProxyServer(greeter, login="me:right") as server:
        for login in ("me:hunter2", ""):
            with pytest.raises(TransportError, match="refused to connect") as caught:
                through(server, server.url(scheme, login))
            assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_that_says_nothing_is_not_waited_for(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = parse_proxy(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
        assert proxy is not None
        attempt = Attempt(0.1)
        with socket.create_connection(listener.getsockname()) as sock:
            bounded = BoundedSocket(sock, attempt, HANDSHAKE_BYTES)
            with pytest.raises((TimeoutError, TransportError), match="it was waiting for the proxy"):
                pass_through(bounded, proxy, place_of("ws://192.0.2.7/"), attempt)


def test_a_proxy_that_never_comes_to_an_end_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    said: queue.SimpleQueue[int] = queue.SimpleQueue()

    def talk() -> None:
        try:
            theirs.sendall(b"HTTP/1.1 200 Connected\r\nX: ")
            while True:
                theirs.sendall(b"x" * 65536)
        except OSError:
            said.put(1)

    thread = threading.Thread(target=talk)
    proxy = parse_proxy("http://proxy:1")
    assert proxy is not None
    with theirs:
        thread.start()
        attempt = Attempt(LONG)
        sock = BoundedSocket(ours, attempt, HANDSHAKE_BYTES)
        with ours, pytest.raises(RemoteProtocolError, match="more than 65536 bytes"):
            pass_through(sock, proxy, EXCHANGE, attempt)
        thread.join(LONG)
    assert said.get(timeout=LONG)


def test_without_the_library_it_says_which_extra_is_missing(
    greeter: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with ProxyServer(greeter) as server:
        with pytest.raises(TransportError, match=r"needs an extra: pip install 'websocket-v6\[proxy\]'"):
            through(server, server.url("socks5h", "me:hunter2"))
        assert through(server, server.url("http")) == b"hello", "which needs none"
