"""`websocket-v6 serve` as a child process, as people and systemd run it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PATIENCE = 30.0  # seconds for a process to begin, on a machine that does much else


class Serving:
    """One `serve --json`, and what it says, line by line."""

    def __init__(self, url: str, folder: Path | None, *options: str, **popen: Any) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "WEBSOCKET_V6_URL": url}
        # Without a folder to meet in it shares with nobody, and needs nobody.
        env |= {"WEBSOCKET_V6_RUNTIME_DIR": str(folder)} if folder else {"WEBSOCKET_V6_MODE": "embedded"}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "websocket_v6", "serve", "--json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            **popen,
        )
        self.errors = ""
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self.popen.stderr is not None
        self.errors = self.popen.stderr.read()

    def line(self) -> dict[str, Any]:
        """Return the next that it says of itself."""
        line = self._lines.get(timeout=PATIENCE)
        if not line:
            self._threads[1].join(PATIENCE)
            pytest.fail(f"it ended with {self.popen.wait(PATIENCE)}: {self.errors[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def wait(self) -> tuple[int, float]:
        """Return how it ended, and after how long."""
        began = time.monotonic()
        code = self.popen.wait(PATIENCE)
        return code, time.monotonic() - began

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
        self.popen.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        for stream in (self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def serving(url: str, folder: Path | None = None, *options: str, **popen: Any) -> Iterator[Serving]:
    """Run one that is there, and end it."""
    one = Serving(url, folder, *options, **popen)
    try:
        yield one
    finally:
        one.close()
