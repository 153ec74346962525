"""Would another inflater than zlib pay? CPU time of each on the same deflated streams.

    python -m bench.inflate [--capture FILE] [--rounds 15]

Messages are deflated as the simulator's server does it (one window for the connection, the default level) and inflated
as `protocol/websocket/deflate.py` does it, one call for each message. Every round runs all of them one after the other
on every stream; ratios are taken within a round, then their median.
"""

import argparse
import gc
import importlib
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import messages
from .statistic import Spread, ratios, spread

__all__ = ["measure"]

# Name -> module with zlib's interface; what is not installed is left out, and said so.
INFLATERS = {"zlib": "zlib", "zlib-ng": "zlib_ng.zlib_ng", "isal": "isal.isal_zlib"}
REFERENCE = "zlib"
KINDS = ("capture", "capture-default", "ticker", "trade", "orderbook")
TAIL = b"\x00\x00\xff\xff"
LIMIT = 16 * 1024 * 1024
LEAST = 5_000  # messages of one run: less is over before a clock's grain counts for nothing

Inflate = Callable[[bytes, int], bytes]


def measure(kind: str, modules: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Return microseconds of CPU for each message of `kind`, by inflater, one figure for each round."""
    plain = messages.make_messages(kind).payloads
    deflated = _deflate(plain)
    for name, module in modules.items():
        inflate = module.decompressobj(-zlib.MAX_WBITS).decompress
        if [inflate(payload, LIMIT) for payload in deflated] != plain:
            raise RuntimeError(f"{name} inflates {kind} to something else")
    times = 1 + LEAST // len(plain)
    costs: dict[str, list[float]] = {name: [] for name in modules}
    for number in range(rounds):
        names = list(modules)
        # Another one first each round: who is first finds the caches cold.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            costs[name].append(_run(modules[name], deflated, times))
    return costs


def _deflate(plain: list[bytes]) -> list[bytes]:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    # Each with the tail that its sender cut off, as inflating puts it back.
    return [compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH) for message in plain]


def _run(module: Any, deflated: list[bytes], times: int) -> float:
    gc.collect()
    started = time.process_time()
    for _ in range(times):
        inflate = module.decompressobj(-zlib.MAX_WBITS).decompress
        for payload in deflated:
            inflate(payload, LIMIT)
    return (time.process_time() - started) / (times * len(deflated)) * 1e6


def _modules(console: Console) -> dict[str, Any]:
    found = {}
    for name, path in INFLATERS.items():
        try:
            found[name] = importlib.import_module(path)
        except ImportError:
            console.print(f"{name} is not installed and left out: pip install {name}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.inflate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--capture", type=Path)
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    options = parser.parse_args()
    console = Console()
    if options.capture:
        messages.CAPTURE = options.capture
    modules = _modules(console)
    table = Table(title=f"inflating, {options.rounds} rounds: median (least to most)", title_justify="left")
    for column in ("stream", "", "µs CPU a message", "times zlib"):
        table.add_column(column, no_wrap=True)
    for kind in KINDS:
        if kind.startswith("capture") and not messages.CAPTURE.exists():
            console.print(f"{kind} is left out: {messages.CAPTURE} is not here")
            continue
        costs = measure(kind, modules, options.rounds)
        times = ratios(costs, REFERENCE)
        for name, runs in costs.items():
            table.add_row(kind if name == REFERENCE else "", name, _shown(spread(runs)), _shown(times[name]))
    console.print(table)


def _shown(one: Spread) -> str:
    return f"{one.median:.2f} ({one.least:.2f} to {one.most:.2f})"


if __name__ == "__main__":
    main()
