"""The crowd that trades by itself: so many things at once, or so many messages a second.

All is drawn from one seeded generator, so that the same calls give the same markets.
"""

import time
from random import Random

from ..clock import Agenda, Clock
from .one_market import Market
from .trading_floor import TradingFloor

__all__ = ["Crowd"]

_PUMP_SECONDS = 0.01
_PUMP_BUDGET = 0.004  # seconds of work at a time; what was made must also be sent
_MOST_OWED = 0.2  # seconds of traffic that are made up for


class Crowd:
    """Lets things happen on a trading floor."""

    def __init__(self, floor: TradingFloor, *, clock: Clock, agenda: Agenda, seed: int = 0) -> None:
        self._floor = floor
        self._tape = floor.tape
        self._clock = clock
        self._agenda = agenda
        self._rng = Random(seed)  # noqa: S311  # prices of a play market
        self._rate = 0.0
        self._owed = 0.0
        self._pumped_at = 0.0

    def tick(self, count: int, code: str | None = None) -> None:
        """Let `count` things happen, to `code` or to markets drawn at random, some busier than others."""
        if code is not None:
            market = self._floor.market(code)
            for _ in range(count):
                self._step(market)
            return
        for _ in range(count):
            self._step(self._draw())

    def _step(self, market: Market) -> None:
        """Let one thing happen to a market: every third time a trade, else a change of its book."""
        if self._rng.random() < 0.34:
            self._floor.execute(market)
        else:
            self._floor.stir(market)

    def _draw(self) -> Market:
        # Squaring crowds the draw towards the head of the list: of a hundred, the first is drawn every tenth time.
        order = self._floor.order
        return order[int(self._rng.random() ** 2 * len(order))]

    def set_traffic(self, rate: float) -> None:
        """Let about `rate` tickers, trades and books a second happen; 0 stops it."""
        running = self._rate > 0
        self._rate, self._owed = rate, 0.0
        self._tape.paced = self._tape.paced or rate > 0
        if rate > 0 and not running:
            self._pumped_at = self._clock.now()
            self._agenda.after(_PUMP_SECONDS, self._pump)

    def _pump(self) -> None:
        if self._rate <= 0:
            return
        tape = self._tape
        now = self._clock.now()
        # A machine that stood still or is too slow, or a clock that jumped, does not owe a flood.
        self._owed = min(self._owed + self._rate * (now - self._pumped_at), self._rate * _MOST_OWED)
        self._pumped_at = now
        # Books left on their grids since the last time; they count as produced.
        self._owed -= tape.produced
        tape.produced = 0
        deadline = time.monotonic() + _PUMP_BUDGET
        while self._owed > tape.produced and (self._clock.frozen or time.monotonic() < deadline):
            self._step(self._draw())
            if tape.produced == 0 and tape.waiting >= len(self._floor.order):
                # Every book waits for its grid, so only trades make messages now.
                self._floor.execute(self._draw())
        behind = self._owed > tape.produced
        self._agenda.after(_PUMP_BUDGET / 2 if behind else _PUMP_SECONDS, self._pump)
