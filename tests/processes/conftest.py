"""Real processes that share one simulated exchange, and the folder they meet in."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, WEATHER, wait_until
from tests.valkey import Valkey
from websocket_v6.simulator import Simulator

MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "BTC-ETH", "USDT-BTC"]
CHILD = Path(__file__).with_name("child.py")
UNION = {"ticker KRW-BTC", "ticker KRW-ETH", "trade KRW-ETH"}  # what a pair wants
# How long a guest waits for a host that says nothing, in a hurry: it is in doubt after the first, the host replaced
# after the second.
IMPATIENT = {
    "actors.membership.hosts.SILENCE": 1.0,
    "actors.membership.hosts.PROOF": 0.5,
    "actors.membership.hosts.LOOK": 0.1,
    "actors.membership.membership.LOOK": 0.1,
    "actors.membership.member_socket.PING_INTERVAL": 0.2,
    "actors.membership.member_socket.PIECE": 0.1,
}
# Warnings are errors there as well, but the one of Python 3.12 on, of every fork beside threads: some children do that.
FORKS = ("-W", "ignore:This process:DeprecationWarning")
ANSWER = 30.0  # seconds for a child to answer, on a machine that does much else


class Process:
    """A child process, and what to have it do."""

    def __init__(self, **settings: Any) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "error", *FORKS, str(CHILD), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if settings.get("log") else subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.pid = self.popen.pid
        self._buffer = b""

    def wait_ready(self) -> None:
        """Wait until it takes commands."""
        self._answer()

    def do(self, command: str, **arguments: Any) -> Any:
        """Have it do something, and return its answer; an error it answers with is the test's."""
        self.send(command, **arguments)
        return self._answer()

    def send(self, command: str, **arguments: Any) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        self.popen.stdin.flush()

    def _answer(self) -> Any:
        assert self.popen.stdout is not None
        deadline = time.monotonic() + ANSWER
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    pytest.fail(f"process {self.popen.pid} did not answer within {ANSWER:g} s")
                data = os.read(self.popen.stdout.fileno(), 1 << 20)
                if not data:
                    errors = self.popen.stderr.read().decode() if self.popen.stderr is not None else ""
                    pytest.fail(f"process {self.popen.pid} ended: {errors[-2000:]}")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer["ok"]

    @property
    def role(self) -> str:
        return str(self.do("health")["role"])

    def wait_role(self, role: str) -> None:
        wait_until(lambda: self.role == role, f"process {self.pid} being {role}")

    def events(self, id: str) -> list[list[Any]]:  # noqa: A002
        return list(self.do("report")["events"][id])

    def told(self, endpoint: str = "public", component: str = "main") -> list[dict[str, Any]]:
        return [one for one in self.do("report")["connections"][component] if one["endpoint"] == endpoint]

    def kill(self) -> None:
        """End it with `kill -9`."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)

    def leave(self) -> str:
        """Have it end in order; return what it said on its error output."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        code = self.popen.wait(20)
        errors = self.popen.stderr.read().decode() if self.popen.stderr is not None else ""
        assert code == 0, errors
        return errors

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.kill()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what was not written yet cannot be any more
                    stream.close()


class ChildError(Exception):
    """What a child answered with."""


Start = Callable[..., Process]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=MARKETS) as simulator:
        yield simulator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the processes of this test meet."""
    return tmp_path / "run"


@pytest.fixture
def start(sim: Simulator, folder: Path) -> Iterator[Start]:
    """Start a process; all are ended with the test."""
    with contextlib.ExitStack() as stack:

        def start_one(**settings: Any) -> Process:
            process = Process(
                **{
                    "url": sim.url,
                    "runtime_dir": str(folder),
                    "backoff_initial": 0.02,
                    "backoff_max": 0.2,
                    **settings,
                }
            )
            stack.callback(process.close)
            process.wait_ready()
            return process

        yield start_one


@pytest.fixture
def keys(sim: Simulator) -> dict[str, str]:
    """The keys that the exchange knows."""
    return {"access_key": sim.access_key, "secret_key": sim.secret_key}


def open_connections(sim: Simulator, endpoint: str = "public") -> int:
    return sum(one.open for one in sim.connections(endpoint))


def has(process: Process, **counts: int) -> bool:
    """Whether subscriptions of a process have had exactly so many events.

    Or more, in weather: a want that comes while the answer to another is on its way asks for its snapshots again.
    """
    had: dict[str, int] = process.do("count")
    if WEATHER:
        return all(had.get(name, 0) >= count for name, count in counts.items())
    return had == counts


def pair(sim: Simulator, start: Start, **settings: Any) -> tuple[Process, Process]:
    """Start a host and a guest that want overlapping things, and wait until both are served."""
    host, guest = start(**settings), start(**settings)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    guest.do("subscribe", id="b", type="ticker", codes=["KRW-BTC", "KRW-ETH"])
    guest.do("subscribe", id="c", type="trade", codes=["KRW-ETH"])
    sim.wait_served(UNION)
    wait_until(lambda: has(host, a=1), "the host's snapshot")
    wait_until(lambda: has(guest, b=2, c=1), "the guest's snapshots")
    return host, guest


@pytest.fixture
def server() -> Iterator[Valkey]:
    """An empty server for a fleet."""
    with Valkey() as one:
        yield one
