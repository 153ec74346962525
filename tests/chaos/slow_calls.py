"""Says where a public call hangs: the stacks of all threads, once it has taken too long."""

import faulthandler
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from websocket_v6 import Subscription, WebSocketClientProxy

__all__ = ["TOO_LONG", "stacks_of_slow_calls"]

TOO_LONG = 10.0
WAITING = {"get", "get_many", "run", "wait_ready"}  # they wait for as long as they are told to


@contextmanager
def stacks_of_slow_calls(seconds: float = TOO_LONG, file: TextIO | None = None) -> Iterator[list[str]]:
    """Dump all stacks when a call of a proxy or a subscription takes longer; yields the names of those that did."""
    slow: list[str] = []

    def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **options: Any) -> Any:
            timer = threading.Timer(seconds, too_long, [name])
            timer.start()
            try:
                return method(*args, **options)
            finally:
                timer.cancel()
                timer.join()

        return call

    def too_long(name: str) -> None:
        slow.append(name)
        faulthandler.dump_traceback(file or sys.__stderr__ or sys.stderr, all_threads=True)

    found = [
        (kind, name, method)
        for kind in (WebSocketClientProxy, Subscription)
        for name, method in vars(kind).items()
        if callable(method) and not name.startswith("_") and name not in WAITING
    ]
    for kind, name, method in found:
        setattr(kind, name, watched(name, method))
    try:
        yield slow
    finally:
        for kind, name, method in found:
            setattr(kind, name, method)
