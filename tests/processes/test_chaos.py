"""Processes that come, change, leave, stand still and are killed, the host among them, while the markets move.

Meanwhile the way to the exchange fails and heals.

In every quiet moment the exchange serves exactly the union, on one connection; and whoever lives has had every trade of
its streams once, but for gaps that it was told of.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.chaos.faults import Answer, Bandwidth, CutAfter, Delay, Drip, HalfOpen, Resets, Silence
from tests.chaos.oracle import Made, Seen, Told, count, judge
from tests.chaos.proxy import Fault, FaultProxy
from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import IMPATIENT, MARKETS, Process, Start

# Processes, components in each, seconds of chaos; `make long` asks for 16, 8 and 60.
PROCESSES, COMPONENTS, SECONDS = map(int, os.environ.get("WEBSOCKET_V6_TEST_CHAOS", "5,4,8").split(","))
PACE = 0.004  # seconds between two trades
AGAIN = 2.0  # seconds between the last trade and one more
SETTLE = 60.0
# What may happen, and how often beside the others.
STEPS = {"kill": 1, "kill host": 2, "leave": 1, "pause": 2, "begin": 6, "more": 8, "less": 8, "fault": 3}
PAUSE = 3.0  # seconds at most that a process stands still: long enough for a host to be replaced
FAULT = 0.5  # seconds at most that a fault lasts
FAULTS = [
    lambda: Delay(0.02, 0.05),
    lambda: Bandwidth(50_000),
    lambda: CutAfter(5000),
    lambda: CutAfter(500, is_reset=True),
    HalfOpen,
    lambda: Drip(0.0005),
    lambda: Answer(b"HTTP/1.1 200 OK\r\n\r\n<html>Pay here</html>"),
    Silence,
    Resets,
]
HURRY = {"ping_interval": 0.5, "ping_timeout": 0.5, "connect_timeout": 2.0}


class Markets(threading.Thread):
    """Trades without pause, and notes what was traded when."""

    def __init__(self, sim: Simulator, seed: int) -> None:
        super().__init__(name="markets")
        self._sim = sim
        self._random = random.Random(seed)
        self._end = threading.Event()
        self.trades: dict[str, list[Made]] = {code: [] for code in MARKETS}

    def run(self) -> None:
        while not self._end.wait(PACE):
            self._trade(self._random.choice(MARKETS))

    def end(self) -> None:
        self._end.set()
        self.join()

    def wait_seen(self, events: Callable[[], Mapping[str, list[Any]]], wanted: Mapping[str, list[str]]) -> None:
        """Wait until each subscription of `wanted` has the newest trade of each of its codes.

        Now and then, each market trades again: what fell into a gap that is told never comes, and the next one must.
        """
        again = 0.0

        def is_there() -> bool:
            nonlocal again
            if time.monotonic() >= again:
                for code in MARKETS:
                    self._trade(code)
                again = time.monotonic() + AGAIN
            found = events()
            return all(
                self.trades[code][-1].key in [str(one[5]) for one in found[name][-80:]]
                for name, codes in wanted.items()
                for code in codes
            )

        wait_until(is_there, "the last trade of each market")

    def _trade(self, code: str) -> None:
        at = time.time_ns()
        self.trades[code].append(Made(str(self._sim.trade(code)), at))


class World:
    """The processes of one run and what they want."""

    def __init__(self, sim: Simulator, proxy: FaultProxy, start: Start, seed: int) -> None:
        self.sim = sim
        self.proxy = proxy
        self.start = start
        self.random = random.Random(seed)
        self.wants: dict[Process, dict[str, tuple[str, str, list[str]]]] = {}  # id: component, type, codes
        self.names = iter(range(1_000_000))
        self.killed = self.left = self.hosts_lost = self.paused = self.faults = 0

    def begin(self) -> Process:
        process = self.start(url=self.proxy.url, constants=IMPATIENT, **HURRY)
        self.wants[process] = {}
        for number in range(COMPONENTS):
            self.subscribe(process, f"component-{number}")
        return process

    def subscribe(self, process: Process, component: str) -> None:
        name = f"s{next(self.names)}"
        type_ = self.random.choice(["trade", "trade", "ticker", "orderbook"])
        codes = self.random.sample(MARKETS, self.random.randint(1, 4))
        process.do("subscribe", id=name, type=type_, codes=codes, component=component)
        self.wants[process][name] = component, type_, codes

    def step(self) -> None:
        process = self.random.choice(list(self.wants))
        match self.random.choices(list(STEPS), list(STEPS.values()))[0]:
            case "kill":
                self.end(process, kill=True)
            case "kill host":
                hosts = [one for one in self.wants if one.role == "host"]
                for one in hosts[:1]:
                    self.hosts_lost += self.end(one, kill=True)
            case "leave":
                self.end(process, kill=False)
            case "pause":
                self.pause(self.random.sample(list(self.wants), self.random.randint(1, min(3, len(self.wants)))))
            case "fault":
                self.fail()
            case "begin" if len(self.wants) < PROCESSES:
                self.begin()
            case "more":
                self.subscribe(process, f"component-{self.random.randrange(COMPONENTS)}")
            case "less" if len(self.wants[process]) > 1:
                name = self.random.choice(list(self.wants[process]))
                process.do("close", id=name)
                del self.wants[process][name]

    def fail(self) -> None:
        """Have the way to the exchange fail for a while; what dies of it is made anew."""
        self.faults += 1
        self.proxy.fault = self.random.choice(FAULTS)()
        if self.random.random() < 0.5:
            self.proxy.reset_all()
        threading.Event().wait(self.random.uniform(0.02, FAULT))
        self.proxy.fault = Fault()

    def end(self, process: Process, *, kill: bool) -> bool:
        if len(self.wants) < 2:
            return False
        del self.wants[process]
        if kill:
            self.killed += 1
            process.kill()
        else:
            self.left += 1
            process.leave()
        return True

    def pause(self, processes: list[Process]) -> None:
        """Stop some for a while, all at once."""
        self.paused += len(processes)
        for one in processes:
            os.kill(one.pid, signal.SIGSTOP)
        threading.Event().wait(self.random.uniform(0.05, PAUSE))
        for one in processes:
            os.kill(one.pid, signal.SIGCONT)

    @property
    def union(self) -> set[str]:
        return {
            f"{type_} {code}" for wants in self.wants.values() for _, type_, codes in wants.values() for code in codes
        }

    def settle(self) -> None:
        """Wait for the quiet moment."""
        wait_until(lambda: self.sim.served() == self.union, "exactly the union served", timeout=SETTLE)
        wait_until(lambda: sum(one.open for one in self.sim.connections("public")) == 1, "one connection", SETTLE)
        wait_until(lambda: self.roles() == ["guest"] * (len(self.wants) - 1) + ["host"], "one host", SETTLE)

    def roles(self) -> list[str]:
        return sorted(one.role for one in self.wants)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An exchange in a process of its own: this one has enough to do."""
    with Simulator(markets=MARKETS, process=True) as simulator:
        yield simulator


@pytest.fixture
def proxy(sim: Simulator) -> Iterator[FaultProxy]:
    with FaultProxy(sim.port) as one:
        yield one


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
def test_chaos(sim: Simulator, proxy: FaultProxy, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("WEBSOCKET_V6_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"WEBSOCKET_V6_TEST_SEED={seed}")  # noqa: T201 - shown if it fails
    world = World(sim, proxy, start, seed)
    markets = Markets(sim, seed)
    markets.start()
    quiet = 0
    try:
        for _ in range(PROCESSES):
            world.begin()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(world.random.randint(1, 6)):
                world.step()
            world.settle()
            quiet += 1
    finally:
        markets.end()
    checked = gaps = missing = 0
    for process in world.wants:
        for events, told, codes in received(world, process, markets):
            for code in codes:
                mine = [one for one in events if one[0] == code]
                seen = [one for _, one in mine]
                assert not judge(seen, markets.trades[code], told)
                had, lost = count(seen, markets.trades[code])
                checked += had
                missing += lost
            gaps += len(told)
    refused = [one for one in sim.notices() if "TOO_MANY" in one]
    assert not refused
    with capsys.disabled():
        print(  # noqa: T201 - the figures of the run
            f"\n  seed {seed}: {len(world.wants)} processes of {PROCESSES} live, {world.killed} were killed "
            f"({world.hosts_lost} as host), {world.left} left, {world.paused} stood still; {world.faults} faults, "
            f"{quiet} quiet moments; {checked} trades delivered once and in order, {missing} missing in {gaps} gaps "
            "that were told"
        )


def received(
    world: World, process: Process, markets: Markets
) -> Iterator[tuple[list[tuple[str, Seen]], list[Told], list[str]]]:
    """Yield what each trade subscription of a process had, with what its component was told, once all has come."""
    wanted = {name: want for name, want in world.wants[process].items() if want[1] == "trade"}
    markets.wait_seen(lambda: process.do("report")["events"], {name: codes for name, (_, _, codes) in wanted.items()})
    report = process.do("report")
    for name, (component, _, codes) in wanted.items():
        told = [
            Told(one["epoch"], one["started"])
            for one in report["connections"][component]
            if one["endpoint"] == "public" and one["state"] == "open" and one["started"]
        ]
        seen = [(code, Seen(str(key), epoch, at)) for _, code, _, epoch, at, key in report["events"][name]]
        yield seen, told, codes
