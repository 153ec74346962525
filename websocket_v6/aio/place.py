"""Where an asyncio component's callbacks are called, and how it ends with its loop."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator

from websocket_v6.actors.messages.common import Ref
from websocket_v6.component import Component
from websocket_v6.steps import Steps

from .home import Home
from .running import Run
from .subscriber import LoopSubscriber

__all__ = ["LoopPlace", "Watch"]

logger = logging.getLogger(__name__)


class LoopPlace:
    """A component's place in the loop of `home`."""

    wakes_pullers = True

    def __init__(self, home: Home) -> None:
        self._home = home

    def start(self, component: Component) -> Ref:
        self._home.end = functools.partial(component.end, 0.0, quietly=True)
        return LoopSubscriber.start(component.name, component.forget, component.standing, component.over, self._home)

    def run(self, steps: Steps[None]) -> None:
        done = Run(self._home, steps).done
        done.add_done_callback(_log_failure)
        done.add_done_callback(lambda _: self._home.leave())


def _log_failure(done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logger.error("a component that was collected could not leave: %s: %s", type(error).__name__, error)


class Watch:
    """Ends the component of `home` in order if its loop ends without its cleanup, and lets no steps stay half done.

    A loop that is ended by `asyncio.run`, or by whoever else does it as it should be done, closes the asynchronous
    generators that it knows: one that waits for nothing else is told so, and may still wait for what it has to do.
    It is the proxy's: it holds the loop.
    """

    def __init__(self, home: Home) -> None:
        self._generator = _wait_for_the_end(home)
        with contextlib.suppress(StopIteration):
            self._generator.__anext__().send(None)  # now the loop knows it


async def _wait_for_the_end(home: Home) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        if home.end is not None:
            Run(home, home.end())  # of one that has ended, it does nothing
        await home.wait_idle()
