"""Pipes between two actors, and peers that do not play by the rules."""

import os
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import RemoteProtocolError, TransportError
from websocket_v6.actors.base import Actor, stop_and_join
from websocket_v6.actors.membership.gateway import Gateway, GuestCame
from websocket_v6.actors.membership.pipe import CHUNK, Pipe, PipeClosed, PipeOpened, PipeSaid, as_guest, as_host

KEY = b"k" * 32


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class Side:
    """One end of a pipe, and what its owner is told."""

    def __init__(
        self,
        connect: Callable[[], Any],
        challenge: Callable[[Any], object],
        max_bytes: int = 1 << 20,
        *,
        hears_little: bool = False,
    ) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ref = Note.start(self.told)
        self.pipe = Pipe("pipe", connect, challenge, self.ref, lambda data: data, max_bytes, hears_little=hears_little)
        self.pipe.start()

    def hears(self) -> Any:
        return self.told.get(timeout=10)

    def ended(self) -> Exception:
        while not isinstance(told := self.hears(), PipeClosed):
            pass
        self.pipe.close()
        return told.error

    def close(self) -> None:
        self.pipe.finish()
        self.pipe.join(10)
        assert not self.pipe.is_alive()
        self.pipe.close()
        stop_and_join(self.ref, 5)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Any]:
    with Listener(str(tmp_path / "p.sock"), backlog=4) as one:
        yield one


@pytest.fixture
def sides(listener: Any) -> Iterator[Callable[..., Side]]:
    """Make an end of a pipe, and close it in the end."""
    made: list[Side] = []

    def make(*args: Any, **options: Any) -> Side:
        made.append(Side(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def connected(listener: Any, sides: Callable[..., Side], guest_key: bytes = KEY, **options: Any) -> tuple[Side, Side]:
    guest = sides(lambda: Client(listener.address), as_guest(guest_key))
    connection = listener.accept()
    return sides(lambda: connection, as_host(KEY), **options), guest


def test_both_sides_hear_each_other(listener: Any, sides: Callable[..., Side]) -> None:
    host, guest = connected(listener, sides)
    assert isinstance(host.hears(), PipeOpened)
    assert isinstance(guest.hears(), PipeOpened)
    assert host.pipe.send(b"to guest")
    assert guest.pipe.send(b"to host")
    assert host.hears() == PipeSaid(host.pipe, b"to host")
    assert guest.hears() == PipeSaid(guest.pipe, b"to guest")
    guest.pipe.finish()
    assert "hung up" in str(host.ended())
    assert isinstance(guest.ended(), TransportError)


def test_who_hears_little_hears_it_all_the_same(listener: Any, sides: Callable[..., Side]) -> None:
    host, guest = connected(listener, sides, hears_little=True)
    assert isinstance(host.hears(), PipeOpened)
    assert isinstance(guest.hears(), PipeOpened)
    for number in range(100):
        assert guest.pipe.send(b"%d" % number)
    for number in range(100):
        assert host.hears() == PipeSaid(host.pipe, b"%d" % number)
        host.pipe.heard()
    guest.pipe.finish()
    assert "hung up" in str(host.ended())


def test_a_wrong_key_is_no_key(listener: Any, sides: Callable[..., Side]) -> None:
    host, guest = connected(listener, sides, guest_key=b"x" * 32)
    assert "does not know the key" in str(host.ended())
    assert "key" in str(guest.ended())


def test_an_answer_overheard_is_worth_nothing(listener: Any, sides: Callable[..., Side]) -> None:
    overheard: list[bytes] = []

    def listen_in(connection: Any) -> None:
        receive, send = connection.recv_bytes, connection.send_bytes

        class Tapped:
            def recv_bytes(self, limit: int) -> bytes:
                return bytes(receive(limit))

            def send_bytes(self, data: bytes) -> None:
                overheard.append(data)
                send(data)

        as_guest(KEY)(Tapped())  # type: ignore[arg-type]

    guest = sides(lambda: Client(listener.address), listen_in)
    connection = listener.accept()
    host = sides(lambda: connection, as_host(KEY))
    assert isinstance(host.hears(), PipeOpened)
    assert isinstance(guest.hears(), PipeOpened)

    replayer = Client(listener.address)
    connection_2 = listener.accept()
    second = sides(lambda: connection_2, as_host(KEY))
    replayer.recv_bytes(256)
    replayer.send_bytes(overheard[0])
    assert isinstance(second.ended(), TransportError)
    replayer.close()


def raw(listener: Any) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(listener.address)
    return peer


@pytest.mark.parametrize(
    "prefix",
    [
        struct.pack("!i", 2**31 - 1),
        struct.pack("!i", -1) + struct.pack("!Q", 2**63),
        struct.pack("!i", 257) + b"x" * 257,
    ],
    ids=["two gigabytes", "the most there is", "a byte too many"],
)
def test_a_huge_message_before_the_key_is_refused(listener: Any, sides: Callable[..., Side], prefix: bytes) -> None:
    peer = raw(listener)
    connection = listener.accept()
    host = sides(lambda: connection, as_host(KEY))
    peer.sendall(prefix)
    assert isinstance(host.ended(), RemoteProtocolError)
    peer.close()


def test_a_huge_message_is_refused_unread(listener: Any, sides: Callable[..., Side]) -> None:
    host, guest = connected(listener, sides, max_bytes=1000)
    assert isinstance(host.hears(), PipeOpened)
    assert isinstance(guest.hears(), PipeOpened)
    guest.pipe.send(b"x" * 1001)
    assert isinstance(host.ended(), RemoteProtocolError)


@pytest.mark.parametrize(
    "greeting", [b"", b"\0\0\0\4", b"\0\0\0\x04nope"], ids=["silent", "half a message", "nonsense"]
)
def test_a_peer_that_stalls_can_be_ended(listener: Any, sides: Callable[..., Side], greeting: bytes) -> None:
    peer = raw(listener)
    connection = listener.accept()
    host = sides(lambda: connection, as_host(KEY))
    peer.sendall(greeting)
    wait_until(lambda: host.pipe._second is not None, "the pipe at its challenge")
    host.pipe.finish()
    assert host.ended() is not None
    peer.close()


@pytest.mark.parametrize("size", [CHUNK, 600, 1])
def test_sending_never_waits_for_who_does_not_read(listener: Any, sides: Callable[..., Side], size: int) -> None:
    peer = Client(listener.address)
    connection = listener.accept()
    host = sides(lambda: connection, as_host(KEY))
    as_guest(KEY)(peer)
    assert isinstance(host.hears(), PipeOpened)
    chunk = os.urandom(size)
    sent = 0
    sender = threading.Thread(target=lambda: fill(), daemon=True)

    def fill() -> None:
        nonlocal sent
        while host.pipe.send(chunk):
            sent += 1

    sender.start()
    sender.join(10)
    assert not sender.is_alive(), "it came back without any reader"
    assert sent >= 1
    for _ in range(sent):
        assert peer.recv_bytes() == chunk, "whole messages only"
    wait_until(lambda: host.pipe.send(b"more"), "room again")
    peer.close()
    assert host.ended() is not None
    assert host.pipe.send(b"into the void"), "a broken pipe takes everything"


def test_a_gateway_lets_in_whoever_comes_until_it_closes(tmp_path: Path) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    owner = Note.start(told)
    address = str(tmp_path / "g.sock")
    gateway = Gateway(address, owner)
    gateway.start()
    for _ in range(3):
        with Client(address):
            came = told.get(timeout=10)
            assert isinstance(came, GuestCame)
            came.connection.close()
    gateway.close()
    assert not gateway.is_alive()
    assert not Path(address).exists()
    stop_and_join(owner, 5)
