"""One run: a sender on the first core, a receiver on the last, and what they measured."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .messages import ROOT
from .sender import Orders

__all__ = ["RunFailed", "cores", "run", "run_delay"]

TIMEOUT = 20.0  # seconds for a process to end by itself


class RunFailed(Exception):  # noqa: N818 - what happened, as the report says it
    """A run ended without a result."""


def cores() -> tuple[int, int]:
    """Return the core of the sender and that of the receiver, (-1, -1) where they cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return -1, -1
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (-1, -1)


def run(what: str, orders: Orders, **assignment: Any) -> dict[str, Any]:
    """Start sender and receiver, let them meet, return what the receiver measured.

    Raises:
        RunFailed: if there is nothing.
    """
    sender_core, receiver_core = cores()
    with _process("bench.sender", orders._replace(core=sender_core)._asdict()) as sender:
        assignment |= {
            "what": what,
            "url": f"ws://127.0.0.1:{_line(sender.stdout).strip()}/websocket/v1",
            "kind": orders.kind,
            "markets": orders.markets,
            "block": orders.block,
            "core": receiver_core,
        }
        with _process("bench.receiver", assignment) as receiver:
            result = _meet(sender, receiver, orders)
    if result is None:
        raise RunFailed(f"{what} {assignment.get('contender', '')} of {orders.kind} ended with {receiver.returncode}")
    found: dict[str, Any] = json.loads(result)
    return found


def run_delay(contender: str, kind: str, rate: float, warm_up: int, goal: int) -> tuple[list[float], dict[str, Any]]:
    """Measure the seconds from the sender's `send` to the callback, of each message after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        sent, read = f"{folder}/sent", f"{folder}/read"
        orders = Orders(kind, "paced", rate=rate, limit=warm_up + goal, stamps=sent)
        reading = run("delay", orders, contender=contender, warm_up=warm_up, goal=goal, stamps=read)
        pairs = zip(_stamps(sent)[warm_up:], _stamps(read)[warm_up:], strict=True)
        return [(at_callback - at_send) / 1e9 for at_send, at_callback in pairs], reading


def _meet(sender: "subprocess.Popen[str]", receiver: "subprocess.Popen[str]", orders: Orders) -> str | None:
    assert sender.stdin is not None
    while line := _line(receiver.stdout):
        if line == "ready\n":
            sender.stdin.write("go\n")
            sender.stdin.flush()
        elif line.startswith("{"):
            if orders.stamps and _line(sender.stdout) != "stamped\n":
                return None
            receiver.wait(TIMEOUT)
            return line
    receiver.wait(TIMEOUT)
    return None


@contextlib.contextmanager
def _process(module: str, argument: dict[str, Any]) -> "Iterator[subprocess.Popen[str]]":
    """Run `python -m module argument` in the project's folder, and end it when the block does."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(argument)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def _stamps(path: str) -> "array[int]":
    stamps = array("q")
    stamps.frombytes(Path(path).read_bytes())
    return stamps
