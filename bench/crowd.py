"""Several processes that read one stream: what each message costs host and guests, and how late it is."""

import contextlib
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .children import Child
from .members import Assignment
from .runs import cores
from .sender import Orders

__all__ = ["measure_cost", "measure_delay"]

Reading = dict[str, Any]


def measure_cost(guests: int, *, rate: float, burst: int, seconds: float) -> tuple[Reading, list[Reading]]:
    """Return what the host measured and what each of its guests did, while all read the same tickers."""
    goal = int(rate * seconds)
    warm_up = int(rate)
    orders = Orders("ticker", "paced", rate=rate, burst=burst, limit=warm_up + goal + burst)
    host, *others = _run(["host", *["guest"] * guests], orders, warm_up, goal, [""] * (1 + guests), is_pinned=False)
    return host, others


def measure_delay(members: Sequence[str], *, rate: float, seconds: float) -> list[tuple[list[float], Reading]]:
    """Return of each member the seconds from before the sender's `send` to its callback, and what it measured.

    Unlike the processes of `measure_cost`, all of them share the core that the sender has not.
    """
    goal, warm_up = int(rate * seconds), int(rate // 2)
    with tempfile.TemporaryDirectory() as folder:
        sent = f"{folder}/sent"
        stamps = [f"{folder}/{index}" for index in range(len(members))]
        orders = Orders("ticker", "paced", rate=rate, limit=warm_up + goal, stamps=sent)
        readings = _run(members, orders, warm_up, goal, stamps, is_pinned=True)
        left = _stamps(sent)[warm_up:]
        return [
            ([(read - send) / 1e9 for send, read in zip(left, _stamps(path)[warm_up:], strict=True)], reading)
            for path, reading in zip(stamps, readings, strict=True)
        ]


def _run(
    members: Sequence[str], orders: Orders, warm_up: int, goal: int, stamps: Sequence[str], *, is_pinned: bool
) -> list[Reading]:
    """Start a sender and the members, of which the first has the connection; return what the members measured."""
    sender_core, other_core = cores()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o700)
        sender = stack.enter_context(Child("bench.sender", orders._replace(core=sender_core)._asdict()))
        port = int(sender.line())
        started: list[Child] = []
        for member, path in zip(members, stamps, strict=True):
            assignment = Assignment(
                member,
                f"ws://127.0.0.1:{port}/websocket/v1",
                folder,
                guests=len(members) - 1,
                warm_up=warm_up,
                goal=goal,
                stamps=path,
                core=other_core if is_pinned or not started else -1,
            )
            child = stack.enter_context(Child("bench.members", assignment._asdict()))
            if member == "host":
                child.expect("listening")
            started.append(child)
        for child in started:
            child.expect("ready")
        sender.say("go")
        readings = [child.result() for child in started]
        if orders.stamps:
            sender.expect("stamped")
        return readings


def _stamps(path: str) -> "array[int]":
    stamps = array("q")
    stamps.frombytes(Path(path).read_bytes())
    return stamps
