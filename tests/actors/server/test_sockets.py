"""The sockets of a server in one thread, step by step, with a house that lets everybody in who says so."""

import selectors
import socket
import zlib
from collections.abc import Iterator

import pytest

from tests.actors.server.visitor import request_of
from websocket_v6.actors.server import sockets as subject
from websocket_v6.actors.server.outlet import Account
from websocket_v6.actors.server.sending import sender_of
from websocket_v6.actors.server.server_client import Client, CutOff, Session, Stage
from websocket_v6.actors.server.sockets import CLOSING, HANDSHAKE, LEFT, Sockets
from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import FrameDecoder, Pong
from websocket_v6.protocol.websocket.outgoing import BINARY, close_frame, frame
from websocket_v6.protocol.websocket.server_handshake import Head, accept, refuse, upgrade


class Heard(Session):
    """Notes what it hears; "cut" is what nobody may say."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def heard(self, message: bytes) -> None:
        if message == b"cut":
            raise CutOff(4000, "nobody says that")
        self.log.append(f"heard {message.decode()}")

    def closed(self, reason: str) -> None:
        self.log.append(f"closed: {reason}")


class House:
    """Lets in who asks for "/in", and decides later about "/later"."""

    def __init__(self, most: int = 10) -> None:
        self.log: list[str] = []
        self.selector = selectors.DefaultSelector()
        self.called: list[int] = []
        self.sockets = Sockets(self.selector, self, None, self.called.append, most)  # type: ignore[arg-type]
        self.account = Account(1 << 30)
        self.inflater: Inflater | None = None
        self.peers: list[socket.socket] = []

    def enter(self, client: Client, head: Head) -> Session | None:
        if head.path == "/later":
            client.stage = Stage.WAITING
            return None
        if head.path != "/in":
            self.sockets.refuse(client, refuse(404), "there is nothing")
            return None
        return self.let_in(client, head)

    def let_in(self, client: Client, head: Head) -> Session:
        self.sockets.admit(client, accept(upgrade(head), subprotocol=None, extensions=None), 1000, self.inflater)
        return Heard(self.log)

    def left(self, client: Client, reason: str) -> None:
        self.log.append(f"left: {reason}")

    def cut(self, client: Client, reason: str) -> None:
        self.log.append(f"cut: {reason}")

    def come(self, *, path: str = "/in") -> tuple[Client, socket.socket]:
        """Have somebody come, and shake hands if there is a path."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.settimeout(10.0)
        self.peers.append(peer)
        client = self.sockets.add(ours, sender_of(ours), self.account, 7)
        assert client is not None
        if path:
            peer.sendall(request_of(path))
            self.turn()
        if path == "/in":
            assert peer.recv(65536).startswith(b"HTTP/1.1 101 ")
        return client, peer

    def turn(self) -> None:
        """See to all that is ready, once."""
        for key, events in self.selector.select(0):
            self.sockets.ready(key.data, events)

    def watched(self, client: Client) -> bool:
        """Whether the selector waits for room to send."""
        return bool(self.selector.get_key(client.sock).events & selectors.EVENT_WRITE)

    def close(self) -> None:
        self.sockets.close()
        self.selector.close()
        for peer in self.peers:
            peer.close()


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


def masked(opcode: int, payload: bytes) -> bytes:
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


def test_each_has_a_number_that_is_never_used_again(house: House) -> None:
    one, _ = house.come(path="")
    house.sockets.gone(one, "")
    other, _ = house.come(path="")
    assert other.number > one.number
    assert house.sockets.get(one.number) is None
    assert [client.number for client in house.sockets] == [other.number]
    house.sockets.ready(one.number, selectors.EVENT_READ | selectors.EVENT_WRITE)
    assert len(house.sockets) == 1


def test_beyond_the_most_nobody_is_taken_in() -> None:
    house = House(most=1)
    house.come()
    ours, peer = socket.socketpair()
    house.peers.append(peer)
    assert house.sockets.add(ours, sender_of(ours), house.account, 7) is None
    assert peer.recv(1) == b""
    house.close()


def test_who_is_not_let_in_makes_room_for_who_comes() -> None:
    """However many say nothing, and come again at once: the one that comes last has time for its handshake."""
    house = House(most=4)
    guest, _ = house.come()
    first, silent = house.come(path="")
    _, refused = house.come(path="/out")
    for _ in range(20):
        house.come(path="")
    assert len(house.sockets) == 4
    assert house.sockets.get(guest.number) is guest
    assert house.sockets.get(first.number) is None
    assert silent.recv(1) == b""
    last, _ = house.come()
    assert house.sockets.get(last.number) is last
    assert len(house.sockets) == 4
    house.close()
    assert refused


def test_messages_are_heard_and_pings_answered(house: House) -> None:
    client, peer = house.come()
    peer.sendall(masked(BINARY, b"one") + masked(9, b"beep") + masked(BINARY, b"two"))
    house.turn()
    assert house.log == ["heard one", "heard two"]
    assert peer.recv(100) == b"\x8a\x04beep"
    assert client.deadline is None


def test_what_a_client_says_is_inflated_in_parts_and_heard_in_order(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read of a kilobyte for each megabyte would be held at once."""
    monkeypatch.setattr(subject, "READ_BYTES", 500)
    client, peer = house.come(path="")
    house.inflater = Inflater()
    peer.sendall(request_of("/in"))
    house.turn()
    peer.recv(65536)
    parts: list[int] = []
    decoder = client.decoder
    assert decoder is not None
    receive = decoder.receive

    def noting(data: bytes) -> list[bytes]:
        parts.append(len(data))
        return receive(data)

    monkeypatch.setattr(decoder, "receive", noting)
    deflate, data = zlib.compressobj(wbits=-15), b""
    for number in range(9):
        payload = deflate.compress(b"%d" % number * 400) + deflate.flush(zlib.Z_SYNC_FLUSH)
        data += masked(BINARY | 0x40, payload[:-4])
    peer.sendall(data + masked(9, b"?"))
    house.turn()
    assert house.log == [f"heard {str(number) * 400}" for number in range(9)]
    assert len(parts) > 4
    assert peer.recv(100) == b"\x8a\x01?"


def test_what_was_said_right_behind_the_handshake_is_heard(house: House) -> None:
    _, peer = house.come(path="")
    peer.sendall(request_of("/in") + masked(BINARY, b"one"))
    house.turn()
    assert house.log == ["heard one"]


def test_who_is_judged_later_may_say_something_but_not_much(house: House) -> None:
    client, peer = house.come(path="/later")
    head = Head("GET", "/in", "", {name.lower(): value for name, value in _headers()})
    peer.sendall(masked(BINARY, b"one"))
    house.turn()
    assert house.log == []
    house.sockets.go_on(client, house.let_in(client, head))
    assert house.log == ["heard one"]
    _, other = house.come(path="/later")
    for _ in range(2):
        other.sendall(bytes(40_000))
        house.turn()
    assert house.log[-1].startswith("left: it does not wait")


def _headers() -> list[tuple[str, str]]:
    lines = request_of("/in").decode().split("\r\n")[1:-2]
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


def test_a_refusal_is_sent_and_then_it_is_over(house: House) -> None:
    client, peer = house.come(path="/elsewhere")
    assert peer.recv(65536).startswith(b"HTTP/1.1 404 ")
    assert peer.recv(1) == b"", "nothing more is sent"
    peer.sendall(masked(BINARY, b"ignored"))
    house.turn()
    assert (house.log, client.stage) == (["left: there is nothing"], Stage.CLOSING)
    peer.close()
    house.turn()
    assert len(house.sockets) == 0


@pytest.mark.parametrize(
    ("said", "close", "log"),
    [
        (masked(BINARY, b"cut"), close_frame(4000, "nobody says that"), "cut: nobody says that"),
        (b"\x82\x01x", None, "cut:"),
        (masked(8, b"\x0f\xa0bye"), close_frame(4000), "left: bye"),
        (masked(8, b""), close_frame(1000), f"left: {LEFT}"),
    ],
)
def test_the_last_frame_tells_why(house: House, said: bytes, close: bytes | None, log: str) -> None:
    _, peer = house.come()
    peer.sendall(masked(BINARY, b"one") + said + masked(BINARY, b"behind it"))
    house.turn()
    last = peer.recv(1000)
    assert close is None or last == close
    assert last[0] == 0x88
    assert peer.recv(1) == b""
    assert house.log[0] == "heard one"
    assert any(one.startswith(log) for one in house.log)
    assert "heard behind it" not in house.log
    assert len([one for one in house.log if one.startswith("closed")]) == 1


def test_who_hangs_up_is_gone_and_its_session_hears_it_once(house: House) -> None:
    client, peer = house.come()
    peer.close()
    house.turn()
    assert house.log == [f"closed: {LEFT}", f"left: {LEFT}"]
    assert client.sock.fileno() == -1
    house.sockets.gone(client, "again")
    assert len(house.log) == 2


def test_room_to_send_is_waited_for_only_by_who_is_behind(house: House) -> None:
    client, peer = house.come()
    assert not house.watched(client)
    big = frame(BINARY, b"x" * 3_000_000)
    client.outlet.put(big)
    assert house.called == [client.number]
    house.sockets.send_on(client)
    assert house.watched(client)
    received = b""
    while len(received) < len(big):
        received += peer.recv(1 << 20)
        house.turn()
    assert received == big
    assert not house.watched(client)


def test_what_is_held_is_neither_sent_nor_waited_for(house: House) -> None:
    client, peer = house.come()
    house.sockets.hold(is_held=True)
    client.outlet.put(frame(BINARY, b"one"))
    house.sockets.send_on(client)
    peer.sendall(masked(9, b"beep"))
    house.turn()
    assert not house.watched(client), "it would always be ready"
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)
    house.sockets.hold(is_held=False)
    peer.settimeout(10.0)
    assert sorted(_frames(peer.recv(100))) == [b"beep", b"one"]


def _frames(data: bytes) -> list[bytes]:
    decoder = FrameDecoder()
    messages = decoder.receive(data)
    pongs = [one.payload for one in decoder.controls if isinstance(one, Pong)]
    return messages + pongs


def test_who_takes_too_long_is_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(subject, "clock", lambda: now)
    silent, _ = house.come(path="")
    opened, peer = house.come()
    house.sockets.look(now + HANDSHAKE)
    assert len(house.sockets) == 2
    house.sockets.look(now + HANDSHAKE + 0.1)
    assert [one.number for one in house.sockets] == [opened.number]
    assert silent.sock.fileno() == -1
    house.sockets.finish(opened, close_frame(1001), "bye")
    house.sockets.finish(opened, close_frame(1002), "again")
    house.sockets.linger(opened, close_frame(1003), "again")
    assert peer.recv(100) == close_frame(1001)
    house.sockets.look(now + CLOSING)
    assert len(house.sockets) == 1
    house.sockets.look(now + CLOSING + 0.1)
    assert len(house.sockets) == 0
    assert house.log.count("closed: bye") == 1


def test_who_lingers_gets_what_waits_first(house: House) -> None:
    client, peer = house.come()
    client.outlet.put(frame(BINARY, b"one"), may_send=False)
    house.sockets.linger(client, close_frame(1001), "bye")
    assert peer.recv(100) == frame(BINARY, b"one") + close_frame(1001)


def test_a_child_s_copies_are_closed_without_a_word(house: House) -> None:
    _, peer = house.come()
    copies = [client.sock.dup() for client in house.sockets]
    house.sockets.abandon()
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)
    for copy in copies:
        copy.close()
