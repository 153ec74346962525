"""The thread that watches a supervisor, which itself nobody supervises: one that is dead or hangs has a successor.

It is as small as it can be: what the engine consists of, and what is to become of it, is the supervisor's to know.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from websocket_v6.protocol.supervision.restarts import Restarts
from websocket_v6.protocol.supervision.steps import Due, Started

from .base import actor_of, bounded, stop_child
from .boot_clock import clock
from .failures import failed_event, log_trouble
from .messages.common import Ref
from .supervisor import Legacy, Supervisor
from .watching import LOOK, Watchman

__all__ = ["Guard"]

logger = logging.getLogger(__name__)

# Seconds at one message: a supervisor waits for children that are to stop, one after the other, for as much as 10 each.
HANG = 120.0
PART = "supervisor"


class Guard(threading.Thread):
    """Keeps a supervisor there. `start_one` starts it, with the legacy of the one before; `supervisor` is who it is.

    Raises:
        Exception: if the first one cannot be started.
    """

    def __init__(self, start_one: Callable[[Legacy | None], Ref]) -> None:
        super().__init__(name="guard", daemon=True)
        self._start_one = start_one
        self.supervisor: Ref = start_one(None)
        # Itself: once its thread has ended nobody else holds it, and what it leaves is wanted.
        self._actor = actor_of(self.supervisor)
        self._restarts = Restarts(random.random)
        self._watchman = Watchman(clock(), HANG)
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin to watch; where no thread is left for that, there is no supervisor either."""
        try:
            super().start()
        except BaseException:
            stop_child(PART, self.supervisor)
            raise

    def finish(self) -> None:
        """Watch no more: it is about to be stopped. Returns once no other takes its place any more."""
        self._is_over.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """Look, until it is over."""
        self._restarts.handle(Started(PART), time.monotonic())
        while not self._is_over.wait(LOOK):
            try:
                self._look()
            except Exception:  # it is tried again at the next look
                logger.exception("the guard of the engine failed; this is a bug, please report it")

    def _look(self) -> None:
        for error in self._watchman.look({PART: self.supervisor}, clock()).values():
            self._replace(error)
        self._restarts.handle(Due(self._watchman.was_away), time.monotonic())

    def _replace(self, error: BaseException) -> None:
        old = self.supervisor
        for told in self._restarts.handle(failed_event(PART, error), time.monotonic()):
            log_trouble(told, error)
        actor = self._actor
        self._watchman.give_up(old, is_alive=True)
        legacy = actor.bequeath() if isinstance(actor, Supervisor) else None
        # From here on nothing is left of the old one but its legacy, so this does not end before another is there.
        while not self._is_over.is_set():
            due = self._restarts.next_due
            if due is not None and self._is_over.wait(bounded(due - time.monotonic())):
                return
            self._restarts.handle(Due(), time.monotonic())
            try:
                self.supervisor = self._start_one(legacy)
                self._actor = actor_of(self.supervisor)
            except Exception as exc:  # noqa: BLE001
                for told in self._restarts.handle(failed_event(PART, exc), time.monotonic()):
                    log_trouble(told, exc)
            else:
                self._restarts.handle(Started(PART), time.monotonic())
                return
