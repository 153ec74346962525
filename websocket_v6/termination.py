"""How a program is told to end: by SIGINT or SIGTERM, or by its terminal's end; a second time, at once.

A handler of our own for SIGTERM, too: without one the process would die in the middle, with a gap for everybody, and as
the first process of a container, to which the system gives no default, it would not even hear of it.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

__all__ = ["Signals", "Terminated"]


class Terminated(KeyboardInterrupt):
    """The process is to end, and that is no failure."""


class Signals:
    """Raises KeyboardInterrupt or Terminated at the first signal, in the main thread; a context manager.

    With `heard` that is called instead, in the middle of whatever the main thread does: it must take no lock.
    At a second signal the process ends as a shell would say it: 128 and the signal's number.
    """

    def __init__(self, heard: Callable[[], object] | None = None) -> None:
        self._heard = heard
        self._number = 0  # of the signal that came
        self._is_ending = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                self._install(name)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # The process ends now; the second word of its terminal's end may come as late as that.
            is_told_again = number == self._number == getattr(signal, "SIGHUP", None)
            signal.signal(number, signal.SIG_IGN if is_told_again else handler)

    @property
    def status(self) -> int:
        """The exit status that says how it was told: 130 after Ctrl-C, as a shell has it, else 0."""
        return 128 + signal.SIGINT if self._number == signal.SIGINT else 0

    def look(self) -> None:
        """Raise what should have been raised: where the handler ran, an exception may have been swallowed."""
        if self._number:
            self._raise()

    def end(self) -> None:
        """Raise nothing from now on: the end has begun, and is not to be disturbed."""
        self._is_ending = True

    def _install(self, name: str) -> None:
        number = getattr(signal, name, None)
        if number is None:
            return
        before = signal.getsignal(number)
        if before is None:  # not Python's, but of the program that Python is part of: it could not be put back
            return
        # Of nohup, and of a shell for what it runs in the background: they want it not to be heard.
        if before == signal.SIG_IGN and name != "SIGTERM":
            return
        self._before[number] = before
        signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._number:
            # A terminal's end is told by the system and by the shell: that is one.
            if number != getattr(signal, "SIGHUP", None):
                os._exit(128 + number)
            return
        self._number = number
        if self._heard is not None:
            self._heard()
        elif not self._is_ending:
            self._raise()

    def _raise(self) -> None:
        self._is_ending = True
        raise KeyboardInterrupt if self._number == signal.SIGINT else Terminated
