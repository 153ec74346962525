"""The supervisor among children that only note what they are told: who is started, replaced and stopped, and when."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.actors.children import KINDS
from tests.actors.ear import Ear, StandIn
from tests.actors.supervised import BUG, TIMEOUT, World
from tests.conftest import wait_until
from websocket_v6.actors import sources, supervisor
from websocket_v6.actors import supervisor as subject
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.children import Children
from websocket_v6.actors.connection.connection import Connection, ConnectionInheritance
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.inheritance import Claim, RegistryInheritance
from websocket_v6.actors.jwt import JwtInheritance, KeysReplaced
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.membership.place import HandOver, Placed, Role, no_survey
from websocket_v6.actors.messages.common import GetInheritance
from websocket_v6.actors.messages.component import EngineFailed
from websocket_v6.actors.messages.registry import ComponentGone, Unsubscribe, Watch
from websocket_v6.actors.messages.router import RouterInheritance
from websocket_v6.actors.messages.supervisor import AwaitPlace, Failed, Join, Need, Quit, Renew, SourceServes, TakeBack
from websocket_v6.actors.server.server import Server
from websocket_v6.actors.sources import Sources
from websocket_v6.actors.supervisor import Supervisor
from websocket_v6.actors.watching import Watchman
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.wants import ALL_ENDPOINTS

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


def mailbox() -> MailboxQueue:
    return MailboxQueue(Mailbox.latest())


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
    assert arguments["router 1"] == {
        "supervisor": world.ref,
        "inheritance": None,
        "fill_patience": config.backfill_timeout,
    }
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
        "survey": no_survey,
    }
    assert "router 1: use <backfill 1>" in world.told()


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
    world.fail("registry 2")
    wait_until(lambda: "registry 3" in world.house.made, "the next one")
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
    assert "the engine's jwt failed: RuntimeError('a bug, as told'); it is started again at once" in caplog.text


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


@pytest.mark.parametrize(("why", "outlives"), [("age", True), ("parts", True), ("keys", False)])
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


def test_what_brings_lists_of_markets_is_started_when_it_is_needed(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    for module in (sources, supervisor):
        monkeypatch.setattr(module, "ALL_ENDPOINTS", ALL_ENDPOINTS)
    world.start()
    assert world.children().connections["markets"] == ()
    tell(world.ref, Need("markets"))
    (ref,) = world.children().connections["markets"]
    tell(world.ref, Need("markets"))
    assert world.children().connections["markets"] == (ref,)


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
    assert sharing.told() == [
        "private 2: Resign",
        "private 2: stop",
        "registry 1: drop private 2",
        "private 4: start",
        "registry 1: use connection private 4",
        "public 1: keys 2",
        "info 3: keys 2",
        "private 4: keys 2",
        "router 1: another account",
        "membership 1: keys 2",
        "jwt 1: settled 2",
    ], "whoever is judged by them comes last"


def test_what_a_host_shared_for_older_keys_is_not_taken_for_these(sharing: World) -> None:
    sharing.place(Role.GUEST, DOOR, "public", "private")
    sharing.told()
    tell(sharing.ref, KeysReplaced(2))
    told = sharing.told()
    assert "registry 1: drop private 2" in told
    assert "registry 1: use connection private 4" in told
    sharing.place(Role.GUEST, DOOR, "public", "private")  # said before it knew
    assert sharing.told() == []
    sharing.place(Role.GUEST, DOOR, "public", "private", generation=2)
    assert "registry 1: use door private 5 for (4,)" in sharing.told()


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
        "router 2: use <registry 1>",
        "registry 1: use <router 2> after {}",
        "membership 2: start",
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


# --- failures in a row


START = 1e7  # so far away that no timer comes by itself


class Clock:
    """Stands for the modules `time` and `random` of the supervisor; all pauses are as long as they may be."""

    def __init__(self) -> None:
        self.now = START

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return 5

    def random(self) -> float:
        return 1.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(subject, "time", one)
    monkeypatch.setattr(subject, "random", one)
    return one


@pytest.fixture
def timed(clock: Clock, make: Callable[..., World]) -> World:
    """Return a world whose clock is `clock`."""
    one = make()
    one.start()
    one.told()
    return one


def restarts(world: World) -> list[tuple[str, int, float | None]]:
    return [(one.part, one.times, one.due) for one in world.children().troubles]


def test_who_fails_again_and_again_is_started_again_after_longer_and_longer_pauses(timed: World, clock: Clock) -> None:
    world, pauses = timed, []
    assert "jwt 2" in starts(world.fail("jwt 1")), "at once"
    for number in range(2, 12):
        assert "jwt" not in str(starts(world.fail(f"jwt {number}")))
        ((_, times, due),) = restarts(world)
        assert times == number
        assert due is not None
        pauses.append(due - clock.now)
        clock.now = due
        assert f"jwt {number + 1}" in starts(world.come_due())
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_who_waits_holds_up_nobody_that_does_not_lean_on_it(timed: World, clock: Clock) -> None:
    world = timed
    world.fail("jwt 1")
    told = world.fail("jwt 2")
    assert stops(told) == ["private 4", "info 5"]
    children = world.children()
    assert (children.jwt, children.registry) == (None, world.house.made["registry 1"].ref)
    assert [len(refs) for refs in children.connections.values()] == [1, 0, 0]
    assert "public 8" in starts(world.fail("public 1")), "another one fails meanwhile, and is started at once"
    clock.now += 0.5
    assert starts(world.come_due()) == ["jwt 3", "private 6", "info 7"]


def test_a_registry_that_waits_hears_of_its_components_when_it_is_back(timed: World, clock: Clock) -> None:
    world, left = timed, RegistryInheritance({7: Claim("one", "public", mailbox(), None)}, {}, {})
    ask(world.ref, Join("one", Ear().ref), TIMEOUT)
    world.fail("registry 1", left)
    told = world.fail("registry 2", left)
    assert starts(told) == []
    assert stops(told) == ["public 4", "private 5", "info 6", "router 2"]
    assert ask(world.ref, Join("two", Ear().ref), TIMEOUT).registry is None
    ask(world.ref, Quit("one"), TIMEOUT)
    for number in (7, 8):
        tell(world.ref, TakeBack(Unsubscribe("one", number)))
    clock.now += 0.5
    told = world.come_due()
    assert [one for one in told if one.startswith("registry 3")][:5] == [
        "registry 3: start",
        "registry 3: watch two",
        "registry 3: gone one",
        "registry 3: take back 7",
        "registry 3: use <router 3> after {'public': 5}",
    ]
    assert starts(told) == ["registry 3", "router 3", "public 7", "private 8", "info 9"]


def test_what_is_taken_back_goes_to_the_registry_there_is(world: World) -> None:
    tell(world.ref, TakeBack(Unsubscribe("one", 7)))
    assert world.told() == ["registry 1: take back 7"]


def test_who_could_not_be_started_is_started_later_and_the_others_are_whole(
    clock: Clock, make: Callable[..., World], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = make()
    start = Router.start
    monkeypatch.setattr(Router, "start", lambda **_: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
    children = world.start()
    assert starts(world.told()) == ["jwt 1", "registry 1"]
    assert (children.router, restarts(world)) == (None, [("router", 1, START + 0.5)])
    assert "no more threads may be started: raise the limit" in caplog.text
    assert "bug" not in caplog.text
    clock.now += 0.5
    world.come_due()
    assert restarts(world) == [("router", 2, START + 1.5)]
    monkeypatch.setattr(Router, "start", start)
    clock.now += 1.0
    assert starts(world.come_due()) == ["router 1", "public 1", "private 2", "info 3"]


def test_a_connection_that_cannot_be_started_stops_no_other(
    clock: Clock, make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    start = Connection.start

    def start_most(**arguments: Any) -> Any:
        if arguments["endpoint"] == "private":
            raise OSError(24, "Too many open files")
        return start(**arguments)

    monkeypatch.setattr(Connection, "start", start_most)
    children = world.start()
    assert [len(refs) for refs in children.connections.values()] == [1, 0, 1]
    assert restarts(world) == [("private connection 2", 1, START + 0.5)]
    monkeypatch.setattr(Connection, "start", start)
    clock.now += 0.5
    assert starts(world.come_due())[-1] == "private 2"


def test_components_hear_what_failed_and_when_it_is_tried_again(timed: World, clock: Clock) -> None:
    component, quitter = Ear(), Ear()
    for name, one in (("one", component), ("quitter", quitter)):
        ask(timed.ref, Join(name, one.ref), TIMEOUT)
    tell(timed.ref, Quit("quitter"))
    timed.fail("jwt 1")
    timed.fail("jwt 2")
    timed.fail("public 1")
    first, second, third = component.heard()
    again = "the engine's jwt failed (2 times in a row): RuntimeError('a bug, as told'); it is started again in 0.5 s"
    assert (first.endpoints, third.endpoints) == (("private", "info"), ("public",))
    assert "started again at once" in first.reason
    assert again in second.reason
    assert "the engine's public connection 1 failed" in third.reason
    assert quitter.heard() == []


def test_a_traceback_is_logged_once(timed: World, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2, 3):
        timed.fail(f"jwt {number}")
        clock.now += 30.0
        timed.come_due()
    told = [one for one in caplog.records if "jwt failed" in one.getMessage()]
    assert [one.exc_info is not None for one in told] == [True, False, False]


def test_who_ran_well_for_a_while_starts_over(timed: World, clock: Clock) -> None:
    timed.fail("jwt 1")
    clock.now += 60.0
    timed.come_due()
    assert restarts(timed) == []
    assert "jwt 3" in starts(timed.fail("jwt 2")), "at once again"


def test_without_an_inheritance_the_components_hear_that_their_wants_are_lost(timed: World) -> None:
    component = Ear()
    ask(timed.ref, Join("one", component.ref), TIMEOUT)
    timed.fail("registry 1", None)
    _, failed = component.heard()
    assert isinstance(failed, EngineFailed)
    assert "subscribe again" in str(failed.error)


def test_a_place_that_is_not_to_be_had_does_not_keep_the_data_away(clock: Clock, make: Callable[..., World]) -> None:
    world = make(shares=True)
    world.start()
    world.fail("membership 1")
    assert starts(world.fail("membership 2")) == ["public 1", "private 2", "info 3"]
    clock.now += 0.5
    world.come_due()
    world.place(Role.GUEST, DOOR, "public", "private", "info")
    told = world.told()
    assert "registry 1: use door public 4 for (1,)" in told
    assert stops(told) == [], "before the door serves"


def test_who_must_have_a_host_has_no_connections_of_its_own(clock: Clock, make: Callable[..., World]) -> None:
    world = make(shares=True)
    world.start(config=Config(mode="attach"))
    world.fail("membership 1")
    assert starts(world.fail("membership 2")) == []


def test_with_the_keys_all_connections_to_the_door_of_another_machine_are_replaced(make: Callable[..., World]) -> None:
    world = make()
    world.start(config=Config(url="wss://host.example/websocket/v1", token="t" * 32))
    assert stops(world.fail("jwt 1")) == ["public 1", "private 2", "info 3"]


def test_a_failure_in_here_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Sources, "renew", lambda *_: 1 / 0)
        for _ in range(2):
            tell(world.ref, Renew(world.house.made["public 1"].ref, "age"))
        world.told()
    told = [one for one in caplog.records if "the engine's supervisor failed at Renew" in one.getMessage()]
    assert [one.exc_info is not None for one in told] == [True, False]
    assert "jwt 2" in starts(world.fail("jwt 1"))


# --- who says nothing any more


class Sleeper(Actor):
    """Hangs when it is told to, until its gate opens."""

    gate = threading.Event()

    def on_receive(self, message: object) -> object:
        assert self.gate.wait(TIMEOUT)
        return None

    def inheritance(self) -> object:
        return JwtInheritance(None, 9)


@pytest.fixture
def sleeper(timed: World) -> Iterator[Any]:
    """Return an actor in the place of the keys of `timed`."""
    ref = Sleeper.start()
    actor: Any = timed.ref._actor_weakref()
    actor._family.refs["jwt"] = ref
    Sleeper.gate.clear()
    yield ref
    Sleeper.gate.set()
    stop_and_join(ref, TIMEOUT)


@pytest.fixture
def looks(timed: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[str]]:
    """Return a function that has the supervisor look around, so many seconds later."""
    boot = Clock()
    monkeypatch.setattr(subject, "clock", boot.monotonic)
    actor: Any = timed.ref._actor_weakref()
    actor._watchman = Watchman(boot.now)

    def look(seconds: float) -> list[str]:
        boot.now += seconds
        tell(timed.ref, subject.LookAround())
        return timed.told()

    return look


def test_who_hangs_is_replaced_and_given_up(
    timed: World, sleeper: Any, looks: Callable[[float], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    tell(sleeper, "sleep")
    wait_until(lambda: sleeper.actor_inbox.turn % 2, "its sleep")
    for _ in range(10):
        assert starts(looks(1.0)) == []
    assert "jwt 2" in starts(looks(1.0))
    assert timed.house.arguments["jwt 2"]["inheritance"] == JwtInheritance(None, 9), "as it could be read"
    assert "it has been at one message for 10 s" in caplog.text
    assert "self.gate.wait" in caplog.text, "where it hangs"
    assert not sleeper.is_alive()
    Sleeper.gate.set()
    wait_until(lambda: not sleeper.actor_inbox.thread.is_alive(), "its end, once it goes on")


def test_who_waits_for_messages_does_not_hang(sleeper: Any, looks: Callable[[float], list[str]]) -> None:
    for _ in range(30):
        assert starts(looks(1.0)) == []


def test_nobody_hangs_while_the_process_stood_still(sleeper: Any, looks: Callable[[float], list[str]]) -> None:
    tell(sleeper, "sleep")
    wait_until(lambda: sleeper.actor_inbox.turn % 2, "its sleep")
    for pause in (1.0, 500.0, 9.9, 1.0, 3.0, 1.0, 1.0):
        assert starts(looks(pause)) == []


def test_who_died_without_a_word_is_replaced(
    timed: World,
    sleeper: Any,
    looks: Callable[[float], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Sleeper, "_end_with", lambda *_: None)
    monkeypatch.setattr(Sleeper, "on_receive", lambda *_: sys.exit())
    tell(sleeper, "die")
    sleeper.actor_inbox.thread.join(TIMEOUT)
    assert starts(looks(1.0)) == [], "its word may still lie in the inbox"
    assert "jwt 2" in starts(looks(1.0))
    assert "its thread ended without a word" in caplog.text
    assert sleeper not in pykka.ActorRegistry.get_all(), "nothing is kept of it"
