"""The receiving process of one run: one contender, one meter.

    python -m bench.receiver '{"contender": "floor", ...}'        (Assignment as JSON)

`what` says which: `throughput`, `delay` (the time of each callback goes to a file), `first` (from nothing imported to
the first callback), `fanout` (many components of ours), `idle` (ours, when nothing comes any more), `steady` (ours,
for a long time) or `ticks` (ours in a loop, beside another task). It prints "ready" when the messages may come, and in
the end one JSON object with the measures.
"""

import json
import os
import resource
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from .contenders import CONTENDERS, OURS, subscribe_ours
from .loops import watch_ticks
from .messages import Messages, make_messages
from .meter import FanMeter, LapMeter, StampMeter, peak_mib
from .statistic import quantile
from .task import Task

__all__ = ["Assignment"]

BUDGET = 256 * 1024 * 1024  # bytes that may pile up
SAMPLE = 1.0  # seconds between two looks at a long run

_kept: list[ExitStack] = []  # components


class Assignment(NamedTuple):
    """One run."""

    what: str
    url: str
    kind: str
    contender: str = OURS
    warm_up: int = 0
    goal: int = 1  # messages after the warm-up
    components: int = 1  # of `fanout`
    seconds: float = 10.0  # of `idle` and `steady`
    markets: int = 120
    block: int = 2000
    lossless: bool = False  # of `steady`: what is not taken piles up, where else the source waits
    stamps: str = ""  # the file that the times of `delay` go to, monotonic nanoseconds as int64
    core: int = -1


def measure_throughput(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Run the contender as fast as it goes."""
    # Several types have a mailbox each in some contenders: the order between types is not the sender's then.
    contender = CONTENDERS[assignment.contender]
    expected = messages.expected if len(messages.types) == 1 and contender.is_in_order else []
    meter = LapMeter(assignment.warm_up, assignment.goal, expected)
    contender.run(Task(assignment.url, messages, meter, say_ready))
    return meter.reading()._asdict()


def measure_delay(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Run the contender at the sender's pace."""
    meter = StampMeter(assignment.warm_up + assignment.goal, assignment.warm_up)
    CONTENDERS[assignment.contender].run(Task(assignment.url, messages, meter, say_ready))
    Path(assignment.stamps).write_bytes(meter.stamps.tobytes())
    return meter.reading()._asdict()


def measure_first(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Run the contender until its first callback; it begins with its imports."""
    meter = StampMeter(1)
    started = time.monotonic_ns()
    CONTENDERS[assignment.contender].run(Task(assignment.url, messages, meter, _say_nothing))
    return {"seconds": (meter.stamps[0] - started) / 1e9, "peak_mib": peak_mib()}


def measure_fanout(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Deliver the same stream to many components, each with a thread and a callback of its own."""
    from websocket_v6 import Config, WebSocketClientProxy

    number = assignment.components
    meter = FanMeter(assignment.warm_up * number, assignment.goal * number)
    task = Task(assignment.url, messages, meter, say_ready)
    config = Config(url=assignment.url, mode="embedded")
    with ExitStack() as stack:
        for index in range(number):
            subscribe_ours(stack.enter_context(WebSocketClientProxy(f"bench-{index}", config=config)), task)
        say_ready()
        meter.wait()
        # Left to the end of the process. Thousands that are forgotten at once would all leave at once.
        _kept.append(stack.pop_all())
    return {**meter.reading()._asdict(), "components": number}


def measure_idle(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Measure the engine while nothing comes, after each code has had its first message."""
    from websocket_v6 import Config, WebSocketClientProxy

    meter = StampMeter(len(messages.payloads))
    with WebSocketClientProxy("bench", config=Config(url=assignment.url, mode="embedded")) as proxy:
        subscribe_ours(proxy, Task(assignment.url, messages, meter, say_ready))
        say_ready()
        meter.wait()
        time.sleep(1.0)  # for what is done once, a second after the first messages
        before, cpu, wall = resource.getrusage(resource.RUSAGE_SELF), time.process_time(), time.monotonic()
        time.sleep(assignment.seconds)
        after, cpu, wall = resource.getrusage(resource.RUSAGE_SELF), time.process_time() - cpu, time.monotonic() - wall
    return {
        "cpu_share": cpu / wall,
        "wakeups_per_second": (after.ru_nvcsw - before.ru_nvcsw) / wall,
        "seconds": wall,
        "peak_mib": peak_mib(),
    }


def measure_steady(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Sample one component for `seconds`, or until all that were ordered have come."""
    from websocket_v6 import Config, Mailbox, WebSocketClientProxy

    meter = FanMeter(1, assignment.goal)
    samples: list[dict[str, float]] = []
    with WebSocketClientProxy("bench", config=Config(url=assignment.url, mode="embedded")) as proxy:
        mailbox = Mailbox.lossless(BUDGET) if assignment.lossless else None
        subscribe_ours(proxy, Task(assignment.url, messages, meter, say_ready), mailbox=mailbox)
        say_ready()
        started, cpu = time.monotonic(), time.process_time()
        while not meter.is_done and time.monotonic() - started < assignment.seconds:
            meter.wait(SAMPLE)
            stats = [subscription.stats for subscription in proxy.subscriptions()]
            samples.append(
                {
                    "at": time.monotonic() - started,
                    "cpu_seconds": time.process_time() - cpu,
                    "delivered": sum(one.delivered for one in stats),
                    "dropped": sum(one.dropped for one in stats),
                    "queued": sum(one.queued for one in stats),
                    "resident_mib": psutil.Process().memory_info().rss / 2**20,
                    "threads": threading.active_count(),
                }
            )
        health = proxy.health()
    return {"samples": samples, "received": health.counters.received, "malformed": health.counters.malformed}


def measure_ticks(assignment: Assignment, messages: Messages) -> dict[str, Any]:
    """Measure how late a task in the loop of our component is while messages come."""
    meter = StampMeter(assignment.goal)
    late = sorted(watch_ticks(Task(assignment.url, messages, meter, say_ready)))
    reading = meter.reading()
    return {
        "p50": quantile(late, 0.5) * 1e6,
        "p99": quantile(late, 0.99) * 1e6,
        "most": late[-1] * 1e6,
        "cpu_share": reading.cpu_seconds / reading.wall_seconds,
    }


MEASURES = {
    "ticks": measure_ticks,
    "throughput": measure_throughput,
    "delay": measure_delay,
    "first": measure_first,
    "fanout": measure_fanout,
    "idle": measure_idle,
    "steady": measure_steady,
}


def say_ready() -> None:
    """Let the messages come."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _say_nothing() -> None:
    """Leave it to the sender, which waits for nobody."""


def main() -> None:
    """Measure as the argument says."""
    assignment = Assignment(**json.loads(sys.argv[1]))
    if assignment.core >= 0:
        os.sched_setaffinity(0, {assignment.core})
    messages = make_messages(assignment.kind, assignment.markets, assignment.block)
    sys.stdout.write(json.dumps(MEASURES[assignment.what](assignment, messages)) + "\n")
    sys.stdout.flush()
    # Some contenders wait for a closing handshake at exit, for which the sender has no time.
    os._exit(0)


if __name__ == "__main__":
    main()
