"""Says where a public call hangs: the stacks of all threads, once it has taken too long."""

import faulthandler
import functools
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from websocket_v6 import Subscription, WebSocketClientProxy

__all__ = ["TOO_LONG", "stacks_of_slow_calls"]

TOO_LONG = 10.0
# They wait for as long as they are told to.
WAITING = {"get", "get_many", "run", "wait_ready"}


class _Watch(threading.Thread):
    """Looks at the calls under way. One thread for all of them: a test may have few to spare."""

    def __init__(self, seconds: float, file: TextIO) -> None:
        super().__init__(name="slow-calls", daemon=True)
        self.calls: dict[int, tuple[str, float]] = {}  # by number, its name and when it began
        self.slow: list[str] = []
        self.over = threading.Event()
        self._seconds = seconds
        self._file = file
        self._told: set[int] = set()

    def run(self) -> None:
        while not self.over.wait(self._seconds / 10):
            for number, (name, began) in list(self.calls.items()):
                if number not in self._told and time.monotonic() - began > self._seconds:
                    self._told.add(number)
                    self.slow.append(name)
                    faulthandler.dump_traceback(self._file, all_threads=True)


@contextmanager
def stacks_of_slow_calls(seconds: float = TOO_LONG, file: TextIO | None = None) -> Iterator[list[str]]:
    """Dump all stacks when a call of a proxy or a subscription takes longer; yields the names of those that did."""
    watch, numbers = _Watch(seconds, file or sys.__stderr__ or sys.stderr), itertools.count()

    def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **options: Any) -> Any:
            number = next(numbers)
            watch.calls[number] = name, time.monotonic()
            try:
                return method(*args, **options)
            finally:
                watch.calls.pop(number, None)

        return call

    found = [
        (kind, name, method)
        for kind in (WebSocketClientProxy, Subscription)
        for name, method in vars(kind).items()
        if callable(method) and not name.startswith("_") and name not in WAITING
    ]
    for kind, name, method in found:
        setattr(kind, name, watched(name, method))
    watch.start()
    try:
        yield watch.slow
    finally:
        watch.over.set()
        watch.join()
        for kind, name, method in found:
            setattr(kind, name, method)
