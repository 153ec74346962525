"""Running a call's steps in an event loop, which does something else while they wait.

No thread is needed for it: the actors themselves, when they answer, have the loop called. Where the loop is gone before
the steps have come to their end, a thread is begun to finish them: nothing stays half done.
"""

import asyncio
import atexit
import contextlib
import functools
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pykka

from websocket_v6.actors.base import GLANCE, stop_and_join
from websocket_v6.steps import Answer, Ended, Pull, Steps, Wait, finish

from .home import Home

__all__ = ["Run", "run", "run_whole"]

T = TypeVar("T")

LAST_MOMENT = 0.02  # seconds that a thread may take to go once it is done


class Run(Generic[T]):
    """Steps under way. `done` has what comes of them; who cancels that does not stop them, `cancel` does."""

    def __init__(self, home: Home, steps: Steps[T]) -> None:
        self.done: asyncio.Future[T] = home.loop.create_future()
        self._home = home
        self._steps = steps
        self._wait: Wait | None = None  # what they wait for
        self._timer: asyncio.TimerHandle | None = None
        self._take_back: Callable[[], object] | None = None
        self._is_dying = False  # who was asked
        self.outcome: tuple[T] | None = None  # also if nobody waits for it any more
        home.runs.add(self)
        _unfinished.add(self)
        self._resume(functools.partial(next, steps))

    def cancel(self) -> None:
        """Have the steps undo what they have begun; that may take them a while."""
        if self._stop_waiting() is not None:
            self._resume(functools.partial(self._steps.throw, asyncio.CancelledError()))

    def finish(self) -> None:
        """Do the rest in this thread, if the loop does not go on with it."""
        if self._home.is_running:
            return
        wait, self._wait = self._wait, None
        if wait is not None:
            self._over()
            finish(self._steps, wait)

    def _resume(self, step: Callable[[], Wait]) -> None:
        try:
            wait = step()
        except StopIteration as stop:
            self._over()
            self.outcome = (stop.value,)
            if not self.done.done():
                self.done.set_result(stop.value)
        except BaseException as exc:  # noqa: BLE001 - whoever waits has it
            self._over()
            if not self.done.done():
                self.done.set_exception(exc)
                self.done.exception()  # perhaps nobody waits: then asyncio is not to complain
        else:
            self._begin(wait)

    def _over(self) -> None:
        _unfinished.discard(self)
        self._home.run_over(self)

    def _begin(self, wait: Wait) -> None:
        self._wait, self._is_dying = wait, False
        if wait.timeout is not None:
            self._timer = self._home.call_later(wait.timeout, functools.partial(self._look, wait, is_late=True))
        match wait:
            case Answer(future, _, ref):
                future.then(functools.partial(self._told, wait))
                if ref is not None:
                    self._home.call_later(GLANCE, functools.partial(self._look_after, wait))
            case Ended():
                wait.begin().then(functools.partial(self._told, wait))
            case Pull():
                self._home.call(functools.partial(self._look, wait))  # there may be something already

    def _told(self, wait: Wait) -> None:
        """Hear of the answer, in the thread of whoever gives it."""
        self._home.call(functools.partial(self._look, wait))  # where that is gone, it has had the rest done

    def _look_after(self, wait: Answer) -> None:
        """See whether who was asked is there: it may have died as it was asked, and nobody else says so."""
        if self._wait is not wait or wait.ref is None:
            return
        if wait.ref.is_alive():
            self._home.call_later(GLANCE, functools.partial(self._look_after, wait))
        elif wait.timeout is not None and not self._is_dying:
            self._is_dying = True  # one more look: it may have answered at last
            self._home.call_later(GLANCE, functools.partial(self._look_after, wait))
        else:
            self._stop_waiting()
            error = pykka.ActorDeadError(f"{wait.ref} died before it answered")
            self._resume(functools.partial(self._steps.throw, error))

    def _look(self, wait: Wait, *, is_late: bool = False) -> None:
        if self._wait is not wait:
            return  # something else came first
        try:
            answer = self._answer(wait, is_late=is_late)
        except BaseException as exc:  # noqa: BLE001 - it is the answer
            self._stop_waiting()
            self._resume(functools.partial(self._steps.throw, exc))
            return
        if answer is not None:
            self._stop_waiting()
            self._resume(functools.partial(self._steps.send, answer[0]))

    def _answer(self, wait: Wait, *, is_late: bool) -> tuple[Any] | None:
        """Return what was waited for; None if it goes on."""
        match wait:
            case Answer(future):
                return (future.get(timeout=0),)
            case Ended():
                if is_late:
                    for task in self._home.tasks:
                        task.cancel()
                # It has said that it is done: its thread has only to go, and that is worth waiting for.
                return (not is_late and stop_and_join(wait.ref, LAST_MOMENT),)
            case Pull(edge, timeout):
                event = edge.poll()
                if event is None and is_late:
                    raise TimeoutError(f"no event within {timeout:g} s")
                if event is None:
                    self._take_back = self._home.wait(edge, functools.partial(self._look, wait))
                return None if event is None else (event,)

    def _stop_waiting(self) -> Wait | None:
        wait, self._wait = self._wait, None
        timer, self._timer = self._timer, None
        take_back, self._take_back = self._take_back, None
        if timer is not None:
            timer.cancel()
        if take_back is not None:
            take_back()
        return wait


async def run(home: Home, steps: Steps[T], undo: Callable[[T], Steps[None]] | None = None) -> T:
    """Run `steps` and return what comes of them.

    Cancelled, they undo what they have begun. Where they had just come to their end, so that nobody has what came of
    them, `undo` says how that is undone.
    """
    one = Run(home, steps)
    try:
        return await one.done
    except asyncio.CancelledError:
        if one.outcome is None:
            one.cancel()
        elif undo is not None:
            Run(home, undo(one.outcome[0]))
        raise


async def run_whole(one: Run[T]) -> T:
    """Wait for `one`, which goes on to its end whoever is cancelled."""
    await asyncio.wait([one.done])
    return one.done.result()


_unfinished: "weakref.WeakSet[Run[Any]]" = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    for one in list(_unfinished):
        with contextlib.suppress(Exception):  # nobody is there to hear of it
            one.finish()
