"""Programs in surroundings that lack something, each a process of its own, and an exchange for them."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from websocket_v6.simulator import Simulator

CHILD = Path(__file__).with_name("child.py")
ANSWER = 60.0  # seconds, on a machine that does much else


class Running:
    """One program. Warnings are errors there, as in the tests themselves."""

    def __init__(
        self,
        *,
        before: str = "",
        after: str = "",
        timeout: float = 30.0,
        within: Sequence[str] = (),
        environ: dict[str, str] | None = None,
        options: Sequence[str] = ("-W", "error"),
        **settings: Any,
    ) -> None:
        settings = {**settings, "before": before, "after": after, "timeout": timeout}
        self.popen = subprocess.Popen(
            [*within, sys.executable, *options, "-X", "faulthandler", str(CHILD), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**(os.environ if environ is None else environ), "PYTHONPATH": str(ROOT)},
        )
        self._buffer = b""

    def report(self) -> Any:
        """Wait for the next thing that it says."""
        assert self.popen.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                data = os.read(self.popen.stdout.fileno(), 1 << 16) if selector.select(ANSWER) else b""
                if not data:
                    self.popen.kill()
                    assert self.popen.stderr is not None
                    pytest.fail(f"it ended, or said nothing: {self.popen.stderr.read().decode()}")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return SimpleNamespace(**json.loads(line))

    def end(self) -> Any:
        """Have it end in order; return the last that it says."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        last = self.report()
        assert self.popen.wait(ANSWER) == 0
        assert self.popen.stderr is not None
        assert self.popen.stderr.read().decode() == ""
        assert last.left == []
        assert "bug" not in str(last.log)
        return last

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


Start = Callable[..., Running]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(markets=["KRW-BTC"], limits=None) as simulator:
        yield simulator


@pytest.fixture
def start(sim: Simulator, tmp_path: Path) -> Iterator[Start]:
    """Start a program; all are ended with the test."""
    with contextlib.ExitStack() as stack:

        def start_one(**settings: Any) -> Running:
            running = Running(**{"url": sim.url, "runtime_dir": str(tmp_path / "run"), **settings})
            stack.callback(running.close)
            return running

        yield start_one
