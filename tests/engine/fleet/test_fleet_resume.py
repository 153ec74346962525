"""Processes with a resume name, on a real server: what they were not done with comes when they are started anew."""

import os
import time
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6 import Mailbox

from .world import CODE, Machine, World

pytestmark = needs_server

NAME = "recorder"


def named(world: World, **settings: Any) -> Machine:
    return world.machine(fleet_resume=NAME, **settings)


def keys(machine: Machine, code: str = CODE) -> list[str]:
    return [one.key for one in machine.seen[code]]


def test_after_an_orderly_end_nothing_is_lost_and_nothing_comes_twice(world: World) -> None:
    leader = world.machine().trades()
    wait_until(lambda: leader.state == "open", "a leader")
    first = named(world).trades()
    world.pass_on(leader, first)
    world.trade(50)
    world.arrive(first)
    start = len(world.made)
    first.leave()
    world.trade(100)
    second = named(world).trades()
    world.arrive(second)
    world.trade(20)
    world.arrive(second)
    assert keys(second) == world.keys_from(start)
    assert not second.gaps
    assert not second.errors


def pulled(world: World, **options: Any) -> tuple[Machine, Any]:
    """Return a named process with a subscription that is pulled."""
    machine = named(world)
    return machine, machine.proxy.subscribe_trade([CODE], mailbox=Mailbox.lossless(1 << 26), **options)


def take(subscription: Any, count: int) -> list[Any]:
    return [subscription.get(timeout=10.0) for _ in range(count)]


def numbers(events: list[Any]) -> list[str]:
    return [str(one.sequential_id) for one in events]


@pytest.fixture
def leader(world: World) -> Machine:
    one = world.machine().trades()
    wait_until(lambda: one.state == "open", "a leader")
    return one


def running(world: World, leader: Machine, **options: Any) -> tuple[Machine, Any, int]:
    """Return a named process that pulls, has had one trade, and the index of the next."""
    machine, trades = pulled(world, **options)
    wait_until(lambda: machine.state == "open", "a reader")

    def has_one() -> bool:
        world.trade()
        try:
            trades.get(timeout=0.1)
        except TimeoutError:
            return False
        return True

    wait_until(has_one, "a trade arrives")
    world.arrive(leader)
    wait_until(lambda: world.made[-1].key in numbers(trades.get_many(1000, timeout=10.0)), "all there are")
    if options.get("acknowledge"):
        trades.done()
    return machine, trades, len(world.made)


def test_what_waited_in_a_mailbox_at_the_end_comes_to_the_next_process(world: World, leader: Machine) -> None:
    machine, trades, start = running(world, leader)
    world.trade(10)
    assert numbers(take(trades, 4)) == world.keys_from(start)[:4]
    wait_until(lambda: trades.stats.queued == 6, "six wait")
    machine.leave()
    world.trade(3)
    _, again = pulled(world)
    events = take(again, 9)
    assert numbers(events) == world.keys_from(start)[4:]
    assert not any(one.repeated for one in events)


def test_what_was_not_acknowledged_comes_again(world: World, leader: Machine) -> None:
    machine, trades, start = running(world, leader, acknowledge=True)
    world.trade(10)
    take(trades, 4)
    trades.done()
    take(trades, 3)
    machine.leave()
    world.trade(3)
    _, again = pulled(world, acknowledge=True)
    assert numbers(take(again, 9)) == world.keys_from(start)[4:]


def test_a_stream_that_is_wanted_anew_begins_with_its_last_value_and_the_others_go_on(
    world: World, leader: Machine
) -> None:
    machine, _, start = running(world, leader)
    machine.leave()
    leader.proxy.subscribe_ticker(["KRW-ETH"], callback=lambda _: None)
    world.sim.wait_served({"trade KRW-BTC", "ticker KRW-ETH"})
    world.trade(5)
    second, again = pulled(world)
    tickers = second.proxy.subscribe_ticker(["KRW-ETH"])
    assert numbers(take(again, 5)) == world.keys_from(start)
    assert tickers.get(timeout=10.0).symbol == "KRW-ETH"


def test_what_only_the_one_that_is_away_wants_is_in_the_log_all_the_same(world: World, leader: Machine) -> None:
    machine, _, _ = running(world, leader)
    subscription = machine.proxy.subscribe_trade(["KRW-ETH"])
    world.sim.wait_served({"trade KRW-BTC", "trade KRW-ETH"})

    def runs() -> bool:
        world.sim.trade("KRW-ETH")
        try:
            subscription.get(timeout=0.1)
        except TimeoutError:
            return False
        return True

    wait_until(runs, "a trade")
    while True:
        try:
            subscription.get(timeout=0.5)
        except TimeoutError:
            break
    machine.leave()
    keys = [str(world.sim.trade("KRW-ETH")) for _ in range(10)]
    second = named(world)
    both = second.proxy.subscribe_trade(["KRW-ETH"])
    second.proxy.subscribe_trade([CODE])
    assert numbers(take(both, 10)) == keys
    assert world.sim.served() == {"trade KRW-BTC", "trade KRW-ETH"}


def test_a_name_that_a_living_process_has_is_refused_and_that_process_is_named(
    world: World, leader: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine, trades, start = running(world, leader)
    twin = named(world, ping_timeout=9.0).trades()
    wait_until(lambda: any(one.state == "refused" for one in twin.told), "it is refused")
    reason = next(one.reason for one in twin.told if one.state == "refused")
    assert f"fleet_resume={NAME!r} is in use by " in reason
    assert f"({os.getpid()})" in reason
    assert reason in caplog.text
    world.trade(3)
    assert numbers(take(trades, 3)) == world.keys_from(start)
    assert twin.seen == {CODE: []}
    machine.leave()
    world.trade(3)
    wait_until(lambda: keys(twin)[-1:] == [world.made[-1].key], "it goes on where the other was")
    assert keys(twin) == world.keys_from(start + 3)


def test_a_log_that_does_not_reach_back_is_a_gap_from_the_place_on(world: World, leader: Machine) -> None:
    machine, _, start = running(world, leader)
    left_ns = time.time_ns()
    machine.leave()
    before = logged(world)

    def goes_on() -> bool:
        world.trade()
        world.arrive(leader)
        return logged(world) > before + 20  # several trades may be one entry, so their number says nothing

    wait_until(goes_on, "twenty entries more")
    with world.server.client() as client:
        key = world.keys.log("public")
        entries = client.xrange(key)
        client.xtrim(key, minid=entries[-3][0], approximate=False)
    second = named(world).trades()
    world.arrive(second)
    second.judge(world.made[start:])
    assert 0 < len(keys(second)) < len(world.made) - start
    (gap,) = second.gaps
    assert abs(gap.started - left_ns) < 5e9


def test_a_log_that_was_lost_is_a_gap_and_what_comes_is_live(world: World, leader: Machine) -> None:
    machine, _, _ = running(world, leader)
    machine.leave()
    world.trade(20)
    world.server.stop()
    world.server.start()
    wait_until(lambda: logged(world) >= 0, "a new log")
    _, again = pulled(world)

    def runs() -> bool:
        world.trade()
        try:
            again.get(timeout=0.1)
        except TimeoutError:
            return False
        return True

    wait_until(runs, "a trade")


@pytest.mark.parametrize("is_ready", [False, True])
def test_another_leader_meanwhile_is_a_gap_in_what_is_caught_up_unless_it_was_ready(
    world: World, leader: Machine, is_ready: bool
) -> None:
    other = world.machine()
    if not is_ready:
        other.only_reads()
    other.trades()
    world.pass_on(other)
    machine, _, start = running(world, leader)
    machine.leave()
    world.trade(5)
    world.arrive(other)
    leader.leave()
    if not is_ready:
        other.may_lead()
    world.pass_on(other)
    world.trade(5)
    world.arrive(other)
    second = named(world).trades()
    world.arrive(second)
    assert keys(second)[:5] == world.keys_from(start)[:5]
    assert len(second.gaps) == (not is_ready)
    second.judge(world.made)


def logged(world: World) -> int:
    with world.server.client() as client:
        return int(client.xlen(world.keys.log("public")))
