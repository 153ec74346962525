"""An interpreter from which is taken what Windows has not; done by a test's program before it imports the package.

No Unix sockets, no fork, none of the signals but Ctrl-C, no users, no `poll`; a lock is the C library's of there, and a
file that anybody has open can be neither removed nor replaced. What is left is Linux all the same.
"""

# What looks at the platform when it is imported has looked before it is said to be another.
import asyncio  # noqa: F401
import contextlib
import ctypes  # noqa: F401
import errno
import fcntl
import http.client  # noqa: F401
import multiprocessing  # noqa: F401
import os
import select
import selectors
import shutil  # noqa: F401
import signal
import socket
import ssl  # noqa: F401
import subprocess  # noqa: F401
import sys
import sysconfig
import tempfile  # noqa: F401
import threading
import types
import urllib.request  # noqa: F401
from collections.abc import Callable
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # the command line's
    import rich.console  # noqa: F401
    import typer  # noqa: F401
sysconfig.get_config_vars()

GONE: dict[Any, tuple[str, ...]] = {
    os: ("fork", "register_at_fork", "getuid", "geteuid", "getgid", "getegid", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"),
    signal: ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP", "SIGCONT", "pthread_sigmask"),
    socket: ("AF_UNIX", "SO_PEERCRED", "TCP_INFO", "sendmsg"),
    select: ("poll", "epoll"),
    selectors: ("PollSelector", "EpollSelector"),
}
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty")


def pair(*_: object) -> tuple[socket.socket, socket.socket]:
    """Make a pair of sockets as the standard library does there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _address = listener.accept()
    return one, other


def is_open(path: Any) -> bool:
    """Whether any process has this file open."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    for process in Path("/proc").glob("[0-9]*/fd"):
        try:
            links = list(process.iterdir())
        except OSError:
            continue
        for link in links:
            try:
                if os.path.samestat(link.stat(), found):
                    return True
            except OSError:
                continue
    return False


def refusing(change: Callable[..., Any]) -> Callable[..., Any]:
    """Have a call that removes or replaces its last path refused while that is open."""

    def call(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if is_open(path):
                raise PermissionError(errno.EACCES, "it is being used by another process", str(path))
        return change(*paths, **options)

    return call


def lock(fd: int, mode: int, count: int, flock: Any = fcntl.flock) -> None:
    """Lock as `msvcrt.locking` does."""
    flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def become() -> None:
    """Take everything away."""
    msvcrt: Any = types.ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_NBLCK = lock, 2
    sys.modules["msvcrt"] = msvcrt
    for module, names in GONE.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    selectors.DefaultSelector = selectors.SelectSelector  # type: ignore[misc, assignment]
    socket.socketpair = pair  # type: ignore[assignment]
    for name in ("unlink", "remove", "replace", "rename"):
        setattr(os, name, refusing(getattr(os, name)))
    sys.platform = "win32"


class Waits:
    """How long the main thread waits at most in one go: nothing interrupts a wait there, not even Ctrl-C."""

    def __init__(self) -> None:
        self.longest = 0.0
        wait = threading.Condition.wait

        def noted(condition: threading.Condition, timeout: float | None = None) -> bool:
            if threading.current_thread() is threading.main_thread():
                self.longest = max(self.longest, float("inf") if timeout is None else timeout)
            return wait(condition, timeout)

        setattr(threading.Condition, "wait", noted)  # noqa: B010 - its type has other names


become()
waits = Waits()
