"""What all tests share: waiting on conditions, and the proof that a test leaves nothing behind."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

DEADLINE = 20.0  # seconds: generous, for a condition that comes at once on a quiet machine
ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def wait_until(condition: Callable[[], object], what: str = "the condition", timeout: float = DEADLINE) -> None:
    """Wait until `condition` holds; fail with `what` if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {timeout:g} s")
        pause.wait(0.005)


def pytest_collection_finish() -> None:
    """Let the collector pass over what was imported: it is run after each of some thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test ends with the threads, child processes and sockets it began with."""
    threads = set(threading.enumerate())
    children = {child.pid for child in psutil.Process().children()}
    sockets = _sockets()
    yield
    gc.collect()
    wait_until(lambda: set(threading.enumerate()) <= threads, "the end of all threads of the test")
    wait_until(
        lambda: {child.pid for child in psutil.Process().children() if child.status() != "zombie"} <= children,
        "the end of all child processes of the test",
    )
    wait_until(lambda: _sockets() <= sockets, "the closing of all sockets of the test")


def _sockets() -> int:
    """Count the open sockets of this process."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return 0
    count = 0
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):  # closed since it was listed
            count += str(entry.readlink()).startswith("socket:")
    return count
