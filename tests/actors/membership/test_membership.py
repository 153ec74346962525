"""Who becomes the host, and when: processes that meet in one folder, each with the rest of it played by a test."""

import queue
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, ask, stop_and_join
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.jwt import GetFingerprint
from websocket_v6.actors.membership import link, membership
from websocket_v6.actors.membership.membership import HandOver, Membership, Placed, Released, Role
from websocket_v6.actors.membership.pipe import as_host
from websocket_v6.actors.membership.rendezvous import HostEntry, Rendezvous
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.membership import peers

CONFIG = Config()


class Rest(Actor):
    """The rest of a process: supervisor, jwt, registry and router."""

    def __init__(self, told: "queue.SimpleQueue[Placed]") -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> object:
        if isinstance(message, GetFingerprint):
            return b""
        if isinstance(message, Placed):
            self._told.put(message)
        return None


class Process:
    """One process, as the others see it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.told: queue.SimpleQueue[Placed] = queue.SimpleQueue()
        self.rest = Rest.start(self.told)
        self.ref = Membership.start(
            config=CONFIG,
            folder=folder,
            number=iter(range(1, 1000)).__next__,
            registry=self.rest,
            router=self.rest,
            jwt=self.rest,
            supervisor=self.rest,
            **options,
        )

    def placed(self) -> Placed:
        return self.told.get(timeout=10)

    def guests(self) -> int:
        return int(ask(self.ref, GetHealth(), 10).guests)

    def close(self) -> None:
        assert stop_and_join(self.ref, 10)
        assert stop_and_join(self.rest, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(**options: Any) -> Process:
        made.append(Process(folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class PlayedHost:
    """A host that a test plays: it has the lock, and answers as it is told to."""

    def __init__(self, folder: Path) -> None:
        self.point = Rendezvous(folder, CONFIG.url)
        assert self.point.try_lock()
        self.entry = self.point.new_entry()
        self.listener = Listener(self.entry.address, backlog=8)
        self.point.announce(self.entry)
        self.pipes: list[Any] = []

    def welcome(self) -> Any:
        """Serve whoever comes next."""
        pipe = self.listener.accept()
        self.pipes.append(pipe)
        as_host(self.entry.key)(pipe)
        assert isinstance(peers.decode_from_guest(pipe.recv_bytes()), peers.Hello)
        pipe.send_bytes(peers.encode(peers.Welcome(peers.VERSION, 4711, ("public",), stays=False)))
        return pipe

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        self.listener.close()
        self.point.withdraw(self.entry)
        self.point.unlock()


@pytest.fixture
def played(folder: Path) -> Iterator[PlayedHost]:
    one = PlayedHost(folder)
    yield one
    one.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"PING_INTERVAL": 0.1, "SILENCE": 0.4, "PROOF": 0.4, "LOOK": 0.1}.items():
        monkeypatch.setattr(link, name, seconds)


def test_the_first_is_the_host_and_the_next_its_guest(start: Callable[..., Process]) -> None:
    host = start()
    assert host.placed().role is Role.HOST
    guest = start()
    place = guest.placed()
    assert place.role is Role.GUEST
    assert place.link is not None
    assert set(place.shared) == {"public"}
    assert host.guests() == 1


def test_a_host_that_ends_is_followed_by_its_guest(start: Callable[..., Process]) -> None:
    host, guest = start(), None
    assert host.placed().role is Role.HOST
    guest = start()
    assert guest.placed().role is Role.GUEST
    assert stop_and_join(host.ref, 10)
    assert [guest.placed().role for _ in range(2)] == [Role.LOOKING, Role.HOST]


def test_a_host_that_leaves_hands_over(start: Callable[..., Process]) -> None:
    host = start()
    assert host.placed().role is Role.HOST
    guests = [start() for _ in range(2)]
    places = [guest.placed() for guest in guests]
    wait_until(lambda: host.guests() == 2, "both greeted")
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    host.ref.tell(HandOver(done))
    after = [guest.placed() for guest in guests]
    assert sorted(place.role.value for place in after) == ["guest", "host"]
    for guest, before in zip(guests, places, strict=True):
        assert before.link is not None
        guest.ref.tell(Released(before.link))
    assert done.get(timeout=10) is True


def test_who_serves_takes_over(start: Callable[..., Process]) -> None:
    host = start()
    assert host.placed().role is Role.HOST
    service = start(serves=True)
    assert service.placed().role is Role.HOST
    assert host.placed().role is Role.GUEST
    assert service.guests() == 1


# --- hosts that say nothing


def test_a_host_that_answers_a_new_link_is_not_replaced(
    start: Callable[..., Process], played: PlayedHost, folder: Path
) -> None:
    guest = start()
    played.welcome()
    first = guest.placed()
    assert first.role is Role.GUEST
    played.welcome()  # once the first link has been silent for long
    second = guest.placed()
    assert second.role is Role.GUEST
    assert second.link not in (None, first.link)
    assert played.point.find_host() == played.entry
    assert not Rendezvous(folder, CONFIG.url).try_lock(), "nobody has taken its lock"


def test_a_host_that_answers_no_link_is_replaced(start: Callable[..., Process], played: PlayedHost) -> None:
    guest = start()
    played.welcome()
    assert guest.placed().role is Role.GUEST
    assert [guest.placed().role for _ in range(2)] == [Role.LOOKING, Role.HOST]
    announced = played.point.find_host()
    assert announced is not None
    assert announced != played.entry


def test_a_host_that_is_found_hanging_is_replaced(start: Callable[..., Process], played: PlayedHost) -> None:
    assert start().placed().role is Role.HOST
    assert played.point.find_host() != played.entry


def test_who_stood_still_replaces_nobody(
    start: Callable[..., Process], played: PlayedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SILENCE", 10.0)
    guest = start()
    played.welcome()
    assert guest.placed().role is Role.GUEST
    for module in (link, membership):
        monkeypatch.setattr(module, "clock", lambda: clock() + 20.0)
    with pytest.raises(queue.Empty):
        guest.told.get(timeout=3 * link.PROOF)
    assert played.point.find_host() == played.entry


# --- a host that was replaced while it stood still


def jump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "clock", lambda: clock() + 20.0)


def replace(folder: Path) -> tuple[Rendezvous, HostEntry, Any]:
    """Be the host in place of whoever is."""
    point = Rendezvous(folder, CONFIG.url)
    old = point.find_host()
    assert old is not None
    point.oust(old)
    assert point.try_lock()
    entry = point.new_entry()
    listener = Listener(entry.address, backlog=8)
    point.announce(entry)
    return point, entry, listener


def test_a_host_that_was_replaced_steps_down_when_its_clock_jumps(
    start: Callable[..., Process], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "CHECK_INTERVAL", 1000.0)
    host = start()
    assert host.placed().role is Role.HOST
    guest = start()
    assert guest.placed().role is Role.GUEST
    point, entry, listener = replace(folder)
    with listener:
        jump(monkeypatch)
        wait_until(lambda: host.guests() == 0, "its guest sent away")
        pipe = listener.accept()
        as_host(entry.key)(pipe)
        pipe.close()
    point.withdraw(entry)
    point.unlock()


def test_a_host_that_stood_still_serves_nobody_before_it_has_looked(
    start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = start()
    assert host.placed().role is Role.HOST
    actor = host.ref._actor_weakref()
    assert actor is not None
    assert actor._guests._may_serve()
    for name in ("LOOK", "CHECK_INTERVAL"):  # of its own accord it looks no more
        monkeypatch.setattr(membership, name, 1000.0)
    wait_until(lambda: actor.actor_inbox._heap[0][0] > time.monotonic() + 100, "the last look")
    jump(monkeypatch)
    assert not actor._guests._may_serve()
    assert host.guests() == 0  # a message: it looks first
    assert actor._guests._may_serve()


def test_a_host_that_stood_still_and_is_the_host_goes_on(
    start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = start()
    assert host.placed().role is Role.HOST
    guest = start()
    assert guest.placed().role is Role.GUEST
    jump(monkeypatch)
    assert host.guests() == 1
    assert host.told.empty()
    assert guest.told.empty()
