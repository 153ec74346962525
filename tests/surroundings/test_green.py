"""gevent and eventlet: who waits for an event, or in a callback, lets the others run; alone, as host and as guest."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Program
from websocket_v6.simulator import Simulator

PROGRAM = Path(__file__).with_name("green.py")
Begin = Callable[[str], Program]


@pytest.fixture(params=["gevent", "eventlet"])
def begin(request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path) -> Iterator[Begin]:
    """Start a program; all are ended with the test."""
    library = request.param
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    with ExitStack() as stack:

        def begin_one(mode: str) -> Program:
            settings = {"url": sim.url, "mode": mode, "runtime_dir": str(tmp_path / "run")}
            # eventlet warns of itself when it is imported.
            arguments = [sys.executable, "-W", "ignore", str(PROGRAM), library, json.dumps(settings)]
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            return stack.enter_context(Program(arguments, text=True, env=environ, **pipes))

        yield begin_one


def said(program: Program) -> Any:
    assert program.stdout is not None
    line = program.stdout.readline()
    if not line:
        assert program.stderr is not None
        pytest.fail(program.stderr.read())
    return json.loads(line)


def end(program: Program) -> None:
    left, errors = program.communicate("\n", timeout=30)
    assert program.returncode == 0, errors
    assert json.loads(left) == ["MainThread"]
    assert errors == ""


def check(report: Any, role: str) -> None:
    assert report["role"] == role
    assert report["turns"] > 5, "in half a second, with a turn due every hundredth"
    assert report["called"]


def test_alone(begin: Begin) -> None:
    program = begin("embedded")
    check(said(program), "embedded")
    end(program)


def test_host_and_guest(begin: Begin) -> None:
    host = begin("auto")
    check(said(host), "host")
    guest = begin("auto")
    check(said(guest), "guest")
    end(guest)
    end(host)
