"""Containers and other small machines: what is missing is told, and done without where that can be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is taken away here is Linux's")

MIB = 1024 * 1024
# As images are run with --read-only: process 1, nothing that may be written in, and no shared memory.
CONTAINER = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"]
READ_ONLY = 'mount -o remount,bind,ro / && mount -t tmpfs -o ro none /dev/shm && exec "$@"'
LIMIT = "import resource; resource.setrlimit(resource.{}, ({}, {}))"


@pytest.fixture(scope="module")
def container() -> list[str]:
    """What a program is started with to run in one."""
    if not shutil.which("unshare") or not is_possible():
        pytest.skip("this machine makes no containers for its users")
    return [*CONTAINER, READ_ONLY, "sh"]


def is_possible() -> bool:
    asked = [*CONTAINER, READ_ONLY, "sh", "sh", "-c", "! touch /tmp/may-be-written"]
    return subprocess.run(asked, capture_output=True).returncode == 0


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment that says nothing of a user, and no home that may be written in."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def served(start: Start, **settings: Any) -> Any:
    """Return what a program says of itself, which must be that it is served, and ends in order."""
    running = start(**settings)
    first = running.report()
    assert first.event == "KRW-BTC", first
    running.end()
    return first


def test_a_container_where_nothing_can_be_written(start: Start, container: list[str], bare: dict[str, str]) -> None:
    first = served(start, within=container, environ=bare, runtime_dir=None)
    assert first.role == "embedded"
    (told,) = first.log
    assert "WEBSOCKET_V6_RUNTIME_DIR" in told
    assert "WEBSOCKET_V6_MODE=embedded" in told


def test_a_folder_that_was_asked_for_and_cannot_be_written(
    start: Start, container: list[str], bare: dict[str, str]
) -> None:
    running = start(within=container, environ=bare)
    first = running.report()
    assert first.error.startswith("ConfigError: runtime_dir (WEBSOCKET_V6_RUNTIME_DIR)")
    assert "Read-only" in first.error
    running.end()


def test_two_containers_that_share_a_folder_are_both_process_1(
    start: Start, container: list[str], bare: dict[str, str], tmp_path: Path
) -> None:
    """Only their home in it is theirs to write, as a volume; in each, its program is process 1."""
    (tmp_path / "run").mkdir(mode=0o700)
    script = 'run=$0; mount --bind "$run" "$run" && ' + READ_ONLY
    within = [*container[:-2], script, str(tmp_path / "run")]
    host = start(within=within, environ=bare)
    assert host.report().role == "host"
    guest = start(within=within, environ=bare)
    first = guest.report()
    assert (first.event, first.role, first.log) == ("KRW-BTC", "guest", [])
    host.end()
    assert guest.end().role == "host"


def test_a_user_without_a_name_or_a_home(start: Start, bare: dict[str, str]) -> None:
    nameless = "import pwd\ndef nobody(*_): raise KeyError('getpwuid(): uid not found')\n"
    first = served(start, before=nameless + "pwd.getpwuid = pwd.getpwnam = nobody", environ=bare)
    assert first.role == "host"


def test_one_core(start: Start) -> None:
    core = min(os.sched_getaffinity(0))
    assert served(start, before=f"import os; os.sched_setaffinity(0, {{{core}}})").role == "host"


def test_64_mib(start: Start) -> None:
    """It counts what is used, as containers do; and, with small stacks, what is set aside, as `ulimit -d` does."""
    limit = "import threading; threading.stack_size(1 << 20); " + LIMIT.format("RLIMIT_DATA", 64 * MIB, 64 * MIB)
    first = served(start, after=limit)
    assert first.rss < 64 * MIB
    assert first.threads < 16


def test_64_descriptors(start: Start) -> None:
    first = served(start, before=LIMIT.format("RLIMIT_NOFILE", 64, 64))
    assert (first.role, first.log) == ("host", [])
    assert first.descriptors < 24


def test_too_few_descriptors_are_told_and_nothing_ends(start: Start) -> None:
    running = start(before=LIMIT.format("RLIMIT_NOFILE", 9, 9), timeout=0.7)
    first = running.report()
    assert first.error.startswith("TimeoutError")
    assert "open" in first.error
    assert "files" in first.error + str(first.log)
    running.end()
