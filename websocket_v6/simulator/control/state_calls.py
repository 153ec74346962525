"""What is true of a simulator, and waiting until it is: the part of its face that a test looks at."""

import time
from collections.abc import Callable, Collection
from typing import Self, TypeVar

from ..wire.reports import ConnectionInfo, Sent
from .remote import Remote

__all__ = ["StateCalls"]

_T = TypeVar("_T")


class StateCalls(Remote):
    """Connections, streams, and what was sent."""

    def connections(self, endpoint: str | None = None) -> list[ConnectionInfo]:
        """Return every connection there was, oldest first; `open` tells which still are."""
        infos: list[ConnectionInfo] = self._call("clients.infos", endpoint)
        return infos

    def served(self, endpoint: str | None = "public") -> frozenset[str]:
        """Return the streams that go on over open connections: "ticker KRW-BTC" or "orderbook KRW-BTC@10000", say."""
        streams: frozenset[str] = self._call("clients.served", endpoint)
        return streams

    def current(self, stream: str, format: str = "DEFAULT") -> str:  # noqa: A002
        """Return the JSON object that a snapshot of `stream` would be now, such as "orderbook KRW-BTC.5@10000"."""
        text: str = self._call("current", stream, format)
        return text

    def sent(self, connection_id: int | None = None, stream: str | None = None) -> list[Sent]:
        """Return the data messages sent, in order, of one connection or of all."""
        messages: list[Sent] = self._call("journal.sent", connection_id, stream)
        return messages

    def notices(self, connection_id: int | None = None) -> list[str]:
        """Return what else was sent: errors, `UP`, LIST_SUBSCRIPTIONS answers, raw frames."""
        texts: list[str] = self._call("journal.notices", connection_id)
        return texts

    def rest_calls(self) -> list[str]:
        """Return the paths and queries of the REST calls, in their order."""
        targets: list[str] = self._call("journal.rest_calls")
        return targets

    # Waiting.

    def wait(self, predicate: Callable[[Self], _T], timeout: float = 5.0) -> _T:
        """Return the first true value of `predicate(self)`; it is asked again after every change.

        Raises:
            TimeoutError: if there was none within `timeout` seconds; says what is served and connected.
        """
        deadline = time.monotonic() + timeout
        version = -1
        while True:
            version = self._call("journal.changed_since", version, 0.0)
            if value := predicate(self):
                return value
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not within {timeout:g} s; {self._state()}")
            self._call("journal.changed_since", version, min(left, 1.0))

    def wait_served(
        self, streams: Collection[str], timeout: float = 5.0, *, endpoint: str = "public", exactly: bool = True
    ) -> None:
        """Wait until `streams` are served, and with `exactly` nothing else."""
        wanted = frozenset(streams)

        def reached(sim: Self) -> bool:
            served = sim.served(endpoint)
            return served == wanted if exactly else served >= wanted

        self.wait(reached, timeout)

    def wait_connected(
        self, count: int = 1, timeout: float = 5.0, *, endpoint: str | None = None
    ) -> list[ConnectionInfo]:
        """Wait until `count` connections are open, and return them."""

        def reached(sim: Self) -> list[ConnectionInfo] | None:
            infos = [info for info in sim.connections(endpoint) if info.open]
            return infos if len(infos) == count else None

        if count == 0:
            self.wait(lambda sim: reached(sim) is not None, timeout)
            return []
        return self.wait(reached, timeout) or []

    def _state(self) -> str:
        infos = [info for info in self.connections() if info.open]
        served = {info.id: f"{info.endpoint}: {', '.join(sorted(info.served)) or 'nothing'}" for info in infos}
        return f"open connections and what they are served: {served or 'none'}"
