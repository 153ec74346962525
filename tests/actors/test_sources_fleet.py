"""Sources of a machine of a fleet: the log, or connections of its own, as its place in the fleet is."""

import itertools
from typing import Any

import msgspec
import pytest

from tests.actors.children import House
from tests.actors.ear import Ear, StandIn
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.log_source import LogSource
from websocket_v6.actors.membership.place import Placed, Role
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import OwnServes, UseFleet
from websocket_v6.actors.messages.registry import UseSource
from websocket_v6.actors.messages.supervisor import FleetPlaced, SourceServes, UseSettings
from websocket_v6.actors.sources import Neighbours, Sources
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.fleet.ids import Keys

HOST = Placed(Role.HOST)
DOOR = Door("door", b"k" * 32, 1, "member", 4711)


class World:
    """Sources of which the public ones are a fleet's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.house = House(monkeypatch)
        monkeypatch.setattr(LogSource, "start", self._start_log)
        names = ("registry", "router", "jwt", "membership")
        registry, router, jwt, membership = (StandIn(name, self.house.log).ref for name in names)
        self._fleets = itertools.count(1)
        self.neighbours = Neighbours(registry, router, jwt, membership)
        self.new_fleet()
        access = LogAccess(Servers("single", (("host", 1),), "host"), Keys("0123456789ab"))
        self.sources = Sources(
            Config(**settings),
            Ear().ref,
            lambda: self.neighbours,
            lambda _, start: (start(), True)[1],  # type: ignore[func-returns-value]
            lambda _: None,
            {"public": access},
        )

    def _start_log(self, **arguments: Any) -> Ref:
        return self.house._make(f"log {arguments['source']}", arguments, {})

    def new_fleet(self) -> Ref:
        ref = StandIn(f"fleet {next(self._fleets)}", self.house.log).ref
        self.neighbours = msgspec.structs.replace(self.neighbours, fleets={"public": ref})
        return ref

    def new_ref(self, name: str) -> Ref:
        return StandIn(name, self.house.log).ref

    def place(self, *, leads: bool, **more: Any) -> None:
        self.sources.places.join(FleetPlaced(self.neighbours.fleets["public"], ("public",), leads, **more))
        self.sources.arrange(HOST)

    def public(self) -> list[str]:
        return [repr(one.ref) for one in self.sources if one.endpoint == "public"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    one = World(monkeypatch)
    one.sources.arrange(HOST)
    return one


def test_what_is_the_fleet_s_waits_for_its_word_and_all_else_does_not(world: World) -> None:
    assert world.public() == []
    assert {one.endpoint for one in world.sources} == {"private", "info"}


def test_who_leads_has_connections_and_who_does_not_reads_the_log(world: World) -> None:
    world.place(leads=False)
    assert world.public() == ["<log 3>"]
    used = world.house.log[-1][1]
    assert isinstance(used, UseSource)
    assert (used.is_paced, used.names_guilty) == (False, True)
    world.sources.arrange(HOST)
    assert world.public() == ["<log 3>"], "as it is"


def test_who_leads_now_reads_no_more(world: World) -> None:
    world.place(leads=False)
    world.place(leads=True)
    assert world.public() == ["<public 4>"]
    assert ("log 3", "stop") in world.house.log


def test_who_leads_no_more_has_its_connection_until_the_log_serves(world: World) -> None:
    world.place(leads=True)
    world.place(leads=False)
    assert world.public() == ["<public 3>", "<log 4>"]
    world.sources.serves(SourceServes(4))
    assert world.public() == ["<log 4>"]


def test_who_leads_again_before_that_keeps_its_connection(world: World) -> None:
    world.place(leads=True)
    world.place(leads=False)
    world.place(leads=True)
    assert world.public() == ["<public 3>"]
    world.sources.serves(SourceServes(4))
    assert world.public() == ["<public 3>"], "what would have taken its place is gone"


def test_who_is_to_lead_next_reads_on_until_its_own_connection_misses_nothing(world: World) -> None:
    world.place(leads=False)
    world.place(leads=False, is_next=True)
    assert world.public() == ["<log 3>", "<public 4>"]
    world.sources.serves(SourceServes(4))
    assert world.public() == ["<public 4>"]
    assert ("fleet 1", OwnServes("public")) in world.house.log
    world.place(leads=True)
    assert world.public() == ["<public 4>"]


@pytest.mark.parametrize("serves", [False, True])
def test_who_is_not_to_lead_after_all_reads_as_before(world: World, serves: bool) -> None:
    world.place(leads=False)
    world.place(leads=False, is_next=True)
    if serves:
        world.sources.serves(SourceServes(4))
    world.place(leads=False)
    assert world.public() == (["<public 4>", "<log 5>"] if serves else ["<log 3>"])
    world.sources.serves(SourceServes(5))
    assert world.public() == ["<log 5>"] * serves + ["<log 3>"] * (not serves)


def test_a_connection_asks_for_the_format_that_the_log_has(world: World) -> None:
    world.place(leads=True, messages="DEFAULT")
    formats = {name: arguments["config"].format for name, arguments in world.house.arguments.items()}
    assert formats == {"public 3": "DEFAULT", "private 1": "SIMPLE", "info 2": "SIMPLE"}


def test_of_another_account_nothing_goes_on_until_its_fleet_has_said(world: World) -> None:
    world.place(leads=False)
    access = LogAccess(Servers("single", (("host", 1),), "host"), Keys("0123456789ab"))
    logs = {"public": access, "private": access._replace(keys=Keys("ba9876543210"))}
    world.sources.use_logs(logs)
    world.sources.arrange(HOST)
    assert {one.endpoint for one in world.sources} == {"public", "info"}
    world.neighbours = msgspec.structs.replace(
        world.neighbours, fleets={**world.neighbours.fleets, "private": world.new_ref("account")}
    )
    world.sources.places.join(FleetPlaced(world.neighbours.fleets["private"], ("private",), True))
    world.sources.arrange(HOST)
    assert {one.endpoint for one in world.sources} == {"public", "info", "private"}
    assert world.public() == ["<log 3>"]


def test_only_connections_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, redundancy=2)
    world.place(leads=False)
    assert world.public() == ["<log 1>"]
    world.sources.use(UseSettings(3, None))
    assert world.public() == ["<log 1>"]
    world.place(leads=True)
    assert len(world.public()) == 3


def test_a_guest_reads_its_host_s_door_whatever_the_fleet_is(world: World) -> None:
    world.place(leads=False)
    world.sources.places.leave(("public",))
    world.sources.arrange(Placed(Role.GUEST, DOOR, ("public",)))
    assert world.public() == ["<log 3>", "<public 4>"]
    world.sources.serves(SourceServes(4))
    assert world.public() == ["<public 4>"]


def test_another_fleet_actor_is_made_known(world: World) -> None:
    world.place(leads=False)
    ref = world.new_fleet()
    world.sources.bring_up()
    assert world.house.log[-1] == ("log 3", UseFleet(ref))
    before = len(world.house.log)
    world.sources.bring_up()
    assert len(world.house.log) == before
