"""A host's guests, as a list of who is served with what; the sessions themselves only note what they are told."""

import logging
from typing import Any, cast

import pykka
import pytest

from tests.actors.ear import StandIn
from websocket_v6.actors.membership import guests as subject
from websocket_v6.actors.membership.guests import Guests
from websocket_v6.actors.membership.rendezvous import HostEntry
from websocket_v6.actors.membership.session import Dismiss, SendGuest, Session, ShareWith
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.membership import peers

ENTRY = HostEntry("/a.sock", b"k" * 32, 1)
KEYS, OTHER_KEYS = b"p" * 32, b"q" * 32
ALL: tuple[peers.Endpoint, ...] = ("public", "private", "info")
PUBLIC: tuple[peers.Endpoint, ...] = ("public",)


class Caller:
    """Stands for the connection of whoever came."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class World:
    """Guests whose sessions are stand-ins, with what they were made with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, stays: bool = False) -> None:
        self.made: list[tuple[StandIn, dict[str, Any]]] = []
        monkeypatch.setattr(Session, "start", self._start)
        self.registry, self.owner = StandIn("registry").ref, StandIn("owner").ref
        self.may_serve = lambda: True
        self.guests = Guests(
            region="sg", stays=stays, registry=self.registry, owner=self.owner, may_serve=self.may_serve
        )

    def _start(self, **arguments: Any) -> Ref:
        self.made.append((StandIn(f"session {len(self.made)}"), arguments))
        return self.made[-1][0].ref

    def let_in(self) -> StandIn:
        self.guests.let_in(cast(Any, Caller()), ENTRY)
        return self.made[-1][0]

    def greeted(self, keys: bytes = b"", own_keys: bytes = b"", pid: int = 42) -> StandIn:
        session = self.let_in()
        self.guests.greeted(session.ref, peers.Hello(peers.VERSION, "guest.py", pid, keys), own_keys)
        return session


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_whoever_comes_gets_a_session(world: World) -> None:
    caller = Caller()
    world.guests.let_in(cast(Any, caller), ENTRY)
    assert world.made[0][1] == {
        "connection": caller,
        "key": ENTRY.key,
        "region": "sg",
        "registry": world.registry,
        "owner": world.owner,
        "may_serve": world.may_serve,
    }
    assert not caller.is_closed
    assert len(world.guests) == 1
    assert not world.guests.have_greeted
    assert world.guests.pid_of(world.made[0][0].ref) is None


def test_nobody_is_let_in_by_who_is_no_host(world: World) -> None:
    caller = Caller()
    world.guests.let_in(cast(Any, caller), None)
    assert caller.is_closed
    assert len(world.guests) == 0


def test_there_are_no_more_than_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_GUESTS", 2)
    first, _ = world.let_in(), world.let_in()
    caller = Caller()
    world.guests.let_in(cast(Any, caller), ENTRY)
    assert caller.is_closed
    assert (len(world.guests), len(world.made)) == (2, 2)
    world.guests.gone(first.ref, "")
    world.let_in()
    assert len(world.guests) == 2


@pytest.mark.parametrize(
    ("keys", "own_keys", "shared"),
    [(KEYS, KEYS, ALL), (KEYS, OTHER_KEYS, PUBLIC), (b"", KEYS, PUBLIC), (KEYS, b"", PUBLIC), (b"", b"", PUBLIC)],
)
@pytest.mark.parametrize("stays", [True, False])
def test_private_data_is_for_those_with_the_same_keys(
    monkeypatch: pytest.MonkeyPatch, keys: bytes, own_keys: bytes, shared: tuple[peers.Endpoint, ...], stays: bool
) -> None:
    session = World(monkeypatch, stays=stays).greeted(keys, own_keys)
    assert session.heard() == [ShareWith(shared, stays)]


def test_who_gets_new_keys_is_served_by_them(world: World) -> None:
    session, stranger = world.greeted(KEYS, OTHER_KEYS, pid=43), world.let_in()
    session.heard()
    world.guests.has_keys(session.ref, OTHER_KEYS, OTHER_KEYS)
    world.guests.has_keys(stranger.ref, OTHER_KEYS, OTHER_KEYS)
    world.guests.has_keys(StandIn().ref, OTHER_KEYS, OTHER_KEYS)
    assert session.heard() == [ShareWith(ALL, False)]
    assert stranger.heard() == []
    assert len(world.guests) == 2
    assert world.guests.pid_of(session.ref) == 43
    world.guests.share_anew(OTHER_KEYS)
    assert session.heard() == [ShareWith(ALL, False)], "the new ones are remembered"


def test_all_that_have_greeted_are_served_by_new_keys_of_the_host(world: World) -> None:
    same, other, stranger = world.greeted(KEYS, KEYS), world.greeted(OTHER_KEYS, KEYS), world.let_in()
    for session in (same, other):
        session.heard()
    world.guests.share_anew(OTHER_KEYS)
    assert same.heard() == [ShareWith(PUBLIC, False)]
    assert other.heard() == [ShareWith(ALL, False)]
    assert stranger.heard() == []


def test_strangers_are_told_of_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.let_in()
    with caplog.at_level(logging.WARNING):
        guest = world.greeted()
        world.guests.gone(guest.ref, "")
        assert caplog.text == ""
        world.guests.gone(world.let_in().ref, "it said nothing")
        world.guests.gone(world.let_in().ref, "nor did it")
    assert caplog.text.count("no guest") == 1
    assert "it said nothing" in caplog.text


def test_when_another_successor_is_to_be_found(world: World) -> None:
    first, second, third = (world.greeted() for _ in range(3))
    world.guests.ask_to_host()
    assert world.guests.successor == first.ref
    assert not world.guests.gone(second.ref, ""), "it was another that was asked"
    assert world.guests.gone(first.ref, ""), "it was the one"
    assert world.guests.gone(third.ref, ""), "nobody is left"
    assert world.guests.gone(third.ref, ""), "nor now"


def test_only_who_has_greeted_is_asked_to_be_the_host(world: World) -> None:
    stranger, guest = world.let_in(), world.greeted()
    guest.heard()
    assert world.guests.have_greeted
    world.guests.ask_to_host()
    assert world.guests.successor == guest.ref
    assert guest.heard() == [SendGuest(peers.Host("", b""))]
    assert stranger.heard() == []


def test_all_others_are_sent_to_the_new_host(world: World) -> None:
    first, second, stranger = world.greeted(), world.greeted(), world.let_in()
    for session in (first, second):
        session.heard()
    world.guests.send_to(second.ref, ENTRY)
    assert world.guests.successor == second.ref
    assert second.heard() == []
    assert first.heard() == stranger.heard() == [SendGuest(peers.Host(ENTRY.address, ENTRY.key))]


@pytest.mark.parametrize("in_order", [True, False])
def test_who_waits_to_leave_is_answered_once(world: World, in_order: bool) -> None:
    world.guests.left(in_order=in_order)  # nobody waits
    leaving: pykka.Future[bool] = pykka.ThreadingFuture()
    world.guests.leaving = leaving
    world.guests.left(in_order=in_order)
    world.guests.left(in_order=not in_order)
    assert leaving.get(timeout=5) is in_order
    assert world.guests.leaving is None


def test_those_who_are_dismissed_may_come_again(world: World) -> None:
    first, second = world.greeted(), world.let_in()
    first.heard()
    world.guests.dismiss_all("why")
    assert first.heard() == second.heard() == [Dismiss("why", retry=True)]
    assert len(world.guests) == 2, "until they are gone"


def test_closing_ends_all_sessions_and_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[Ref, float]] = []
    monkeypatch.setattr(subject, "stop_and_join", lambda ref, timeout: waited.append((ref, timeout)))
    first, second = world.greeted(), world.let_in()
    world.guests.close_all()
    assert waited == [(first.ref, 1.0), (second.ref, 1.0)]
    assert len(world.guests) == 0
