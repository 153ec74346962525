"""What a forked child meets of its parent's: locks that another thread held, actors, whatever asked to begin anew."""

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from tests.conftest import wait_until
from websocket_v6.actors import forks
from websocket_v6.actors.base import Actor, stop_and_join

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]

DEADLINE = 10.0  # seconds that a child may take


class Heir:
    """Counts the children that it was born in."""

    def __init__(self) -> None:
        self.begun = 0
        forks.in_child(self)

    def _after_fork(self) -> None:
        self.begun += 1


def in_a_child(body: Callable[[], object]) -> str:
    """Do `body` in a forked child; return what it answers, as text, or how it failed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # Nothing of the test goes on here.
        with contextlib.suppress(BaseException):
            try:
                answer = str(body())
            except BaseException as exc:  # noqa: BLE001
                answer = repr(exc)
            os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    ended: list[int] = []

    def look() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(ended)

    try:
        wait_until(look, "the child's end", DEADLINE)
        return os.read(reader, 65_536).decode()
    finally:
        os.close(reader)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextlib.contextmanager
def another_thread(context: Any) -> Iterator[None]:
    """Have another thread stand within `context` meanwhile."""
    is_in, is_over = threading.Event(), threading.Event()

    def stand() -> None:
        with context:
            is_in.set()
            assert is_over.wait(2 * DEADLINE)

    thread = threading.Thread(target=stand)
    thread.start()
    try:
        assert is_in.wait(DEADLINE)
        yield
    finally:
        is_over.set()
        thread.join(DEADLINE)


def test_what_asked_for_it_begins_anew_in_a_child_and_only_there() -> None:
    heir, other = Heir(), Heir()
    assert in_a_child(lambda: (heir.begun, other.begun)) == "(1, 1)"
    assert (heir.begun, other.begun) == (0, 0)


def test_a_child_of_a_child_begins_anew_too() -> None:
    heir = Heir()
    assert in_a_child(lambda: in_a_child(lambda: heir.begun)) == "2"


def test_what_is_gone_is_forgotten() -> None:
    heir = Heir()
    assert heir in forks._inherited
    count = len(forks._inherited)
    del heir
    gc.collect()
    assert len(forks._inherited) < count


def test_a_child_knows_no_actor_of_its_parent_s_and_may_have_its_own() -> None:
    def ask() -> object:
        before = len(pykka.ActorRegistry.get_all())
        ref = Actor.start()
        return before, len(pykka.ActorRegistry.get_all()), stop_and_join(ref, 5)

    parent = Actor.start()
    try:
        with another_thread(pykka.ActorRegistry._actor_refs_lock):
            assert in_a_child(ask) == "(0, 1, True)"
        assert parent in pykka.ActorRegistry.get_all(), "here it is as it was"
    finally:
        assert stop_and_join(parent, 5)


class Watched:
    """A lock that says when a fork waits for it."""

    def __init__(self) -> None:
        self.is_waited_for = threading.Event()
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def acquire(self, timeout: float) -> bool:
        self.is_waited_for.set()
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()


def test_a_fork_waits_until_an_import_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, is_in, is_done = Watched(), threading.Event(), threading.Event()
    monkeypatch.setattr(forks, "_importing", lock)

    def load() -> None:
        with forks.no_fork():
            is_in.set()
            assert lock.is_waited_for.wait(DEADLINE)
            is_done.set()

    thread = threading.Thread(target=load)
    thread.start()
    assert is_in.wait(DEADLINE)
    assert in_a_child(is_done.is_set) == "True"
    thread.join(DEADLINE)
    with another_thread(forks.no_fork()):
        assert not may_import(), "the parent has let go of it"
    assert may_import()


def may_import() -> bool:
    """Whether another thread than this one may import something."""
    got: list[bool] = []

    def attempt() -> None:
        got.append(forks._importing.acquire(timeout=0))
        if got[0]:
            forks._importing.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(DEADLINE)
    return got[0]


def begin_to_import() -> bool:
    """Return whether this thread, and no other meanwhile, may import something."""
    with forks.no_fork():
        return not may_import()


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "IMPORT_TIMEOUT", 0.02)
    with another_thread(forks.no_fork()):
        assert in_a_child(begin_to_import) == "True", "in the child nobody holds it"
        assert not may_import(), "the fork has not let go of what was not its own"
    assert begin_to_import()


def test_a_thread_that_imports_may_fork() -> None:
    with forks.no_fork():
        assert in_a_child(begin_to_import) == "True"
        assert not may_import()
    assert may_import()


def test_a_fork_lets_go_of_what_it_waited_for() -> None:
    assert in_a_child(begin_to_import) == "True"
    assert may_import()
