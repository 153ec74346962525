"""The way of a message out of the exchange: each stream keeps its order, and no stream waits for another.

So a book may pass the trade that changed it. Source: Upbit WebSocket reference, "Duplicates and ordering" (no order
across types, books never go back within a market).
"""

import heapq
import itertools
from collections.abc import Callable
from decimal import Decimal
from random import Random

from ..clock import Agenda, Appointment, Clock
from ..weather import Spread, Weather
from .wording import Bulletin

__all__ = ["Lateness", "Make", "Passage"]

# Makes a message for (level, units).
Make = Callable[[Decimal, int], Bulletin]
_NO_WAY = Spread()
_NEVER = (0.0, -1)
_LAG_LASTS_MS = 1000
_CATCH_UP = 4


class Lateness:
    """When a market's trades are told: their `timestamp`, which never goes back.

    A lag is of a moment, not of a trade: a draw for each would keep a busy market behind its longest one for ever. In
    the capture of 2021 none of 205 trades has the `timestamp` of the one before it in another second.
    """

    def __init__(self, weather: Weather, rng: Random) -> None:
        self._lag = weather.lag
        self._rng = rng
        self._ms, self._stamp = 0, 0
        self._lag_ms, self._until_ms = 0, 0

    def stamp(self, ms: int) -> int:
        """Return the `timestamp` of what is said of a trade at `ms`."""
        if ms == self._ms and self._stamp:
            # Trades of one millisecond are told together, or a moment apart.
            self._stamp += self._rng.random() < 0.3
            return self._stamp
        if ms >= self._until_ms:
            self._lag_ms = round(self._lag.draw(self._rng) * 1000)
            self._until_ms = ms + _LAG_LASTS_MS
        # Who is behind works off what waits, some times as fast as it came.
        behind = self._stamp + (ms - self._ms) // _CATCH_UP
        self._stamp = max(behind if self._stamp > ms else 0, ms + self._lag_ms)
        self._ms = ms
        return self._stamp


class Passage:
    """Messages on their way out, each to be sent when its time has come."""

    def __init__(
        self, weather: Weather, *, clock: Clock, agenda: Agenda, rng: Random, send: Callable[[str, str, Make], None]
    ) -> None:
        self._ways = {"trade": weather.trade_way, "ticker": weather.trade_way, "orderbook": weather.book_way}
        self._clock = clock
        self._agenda = agenda
        self._rng = rng
        self._send = send
        self._waiting: list[tuple[float, int, str, str, Make]] = []
        self._numbers = itertools.count()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}  # when the newest message of a stream leaves
        self._voided: dict[tuple[str, str], int] = {}  # messages of a stream with smaller numbers are not sent
        self._alarm: Appointment | None = None

    def put(self, type_: str, code: str, stamp: int, make: Make) -> None:
        """Send a message some time after its `timestamp`, ms, and after those of its stream before it."""
        due = max(stamp, self._clock.now_ms()) / 1000 + self._ways.get(type_, _NO_WAY).draw(self._rng)
        due, number = max(due, self._last.get((type_, code), _NEVER)[0]), next(self._numbers)
        self._last[type_, code] = due, number
        heapq.heappush(self._waiting, (due, number, type_, code, make))
        if self._waiting[0][0] == due:
            self._set_alarm()

    def void(self, type_: str, code: str) -> None:
        """Forget what is on its way of a stream."""
        if (type_, code) in self._last:
            self._voided[type_, code] = next(self._numbers)

    def is_waiting(self, type_: str, code: str) -> bool:
        """Whether a message of a stream is on its way."""
        due, number = self._last.get((type_, code), _NEVER)
        return due > self._clock.now() and number > self._voided.get((type_, code), -1)

    def flush(self) -> None:
        """Send all that is on its way, in its order."""
        while self._waiting:
            self._pop()

    def _arrive(self) -> None:
        self._alarm = None
        now = self._clock.now()
        while self._waiting and self._waiting[0][0] <= now:
            self._pop()
        if self._waiting:
            self._set_alarm()

    def _pop(self) -> None:
        _, number, type_, code, make = heapq.heappop(self._waiting)
        if number > self._voided.get((type_, code), -1):
            self._send(type_, code, make)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._agenda.at(self._waiting[0][0], self._arrive)
