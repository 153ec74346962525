"""Whatever the socket or a library raises while a connection is open ends it, in words, and is no bug of ours."""

import errno
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.actors.connection.peer import Meeting, binary, until_hung_up
from tests.foreign_errors import FOREIGN, made
from websocket_v6.actors.connection import waiter
from websocket_v6.actors.connection.opening import socket_of
from websocket_v6.actors.connection.writer import Writer
from websocket_v6.actors.dialing.boundary import PEER_MAY_CAUSE
from websocket_v6.actors.messages.connection import TransportEnded, TransportFailed
from websocket_v6.actors.messages.router import SourceEnded
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.websocket.frames import FrameDecoder

IDS: Callable[[type], str] = lambda kind: f"{kind.__module__}.{kind.__qualname__}"  # noqa: E731
# One of each family: each opens a connection, and the walk through all of them is `test_opening_bounds.py`'s.
SOME = [kind for kind in FOREIGN if kind.__module__ in ("builtins", "websocket._exceptions", "ssl", "zlib", "msgspec")]
# How a socket that does not block says that there is nothing to read.
NOTHING_TO_READ = ("BlockingIOError", "SSLWantReadError", "SSLWantWriteError")


def end_of(meeting: Meeting) -> TransportEnded:
    with meeting:
        _, (_, ended) = meeting.end()
    assert isinstance(ended, TransportEnded)
    return ended


class Failing:
    """As far as reading goes, a socket that fails."""

    def __init__(self, sock: socket.socket, error: Exception) -> None:
        self._sock = sock
        self._error = error

    def recv_into(self, _: object) -> int:
        raise self._error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.mark.parametrize("kind", [kind for kind in SOME if kind.__name__ not in NOTHING_TO_READ], ids=IDS)
def test_whatever_reading_raises_is_a_connection_lost(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    name = "websocket_v6.actors.connection.transport.socket_of"
    monkeypatch.setattr(name, lambda ws: Failing(socket_of(ws), made(kind)))
    monkeypatch.setattr(waiter.Waiter, "watch", lambda *_: None)
    ended = end_of(Meeting(then=until_hung_up))
    assert not ended.is_bug
    assert isinstance(ended.error, TransportError)
    assert str(ended.error).startswith("public connection lost: ")


@pytest.mark.parametrize("kind", PEER_MAY_CAUSE, ids=IDS)
def test_whatever_a_peer_may_cause_by_what_it_sends_is_no_bug(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[bytes]:
        raise made(kind)

    monkeypatch.setattr(FrameDecoder, "receive", fail)
    ended = end_of(Meeting(then=lambda sock: sock.sendall(binary(b"{}"))))
    assert not ended.is_bug
    assert str(ended.error).startswith("public connection lost: ")


@pytest.mark.parametrize("kind", SOME, ids=IDS)
def test_whatever_sending_raises_is_a_connection_lost(kind: type[Exception]) -> None:
    class Ws:
        sock = socket.socket()

        def send_frame(self, _: object) -> None:
            raise made(kind)

    ws: Any = Ws()
    with ws.sock, pytest.raises(TransportError, match="^info connection lost: "):  # noqa: RUF043
        Writer("info connection").frame(ws, 1, b"x")


def test_a_bug_of_ours_is_still_told_as_one(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> list[bytes]:
        raise AttributeError("no such thing")

    monkeypatch.setattr(FrameDecoder, "receive", fail)
    assert end_of(Meeting(then=lambda sock: sock.sendall(binary(b"{}")))).is_bug
    assert "this is a bug" in caplog.text


def test_without_descriptors_for_a_moment_there_is_no_connection_and_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("socket.socketpair", none)
    meeting = Meeting()
    try:
        with meeting:
            _, (failed,) = meeting.end()
            meeting.peer.close()
    finally:
        monkeypatch.undo()
    assert isinstance(failed, TransportFailed)
    assert isinstance(failed.error, WebSocketV6Error)
    assert str(failed.error) == "no public connection: Too many open files"


def test_without_a_thread_for_a_moment_there_is_no_connection_and_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    meeting = Meeting()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        meeting.transport.start()
    try:
        (ended,), (failed,) = meeting.end()
    finally:
        meeting.close()
    assert isinstance(ended, SourceEnded), "the router forgets the attachment"
    assert isinstance(failed, TransportFailed)
    assert str(failed.error) == "no public connection: RuntimeError: can't start new thread"
