"""The supervisor among children that only note what they are told: who is started, replaced and stopped, and when."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.actors.children import KINDS
from tests.actors.ear import Ear, StandIn
from tests.actors.supervised import BUG, TIMEOUT, World
from websocket_v6.actors import supervisor as subject
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.connection.connection import ConnectionInheritance
from websocket_v6.actors.demand.registry import RegistryInheritance
from websocket_v6.actors.jwt import JwtInheritance, KeysReplaced
from websocket_v6.actors.membership.place import HandOver, Placed, Role
from websocket_v6.actors.messages.common import GetInheritance
from websocket_v6.actors.messages.component import EngineFailed
from websocket_v6.actors.messages.registry import ComponentGone, Watch
from websocket_v6.actors.messages.router import RouterInheritance
from websocket_v6.actors.messages.supervisor import Failed, Renew, SourceServes
from websocket_v6.actors.server.server import Server
from websocket_v6.actors.supervisor import AwaitPlace, Children, GetChildren, Join, Quit, Supervisor
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.errors import EngineError

DOOR = Door("door", b"k" * 32, 1, "member", 4711)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make_one(*, shares: bool = False, real: tuple[str, ...] = ()) -> World:
        made.append(World(monkeypatch, tmp_path if shares else None, real=real))
        return made[-1]

    yield make_one
    for one in made:
        one.stop()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """Return one that shares with nobody, and has started."""
    one = make()
    one.start()
    one.told()
    return one


@pytest.fixture
def sharing(make: Callable[..., World]) -> World:
    """Return one that shares with others, and looks for its place."""
    one = make(shares=True)
    one.start()
    one.told()
    return one


def starts(told: list[str]) -> list[str]:
    return [one.removesuffix(": start") for one in told if one.endswith(": start")]


def stops(told: list[str]) -> list[str]:
    return [one.removesuffix(": stop") for one in told if one.endswith(": stop")]


# --- start and stop


def test_children_start_in_order_of_dependency_and_hear_of_each_other(make: Callable[..., World]) -> None:
    world = make()
    children = world.start()
    assert world.told() == [
        "jwt 1: start",
        "registry 1: start",
        "router 1: start",
        "router 1: use <registry 1>",
        "registry 1: use <router 1> after {}",
        "public 1: start",
        "registry 1: use connection public 1",
        "private 2: start",
        "registry 1: use connection private 2",
        "info 3: start",
        "registry 1: use connection info 3",
    ]
    made = world.house.made
    assert children == Children(
        made["jwt 1"].ref,
        made["registry 1"].ref,
        made["router 1"].ref,
        {
            "public": (made["public 1"].ref,),
            "private": (made["private 2"].ref,),
            "info": (made["info 3"].ref,),
        },
        None,
    )
    world.children()
    assert world.told() == [], "once"


def test_a_supervisor_that_nobody_has_asked_starts_nothing(make: Callable[..., World]) -> None:
    world = make()
    world.ref = Supervisor.start(Config())
    tell(world.ref, KeysReplaced(2))
    assert world.told() == []
    assert stop_and_join(world.ref, TIMEOUT)
    assert world.house.told() == []


def test_children_stop_in_reverse(make: Callable[..., World]) -> None:
    world = make(shares=True)
    world.start(config=Config(backfill=True))
    world.place(Role.HOST)
    world.told()
    assert stop_and_join(world.ref, TIMEOUT)
    told = world.house.told()
    assert stops(told) == [
        "public 1",
        "private 2",
        "info 3",
        "membership 1",
        "backfill 1",
        "router 1",
        "registry 1",
        "jwt 1",
    ]
    assert told.index("registry 1: drop info 3") < told.index("registry 1: stop")


def test_what_each_child_is_made_with(make: Callable[..., World], tmp_path: Path) -> None:
    world = make(shares=True)
    config = Config(access_key="a" * 40, secret_key="s" * 40, backfill=True)
    world.start(config=config, serves=True)
    made, arguments = world.house.made, world.house.arguments
    bare = config.without_keys()
    assert arguments["jwt 1"] == {"config": config, "owner": world.ref, "inheritance": None}
    assert arguments["registry 1"] == {"config": bare, "supervisor": world.ref, "inheritance": None}
    assert arguments["router 1"] == {"supervisor": world.ref, "inheritance": None}
    assert arguments["backfill 1"] == {
        "config": bare,
        "router": made["router 1"].ref,
        "registry": made["registry 1"].ref,
        "supervisor": world.ref,
    }
    membership = arguments["membership 1"]
    start_server = membership.pop("start_server")
    assert (start_server.func, start_server.args) == (Server.start, ())
    assert start_server.keywords == {
        "config": bare,
        "registry": made["registry 1"].ref,
        "router": made["router 1"].ref,
    }
    assert membership == {
        "config": bare,
        "folder": tmp_path,
        "jwt": made["jwt 1"].ref,
        "supervisor": world.ref,
        "serves": True,
    }
    assert "router 1: use <backfill 1>" in world.told()


def test_who_shares_with_nobody_cannot_start_a_membership(world: World) -> None:
    actor: Any = world.ref._actor_weakref()
    with pytest.raises(LookupError):
        actor._start_child("membership")


# --- components


def test_a_component_is_watched_from_when_it_joins(world: World) -> None:
    component = Ear().ref
    assert ask(world.ref, Join("one", component), TIMEOUT) == world.children()
    assert world.house.log == [("registry 1", Watch("one", component))]
    assert world.told() == ["registry 1: watch one"]
    ask(world.ref, Quit("one"), TIMEOUT)
    assert world.house.log == [("registry 1", ComponentGone("one"))]


def test_the_first_component_starts_the_engine(make: Callable[..., World]) -> None:
    world = make()
    world.ref = Supervisor.start(Config())
    ask(world.ref, Join("one", Ear().ref), TIMEOUT)
    told = world.told()
    assert starts(told)[0] == "jwt 1"
    assert told[-1] == "registry 1: watch one"
    assert stop_and_join(world.ref, TIMEOUT)


# --- what is replaced with what


def test_a_jwt_is_replaced_alone_with_what_needs_keys(world: World) -> None:
    left = JwtInheritance(None, 3)
    assert world.fail("jwt 1", left) == [
        "private 2: Resign",
        "private 2: stop",
        "info 3: Resign",
        "info 3: stop",
        "jwt 2: start",
        "registry 1: drop private 2",
        "registry 1: drop info 3",
        "private 4: start",
        "registry 1: use connection private 4",
        "info 5: start",
        "registry 1: use connection info 5",
    ]
    assert world.house.arguments["jwt 2"]["inheritance"] is left
    assert world.house.arguments["private 4"]["jwt"] == world.house.made["jwt 2"].ref
    assert world.house.arguments["private 4"]["inheritance"] == ConnectionInheritance(failures=2)


def test_a_router_is_replaced_with_all_that_bring_it_data_and_the_registry_hears_in_order(world: World) -> None:
    left = RouterInheritance({}, {"public": 77, "info": 78})
    assert world.fail("router 1", left) == [
        "public 1: Resign",
        "public 1: stop",
        "private 2: Resign",
        "private 2: stop",
        "info 3: Resign",
        "info 3: stop",
        "router 2: start",
        "router 2: use <registry 1>",
        "registry 1: use <router 2> after {'public': 77, 'info': 78}",
        "registry 1: drop public 1",
        "registry 1: drop private 2",
        "registry 1: drop info 3",
        "public 4: start",
        "registry 1: use connection public 4",
        "private 5: start",
        "registry 1: use connection private 5",
        "info 6: start",
        "registry 1: use connection info 6",
    ]
    assert world.house.arguments["router 2"]["inheritance"] is left
    assert world.house.arguments["public 4"]["router"] == world.house.made["router 2"].ref
    assert world.house.arguments["public 4"]["inheritance"] == ConnectionInheritance(failures=1)


def test_a_registry_is_replaced_with_a_router_that_is_asked_for_its_last_words(world: World) -> None:
    left = RegistryInheritance({}, {}, {})
    told = world.fail("registry 1", left)
    assert told[6:] == [
        "router 1: GetInheritance",
        "router 1: stop",
        "registry 2: start",
        "router 2: start",
        "router 2: use <registry 2>",
        "registry 2: use <router 2> after {'public': 5}",
        "registry 2: drop public 1",
        "registry 2: drop private 2",
        "registry 2: drop info 3",
        "public 4: start",
        "registry 2: use connection public 4",
        "private 5: start",
        "registry 2: use connection private 5",
        "info 6: start",
        "registry 2: use connection info 6",
    ]
    assert stops(told[:6]) == ["public 1", "private 2", "info 3"]
    assert world.house.arguments["registry 2"]["inheritance"] is left
    assert world.house.arguments["router 2"]["inheritance"] == RouterInheritance({}, {"public": 5})
    world.fail("jwt 1")
    told = world.fail("registry 2")
    assert world.house.arguments["registry 3"]["inheritance"] is None, "what was inherited once is not again"
    assert world.children().registry == world.house.made["registry 3"].ref


def test_without_last_words_of_the_router_nothing_is_known_to_be_delivered(world: World) -> None:
    world.house.made["router 1"].answers[GetInheritance] = None
    assert "registry 2: use <router 2> after {}" in world.fail("registry 1")
    assert world.house.arguments["router 2"]["inheritance"] is None


def test_a_router_that_dies_while_the_registry_does_leaves_it_itself(world: World) -> None:
    world.house.made["router 1"].is_dead = True
    assert "registry 2: use <router 2> after {}" in world.fail("registry 1")
    assert world.fail("router 1", RouterInheritance({}, {})) == [], "it is replaced already"


def test_backfill_is_replaced_alone(make: Callable[..., World]) -> None:
    world = make()
    world.start(config=Config(backfill=True))
    assert world.fail("backfill 1") == ["backfill 2: start", "router 1: use <backfill 2>"]
    told = world.fail("router 1")
    assert stops(told) == ["public 1", "private 2", "info 3", "backfill 2"]
    assert starts(told)[:2] == ["router 2", "backfill 3"]
    assert "router 2: use <backfill 3>" in told
    assert world.house.arguments["backfill 3"]["router"] == world.house.made["router 2"].ref


def test_a_connection_is_replaced_alone(world: World) -> None:
    left = ConnectionInheritance(failures=9)
    assert world.fail("private 2", left) == [
        "registry 1: drop private 2",
        "private 4: start",
        "registry 1: use connection private 4",
    ]
    assert world.house.arguments["private 4"]["inheritance"] is left
    assert world.fail("private 2") == [], "told again"


def test_each_failure_is_logged_with_its_reason(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        world.fail("jwt 1")
    assert "the engine's jwt failed and is replaced: RuntimeError('a bug, as told')" in caplog.text


@pytest.mark.parametrize("name", KINDS)
def test_a_failure_of_one_that_was_replaced_already_is_no_news(sharing: World, name: str) -> None:
    stranger = StandIn(name)
    tell(sharing.ref, Failed(name, stranger.ref, BUG))
    assert sharing.told() == []


def test_a_new_registry_knows_who_is_there_before_it_has_a_router(world: World) -> None:
    ask(world.ref, Join("one", Ear().ref), TIMEOUT)
    left = RegistryInheritance({}, {"one": Ear().ref, "guest": Ear().ref}, {})
    told = world.fail("registry 1", left)
    assert [one for one in told if one.startswith("registry 2")][:4] == [
        "registry 2: start",
        "registry 2: watch one",
        "registry 2: gone guest",
        "registry 2: use <router 2> after {'public': 5}",
    ]


# --- sources that are being replaced


def test_a_connection_that_fails_while_its_heir_is_on_its_way_has_no_other(world: World) -> None:
    tell(world.ref, Renew(world.house.made["public 1"].ref, "age"))
    assert world.fail("public 1") == ["registry 1: drop public 1"]
    assert world.children().connections["public"] == (world.house.made["public 4"].ref,)


@pytest.mark.parametrize(("why", "outlives"), [("age", True), ("keys", False)])
def test_an_heir_that_fails_has_a_successor_that_is_heir_as_well(world: World, why: Any, outlives: bool) -> None:
    tell(world.ref, Renew(world.house.made["private 2"].ref, why))
    assert world.fail("private 4") == [
        "registry 1: drop private 4",
        "private 5: start",
        "registry 1: use connection private 5 for (2,)",
    ]
    tell(world.ref, SourceServes(5, is_refused=True))
    assert (stops(world.told()) == []) is outlives


def test_an_heir_has_no_successor_beside_that_of_the_one_it_was_to_replace(world: World) -> None:
    tell(world.ref, Renew(world.house.made["public 1"].ref, "age"))
    told = world.fail("router 1")
    assert [one for one in told if "drop public" in one] == ["registry 1: drop public 1", "registry 1: drop public 4"]
    assert starts(told) == ["router 2", "public 5", "private 6", "info 7"]
    assert not [one for one in told if " for " in one]


def test_an_heir_whose_predecessor_is_gone_has_a_successor(world: World) -> None:
    tell(world.ref, Renew(world.house.made["public 1"].ref, "age"))
    world.fail("public 1")
    assert "public 7" in starts(world.fail("router 1")), "else the endpoint has no source at all"


def test_renewal_goes_through_here(world: World) -> None:
    tell(world.ref, Renew(world.house.made["public 1"].ref, "age"))
    tell(world.ref, SourceServes(4))
    assert world.told() == [
        "public 4: start",
        "registry 1: use connection public 4 for (1,)",
        "public 1: Resign",
        "public 1: stop",
        "registry 1: drop public 1",
    ]


def test_new_keys_are_told_to_connections_and_to_the_other_processes(sharing: World) -> None:
    sharing.place(Role.HOST)
    sharing.told()
    tell(sharing.ref, KeysReplaced(2))
    assert sharing.told() == ["public 1: keys 2", "private 2: keys 2", "info 3: keys 2", "membership 1: keys 2"]


# --- this process among others


def test_who_looks_for_others_connects_once_it_knows_its_place(sharing: World) -> None:
    assert sharing.children().connections == {"public": (), "private": (), "info": ()}
    assert sharing.children().membership == sharing.house.made["membership 1"].ref
    sharing.place(Role.HOST)
    assert starts(sharing.told()) == ["public 1", "private 2", "info 3"]


def test_the_place_is_that_of_the_membership_there_is(sharing: World) -> None:
    for membership in (None, Ear().ref):
        tell(sharing.ref, Placed(Role.HOST, membership=membership))
    assert sharing.told() == []


def await_place(world: World) -> "pykka.Future[Placed]":
    future: pykka.Future[Placed] = pykka.ThreadingFuture()
    tell(world.ref, AwaitPlace(future))
    return future


def test_whoever_waits_for_the_place_is_answered_once_it_is_found(sharing: World) -> None:
    futures = [await_place(sharing) for _ in range(2)]
    sharing.told()
    for future in futures:
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0)
    sharing.place(Role.HOST)
    assert {future.get(timeout=TIMEOUT).role for future in futures} == {Role.HOST}
    assert await_place(sharing).get(timeout=TIMEOUT).role is Role.HOST
    sharing.place(Role.LOOKING)
    future = await_place(sharing)
    sharing.told()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    sharing.place(Role.GUEST)
    assert future.get(timeout=TIMEOUT).role is Role.GUEST


def test_who_shares_with_nobody_knows_its_place(world: World) -> None:
    assert await_place(world).get(timeout=TIMEOUT).role is Role.EMBEDDED


def test_handing_over_is_the_membership_s(sharing: World) -> None:
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    tell(sharing.ref, HandOver(done))
    assert sharing.told() == ["membership 1: HandOver"]
    with pytest.raises(pykka.Timeout):
        done.get(timeout=0)


def test_who_serves_nobody_may_leave_at_once(world: World) -> None:
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    tell(world.ref, HandOver(done))
    assert done.get(timeout=TIMEOUT) is True
    assert world.told() == []


def test_a_membership_is_replaced_and_the_next_place_says_where_data_comes_from(sharing: World) -> None:
    sharing.place(Role.GUEST, DOOR, "public")
    assert sharing.fail("membership 1") == ["membership 2: start"], "what comes through its door goes on while it can"
    future = await_place(sharing)
    sharing.told()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    assert len(sharing.children().connections["private"]) == 1, "own connections go on"
    sharing.place(Role.HOST)
    assert starts(sharing.told()) == ["public 4"]
    assert future.get(timeout=TIMEOUT).role is Role.HOST


def test_doors_go_with_the_router_and_the_next_place_says_where_data_comes_from(sharing: World) -> None:
    sharing.place(Role.GUEST, DOOR, "public")
    assert sharing.fail("router 1") == [
        "public 1: Resign",
        "public 1: stop",
        "membership 1: release door",
        "private 2: Resign",
        "private 2: stop",
        "info 3: Resign",
        "info 3: stop",
        "membership 1: stop",
        "router 2: start",
        "membership 2: start",
        "router 2: use <registry 1>",
        "registry 1: use <router 2> after {}",
        "registry 1: drop public 1",
        "registry 1: drop private 2",
        "registry 1: drop info 3",
        "private 4: start",
        "registry 1: use connection private 4",
        "info 5: start",
        "registry 1: use connection info 5",
    ]
    arguments = sharing.house.arguments["membership 2"]
    assert arguments["start_server"].keywords["router"] == sharing.house.made["router 2"].ref


def test_connections_that_were_to_follow_a_door_have_successors(make: Callable[..., World]) -> None:
    world = make(shares=True)
    world.start(config=Config(redundancy=2))
    world.place(Role.GUEST, DOOR, "public", "private", "info")
    world.place(Role.HOST)
    world.fail("router 1")
    world.place(Role.HOST)
    assert [len(refs) for refs in world.children().connections.values()] == [2, 2, 2]


# --- a crash loop


class Clock:
    """Stands for the module `time` of the supervisor."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(subject, "time", one)
    return one


def crash(world: World, count: int, first: int = 1) -> list[str]:
    """Have one jwt after the other fail; return what follows the last failure."""
    told: list[str] = []
    for number in range(first, first + count):
        told = world.fail(f"jwt {number}")
    return told


def test_a_crash_loop_ends_the_engine_and_all_hear_of_it(
    world: World, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    component, quitter, deaf = Ear(), Ear(), StandIn("deaf")
    deaf.is_dead = True
    for name, one in (("deaf", deaf), ("one", component), ("quitter", quitter)):
        ask(world.ref, Join(name, one.ref), TIMEOUT)
    tell(world.ref, Quit("quitter"))
    assert "jwt 6" in starts(crash(world, 5))
    clock.now += 59.9
    told = world.fail("jwt 6")
    assert not starts(told)
    assert stops(told) == ["public 1", "private 12", "info 13", "router 1", "registry 1"]
    (failed,) = component.heard()
    assert isinstance(failed, EngineFailed)
    assert "its jwt failed 6 times within 60 s" in str(failed.error)
    assert "a bug, as told" in str(failed.error)
    assert quitter.heard() == []
    assert "gave up" in caplog.text
    for question in (GetChildren(), Join("late", Ear().ref)):
        with pytest.raises(EngineError, match="gave up"):
            ask(world.ref, question, TIMEOUT)


def test_failures_that_are_far_apart_are_no_crash_loop(world: World, clock: Clock) -> None:
    crash(world, 5)
    clock.now += 60.0
    assert "jwt 7" in starts(world.fail("jwt 6"))
    clock.now += 30.0
    crash(world, 4, first=7)
    clock.now += 29.0
    assert not starts(world.fail("jwt 11")), "six within a minute"


def test_failures_of_different_children_count_together(world: World, clock: Clock) -> None:
    for name in ("jwt 1", "registry 1", "router 2", "public 9", "jwt 2"):
        assert starts(world.fail(name)), name
    assert not starts(world.fail("registry 2"))


def test_what_is_no_news_does_not_count(world: World, clock: Clock) -> None:
    for _ in range(10):
        tell(world.ref, Failed("jwt", Ear().ref, BUG))
    assert "jwt 6" in starts(crash(world, 5))


def test_after_the_end_nothing_moves_any_more(sharing: World, clock: Clock) -> None:
    sharing.place(Role.HOST)
    crash(sharing, 5)
    sharing.place(Role.GUEST, DOOR, "public")
    sharing.place(Role.GUEST, DOOR._replace(address="new"), "public")
    membership = sharing.children().membership
    assert len(sharing.children().connections["public"]) == 3
    assert not starts(sharing.fail("jwt 6"))
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    for message in (
        SourceServes(5),
        Placed(Role.HOST, membership=membership),
        KeysReplaced(9),
        Renew(sharing.house.made["public 1"].ref, "age"),
        Failed("router", sharing.house.made["router 1"].ref, BUG),
        HandOver(done),
    ):
        tell(sharing.ref, message)
    assert sharing.told() == []
    assert done.get(timeout=TIMEOUT) is True
    with pytest.raises(EngineError, match="gave up"):
        sharing.children()


def test_who_waits_for_the_place_of_an_engine_that_gives_up_hears_of_it(sharing: World, clock: Clock) -> None:
    waiting = await_place(sharing)
    crash(sharing, 6)
    with pytest.raises(EngineError, match="gave up"):
        waiting.get(timeout=TIMEOUT)
    with pytest.raises(EngineError, match="gave up"):
        await_place(sharing).get(timeout=TIMEOUT)
