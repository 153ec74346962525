"""A process with a resume name is killed at any moment or ends in order, and is started anew, while trades are made."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT, wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Simulator

from .trades import Trades

pytestmark = needs_server

CODE = "KRW-BTC"
RECORDER = Path(__file__).with_name("recorder.py")
ROUNDS = int(os.environ.get("WEBSOCKET_V6_TEST_RESUME", "3"))
RATE = 250  # messages a second
REPEATS = 2.5  # seconds: it is kept each second what is done, on a machine that does much else


class Recorder:
    """The process, in one of its lives."""

    def __init__(self, settings: dict[str, str]) -> None:
        command = [sys.executable, "-W", "error", str(RECORDER), json.dumps(settings)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=environ
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._close()

    def leave(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0
        self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def end(self) -> None:
        if self._process.poll() is None:
            self.kill()


class Line(NamedTuple):
    key: str
    is_marked: bool
    at_ns: int


def lines(file: Path) -> list[Line]:
    """Return what was written, but for gaps."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        fields = line.split()
        if len(fields) == 3:
            found.append(Line(fields[0], fields[1] == "1", int(fields[2])))
    return found


@pytest.mark.timeout(120 + 30 * ROUNDS)
@pytest.mark.parametrize("how", ["kill", "leave"])
def test_nothing_is_lost_and_what_comes_twice_is_marked(
    sim: Simulator, server: Valkey, tmp_path: Path, how: str
) -> None:
    chance = random.Random(7)
    file = tmp_path / "trades"
    leading = Config(url=sim.url, fleet=server.url, runtime_dir=tmp_path / "run")
    settings = {"url": sim.url, "fleet": server.url, "fleet_resume": "recorder", "file": str(file)}
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(WebSocketClientProxy("leader", config=leading))
        proxy.subscribe_trade([CODE], lambda _: None)
        wait_until(proxy.is_public_available, "a leader")
        trades = stack.enter_context(Trades(sim, CODE, RATE))
        kills: list[int] = []  # when
        for number in range(ROUNDS):
            before = len(lines(file))
            recorder = Recorder(settings)
            stack.callback(recorder.end)
            wait_until(lambda before=before: len(lines(file)) > before, "it goes on")  # type: ignore[misc]
            threading.Event().wait(chance.uniform(0.0, 1.5))  # at any moment
            is_killed = how == "kill" and number % 3 < 2
            recorder.kill() if is_killed else recorder.leave()
            if is_killed:
                kills.append(time.time_ns())  # when it writes nothing more
            threading.Event().wait(chance.uniform(0.0, 0.5))
        recorder = Recorder(settings)
        stack.callback(recorder.end)
        trades.end()
        last = str(trades.made[-1])
        wait_until(lambda: last in [one.key for one in lines(file)], "the last one")
        recorder.leave()
    found = lines(file)
    keys = [one.key for one in found]
    assert not [line for line in file.read_text().splitlines() if line.startswith("gap")]
    plain = [one.key for one in found if not one.is_marked]
    assert len(set(plain)) == len(plain), "twice, and not marked"
    assert sorted({int(key) for key in keys}) == trades.made[trades.made.index(int(keys[0])) :], "lost"
    assert sum(int(one) > int(other) for one, other in itertools.pairwise(keys)) <= len(kills), "out of order"
    if how == "leave":
        assert plain == keys, "nothing is marked where nothing came twice"
    last_of = {one.key: one for one in found}
    for one in found:
        if last_of[one.key] is not one:
            killed_at = min(at for at in kills if at >= one.at_ns)
            assert killed_at - one.at_ns < REPEATS * 1e9, "what was done long before comes again"
