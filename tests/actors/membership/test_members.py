"""A host's door as its owner sees it: what members say, what they are told, and what they may have."""

import logging
import os
import sys
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.jwt import JudgeProof
from websocket_v6.actors.membership.members import Members, program
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.server import (
    CloseMember,
    Confirm,
    Dismiss,
    Doubt,
    NameMember,
    SayToMember,
    ShareWith,
)
from websocket_v6.protocol.membership import steps, words
from websocket_v6.protocol.membership.host_entry import HostEntry

SETTINGS = words.Settings(1, False, None, "SIMPLE")
HELLO = words.encode(words.Hello("bot.py", 4712, SETTINGS))
ALL = ("public", "private", "info")


class Desk:
    """A door with the server, Jwt and the owner played."""

    def __init__(self) -> None:
        self.servers: list[Ear] = []
        self.options: list[dict[str, Any]] = []
        self.jwt, self.owner = Ear(), Ear()
        self.members = Members(
            settings=SETTINGS, stays=True, jwt=self.jwt.ref, owner=self.owner.ref, start_server=self._start
        )

    def _start(self, **options: Any) -> Ref:
        self.options.append(options)
        self.servers.append(Ear())
        return self.servers[-1].ref

    @property
    def server(self) -> Ear:
        return self.servers[-1]

    def open(self) -> "Desk":
        self.members.open("/run/x.sock", 3)
        return self

    def greet(self, client: int = 7, pid: int = 4711) -> words.Welcome:
        """Let a member come and greet; return how it is welcomed."""
        self.members.came(client, pid)
        assert self.members.said(client, HELLO) == steps.MemberCame(client, pid or 4712)
        name, share, say = self.server.heard()
        welcome = words.decode_from_host(say.data)
        assert isinstance(welcome, words.Welcome)
        assert name == NameMember(client, welcome.member, f"process {pid or 4712} (bot.py)")
        assert share == ShareWith(welcome.member, ("public",)), "before it is welcomed"
        return welcome


def test_a_door_opens_with_a_key_of_its_own() -> None:
    desk = Desk().open()
    (options,) = desk.options
    assert (options["address"], options["term"], options["owner"]) == ("/run/x.sock", 3, desk.owner.ref)
    assert len(options["key"]) == 32
    opened = desk.members.opened(desk.server.ref, "/run/x.sock")
    assert opened == steps.DoorOpen("/run/x.sock", options["key"], os.getpid())
    assert desk.open().options[-1]["key"] != options["key"]


def test_what_is_said_of_a_door_that_was_closed_is_nothing() -> None:
    desk = Desk().open()
    old = desk.server
    assert desk.members.close(1001, "bye") is old.ref
    assert old.heard() == [Dismiss(1001, "bye")]
    desk.open()
    assert desk.members.opened(old.ref, "/run/x.sock") is None
    assert desk.members.failed(old.ref, "why") is None
    desk.members.gone(7)
    assert desk.members.close(1001, "bye") is not None
    assert desk.members.close(1001, "bye") is None


def test_a_door_that_fails_is_told_of_once() -> None:
    desk = Desk().open()
    failed = desk.members.failed(desk.server.ref, "no room")
    assert failed is not None
    assert str(failed.error) == "no room"
    assert desk.members.server is None
    desk.members.came(7, 1)
    assert desk.members.said(7, HELLO) is None


def test_a_member_is_welcomed() -> None:
    desk = Desk().open()
    welcome = desk.greet()
    assert (welcome.pid, welcome.stays, welcome.term) == (os.getpid(), True, 3)
    other = desk.greet(8, pid=0)
    assert other.member != welcome.member
    assert other.challenge != welcome.challenge
    assert len(desk.members) == 2
    assert desk.members.gone(7) == steps.MemberLeft(7)
    assert desk.members.gone(7) is None
    assert len(desk.members) == 1


def test_one_that_never_greeted_has_not_left() -> None:
    desk = Desk().open()
    desk.members.came(7, 4711)
    assert len(desk.members) == 0
    assert desk.members.gone(7) is None


@pytest.mark.parametrize("said", [b"\xc1", words.encode(words.LetMeHost()), b""])
def test_who_says_no_word_is_cut_off(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk().open()
    desk.members.came(7, 4711)
    with caplog.at_level(logging.WARNING):
        assert desk.members.said(7, said) is None
    assert "process 4711 is cut off" in caplog.text
    assert desk.server.heard() == [CloseMember(7, 1002, "that is no word")]
    assert desk.members.said(7, HELLO) is None


def test_nor_may_it_greet_twice() -> None:
    desk = Desk().open()
    desk.greet()
    assert desk.members.said(7, HELLO) == steps.MemberLeft(7)


def test_keys_are_judged_by_who_has_them() -> None:
    desk = Desk().open()
    welcome = desk.greet()
    assert desk.members.said(7, words.encode(words.Keys(b"proof"))) is None
    assert desk.jwt.heard() == [JudgeProof(7, welcome.challenge, b"proof", desk.owner.ref)]
    for has_same_keys, endpoints in ((True, ALL), (False, ("public",))):
        desk.members.judged(7, has_same_keys=has_same_keys)
        share, say = desk.server.heard()
        assert share == ShareWith(welcome.member, endpoints)
        assert words.decode_from_host(say.data) == words.Shared(endpoints, SETTINGS)  # type: ignore[arg-type]
    desk.members.judged(8, has_same_keys=True)
    assert desk.server.heard() == []


def test_keys_that_are_others_now_are_judged_anew() -> None:
    desk = Desk().open()
    welcome = desk.greet()
    desk.greet(8)
    desk.members.said(7, words.encode(words.Keys(b"proof")))
    desk.jwt.heard()
    desk.members.keys_changed()
    assert desk.server.heard() == [ShareWith(welcome.member, ("public",))], "at once, and not to one that has none"
    assert desk.jwt.heard() == [JudgeProof(7, welcome.challenge, b"proof", desk.owner.ref)]


def test_what_concerns_the_title_is_passed_on() -> None:
    desk = Desk().open()
    desk.greet()
    assert desk.members.said(7, words.encode(words.LetMeHost())) == steps.LetMeHost(7)
    ready = words.encode(words.Ready(3, "/run/y.sock", b"k" * 32))
    assert desk.members.said(7, ready) == steps.Ready(7, 3, "/run/y.sock", b"k" * 32)


def test_what_members_are_told() -> None:
    desk = Desk().open()
    desk.greet()
    desk.members.came(8, 1)
    desk.members.offer(7, 3)
    desk.members.moved(HostEntry("/run/y.sock", b"k" * 32, 1, 4))
    desk.members.doubt()
    desk.members.confirm(5)
    told = desk.server.heard()
    assert [words.decode_from_host(one.data) for one in told if isinstance(one, SayToMember)] == [
        words.BeHost(3),
        words.Moved("/run/y.sock", b"k" * 32, 4),
    ]
    assert told[2:] == [Doubt(), Confirm(5)]
    assert desk.greet(9).term == 5


def test_a_program_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bot.py", "-x"])
    assert program() == "bot.py"
    monkeypatch.setattr(sys, "argv", [])
    assert program() == ""
    monkeypatch.setattr(sys, "argv", [""])
    assert program().startswith("python")
