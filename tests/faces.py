"""The asyncio face where tests expect the synchronous one: the same tests then hold for both.

Each call is made in an event loop that runs in a thread of its own, in debug mode, and waited for.
"""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

from websocket_v6 import aio

__all__ = ["LoopThread", "proxies_in"]

PATIENCE = 60.0


class LoopThread:
    """An event loop in a thread, from `with` to its end; what asyncio complains of in it fails the test."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(), debug=True), name="loop", daemon=True)

    def __enter__(self) -> "LoopThread":
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert not self.complaints

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it there and wait for what comes of it."""
        assert threading.current_thread() is not self._thread, "it would wait for itself"
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    async def _main(self) -> None:
        self.loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        self.loop.slow_callback_duration = PATIENCE  # callbacks of tests block, on purpose
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(str(context)))
        self._is_ready.set()
        await self._is_over.wait()


class _Blocking:
    """Has the coroutines of an object run in the loop."""

    def __init__(self, home: LoopThread, one: Any, *, awaited: bool) -> None:
        self._home, self._one, self._awaited = home, one, awaited

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._one, name)
        if inspect.iscoroutinefunction(value):
            return lambda *args, **options: self._call(value, args, options)
        if inspect.ismethod(value):
            return lambda *args, **options: self._shown(value(*args, **options))
        return value

    def _call(self, function: Any, args: Any, options: Any) -> Any:
        args, options = list(map(self._given, args)), {name: self._given(one) for name, one in options.items()}
        return self._shown(self._home.run(function(*args, **options)))

    def _given(self, value: Any) -> Any:
        if isinstance(value, _Blocking):
            return value._one
        if not self._awaited or not callable(value) or isinstance(value, type):
            return value

        async def call(event: Any) -> None:
            await asyncio.to_thread(value, event)  # it may block, and make calls that wait for the loop

        return call

    def _shown(self, value: Any) -> Any:
        if isinstance(value, aio.Subscription):
            return _Blocking(self._home, value, awaited=self._awaited)
        return [self._shown(one) for one in value] if isinstance(value, list) else value

    def __iter__(self) -> Iterator[Any]:
        events = aiter(self._one)
        while True:
            try:
                yield self._home.run(anext(events))
            except StopAsyncIteration:
                return

    def __enter__(self) -> "_Blocking":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AttributeError):
            self.cleanup()
            return
        self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Blocking) and bool(self._one == other._one)

    def __hash__(self) -> int:
        return hash(self._one)

    def __repr__(self) -> str:
        return repr(self._one)

    def __reduce__(self) -> Any:
        return self._one.__reduce__()


def proxies_in(home: LoopThread, *, awaited: bool = False) -> Any:
    """Return what tests call to make a proxy; `awaited`: their callbacks become `async def`, and may block."""
    return lambda *args, **options: _Blocking(home, aio.WebSocketClientProxy(*args, **options), awaited=awaited)
