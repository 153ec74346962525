"""The proxy passes on what no fault touches, and does what its faults say."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .certificates import secured
from .faults import Answer, Bandwidth, CutAfter, Delay, Drip, Expired, HalfOpen, Resets, Silence, SlowClose
from .proxy import Fault, FaultProxy

REQUEST = b"GET /x HTTP/1.1\r\nHost: me\r\n\r\n"
TIMEOUT = 20.0


class Server:
    """Answers each connection with what it is asked, a byte after the head, until it is told to end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(TIMEOUT)
                try:
                    while data := sock.recv(65536):
                        sock.sendall(data)
                        if data.endswith(b"end"):
                            break
                except OSError:
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def ask(proxy: FaultProxy, count: int = len(REQUEST)) -> bytes:
    """Send a request and read `count` bytes, or up to the end."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT) as sock:
        sock.sendall(REQUEST)
        data = b""
        while len(data) < count and (chunk := sock.recv(65536)):
            data += chunk
        return data


@pytest.mark.parametrize("fault", [Fault, lambda: Delay(0.001, 0.002), lambda: Bandwidth(10_000), lambda: Drip(0.0)])
def test_what_is_not_touched_passes_whole(server: Server, fault: Callable[[], Fault]) -> None:
    with FaultProxy(server.port, fault()) as proxy:
        assert ask(proxy) == REQUEST


def test_a_delay_is_one(server: Server) -> None:
    with FaultProxy(server.port, Delay(0.1)) as proxy:
        began = time.monotonic()
        assert ask(proxy) == REQUEST
        assert time.monotonic() - began >= 0.1


def test_an_answer_is_given_in_the_server_s_place(server: Server) -> None:
    with FaultProxy(server.port, Answer(b"HTTP/1.1 200 OK\r\n\r\n", drip=0.001)) as proxy:
        assert ask(proxy, 1000) == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_connection_is_cut_to_the_byte(server: Server) -> None:
    with FaultProxy(server.port, CutAfter(7)) as proxy:
        assert ask(proxy) == REQUEST[:7]


def test_a_reset_is_one(server: Server) -> None:
    with FaultProxy(server.port, Resets()) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy)


@pytest.mark.parametrize("fault", [Silence, HalfOpen])
def test_nothing_comes_of_a_connection_that_is_dead(server: Server, fault: Callable[[], Fault]) -> None:
    with (
        FaultProxy(server.port, fault()) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT) as sock,
    ):
        sock.sendall(REQUEST)
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_a_slow_close_comes_late(server: Server) -> None:
    with (
        FaultProxy(server.port, SlowClose(0.1)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT) as sock,
    ):
        sock.sendall(REQUEST)
        assert sock.recv(65536) == REQUEST
        sock.sendall(b"end")
        assert sock.recv(65536) == b"end"
        began = time.monotonic()
        assert sock.recv(65536) == b""
        assert time.monotonic() - began >= 0.05


def test_a_fault_acts_on_connections_that_are_there(server: Server) -> None:
    with (
        FaultProxy(server.port) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT) as sock,
    ):
        sock.sendall(REQUEST)
        assert sock.recv(65536) == REQUEST
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            sock.recv(65536)


def test_an_expired_certificate_is_shown_while_the_fault_lasts(server: Server, tmp_path: Path) -> None:
    proxy = FaultProxy(server.port)
    trusting = ssl.create_default_context(cafile=str(secured(proxy, tmp_path)))

    def echo() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT) as sock,
            trusting.wrap_socket(sock, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(REQUEST)
            return secure.recv(65536)

    with proxy:
        assert proxy.url.startswith("wss://")
        assert echo() == REQUEST
        proxy.fault = Expired()
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            echo()
        proxy.fault = Fault()
        assert echo() == REQUEST
