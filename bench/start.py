"""What it costs to import a package and to get the first event: each in a new interpreter, several times."""

import json
import statistics
import subprocess
import sys
from typing import Any

from .contenders import CONTENDERS
from .messages import ROOT
from .runs import cores, run
from .sender import Orders

__all__ = ["IMPORTS", "measure_first_events", "measure_imports"]

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
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
grown = resident() - before
print(json.dumps(dict(wall_seconds=wall, cpu_seconds=cpu, mib=grown / 2**20, modules=len(sys.modules))))
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


def _import(modules: str) -> dict[str, Any]:
    program = _PROGRAM.format(core=cores()[1], modules=modules)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


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
