"""Which doors open, which do not and why, and that none is waited for beyond the deadline."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import websocket

from tests.actors.played_door import PlayedDoor, raw_door
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.protocol.connection.door import OTHER_KEYS, Door, DoorError, DoorProblem

LONG = 10.0
SHORT = 0.2


def attempt(door: Door, timeout: float = LONG, path: str = "/websocket-v6") -> DoorError:
    """Return why the door did not open."""
    ws = websocket.WebSocket()
    with pytest.raises(DoorError) as caught:
        open_door(ws, door, path, timeout=timeout)
    assert ws.sock is None
    assert door.key.hex() not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("is_path", [True, False])
def test_a_door_opens_for_who_has_the_key(tmp_path: Path, is_path: bool) -> None:
    with PlayedDoor(tmp_path / "door" if is_path else None) as played:
        ws = websocket.WebSocket()
        door = msgspec.structs.replace(played.door, member="abc")
        answer = open_door(ws, door, "/websocket/v1", timeout=LONG, headers={"X-More": "1"})
        assert answer["x-v6-term"] == "1"
        assert ws.sock is not None
        assert ws.sock.getblocking() is False
        request = played.requests[0]
        assert request.path == "/websocket/v1"
        assert (request.headers["X-V6-Member"], request.headers["X-More"]) == ("abc", "1")
        assert "Origin" not in request.headers
        connection = played.came.get(timeout=LONG)
        ws.sock.setblocking(True)
        connection.send("x" * 100_000)
        assert ws.recv() == "x" * 100_000, "the bound was the answer's"
        ws.send("hello")
        assert played.said.get(timeout=LONG) == "hello"
        ws.shutdown()  # type: ignore[no-untyped-call]


def test_each_attempt_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    with PlayedDoor(tmp_path / "door") as played:
        for _ in range(2):
            ws = websocket.WebSocket()
            open_door(ws, played.door, "/", timeout=LONG)
            ws.shutdown()  # type: ignore[no-untyped-call]
        one, other = (request.headers["X-V6-Nonce"] for request in played.requests)
        assert one != other


def test_nobody_there(tmp_path: Path) -> None:
    door = Door(str(tmp_path / "door"), b"k", 1)
    assert attempt(door).problem is DoorProblem.GONE
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(door.address)  # as one that was killed leaves it
    assert attempt(door).problem is DoorProblem.GONE
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert (
            attempt(msgspec.structs.replace(door, address=f"127.0.0.1:{sock.getsockname()[1]}")).problem
            is DoorProblem.GONE
        )
    for address in ("nonsense", "127.0.0.1:x", "127.0.0.1:99999999", "/" + "x" * 200):
        assert attempt(msgspec.structs.replace(door, address=address)).problem in (
            DoorProblem.GONE,
            DoorProblem.REFUSED,
        )


def test_a_full_backlog_is_waited_for_no_longer_than_the_deadline(tmp_path: Path) -> None:
    path, waiting = tmp_path / "door", []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(3):
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(str(path))
            waiting.append(sock)
        begin = time.monotonic()
        error = attempt(Door(str(path), b"k", 1, pid=4711), SHORT)
        for sock in waiting:
            sock.close()
    assert error.problem is DoorProblem.SILENT
    assert "kill -CONT 4711" in str(error)
    assert SHORT * 0.9 <= time.monotonic() - begin < SHORT + 5


def drip(sock: socket.socket) -> None:
    """Say one byte after the other, and never come to an end."""
    with contextlib.suppress(OSError):
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nX-A: ")
        deadline = time.monotonic() + LONG
        sock.settimeout(0.02)
        while time.monotonic() < deadline:
            sock.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                if sock.recv(1) == b"":
                    return


def say_nothing(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


@pytest.mark.parametrize("play", [drip, say_nothing])
def test_an_answer_is_waited_for_no_longer_than_the_deadline(
    tmp_path: Path, play: Callable[[socket.socket], None]
) -> None:
    with raw_door(tmp_path / "door", play) as door:
        begin = time.monotonic()
        assert attempt(door, SHORT).problem is DoorProblem.SILENT
        assert time.monotonic() - begin < SHORT + 5


def says(text: str) -> Callable[[socket.socket], None]:
    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        with contextlib.suppress(OSError):
            sock.sendall(text.replace("\n", "\r\n").encode())
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass

    return play


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", DoorProblem.GONE),
        ("HTTP/1.1 101 Switching", DoorProblem.GONE),
        ("SSH-2.0-OpenSSH\n\n", DoorProblem.STRANGER),
        ("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n", DoorProblem.STRANGER),
        ("HTTP/1.1 302 Found\nLocation: ws://127.0.0.1:1/\n\n", DoorProblem.REFUSED),
        ("HTTP/1.1 404 Not Found\nContent-Length: x\n\n", DoorProblem.REFUSED),
        ("HTTP/1.1 500 Oh\nContent-Length: 99999999\n\n" + "x" * 100_000, DoorProblem.REFUSED),
        ("HTTP/1.1 101 Oh\nX: " + "x" * 100_000, DoorProblem.STRANGER),
        ("HTTP/1.1 503 Service Unavailable\nContent-Length: 0\n\n", DoorProblem.REFUSED),
    ],
)
def test_who_is_no_host_is_not_believed(tmp_path: Path, answer: str, problem: DoorProblem) -> None:
    with raw_door(tmp_path / "door", says(answer)) as door:
        assert attempt(door).problem is problem


def test_who_has_another_key_is_no_host(tmp_path: Path) -> None:
    with PlayedDoor(tmp_path / "door") as played:
        assert attempt(msgspec.structs.replace(played.door, key=b"other")).status == 401
        assert attempt(msgspec.structs.replace(played.door, term=2)).problem is DoorProblem.STRANGER


def test_a_door_says_what_it_does_not_serve(tmp_path: Path) -> None:
    with PlayedDoor(tmp_path / "door", status=403) as played:
        error = attempt(played.door)
        assert (error.problem, error.status, error.is_other_keys) == (DoorProblem.REFUSED, 403, False)
        played.extra = {OTHER_KEYS: "1"}
        assert attempt(played.door).is_other_keys
        played.status, played.extra = 426, {"Sec-WebSocket-Protocol": "v6.9"}
        error = attempt(played.door)
        assert error.problem is DoorProblem.VERSION
        assert re.search(r"v6\.9.*same release", str(error))


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the system says nothing of who listens")
def test_a_door_of_another_user_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PlayedDoor(tmp_path / "door") as played:
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert attempt(played.door).problem is DoorProblem.STRANGER
