"""The lists of markets among the sources: asked for by this process itself, or had through the door of another one."""

import pytest

from tests.actors.children import House
from tests.actors.ear import Ear, StandIn
from websocket_v6.actors.membership.place import Placed, Role
from websocket_v6.actors.messages.supervisor import SourceServes, UseSettings
from websocket_v6.actors.sources import Neighbours, Sources
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.secret import HiddenBytes

DOOR = Door("here", HiddenBytes(b"key"), 1, "member", 4711)
ONLY = ("public", "markets")


class World:
    """The sources of public data and of lists, between neighbours that only note."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
        self.house = House(monkeypatch, endpoints=ONLY)
        names = ("registry", "router", "jwt", "membership")
        registry, router, jwt, membership = (StandIn(name, self.house.log).ref for name in names)
        neighbours = Neighbours(registry, router, jwt, membership)
        config = Config(**options)  # type: ignore[arg-type]
        self.sources = Sources(config, Ear().ref, lambda: neighbours, self._attempt, lambda _: None)
        self.sources.brings_lists = True

    def _attempt(self, _: str, start: object) -> bool:
        start()  # type: ignore[operator]
        return True


def test_nobody_asks_before_somebody_needs_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.sources.brings_lists = False
    world.sources.arrange(Placed(Role.HOST))
    assert world.sources.of("markets") == ()
    world.sources.brings_lists = True
    world.sources.arrange(Placed(Role.HOST))
    assert len(world.sources.of("markets")) == 1


def test_a_process_of_its_own_asks_itself_once_however_many_connections_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, redundancy=2)
    world.sources.arrange(Placed(Role.HOST))
    assert world.house.told() == [
        "public 1: start",
        "registry: use connection public 1",
        "public 2: start",
        "registry: use connection public 2",
        "lists 3: start",
        "registry: use door markets 3",  # as one: it is not paced as the exchange's connections are
    ]
    world.sources.use(UseSettings(3, None))
    assert world.house.told() == ["public 4: start", "registry: use connection public 4"]


def test_a_guest_has_them_from_its_host_with_whom_it_shares_public_data(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.sources.arrange(Placed(Role.GUEST, DOOR, ("public",)))
    assert world.house.told("markets 2", "registry") == [
        "registry: use door public 1",
        "markets 2: start",
        "registry: use door markets 2",
    ]
    assert world.house.arguments["markets 2"]["target"].door == DOOR


def test_who_becomes_host_asks_itself_and_the_door_ends_once_there_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.sources.arrange(Placed(Role.GUEST, DOOR, ("public",)))
    world.house.told()
    world.sources.arrange(Placed(Role.HOST))
    assert "registry: use door markets 4 for (2,)" in world.house.told()
    world.sources.serves(SourceServes(4))
    assert "markets 2: stop" in world.house.told()


def test_at_the_door_of_another_machine_they_are_had_there(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, url="ws://127.0.0.1:9/websocket/v1", token="the-token-of-a-door")
    world.sources.arrange(Placed(Role.HOST))
    target = world.house.arguments["markets 2"]["target"]
    assert (target.url, target.needs_keys) == ("ws://127.0.0.1:9/websocket/v1/markets", False)
