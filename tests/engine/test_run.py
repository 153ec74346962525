"""A script that waits until it is told to end: by Ctrl-C, SIGTERM, `stop()` or `cleanup()`."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Program, wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.ending import Stop
from websocket_v6.simulator import Simulator

PATIENCE = 20.0
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nothing tells what signals it hears")
STUCK = """
import sys, threading
from websocket_v6 import WebSocketClientProxy

def stuck(event):
    print(event.symbol, flush=True)
    threading.Event().wait()

proxy = WebSocketClientProxy("bot")
proxy.subscribe_ticker("KRW-BTC", stuck)
sys.exit(proxy.run())
"""
WAITS = """
import sys
from websocket_v6 import WebSocketClientProxy

proxy = WebSocketClientProxy("bot")
proxy.subscribe_ticker("KRW-BTC", lambda event: print(event.symbol, flush=True))
sys.exit(proxy.run())
"""


def start(sim: Simulator, script: str) -> Program:
    environment: dict[str, str] = {**os.environ, "WEBSOCKET_V6_URL": sim.url, "WEBSOCKET_V6_MODE": "embedded"}
    command = [sys.executable, "-u", "-c", script]
    return Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


def wait_until_it_runs(program: Program) -> None:
    """Wait until it hears SIGTERM, which nothing but `run` has it do."""
    status = Path(f"/proc/{program.pid}/status")

    def hears() -> bool:
        caught = re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) & 1 << signal.SIGTERM - 1)

    wait_until(hears, "the script's last line")


def first_example() -> str:
    """Return the first program of the README."""
    found = re.search(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@needs_proc
@pytest.mark.parametrize(
    ("script", "number", "status"),
    [
        (first_example(), signal.SIGINT, 0),
        (WAITS, signal.SIGINT, 130),
        (WAITS, signal.SIGTERM, 0),
    ],
    ids=["README", "Ctrl-C", "SIGTERM"],
)
def test_a_script_runs_until_it_is_told_to_end(sim: Simulator, script: str, number: int, status: int) -> None:
    with start(sim, script) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("KRW-")
        wait_until_it_runs(program)
        program.send_signal(number)
        _, errors = program.communicate(timeout=PATIENCE)
        assert (program.returncode, errors) == (status, "")
    wait_until(lambda: sim.connections() and not sim.connections()[0].open, "the connection's end")
    assert sim.connections()[0].close_code == 1000, "closed in order"


@needs_proc
def test_a_second_ctrl_c_ends_it_at_once(sim: Simulator) -> None:
    with start(sim, STUCK) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "KRW-BTC\n"
        wait_until_it_runs(program)
        began = time.monotonic()

        def ends() -> bool:
            program.send_signal(signal.SIGINT)
            return program.poll() is not None

        wait_until(ends, "its end: the callback is waited for, for some seconds", timeout=PATIENCE)
        assert program.returncode == 130
        assert time.monotonic() - began < 4.0


def test_a_callback_stops_it(sim: Simulator, config: Config) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    proxy = WebSocketClientProxy("bot", config=config)
    ticks = proxy.subscribe_ticker("KRW-BTC")
    proxy.subscribe_trade("KRW-BTC", lambda event: proxy.stop())
    assert proxy.run() == 0
    assert "closed" in repr(proxy)
    assert list(ticks)[1:] == []
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    wait_until(lambda: sim.wait_connected(0) == [], "the connection's end")
    assert proxy.run() == 0, "it is over already"


def test_stopped_before_it_runs_it_ends_at_once(config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.stop()
        proxy.stop()
        assert proxy.run() == 0


def test_in_another_thread_it_waits_for_stop_or_cleanup(config: Config) -> None:
    for end in (WebSocketClientProxy.stop, WebSocketClientProxy.cleanup):
        proxy, found = WebSocketClientProxy("bot", config=config), list[int]()
        proxy.subscribe_ticker("KRW-BTC", lambda event: None)
        threads = [threading.Thread(target=lambda: found.append(proxy.run())) for _ in range(2)]  # noqa: B023
        for thread in threads:
            thread.start()
        end(proxy)
        for thread in threads:
            thread.join(PATIENCE)
        assert found == [0, 0]


def test_a_signal_s_handler_may_stop_it(config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        before = signal.signal(signal.SIGUSR1, lambda *_: proxy.stop())
        try:
            main = threading.main_thread().ident
            assert main is not None
            timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1))
            timer.start()
            assert proxy.run() == 0
            timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_who_listens_is_called_at_once_if_it_is_said_already() -> None:
    stop, called = Stop(), list[int]()
    take_back = stop.listen(lambda: called.append(1))
    assert called == []
    stop.set()
    stop.listen(lambda: called.append(2))
    assert called == [1, 2]
    take_back()
    stop.set()
    assert called == [1, 2, 2]
