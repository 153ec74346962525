"""An interpreter without `select.poll` and `select.epoll`, as on Windows, or after `eventlet.monkey_patch()`."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROGRAM = """
import select
for name in ("poll", "epoll", "devpoll", "kqueue"):
    if hasattr(select, name):
        delattr(select, name)
from pathlib import Path

from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Simulator

with Simulator(["KRW-BTC"]) as sim:
    config = Config(url=sim.url, mode={mode!r}, runtime_dir=Path({folder!r}))
    with WebSocketClientProxy("x", config=config) as proxy:
        events = proxy.subscribe_trade(["KRW-BTC"])
        events.get(timeout=20)
        number = sim.trade("KRW-BTC")
        while events.get(timeout=20).sequential_id != number:
            pass
print("served")
"""


@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_an_interpreter_without_poll_is_served(mode: str, tmp_path: os.PathLike[str]) -> None:
    program = PROGRAM.format(mode=mode, folder=str(tmp_path))
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=50, check=False, cwd=ROOT
    )
    assert done.stdout == "served\n", done.stderr
    assert "bug" not in done.stderr
