"""A process with a resume name, against a real server; what it is to its components is seen in tests/engine."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config
from websocket_v6.actors.base import Actor, ask, stop_and_join
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.named_fleet import NamedFleet
from websocket_v6.actors.fleet.progress import Progress
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.fleet import LogFollowed, LogWanted, Participate, ResumeFrom, ResumeLog
from websocket_v6.actors.messages.router import GetHeld, Held
from websocket_v6.actors.messages.supervisor import FleetPlaced
from websocket_v6.actors.undone import Undone
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.wants import machine_of

from .conftest import KEYS

pytestmark = needs_server

A = "trade KRW-BTC"
PLACE = KEYS.place("recorder")
WANT = KEYS.want(machine_of("recorder"))


class Router(Actor):
    """Keeps nothing, or what it is made to."""

    def __init__(self, candles: Mapping[str, int]) -> None:
        super().__init__()
        self._candles = candles

    def on_receive(self, message: object) -> object:
        return Held(None, self._candles, False) if isinstance(message, GetHeld) else None


class World:
    def __init__(self, access: LogAccess) -> None:
        self.access = access
        self.candles: dict[str, int] = {}
        self.router = Router.start(self.candles)
        self.refs: list[Ref] = []

    def process(self, owner: str = "one", **settings: Any) -> tuple[Ref, Ear, Ear]:
        """Start a process of the name; return it, its supervisor and a source that asks where to begin."""
        supervisor, source = Ear(), Ear()
        ref = NamedFleet.start(
            config=Config(fleet="valkey://127.0.0.1", fleet_resume="recorder", **settings),
            access=self.access,
            endpoints=("public",),
            machine=owner,
            registry=Ear().ref,
            router=self.router,
            supervisor=supervisor.ref,
            undone=Undone(),
        )
        self.refs.append(ref)
        ref.tell(Participate(True))
        ref.tell(ResumeLog("public", source.ref))
        return ref, supervisor, source

    def end(self, ref: Ref) -> None:
        self.refs.remove(ref)
        assert stop_and_join(ref, 10.0)

    def stop(self) -> None:
        for ref in list(self.refs):
            self.end(ref)
        assert stop_and_join(self.router, 10.0)


@pytest.fixture
def world(access: LogAccess) -> Iterator[World]:
    one = World(access)
    yield one
    one.stop()


@pytest.fixture
def client(server: Valkey) -> Iterator[Any]:
    with server.client() as one:
        yield one


def progress(sequence: int) -> Progress:
    one = Progress("log", EntryId(9, 0), 5)
    one.runs([A])
    one.note(EntryId(9, sequence), 10)
    one.reached("log", EntryId(9, sequence))
    return one


def test_it_never_leads_and_says_so_where_nobody_does(
    world: World, client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("websocket_v6.actors.fleet.named_fleet.LEADERLESS", 0.0)
    ref, supervisor, _ = world.process()
    assert supervisor.hear() == FleetPlaced(ref, ("public",), False)
    wait_until(lambda: "a process with a resume name never does" in caplog.text, "it says so")
    assert not client.exists(KEYS.lead)


def test_a_newcomer_begins_and_its_successor_goes_on_from_its_place(world: World, client: Any) -> None:
    ref, _, source = world.process()
    first = source.hear()
    assert isinstance(first, ResumeFrom)
    assert (first.resumption, first.error, first.claimed.owner) == (None, None, "one")
    ref.tell(LogFollowed("public", progress(7)))
    wait_until(lambda: client.hget(PLACE, "public") == b"9-7", "it is kept")
    assert client.hget(PLACE, "owner") == b"one"
    world.end(ref)
    assert client.hget(PLACE, "owner") == b""
    assert client.pttl(PLACE) > 500_000
    _, _, source = world.process("two")
    found = source.hear().resumption
    assert (found.saved.at, found.saved.streams, found.until) == (EntryId(9, 7), [A], EntryId(9, 7))


def test_who_ends_before_it_has_read_what_the_one_before_it_may_have_says_so(world: World, client: Any) -> None:
    """Or the next one would take what comes twice for news."""
    ref, _, source = world.process()
    source.hear()
    followed = progress(7)
    ref.tell(LogFollowed("public", followed))
    wait_until(lambda: client.hget(PLACE, "public") == b"9-7", "it is kept")
    followed.go_back("log", EntryId(9, 2), 99)
    world.end(ref)
    assert (client.hget(PLACE, "public"), client.hget(PLACE, "public:until")) == (b"9-2", b"9-7")
    _, _, source = world.process("two")
    found = source.hear().resumption
    assert (found.saved.at, found.until, found.is_clean) == (EntryId(9, 2), EntryId(9, 7), False)


def test_what_is_wanted_lives_on_while_it_is_away(world: World, client: Any) -> None:
    ref, _, source = world.process()
    source.hear()
    ref.tell(LogWanted("public", b"[]"))
    wait_until(lambda: client.exists(WANT), "it is wanted")
    ref.tell(LogFollowed("public", progress(7)))
    world.end(ref)
    assert 200_000 < client.pttl(WANT) <= 300_000
    assert client.hexists(KEYS.machines, machine_of("recorder"))


def test_after_a_kill_the_name_is_free_when_its_beat_has_stood_still(world: World, client: Any) -> None:
    client.hset(PLACE, mapping={"owner": "killed", "beat": 5, "who": "host (7)", "public:until": "9-9"})
    began = time.monotonic()
    _, _, source = world.process()
    assert source.hear().error is None
    assert 2.5 < time.monotonic() - began < 15.0


def test_two_that_live_with_one_name_are_told_apart(world: World, caplog: pytest.LogCaptureFixture) -> None:
    ref, _, source = world.process()
    source.hear()
    other, _, its_source = world.process("two")
    told = its_source.hear()
    assert isinstance(told.error, ConfigError)
    assert str(told.error) in caplog.text
    health = ask(other, GetHealth(), 10.0)
    assert health.error == str(told.error)
    assert (health.resume, health.leads) == ("recorder", False)
    world.end(ref)
    assert its_source.hear().error is None


def test_who_stood_still_while_another_took_its_name_stops(world: World, client: Any) -> None:
    _, _, source = world.process()
    source.hear()
    client.hset(PLACE, mapping={"owner": "two", "who": "host (7)"})
    assert "in use by host (7)" in str(source.hear().error)
    client.hset(PLACE, "owner", "")
    assert source.hear().error is None, "and goes on when that has left"


def test_a_place_that_the_server_lost_is_kept_anew(world: World, client: Any) -> None:
    ref, _, source = world.process()
    source.hear()
    followed = progress(7)
    ref.tell(LogFollowed("public", followed))
    wait_until(lambda: client.hget(PLACE, "public") == b"9-7", "it is kept")
    client.delete(PLACE)
    wait_until(lambda: followed.is_unreserved, "the reader is to say how far it may read")
    assert not client.hexists(PLACE, "public"), "and then it is kept"
    followed.reserved()
    wait_until(lambda: client.hget(PLACE, "public") == b"9-7", "it is kept again")
    assert client.hget(PLACE, "owner") == b"one"
    assert source.heard() == []


def test_a_place_that_cannot_be_read_is_passed_over(
    world: World, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.hset(PLACE, mapping={"owner": "", "beat": 5, "public:more": b"garbage"})
    _, _, source = world.process()
    assert source.hear().resumption is None
    assert "is passed over" in caplog.text
