"""What all tests share: waiting on conditions, and the proof that a test leaves nothing behind."""

import contextlib
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

from websocket_v6.simulator import Simulator, Weather

DEADLINE = 20.0  # seconds: generous, for a condition that comes at once on a quiet machine
ROOT = Path(__file__).resolve().parent.parent
# How many examples a property is tried with that does not say it itself. None has a deadline: it would be one of wall
# time, and what takes too long is found by the timeout of each test.
EXAMPLES = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "40"))
WEATHER = os.environ.get("WEBSOCKET_V6_TEST_WEATHER")  # usual or storm: see `_weather`
# Seconds that a handshake, or a snapshot of the second burst, takes longer in it than on this machine.
WAY = 0.8 if WEATHER else 0.0
SHARED_DATA = ROOT.parent / "shared" / "data"


settings.register_profile("websocket_v6", max_examples=EXAMPLES, deadline=None)
settings.load_profile("websocket_v6")


def pytest_configure() -> None:
    """Hear Ctrl-C, which tests send to what they start; a shell has it ignored by what runs in its background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """How many workers `-n auto` means: two for each core, as most tests wait most of the time.

    Each collects all tests for itself: four seconds of a core, and some 300 MB with all that the tests import.
    """
    return min(2 * (os.cpu_count() or 1), 8)


def wait_until(condition: Callable[[], object], what: str = "the condition", timeout: float = DEADLINE) -> None:
    """Wait until `condition` holds; fail with `what` if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {timeout:g} s")
        pause.wait(0.005)


class Program(subprocess.Popen[str]):
    """A child process that ends with its `with`; `Popen` waits for one that nobody ended because a test failed."""

    def __exit__(self, *exception: Any) -> None:
        self.kill()  # nothing happens if it has ended
        super().__exit__(*exception)


@pytest.fixture(scope="session", autouse=True)
def _weather() -> Iterator[None]:
    """Let simulators have the weather that the environment names, usual or storm, where a test asks for none.

    One whose time stands is left calm: without `advance` nothing would come.
    """
    made = Simulator.__init__

    def make(self: Simulator, *args: Any, **options: Any) -> None:
        if not options.get("frozen"):
            options.setdefault("weather", getattr(Weather, WEATHER or "calm")())
        made(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        if WEATHER:
            patch.setattr(Simulator, "__init__", make)
        yield


@pytest.fixture(scope="module", autouse=True)
def _passed_over() -> None:
    """Let the collector pass over what is there before a module's tests: it is run after each of some thousands.

    The test runner and hypothesis keep ever more, of which nothing is a test's; looking at all of it was half the time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the test's own, as pytest does, by a name that leaves room for a socket in it.

    Systems allow about a hundred bytes for the path of a socket; pytest's own folder has the name of the test, which in
    a worker is too much.
    """
    return tmp_path_factory.mktemp("t")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test ends with the threads, child processes and sockets it began with."""
    threads = set(threading.enumerate())
    children = _children()
    sockets = _sockets()
    yield
    gc.collect()
    try:
        wait_until(lambda: set(threading.enumerate()) <= threads, "the end of all threads of the test")
        wait_until(lambda: _children() <= children, "the end of all child processes of the test")
        wait_until(lambda: _sockets() <= sockets, "the closing of all sockets of the test")
    finally:
        for pid in _children() - children:  # this test has failed; the next ones are not to pay for it
            os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    """Return the child processes of this one that run."""
    try:
        # The quick way, for most tests have none; whoever is there is only looked at, not waited for.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    return {child.pid for child in psutil.Process().children() if _runs(child)}


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # it was waited for meanwhile
        return False


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
