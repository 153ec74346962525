"""The crowd that trades by itself: so many things at once, or so many messages a second.

All is drawn from one seeded generator, so that the same calls give the same markets.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random

from ..clock import Agenda, Appointment, Clock
from ..weather import Weather
from .one_market import Market
from .trades import TradeSide
from .trading_floor import TradingFloor

__all__ = ["Crowd"]

_PUMP_SECONDS = 0.01
_PUMP_BUDGET = 0.004  # seconds of work at a time; what was made must also be sent
_SMALLEST = Decimal("0.00000001")
_LONGER = 0.05
_MOST_OF_LEVEL = Decimal("0.9")
_MOST_OWED = 0.2  # seconds of traffic that are made up for


class Crowd:
    """Lets things happen on a trading floor."""

    def __init__(
        self, floor: TradingFloor, *, clock: Clock, agenda: Agenda, seed: int = 0, weather: Weather | None = None
    ) -> None:
        self._weather = weather or Weather.calm()
        self._floor = floor
        self._tape = floor.tape
        self._clock = clock
        self._agenda = agenda
        self._rng = Random(seed)  # noqa: S311  # prices of a play market
        self._rate = 0.0
        self._owed = 0.0
        self._pumped_at = 0.0
        self._next: Appointment | None = None
        self._swell, self._swell_second = 1.0, 0

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
            self._trade(market)
        else:
            self._floor.stir(market)

    def _trade(self, market: Market, side: TradeSide | None = None) -> None:
        """Let somebody trade: alone, or, as the weather is, with many at once and with followers."""
        weather, rng = self._weather, self._rng
        if weather.worth is None:
            self._floor.execute(market, side=side)
            return
        ms = self._clock.now_ms()
        first = self._floor.execute(market, None, self._volume(market), side, ms=ms)
        side = first.side
        best = market.against(side).best
        if rng.random() < weather.burst and best is not None and best.price == first.price:
            self._burst(market, side, ms)
        if self._rate > 0 and rng.random() < weather.echo:
            self._agenda.after(weather.echo_gap.draw(rng), lambda: self._echo(market, side))

    def _burst(self, market: Market, side: TradeSide, ms: int) -> None:
        """Let one order meet many: trades of one millisecond, each at the level that the one before has left."""
        on = self._weather.burst_on
        for count in range(1, self._weather.burst_most):
            best = market.against(side).best
            if best is None:
                return
            whole = self._rng.random() < self._weather.level_step
            part = max(_SMALLEST, min(self._volume(market), best.size * _MOST_OF_LEVEL).quantize(_SMALLEST))
            self._floor.execute(market, best.price, best.size if whole else part, side, ms=ms)
            # The longer it is, the likelier it goes on: it is a large order.
            if self._rng.random() >= on + (1 - on) * _LONGER * min(count, 10):
                return

    def _echo(self, market: Market, side: TradeSide) -> None:
        # Traffic may have been stopped meanwhile, or the market taken off the list.
        if self._rate > 0 and self._floor.markets.get(market.code) is market:
            self._trade(market, side)

    def _volume(self, market: Market) -> Decimal:
        assert self._weather.worth is not None
        return market.volume_worth(self._weather.worth.draw(self._rng))

    def _draw(self) -> Market:
        # Squaring crowds the draw towards the head of the list: of a hundred, the first is drawn every tenth time.
        order = self._floor.order
        return order[int(self._rng.random() ** 2 * len(order))]

    def set_traffic(self, rate: float) -> None:
        """Let about `rate` tickers, trades and books a second happen; 0 stops it."""
        self._go_on(rate * self._weather.pace)
        self._tape.paced = self._tape.paced or rate > 0

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let nothing happen for a while; a day's traffic would take a good part of a day to make."""
        rate = self._rate
        self._go_on(0.0)
        try:
            yield
        finally:
            self._go_on(rate)

    def _go_on(self, rate: float) -> None:
        self._rate, self._owed = rate, 0.0
        self._pumped_at = self._clock.now()
        if self._next is not None:
            self._next.cancel()
        self._next = self._agenda.after(_PUMP_SECONDS, self._pump) if rate > 0 else None

    def _pump(self) -> None:
        tape = self._tape
        now = self._clock.now()
        # A machine that stood still or is too slow, or a clock that jumped, does not owe a flood.
        rate = self._rate * self._swell_at(now)
        self._owed = min(self._owed + rate * (now - self._pumped_at), rate * _MOST_OWED)
        self._pumped_at = now
        # Books left on their grids since the last time; they count as produced.
        self._owed -= tape.produced
        tape.produced = 0
        deadline = time.monotonic() + _PUMP_BUDGET
        while self._owed > tape.produced and self._floor.order and (self._clock.frozen or time.monotonic() < deadline):
            self._step(self._draw())
            if tape.produced == 0 and tape.waiting >= len(self._floor.order):
                # Every book waits for its grid, so only trades make messages now.
                self._trade(self._draw())
        behind = self._owed > tape.produced
        self._next = self._agenda.after(_PUMP_BUDGET / 2 if behind else _PUMP_SECONDS, self._pump)

    def _swell_at(self, now: float) -> float:
        """Return how busy this second is; over many it is 1 on average."""
        sigma = self._weather.swell
        if sigma and int(now) != self._swell_second:
            self._swell_second = int(now)
            self._swell = math.exp(self._rng.gauss(-sigma * sigma / 2, sigma))
        return self._swell
