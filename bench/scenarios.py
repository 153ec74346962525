"""The scenarios: what is run, how often, in which order. Their results are plain values, for JSON.

Rounds are interleaved: each has one run of every contender, so that a machine that is busy for a while is so for all.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from . import long
from .contenders import AIO, CONTENDERS, IN_LOOPS, OURS, Contender
from .messages import CAPTURE, KINDS, make_messages
from .runs import run, run_delay
from .sender import Orders
from .start import CODES, measure_first_events, measure_imports
from .statistic import quantile, ratios, spread

__all__ = ["FULL", "QUICK", "SCENARIOS", "Plan"]

DELAY_CONTENDERS = ("floor", "picows + msgspec", OURS)
LOOP_KIND = "trade"  # the one that ccxt has whole
LOOP_RATE = 2000.0  # messages a second, of delays in a loop
FLOOD = 20_000.0  # messages a second beside another task
USUAL_BYTES = 600  # of a message; there are fewer of longer ones
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}

Say = Callable[[str], None]
Result = dict[str, Any]


class Plan(NamedTuple):
    """How much of everything."""

    rounds: int  # of throughput and fan-out
    kinds: tuple[str, ...]
    unit: int  # messages of a run of the slowest contender; the others have more, by weight
    components: tuple[int, ...]
    deliveries: int  # of one run of the fan-out, about
    rates: tuple[float, ...]
    delay_seconds: float
    delay_rounds: int
    start_rounds: int
    books_seconds: float
    registered: int  # components
    idle_seconds: float


FULL = Plan(5, KINDS, 3000, (1, 10, 100, 1000, 5000), 400_000, (500, 2000, 5000), 3.0, 3, 5, 60.0, 10_000, 10.0)
QUICK = Plan(3, ("ticker",), 1000, (1, 10, 100), 200_000, (2000,), 2.0, 2, 1, 10.0, 1000, 5.0)


def throughput(plan: Plan, say: Say) -> Result:
    """(a) How fast each contender takes each kind of messages, one component."""
    found = {}
    for kind in plan.kinds:
        if kind.startswith("capture") and not CAPTURE.exists():
            say(f"{kind}: left out, there is no capture")
            continue
        messages = make_messages(kind)
        contenders = [one for one in _installed(say) if kind in one.kinds]
        runs: dict[str, list[Result]] = {one.name: [] for one in contenders}
        for turn in range(plan.rounds):
            say(f"throughput of {kind}, round {turn + 1} of {plan.rounds}")
            for one in contenders:
                goal = int(plan.unit * one.weight * min(1.0, USUAL_BYTES / messages.mean_bytes))
                orders = Orders(f"{kind}-default" if one.needs_full_names else kind)
                runs[one.name].append(run("throughput", orders, contender=one.name, warm_up=goal // 5, goal=goal))
        found[kind] = {"mean_bytes": messages.mean_bytes, "contenders": _summary(runs)}
    return found


def _summary(runs: dict[str, list[Result]]) -> Result:
    """Put each contender's runs into numbers; ratios are of CPU time, which a busy neighbour hardly changes."""
    cpu = {name: [one["cpu_seconds"] / one["messages"] * 1e6 for one in ones] for name, ones in runs.items()}
    wall = {name: [one["wall_seconds"] / one["messages"] * 1e6 for one in ones] for name, ones in runs.items()}
    by_cpu, by_wall = ratios(cpu, OURS), ratios(wall, OURS)
    return {
        name: {
            "messages_per_second": spread([1e6 / one for one in wall[name]])._asdict(),
            "wall_us": spread(wall[name])._asdict(),
            "cpu_us": spread(cpu[name])._asdict(),
            "times_ours_cpu": by_cpu[name]._asdict(),
            "times_ours_wall": by_wall[name]._asdict(),
            "peak_mib": max(one["peak_mib"] for one in ones),
            "note": CONTENDERS[name].note,
        }
        for name, ones in runs.items()
    }


def fanout(plan: Plan, say: Say) -> Result:
    """(b) What further components of a process cost, each called for every message."""
    runs: dict[int, list[Result]] = {number: [] for number in plan.components}
    for turn in range(plan.rounds):
        for number in plan.components:
            say(f"fan-out to {number} components, round {turn + 1} of {plan.rounds}")
            goal = max(2000, plan.deliveries // number)
            orders = Orders("ticker", limit=goal + goal // 2, announces=True)  # thousands are not ready within seconds
            runs[number].append(run("fanout", orders, components=number, warm_up=goal // 2, goal=goal))
    first = [one["cpu_seconds"] / one["messages"] * 1e6 for one in runs[1]]
    return {str(number): _fan(number, ones, first) for number, ones in runs.items()}


def _fan(number: int, ones: list[Result], first: list[float]) -> Result:
    delivery = [one["cpu_seconds"] / one["messages"] * 1e6 for one in ones]
    further = [
        (each * number - alone) / (number - 1) / alone if number > 1 else 1.0
        for each, alone in zip(delivery, first, strict=True)
    ]
    return {
        "cpu_us_per_message": spread([each * number for each in delivery])._asdict(),
        "cpu_us_per_delivery": spread(delivery)._asdict(),
        "deliveries_per_second": spread([one["messages"] / one["wall_seconds"] for one in ones])._asdict(),
        "further_component_share": spread(further)._asdict(),
        "peak_mib": max(one["peak_mib"] for one in ones),
    }


def delay(plan: Plan, say: Say) -> Result:
    """(c) The time from the sender's `send` to the callback."""
    names = [one.name for one in _installed(say) if one.name in DELAY_CONTENDERS]
    found: Result = {}
    for rate in plan.rates:
        runs: dict[str, list[Result]] = {name: [] for name in names}
        goal = int(rate * plan.delay_seconds)
        for turn in range(plan.delay_rounds):
            say(f"delay at {rate:g} messages/s, round {turn + 1} of {plan.delay_rounds}")
            for name in names:
                delays, reading = run_delay(name, "ticker", rate, int(rate // 2), goal)
                runs[name].append(_quantiles(delays, reading))
        found[f"{rate:g}"] = {
            name: {key: spread([one[key] for one in ones])._asdict() for key in ones[0]} for name, ones in runs.items()
        }
    return found


def _quantiles(delays: list[float], reading: Result) -> Result:
    ordered = sorted(delays)
    return {
        **{name: quantile(ordered, share) * 1e6 for name, share in QUANTILES.items()},
        "cpu_share": reading["cpu_seconds"] / reading["wall_seconds"],
    }


def books(plan: Plan, say: Say) -> Result:
    """(d) All books of the exchange at ten times the live rate."""
    say(f"every book at ten times the live rate, {plan.books_seconds:g} s")
    return long.books(plan.books_seconds)


def registry(plan: Plan, say: Say) -> Result:
    """(e) What one change costs among many components that want everything."""
    say(f"a registry of {plan.registered} components")
    return long.registry(plan.registered)


def start(plan: Plan, say: Say) -> Result:
    """(f) Import, first event, and what an idle engine costs."""
    say("imports")
    imports = measure_imports(plan.start_rounds)
    say("first events")
    first = {name: spread(times)._asdict() for name, times in measure_first_events(plan.start_rounds).items()}
    say(f"an idle engine for {plan.idle_seconds:g} s")
    idle = run("idle", Orders("ticker", "once", markets=CODES, block=CODES), seconds=plan.idle_seconds)
    return {"imports": imports, "first_event_seconds": first, "idle": idle}


def loops(plan: Plan, say: Say) -> Result:
    """(g) What a program with an event loop gets: trades, their delay, and how late others in the loop are."""
    messages = make_messages(LOOP_KIND)
    contenders = [one for one in _installed(say) if one.name in IN_LOOPS]
    runs: dict[str, list[Result]] = {one.name: [] for one in contenders}
    delays: dict[str, list[Result]] = {name: [] for name in (OURS, AIO, "picows + msgspec") if name in runs}
    late: dict[str, list[Result]] = {"0": [], f"{FLOOD:g}": []}
    goal = int(LOOP_RATE * plan.delay_seconds)
    for turn in range(plan.rounds):
        say(f"loops, round {turn + 1} of {plan.rounds}")
        for one in contenders:
            count = plan.unit * one.weight
            orders = Orders(f"{LOOP_KIND}-default" if one.needs_full_names else LOOP_KIND)
            runs[one.name].append(run("throughput", orders, contender=one.name, warm_up=count // 5, goal=count))
        for name, ones in delays.items():
            ones.append(_quantiles(*run_delay(name, LOOP_KIND, LOOP_RATE, int(LOOP_RATE // 2), goal)))
        for rate, ones in late.items():
            many = int(FLOOD * plan.delay_seconds) if rate != "0" else int(1.0 / plan.delay_seconds) + 2
            paced = FLOOD if rate != "0" else many / plan.delay_seconds
            ones.append(run("ticks", Orders(LOOP_KIND, "paced", rate=paced, limit=many), goal=many))
    return {
        "mean_bytes": messages.mean_bytes,
        "contenders": _summary(runs),
        "delay": {name: _spreads(ones) for name, ones in delays.items()},
        "ticks": {rate: _spreads(ones) for rate, ones in late.items()},
    }


def _spreads(ones: list[Result]) -> Result:
    return {key: spread([one[key] for one in ones])._asdict() for key in ones[0]}


def _installed(say: Say) -> Iterable[Contender]:
    for one in CONTENDERS.values():
        if one.version is None:
            say(f"{one.name}: left out, {one.package} is not installed")
        else:
            yield one


SCENARIOS: dict[str, Callable[[Plan, Say], Result]] = {
    "throughput": throughput,
    "fanout": fanout,
    "delay": delay,
    "books": books,
    "registry": registry,
    "start": start,
    "loops": loops,
}
