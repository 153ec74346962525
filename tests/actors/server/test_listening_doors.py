"""The socket that a server listens on, and who comes to it."""

import os
import resource
import socket
import sys
from pathlib import Path

import pytest

from websocket_v6.actors.server.listening import AT_ONCE, Listener, most_clients, peer_of

TIMEOUT = 20.0


def connect(listener: Listener) -> socket.socket:
    sock = socket.socket(listener.socket.family)
    sock.settimeout(TIMEOUT)
    host, _, port = listener.address.rpartition(":")
    sock.connect((host, int(port)) if host else listener.address)
    return sock


def close(*socks: socket.socket) -> None:
    for sock in socks:
        sock.close()


@pytest.fixture(params=["path", "loopback"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "door") if request.param == "path" else "127.0.0.1:0"


def test_it_takes_in_who_has_come_and_waits_for_nobody(address: str) -> None:
    listener = Listener(address)
    assert listener.accept() == []
    visitor = connect(listener)
    (sock,) = listener.accept()
    assert not sock.getblocking()
    visitor.send(b"x")
    sock.setblocking(True)
    assert sock.recv(1) == b"x"
    close(sock, visitor)
    listener.close()


def test_it_takes_in_a_few_at_a_time(address: str) -> None:
    listener = Listener(address)
    visitors = [connect(listener) for _ in range(AT_ONCE + 3)]
    first = listener.accept()
    second = listener.accept()
    assert (len(first), len(second)) == (AT_ONCE, 3)
    close(*visitors, *first, *second)
    listener.close()


def test_any_port_is_one_that_is_named() -> None:
    one, other = Listener("127.0.0.1:0"), Listener("127.0.0.1:0")
    assert one.address != other.address
    assert one.address == f"127.0.0.1:{one.port}"
    with pytest.raises(OSError, match="in use"):
        Listener(one.address)
    one.close()
    other.close()


def test_its_file_is_there_as_long_as_it_listens(tmp_path: Path) -> None:
    path = tmp_path / "door"
    listener = Listener(str(path))
    assert path.is_socket()
    with pytest.raises(OSError, match="in use"):
        Listener(str(path))
    assert path.is_socket(), "who could not listen takes nothing away"
    listener.close()
    assert not path.exists()
    listener.close()


def test_a_child_that_abandons_it_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "door"
    listener = Listener(str(path))
    copy = listener.socket.dup()
    listener.abandon()
    assert path.is_socket()
    copy.close()
    listener.close()


def test_whose_path_is_too_long_cannot_listen(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        Listener(str(tmp_path / ("x" * 200)))


def test_without_a_descriptor_left_who_waits_is_hung_up_on(tmp_path: Path) -> None:
    """Else the listener would be ready for ever, and the server never sleep."""
    listener = Listener(str(tmp_path / "door"))
    visitors = [connect(listener) for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 3, hard))
    try:
        while True:
            try:
                taken.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        for _ in visitors:
            assert listener.accept() == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)
    for visitor in visitors:
        assert visitor.recv(1) == b""
    again = connect(listener)
    (sock,) = listener.accept()
    close(again, sock, *visitors)
    listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the folder alone keeps others out")
def test_the_system_tells_who_came(tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "door"))
    visitor = connect(listener)
    (sock,) = listener.accept()
    assert peer_of(sock) == (os.getpid(), os.getuid())
    close(visitor, sock)
    listener.close()


def test_of_loopback_nobody_tells() -> None:
    with socket.socket() as sock:
        assert peer_of(sock) is None


@pytest.mark.parametrize(("limit", "most"), [(1024, 512), (10, 16), (1_000_000, 500_000)])
def test_half_of_the_descriptors_may_be_clients(limit: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert most_clients() == most
