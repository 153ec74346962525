"""The leader is killed in the middle of trades: what is missed until another one leads is fetched, once for all."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, wait_until
from tests.valkey import needs_server

from .world import CODE, Machine, World

pytestmark = needs_server

OTHER = "KRW-ETH"
LEADER = """
import sys
from websocket_v6 import Config, WebSocketClientProxy

url, rest_url, fleet, folder = sys.argv[1:]
config = Config(url=url, rest_url=rest_url, fleet=fleet, runtime_dir=folder, backfill=True)
proxy = WebSocketClientProxy("leader", config=config)
proxy.subscribe_trade(["KRW-BTC"], callback=lambda event: None)
proxy.run()
"""


Leader = subprocess.Popen[bytes]


@pytest.fixture
def leaders(world: World, tmp_path: Path) -> Iterator[Callable[[], Leader]]:
    """Start a process that leads, or would next."""
    processes: list[Leader] = []

    def start() -> Leader:
        folder = str(tmp_path / f"leader {len(processes)}")
        command = [
            sys.executable,
            "-W",
            "error",
            "-c",
            LEADER,
            world.sim.url,
            world.sim.rest_url,
            world.server.url,
            folder,
        ]
        one = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
        processes.append(one)
        return one

    yield start
    for one in processes:
        one.kill()
        one.wait(10)


@pytest.fixture
def leader(world: World, leaders: Callable[[], Leader]) -> Leader:
    one = leaders()
    wait_until(lambda: world.sim.served() == {f"trade {CODE}"}, "it leads")
    return one


def reader(world: World, *codes: str, backfill: bool = True) -> Machine:
    one = world.machine(backfill=backfill, rest_url=world.sim.rest_url).trades(*codes)
    wait_until(lambda: one.state == "open", "it reads")
    return one


class Trades:
    """What is made of two markets, and whether machines have it."""

    def __init__(self, world: World, *machines: Machine) -> None:
        self.world = world
        self.machines = machines
        self.others: list[str] = []

    def make(self) -> None:
        self.world.trade()
        self.others.append(str(self.world.sim.trade(OTHER)))

    @property
    def made(self) -> dict[str, list[str]]:
        return {CODE: [each.key for each in self.world.made], OTHER: self.others}

    def have_some(self) -> bool:
        self.make()
        return all(
            {each.key for each in seen} & set(self.made[code])
            for one in self.machines
            for code, seen in one.seen.items()
        )

    def are_followed(self) -> bool:
        self.make()
        return all(one.gaps for one in self.machines)

    def arrive(self) -> None:
        """Wait for the last trade of each."""
        for one in self.machines:
            for code in one.seen:
                wait_until(lambda one=one, code=code: one.has(self.made[code][-1], code), "the last trade")  # type: ignore[misc]

    def missing(self, one: Machine, code: str) -> list[str]:
        """Return what a machine lacks of a market, which has the rest once and in order."""
        made = self.made[code]
        keys = [each.key for each in one.seen[code] if each.key in made]
        had = set(keys)
        assert keys == [key for key in made if key in had], f"of {code} each once, in order"
        return [key for key in made[made.index(keys[0]) :] if key not in had]


def fetched(world: World) -> int:
    return len([call for call in world.sim.rest_calls() if "/trades/" in call])


def recovered(one: Machine) -> list[int | None]:
    return [each.recovered for each in one.told if each.state == "backfilled"]


def nowhere() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def kill(leader: Leader) -> None:
    leader.kill()
    leader.wait(10)


def test_what_is_missed_while_nobody_leads(world: World, leader: Leader) -> None:
    """Whichever leads next: one of them has what the others have no use for."""
    machines = [reader(world, CODE), reader(world, CODE, OTHER), reader(world, OTHER)]
    trades = Trades(world, *machines)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)
    wait_until(trades.are_followed, "another one leads")
    trades.arrive()
    for one in machines:
        assert [trades.missing(one, code) for code in one.seen] == [[]] * len(one.seen)
        assert len(one.gaps) == 1
        assert not one.errors
        wait_until(lambda one=one: recovered(one), "it is told")  # type: ignore[misc]
        assert recovered(one) == [one.backfilled]
    assert fetched(world) == 2, "one call for each market, whoever wants it"


def test_the_next_leader_may_want_none_of_what_is_missed(world: World, leader: Leader) -> None:
    """It fetches what the others want, and the others without backfill have it too."""
    follower = reader(world, CODE, OTHER).only_reads()
    modest = reader(world, CODE, backfill=False).only_reads()
    next_one = world.machine(backfill=True, rest_url=world.sim.rest_url)
    tickers = next_one.proxy.subscribe_ticker([OTHER])
    assert tickers.get(timeout=10.0)
    trades = Trades(world, follower, modest)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)
    wait_until(trades.are_followed, "another one leads")
    trades.arrive()
    for one in trades.machines:
        assert [trades.missing(one, code) for code in one.seen] == [[]] * len(one.seen)
        assert len(one.gaps) == 1
    assert fetched(world) == 2


def test_the_next_leader_may_have_been_started_after_the_last_one_died(world: World, leader: Leader) -> None:
    """It has missed nothing itself; the log says what the others have."""
    machines = [reader(world, CODE).only_reads(), reader(world, CODE).only_reads()]
    trades = Trades(world, *machines)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)
    newcomer = world.machine(backfill=True, rest_url=world.sim.rest_url).trades(CODE)
    wait_until(trades.are_followed, "another one leads")
    trades.arrive()
    for one in machines:
        assert trades.missing(one, CODE) == []
        assert len(one.gaps) == 1
        wait_until(lambda one=one: recovered(one) == [one.backfilled], "it is told")  # type: ignore[misc]
    assert not newcomer.gaps
    assert not newcomer.backfilled
    assert fetched(world) == 1


def test_who_leads_next_without_backfill_promises_nothing(world: World, leader: Leader) -> None:
    """So each that has it fetches for itself, and who has not is told the gap."""
    machines = [reader(world, CODE).only_reads(), reader(world, CODE).only_reads()]
    modest = reader(world, CODE, backfill=False)
    trades = Trades(world, *machines, modest)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)
    wait_until(trades.are_followed, "another one leads")
    trades.arrive()
    for one in machines:
        assert trades.missing(one, CODE) == []
    assert trades.missing(modest, CODE), "what nobody sent it"
    assert [len(one.gaps) for one in trades.machines] == [1, 1, 1]
    assert fetched(world) == 2, "one call each"


@pytest.mark.parametrize("is_refused", [False, True])
def test_what_the_next_leader_cannot_fetch_each_tries_itself(world: World, leader: Leader, is_refused: bool) -> None:
    """What it promised it takes back, before anything newer comes. It alone has no way to REST, or it is for nobody."""
    machines = [reader(world, CODE).only_reads(), reader(world, CODE).only_reads()]
    modest = reader(world, CODE, backfill=False).only_reads()
    if is_refused:
        world.sim.refuse(418, times=None, endpoint="rest", body={"error": {"name": 418, "message": "blocked"}})
    next_one = world.machine(backfill=True, rest_url=world.sim.rest_url if is_refused else nowhere()).trades(CODE)
    trades = Trades(world, *machines, modest, next_one)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)

    def have_heard() -> bool:
        trades.make()
        return all(recovered(one) for one in (*machines, next_one))

    wait_until(have_heard, "what became of it")
    trades.arrive()
    without = [next_one, *machines] if is_refused else [next_one]
    for one in without:
        told = next(each for each in one.told if each.state == "backfilled")
        assert [each.symbol for each in told.unrecovered] == [CODE]
    for one in (modest, *without):
        assert trades.missing(one, CODE)
        one.judge(world.made)  # what is missing lies in gaps that are told
    for one in machines:
        assert is_refused or trades.missing(one, CODE) == []
        assert len(one.gaps) == 2, "it was promised, and taken back"


def test_a_leader_that_dies_before_it_has_fetched_what_it_promised(
    world: World, leader: Leader, leaders: Callable[[], Leader]
) -> None:
    """It was the second one to die, so there are two gaps; what is missed in the first is in no log yet."""
    machines = [reader(world, CODE).only_reads(), reader(world, CODE).only_reads()]
    next_one = leaders()
    with world.server.client() as client:
        wait_until(lambda: len(client.keys(world.keys.want("*"))) == 3, "all read the log")
    trades = Trades(world, *machines)
    wait_until(trades.have_some, "all have their trades")
    world.sim.refuse(429, times=None, endpoint="rest")  # it waits, and asks again
    kill(leader)
    wait_until(trades.are_followed, "the next one leads")
    wait_until(lambda: fetched(world) > 0, "it asks")
    kill(next_one)
    world.sim.accept("rest")
    machines[0].may_lead()

    def are_followed() -> bool:
        trades.make()
        return all(len(one.gaps) == 2 for one in machines)

    wait_until(are_followed, "the last one leads")
    trades.arrive()
    for one in machines:
        assert trades.missing(one, CODE) == []
        assert not one.errors
