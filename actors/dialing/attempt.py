"""The time that one attempt to reach somebody may take, all of it, and its end from another thread."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from websocket_v6.protocol.errors import TransportError

__all__ = ["Attempt", "GivenUp"]


class GivenUp(TransportError):  # noqa: N818 - what happened, not what went wrong
    """Nobody wants the attempt any more."""


class Attempt:
    """One attempt of `timeout` seconds, from now on. `abort` may be called from another thread; the rest is one's own.

    `doing` says what it is at, for people: it is told if the time is over.
    """

    def __init__(self, timeout: float) -> None:
        self.doing = "connecting"
        self.is_aborted = False
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], object]] = []

    def remaining(self) -> float:
        """Return how many seconds are left, more than 0.

        Raises:
            TimeoutError: if none are.
            GivenUp: if it was aborted.
        """
        if self.is_aborted:
            raise GivenUp("the attempt to connect was given up")
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"not done within {self._timeout:g} s, it was {self.doing}")
        return remaining

    def abort(self) -> None:
        """Have the attempt fail at once, whatever it waits for."""
        self.is_aborted = True
        with self._lock:
            for interrupt in self._interrupts:
                # What it waits for may have ended just now.
                with contextlib.suppress(OSError):
                    interrupt()

    @contextlib.contextmanager
    def interrupted_by(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Within this, `abort` calls `interrupt`, in its own thread; and never once this is left."""
        with self._lock:
            self._interrupts.append(interrupt)
        try:
            # It may have been aborted before anybody could be called.
            self.remaining()
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)
