"""Where an asyncio component's callbacks are called, and how it ends with its loop."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from websocket_v6.actors.messages.common import Ref
from websocket_v6.component import Component
from websocket_v6.steps import Steps, finish

from .home import Home
from .running import Run, in_a_thread, run_whole
from .subscriber import LoopSubscriber

__all__ = ["LoopPlace", "Watch"]

logger = logging.getLogger(__name__)


class LoopPlace:
    """A component's place in the loop of `home`."""

    wakes_pullers = True

    def __init__(self, home: Home) -> None:
        self._home = home

    def start(self, component: Component) -> Ref:
        def found_gone() -> None:  # by whoever has something for it
            component.has_left = True
            in_a_thread(lambda: finish(component.end(0.0, quietly=True)))

        return LoopSubscriber.start(component.name, component.forget, component.standing, self._home, found_gone)

    def run(self, steps: Steps[None]) -> None:
        Run(self._home, steps).done.add_done_callback(_log_failure)


def _log_failure(done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logger.error("a component that was collected could not leave: %s: %s", type(error).__name__, error)


class Watch:
    """Ends a component in order when its loop ends without its cleanup.

    A loop that is ended by `asyncio.run`, or by whoever else does it as it should be done, closes the asynchronous
    generators that it knows: one that waits for nothing else is told so, and may still wait for what it has to do.
    """

    def __init__(self, home: Home, component: Component) -> None:
        self._home = home
        self._component = component
        self._generator = self._wait_for_the_end()
        with contextlib.suppress(StopIteration):
            self._generator.__anext__().send(None)  # now the loop knows it

    def stop(self) -> None:
        """Watch no longer: the component ends, or has ended."""
        self._component.has_left = True
        with contextlib.suppress(StopIteration, RuntimeError):  # the loop is at it
            self._generator.aclose().send(None)

    async def _wait_for_the_end(self) -> AsyncGenerator[None, None]:
        home, component = self._home, self._component  # not `self`: this is not to be part of a cycle
        try:
            yield
        finally:
            if not component.has_left:
                component.has_left = True
                await run_whole(Run(home, component.end(0.0, quietly=True)))
