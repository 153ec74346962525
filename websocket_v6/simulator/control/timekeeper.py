"""Makes what is due happen: as the clock runs, by an alarm in the event loop, or at once when time is moved on."""

import asyncio
from collections.abc import Callable

from ..clock import Agenda, Clock

__all__ = ["Timekeeper"]


class Timekeeper:
    """The clock of an exchange with its agenda, and the loop that it runs in."""

    def __init__(self, start: float | None, *, frozen: bool) -> None:
        self.clock = Clock(start, frozen=frozen)
        self.agenda = Agenda(self.clock, self._reschedule)
        self._alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the agenda in `loop` from now on."""
        self._loop = loop
        self._reschedule()

    def detach(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop = None

    def advance(self, seconds: float, then: Callable[[], object]) -> None:
        """Let `seconds` pass at once, what is due meanwhile at its time; `then` is called after each step."""
        end = self.clock.now() + seconds
        while (due := self.agenda.next_due()) is not None and due <= end:
            self._pass(due - self.clock.now(), then)
            self.agenda.run()
        self._pass(end - self.clock.now(), then)
        self._reschedule()

    def _pass(self, seconds: float, then: Callable[[], object]) -> None:
        self.clock.advance(max(0.0, seconds))
        then()

    def _reschedule(self) -> None:
        if self._loop is None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self.agenda.next_due()
        # A frozen clock reaches nothing by itself: advance() makes what is due happen.
        if due is not None and not self.clock.frozen:
            self._alarm = self._loop.call_later(max(0.0, due - self.clock.now()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.agenda.run()
        self._reschedule()
