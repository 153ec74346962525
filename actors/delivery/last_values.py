"""The newest value of each stream, read from any thread while the router goes on.

To ask the router would be to wait behind all that lies in its inbox. What is here is one look-up and one attribute,
each of which the interpreter does whole, and an event never changes: nobody waits and nothing is locked.
"""

from collections.abc import Callable, Mapping

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream

from .route import Route

__all__ = ["LastValues"]


class LastValues:
    """What one router has; `is_over` once that has ended, and another one has them."""

    __slots__ = ("_has_ended", "_routes")

    def __init__(self, routes: Mapping[Stream, Route], has_ended: Callable[[], bool]) -> None:
        self._routes = routes
        self._has_ended = has_ended

    @property
    def is_over(self) -> bool:
        return self._has_ended()

    def of(self, stream: Stream) -> Event | None:
        """Return the newest event of `stream`; None if nobody takes it, nothing came, or its connection is gone."""
        route = self._routes.get(stream)
        return None if route is None else route.last
