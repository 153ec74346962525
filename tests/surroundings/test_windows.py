"""What Windows has not, taken away from the interpreter (`windows.py`): alone, as host and guest, `serve`, Ctrl-C.

This is not Windows: it shows that nothing is asked for that is not there.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Program, wait_until
from websocket_v6.simulator import Simulator

from .conftest import Start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is taken away from Linux")

BECOME = "import tests.surroundings.windows"


def test_alone(start: Start) -> None:
    running = start(before=BECOME, mode="embedded")
    first = running.report()
    assert (first.event, first.role, first.log) == ("KRW-BTC", "embedded", [])
    running.end()


def test_host_and_guest_meet_at_a_port_of_this_machine(start: Start, tmp_path: Path) -> None:
    host, guest = start(before=BECOME), None
    assert host.report().role == "host"
    (named,) = (tmp_path / "run").glob("*.host")
    assert b"127.0.0.1:" in named.read_bytes()
    guest = start(before=BECOME)
    first = guest.report()
    assert (first.event, first.role, first.log) == ("KRW-BTC", "guest", [])
    assert host.end().log == []
    last = guest.end()
    assert (last.role, last.log) == ("host", []), "the title was handed over"
    assert not list((tmp_path / "run").glob("*.host"))


def test_a_host_that_is_killed_has_a_successor(start: Start, tmp_path: Path) -> None:
    host, guest = start(before=BECOME), start(before=BECOME)
    reports = host.report(), guest.report()
    assert sorted(one.role for one in reports) == ["guest", "host"]
    if reports[1].role == "host":
        host, guest = guest, host
    (named,) = (tmp_path / "run").glob("*.host")
    before = named.read_bytes()
    host.popen.kill()
    wait_until(lambda: named.exists() and named.read_bytes() != before, "a successor")
    assert guest.end().role == "host"


def test_serve_ends_at_ctrl_c(sim: Simulator, tmp_path: Path) -> None:
    program = f"{BECOME}\nfrom websocket_v6.__main__ import main\nmain()"
    serve = [sys.executable, "-W", "error", "-c", program, "serve", "--url", sim.url]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "WEBSOCKET_V6_RUNTIME_DIR": str(tmp_path / "run")}
    with Program(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environ) as served:
        wait_until(lambda: list((tmp_path / "run").glob("*.host")) or served.poll() is not None, "serving")
        served.send_signal(signal.SIGINT)
        said, errors = served.communicate(timeout=30)
        assert served.returncode == 130, said + errors
        assert "Traceback" not in said + errors


WAITS = f"""
{BECOME}
import signal, sys, threading
from tests.surroundings.windows import waits
from websocket_v6 import Config, WebSocketClientProxy
with WebSocketClientProxy("waits", config=Config(url=sys.argv[1], mode="embedded")) as proxy:
    ticks = proxy.subscribe_ticker("KRW-BTC")
    ticks.get()
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    waits.longest = 0.0
    try:
        ticks.get()
    except KeyboardInterrupt:
        print("interrupted", waits.longest <= 1.0)
"""


def test_ctrl_c_ends_a_wait_that_nothing_else_would(sim: Simulator) -> None:
    """Nothing interrupts a wait for a lock there: so none of the main thread's is long."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WAITS, sim.url],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
        cwd=ROOT,
    )
    assert done.stdout == "interrupted True\n", done.stdout + done.stderr
