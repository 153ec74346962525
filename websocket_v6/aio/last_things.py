"""What is left to do when an event loop is gone: done in a thread that is begun for it and ends with it."""

import _thread
import asyncio
import contextlib
import logging
import threading
import weakref
from collections.abc import Callable

__all__ = ["Alarm", "in_a_thread"]

logger = logging.getLogger(__name__)

FAR = 10 * 365 * 24 * 3600.0  # seconds


def in_a_thread(function: Callable[[], object]) -> None:
    """Call `function` in a thread of its own.

    May be called from wherever the garbage collector runs, also while `threading` holds its own lock: so the thread is
    made in another one, which knows nothing of `threading`.
    """

    def begin() -> None:
        with contextlib.suppress(RuntimeError):  # as below
            threading.Thread(target=_logged, args=(function,), name="Finish", daemon=True).start()

    with contextlib.suppress(RuntimeError):  # the interpreter ends, which begins no threads: its exit does what is left
        _thread.start_new_thread(begin, ())


def _logged(function: Callable[[], object]) -> None:
    try:
        function()
    except Exception:
        logger.exception("what an event loop left undone could not be finished")


class _Bell:
    """Held by nobody but a loop, in a timer that is never due."""

    def __call__(self) -> None:
        """Be called in ten years."""


def _ring(method: "weakref.WeakMethod[Callable[[], object]]") -> None:
    call = method()
    if call is not None:
        call()


class Alarm:
    """Has a method called once a loop is closed or collected; `cancel` takes that back.

    No loop tells of its end. But it lets go of its timers then, and a weak reference to one of them tells.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, method: "weakref.WeakMethod[Callable[[], object]]") -> None:
        bell = _Bell()
        self._timer = weakref.ref(loop.call_later(FAR, bell))
        self._finalizer = weakref.finalize(bell, _ring, method)
        self._finalizer.atexit = False

    def cancel(self) -> None:
        """Hear of it no more."""
        self._finalizer.detach()
        timer = self._timer()
        if timer is not None:
            timer.cancel()
