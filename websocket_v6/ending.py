"""When a program that only waits is to end: told by a signal, or by its own code."""

import queue
from collections.abc import Callable

from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.glance import longest_wait

__all__ = ["Stop", "run_until"]


class Stop:
    """That a component is to end, said by anybody: a thread, a callback, a signal's handler.

    Without a lock, for a handler may interrupt whoever holds it; so who listens may be called twice.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._listeners: list[Callable[[], object]] = []

    def set(self) -> None:
        """Say it. Idempotent."""
        self.is_set = True
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have `listener` called when it is said, at once if it is already; return what takes that back."""
        self._listeners.append(listener)
        if self.is_set:
            listener()
        return lambda: self._listeners.remove(listener)


def run_until(stop: Stop, end: Callable[[], object]) -> int:
    """Wait until `stop`, or a signal where this is the main thread, then `end`; return the exit status.

    A second signal ends the process at once, also in the middle of `end`.
    """
    with no_fork():
        from .termination import Signals
    # The one queue that a handler may put into while the very thread that it interrupts is getting from it.
    woken: queue.SimpleQueue[None] = queue.SimpleQueue()
    with Signals(lambda: woken.put(None)) as signals:
        take_back = stop.listen(lambda: woken.put(None))
        try:
            while not _has_come(woken):
                pass
            return signals.status
        finally:
            take_back()
            end()


def _has_come(woken: "queue.SimpleQueue[None]") -> bool:
    try:
        woken.get(timeout=longest_wait())
    except queue.Empty:
        return False
    return True
