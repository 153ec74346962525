"""The event loop that a component lives in: being called in it, waiting in it for events, giving way to others."""

import asyncio
import contextvars
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from websocket_v6.actors.base import bounded
from websocket_v6.actors.delivery.edge import Delivered, Edge
from websocket_v6.actors.forks import in_child
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.steps import Steps, finish

from .last_things import Alarm, in_a_thread

__all__ = ["LONGEST", "MOST", "Home"]

# What a component takes of its loop at a time; then the loop's other tasks have their turn.
MOST = 32  # events
LONGEST = 0.001  # seconds, if the events take longer than that


class Unfinished(Protocol):
    """Steps that wait for something."""

    def finish(self) -> None:
        """Do the rest in this thread: the loop is gone."""


class Home:
    """One component's loop. All but `call` and `is_gone` is for the loop's own thread.

    The loop is known weakly: the engine, which holds what is here, is not to keep one alive that nobody runs any more.
    Callbacks see the context variables as they were where the component began.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.tasks: set[asyncio.Task[None]] = set()  # in which callbacks are awaited
        self.runs: set[Unfinished] = set()  # steps that are under way
        self.end: Callable[[], Steps[None]] | None = None  # what ends the component that lives here, if there is one
        self._idle: asyncio.Future[None] | None = None
        self._loop = weakref.ref(loop)
        self._context = contextvars.copy_context()
        self._waiting: dict[int, set[Callable[[], object]]] = {}
        self._taken = 0  # by those who pull, in this turn of the loop
        self._until = 0.0
        self._is_the_parents = self._is_left = False
        self._alarm = Alarm(loop, weakref.WeakMethod(self.found_gone))
        in_child(self)

    # --- being called

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop. For what runs in it, which proves that it is there."""
        loop = self._loop()
        assert loop is not None
        return loop

    @property
    def is_gone(self) -> bool:
        """Whether nothing is ever called in it again."""
        loop = self._loop()
        return loop is None or loop.is_closed() or self._is_the_parents

    @property
    def is_running(self) -> bool:
        """Whether something would be called in it now."""
        loop = self._loop()
        return loop is not None and loop.is_running() and not self._is_the_parents

    @property
    def is_here(self) -> bool:
        """Whether it is this code that it runs."""
        return asyncio._get_running_loop() is self._loop()

    def check_here(self, component_id: str) -> None:
        """Make sure that this is the loop.

        Raises:
            LocalProtocolError: if it is another one.
        """
        if not self.is_here:
            what = "one that is closed" if self.is_gone else "another one"
            raise LocalProtocolError(
                f"component {component_id!r} belongs to the event loop it was first used in, which is {what}: make a "
                "WebSocketClientProxy for each loop"
            )

    def call(self, callback: Callable[[], object]) -> bool:
        """Have `callback` called in the loop, from any thread; False if it is gone."""
        loop = self._loop()
        if loop is None or self._is_the_parents:
            return False
        if asyncio._get_running_loop() is loop:
            loop.call_soon(callback, context=self._context.copy())
            return True
        try:
            loop.call_soon_threadsafe(callback, context=self._context.copy())
        except RuntimeError:  # it is closed
            return False
        return True

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Have `callback` called in `delay` seconds, or after as long as a loop can wait: then look again."""
        return self.loop.call_later(bounded(delay), callback, context=self._context.copy())

    def run_over(self, one: Unfinished) -> None:
        """Note that some steps have come to their end."""
        self.runs.discard(one)
        if not self.runs and self._idle is not None and not self._idle.done() and not self.is_gone:
            self._idle.set_result(None)

    async def wait_idle(self) -> None:
        """Wait until no steps are under way."""
        while self.runs:
            self._idle = self.loop.create_future()
            await self._idle

    # --- waiting for events

    def wake(self, subscription_id: int) -> None:
        """Call those who wait for this subscription's mailbox."""
        for callback in self._waiting.pop(subscription_id, ()):
            callback()

    def wake_all(self) -> None:
        """Call all that wait."""
        for subscription_id in list(self._waiting):
            self.wake(subscription_id)

    def wait(self, edge: Edge, callback: Callable[[], object]) -> Callable[[], None]:
        """Have `callback` called, once, when `edge` may have something; return what takes that back."""
        number = edge.subscription_id
        self._waiting.setdefault(number, set()).add(callback)
        due = edge.mailbox.next_due()
        timer = None if due is None else self.call_later(due - time.monotonic(), callback)

        def take_back() -> None:
            if timer is not None:
                timer.cancel()
            waiting = self._waiting.get(number, set())
            waiting.discard(callback)
            if not waiting:
                self._waiting.pop(number, None)

        return take_back

    async def pull(self, edge: Edge, timeout: float | None) -> Delivered:
        """Wait for the next event of `edge`; raises what `Edge.pull` does. Cancelled, it has taken nothing."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._is_turn_over():
            await asyncio.sleep(0)
        while (event := edge.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"no event within {timeout:g} s")
            await self._changed(edge, deadline)
        return event

    def poll(self, edge: Edge) -> Delivered | None:
        """Return what `pull` would without waiting or giving way; None if there is nothing."""
        return None if self._is_turn_over() else edge.poll()

    async def _changed(self, edge: Edge, deadline: float | None) -> None:
        loop = self.loop
        waiter = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        take_back = self.wait(edge, wake)
        timer = None if deadline is None else loop.call_later(bounded(deadline - time.monotonic()), wake)
        try:
            await waiter
        finally:
            take_back()
            if timer is not None:
                timer.cancel()

    # --- giving way

    def _is_turn_over(self) -> bool:
        """Count an event that is about to be pulled; return whether that is too much for this turn of the loop."""
        now = time.monotonic()
        if not self._taken:
            self.loop.call_soon(self._begin_turn)
            self._until = now + LONGEST
        self._taken += 1
        return self._taken > MOST or now > self._until

    def count_taken(self, events: int) -> None:
        """Note that who pulls has taken so many at once, beside the one that it waited for."""
        self._taken += events

    def _begin_turn(self) -> None:
        self._taken = 0

    # --- its end

    def leave(self) -> None:
        """Live here no more: the component has ended."""
        self.end = None
        self._alarm.cancel()

    def found_gone(self) -> None:
        """Have what is left to do done in a thread; called by who finds the loop gone, in whatever thread."""
        if not self._is_left and not self._is_the_parents and (self.runs or self.end is not None):
            self._is_left = True
            in_a_thread(self._finish)

    def _finish(self) -> None:
        for one in list(self.runs):
            one.finish()
        if self.end is not None:
            finish(self.end())

    def _after_fork(self) -> None:
        self._is_the_parents = True  # the loop's wake-up socket is the parent's, too: it is not to be written to
