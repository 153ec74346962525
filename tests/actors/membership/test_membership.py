"""Processes that meet in one folder, with real doors between them; the rest of each is played by a test."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pykka
import pytest
import websocket

from tests.actors.ear import Ear
from tests.actors.played_door import PlayedDoor
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.actors.failures import Death
from websocket_v6.actors.jwt import Jwt, Keys, KeysSettled, ReplaceKeys
from websocket_v6.actors.membership import hosts, membership
from websocket_v6.actors.membership import membership as subject
from websocket_v6.actors.membership.membership import Membership
from websocket_v6.actors.membership.place import HandOver, MembershipHealth, Placed, Released, Role
from websocket_v6.actors.membership.rendezvous import Rendezvous
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.server import DoorDoubts, Doubt
from websocket_v6.actors.messages.supervisor import DoorFailed, Failed
from websocket_v6.actors.server.server import Server
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.membership import guesting, hosting, standing, words
from websocket_v6.protocol.membership.host_entry import HostEntry

ACCESS, SECRET = "ACCESS" + "a" * 34, "SECRET" + "s" * 34
WITH_KEYS = Config(access_key=ACCESS, secret_key=SECRET)
ALL = ("public", "private", "info")
PUBLIC = ("public",)


def is_on_its_way(folder: Path) -> bool:
    """Whether a title has been passed and the lock not yet; who stops in that moment leaves files behind."""
    if not list(folder.glob("*.host")):
        return False
    other = Rendezvous(folder, WITH_KEYS.url)
    is_free = other.try_lock()
    other.leave_lock()
    return is_free


class Process:
    """One process, as the others see it."""

    def __init__(self, folder: Path, *, config: Config = WITH_KEYS, serves: bool = False) -> None:
        self.told = Ear()
        self.rest = Ear()
        self.jwt = Jwt.start(config=config, owner=self.rest.ref)
        config = msgspec.structs.replace(config.without_keys(), runtime_dir=folder)
        self.ref = Membership.start(
            config=config,
            folder=folder,
            jwt=self.jwt,
            supervisor=self.told.ref,
            start_server=partial(Server.start, config=config, registry=self.rest.ref, router=self.rest.ref),
            serves=serves,
        )

    def placed(self, role: Role) -> Placed:
        """Wait until it is this."""
        while True:
            place = self.told.hear()
            assert isinstance(place, Placed)
            assert place.membership == self.ref
            if place.role is role:
                return place

    def shared(self, endpoints: tuple[str, ...]) -> Placed:
        """Wait until it has these endpoints of its host."""
        place = self.placed(Role.GUEST)
        while place.shared != endpoints:
            place = self.placed(Role.GUEST)
        return place

    def guests(self) -> int:
        return int(ask(self.ref, GetHealth(), 10).guests)

    def leave(self) -> bool:
        done: pykka.Future[bool] = pykka.ThreadingFuture()
        tell(self.ref, HandOver(done))
        return bool(done.get(timeout=20))

    def close(self) -> None:
        assert stop_and_join(self.ref, 10)
        assert stop_and_join(self.jwt, 10)


Start = Callable[..., Process]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    made: list[Process] = []

    def make(**options: Any) -> Process:
        made.append(Process(folder, **options))
        return made[-1]

    yield make
    wait_until(lambda: not is_on_its_way(folder), "the lock for who has the title")
    for one in made:
        one.close()
    assert not folder.exists() or list(folder.iterdir()) == [], "nothing is left behind"


def pair(start: Start, **options: Any) -> tuple[Process, Process]:
    host = start()
    host.placed(Role.HOST)
    guest = start(**options)
    guest.placed(Role.GUEST)
    return host, guest


def test_who_finds_nobody_is_the_host(start: Start, folder: Path) -> None:
    one = start()
    one.placed(Role.HOST)
    assert len(list(folder.iterdir())) == 3, "lock, host and socket"
    health: MembershipHealth = ask(one.ref, GetHealth(), 10)
    assert (health.role, health.guests) == ("host", 0)


def test_the_next_is_its_guest(start: Start, folder: Path) -> None:
    host = start()
    host.placed(Role.HOST)
    entry = Rendezvous(folder, WITH_KEYS.url).find_host()
    guest = start()
    place = guest.placed(Role.GUEST)
    assert place.shared == ALL, "it has the same keys"
    assert entry is not None
    assert place.door is not None
    assert (place.door.address, place.door.key, place.door.term) == (entry.address, entry.key, 1)
    assert len(place.door.member) == 32
    assert host.guests() == 1
    guest.close()
    wait_until(lambda: host.guests() == 0, "the guest gone")


@pytest.mark.parametrize("config", [Config(), Config(access_key=ACCESS, secret_key="other" + "s" * 35)])
def test_a_guest_with_other_keys_has_what_needs_none(start: Start, config: Config) -> None:
    host = start()
    host.placed(Role.HOST)
    assert start(config=config).placed(Role.GUEST).shared == PUBLIC


def test_keys_that_are_replaced_are_proven_anew(start: Start) -> None:
    host, guest = pair(start)
    for one, expected, generation in ((host, PUBLIC, 2), (guest, ALL, 2), (guest, PUBLIC, 3)):
        keys = Keys(ACCESS, "other" + "s" * 35) if expected is ALL or one is host else Keys(ACCESS, SECRET)
        ask(one.jwt, ReplaceKeys(keys), 10)
        tell(one.ref, KeysChanged(generation))
        tell(one.jwt, KeysSettled(generation))
        place = guest.shared(expected)
        assert place.generation == (0 if one is host else generation)
        assert place.door is not None
        assert place.door.term == 1, "the place is the same"


def test_of_many_that_start_at_once_one_is_the_host(start: Start) -> None:
    processes = [start() for _ in range(5)]
    wait_until(
        lambda: sorted(ask(one.ref, GetHealth(), 10).role for one in processes) == ["guest"] * 4 + ["host"],
        "its guests",
    )


def test_a_host_that_leaves_hands_over(start: Start) -> None:
    host, guest = pair(start)
    other = start()
    other.placed(Role.GUEST)
    begin = time.monotonic()
    assert host.leave() is True
    assert time.monotonic() - begin < 4.0
    guest.placed(Role.HOST)
    place = other.placed(Role.GUEST)
    assert place.door is not None
    assert place.door.term == 2
    wait_until(lambda: guest.guests() == 1, "its guest")


def test_a_host_that_leaves_waits_no_longer_than_for_its_guests(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "LEAVE", 30.0)
    monkeypatch.setattr(standing, "LINGER", 30.0)
    monkeypatch.setattr(hosting, "LINGER", 30.0)
    host = start()
    host.placed(Role.HOST)
    guest = start()
    door = guest.placed(Role.GUEST).door
    assert door is not None
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    tell(host.ref, HandOver(done))
    guest.placed(Role.HOST)
    with pytest.raises(pykka.Timeout):
        done.get(timeout=0.2)
    tell(guest.ref, Released(door))
    assert done.get(timeout=10) is True


def test_a_host_without_guests_leaves_at_once(start: Start, folder: Path) -> None:
    host = start()
    host.placed(Role.HOST)
    assert host.leave() is True
    assert list(folder.glob("*.host")) == []
    assert host.leave() is True, "asked once more"


def test_one_that_serves_is_given_the_title_and_keeps_it(start: Start) -> None:
    host, guest = pair(start)
    service = start(serves=True)
    service.placed(Role.HOST)
    for one in (host, guest):
        place = one.placed(Role.GUEST)
        assert place.door is not None
        assert place.door.term == 2
    wait_until(lambda: service.guests() == 2, "both are its guests")
    second = start(serves=True)
    assert second.placed(Role.GUEST).door is not None
    assert second.told.heard() == []


def test_a_host_that_ends_without_a_word_is_followed(start: Start) -> None:
    host, guest = pair(start)
    host.close()
    guest.placed(Role.LOOKING)
    guest.placed(Role.HOST)


def test_attach_needs_a_host(start: Start) -> None:
    one = start(config=msgspec.structs.replace(WITH_KEYS, mode="attach"))
    place = one.placed(Role.EMBEDDED)
    assert isinstance(place.error, ConfigError)
    assert "mode='attach'" in str(place.error)
    assert "websocket-v6 serve" in str(place.error)
    assert one.leave() is True


def test_attach_is_the_host_once_there_has_been_one(start: Start) -> None:
    host, guest = pair(start, config=msgspec.structs.replace(WITH_KEYS, mode="attach"))
    host.close()
    guest.placed(Role.HOST)


def test_files_that_somebody_tidied_up_are_made_anew(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "CHECK_INTERVAL", 0.1)
    host = start()
    host.placed(Role.HOST)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    wait_until(lambda: len(list(folder.glob("*"))) == 3, "lock, host and socket")
    guest = start()
    guest.placed(Role.GUEST)


def test_a_host_whose_lock_file_is_gone_keeps_its_guests(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "CHECK_INTERVAL", 0.1)
    host, guest = pair(start)
    for path in [*folder.glob("*.lock"), *folder.glob("*.host")]:
        path.unlink()
    wait_until(lambda: len(list(folder.glob("*"))) == 3, "lock, host and socket")
    assert host.guests() == 1
    assert guest.told.heard() == []
    newcomer = start()
    place = newcomer.placed(Role.GUEST)
    assert place.door is not None
    assert place.door.term == 2


def hold(folder: Path, played: PlayedDoor) -> tuple[Rendezvous, HostEntry]:
    """Be the host that `played` is."""
    point = Rendezvous(folder, WITH_KEYS.url)
    assert point.try_lock()
    door = played.door
    entry = HostEntry(door.address, door.key, 4711, door.term)
    assert point.announce(entry)
    return point, entry


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesting, "PROOF_AFTER", 0.5)
    monkeypatch.setattr(hosts, "HANDSHAKE", 0.2)
    monkeypatch.setattr(hosts, "PROOF", 0.2)
    monkeypatch.setattr(hosts, "SILENCE", 0.4)
    monkeypatch.setattr(hosts, "LOOK", 0.1)
    monkeypatch.setattr(membership, "LOOK", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_host_that_hangs_is_replaced_on_proof(
    start: Start, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Rendezvous(folder, WITH_KEYS.url)
    with PlayedDoor(tmp_path / "door", term=5) as played:
        point, _ = hold(folder, played)
        with caplog.at_level(logging.WARNING):
            one = start()
            one.placed(Role.HOST)  # it shakes hands, but it welcomes nobody
        assert "process 4711, does not answer" in caplog.text
        entry = point.find_host()
        assert entry is not None
        assert (entry.pid, entry.term) == (os.getpid(), 6)
        assert not point.is_holder
        point.unlock()


@pytest.mark.usefixtures("impatient")
def test_a_guest_that_hears_nothing_tries_once_more_before_it_judges(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    Rendezvous(folder, WITH_KEYS.url)
    with PlayedDoor(tmp_path / "door") as played:
        point, _ = hold(folder, played)
        settings = words.Settings(1, False, None, "SIMPLE")

        def serve(connection: Any) -> None:
            connection.send(words.encode(words.Welcome(4711, "", False, "m", b"c", 1)))
            connection.send(words.encode(words.Shared(("public",), settings)))

        played.greeting = serve
        one = start()
        assert one.placed(Role.GUEST).shared == PUBLIC
        first = played.came.get(timeout=10)
        one.placed(Role.GUEST)  # by a new socket, which was answered
        assert played.came.get(timeout=10) is not first
        played.greeting = lambda connection: None
        one.placed(Role.HOST)
        point.unlock()


def test_a_place_where_nobody_can_listen_is_nobodys(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> Ref:
        ear = Ear()
        tell(options["owner"], DoorFailed(ear.ref, "no more sockets"))
        return ear.ref

    monkeypatch.setattr(Server, "start", fail)
    place = start().placed(Role.EMBEDDED)
    assert isinstance(place.error, ConfigError)
    assert "no more sockets" in str(place.error)


def test_a_folder_with_too_long_a_name_is_no_place(tmp_path: Path) -> None:
    one = Process(tmp_path / ("x" * 100))
    place = one.placed(Role.EMBEDDED)
    assert "bytes shorter" in str(place.error)
    one.close()


def test_a_door_in_doubt_is_confirmed(start: Start) -> None:
    host, _ = pair(start)
    tell(host.ref, DoorDoubts())
    assert host.guests() == 1
    start().placed(Role.GUEST)


def test_a_word_that_is_none_ends_the_socket(start: Start, folder: Path) -> None:
    host = start()
    host.placed(Role.HOST)
    entry = Rendezvous(folder, WITH_KEYS.url).find_host()
    assert entry is not None
    for said in (b"\xc1", words.encode(words.LetMeHost())):
        ws = websocket.WebSocket()
        open_door(ws, Door(entry.address, entry.key, entry.term), "/websocket-v6", timeout=10)
        ws.settimeout(10)
        ws.send_binary(said)
        opcode, data = ws.recv_data()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1002).to_bytes(2, "big"))
        ws.shutdown()  # type: ignore[no-untyped-call]
    assert host.guests() == 0


def test_a_guest_is_told_which_of_its_settings_are_not_obeyed(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pair(start, config=msgspec.structs.replace(WITH_KEYS, format="DEFAULT", redundancy=2))
    # What else it asks, the host does from now on.
    assert "process's: format is 'SIMPLE' and not 'DEFAULT'\n" in caplog.text


def test_a_host_elsewhere_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(membership, "host_elsewhere", lambda folder, url: "another host is elsewhere")
    ear = Ear()
    jwt = Jwt.start(config=Config(), owner=ear.ref)
    with caplog.at_level(logging.WARNING), contextlib.ExitStack() as stack:
        stack.callback(stop_and_join, jwt, 10)
        ref = Membership.start(
            config=Config(),
            folder=tmp_path / "run",
            jwt=jwt,
            supervisor=ear.ref,
            start_server=partial(Server.start, config=Config(), registry=ear.ref, router=ear.ref),
        )
        stack.callback(stop_and_join, ref, 10)
        while not (isinstance(place := ear.hear(), Placed) and place.role is Role.HOST):
            pass
    assert caplog.text.count("another host is elsewhere") == 1


def test_the_old_door_is_kept_until_nothing_comes_from_there(start: Start) -> None:
    host, guest = pair(start)
    service = start(serves=True)
    service.placed(Role.HOST)
    door = guest.placed(Role.GUEST).door
    assert door is not None
    begin = time.monotonic()
    wait_until(lambda: service.guests() == 2, "both there")
    tell(guest.ref, Released(door))  # the one in use stays so
    assert service.guests() == 2
    assert time.monotonic() - begin < standing.LINGER + 5
    assert host.guests() <= 2


# --- what has failed beside it


def failure(one: Process) -> BaseException:
    """Wait until it fails; the next one finds its place anew."""
    while not isinstance(told := one.told.hear(), Failed):
        assert isinstance(told, Placed)
    assert told.name == "membership"
    return told.error


def test_a_server_that_fails_takes_the_place_along(start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = start()
    one.placed(Role.HOST)
    monkeypatch.setattr(Server, "_doubt", lambda _: 1 / 0)
    server = ask(one.ref, GetHealth(), 10).door
    tell(server, Doubt())
    assert isinstance(failure(one), ZeroDivisionError)
    assert Rendezvous(folder, WITH_KEYS.url).find_host() is None, "nobody is sent there any more"
    assert stop_and_join(server, 10)


def test_a_server_that_is_dead_without_a_word_takes_the_place_along(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOOK", 0.05)
    monkeypatch.setattr(Server, "failed", lambda *_: None)
    monkeypatch.setattr(Server, "_doubt", lambda _: 1 / 0)
    one = start()
    one.placed(Role.HOST)
    tell(ask(one.ref, GetHealth(), 10).door, Doubt())
    assert isinstance(failure(one), Death)


@pytest.mark.parametrize("where", ["try_lock", "new_address"])
def test_what_the_machine_has_run_out_of_says_nothing_of_the_folder(
    start: Start, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It would be alone for good; a failure is tried again."""
    error = OSError(24, "Too many open files")
    monkeypatch.setattr(Rendezvous, where, lambda _: (_ for _ in ()).throw(error))
    assert failure(start()) is error
