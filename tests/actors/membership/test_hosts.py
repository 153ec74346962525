"""A guest's member sockets as their owner sees them: what becomes of an attempt, and who is silent."""

import logging
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.jwt import Prove
from websocket_v6.actors.membership import hosts
from websocket_v6.actors.membership.hosts import SHARE, SILENCE, Hosts
from websocket_v6.actors.membership.member_socket import HANDSHAKE, MemberEnded
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.membership import steps, words
from websocket_v6.protocol.membership.host_entry import HostEntry

SETTINGS = words.Settings(1, False, None, "SIMPLE")
ENTRY = HostEntry("/run/x.sock", b"k" * 32, 4711, 3)
WELCOME = words.Welcome(4711, "serve", True, "m" * 32, b"c" * 32, 3)
SHARED = words.Shared(("public", "info"), SETTINGS)
ERROR = TransportError("lost")


class PlayedSocket:
    """Stands where a member socket would, without a thread."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.heard_at: float | None = None
        self.said: list[object] = []
        self.is_closed = self.is_started = self.is_dead = False

    def is_alive(self) -> bool:
        return not self.is_dead

    def start(self) -> None:
        self.is_started = True

    def say(self, word: object) -> None:
        self.said.append(word)

    def close(self) -> None:
        self.is_closed = True


class Desk:
    """The sockets of a process, all played."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: words.Settings = SETTINGS) -> None:
        self.sockets: list[PlayedSocket] = []
        monkeypatch.setattr(hosts, "MemberSocket", self._make)
        self.jwt, self.owner = Ear(), Ear()
        self.hosts = Hosts(settings=settings, jwt=self.jwt.ref, owner=self.owner.ref)

    def _make(self, **options: Any) -> PlayedSocket:
        self.sockets.append(PlayedSocket(**options))
        return self.sockets[-1]

    def attach(self, number: int = 1, *, is_probe: bool = False) -> PlayedSocket:
        self.hosts.attach(number, ENTRY, is_probe=is_probe)
        return self.sockets[-1]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_an_attempt_is_made_and_proof_has_more_time(desk: Desk) -> None:
    one = desk.attach()
    assert one.is_started
    assert one.options["door"] == Door(ENTRY.address, ENTRY.key, 3, pid=4711)
    assert (one.options["number"], one.options["owner"]) == (1, desk.owner.ref)
    assert one.options["timeout"] == HANDSHAKE
    assert desk.attach(2, is_probe=True).options["timeout"] > HANDSHAKE


def test_a_host_has_taken_this_process_once_it_has_said_what_it_shares(desk: Desk) -> None:
    one = desk.attach()
    assert desk.hosts.heard(1, SHARED) is None, "it is not welcome yet"
    desk.hosts.opened(1, WELCOME, 10.0)
    assert desk.jwt.heard() == [Prove(WELCOME.challenge, desk.owner.ref)]
    desk.hosts.proved(b"another", b"proof")
    desk.hosts.proved(WELCOME.challenge, b"proof")
    assert one.said == [words.Keys(b"proof")]
    assert desk.hosts.heard(1, SHARED) == steps.Attached(1, stays=True)
    door = Door(ENTRY.address, ENTRY.key, 3, "m" * 32, 4711)
    assert desk.hosts.place(1) == (door, ("public", "info"))
    assert desk.hosts.by_door(door) == 1
    assert desk.hosts.heard(1, words.Shared(("public",), SETTINGS)) is None
    assert desk.hosts.place(1) == (door, ("public",))


def test_one_that_never_says_is_asked_for_nothing_that_needs_keys(desk: Desk) -> None:
    one = desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    one.heard_at = 10.0
    assert desk.hosts.look(10.0 + SHARE / 2) == []
    assert desk.hosts.look(10.0 + SHARE) == [steps.Attached(1, stays=True)]
    assert desk.hosts.place(1)[1] == ("public",)


def test_keys_that_are_others_now_are_proven_anew(desk: Desk) -> None:
    desk.attach()
    desk.hosts.keys_changed()
    assert desk.jwt.heard() == []
    desk.hosts.opened(1, WELCOME, 10.0)
    desk.hosts.keys_changed()
    assert desk.jwt.heard() == [Prove(WELCOME.challenge, desk.owner.ref)] * 2


def test_what_a_host_says_to_older_keys_shares_nothing_of_the_account(desk: Desk) -> None:
    every = words.Shared(("public", "private", "info"), SETTINGS)
    desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    desk.hosts.keys_changed()
    assert desk.hosts.heard(1, every) == steps.Attached(1, stays=True)
    assert desk.hosts.place(1)[1] == ("public", "info"), "said to the keys before"
    desk.hosts.heard(1, every)
    assert desk.hosts.place(1)[1] == every.endpoints
    desk.hosts.keys_changed()
    assert desk.hosts.place(1)[1] == ("public", "info")
    desk.hosts.heard(1, every)
    desk.hosts.heard(1, every)  # of itself: its keys are others now
    assert desk.hosts.place(1)[1] == every.endpoints


def test_what_concerns_the_title_is_passed_on(desk: Desk) -> None:
    one = desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    assert desk.hosts.heard(1, words.Moved("/y", b"k", 4)) == steps.Moved(1, "/y", b"k", 4)
    assert desk.hosts.heard(1, words.BeHost(7)) == steps.BeHost(1, 7)
    desk.hosts.say(1, words.LetMeHost())
    desk.hosts.say(2, words.LetMeHost())
    assert one.said == [words.LetMeHost()]


@pytest.mark.parametrize("flags", [{}, {"is_gone": True}, {"is_hung": True}, {"is_final": True}])
def test_how_an_attempt_fails(desk: Desk, flags: dict[str, bool]) -> None:
    desk.attach()
    assert desk.hosts.ended(MemberEnded(1, ERROR, **flags)) == steps.NotAttached(1, ERROR, **flags)
    assert desk.hosts.ended(MemberEnded(1, ERROR)) is None


def test_how_a_host_is_lost(desk: Desk) -> None:
    desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    desk.hosts.heard(1, SHARED)
    assert desk.hosts.ended(MemberEnded(1, ERROR, 4001, is_final=True)) == steps.HostGone(1, ERROR, is_final=True)
    assert desk.hosts.place(1) == desk.hosts.place(None) == (None, ())


def test_nothing_is_told_of_one_that_was_closed(desk: Desk) -> None:
    one, other = desk.attach(), desk.attach(2)
    desk.hosts.detach(1)
    desk.hosts.detach(1)
    assert (one.is_closed, other.is_closed) == (True, False)
    desk.hosts.opened(1, WELCOME, 10.0)
    assert desk.hosts.heard(1, SHARED) is None
    assert desk.hosts.ended(MemberEnded(1, ERROR)) is None
    desk.hosts.close()
    assert other.is_closed


def look(desk: Desk, start: float, seconds: float) -> list[steps.Event]:
    """Look each second, and return all that was found."""
    return [event for second in range(int(seconds)) for event in desk.hosts.look(start + second)]


def test_a_host_that_says_nothing_is_silent_again_and_again(desk: Desk) -> None:
    one = desk.attach()
    assert look(desk, 0.0, 30) == [], "before it is welcomed its own deadline counts"
    desk.hosts.opened(1, WELCOME, 100.0)
    one.heard_at = 100.0
    desk.hosts.heard(1, SHARED)
    assert look(desk, 100.0, SILENCE + 1) == []
    assert look(desk, 100.0 + SILENCE + 1, 1) == [steps.MemberSilent(1)]
    assert look(desk, 100.0 + SILENCE + 2, SILENCE + 1) == [steps.MemberSilent(1)]
    one.heard_at = 125.0
    assert look(desk, 125.0, 2) == [steps.MemberHeard(1)]


def test_a_process_that_stood_still_has_heard_nobody_be_silent(desk: Desk) -> None:
    one = desk.attach()
    desk.hosts.opened(1, WELCOME, 100.0)
    one.heard_at = 100.0
    desk.hosts.heard(1, SHARED)
    assert look(desk, 100.0, 5) == []
    assert look(desk, 200.0, SILENCE) == []


def test_what_is_not_obeyed_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(monkeypatch, words.Settings(1, False, None, "DEFAULT"))
    desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    with caplog.at_level(logging.WARNING):
        desk.hosts.heard(1, SHARED)
        desk.hosts.heard(1, SHARED)
    assert caplog.text.count("format is 'SIMPLE' and not 'DEFAULT'") == 1


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_a_socket_that_cannot_be_had_is_an_attempt_that_came_to_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(PlayedSocket, "start", lambda _: (_ for _ in ()).throw(error))
    event = desk.hosts.attach(7, ENTRY, is_probe=False)
    assert isinstance(event, steps.NotAttached)
    assert (event.number, event.is_gone, event.is_hung, event.is_final) == (7, False, False, False)
    assert str(error) in str(event.error)
    assert desk.hosts.look(10.0) == []


def test_a_thread_that_died_without_a_word_is_found_at_the_second_look(desk: Desk) -> None:
    one = desk.attach()
    desk.hosts.opened(1, WELCOME, 10.0)
    desk.hosts.heard(1, SHARED)
    one.is_dead = True
    assert desk.hosts.look(11.0) == [], "its word may be on its way"
    (event,) = desk.hosts.look(12.0)
    assert isinstance(event, steps.HostGone)
    assert "ended without a word" in str(event.error)
    assert desk.hosts.look(13.0) == []
