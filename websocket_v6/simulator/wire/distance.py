"""The way between a client and the exchange: what is sent over it arrives later, and in its order.

It counts in real time, not in the simulator's: the client on the other side has no other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random

from ..weather import Weather

__all__ = ["HANDSHAKE_TRIPS", "FarTransport", "OneWay", "round_trip"]

# A handshake, or the first call of a connection, is that many round trips, of which TCP and TLS are two.
HANDSHAKE_TRIPS = 3


def round_trip(weather: Weather, rng: Random) -> float:
    """Return how long a question and its answer are on their way this time, seconds."""
    return weather.round_trip + (rng.expovariate(1 / weather.jitter) if weather.jitter else 0.0)


class OneWay:
    """One direction. What is put in is called after the delay, in its order."""

    def __init__(self, weather: Weather, rng: Random, *, extra: float = 0.0) -> None:
        """Delay by half a round trip, and the first thing by `extra` more."""
        self._loop = asyncio.get_running_loop()
        self._seconds = weather.round_trip / 2
        self._jitter = weather.jitter
        self._rng = rng
        self._extra = extra
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._last = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    def put(self, call: Callable[[], None]) -> None:
        due = self._loop.time() + self._seconds + self._extra
        if self._jitter:
            due += self._rng.expovariate(1 / self._jitter)
        self._extra = 0.0
        due = self._last = max(due, self._last)
        self._waiting.append((due, call))
        if self._alarm is None:
            self._alarm = self._loop.call_at(due, self._arrive)

    def clear(self) -> None:
        """Lose what is on its way."""
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _arrive(self) -> None:
        self._alarm = None
        while self._waiting and self._waiting[0][0] <= self._loop.time():
            self._waiting.popleft()[1]()
        if self._waiting and self._alarm is None:
            self._alarm = self._loop.call_at(self._waiting[0][0], self._arrive)


class FarTransport:
    """A transport whose writes and whose end take their way; everything else is that of the one under it."""

    def __init__(self, transport: asyncio.Transport, way: OneWay) -> None:
        self._transport = transport
        self._way = way

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._way.put(lambda: self._transport.write(data))

    def write_eof(self) -> None:
        self._way.put(self._transport.write_eof)

    def close(self) -> None:
        self._way.put(self._transport.close)

    def abort(self) -> None:
        self._way.clear()
        self._transport.abort()
