"""A leader that ends in order: the next one goes on where it stops, and nobody misses anything; or all are told."""

import threading
import time
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6.actors.fleet.scripts import CLAIM
from websocket_v6.protocol.fleet import succession
from websocket_v6.protocol.fleet.entries import Open, decode_happening

from .world import CODE, Machine, Market, World

pytestmark = needs_server


def opened(world: World) -> list[Open]:
    """Return how the terms of the log began, in their order."""
    with world.server.client() as client:
        found = [fields[b"s"] for _, fields in client.xrange(world.keys.log("public")) if b"s" in fields]
    return [what for what in map(decode_happening, found) if isinstance(what, Open)]


def leave_under_load(world: World, leader: Machine, *others: Machine) -> None:
    with Market(world):
        leader.leave()
        start = len(world.made)
        wait_until(lambda: len(world.made) > start + 100, "it goes on")
    world.arrive(*others)


def test_who_reads_misses_nothing_and_is_told_of_nothing(world: World) -> None:
    leader, reader = world.pair()
    third = world.machine().trades()
    world.pass_on(third)
    leave_under_load(world, leader, reader, third)
    for one in (reader, third):
        one.judge(world.made)
        assert not one.gaps
        assert [each.epoch for each in one.seen[CODE]] == [1] * len(one.seen[CODE])
    assert world.connections() == 1
    assert [one.seamless for one in opened(world)] == [False, True]


def test_where_nothing_is_traded_nobody_is_told_of_anything_either(world: World) -> None:
    leader, reader = world.pair()
    third = world.machine().trades()
    world.pass_on(third)
    leader.leave()
    world.pass_on(reader, third)
    world.arrive(reader, third)
    for one in (reader, third):
        one.judge(world.made)
        assert not one.gaps
    assert [one.seamless for one in opened(world)] == [False, True]


def test_one_after_the_other_leaves(world: World) -> None:
    machines = list(world.pair())
    for _ in range(3):
        machines.append(world.machine().trades())
        world.pass_on(machines[-1])
        leave_under_load(world, machines.pop(0), *machines)
    for one in machines:
        one.judge(world.made)
        assert not one.gaps
    assert world.connections() == 1


def test_what_the_next_leader_does_not_want_itself_goes_on_too(world: World) -> None:
    leader = world.machine().trades()
    wait_until(lambda: leader.state == "open", "a leader")
    idle = world.machine()  # wants nothing, and may lead all the same
    idle.proxy.subscribe_ticker(["KRW-ETH"], callback=lambda _: None).close()
    wait_until(lambda: idle.proxy.health().fleets and not idle.proxy.health().fleets[0].leads, "it is there")
    reader = world.machine().trades()
    world.pass_on(reader)
    leave_under_load(world, leader, reader)
    reader.judge(world.made)
    assert not reader.gaps
    assert world.sim.served() == {f"trade {CODE}"}


def test_what_is_wanted_anew_meanwhile_comes(world: World) -> None:
    leader, reader = world.pair()
    with Market(world):
        leaving = threading.Thread(target=leader.leave)
        leaving.start()
        late = world.machine().trades()
        reader.proxy.subscribe_ticker([CODE], callback=lambda _: None)
        leaving.join()
        world.sim.wait_served({f"trade {CODE}", f"ticker {CODE}"})
        world.arrive(late)
    world.arrive(reader, late)
    for one in (reader, late):
        one.judge(world.made)


def test_the_next_leader_asks_for_the_format_that_the_log_has(world: World) -> None:
    leader = world.machine(format="DEFAULT").trades()
    wait_until(lambda: leader.state == "open", "a leader")
    reader = world.machine(format="SIMPLE").trades()
    world.pass_on(reader)
    leave_under_load(world, leader, reader)
    reader.judge(world.made)
    assert not reader.gaps
    assert [one.messages for one in opened(world)] == ["DEFAULT", "DEFAULT"]
    assert [one.format for one in world.sim.connections("public")][-1] == "DEFAULT"


def test_who_is_alone_goes_at_once(world: World) -> None:
    leader = world.machine().trades()
    wait_until(lambda: leader.state == "open", "a leader")
    began = time.monotonic()
    leader.leave()
    assert time.monotonic() - began < succession.ASKING


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "LASTING", 1.5)


def test_one_that_was_promised_the_title_and_dies_is_not_waited_for_for_ever(world: World, hurry: None) -> None:
    leader, reader = world.pair()

    def claim() -> None:
        """Have it promised to one that is dead by then."""
        with world.server.client() as client:
            wait_until(lambda: client.hget(world.keys.lead, "leaving"), "it would leave")
            client.eval(CLAIM, 1, world.keys.lead, client.hget(world.keys.lead, "term"), "ghost")
            ghost.append(client.hget(world.keys.lead, "heir"))

    ghost: list[Any] = []
    ghosts = threading.Thread(target=claim)
    ghosts.start()
    leave_under_load(world, leader, reader)
    ghosts.join()
    world.pass_on(reader)
    world.arrive(reader)
    reader.judge(world.made)
    if ghost == [b"ghost"]:  # it was the first that asked
        assert [one.seamless for one in opened(world)] == [False, False]
        assert len(reader.gaps) == 1
