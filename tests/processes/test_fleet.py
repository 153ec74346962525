"""Three machines with processes each, one upstream: processes are killed and stand still, machines are cut off from the
server, which is started anew without its data, while the markets move.

A machine is a runtime folder of its own, and a way of its own to the server. In every quiet moment the exchange serves
exactly the union, on one connection; and whoever lives has had every trade of its streams once, but for gaps that it
was told of.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.oracle import Seen, Told, count, judge
from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.protocol.fleet.title import Lead, lead_of
from websocket_v6.simulator import Simulator

from .conftest import IMPATIENT, MARKETS, Process, Start
from .test_chaos import Markets

pytestmark = needs_server

# Machines, processes on each, seconds of chaos; `make long` asks for 60.
MACHINES, EACH = 3, 2
SECONDS = float(os.environ.get("WEBSOCKET_V6_TEST_FLEET", "8"))
SETTLE = 60.0
# What may happen, and how often beside the others.
STEPS = {"kill": 2, "kill leader": 2, "leave": 1, "pause": 3, "cut": 3, "restart": 2, "server pause": 2, "more": 8}
STEPS |= {"less": 6, "begin": 6}
PAUSE = 3.0  # seconds at most that something stands still, or is cut off: longer than a leader is waited for
HURRY = {"ping_interval": 0.5, "ping_timeout": 0.5, "connect_timeout": 2.0, "backoff_initial": 0.02, "backoff_max": 0.2}


class Cable(threading.Thread):
    """The way of one machine to the server: passes bytes on, and can be cut."""

    def __init__(self, port: int) -> None:
        super().__init__(name="cable")
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = int(self._listener.getsockname()[1])
        self._is_cut = threading.Event()
        self._is_over = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._pumps: list[threading.Thread] = []

    def run(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self._is_cut.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 1.0)
            except OSError:
                client.close()
                continue
            client.settimeout(None)
            server.settimeout(None)
            self._pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                pump = threading.Thread(target=self._pump, args=(one, other), name="pump")
                self._pumps.append(pump)
                pump.start()
        self._listener.close()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for sock in (one, other):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._is_cut.set()
        for pair in self._pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut.clear()

    def end(self) -> None:
        self._is_over.set()
        self.join()
        self.cut()
        for pump in self._pumps:
            pump.join()
        for pair in self._pairs:
            for sock in pair:
                sock.close()


class World:
    """The machines of one run, and what their processes want."""

    def __init__(self, sim: Simulator, server: Valkey, start: Start, folder: Path, seed: int) -> None:
        self.sim = sim
        self.server = server
        self.start = start
        self.random = random.Random(seed)
        self.cables = [Cable(server.port) for _ in range(MACHINES)]
        self.folders = [folder / str(number) for number in range(MACHINES)]
        self.machine: dict[Process, int] = {}
        self.wants: dict[Process, dict[str, tuple[str, list[str]]]] = {}
        self._names = itertools.count()
        self.done = dict.fromkeys(STEPS, 0)
        for cable in self.cables:
            cable.start()

    def begin(self, number: int) -> Process:
        process = self.start(
            url=self.sim.url,
            fleet=f"valkey://127.0.0.1:{self.cables[number].port}",
            runtime_dir=str(self.folders[number]),
            constants=IMPATIENT,
            **HURRY,
        )
        self.machine[process] = number
        self.wants[process] = {}
        for _ in range(2):
            self.subscribe(process)
        return process

    def subscribe(self, process: Process) -> None:
        name = f"s{next(self._names)}"
        type_ = self.random.choice(["trade", "trade", "trade", "ticker"])
        codes = self.random.sample(MARKETS, self.random.randint(1, 3))
        process.do("subscribe", id=name, type=type_, codes=codes)
        self.wants[process][name] = type_, codes

    def step(self) -> None:
        process = self.random.choice(list(self.wants))
        what = self.random.choices(list(STEPS), list(STEPS.values()))[0]
        self.done[what] += 1
        match what:
            case "kill":
                self.end(process, kill=True)
            case "kill leader":
                leaders = [one for one in self.wants if self.leads(one)]
                if leaders:
                    self.end(leaders[0], kill=True)
            case "leave":
                self.end(process, kill=False)
            case "pause":
                self.pause(self.random.sample(list(self.wants), self.random.randint(1, min(2, len(self.wants)))))
            case "cut":
                cable = self.random.choice(self.cables)
                cable.cut()
                threading.Event().wait(self.random.uniform(0.05, PAUSE))
                cable.mend()
            case "restart":
                self.server.stop()
                threading.Event().wait(self.random.uniform(0.0, PAUSE))
                self.server.start()
            case "server pause":
                self.server.pause()
                threading.Event().wait(self.random.uniform(0.05, PAUSE))
                self.server.go_on()
            case "more":
                self.subscribe(process)
            case "less" if len(self.wants[process]) > 1:
                name = self.random.choice(list(self.wants[process]))
                process.do("close", id=name)
                del self.wants[process][name]
            case "begin":
                places = [number for number in range(MACHINES) if list(self.machine.values()).count(number) < EACH]
                if places:
                    self.begin(self.random.choice(places))
            case _:
                pass

    def leads(self, process: Process) -> bool:
        with self.server.client() as client:
            owners = [client.hget(key, "name") for key in client.keys("v6:*:lead")]
        return any(f"({process.pid})" in (owner or b"").decode() for owner in owners)

    def end(self, process: Process, *, kill: bool) -> None:
        if len(self.wants) <= MACHINES:
            return
        del self.wants[process], self.machine[process]
        if kill:
            process.kill()
        else:
            process.leave()

    def pause(self, processes: list[Process]) -> None:
        for one in processes:
            os.kill(one.pid, signal.SIGSTOP)
        threading.Event().wait(self.random.uniform(0.05, PAUSE))
        for one in processes:
            os.kill(one.pid, signal.SIGCONT)

    @property
    def union(self) -> set[str]:
        return {f"{type_} {code}" for wants in self.wants.values() for type_, codes in wants.values() for code in codes}

    def settle(self) -> None:
        """Wait for the quiet moment."""
        wait_until(lambda: self.sim.served() == self.union, "exactly the union served", timeout=SETTLE)
        wait_until(lambda: sum(one.open for one in self.sim.connections("public")) == 1, "one connection", SETTLE)

    def close(self) -> None:
        for cable in self.cables:
            cable.end()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An exchange in a process of its own: this one has enough to do."""
    with Simulator(markets=MARKETS, process=True) as simulator:
        yield simulator


def received(
    process: Process, wants: dict[str, tuple[str, list[str]]], markets: Markets
) -> Iterator[tuple[str, list[Seen], list[Told]]]:
    """Yield what each trade subscription of a process had of each code, once all has come."""
    wanted = {name: codes for name, (type_, codes) in wants.items() if type_ == "trade"}
    markets.wait_seen(lambda: process.do("report")["events"], wanted)
    report = process.do("report")
    told = [
        Told(one["epoch"], one["started"])
        for one in report["connections"]["main"]
        if one["endpoint"] == "public" and one["state"] == "open" and one["started"]
    ]
    for name, codes in wanted.items():
        for code in codes:
            mine = [Seen(str(key), epoch, at) for _, one, _, epoch, at, key in report["events"][name] if one == code]
            yield code, mine, told


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
def test_machines_that_share_one_upstream(
    sim: Simulator, server: Valkey, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("WEBSOCKET_V6_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"WEBSOCKET_V6_TEST_SEED={seed}")  # noqa: T201 - shown if it fails
    world = World(sim, server, start, tmp_path, seed)
    markets = Markets(sim, seed)
    markets.start()
    quiet = 0
    try:
        for number in range(MACHINES):
            for _ in range(EACH):
                world.begin(number)
        world.settle()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(world.random.randint(1, 4)):
                world.step()
            world.settle()
            quiet += 1
    finally:
        markets.end()
        checked = gaps = missing = 0
        try:
            for process, wants in world.wants.items():
                for code, seen, told in received(process, wants, markets):
                    assert not judge(seen, markets.trades[code], told)
                    had, lost = count(seen, markets.trades[code])
                    checked, missing, gaps = checked + had, missing + lost, gaps + len(told)
        finally:
            world.close()
    with capsys.disabled():
        print(  # noqa: T201 - the figures of the run
            f"\n  seed {seed}: {len(world.wants)} processes of {MACHINES * EACH} live; {world.done}; {quiet} quiet "
            f"moments; {checked} trades delivered once and in order, {missing} missing in {gaps} gaps that were told"
        )


def lead(server: Valkey) -> Lead | None:
    with server.client() as client:
        keys = client.keys("v6:*:lead")
        return lead_of(client.hgetall(keys[0])) if keys else None


@pytest.fixture
def three(sim: Simulator, server: Valkey, start: Start, tmp_path: Path) -> list[Process]:
    """Three machines of one process each, which have the same trades; the first leads."""
    found = []
    for number in range(3):
        process = start(url=sim.url, fleet=server.url, runtime_dir=str(tmp_path / str(number)), **HURRY)
        process.do("subscribe", id="a", type="trade", codes=["KRW-BTC"])
        found.append(process)
        wait_until(lambda process=process: process.do("health")["open"] == ["public"], "it is served")  # type: ignore[misc]
    return found


def followed(server: Valkey, before: Lead) -> float:
    """Wait until another leads; return how many seconds that took."""
    began = time.monotonic()

    def is_another() -> bool:
        now = lead(server)
        return now is not None and now.owner not in ("", before.owner)

    wait_until(is_another, "another leads")
    return time.monotonic() - began


def gaps(process: Process) -> int:
    """Return how many are over."""
    return len([one for one in process.told() if one["state"] == "open" and one["started"]])


def test_a_leader_that_is_killed_is_followed_within_seconds(
    sim: Simulator, server: Valkey, three: list[Process]
) -> None:
    before = lead(server)
    assert before is not None
    three[0].kill()
    assert followed(server, before) < 6.0  # three on a machine that does nothing else
    for process in three[1:]:
        # What was told last before may be that it is open, too: the title is seen before the log is read.
        wait_until(lambda process=process: gaps(process), "it is served again")  # type: ignore[misc]
        assert gaps(process) == 1
    wait_until(lambda: sum(one.open for one in sim.connections("public")) == 1, "one connection")


def test_a_leader_that_stood_still_reads_what_another_writes(
    sim: Simulator, server: Valkey, three: list[Process]
) -> None:
    before = lead(server)
    assert before is not None
    os.kill(three[0].pid, signal.SIGSTOP)
    assert followed(server, before) < 6.0
    os.kill(three[0].pid, signal.SIGCONT)

    def has(process: Process, key: str) -> bool:
        return key in [str(one[5]) for one in process.events("a")[-20:]]

    for process in three:
        wait_until(lambda process=process: has(process, str(sim.trade("KRW-BTC"))), "a trade arrives")  # type: ignore[misc]
    wait_until(lambda: sum(one.open for one in sim.connections("public")) == 1, "one connection")
    for process in three:
        keys = [int(one[5]) for one in process.events("a")]
        assert keys == sorted(set(keys)), "once and in order"
