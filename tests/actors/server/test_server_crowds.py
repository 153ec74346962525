"""Crowds and giants at the door of this machine's processes: who belongs there is served as before."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.server.visitor import House, request_of
from tests.conftest import wait_until
from websocket_v6.actors.messages.server import MemberGone, MemberSaid
from websocket_v6.actors.server import base_server, sockets
from websocket_v6.actors.server.listening import most_clients
from websocket_v6.protocol.connection.door import MEMBER_PATH

GIB = 1024 * 1024 * 1024


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(str(tmp_path / "door")) as house:
        yield house


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def silent(house: House) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)  # blocking: a full backlog is waited for
    try:
        sock.connect(house.address)
    except OSError:
        sock.close()
        raise
    return sock


def test_those_who_say_nothing_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They held all places for as long as a handshake may take, and came again at once."""
    monkeypatch.setattr(base_server, "most_clients", lambda: 8)
    monkeypatch.setattr(sockets, "HANDSHAKE", 60.0)
    with House(str(tmp_path / "door")) as house, contextlib.ExitStack() as stack:
        member, _ = house.member()
        for _ in range(40):
            stack.enter_context(silent(house))
        guest = house.guest()
        for _ in range(40):
            stack.enter_context(silent(house))
        other, _ = house.member("other")
        for one in (member, other):
            one.say(b"still there")
            assert house.hear(MemberSaid).data == b"still there"
        assert guest.hears_nothing(0.01)
        assert len(house.health().members) == 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors")
def test_quick_connects_leave_no_descriptors(tmp_path: Path) -> None:
    """Thousands in a row, of all kinds: what waits to be seen to is bounded all the time."""
    with House(str(tmp_path / "door")) as house:
        member, _ = house.member()
        before = most = descriptors()
        for number in range(3_000):
            with silent(house) as sock, contextlib.suppress(OSError):
                if number % 3 == 1:
                    sock.sendall(request_of(MEMBER_PATH))
                if number % 3 == 2:
                    sock.sendall(b"garbage\r\n\r\n")
            if number % 100 == 0:
                most = max(most, descriptors())
        house.health()
        assert most < before + most_clients() + 50
        wait_until(lambda: descriptors() <= before, "all descriptors to be closed")
        member.say(b"still there")
        wait_until(lambda: b"still there" in [getattr(one, "data", b"") for one in house.owner.heard()], "its word")


@pytest.mark.parametrize(("size", "is_fragment"), [(GIB, False), (GIB, True), (2**62, False)])
def test_a_message_of_a_gigabyte_is_refused_when_it_is_announced(house: House, size: int, is_fragment: bool) -> None:
    other, _ = house.member("other")
    bad, number = house.member("bad")
    bad.sock.sendall(struct.pack(">BBQ", 0x02 if is_fragment else 0x82, 0xFF, size) + bytes(4))
    assert bad.closing()[0] == 1009
    assert house.hear(MemberGone).client == number
    other.say(b"still there")
    assert house.hear(MemberSaid).data == b"still there"
