"""The candles that backfill fetches for closers: who waits for an answer, and what each comes to.

Not an actor: backfill owns one `CandleFills` and makes the calls. What to ask, and what an answer is worth, is decided
in `protocol/gaps/candle_fill.py`.
"""

import time
from collections import deque
from collections.abc import Callable

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import CandlesFetched
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.gaps.candle_fill import CandleFill

from .rest_reader import Call

__all__ = ["CandleFills"]

LONGEST_BLOCK = 60.0  # seconds for which calls may be refused before what they are for is given up


class _Fetch:
    """One answer that a closer waits for."""

    def __init__(self, message: FetchCandles) -> None:
        self.message = message
        self.fill = CandleFill(message.stream, message.ask)

    @property
    def number(self) -> int:
        return self.message.ask.number

    @property
    def is_urgent(self) -> bool:
        """Whether it is for a gap, so that live candles of those who are there already wait for it."""
        return self.message.ask.from_ms is not None

    def exchange_ms(self) -> float:
        """Return what time it is at the exchange."""
        return self.message.exchange_ms + (time.monotonic() - self.message.at) * 1000


class CandleFills:
    """Fetches one after the other, those of gaps first. `again` has `ready` called in so many seconds.

    Tells the router CandlesFetched, for each FetchCandles that was not overtaken by another of its stream's gap.
    """

    def __init__(self, router: Ref, again: Callable[[float, int], object]) -> None:
        self._router = router
        self._again = again
        self._fetches: dict[int, _Fetch] = {}
        self._ready: deque[int] = deque()
        self.failures = 0  # calls in a row without an answer

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._fetches

    def begin(self, message: FetchCandles) -> None:
        """Fetch what a closer asks for; a gap of a stream takes the place of the one before it."""
        fetch = _Fetch(message)
        if fetch.is_urgent:
            for number, other in list(self._fetches.items()):
                if other.is_urgent and other.message.stream == message.stream:
                    self._forget(number)
        self._fetches[fetch.number] = fetch
        self.ready(fetch.number)

    def ready(self, number: int) -> None:
        """Have the next call made for this."""
        fetch = self._fetches.get(number)
        if fetch is not None and number not in self._ready:
            add = self._ready.appendleft if fetch.is_urgent else self._ready.append
            add(number)

    def next_call(self) -> Call | None:
        """Return the call to make next, `None` if there is none."""
        if not self._ready:
            return None
        fetch = self._fetches[self._ready[0]]
        return Call(fetch.number, fetch.message.stream, fetch.fill.query())

    def answered(self, number: int, status: int, body: bytes) -> None:
        """Take the exchange's answer to a call."""
        self.failures = 0
        fetch = self._fetches.get(number)
        if fetch is None:
            return
        if status != 200:
            fetch.fill.give_up(f"the exchange answered HTTP {status} for its candles")
        else:
            try:
                wait = fetch.fill.receive(body, fetch.exchange_ms())
            except RemoteProtocolError as exc:
                fetch.fill.give_up(str(exc))
            else:
                if wait and number in self._ready:
                    self._ready.remove(number)
                    self._again(wait, number)
        if fetch.fill.is_done:
            self._finish(fetch)

    def give_up(self, problem: str) -> None:
        """End all with what there is."""
        self.failures = 0
        for fetch in list(self._fetches.values()):
            fetch.fill.give_up(problem)
            self._finish(fetch)

    def refused(self, wait: float, status: int) -> None:
        """Give up, if no call may be made for too long."""
        if wait > LONGEST_BLOCK:
            self.give_up(f"the exchange answered HTTP {status}: too many REST calls from this address")

    def _finish(self, fetch: _Fetch) -> None:
        self._forget(fetch.number)
        fill, stream = fetch.fill, fetch.message.stream
        covered = fill.covered(fetch.exchange_ms())
        tell(self._router, CandlesFetched(stream, fetch.number, time.time_ns(), fill.rows, covered, fill.problem))

    def _forget(self, number: int) -> None:
        del self._fetches[number]
        if number in self._ready:
            self._ready.remove(number)
