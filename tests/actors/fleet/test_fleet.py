"""One machine's fleet actor against a real server; what it is to others is seen in tests/engine/fleet."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config
from websocket_v6.actors.base import Actor, ask, stop_and_join
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.fleet import Fleet
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.fleet import JoinLog, LogWanted, Participate
from websocket_v6.actors.messages.router import Convey, GetLastValues
from websocket_v6.actors.messages.supervisor import FleetPlaced

from .conftest import KEYS

pytestmark = needs_server


class Router(Actor):
    """Keeps what it is told; has no last values."""

    def __init__(self, told: list[Any]) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> object:
        if isinstance(message, GetLastValues):
            return NoValues()
        self._told.append(message)
        if isinstance(message, Convey):
            message.way.mouth.convey(message.way, message.news)
        return None


class NoValues:
    def of(self, stream: str) -> None:
        return None


class World:
    def __init__(self, access: LogAccess) -> None:
        self.access = access
        self.told: list[Any] = []
        self.router = Router.start(self.told)
        self.registry = Ear()
        self.fleets: list[Ref] = []

    def machine(self, name: str = "me") -> tuple[Ref, Ear]:
        supervisor = Ear()
        ref = Fleet.start(
            config=Config(fleet="valkey://127.0.0.1"),
            access=self.access,
            endpoints=("public",),
            machine=name,
            registry=self.registry.ref,
            router=self.router,
            supervisor=supervisor.ref,
        )
        self.fleets.append(ref)
        return ref, supervisor

    def stop(self) -> None:
        for ref in self.fleets:
            assert stop_and_join(ref, 10.0)
        assert stop_and_join(self.router, 10.0)


@pytest.fixture
def world(access: LogAccess) -> Iterator[World]:
    one = World(access)
    yield one
    one.stop()


def test_who_takes_no_part_leads_nothing(server: Valkey, world: World) -> None:
    ref, supervisor = world.machine()
    ref.tell(Participate(False))
    assert ask(ref, GetHealth(), 10.0).leads is False
    assert supervisor.heard() == []
    with server.client() as client:
        assert not client.exists(KEYS.lead)


def test_the_first_leads_and_the_next_reads(world: World) -> None:
    one, supervisor = world.machine()
    one.tell(Participate(True))
    assert supervisor.hear() == FleetPlaced(one, ("public",), True, messages="SIMPLE")
    other, its_supervisor = world.machine("other")
    other.tell(Participate(True))
    assert its_supervisor.hear() == FleetPlaced(other, ("public",), False)
    health = ask(one, GetHealth(), 10.0)
    assert (health.leads, health.reachable, health.error) == (True, True, "")


def test_who_stops_lays_its_title_down(server: Valkey, world: World) -> None:
    one, supervisor = world.machine()
    one.tell(Participate(True))
    supervisor.hear()
    assert stop_and_join(world.fleets.pop(), 10.0)
    with server.client() as client:
        assert client.hget(KEYS.lead, "owner") == b""


def test_what_a_machine_wants_reaches_the_leader(world: World) -> None:
    one, supervisor = world.machine()
    one.tell(Participate(True))
    supervisor.hear()
    other, its_supervisor = world.machine("other")
    other.tell(Participate(True))
    its_supervisor.hear()
    request = b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'
    other.tell(LogWanted("public", request))
    wait_until(lambda: ask(one, GetHealth(), 10.0).machines == 1, "the leader serves it")
    other.tell(LogWanted("public", b""))
    wait_until(lambda: ask(one, GetHealth(), 10.0).machines == 0, "the leader serves it no more")


def test_who_joins_gets_a_checkpoint(server: Valkey, world: World) -> None:
    one, supervisor = world.machine()
    one.tell(Participate(True))
    supervisor.hear()
    other, its_supervisor = world.machine("other")
    other.tell(Participate(True))
    its_supervisor.hear()

    def joined() -> bool:
        other.tell(JoinLog("public"))
        with server.client() as client:
            return bool(client.exists(KEYS.last("public")))

    world.fleets[0].tell(LogWanted("public", b""))
    wait_until(joined, "a checkpoint")


def test_a_server_that_is_away_is_said_in_its_health(server: Valkey, world: World) -> None:
    server.stop()
    one, supervisor = world.machine()
    one.tell(Participate(True))
    assert supervisor.hear().leads is False
    assert "does not answer" in ask(one, GetHealth(), 10.0).error
    server.start()
    assert supervisor.hear().leads is True


def test_a_title_of_a_later_version_is_neither_taken_nor_kept(server: Valkey, world: World) -> None:
    one, supervisor = world.machine()
    one.tell(Participate(True))
    assert supervisor.hear().leads is True
    with server.client() as client:
        client.hset(KEYS.lead, mapping={"format": 2, "owner": "later", "term": 2**52})
    assert supervisor.hear().leads is False
    other, its_supervisor = world.machine("other")
    other.tell(Participate(True))
    assert its_supervisor.hear().leads is False
    says = "has format 2, this version knows 1: update"
    for ref in (one, other):
        wait_until(lambda ref=ref: says in ask(ref, GetHealth(), 10.0).error, says)  # type: ignore[misc]
    with server.client() as client:
        assert client.hget(KEYS.lead, "owner") == b"later"


def test_a_right_that_is_missing_is_said_and_what_it_stops_is_not_done(
    server: Valkey, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-time")
    one, supervisor = world.machine()
    one.tell(Participate(True))
    assert supervisor.hear().leads is False
    wait_until(lambda: "refuses: " in ask(one, GetHealth(), 10.0).error, "it is said")
    assert "time" in ask(one, GetHealth(), 10.0).error
    assert len([record for record in caplog.records if "refuses: " in record.message]) == 1
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "+time")
    assert supervisor.hear().leads is True
    wait_until(lambda: not ask(one, GetHealth(), 10.0).error, "it is over")
