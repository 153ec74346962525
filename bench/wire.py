"""Reading one WebSocket stream: this project's decoder beside what else there is.

    python -m bench.wire [--quick] [--json FILE]

A process on one core sends blocks of frames made beforehand, a fresh process on another reads them, reader after
reader, round after round. The cost of a message is the reading process's CPU time, kernel included: the time that
passes also holds the waiting for the sender, who is the slower one in the plain streams. Ratios are taken within a
round, then the median of the rounds.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from ._wire_readers import READERS, Reader, Reading

SIZES = (600, 2500)
OURS = "websocket_v6"
# What theirs must cost, times ours, at least. Inflating is zlib's work for all of them: there these say nothing.
TARGETS = {"websocket-client": 8.0, "websockets sync": 5.0, "aiohttp": 1.0, "bare recv loop": 1 / 1.6}
ROOT = Path(__file__).resolve().parent.parent
RUN_TIMEOUT = 120.0


class Scenario(NamedTuple):
    """One stream."""

    size: int
    deflate: bool

    def __str__(self) -> str:
        return f"{self.size} bytes, {'deflated' if self.deflate else 'plain'}"


class Result(NamedTuple):
    """What one reader made of one stream: microseconds for each message, one figure for each round."""

    reader: Reader
    cpu: list[float]
    wall: list[float]
    peak_mib: float


def main() -> None:
    """Run everything, show the tables, write the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.wire", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--json", type=Path, default=ROOT / "reports" / "bench" / "wire.json", metavar="FILE")
    options = parser.parse_args()
    count = 10_000 if options.quick else 30_000  # messages of a run, times the reader's weight
    rounds = options.rounds or (3 if options.quick else 7)
    console = Console()
    for reader in READERS.values():
        if reader.version is None:
            console.print(f"{reader.name} is left out: it is not installed")
    readers = [reader for reader in READERS.values() if reader.version is not None]
    console.print("Beside", ", ".join(f"{reader.package} {reader.version}" for reader in readers if reader.package))
    figures = {}
    with _sender() as port:
        for scenario in (Scenario(size, deflate) for size in SIZES for deflate in (False, True)):
            able = [reader for reader in readers if reader.has_deflate or not scenario.deflate]
            results = measure(scenario, able, port, rounds=rounds, count=count)
            console.print(_table(scenario, results))
            figures[str(scenario)] = {
                name: {"cpu_us": result.cpu, "wall_us": result.wall, "peak_mib": result.peak_mib}
                for name, result in results.items()
            }
    _write(options.json, figures, readers, count=count)
    console.print(f"written to {options.json}")


def measure(scenario: Scenario, readers: list[Reader], port: int, *, rounds: int, count: int) -> dict[str, Result]:
    """Let each reader read in each round, in an order that moves on from round to round."""
    results = {reader.name: Result(reader, [], [], 0.0) for reader in readers}
    for number in range(rounds):
        shift = number % len(readers)
        for reader in readers[shift:] + readers[:shift]:
            reading = _run(reader, scenario, port, count * reader.weight)
            result = results[reader.name]
            result.cpu.append(reading.cpu_seconds / reading.messages * 1e6)
            result.wall.append(reading.wall_seconds / reading.messages * 1e6)
            results[reader.name] = result._replace(peak_mib=max(result.peak_mib, reading.peak_mib))
    return results


def _run(reader: Reader, scenario: Scenario, port: int, count: int) -> Reading:
    url = f"ws://127.0.0.1:{port}/?size={scenario.size}&deflate={scenario.deflate:d}"
    with _process("_wire_readers", reader.name, url, str(count // 10), str(count), core=1) as process:
        output, _ = process.communicate(timeout=RUN_TIMEOUT)
    if process.returncode:
        raise SystemExit(f"{reader.name} failed on {scenario}")
    return Reading(**json.loads(output))


@contextlib.contextmanager
def _sender() -> Iterator[int]:
    with _process("_wire_stream", core=0) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextlib.contextmanager
def _process(module: str, *arguments: str, core: int) -> Iterator[subprocess.Popen[str]]:
    """Run one of our modules on a core of its own, as far as there are enough."""
    command = [sys.executable, "-m", f"bench.{module}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process.pid, {cores[core % len(cores)]})
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _table(scenario: Scenario, results: dict[str, Result]) -> Table:
    table = Table(title=str(scenario), title_justify="left")
    table.add_column("reader", no_wrap=True)
    for name in ("CPU µs", "min", "max", "wall µs", "MiB", "x ours", "goal"):
        table.add_column(name, justify="right", no_wrap=True)
    ours = results[OURS]
    for name, (_, cpu, wall, peak_mib) in results.items():
        ratio = statistics.median(theirs / mine for mine, theirs in zip(ours.cpu, cpu, strict=True))
        target = None if scenario.deflate else TARGETS.get(name)
        color = "default" if target is None else "green" if ratio >= target else "red"
        table.add_row(
            name,
            f"{statistics.median(cpu):.2f}",
            f"{min(cpu):.2f}",
            f"{max(cpu):.2f}",
            f"{statistics.median(wall):.2f}",
            f"{peak_mib:.0f}",
            f"[{color}]{ratio:.2f}[/]",
            "" if target is None else f"{target:.2f}",
        )
    return table


def _write(path: Path, figures: Mapping[str, object], readers: list[Reader], *, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": {"python": platform.python_version(), "platform": platform.platform(), "cores": os.cpu_count()},
        "versions": {reader.name: reader.version for reader in readers},
        "messages_times_weight": count,
        "microseconds_by_scenario": figures,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
