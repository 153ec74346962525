"""What it costs that processes share one connection; `docs/performance.md` has the method and the last results.

    python -m bench.processes [--quick] [--out FOLDER] [--against CHECKOUT] [SCENARIO ...]

Scenarios: cost (of a message, by the number of guests), delay (to a callback in another process), pipe (messages from
one process to another and nothing else), takeover (a host that is killed, or leaves), busy (delay to the guests of a
host that computes), network (cost of a message, by the programs at the door), slow (delay to programs beside others
that do not read); all of them when none is named. With a checkout of older code, cost, delay, pipe and takeover are
measured of that too, run by run beside the code here.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from . import survivors
from .children import Child
from .crowd import measure_cost, measure_delay
from .door_scenarios import busy, network, slow
from .messages import ROOT
from .pipes import OURS, PIPES, Assignment
from .plan import FULL, HERE, QUICK, Checkouts, Plan, Result, Say
from .process_tables import TABLES
from .runs import RunFailed, cores
from .statistic import quantile, ratios, spread

__all__ = ["COMPARED", "SCENARIOS", "main", "measure"]

WIDTH = 160  # of tables in a file
PACKAGES = ("websocket-v6", "pykka", "msgspec", "pyzmq", "websocket-client")
DELAY_RUNS = (("alone",), ("host", "guest"), ("multiprocessing.Queue",), ("pyzmq",))
BEFORE = "before"
OTHERS_TIMEOUT = 600.0  # seconds for all take-overs of another checkout


def cost(plan: Plan, say: Say, checkouts: Checkouts) -> dict[str, Result]:
    """(a) CPU time of a message in the host and in a guest, by the number of guests that all want the same."""
    found: dict[str, Result] = {name: {} for name in checkouts}
    for rate, burst in plan.loads:
        runs: dict[str, dict[int, list[tuple[float, list[float]]]]] = {
            name: {guests: [] for guests in plan.guests} for name in checkouts
        }
        for turn in range(plan.cost_rounds):
            for guests in plan.guests:
                for name, checkout in checkouts.items():
                    say(f"{name}, {guests} guests, {rate:g} messages/s by {burst}, round {turn + 1}")
                    host, others = measure_cost(
                        guests, rate=rate, burst=burst, seconds=plan.cost_seconds, checkout=checkout
                    )
                    runs[name][guests].append((_cpu_us(host), [_cpu_us(one) for one in others]))
        for name, by_guests in runs.items():
            found[name][f"{rate:g} by {burst}"] = {
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


def delay(plan: Plan, say: Say, checkouts: Checkouts) -> dict[str, Result]:
    """(b) From before the sender's `send` to the callback."""
    found: dict[str, dict[str, list[Result]]] = {name: {} for name in checkouts}
    for turn in range(plan.delay_rounds):
        for members in _installed(DELAY_RUNS):
            for name, checkout in _having(members[0] in PIPES, checkouts):
                say(f"{name}, delay to {' and '.join(members)}, round {turn + 1} of {plan.delay_rounds}")
                measured = measure_delay(members, rate=plan.delay_rate, seconds=plan.delay_seconds, checkout=checkout)
                for member, (delays, reading) in zip(members, measured, strict=True):
                    ordered = sorted(delays)
                    found[name].setdefault(member, []).append(
                        {
                            "p50": quantile(ordered, 0.5) * 1e6,
                            "p99": quantile(ordered, 0.99) * 1e6,
                            "cpu_share": reading["cpu_seconds"] / reading["wall_seconds"],
                        }
                    )
    return {
        name: {
            "rate": plan.delay_rate,
            "members": {
                member: {key: spread([one[key] for one in ones])._asdict() for key in ones[0]}
                for member, ones in by_member.items()
            },
        }
        for name, by_member in found.items()
    }


def _having(is_foreign: bool, checkouts: Checkouts) -> list[tuple[str, Path]]:
    """Return what is to be measured: of what is none of ours, once."""
    return list(checkouts.items())[: 1 if is_foreign else None]


def _installed(runs: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    return [members for members in runs if all(name not in PIPES or PIPES[name].is_installed for name in members)]


def pipe(plan: Plan, say: Say, checkouts: Checkouts) -> dict[str, Result]:
    """(c) Messages a second from one process to another, as fast as it goes."""
    sender_core, receiver_core = cores()
    contenders = [name for name, one in PIPES.items() if one.is_installed]
    here, *older = checkouts
    found: dict[str, Result] = {name: {} for name in checkouts}
    for batch in plan.batches:
        goal = plan.pipe_messages * (1 if batch == 1 else 4)
        runs: dict[str, dict[str, list[Result]]] = {name: {} for name in checkouts}
        for turn in range(plan.pipe_rounds):
            for contender in contenders:
                for name, checkout in _having(contender != OURS, checkouts):
                    say(f"{name}, {contender}, {batch} messages a batch, round {turn + 1} of {plan.pipe_rounds}")
                    assignment = Assignment(
                        contender, batch, goal // 5, goal, sender_core=sender_core, receiver_core=receiver_core
                    )
                    with Child("bench.pipes", assignment._asdict(), checkout) as child:
                        runs[name].setdefault(contender, []).append(child.result())
                        child.wait()
        # The ratios of an older one are to ours here.
        whole = {here: runs[here], **{name: {OURS: runs[here][OURS], name: runs[name][OURS]} for name in older}}
        for name, ones in whole.items():
            table = _pipe(ones)
            found[name][str(batch)] = table if name == here else {OURS: table[name]}
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


def takeover(plan: Plan, say: Say, checkouts: Checkouts) -> dict[str, Result]:
    """(d) From `kill -9` of the host to the first record after it, and how long a host takes that hands over."""
    found: dict[str, Result] = {name: {} for name in checkouts}
    for guests, kills, hand_overs in plan.take_overs:
        for name, checkout in checkouts.items():
            say(f"{name}, {kills} kills of the host of {guests} guests, {hand_overs} hand-overs")
            first, last, left = _take_overs(checkout, guests, kills, hand_overs)
            ordered = sorted(first)
            found[name][str(guests)] = {
                "kills": kills,
                "first_record_seconds": {**spread(first)._asdict(), "p99": quantile(ordered, 0.99)},
                "last_survivor_seconds": spread(last)._asdict(),
                "hand_over_seconds": spread(left)._asdict(),
            }
    return found


def _take_overs(checkout: Path, guests: int, kills: int, hand_overs: int) -> survivors.TakeOvers:
    """Measure here, or in another checkout, which alone knows how its processes meet."""
    if checkout == ROOT:
        return survivors.measure(guests, kills, hand_overs)
    code = (
        "import json, sys; from bench import survivors; print(json.dumps(survivors.measure(*json.loads(sys.argv[1]))))"
    )
    words = [sys.executable, "-c", code, json.dumps([guests, kills, hand_overs])]
    done = subprocess.run(words, cwd=checkout, stdout=subprocess.PIPE, timeout=OTHERS_TIMEOUT, check=False)
    if done.returncode:
        raise RunFailed(f"the take-overs of {checkout} ended with {done.returncode}")
    return survivors.TakeOvers(*json.loads(done.stdout))


COMPARED: dict[str, Callable[[Plan, Say, Checkouts], dict[str, Result]]] = {
    "cost": cost,
    "delay": delay,
    "pipe": pipe,
    "takeover": takeover,
}
SCENARIOS: dict[str, Callable[[Plan, Say], Result]] = {"busy": busy, "network": network, "slow": slow}
NAMES = (*COMPARED, *SCENARIOS)


def measure(name: str, plan: Plan, say: Say, checkouts: Checkouts = HERE) -> dict[str, Result]:
    """Run one scenario; return what was found, by the name of the checkout."""
    if name in COMPARED:
        return COMPARED[name](plan, say, checkouts)
    return {"now": SCENARIOS[name](plan, say)}


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.processes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", nargs="*", choices=[[], *NAMES], help="all of them by default")
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench", help="where the results go")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="a folder with older code to measure too")
    arguments = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    plan = QUICK if arguments.quick else FULL
    checkouts = dict(HERE)
    if arguments.against is not None:
        checkouts[BEFORE] = arguments.against.resolve(strict=True)
    results: dict[str, Any] = {**_head(), "plan": plan._asdict(), "against": str(arguments.against or "")}
    started = time.monotonic()
    for name in arguments.scenario or (COMPARED if arguments.against else NAMES):
        with console.status(name) as status:
            say = status.update if console.is_terminal else lambda _: None
            results[name] = measure(name, plan, say, checkouts)
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
