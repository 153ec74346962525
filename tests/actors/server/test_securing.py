"""actors/server/securing.py: TLS or a closed socket, whatever the client did meanwhile."""

import socket
import ssl
import struct

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.server.securing import secured


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=5.0)
        sock, _ = listener.accept()
    sock.setblocking(False)
    return client, sock


def has_no_peer(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return True
    return False


def test_the_handshake_is_still_to_be_done(pair: tuple[socket.socket, socket.socket]) -> None:
    client, sock = pair
    secure = secured(sock, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with client, secure:
        assert sock.fileno() == -1, "it is taken over"
        assert secure.getpeername() == client.getsockname()
        with pytest.raises(ssl.SSLWantReadError):
            secure.do_handshake()


@pytest.mark.parametrize("data", [b"", b"\x16\x03"])
def test_one_that_is_reset_is_closed(pair: tuple[socket.socket, socket.socket], data: bytes) -> None:
    client, sock = pair
    client.sendall(data)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: has_no_peer(sock))
    number = sock.fileno()
    with pytest.raises(ConnectionResetError):
        secured(sock, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with pytest.raises(OSError):
        socket.socket(fileno=number).detach()
