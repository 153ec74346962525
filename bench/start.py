"""What it costs to import a package and to get the first event: each in a new interpreter, several times.

    python -m bench.start [--python PYTHON] [--rounds 15]

compares the import of websocket_v6, and its first proxy and subscription besides, with the import of what it stands on.
`--python` is an interpreter of an environment that has the package's requirements and no extras: some of what it stands
on loads an extra that is there by chance.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from .contenders import CONTENDERS
from .messages import ROOT
from .runs import cores, run
from .sender import Orders

__all__ = ["IMPORTS", "measure_first_events", "measure_imports", "measure_parts"]

# What a program that uses the package imports.
IMPORTS = {
    "websocket_v6": "websocket_v6",
    "websocket-client + json": "websocket",
    "websockets + json": "websockets.sync.client",
    "websockets + msgspec": "websockets.sync.client, msgspec",
    "picows + msgspec": "picows, msgspec",
    "upbit-sdk": "upbit",
    "pyupbit": "pyupbit",
}
CODES = 50

# What websocket_v6 cannot do without for a public subscription.
GROUND = "websocket, msgspec, pykka, logging, decimal"

# Its own clocks: the interpreter's start is not the package's doing. Bytecode is cached by an unmeasured first turn.
_PROGRAM = """
import json, os, sys, time
if {core} >= 0:
    os.sched_setaffinity(0, {{{core}}})
def resident():
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
before = resident()
wall, cpu = time.perf_counter(), time.process_time()
import {modules}
{more}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
grown = resident() - before
print(json.dumps(dict(wall_seconds=wall, cpu_seconds=cpu, mib=grown / 2**20, modules=len(sys.modules))), flush=True)
os._exit(0)
"""
_SUBSCRIBE = """
proxy = websocket_v6.WebSocketClientProxy("first", config=websocket_v6.Config(url="ws://127.0.0.1:9", mode="embedded"))
proxy.subscribe_ticker("KRW-BTC", callback=print)
"""


def measure_imports(rounds: int) -> dict[str, dict[str, Any]]:
    """Return the median cost of each package's import; packages that are not installed are left out."""
    names = [name for name in IMPORTS if CONTENDERS[name].version is not None]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in names:
            measured = _import(IMPORTS[name])
            if turn:
                found[name].append(measured)
    return {name: {key: statistics.median(one[key] for one in ones) for key in ones[0]} for name, ones in found.items()}


def measure_parts(rounds: int, python: str = sys.executable) -> dict[str, dict[str, float]]:
    """Return medians of the CPU seconds and modules of an import, with a first subscription, and of what is below it.

    `share` is the median of the factors to what is below within a round: it depends less on the machine.
    """
    programs = {
        "what it stands on": (GROUND, ""),
        "import": ("websocket_v6", ""),
        "subscribe": ("websocket_v6", _SUBSCRIBE),
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, (modules, more) in programs.items():
            measured = _import(modules, more, python)
            if turn:
                found[name].append(measured)
    ground = [one["cpu_seconds"] for one in found["what it stands on"]]
    return {
        name: {
            "cpu_seconds": statistics.median(one["cpu_seconds"] for one in ones),
            "least": min(one["cpu_seconds"] for one in ones),
            "share": statistics.median(one["cpu_seconds"] / below for one, below in zip(ones, ground, strict=True)),
            "modules": ones[-1]["modules"],
        }
        for name, ones in found.items()
    }


def _import(modules: str, more: str = "", python: str = sys.executable) -> dict[str, Any]:
    program = _PROGRAM.format(core=cores()[1], modules=modules, more=more)
    done = subprocess.run(
        [python, "-c", program], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


@functools.cache
def _environment() -> Mapping[str, str]:
    """Return this one's, but that bytecode is cached, whatever was set, and in a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": _bytecode().name}


@functools.cache
def _bytecode() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="bench-bytecode-")


def measure_first_events(rounds: int) -> dict[str, list[float]]:
    """Return the seconds from before the import to the first callback, by contender."""
    # Those that take tickers, and not those that are another way to use one of them.
    names = [
        name
        for name, one in CONTENDERS.items()
        if one.version is not None and "ticker" in one.kinds and len(one.kinds) > 1
    ]
    orders = Orders("ticker", "once", markets=CODES, block=CODES, waits=False)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(run("first", orders, contender=name)["seconds"])
    return found


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure with")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    for name, one in measure_parts(arguments.rounds, arguments.python).items():
        cpu, least = one["cpu_seconds"] * 1e3, one["least"] * 1e3
        print(
            f"{name:18} {cpu:6.0f} ms CPU (least {least:.0f}), {one['share']:.2f} times, {one['modules']:.0f} modules"
        )


if __name__ == "__main__":
    main()
