"""The leader is killed in the middle of trades: what is missed until another one leads is fetched, for all machines."""

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


def reader(world: World, *codes: str) -> Machine:
    one = world.machine(backfill=True, rest_url=world.sim.rest_url).trades(*codes)
    wait_until(lambda: one.state == "open", "it reads")
    return one


def test_what_is_missed_while_nobody_leads(world: World, leader: "subprocess.Popen[bytes]") -> None:
    """Whichever of the two leads next: one of them has what the other has no use for."""
    machines = [reader(world, CODE), reader(world, CODE, OTHER)]
    others: list[str] = []

    def trade() -> None:
        world.trade()
        others.append(str(world.sim.trade(OTHER)))

    def is_followed() -> bool:
        trade()
        return all(one.gaps for one in machines)

    def have_some() -> bool:
        trade()
        return all(seen for one in machines for seen in one.seen.values())

    wait_until(have_some, "both have their trades")
    leader.kill()
    leader.wait(10)
    wait_until(is_followed, "another one leads")
    world.arrive(*machines)
    wait_until(lambda: machines[1].has(others[-1], OTHER), "the last trade arrives")
    made = [each.key for each in world.made]
    for one in machines:
        had = {CODE: made, OTHER: others}
        for code, seen in one.seen.items():
            keys = [each.key for each in seen if each.key in had[code]]
            assert keys == had[code][had[code].index(keys[0]) :], f"each trade of {code} once, in order"
        assert len(one.gaps) == 1
        assert not one.errors
