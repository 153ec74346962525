"""The simulator's time: it starts where it is told, runs with the machine's or stands, and can be moved on by hand.

One clock serves the market (trade times, day roll-over), the limits and every timer, so that `advance` makes an idle
timeout or a minute's limit pass without anybody sleeping.
"""

import heapq
import itertools
import time
from collections.abc import Callable

__all__ = ["Agenda", "Appointment", "Clock"]


class Clock:
    """Seconds since 1970 that never go back by themselves."""

    def __init__(self, start: float | None = None, *, frozen: bool = False) -> None:
        """Start at `start` (seconds since 1970), or at the machine's time; a frozen clock moves by `advance` alone."""
        self.frozen = frozen
        self._offset = (time.time() if start is None else start) - self._elapsed()

    def now(self) -> float:
        return self._elapsed() + self._offset

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    def _elapsed(self) -> float:
        return 0.0 if self.frozen else time.monotonic()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"the clock cannot go back by {-seconds} s: the exchange's never does")
        self._offset += seconds


class Appointment:
    """A call that is due at a time; `cancel` takes it back."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callable[[], object]) -> None:
        self.due = due
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class Agenda:
    """What is due when, by the simulator's clock. Whoever owns it calls `run` when the time has come."""

    def __init__(self, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called when an earlier call than all others has been put in."""
        self._clock = clock
        self._heap: list[tuple[float, int, Appointment]] = []
        self._numbers = itertools.count()
        self._on_change = on_change

    def after(self, seconds: float, call: Callable[[], object]) -> Appointment:
        return self.at(self._clock.now() + seconds, call)

    def at(self, due: float, call: Callable[[], object]) -> Appointment:
        appointment = Appointment(due, call)
        heapq.heappush(self._heap, (due, next(self._numbers), appointment))
        if self._heap[0][2] is appointment:
            self._on_change()
        return appointment

    def next_due(self) -> float | None:
        """Return when `run` has something to do, `None` if nothing is planned."""
        while self._heap and self._heap[0][2].call is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self) -> None:
        """Make every call that is due by now, in the order of the times.

        What falls due meanwhile waits for the next time: else a busy exchange would plan and make, and never send.
        """
        now = self._clock.now()
        while (due := self.next_due()) is not None and due <= now:
            _, _, appointment = heapq.heappop(self._heap)
            call, appointment.call = appointment.call, None
            if call is not None:
                call()
