"""A member socket: who welcomes, what is heard, how it ends, and that nothing is told of one that was closed."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from tests.actors.ear import Ear
from tests.actors.played_door import PlayedDoor, raw_door
from tests.conftest import wait_until
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.membership import member_socket
from websocket_v6.actors.membership.member_socket import MemberEnded, MemberHeard, MemberOpened, MemberSocket
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.membership import words

SETTINGS = words.Settings(1, False, None, "SIMPLE")
HELLO = words.Hello("bot.py", 4712, SETTINGS)
WELCOME = words.Welcome(4711, "serve", False, "m" * 32, b"c" * 32, 1)
SHORT = 0.2


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedDoor]:
    with PlayedDoor(tmp_path / "door") as door:
        yield door


def welcome(connection: ServerConnection) -> None:
    connection.send(words.encode(WELCOME))


@contextlib.contextmanager
def opened(door: Door, **options: Any) -> Iterator[tuple[MemberSocket, Ear]]:
    ear = Ear()
    one = MemberSocket(number=7, door=door, hello=HELLO, owner=ear.ref, **options)
    one.start()
    yield one, ear
    one.close()
    one.join(10)
    assert not one.is_alive()


def test_a_process_is_welcomed(played: PlayedDoor) -> None:
    played.greeting = welcome
    begin = clock()
    with opened(played.door) as (one, ear):
        assert ear.hear() == MemberOpened(7, WELCOME)
        assert one.heard_at is not None
        assert begin <= one.heard_at <= clock()
        assert played.requests[0].path == "/websocket-v6"
        assert words.decode_from_guest(played.said.get(timeout=10)) == HELLO
        connection = played.came.get(timeout=10)
        connection.send(words.encode(words.BeHost(3)))
        connection.send(words.encode(words.Moved("/x", b"k", 2)))
        assert [ear.hear(), ear.hear()] == [
            MemberHeard(7, words.BeHost(3)),
            MemberHeard(7, words.Moved("/x", b"k", 2)),
        ]
        one.say(words.LetMeHost())
        one.say(words.Ready(3, "/y", b"k"))
        said = [words.decode_from_guest(played.said.get(timeout=10)) for _ in range(2)]
        assert said == [words.LetMeHost(), words.Ready(3, "/y", b"k")]
    assert ear.heard() == [], "it was closed on this side, and nothing is told of that"
    assert played.said.get(timeout=10) is None


def test_pings_go_and_come(played: PlayedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_socket, "PING_INTERVAL", 0.05)
    played.greeting = welcome
    with opened(played.door) as (one, ear):
        ear.hear()
        connection = played.came.get(timeout=10)
        assert connection.ping("x").wait(10), "a ping is answered"
        before = one.heard_at
        wait_until(lambda: (one.heard_at or 0) > (before or 0), "its own pings answered")


@pytest.mark.parametrize(
    ("end", "code", "is_final", "text"),
    [
        (lambda one: one.close(4001, "another is the host"), 4001, False, "4001 another is the host"),
        (lambda one: one.close(), 1000, False, "1000"),
        (lambda one: one.socket.shutdown(socket.SHUT_RDWR), 0, False, "hung up"),
        (lambda one: one.send(words.encode(words.Goodbye("too many", True))), 0, False, "too many"),
        (lambda one: one.send(words.encode(words.Goodbye("never", False))), 0, True, "never"),
        (lambda one: one.send("text"), 0, False, "sent text"),
        (lambda one: one.send(b"\xc1"), 0, False, "no word"),
        (lambda one: one.send(b"x" * (words.MAX_WORD + 1)), 0, False, "bad frame"),
    ],
)
def test_how_it_ends(
    played: PlayedDoor, end: Callable[[ServerConnection], None], code: int, is_final: bool, text: str
) -> None:
    played.greeting = welcome
    with opened(played.door) as (_, ear):
        ear.hear()
        end(played.came.get(timeout=10))
        ended = ear.hear()
        assert isinstance(ended, MemberEnded)
        assert (ended.number, ended.code, ended.is_final, ended.is_gone, ended.is_hung) == (
            7,
            code,
            is_final,
            False,
            False,
        )
        assert text in str(ended.error)
        assert ended.error.__traceback__ is None


def test_who_is_not_welcomed_in_time_has_proof(played: PlayedDoor) -> None:
    with opened(played.door, timeout=SHORT) as (_, ear):
        ended = ear.hear()
        assert (ended.is_hung, ended.is_gone, ended.is_final) == (True, False, False)


def test_one_that_says_nothing_at_all_hangs(tmp_path: Path) -> None:
    def play(sock: socket.socket) -> None:
        while sock.recv(4096):
            pass

    with raw_door(tmp_path / "door", play) as door, opened(door, timeout=SHORT) as (_, ear):
        assert ear.hear().is_hung


def test_a_process_that_stood_still_has_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def play(sock: socket.socket) -> None:
        while sock.recv(4096):
            pass

    times = iter([1000.0])
    monkeypatch.setattr(member_socket, "clock", lambda: next(times, 1000.0 + SHORT + member_socket.LATE))
    with raw_door(tmp_path / "door", play) as door, opened(door, timeout=SHORT) as (_, ear):
        assert not ear.hear().is_hung


def test_nobody_there(tmp_path: Path) -> None:
    with opened(Door(str(tmp_path / "door"), b"k", 1)) as (_, ear):
        ended = ear.hear()
        assert (ended.is_gone, ended.is_hung, ended.is_final) == (True, False, False)


def test_one_that_hangs_up_before_it_welcomes_is_gone(played: PlayedDoor) -> None:
    played.greeting = lambda connection: connection.socket.shutdown(socket.SHUT_RDWR)
    with opened(played.door) as (_, ear):
        assert ear.hear().is_gone


def test_no_common_version_is_final(played: PlayedDoor) -> None:
    played.status = 426
    with opened(played.door) as (_, ear):
        assert ear.hear().is_final


def test_a_door_in_doubt_is_no_proof(played: PlayedDoor) -> None:
    played.status = 503
    with opened(played.door) as (_, ear):
        ended = ear.hear()
        assert (ended.is_gone, ended.is_hung, ended.is_final) == (False, False, False)


def test_a_word_before_the_welcome_is_a_fault(played: PlayedDoor) -> None:
    played.greeting = lambda connection: connection.send(words.encode(words.BeHost(1)))
    with opened(played.door) as (_, ear):
        assert "before it welcomed" in str(ear.hear().error)


def test_it_can_be_closed_at_any_time(played: PlayedDoor) -> None:
    with opened(played.door) as (one, ear):
        wait_until(lambda: bool(played.requests), "the handshake")
        one.close()
        one.join(10)
        assert ear.heard() == []
    one.say(words.LetMeHost())  # and is no trouble afterwards


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_does_not_keep_it(played: PlayedDoor) -> None:
    played.greeting = welcome
    with opened(played.door) as (one, ear):
        ear.hear()
        sock = one._ws.sock
        assert sock is not None
        number = sock.fileno()
        pid = os.fork()
        if pid == 0:
            try:
                os.fstat(number)
            except OSError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        one.say(words.LetMeHost())
        assert words.decode_from_guest(played.said.get(timeout=10)) == HELLO
        assert words.decode_from_guest(played.said.get(timeout=10)) == words.LetMeHost(), "the parent has it still"
