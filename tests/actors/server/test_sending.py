"""Sends as a socket does, and keeps the interpreter's lock meanwhile."""

import socket
import sys

import pytest

from websocket_v6.actors.server import sending as subject
from websocket_v6.actors.server.sending import Send, sender_of


@pytest.fixture(params=["ctypes", "socket"])
def is_native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "socket":
        monkeypatch.setattr(subject, "_send", None)
    elif subject._send is None:
        pytest.skip("there is no such call here")


def sender(sock: socket.socket) -> Send:
    sock.setblocking(False)
    return sender_of(sock)


@pytest.mark.usefixtures("is_native")
def test_it_sends_what_fits_and_says_how_much_that_was() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        send = sender(ours)
        assert send(b"\x00one\x00") == 5
        assert peer.recv(100) == b"\x00one\x00", "also what C would take for the end of a text"
        sent = send(b"x" * 10_000_000)
        assert 0 < sent < 10_000_000
        with pytest.raises(BlockingIOError):
            send(b"y")
        received = 0
        while received < sent:
            received += len(peer.recv(1 << 20))
        assert send(b"z") == 1


@pytest.mark.usefixtures("is_native")
def test_who_has_hung_up_is_an_error_and_no_signal() -> None:
    ours, peer = socket.socketpair()
    with ours:
        peer.close()
        with pytest.raises(OSError, match=r"[Bb]roken pipe|reset") as found:
            sender(ours)(b"x")
        assert not isinstance(found.value, BlockingIOError)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a socket's own send is good enough")
def test_linux_has_the_call() -> None:
    assert subject._send is not None
