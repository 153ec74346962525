"""A quiet exchange for the programs of examples/, each in a process of its own, as a user starts it."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.conftest import DEADLINE, ROOT, Program
from websocket_v6.simulator import Simulator


class Example:
    """A program that runs. Lines are of what it prints, and of what it complains."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self, words: str) -> str:
        """Wait for a line with these words, and return it."""
        seen: list[str] = []
        while not seen or words not in seen[-1]:
            try:
                seen.append(self._lines.get(timeout=DEADLINE))
            except queue.Empty:
                pytest.fail(f"no line with {words!r}, but {seen}")
        return seen[-1]

    def rest(self) -> list[str]:
        """End it with Ctrl-C, and return the lines that nobody has taken."""
        self._program.send_signal(signal.SIGINT)
        assert self._program.wait(DEADLINE) == 0
        self._reader.join()
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def close(self) -> None:
        """End it, and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._program.pid, signal.SIGKILL)
        self._reader.join()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self._lines.put(line.rstrip("\n"))


Start = Callable[..., AbstractContextManager[Example]]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC", "KRW-ETH"]) as simulator:
        yield simulator


@pytest.fixture
def start(sim: Simulator, tmp_path: Path) -> Start:
    """Start an example by its name and arguments; it is ended with the `with` block."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "WEBSOCKET_V6_URL": sim.url,
        "WEBSOCKET_V6_RUNTIME_DIR": str(tmp_path / "run"),
        "UPBIT_ACCESS_KEY": sim.access_key,
        "UPBIT_SECRET_KEY": sim.secret_key,
    }

    @contextlib.contextmanager
    def started(name: str, *arguments: object) -> Iterator[Example]:
        command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *map(str, arguments)]
        with Program(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
            cwd=tmp_path,
            start_new_session=True,
        ) as program:
            example = Example(program)
            try:
                yield example
            finally:
                example.close()

    return started
