"""All of the way at once: which way is taken, what is said if it leads nowhere, and that nothing stays open."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.proxies import ProxyServer, mute_address
from websocket_v6.actors.dialing import dial as subject
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.dial import dial
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import TransportError

LONG = 20.0
NAMES = [f"{name}_proxy" for name in ("https", "http", "all", "no")]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.upper, NAMES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.contextmanager
def greeter(authority: trustme.CA | None = None) -> Iterator[tuple[str, int]]:
    """A server that says hello to each, with TLS if `authority` is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if authority is not None:
        authority.issue_cert("host.example").configure_cert(context)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock, contextlib.suppress(OSError):
                    sock.settimeout(LONG)
                    with context.wrap_socket(sock, server_side=True) if authority else sock as speaking:
                        speaking.sendall(b"hello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LONG)


def greeting(url: str, *, proxy: str | None = None, ca_file: Path | None = None) -> bytes:
    sock = dial(place_of(url), Attempt(LONG), proxy=proxy, ca_file=ca_file)
    try:
        return sock.recv(100)
    finally:
        sock.close()


def test_straight() -> None:
    with greeter() as (host, port):
        assert greeting(f"ws://{host}:{port}") == b"hello"
        assert greeting(f"ws://localhost:{port}") == b"hello", "whichever family it listens on"


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_tls_through_a_proxy(authority: trustme.CA, tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with greeter(authority) as address, ProxyServer(address) as server:
        assert greeting("wss://host.example/", proxy=server.url(scheme), ca_file=file) == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            greeting("wss://other.example/", proxy=server.url(scheme), ca_file=file)
        assert server.asked == ["host.example:443", "other.example:443"]


def test_the_environment_leads_through_a_proxy_and_what_is_configured_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with greeter() as address, ProxyServer(address) as first, ProxyServer(address) as second:
        monkeypatch.setenv("ALL_PROXY", first.url("http"))
        assert greeting("ws://host.example/") == b"hello"
        assert greeting("ws://host.example/", proxy=second.url("http")) == b"hello"
        assert (first.asked, second.asked) == (["host.example:80"], ["host.example:80"])
        host, port = address
        assert greeting(f"ws://{host}:{port}", proxy=second.url("http")) == b"hello"
        assert len(second.asked) == 1, "this machine is reached directly"


def test_certificates_of_the_environment(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with greeter(authority) as address, ProxyServer(address) as server:
        assert greeting("wss://host.example/", proxy=server.url("http")) == b"hello"


def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match=f"the proxy http://127.0.0.1:{port} cannot be reached: ") as caught:
        greeting("ws://host.example/", proxy=f"http://me:hunter2@127.0.0.1:{port}")
    assert "hunter2" not in str(caught.value)


def test_a_refusal_leaves_nothing_open() -> None:  # as the fixture for all tests sees
    with greeter() as address, ProxyServer(address, status=403) as server, pytest.raises(TransportError):
        greeting("ws://host.example/", proxy=server.url("http"))


def test_all_of_it_has_one_time() -> None:
    with mute_address() as (host, port):
        attempt = Attempt(0.05)
        with pytest.raises(TimeoutError, match=f"it was connecting to {host}:{port}"):
            dial(place_of(f"ws://{host}:{port}"), attempt)
        with pytest.raises(TimeoutError, match=f"it was connecting to the proxy http://{host}:{port}"):
            dial(place_of("ws://host.example"), Attempt(0.05), proxy=f"http://{host}:{port}")


def test_it_is_looked_up_where_the_way_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int, attempt: Attempt) -> list[object]:
        asked.append(host)
        return []

    monkeypatch.setattr(subject, "look_up", look_up)
    for proxy in (None, "http://proxy.example:1"):
        with pytest.raises(OSError, match="no address"):
            dial(place_of("ws://host.example"), Attempt(LONG), proxy=proxy)
    assert asked == ["host.example", "proxy.example"]
