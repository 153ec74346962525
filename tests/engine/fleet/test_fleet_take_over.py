"""The leader is killed in the middle of trades: what is missed until another one leads is fetched, once for all."""

import os
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture
def leader(world: World, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    sim, server = world.sim, world.server
    command = [sys.executable, "-W", "error", "-c", LEADER, sim.url, sim.rest_url, server.url, str(tmp_path / "leader")]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: sim.served() == {f"trade {CODE}"}, "it leads")
        yield process
    finally:
        process.kill()
        process.wait(10)


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


def kill(leader: "subprocess.Popen[bytes]") -> None:
    leader.kill()
    leader.wait(10)


def test_what_is_missed_while_nobody_leads(world: World, leader: "subprocess.Popen[bytes]") -> None:
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


def test_the_next_leader_may_want_none_of_what_is_missed(world: World, leader: "subprocess.Popen[bytes]") -> None:
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


def test_who_leads_next_without_backfill_promises_nothing(world: World, leader: "subprocess.Popen[bytes]") -> None:
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


def test_what_the_next_leader_cannot_fetch_each_tries_itself(world: World, leader: "subprocess.Popen[bytes]") -> None:
    """What it promised it takes back, before anything newer comes."""
    world.sim.refuse(418, times=None, endpoint="rest", body={"error": {"name": 418, "message": "blocked"}})
    machines = [reader(world, CODE).only_reads(), reader(world, CODE)]
    trades = Trades(world, *machines)
    wait_until(trades.have_some, "all have their trades")
    kill(leader)

    def have_heard() -> bool:
        trades.make()
        return all(any(each.state == "backfilled" for each in one.told) for one in machines)

    wait_until(have_heard, "what became of it")
    trades.arrive()
    for one in machines:
        (unrecovered,) = next(each.unrecovered for each in one.told if each.state == "backfilled")
        assert unrecovered.symbol == CODE
        missing = trades.missing(one, CODE)
        assert missing, "and all that is missing lies in gaps that are told"
        one.judge(world.made)
