"""The weather over an exchange: how late, how bunched and in what order its messages come.

`Weather.calm()` is tidy, for tests that want to be exact. `Weather.usual()` is an ordinary day, fitted to what was
recorded; `Weather.storm()` is the worst that is known. docs/simulator.md compares them with the recordings.

Where the constants come from, and what tests/simulator/test_weather.py compares them with:

- *ticks 2026*: 62,258 trades of 259 KRW markets, 2026-05-12 and 13: 27 to 30 % have the millisecond of the trade before
  them in their market, in runs up to 36 long; 5 to 6 % of the steps in a run change the price, always one way.
- *capture 2021*: 1,733 frames of 2021-04-05, a busy day: trades told 0.1 to 2.2 s late, books as new as a trade in
  front of it (51 of 672), both 37 to 566 ms on their way.
- *samples*: tickers and trades of 2023 to 2025, told 31 to 131 ms after the trade, once 1.7 s.
- *probe 2026*: handshake 0.49 to 0.57 s, first snapshots 172 to 188 ms and second ones 328 to 354 ms after the request,
  PONG 165 ms, from the west coast of the United States; `myAsset` 8 to 12 ms late in the samples of 2025.
"""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any

__all__ = ["Spread", "Weather"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Amounts spread lognormally above `least`: half of them are below `least + typical`, none above `most`."""

    least: float = 0.0
    typical: float = 0.0
    sigma: float = 0.0
    most: float = math.inf

    def draw(self, rng: Random) -> float:
        above = self.typical * math.exp(rng.gauss(0.0, self.sigma)) if self.typical else 0.0
        return min(self.least + above, self.most)


_NONE = Spread()
ORDER = ("trade", "ticker", "orderbook", "candle")


@dataclass(frozen=True, kw_only=True)
class Weather:
    """One kind of day. Durations are seconds; without arguments it is calm. The seed decides what falls when."""

    lag: Spread = _NONE
    """How long after a trade the `timestamp` of its trade and ticker messages is; drawn once a second and market."""
    trade_way: Spread = _NONE
    """How long after its `timestamp` a trade or ticker leaves the exchange."""
    book_way: Spread = _NONE
    """How long after its `timestamp` a book leaves; each type goes its own way, so that any may be first."""
    private_lag: Spread = _NONE
    """How long after the event the `timestamp` of a private message is."""
    order: tuple[str, ...] = ORDER
    """In which order a trade's messages are sent where nothing delays them: trade, ticker, orderbook, candle."""
    round_trip: float = 0.0
    """The way to the exchange and back: of an answer to a request or a PING; three of them make a handshake."""
    jitter: float = 0.0
    """The mean of what each piece of data takes longer, exponentially spread."""
    second_burst: float = 0.0
    """How long after the first half of the snapshots the second half follows; 0 is one burst."""
    realtime_first: float = 0.0
    """The chance that a stream's SNAPSHOT comes with the second burst, and REALTIME messages may come before it."""
    burst: float = 0.0
    """The chance that a trade is the first of several in its millisecond, as one order meets many."""
    burst_on: float = 0.0
    """The chance that such a burst goes on after its second trade; it grows with each further one."""
    burst_most: int = 1
    """The most trades of a burst."""
    level_step: float = 0.0
    """The chance that a trade of a burst uses up its level, so that the next one is at another price."""
    echo: float = 0.0
    """The chance that a trade is followed by another of its side, `echo_gap` later."""
    echo_gap: Spread = _NONE
    worth: Spread | None = None
    """What a trade of the crowd is worth, in KRW; without it a quarter of a level or less."""
    swell: float = 0.0
    """How much the pace of traffic changes from second to second: the sigma of a lognormal factor with mean 1."""
    pace: float = 1.0
    """How many times the traffic that was asked for."""

    def __post_init__(self) -> None:
        if sorted(self.order) != sorted(ORDER):
            raise ValueError(f"order={self.order!r} must name each of {', '.join(ORDER)} once")

    @property
    def delays(self) -> bool:
        """Whether public messages leave later than what they tell of."""
        return any(spread != _NONE for spread in (self.lag, self.trade_way, self.book_way))

    @property
    def is_calm(self) -> bool:
        return self == replace(_CALM, order=self.order)

    @classmethod
    def calm(cls, **changes: Any) -> "Weather":
        """Return the weather of exact tests: all at once, in one order, each trade alone; `changes` are fields."""
        return cls(**changes)

    @classmethod
    def usual(cls, **changes: Any) -> "Weather":
        """Return an ordinary day. `round_trip` is that of the probe, 165 ms: give your own, some 5 ms in Seoul."""
        return cls(**{**_USUAL, **changes})

    @classmethod
    def storm(cls, **changes: Any) -> "Weather":
        """Return the worst day known: the lags of 2021, the bursts of a listing, ten times the traffic."""
        return cls(**{**_USUAL, **_STORM, **changes})


_CALM = Weather()
_USUAL: dict[str, Any] = {
    # Samples of 2023 to 2025: 31, 34, 34, 35, 38, 38, 40, 131, 131 and 1,701 ms.
    "lag": Spread(least=0.030, typical=0.010, sigma=1.7, most=2.2),
    # Scaled down from 2021 until as many books are in front of their trades as there, 51 of 672.
    "trade_way": Spread(typical=0.006, sigma=1.2, most=0.5),
    "book_way": Spread(typical=0.006, sigma=0.8, most=0.5),
    "private_lag": Spread(least=0.008, typical=0.002, sigma=0.5, most=0.5),  # samples of 2025: 8 to 12 ms
    "round_trip": 0.165,  # probe 2026
    "jitter": 0.008,  # probe 2026: snapshots 172 to 188 ms after the request
    "second_burst": 0.16,  # probe 2026
    # Ticks 2026: runs of 1, 2, 3, 4, 5 ... are 86, 6, 3.5, 2.2, 1.1 ... % of all runs.
    "burst": 0.18,  # where the first trade leaves something of its level, as four of five do
    "burst_on": 0.55,
    "burst_most": 36,
    "level_step": 0.055,
    "echo": 0.25,  # ticks 2026: a quarter of the gaps within a market are below 20 ms
    "echo_gap": Spread(least=0.001, typical=0.004, sigma=1.3, most=0.2),
    "worth": Spread(typical=190_000.0, sigma=1.9, most=2e8),  # ticks 2026: half of all below 160,000 to 203,000 KRW
    "swell": 0.75,  # ticks 2026: 10, 17, 26 and 42 trades in the seconds at 25, 50, 75 and 90 %
}
_STORM: dict[str, Any] = {
    # Capture 2021, whose trade times are whole seconds: what is left of 110 to 2,220 ms without up to a second of that.
    "lag": Spread(least=0.105, typical=0.14, sigma=1.3, most=1.4),
    # Capture 2021, received less `timestamp`: trades 37 to 492 ms, half above 114; books 94 to 566, half above 286.
    "trade_way": Spread(typical=0.077, sigma=0.9, most=0.5),
    "book_way": Spread(least=0.057, typical=0.19, sigma=0.45, most=0.6),
    "private_lag": Spread(least=0.008, typical=0.1, sigma=1.2, most=3.0),
    "jitter": 0.05,
    "realtime_first": 0.05,
    # Ticks 2026, the markets that had just moved: up to 36 in a row.
    "burst": 0.25,
    "burst_on": 0.75,
    "level_step": 0.15,
    "echo": 0.5,
    "swell": 1.0,
    "pace": 10.0,  # no figure of a volatile hour is public; the reference recommends to plan for ten times
}
