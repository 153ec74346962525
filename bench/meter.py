"""What every contender's callback calls, the same for all: it counts, and holds the clocks of a run.

Source of the CPU time: all threads of the process and, for the contender that starts one, of its child processes.
"""

import itertools
import multiprocessing
import resource
import threading
import time
from array import array
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psutil

__all__ = ["FanMeter", "LapMeter", "Meter", "Reading", "StampMeter", "peak_mib"]


class Reading(NamedTuple):
    """What handling the messages after the warm-up took."""

    messages: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


class Meter(Protocol):
    """What a contender needs of a meter."""

    is_done: bool

    def took(self, symbol: str, price: Any) -> None:
        """Take what a callback has read of one message."""

    def wait(self) -> None:
        """Wait until enough has come: for contenders whose callbacks run in threads of their own."""


class LapMeter:
    """Counts messages; the clocks run from the end of the warm-up until enough have come."""

    def __init__(self, warm_up: int, count: int, expected: Sequence[tuple[str, Decimal]]) -> None:
        self.is_done = False
        self._seen = 0
        self._marks = [warm_up, warm_up + count]
        self._next = warm_up
        self._clocks: list[tuple[int, float, float]] = []
        self._expected = expected
        self._done = threading.Event()
        self.error = ""

    def took(self, symbol: str, price: Any) -> None:
        """Count one message."""
        self._seen += 1
        if self._seen >= self._next:
            self._mark(symbol, price)

    def wait(self) -> None:
        """Wait until enough has come."""
        self._done.wait()

    def reading(self) -> Reading:
        """Return the measure.

        Raises:
            ValueError: if the messages at the marks were not those that were sent there.
        """
        if self.error:
            raise ValueError(self.error)
        (first, wall_0, cpu_0), (last, wall_1, cpu_1) = self._clocks
        return Reading(last - first, wall_1 - wall_0, cpu_1 - cpu_0, peak_mib())

    def _mark(self, symbol: str, price: Any) -> None:
        if self.is_done:
            return
        self._clocks.append((self._seen, time.perf_counter(), _cpu_seconds()))
        # Whoever loses or repeats one message is out of step here.
        if self._expected:
            sent = self._expected[(self._seen - 1) % len(self._expected)]
            if (symbol, Decimal(str(price))) != sent:
                self.error = f"message {self._seen} was read as {symbol} {price}, sent was {sent[0]} {sent[1]}"
        if len(self._clocks) == len(self._marks):
            self.is_done = True
            self._done.set()
        else:
            self._next = self._marks[len(self._clocks)]


class FanMeter:
    """As LapMeter, for one stream delivered to many: counts deliveries, from any number of threads."""

    def __init__(self, warm_up: int, count: int) -> None:
        self.is_done = False
        self._start, self._end = warm_up, warm_up + count
        self._next = itertools.count(1).__next__  # one operation, whatever the threads do
        self._clocks: dict[int, tuple[float, float]] = {}
        self._done = threading.Event()

    def took(self, symbol: str, price: Any) -> None:  # noqa: ARG002
        """Count one delivery."""
        seen = self._next()
        if seen == self._start or seen == self._end:
            self._clocks[seen] = time.perf_counter(), _cpu_seconds()
            if seen == self._end:
                self.is_done = True
                self._done.set()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until enough has come, or `timeout` seconds."""
        self._done.wait(timeout)

    def reading(self) -> Reading:
        """Return the measure; `messages` is of deliveries."""
        (wall_0, cpu_0), (wall_1, cpu_1) = self._clocks[self._start], self._clocks[self._end]
        return Reading(self._end - self._start, wall_1 - wall_0, cpu_1 - cpu_0, peak_mib())


class StampMeter:
    """Writes down when each message was read; the clocks run from the end of the warm-up, if there is one."""

    def __init__(self, count: int, warm_up: int = 0) -> None:
        self.is_done = False
        self.stamps = array("q")  # monotonic nanoseconds
        self._count = count
        self._warm_up = warm_up
        self._cpu_started = _cpu_seconds()
        self._started = time.perf_counter()
        self._done = threading.Event()

    def took(self, symbol: str, price: Any) -> None:  # noqa: ARG002
        """Write down the time."""
        self.stamps.append(time.monotonic_ns())
        if len(self.stamps) == self._warm_up:
            self._cpu_started, self._started = _cpu_seconds(), time.perf_counter()
        elif len(self.stamps) == self._count:
            self.is_done = True
            self._done.set()

    def wait(self) -> None:
        """Wait until enough has come."""
        self._done.wait()

    def reading(self) -> Reading:
        """Return what the run took after the warm-up."""
        return Reading(
            len(self.stamps) - self._warm_up,
            time.perf_counter() - self._started,
            _cpu_seconds() - self._cpu_started,
            peak_mib(),
        )


def peak_mib() -> float:
    """Return the most memory that this process ever had in use, in MiB."""
    # getrusage counts what the parent had in use when it forked; /proc does not (proc(5), VmHWM).
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_seconds() -> float:
    total = time.process_time()
    # Of multiprocessing alone, which knows its children: to look for others costs milliseconds.
    for child in multiprocessing.active_children():
        times = psutil.Process(child.pid).cpu_times()
        total += times.user + times.system
    return total
