"""What brings an endpoint's data, and who takes whose place; connections and links only note what they are told."""

import gc
import sys
from collections.abc import Callable

import msgspec
import pytest

from tests.actors.children import House
from tests.actors.ear import Ear, StandIn, there
from websocket_v6.actors.base import actor_of, stop_and_join, tell
from websocket_v6.actors.connection.connection import Connection, ConnectionInheritance
from websocket_v6.actors.markets.market_source import MarketSource
from websocket_v6.actors.membership.place import Placed, Role
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.registry import UseSource
from websocket_v6.actors.messages.supervisor import Renew, SourceServes, UseSettings
from websocket_v6.actors.sources import Neighbours, Source, Sources
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.connection.target import Target, door_target, remote_target
from websocket_v6.protocol.supervision.steps import Gone, Stopped

ENDPOINTS = ("public", "private", "info")
DOOR = Door("door", b"k" * 32, 1, "member", 4711)
NEW = msgspec.structs.replace(DOOR, address="new", term=2)


class World:
    """Sources between neighbours that only note."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
        self.house = House(monkeypatch)
        names = ("registry", "router", "jwt", "membership")
        registry, router, jwt, membership = (StandIn(name, self.house.log).ref for name in names)
        self.neighbours = Neighbours(registry, router, jwt, membership)
        self.supervisor = Ear().ref
        self.waiting: set[str] = set()  # parts for which it is too soon
        self.noted: list[Stopped | Gone] = []
        self.sources = Sources(config, self.supervisor, lambda: self.neighbours, self._attempt, self.noted.append)

    def _attempt(self, part: str, start: Callable[[], None]) -> bool:
        if part in self.waiting:
            return False
        start()
        return True

    def told(self, *who: str) -> list[str]:
        return self.house.told(*who)

    def own(self) -> list[str]:
        """Have this process use connections of its own; return their names."""
        self.sources.arrange(Placed(Role.HOST))
        self.told()
        return [repr(source.ref) for source in self.sources]

    def guest(self, *shared: str, door: Door = DOOR) -> None:
        """Have this process be the guest of a host that shares these."""
        self.sources.arrange(Placed(Role.GUEST, door, shared))

    def named(self, name: str) -> Source:
        (source,) = (one for one in self.sources if f"{one.endpoint} {one.number}" == name)
        return source

    def renew(self, name: str, why: str = "age") -> None:
        self.sources.renew(Renew(self.house.made[name].ref, why))  # type: ignore[arg-type]

    def present(self) -> list[str]:
        return [f"{one.endpoint} {one.number}" for one in self.sources]


Make = Callable[..., World]


def starts(told: list[str]) -> list[str]:
    return [one.removesuffix(": start") for one in told if one.endswith(": start")]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda **options: World(monkeypatch, Config(**options))


@pytest.fixture
def world(make: Make) -> World:
    return make()


# --- connections of this process


@pytest.mark.parametrize("role", [Role.HOST, Role.EMBEDDED])
def test_each_endpoint_has_a_connection(world: World, role: Role) -> None:
    world.sources.arrange(Placed(role))
    assert world.told() == [
        "public 1: start",
        "registry: use connection public 1",
        "private 2: start",
        "registry: use connection private 2",
        "info 3: start",
        "registry: use connection info 3",
    ]
    world.sources.arrange(Placed(role))
    assert world.told() == [], "as it is"
    for number, endpoint in enumerate(ENDPOINTS, 1):
        assert [repr(ref) for ref in world.sources.of(endpoint)] == [f"<{endpoint} {number}>"]


def test_a_process_that_looks_for_its_host_has_none_yet(world: World) -> None:
    world.sources.arrange(Placed(Role.LOOKING))
    assert world.told() == []
    world.own()
    world.sources.arrange(Placed(Role.LOOKING))
    assert world.told() == [], "those it has go on"


def test_each_has_as_many_as_configured(make: Make) -> None:
    world = make(redundancy=3)
    world.own()
    assert [len(world.sources.of(endpoint)) for endpoint in ENDPOINTS] == [3, 3, 3]
    assert not any(source.heir_of for source in world.sources)


def test_what_a_connection_is_made_with(make: Make) -> None:
    world = make(access_key="a" * 40, secret_key="s" * 40, url="wss://api.example/websocket/v1")
    world.own()
    public, private, info = (world.house.arguments[name] for name in ("public 1", "private 2", "info 3"))
    assert public["target"] == Target("wss://api.example/websocket/v1", splits=True)
    assert private["target"] == Target("wss://api.example/websocket/v1/private", needs_keys=True)
    assert info["target"] == Target("wss://api.example/websocket/v1/info", needs_keys=True)
    config = public["config"]
    assert (config.access_key, config.secret_key) == (None, None), "keys are another's"
    assert public["router"] == world.neighbours.router
    assert public["jwt"] == world.neighbours.jwt
    assert public["supervisor"] == world.supervisor
    assert public["inheritance"] is None


def test_what_is_known_of_a_source(world: World) -> None:
    world.own()
    source = world.named("private 2")
    assert world.sources.by_ref(there(source.ref)) == source
    assert world.sources.by_ref(Ear().ref) is None


# --- through a host's door instead


def test_a_guest_has_what_is_shared_through_the_door_and_the_rest_itself(world: World) -> None:
    world.guest("public", "info")
    assert world.told() == [
        "public 1: start",
        "registry: use door public 1",
        "private 2: start",
        "registry: use connection private 2",
        "info 3: start",
        "registry: use door info 3",
    ]
    targets = [world.house.arguments[name]["target"] for name in ("public 1", "private 2", "info 3")]
    assert [one.door for one in targets] == [DOOR, None, DOOR]
    assert targets[0] == door_target(DOOR)
    world.guest("public", "info")
    assert world.told() == [], "told again"


def test_what_serves_goes_on_until_the_door_does(world: World) -> None:
    world.own()
    world.guest(*ENDPOINTS)
    assert world.told() == [
        "public 4: start",
        "registry: use door public 4 for (1,)",
        "private 5: start",
        "registry: use door private 5 for (2,)",
        "info 6: start",
        "registry: use door info 6 for (3,)",
    ]
    world.sources.serves(SourceServes(5))
    assert world.told() == ["private 2: Resign", "private 2: stop", "registry: drop private 2"]
    assert world.present() == ["public 1", "info 3", "public 4", "private 5", "info 6"]


def test_all_of_several_end_when_the_door_serves(make: Make) -> None:
    world = make(redundancy=2)
    world.own()
    world.guest("public")
    assert "registry: use door public 7 for (1, 2)" in world.told(), "one is enough through a door"
    world.sources.serves(SourceServes(7))
    assert world.told()[2::3] == ["registry: drop public 1", "registry: drop public 2"]


def test_another_host_follows_in_the_same_way(world: World) -> None:
    world.guest(*ENDPOINTS)
    world.told()
    world.guest(*ENDPOINTS, door=NEW)
    assert world.told()[:2] == ["public 4: start", "registry: use door public 4 for (1,)"]
    assert world.house.arguments["public 4"]["target"].door == NEW
    world.sources.serves(SourceServes(5))
    world.sources.serves(SourceServes(4))
    assert world.told("registry", "membership") == ["registry: drop private 2", "registry: drop public 1"]
    world.sources.serves(SourceServes(6))
    assert world.told() == ["info 3: Resign", "info 3: stop", "membership: release door", "registry: drop info 3"]


def test_who_becomes_the_host_takes_over_with_as_many_as_configured(make: Make) -> None:
    world = make(redundancy=2)
    world.guest(*ENDPOINTS)
    world.told()
    world.sources.arrange(Placed(Role.HOST))
    assert world.told("registry") == [
        "registry: use connection public 4 for (1,)",
        "registry: use connection public 5",
        "registry: use connection private 6 for (2,)",
        "registry: use connection private 7",
        "registry: use connection info 8 for (3,)",
        "registry: use connection info 9",
    ]
    world.sources.arrange(Placed(Role.HOST))
    assert world.told() == []
    world.sources.serves(SourceServes(5))
    assert world.told() == [], "it is heir of none"
    world.sources.serves(SourceServes(6, is_refused=True))
    assert world.told() == [], "the old host has other keys, or better ones"
    world.sources.serves(SourceServes(4))
    assert world.told() == ["public 1: Resign", "public 1: stop", "registry: drop public 1"]


def test_what_is_shared_no_more_ends_at_once_and_the_process_connects_itself(world: World) -> None:
    world.guest(*ENDPOINTS)
    world.told()
    world.guest("public")
    assert world.told() == [
        "private 2: Resign",
        "private 2: stop",
        "registry: drop private 2",
        "private 4: start",
        "registry: use connection private 4",
        "info 3: Resign",
        "info 3: stop",
        "registry: drop info 3",
        "info 5: start",
        "registry: use connection info 5",
    ], "nothing of the old keys goes on"


def test_what_is_shared_again_takes_the_place_of_the_own_connection(world: World) -> None:
    world.guest("public")
    world.told()
    world.guest(*ENDPOINTS)
    assert world.told("registry") == ["registry: use door private 4 for (2,)", "registry: use door info 5 for (3,)"]


@pytest.mark.parametrize("redundancy", [1, 2])
def test_what_was_to_be_shared_and_is_not_after_all_is_renewed(make: Make, redundancy: int) -> None:
    """Keys that were the host's for a moment: the old ones' connection is there still, and nobody was to renew it."""
    world = make(redundancy=redundancy)
    world.guest("public", "info")
    world.guest(*ENDPOINTS)
    own = [one for one in world.present() if one.startswith("private")][:redundancy]
    world.renew(own[0], "keys")
    world.told()
    world.guest("public", "info")
    there = [one for one in world.present() if one.startswith("private") and one not in own]
    assert len(there) == redundancy
    heir = world.named(there[0])
    assert heir.door is None
    assert [f"private {number}" for number in heir.heir_of] == own
    world.sources.serves(SourceServes(heir.number, is_refused=True))
    assert not set(own) & set(world.present()), "nothing of the old keys goes on"
    world.told()
    world.guest("public", "info")
    assert world.told() == [], "as it is"


def test_who_has_lost_its_host_keeps_what_there_is_until_it_knows_more(world: World) -> None:
    world.guest("public", "info")
    world.told()
    world.sources.arrange(Placed(Role.LOOKING))
    assert world.told() == [], "what leads through a door says itself that it is lost"
    assert world.present() == ["public 1", "private 2", "info 3"]
    world.sources.arrange(Placed(Role.HOST))
    assert world.told("registry") == [
        "registry: use connection public 4 for (1,)",
        "registry: use connection info 5 for (3,)",
    ]


# --- one after the other


def test_a_connection_is_renewed_by_one_that_serves_before_it_ends(world: World) -> None:
    world.own()
    world.renew("public 1")
    assert world.told() == ["public 4: start", "registry: use connection public 4 for (1,)"]
    assert world.house.arguments["public 4"]["inheritance"] is None
    world.renew("public 1")
    assert world.told() == [], "asked again: the heir is on its way"
    assert world.sources.has_heir(world.named("public 1"))
    assert not world.sources.has_heir(world.named("public 4"))
    world.sources.serves(SourceServes(4))
    assert world.told() == ["public 1: Resign", "public 1: stop", "registry: drop public 1"]
    world.sources.serves(SourceServes(4))
    assert world.told() == []
    world.renew("public 4")
    assert world.told() == ["public 5: start", "registry: use connection public 5 for (4,)"]


def test_only_one_of_several_is_renewed(make: Make) -> None:
    world = make(redundancy=2)
    world.own()
    world.renew("public 2")
    assert world.told() == ["public 7: start", "registry: use connection public 7 for (2,)"]
    world.sources.serves(SourceServes(7))
    assert world.told()[-1] == "registry: drop public 2"
    assert [repr(ref) for ref in world.sources.of("public")] == ["<public 1>", "<public 7>"]


@pytest.mark.parametrize(("why", "ends"), [("age", False), ("parts", False), ("keys", True)])
def test_refused_keys_end_only_what_was_not_to_be_used_any_more(world: World, why: str, ends: bool) -> None:
    world.own()
    world.renew("private 2", why)
    world.told()
    world.sources.serves(SourceServes(4, is_refused=True))
    assert world.told() == (["private 2: Resign", "private 2: stop", "registry: drop private 2"] if ends else [])
    world.sources.serves(SourceServes(4))
    assert world.present() == ["public 1", "info 3", "private 4"], "once it serves, in either case"


def test_refused_keys_end_nothing_beside_a_door(world: World) -> None:
    world.own()
    world.guest("private")
    world.told()
    world.sources.serves(SourceServes(4, is_refused=True))
    assert world.told() == []


def test_an_heir_that_is_renewed_before_it_serves_leaves_no_third(world: World) -> None:
    world.own()
    world.renew("private 2")
    world.renew("private 4", "keys")
    assert world.told()[-1] == "registry: use connection private 5 for (4, 2)"
    world.sources.serves(SourceServes(5))
    assert world.present() == ["public 1", "info 3", "private 5"]


def test_who_is_gone_is_neither_renewed_nor_waited_for(world: World) -> None:
    world.own()
    world.sources.renew(Renew(Ear().ref, "age"))
    world.sources.serves(SourceServes(99))
    assert world.told() == []


def test_new_keys_are_told_to_the_connections(world: World) -> None:
    world.own()
    world.sources.change_keys(KeysChanged(2), is_other_account=True)
    told = world.told()
    ended = ["private 2: Resign", "private 2: stop", "registry: drop private 2"]
    assert told[:3] == ended, "what is another account's has ended before anything else"
    assert told[3:] == [
        "private 4: start",
        "registry: use connection private 4",
        "public 1: keys 2",
        "info 3: keys 2",
        "private 4: keys 2",
    ]
    assert not world.named("private 4").heir_of, "it is no sequel"


def test_with_new_keys_of_the_same_account_what_serves_goes_on_until_it_is_renewed(world: World) -> None:
    world.own()
    world.sources.change_keys(KeysChanged(2), is_other_account=False)
    assert world.told() == ["public 1: keys 2", "private 2: keys 2", "info 3: keys 2"]


def test_with_new_keys_all_that_is_the_accounts_begins_anew(make: Make) -> None:
    world = make(redundancy=2)
    own = [one for one in world.own() if "private" in one]
    assert own == ["<private 3>", "<private 4>"]
    world.renew("private 3")
    world.told()
    world.sources.change_keys(KeysChanged(2), is_other_account=True)
    assert [one for one in world.present() if one.startswith("private")] == ["private 8", "private 9"]
    world.sources.arrange(Placed(Role.HOST))
    assert not starts(world.told("private 10")), "as it is"


def test_a_guest_with_new_keys_ends_what_came_through_the_door_and_what_was_to(world: World) -> None:
    world.guest(*ENDPOINTS)
    world.told()
    world.sources.change_keys(KeysChanged(2), is_other_account=True)
    assert world.present() == ["public 1", "info 3"], "its place says where the account's comes from now"
    world.guest("public", "info")
    world.guest(*ENDPOINTS)
    assert world.present() == ["public 1", "info 3", "private 4", "private 5"]
    world.told()
    world.sources.change_keys(KeysChanged(3), is_other_account=True)
    assert [one for one in world.present() if one.startswith("private")] == ["private 6"]
    assert world.named("private 6").door is None


# --- the end


def test_one_that_has_failed_has_a_successor_that_begins_with_what_it_left(world: World) -> None:
    world.own()
    part = world.named("private 2").part
    world.sources.lost(world.named("private 2"), ConnectionInheritance(failures=7))
    assert world.told() == ["registry: drop private 2"]
    heir = world.named("private 4")
    assert (heir.ref, heir.part) == (None, part), "there, and not running"
    assert world.sources.of("private") == ()
    world.waiting.add(part)
    world.sources.bring_up()
    assert world.told() == [], "too soon"
    world.waiting.clear()
    world.sources.bring_up()
    assert world.told() == ["private 4: start", "registry: use connection private 4"]
    assert world.house.arguments["private 4"]["inheritance"] == ConnectionInheritance(failures=7)
    world.sources.lost(world.named("private 4"), None)
    assert world.named("private 5").part == part, "whoever is called so, it is the same place"
    assert world.noted == []


def test_one_that_waits_is_a_source_all_the_same(world: World) -> None:
    world.own()
    world.sources.lost(world.named("public 1"), None)
    world.told()
    world.sources.arrange(Placed(Role.HOST))
    assert world.present() == ["private 2", "info 3", "public 4"], "and no other beside it"
    world.sources.bring_up()
    assert starts(world.told()) == ["public 4"]
    world.waiting.add(world.named("public 4").part)
    world.sources.lost(world.named("public 4"), None)
    part = world.named("public 5").part
    world.guest("public")
    assert starts(world.told()) == ["public 6"], "what was to lead elsewhere is not started any more"
    assert world.present() == ["private 2", "info 3", "public 6"]
    assert world.noted == [Gone(part)]


def test_without_a_router_nothing_is_started_and_the_registry_hears_of_nothing(world: World) -> None:
    world.own()
    there = world.neighbours
    world.sources.take_down(("public",))
    world.neighbours = msgspec.structs.replace(there, router=None)
    world.sources.bring_up()
    assert world.told() == ["public 1: Resign", "public 1: stop"]
    world.neighbours = there
    world.sources.bring_up()
    assert world.told() == ["registry: drop public 1", "public 4: start", "registry: use connection public 4"]
    assert world.house.arguments["public 4"]["inheritance"] == ConnectionInheritance(failures=1)
    assert world.noted == [Stopped(world.named("public 4").part)]


def test_without_keys_the_public_one_is_started_alone(world: World) -> None:
    there = world.neighbours
    world.neighbours = msgspec.structs.replace(there, has_keys=False)
    world.sources.arrange(Placed(Role.HOST))
    assert starts(world.told()) == ["public 1"]
    world.neighbours = there
    world.sources.bring_up()
    assert starts(world.told()) == ["private 2", "info 3"]


def test_a_heir_of_one_that_failed_is_enough(world: World) -> None:
    world.own()
    world.renew("public 1")
    part = world.named("public 1").part
    world.sources.lost(world.named("public 1"), None)
    assert world.present() == ["private 2", "info 3", "public 4"]
    assert world.noted == [Gone(part)]


def test_in_the_end_all_are_stopped_and_the_door_is_released(world: World) -> None:
    world.guest("public", "info")
    world.told()
    world.sources.close()
    told = world.told()
    assert [one for one in told if "stop" in one] == ["public 1: stop", "private 2: stop", "info 3: stop"]
    assert [one for one in told if "release" in one] == ["membership: release door"], "once, with the last of it"
    assert world.present() == []
    world.sources.serves(SourceServes(1))
    assert world.told() == []


def test_the_registry_hears_which_sources_the_exchange_paces_and_which_name_the_guilty(world: World) -> None:
    world.guest("public")
    uses = [what for _, what in world.house.log if isinstance(what, UseSource)]
    assert [(one.source, one.is_paced, one.names_guilty) for one in uses] == [
        (1, False, True),
        (2, True, False),
        (3, True, False),
    ]


def test_a_host_of_another_machine_is_no_exchange(make: Make) -> None:
    world = make(url="wss://other.example:9443/websocket/v1", token="t" * 32, redundancy=1)
    world.sources.arrange(Placed(Role.EMBEDDED))
    assert world.told("registry") == [
        "registry: use door public 1",
        "registry: use door private 2",
        "registry: use door info 3",
    ]
    targets = [world.house.arguments[name]["target"] for name in ("public 1", "private 2", "info 3")]
    assert [(one.is_remote, one.is_paced, one.needs_keys) for one in targets] == [
        (True, False, False),
        (True, False, True),
        (True, False, True),
    ]


# --- what those who use the connections want together


def settings(redundancy: int = 1, max_age: float | None = None) -> UseSettings:
    return UseSettings(redundancy=redundancy, max_age=max_age)


def test_more_are_started_beside_what_there_is(world: World) -> None:
    world.own()
    world.sources.use(settings(redundancy=2))
    assert [told for told in world.told() if "use" in told] == [
        "registry: use connection public 4",
        "registry: use connection private 5",
        "registry: use connection info 6",
    ], "heirs of none"
    world.sources.use(settings(redundancy=2))
    assert world.told() == [], "as it is"


def test_what_is_too_much_ends_when_its_heir_serves(make: Make) -> None:
    world = make(redundancy=3)
    world.own()
    world.sources.use(settings(redundancy=1))
    assert [told for told in world.told() if "use" in told] == [
        "registry: use connection public 10 for (1, 2, 3)",
        "registry: use connection private 11 for (4, 5, 6)",
        "registry: use connection info 12 for (7, 8, 9)",
    ], "any of them may be the only one that is open, so none ends yet"
    world.sources.use(settings(redundancy=1))
    assert world.told() == [], "as it is"
    world.sources.serves(SourceServes(10))
    assert [told for told in world.told() if "drop" in told] == [
        f"registry: drop public {number}" for number in (1, 2, 3)
    ]
    assert [repr(ref) for ref in world.sources.of("public")] == ["<public 10>"]


def test_what_stays_of_several_is_not_renewed(make: Make) -> None:
    world = make(redundancy=3)
    world.own()
    world.sources.use(settings(redundancy=2))
    assert [told for told in world.told() if "use" in told and "public" in told] == [
        "registry: use connection public 10 for (2, 3)"
    ]


def test_an_heir_that_is_too_much_leaves_none_behind(make: Make) -> None:
    world = make(redundancy=2)
    world.own()
    world.renew("public 2")
    world.sources.use(settings(redundancy=1))
    world.told()
    world.sources.serves(SourceServes(8))
    assert [repr(ref) for ref in world.sources.of("public")] == ["<public 8>"]


def test_fewer_of_another_age_are_all_new(make: Make) -> None:
    world = make(redundancy=3)
    world.own()
    world.sources.use(settings(redundancy=2, max_age=60.0))
    assert [told for told in world.told() if "use" in told and "public" in told] == [
        "registry: use connection public 10 for (2, 3)",
        "registry: use connection public 11 for (1,)",
    ]


def test_what_is_to_end_soon_does_not_count(world: World) -> None:
    world.own()
    world.renew("public 1")
    world.told()
    world.sources.use(settings(redundancy=1))
    assert world.told() == []
    world.sources.use(settings(redundancy=2))
    assert [told for told in world.told() if "public" in told and "use" in told] == [
        "registry: use connection public 5"
    ]
    world.sources.serves(SourceServes(4))
    assert [repr(ref) for ref in world.sources.of("public")] == ["<public 4>", "<public 5>"]


def test_another_age_is_that_of_new_connections(world: World) -> None:
    world.own()
    world.sources.use(settings(max_age=3600.0))
    assert [told for told in world.told() if "use" in told] == [
        "registry: use connection public 4 for (1,)",
        "registry: use connection private 5 for (2,)",
        "registry: use connection info 6 for (3,)",
    ]
    ages = [world.house.arguments[name]["config"].max_age for name in ("public 1", "public 4", "info 6")]
    assert ages == [None, 3600.0, 3600.0]
    world.sources.use(settings(max_age=60.0))
    assert world.told()[1] == "registry: use connection public 7 for (4, 1)", "it takes the place of both"


def test_a_door_is_nobodys_to_double(world: World) -> None:
    world.guest("public")
    world.told()
    world.sources.use(settings(redundancy=2, max_age=60.0))
    told = [one for one in world.told() if "use" in one]
    assert not [one for one in told if "public" in one]
    assert told == [
        "registry: use connection private 4",
        "registry: use connection private 5 for (2,)",
        "registry: use connection info 6",
        "registry: use connection info 7 for (3,)",
    ]


def test_who_becomes_the_host_later_has_as_many_as_are_wanted_by_then(world: World) -> None:
    world.guest(*ENDPOINTS)
    world.sources.use(settings(redundancy=2))
    world.told()
    world.sources.arrange(Placed(Role.HOST))
    assert [len(world.sources.of(endpoint)) for endpoint in ENDPOINTS] == [3, 3, 3], "with the one through the door"


def test_the_door_of_another_machine_is_one_whatever_is_wanted(make: Make) -> None:
    world = make(url="wss://other.example:9443/websocket/v1", token="t" * 32, redundancy=2)
    world.own()
    assert world.present() == ["public 1", "private 2", "info 3"]
    world.sources.use(settings(redundancy=3, max_age=60.0))
    assert world.told() == []
    assert world.present() == ["public 1", "private 2", "info 3"]
    target = world.house.arguments["private 2"]["target"]
    assert target == remote_target("wss://other.example:9443/websocket/v1/private", needs_keys=True)
    assert world.house.arguments["private 2"]["config"].token is None, "it is another's"


def test_the_door_of_another_machine_is_renewed_for_new_keys(make: Make) -> None:
    world = make(url="wss://other.example:9443/websocket/v1", token="t" * 32)
    world.own()
    world.renew("private 2", "keys")
    assert world.told() == ["private 4: start", "registry: use door private 4 for (2,)"]
    assert world.house.arguments["private 4"]["target"].is_remote


def test_a_process_of_this_machine_goes_before_the_other_one(make: Make) -> None:
    world = make(url="wss://other.example:9443/websocket/v1", token="t" * 32)
    world.guest("public")
    assert world.house.arguments["public 1"]["target"] == door_target(DOOR)
    assert world.house.arguments["private 2"]["target"].is_remote


def test_what_a_dead_connection_leaves_is_there_however_late_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ends lets go of its actor; with it the successor would forget that it is to wait for a block."""
    registry, router, jwt = (StandIn(name).ref for name in ("registry", "router", "jwt"))
    neighbours = Neighbours(registry, router, jwt, None)

    def attempt(_: str, start: Callable[[], None]) -> bool:
        start()
        return True

    sources = Sources(Config(), Ear().ref, lambda: neighbours, attempt, lambda _: None)
    sources.brings_lists = True
    sources.arrange(Placed(Role.EMBEDDED))
    sources.bring_up()
    refs = [there(source.ref) for source in sources]
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "on_receive", lambda *_: sys.exit())
        patch.setattr(Connection, "on_failure", lambda *_: None)  # it dies without a word, which would hold it
        for ref in refs:
            tell(ref, "go")
            assert stop_and_join(ref, 10.0)
    gc.collect()
    assert [type(actor_of(ref)) for ref in refs] == [Connection] * 3 + [MarketSource]
