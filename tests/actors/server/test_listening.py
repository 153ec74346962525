"""actors/server/listening.py: where it is listened."""

import socket
import struct
from pathlib import Path

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.server.listening import Listener, most_clients, peer_of


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def accept(listener: Listener) -> socket.socket:
    found: list[socket.socket] = []

    def has_come() -> bool:
        found.extend(listener.accept())
        return bool(found)

    wait_until(has_come, "somebody to come")
    return found[0]


def visit(host: str, port: int, listener: Listener) -> tuple[str, str]:
    """Connect; return whence one has come and whither, as the listener sees it."""
    with socket.create_connection((host, port), timeout=10), accept(listener) as sock:
        assert not sock.getblocking()
        return sock.getpeername()[0], sock.getsockname()[0]


@pytest.mark.parametrize("address", ["127.0.0.1:0", pytest.param("[::1]:0", marks=needs_ipv6)])
def test_it_says_where_it_listens(address: str) -> None:
    listener = Listener(address)
    host = address.rpartition(":")[0]
    assert listener.port
    assert listener.address == f"{host}:{listener.port}"
    plain = host.strip("[]")
    assert visit(plain, listener.port, listener) == (plain, plain)
    listener.close()


@needs_ipv6
def test_at_all_addresses_both_families_come() -> None:
    listener = Listener("[::]:0")
    assert visit("::1", listener.port, listener) == ("::1", "::1")
    assert visit("127.0.0.1", listener.port, listener) == ("::ffff:127.0.0.1", "::ffff:127.0.0.1")
    listener.close()


def test_a_port_is_anothers_but_free_again_at_once() -> None:
    listener = Listener("127.0.0.1:0")
    with pytest.raises(OSError, match="in use"):
        Listener(listener.address)
    with socket.create_connection(("127.0.0.1", listener.port)) as sock:
        accept(listener).close()
        listener.close()  # the connection that it closed first waits in the system for a minute
        assert sock.recv(1) == b""
    again = Listener(listener.address)
    assert again.address == listener.address
    again.close()


@pytest.mark.parametrize("address", ["127.0.0.1:nonsense", "[nonsense]:80", "no such host:80"])
def test_what_is_no_address_is_an_error(address: str) -> None:
    with pytest.raises((OSError, ValueError)):
        Listener(address)


def test_a_path_is_gone_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "door"
    listener = Listener(str(path))
    assert (listener.address, listener.port) == (str(path), 0)
    assert path.exists()
    listener.close()
    assert not path.exists()


def test_who_hangs_up_at_once_is_no_error() -> None:
    listener = Listener("127.0.0.1:0")
    sock = socket.create_connection(("127.0.0.1", listener.port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    for one in listener.accept():
        assert peer_of(one) is None
        one.close()
    listener.close()


def test_some_may_come_at_least() -> None:
    assert most_clients() >= 16
