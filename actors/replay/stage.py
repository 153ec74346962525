"""What all who take part in a replay look at: the recording's clock, who is reading, and how far it is.

In lockstep the router moves the clock, one record after the other, and goes on when everybody has taken what was for
them. Else the clock goes with the wall's. `Readers` has a lock, as mailboxes do, of which it is a part: threads that
pull go in and out of it, and the router must not miss the last one who comes back.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from websocket_v6.actors.base import tell
from websocket_v6.actors.delivery.performing import Clock
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.replay import Begin, Reader, Rested
from websocket_v6.protocol.recording.finding import Contents

from .recorded_tape import Tape

__all__ = ["Pulled", "Readers", "Stage", "nanoseconds", "reader"]


class Pulled(Protocol):
    """A mailbox that somebody waits for."""

    def has_due(self) -> bool:
        """Whether there is something to take now."""


def reader() -> Reader:
    """Return who it is that pulls: this thread, or the task in it."""
    if asyncio._get_running_loop() is not None and (task := asyncio.current_task()) is not None:
        return task
    return threading.current_thread()


class Readers:
    """Who has ever pulled and is at something else now, and who waits for what. `rested` is called when nobody is."""

    def __init__(self, rested: Callable[[], object]) -> None:
        self._rested = rested
        self._lock = threading.Lock()
        self._busy: set[Reader] = set()
        self._waiting: dict[Reader, Pulled] = {}
        self._is_awaited = False  # somebody is to be told

    def comes(self, one: Reader) -> None:
        """Note that one looks into a mailbox, and may have something from now on."""
        with self._lock:
            self._waiting.pop(one, None)
            self._busy.add(one)

    def waits(self, one: Reader, mailbox: Pulled) -> None:
        """Note that one has found nothing there."""
        with self._lock:
            self._busy.discard(one)
            self._waiting[one] = mailbox
        self._look()

    def leaves(self, one: Reader) -> None:
        """Note that one is not going to come back."""
        with self._lock:
            self._busy.discard(one)
            self._waiting.pop(one, None)
        self._look()

    def have_rested(self) -> bool:
        """Whether all are waiting and have nothing to take; if not, it is told once they have."""
        with self._lock:
            has = self._have()
            self._is_awaited = not has
        return has

    def busy(self) -> list[str]:
        """Return the names of those who are at something else; who has ended is forgotten."""
        with self._lock:
            ended = {one for one in self._busy if _has_ended(one)}
            self._busy -= ended
            for one in [one for one in self._waiting if _has_ended(one)]:
                del self._waiting[one]
            return sorted(_name(one) for one in self._busy)

    def _look(self) -> None:
        with self._lock:
            tells = self._is_awaited and self._have()
            if tells:
                self._is_awaited = False
        if tells:
            self._rested()

    def _have(self) -> bool:
        return not self._busy and not any(mailbox.has_due() for mailbox in self._waiting.values())


def _has_ended(one: Reader) -> bool:
    return one.done() if isinstance(one, asyncio.Task) else not one.is_alive()


def _name(one: Reader) -> str:
    return f"task {one.get_name()}" if isinstance(one, asyncio.Task) else f"thread {one.name}"


def nanoseconds(moment: float) -> int:
    """Return the first whole nanosecond that is not before `moment`, as a clock of floats has it."""
    found = round(moment * 1e9)
    return found if found / 1e9 >= moment else found + 1


class Stage(Clock):
    """One replay. `mono_ns`, `played` and `wall_ns` are the router's to write; anybody reads them."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.rate = tape.settings.rate
        self.router: Ref | None = None
        self.readers = Readers(lambda: tell(self.router, Rested()))
        self.played = 0  # messages, whoever wanted them
        self.wall_ns = 0  # when the last of them was received
        self.has_begun = self.is_over = False
        self._anchor = (0.0, 0.0)  # of the wall's monotonic clock, and of the recording's

    def reader(self) -> Reader:
        """Return who it is that pulls here: this thread, or the task in it."""
        return reader()

    @property
    def contents(self) -> Contents:
        """What is in the recording."""
        return self.tape.contents

    @property
    def is_lockstep(self) -> bool:
        """Whether it waits for everybody, and never for the wall's clock."""
        return self.rate is None

    @property
    def has_digests(self) -> bool:
        """Whether subscriptions count them: at a speed they would tell of the machine."""
        return self.tape.settings.digests and self.is_lockstep

    def begin(self) -> None:
        """Have it played from now on. Idempotent."""
        if not self.has_begun:
            tell(self.router, Begin())

    def set_out(self, moment: float) -> None:
        """Note that the recording's clock begins to go, at that time of its own."""
        self._anchor = time.monotonic(), moment

    def now(self) -> float:
        """Return the recording's time."""
        if self.rate is None or not self.has_begun:
            return self.mono_ns / 1e9
        wall, moment = self._anchor
        return moment + (time.monotonic() - wall) * self.rate

    def wall(self, moment: float) -> float:
        """Return when it is that time, by the wall's monotonic clock. Not in lockstep: nobody knows there."""
        wall, begin = self._anchor
        return wall + (moment - begin) / (self.rate or 1.0)
