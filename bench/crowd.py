"""Several processes that read one stream: what each message costs host and guests, and how late it is."""

import contextlib
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import readers
from .children import Child
from .members import Assignment
from .messages import ROOT
from .runs import cores
from .sender import Orders

__all__ = ["measure_cost", "measure_delay", "measure_door", "measure_door_delay"]

Reading = dict[str, Any]
LISTENING = "listening at "
FILLING = 150  # tickers, 84 kB


def measure_cost(
    guests: int, *, rate: float, burst: int, seconds: float, checkout: Path = ROOT
) -> tuple[Reading, list[Reading]]:
    """Return what the host measured and what each of its guests did, while all read the same tickers."""
    goal = int(rate * seconds)
    warm_up = int(rate)
    orders = Orders("ticker", "paced", rate=rate, burst=burst, limit=warm_up + goal + burst)
    members = ["host", *["guest"] * guests]
    host, *others = _run(members, orders, warm_up, goal, [""] * (1 + guests), is_pinned=False, checkout=checkout)
    return host, others


def measure_delay(
    members: Sequence[str], *, rate: float, seconds: float, is_pinned: bool = True, checkout: Path = ROOT
) -> list[tuple[list[float], Reading]]:
    """Return of each member the seconds from before the sender's `send` to its callback, and what it measured.

    Unlike the processes of `measure_cost`, all of them share the core that the sender has not, if they are pinned.
    """
    goal, warm_up = int(rate * seconds), int(rate // 2)
    with tempfile.TemporaryDirectory() as folder:
        sent = f"{folder}/sent"
        stamps = [f"{folder}/{index}" for index in range(len(members))]
        orders = Orders("ticker", "paced", rate=rate, limit=warm_up + goal, stamps=sent)
        readings = _run(members, orders, warm_up, goal, stamps, is_pinned=is_pinned, checkout=checkout)
        left = _stamps(sent)[warm_up:]
        return [
            (_delays(left, _stamps(path)[warm_up:]), reading) for path, reading in zip(stamps, readings, strict=True)
        ]


def measure_door(
    clients: int, *, form: str, is_deflated: bool, rate: float, burst: int, seconds: float
) -> tuple[Reading, Reading]:
    """Return what a server measured, and what so many programs at its door did, which all want the same tickers."""
    goal, warm_up = int(rate * seconds), int(rate // 2)
    total = warm_up + goal
    orders = Orders("ticker", "paced", rate=rate, burst=burst, limit=total + burst)
    asked = readers.Assignment(0, clients, format=form, is_deflated=is_deflated, goal=total)
    return _run_door(orders, asked, warm_up, goal)


def measure_door_delay(clients: int, deaf: int, *, rate: float, seconds: float) -> tuple[list[float], Reading]:
    """Return the seconds from before `send` to a program's socket, of all that read, while so many others do not.

    What comes at first is not counted: until the buffers of those that do not read are full.
    """
    goal, warm_up = int(rate * seconds), FILLING
    with tempfile.TemporaryDirectory() as folder:
        sent, came = f"{folder}/sent", f"{folder}/came"
        total = warm_up + goal
        orders = Orders("ticker", "paced", rate=rate, limit=total, stamps=sent)
        asked = readers.Assignment(0, clients, deaf=deaf, goal=total, stamps=came)
        server, _ = _run_door(orders, asked, warm_up, goal)
        left, read = _stamps(sent)[warm_up:], _stamps(came)
        delays: list[float] = []
        for first in range(0, len(read), total):
            delays += _delays(left, read[first + warm_up : first + total])
        return delays, server


def _run(
    members: Sequence[str],
    orders: Orders,
    warm_up: int,
    goal: int,
    stamps: Sequence[str],
    *,
    is_pinned: bool,
    checkout: Path,
) -> list[Reading]:
    """Start a sender and the members, of which the first has the connection; return what the members measured."""
    _, other_core = cores()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o700)
        sender, url = _start_sender(stack, orders)
        started: list[Child] = []
        for member, path in zip(members, stamps, strict=True):
            assignment = Assignment(
                member,
                url,
                folder,
                guests=len(members) - 1,
                warm_up=warm_up,
                goal=goal,
                stamps=path,
                core=other_core if is_pinned or not started else -1,
            )
            child = stack.enter_context(Child("bench.members", assignment._asdict(), checkout))
            if member.endswith("host"):
                child.expect("listening")
            started.append(child)
        for child in started:
            child.expect("ready")
        sender.say("go")
        readings = [child.result() for child in started]
        if orders.stamps:
            sender.expect("stamped")
        return readings


def _run_door(orders: Orders, asked: readers.Assignment, warm_up: int, goal: int) -> tuple[Reading, Reading]:
    """Start a sender, a server and the programs at its door; return what these two measured."""
    sender_core, other_core = cores()
    with contextlib.ExitStack() as stack:
        sender, url = _start_sender(stack, orders)
        guests = asked.clients + asked.deaf
        assignment = Assignment("server", url, "", guests, warm_up, goal, core=other_core)
        server = stack.enter_context(Child("bench.members", assignment._asdict()))
        port = int(server.line().removeprefix(LISTENING))
        programs = None
        if guests:
            asked = asked._replace(port=port, core=sender_core)
            programs = stack.enter_context(Child("bench.readers", asked._asdict()))
            programs.expect("asked")
        server.expect("ready")
        sender.say("go")
        reading, found = server.result(), programs.result() if programs is not None else {}
        if orders.stamps:
            sender.expect("stamped")
        return reading, found


def _start_sender(stack: contextlib.ExitStack, orders: Orders) -> tuple[Child, str]:
    """Start a sender on its core; return it, and where it is."""
    sender_core, _ = cores()
    sender = stack.enter_context(Child("bench.sender", orders._replace(core=sender_core)._asdict()))
    return sender, f"ws://127.0.0.1:{sender.line()}/websocket/v1"


def _delays(left: "array[int]", read: "array[int]") -> list[float]:
    return [(at_callback - at_send) / 1e9 for at_send, at_callback in zip(left, read, strict=True)]


def _stamps(path: str) -> "array[int]":
    stamps = array("q")
    stamps.frombytes(Path(path).read_bytes())
    return stamps
