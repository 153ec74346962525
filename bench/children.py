"""Processes that a scenario starts, and their words: lines of text and, as results, of JSON."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .messages import ROOT
from .runs import RunFailed

__all__ = ["Child"]

TIMEOUT = 180.0  # seconds for a line, on a machine that is busy


class Child:
    """`python -m module argument` of the code in `folder`, to be ended by leaving `with`, or by `kill`."""

    def __init__(self, module: str, argument: Mapping[str, Any], folder: Path = ROOT) -> None:
        self._module = module
        self._buffer = b""
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(argument)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{line}\n".encode())
        self._popen.stdin.flush()

    def line(self, timeout: float = TIMEOUT) -> str:
        """Return the next line that it prints.

        Raises:
            RunFailed: if there is none within `timeout` seconds.
        """
        assert self._popen.stdout is not None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise RunFailed(f"{self._module}, process {self.pid}, said nothing for {timeout:g} s")
                data = os.read(self._popen.stdout.fileno(), 1 << 16)
                if not data:
                    raise RunFailed(f"{self._module}, process {self.pid}, ended with {self._popen.wait()}")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def expect(self, word: str) -> None:
        """Wait until it says `word`.

        Raises:
            RunFailed: if it says anything else.
        """
        line = self.line()
        if line != word:
            raise RunFailed(f"{self._module}, process {self.pid}, was to say {word!r} and said {line!r:.200}")

    def result(self) -> dict[str, Any]:
        """Return the JSON object that it prints next."""
        found: dict[str, Any] = json.loads(self.line())
        return found

    def wait(self, timeout: float = TIMEOUT) -> None:
        """Wait until it has ended by itself."""
        self._popen.wait(timeout)

    def kill(self) -> None:
        """End it, and those that it has started, with SIGKILL, unless they have ended."""
        with self._popen, contextlib.suppress(OSError):  # closes what leads to it, and waits for it
            os.killpg(self.pid, signal.SIGKILL)
