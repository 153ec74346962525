"""Where the simulator runs and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import getcontext, localcontext
from typing import Any

import psutil
import pytest

from tests.conftest import Program
from websocket_v6.simulator import Simulator

Make = Callable[..., Any]


def test_it_must_run_to_be_asked() -> None:
    sim = Simulator()
    with pytest.raises(RuntimeError, match="use it in a `with` block or call start"):
        sim.trade("KRW-BTC")


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_it_ends_for_good_with_the_block(process: bool) -> None:
    with Simulator(process=process) as sim:
        assert sim.trade("KRW-BTC") > 2**53
    with pytest.raises(RuntimeError, match="not running"):
        sim.trade("KRW-BTC")
    sim.shut_down()


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_a_mistake_of_the_caller_is_told_to_the_caller(process: bool) -> None:
    with Simulator(process=process) as sim:
        with pytest.raises(ValueError, match=r"'KRW-NOPE' is not listed here: list_market\('KRW-NOPE'\) adds it"):
            sim.trade("KRW-NOPE")
        with pytest.raises(ValueError, match="not a market code"):
            sim.list_market("krw-btc")
        assert sim.trade("KRW-BTC") > 0


def test_a_port_that_is_taken_is_told() -> None:
    with Simulator() as first:
        second = Simulator(port=first.port)
        try:
            with pytest.raises(OSError, match=str(first.port)):
                second.start()
        finally:
            second.shut_down()


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_what_is_wrong_with_the_settings_is_told_before_anything_runs(process: bool) -> None:
    with pytest.raises(ValueError, match="not a market code"):
        Simulator(markets=["btc"], process=process).start()
    with pytest.raises(FileNotFoundError):
        Simulator(tls=("no-such-file", "no-such-file"), process=process).start()


def test_the_arithmetic_of_the_caller_is_left_alone() -> None:
    with localcontext(prec=5), Simulator(markets=["KRW-BTC"]) as sim:
        sim.trade("KRW-BTC", price=116_600_000, volume="0.12345678")
        assert '"trade_volume":0.12345678' in sim.current("trade KRW-BTC")
        assert '"acc_trade_price":' in sim.current("ticker KRW-BTC")
        assert getcontext().prec == 5


def test_waiting_in_vain_says_what_is_there(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    sim.wait_served({"trade KRW-BTC"})
    with pytest.raises(TimeoutError, match=r"not within 0\.1 s; .*public: trade KRW-BTC"):
        sim.wait_served({"trade KRW-ETH"}, timeout=0.1)
    sim.wait_served({"trade KRW-BTC"}, exactly=False)


def test_its_process_may_die_and_the_caller_hears_of_it() -> None:
    with Simulator(process=True) as sim:
        runner = sim._runner
        assert runner is not None
        os.kill(runner._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        runner._process.wait(10.0)  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="process is gone"):
            sim.now()


PROGRAM = """
from websocket_v6.simulator import Simulator
sim = Simulator(process=True).start()
print(sim._runner._process.pid, flush=True)
input()
"""


def test_its_process_ends_with_the_program_that_started_it_however_that_ends() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with Program(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
    ) as program:
        assert program.stdout is not None
        child = psutil.Process(int(program.stdout.readline()))
        program.kill()
        program.wait(10.0)
        child.wait(10.0)
