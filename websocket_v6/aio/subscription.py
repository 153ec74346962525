"""A subscription as the user of an event loop holds it."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import TypeVar, cast

from websocket_v6.actors.delivery.edge import Edge
from websocket_v6.arguments import check_count, check_seconds
from websocket_v6.component import Component
from websocket_v6.handle import Handle, SubscriptionStats
from websocket_v6.options import Symbols
from websocket_v6.protocol.errors import ClosedError, MailboxFullError
from websocket_v6.protocol.events import Event
from websocket_v6.steps import Steps
from websocket_v6.subscription import Subscription as Synchronous

from .docs import explained_by
from .home import Home
from .running import run

__all__ = ["Subscription", "SubscriptionStats"]

E = TypeVar("E", bound=Event)


@explained_by(Synchronous)
class Subscription(Handle[E]):
    """One subscription of a component, to events of type `E`.

    Without a callback it is pulled, by `async for event in subscription` or `await subscription.get()`; what has no
    `error_handler` to go to is raised there. It keeps its proxy alive. Two handles of the same subscription are equal.
    Whoever is cancelled while waiting has taken nothing: the event is the next one's. In a forked child it is closed.
    """

    def __init__(self, component: Component, edge: Edge, proxy: object, home: Home) -> None:
        super().__init__(component, edge, proxy)
        self._home = home

    async def get(self, timeout: float | None = None) -> E:
        self._check_pulled()
        if timeout is not None:
            check_seconds("timeout", timeout)
        self._home.check_here(self._component.name)
        try:
            return cast(E, await self._home.pull(self._edge, timeout))
        except MailboxFullError:
            await self.close()
            raise
        except TimeoutError as exc:
            raise self._in_vain(exc) from None

    async def get_many(self, max: int, timeout: float | None = None) -> list[E]:  # noqa: A002 - as the user reads it
        check_count("max", max)
        events = [await self.get(timeout), *cast(list[E], self._edge.poll_more(max - 1))]
        self._home.count_taken(len(events) - 1)
        return events

    def __aiter__(self) -> AsyncIterator[E]:
        """Yield events as they come, until it is closed. Raises as `get` does; iterate again to go on after that."""
        self._check_pulled()
        return _Events(self)

    async def add(self, symbols: Symbols) -> None:
        await self._run(self._component.add(self._edge, symbols))

    async def remove(self, symbols: Symbols) -> None:
        await self._run(self._component.remove(self._edge, symbols))

    async def close(self) -> None:
        await self._run(self._component.close(self._edge))

    async def __aenter__(self) -> "Subscription[E]":
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, steps: Steps[None]) -> None:
        self._home.check_here(self._component.name)
        await run(self._home, steps)


class _Events(AsyncIterator[E]):
    """The iterator of one `async for`. No asynchronous generator: nobody has to close this one."""

    def __init__(self, subscription: Subscription[E]) -> None:
        self._subscription = subscription

    async def __anext__(self) -> E:
        subscription = self._subscription
        home, edge = subscription._home, subscription._edge
        try:
            # The quick way first: most events of a flood are there already.
            if home.is_here and (event := home.poll(edge)) is not None:
                return cast(E, event)
            return await subscription.get()
        except MailboxFullError:
            await subscription.close()
            raise
        except ClosedError:
            if subscription._component.is_the_parents:
                raise  # it has not come to its end
            raise StopAsyncIteration from None
