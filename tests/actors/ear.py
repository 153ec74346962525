"""Who stands where an actor would, and only keeps what it is told."""

import queue
from typing import Any, cast

from websocket_v6.actors.messages.common import Ref

__all__ = ["Ear"]


class Ear:
    """As far as `tell` goes, the ref of an actor; without a thread."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def ref(self) -> Ref:
        return cast(Ref, self)

    def tell(self, message: object) -> None:
        self._told.put(message)

    def heard(self) -> list[Any]:
        """Return what it has been told since it was last asked."""
        found = []
        while not self._told.empty():
            found.append(self._told.get())
        return found

    def hear(self, timeout: float = 10.0) -> Any:
        """Wait for the next that it is told."""
        return self._told.get(timeout=timeout)
