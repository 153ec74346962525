"""Machines as processes: the leader is told to end while much comes, or is killed while it hands over."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.protocol.fleet.title import Lead, lead_of
from websocket_v6.simulator import Simulator

from .conftest import Process, Start
from .trades import Trades

pytestmark = needs_server

RATE = 2000  # messages a second
CODE = "KRW-BTC"
HURRY = {"backoff_initial": 0.02, "backoff_max": 0.2}
PROGRAM = """
import sys
from websocket_v6 import Config, WebSocketClientProxy

url, fleet, folder = sys.argv[1:]
proxy = WebSocketClientProxy("leader", config=Config(url=url, fleet=fleet, runtime_dir=folder))
proxy.subscribe_trade(["KRW-BTC"], callback=lambda event: None)
proxy.run()
"""


def title(server: Valkey) -> Lead | None:
    with server.client() as client:
        keys = client.keys("v6:*:lead")
        return lead_of(client.hgetall(keys[0])) if keys else None


@pytest.fixture
def leader(sim: Simulator, server: Valkey, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, sim.url, server.url, str(tmp_path / "leader")]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: sim.served() == {f"trade {CODE}"}, "it leads")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@pytest.fixture
def readers(
    sim: Simulator, server: Valkey, leader: "subprocess.Popen[bytes]", start: Start, tmp_path: Path
) -> list[Process]:
    """Two machines that read what the leader writes."""
    found = []
    for number in range(2):
        process = start(url=sim.url, fleet=server.url, runtime_dir=str(tmp_path / str(number)), **HURRY)
        process.do("subscribe", id="a", type="trade", codes=[CODE])
        wait_until(lambda process=process: has(process, sim.trade(CODE)), "it reads")  # type: ignore[misc]
        found.append(process)
    return found


def has(process: Process, number: int) -> bool:
    return number in keys(process)[-20:]


def keys(process: Process) -> list[int]:
    return [int(one[5]) for one in process.events("a")]


def gaps(process: Process) -> int:
    return len([one for one in process.told() if one["state"] == "open" and one["started"]])


def arrive(sim: Simulator, process: Process) -> None:
    wait_until(lambda: has(process, sim.trade(CODE)), "all has come")


def test_a_leader_that_is_told_to_end_is_followed_without_a_gap(
    sim: Simulator, server: Valkey, leader: "subprocess.Popen[bytes]", readers: list[Process]
) -> None:
    before = title(server)
    assert before is not None
    with Trades(sim, CODE, RATE) as trades:
        wait_until(lambda: len(trades.made) > RATE, "much comes")
        leader.send_signal(signal.SIGTERM)
        assert leader.wait(20) is not None
        count = len(trades.made)
        wait_until(lambda: len(trades.made) > count + RATE, "much comes from another")
    now = title(server)
    assert now is not None
    assert now.owner not in ("", before.owner)
    for process in readers:
        arrive(sim, process)
        had = keys(process)
        assert had[had.index(trades.made[0]) : had.index(trades.made[-1]) + 1] == trades.made, "each once, in order"
        assert gaps(process) == 0
    wait_until(lambda: sum(one.open for one in sim.connections("public")) == 1, "one connection")


@pytest.mark.parametrize("wait", [0.0, 0.5, 1.0])
def test_a_leader_that_dies_while_it_hands_over_costs_a_gap_at_most(
    sim: Simulator, server: Valkey, leader: "subprocess.Popen[bytes]", readers: list[Process], wait: float
) -> None:
    with Trades(sim, CODE, RATE) as trades:
        leader.send_signal(signal.SIGTERM)

        def is_leaving() -> bool:
            now = title(server)
            return now is not None and (now.is_leaving or leader.poll() is not None)

        wait_until(is_leaving, "it would leave")
        threading.Event().wait(wait)  # somewhere in between
        leader.kill()
        for process in readers:
            wait_until(lambda process=process: has(process, trades.made[-1] if trades.made else 0), "it goes on")  # type: ignore[misc]
    for process in readers:
        arrive(sim, process)
        had = keys(process)
        assert had == sorted(set(had)), "each once, in order"
        missing = set(trades.made) - set(had)
        assert not missing or gaps(process), "what is missing is told"
        assert gaps(process) <= 1, [one for one in process.told() if one["state"] != "connecting"]
