"""The simulated exchange in a thread of this process.

Calls are the name of a method as seen from the exchange (`crowd.tick`), with its arguments.
"""

import asyncio
import contextvars
import threading
from concurrent.futures import Future
from operator import attrgetter
from typing import Any

from ..exact import be_exact
from .exchange import Exchange
from .settings import Settings

__all__ = ["ThreadRunner"]

_CALL_SECONDS = 120.0


class _Host:
    """An exchange in an event loop."""

    def __init__(self, settings: Settings) -> None:
        self._exchange = Exchange(settings)

    async def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call and let what follows from it go out before returning."""
        be_exact()
        owner: Any = self if name in {"start", "stop"} else self._exchange
        value = attrgetter(name)(owner)(*args, **kwargs)
        if asyncio.iscoroutine(value):
            value = await value
        await self._exchange.clients.settle()
        return value

    async def start(self) -> int:
        self._exchange.time.attach(asyncio.get_running_loop())
        await self._exchange.entrance.start()
        return self._exchange.entrance.port

    async def stop(self) -> None:
        await self._exchange.entrance.stop()

    async def shut_down(self) -> None:
        self._exchange.faults.resume()
        await self._exchange.player.stop_playing()
        await self._exchange.entrance.stop()
        self._exchange.time.detach()


def _make_host(settings: Settings) -> _Host:
    be_exact()
    return _Host(settings)


class ThreadRunner:
    """Runs the exchange in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        # Made here, where the caller can be told what is wrong with the settings.
        self._host = contextvars.copy_context().run(_make_host, settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="simulator", daemon=True)
        self._thread.start()
        self._ready.wait()

    def submit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Future[Any]":
        if not self._thread.is_alive():
            raise RuntimeError("the simulator is closed: make another")
        return asyncio.run_coroutine_threadsafe(self._host.call(name, args, kwargs), self._loop)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.submit(name, args, kwargs).result(_CALL_SECONDS)

    def shut_down(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    async def _main(self) -> None:
        be_exact()
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._ready.set()
        await self._closing.wait()
        await self._host.shut_down()
