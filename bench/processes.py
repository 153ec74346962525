"""What it costs that processes share one connection; `docs/performance.md` has the method and the last results.

    python -m bench.processes [--quick] [--out FOLDER] [SCENARIO ...]

Scenarios: cost (of a message, by the number of guests), delay (to a callback in another process), pipe (messages from
one process to another and nothing else), takeover (a host that is killed, or leaves); all of them when none is named.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from . import survivors
from .children import Child
from .crowd import measure_cost, measure_delay
from .messages import ROOT
from .pipes import OURS, PIPES, Assignment
from .process_tables import TABLES
from .runs import cores
from .statistic import quantile, ratios, spread

__all__ = ["FULL", "QUICK", "SCENARIOS", "Plan", "main"]

WIDTH = 160  # of tables in a file
PACKAGES = ("websocket-v6", "pykka", "msgspec", "pyzmq", "websocket-client")
DELAY_RUNS = (("alone",), ("host", "guest"), ("multiprocessing.Queue",), ("pyzmq",))

Say = Callable[[str], None]
Result = dict[str, Any]


class Plan(NamedTuple):
    """How much of everything."""

    guests: tuple[int, ...]
    loads: tuple[tuple[float, int], ...]  # messages a second, and how many of them come together
    cost_rounds: int
    cost_seconds: float
    delay_rate: float
    delay_rounds: int
    delay_seconds: float
    batches: tuple[int, ...]
    pipe_rounds: int
    pipe_messages: int  # of a run with one message a batch; more with more
    take_overs: tuple[tuple[int, int, int], ...]  # guests, kills, hand-overs


FULL = Plan(
    (0, 1, 2, 4, 8, 16), ((250, 1), (2000, 20)), 2, 3.0, 2000, 3, 4.0, (1, 16), 5, 40_000, ((1, 20, 4), (8, 20, 4))
)
QUICK = Plan((0, 1, 4, 16), ((250, 1), (2000, 20)), 1, 2.0, 2000, 1, 2.0, (1, 16), 2, 20_000, ((4, 6, 2),))


def cost(plan: Plan, say: Say) -> Result:
    """(a) CPU time of a message in the host and in a guest, by the number of guests that all want the same."""
    found: Result = {}
    for rate, burst in plan.loads:
        by_guests: dict[int, list[tuple[float, list[float]]]] = {guests: [] for guests in plan.guests}
        for turn in range(plan.cost_rounds):
            for guests in plan.guests:
                say(f"{guests} guests, {rate:g} messages/s by {burst}, round {turn + 1} of {plan.cost_rounds}")
                host, others = measure_cost(guests, rate=rate, burst=burst, seconds=plan.cost_seconds)
                by_guests[guests].append((_cpu_us(host), [_cpu_us(one) for one in others]))
        found[f"{rate:g} by {burst}"] = {
            str(guests): _cost(guests, ones, by_guests[plan.guests[0]]) for guests, ones in by_guests.items()
        }
    return found


def _cost(guests: int, ones: list[tuple[float, list[float]]], alone: list[tuple[float, list[float]]]) -> Result:
    result = {"host_us": spread([host for host, _ in ones])._asdict()}
    if guests:
        further = [(host - base) / guests for (host, _), (base, _) in zip(ones, alone, strict=True)]
        result["host_us_each_guest"] = spread(further)._asdict()
        result["guest_us"] = spread([one for _, others in ones for one in others])._asdict()
    return result


def _cpu_us(reading: Result) -> float:
    return float(reading["cpu_seconds"] / reading["messages"] * 1e6)


def delay(plan: Plan, say: Say) -> Result:
    """(b) From before the sender's `send` to the callback."""
    found: dict[str, list[Result]] = {}
    for turn in range(plan.delay_rounds):
        for members in _installed(DELAY_RUNS):
            say(f"delay to {' and '.join(members)}, round {turn + 1} of {plan.delay_rounds}")
            measured = measure_delay(members, rate=plan.delay_rate, seconds=plan.delay_seconds)
            for member, (delays, reading) in zip(members, measured, strict=True):
                ordered = sorted(delays)
                found.setdefault(member, []).append(
                    {
                        "p50": quantile(ordered, 0.5) * 1e6,
                        "p99": quantile(ordered, 0.99) * 1e6,
                        "cpu_share": reading["cpu_seconds"] / reading["wall_seconds"],
                    }
                )
    return {
        "rate": plan.delay_rate,
        "members": {
            member: {key: spread([one[key] for one in ones])._asdict() for key in ones[0]}
            for member, ones in found.items()
        },
    }


def _installed(runs: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    return [members for members in runs if all(name not in PIPES or PIPES[name].is_installed for name in members)]


def pipe(plan: Plan, say: Say) -> Result:
    """(c) Messages a second from one process to another, as fast as it goes."""
    sender_core, receiver_core = cores()
    found: Result = {}
    for batch in plan.batches:
        goal = plan.pipe_messages * (1 if batch == 1 else 4)
        names = [name for name, one in PIPES.items() if one.is_installed]
        runs: dict[str, list[Result]] = {name: [] for name in names}
        for turn in range(plan.pipe_rounds):
            for name in names:
                say(f"{name}, {batch} messages a batch, round {turn + 1} of {plan.pipe_rounds}")
                assignment = Assignment(
                    name, batch, goal // 5, goal, sender_core=sender_core, receiver_core=receiver_core
                )
                with Child("bench.pipes", assignment._asdict()) as child:
                    runs[name].append(child.result())
                    child.wait()
        found[str(batch)] = _pipe(runs)
    return found


def _pipe(runs: dict[str, list[Result]]) -> Result:
    def per_message(key: str) -> dict[str, list[float]]:
        return {name: [one[key] / one["messages"] * 1e6 for one in ones] for name, ones in runs.items()}

    wall, sender, receiver = (per_message(key) for key in ("wall_seconds", "sender_cpu_seconds", "cpu_seconds"))
    both = {name: [a + b for a, b in zip(sender[name], receiver[name], strict=True)] for name in runs}
    by_wall, by_cpu = ratios(wall, OURS), ratios(both, OURS)
    return {
        name: {
            "messages_per_second": spread([1e6 / one for one in wall[name]])._asdict(),
            "sender_cpu_us": spread(sender[name])._asdict(),
            "receiver_cpu_us": spread(receiver[name])._asdict(),
            "times_ours_wall": by_wall[name]._asdict(),
            "times_ours_cpu": by_cpu[name]._asdict(),
        }
        for name in runs
    }


def takeover(plan: Plan, say: Say) -> Result:
    """(d) From `kill -9` of the host to the first record after it, and how long a host takes that hands over."""
    found: Result = {}
    for guests, kills, hand_overs in plan.take_overs:
        say(f"{kills} kills of the host of {guests} guests, {hand_overs} hand-overs")
        first, last, left = survivors.measure(guests, kills, hand_overs)
        ordered = sorted(first)
        found[str(guests)] = {
            "kills": kills,
            "first_record_seconds": {**spread(first)._asdict(), "p99": quantile(ordered, 0.99)},
            "last_survivor_seconds": spread(last)._asdict(),
            "hand_over_seconds": spread(left)._asdict(),
        }
    return found


SCENARIOS: dict[str, Callable[[Plan, Say], Result]] = {
    "cost": cost,
    "delay": delay,
    "pipe": pipe,
    "takeover": takeover,
}


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.processes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS], help="all of them by default")
    parser.add_argument("--quick", action="store_true", help="under two minutes instead of under ten")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench", help="where the results go")
    arguments = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    plan = QUICK if arguments.quick else FULL
    results: dict[str, Any] = {**_head(), "plan": plan._asdict()}
    started = time.monotonic()
    for name in arguments.scenario or SCENARIOS:
        with console.status(name) as status:
            results[name] = SCENARIOS[name](plan, lambda text: status.update(text) if console.is_terminal else None)
        TABLES[name](console, results[name])
    results["seconds"] = time.monotonic() - started
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "processes.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console.print(f"{results['seconds']:.0f} s; {path}", style="dim", soft_wrap=True)


def _head() -> dict[str, Any]:
    """Say what the numbers were taken on, and of what."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load_before": os.getloadavg(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
