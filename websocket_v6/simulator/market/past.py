"""What a market did before the simulation began: candles for those who ask REST for some history.

A price is a function of the time, the seed and the code, so candles of all units agree where they begin and end, and
so do their volumes; their highs and lows are of a few moments each. There is one for every interval. The last day
before the simulation closes at the previous close that the ticker tells.
"""

import math
from decimal import Decimal
from functools import lru_cache
from zlib import crc32

from .candles import Candle
from .catalog import tick_size

__all__ = ["DAY_MS", "Past"]

DAY_MS = 86_400_000
_MASK = (1 << 64) - 1
_EIGHT = Decimal("0.00000001")
# Waves that the price is made of: seconds, and how far each moves it.
_WAVES = (
    (2_592_000, 0.14),
    (604_800, 0.05),
    (86_400, 0.02),
    (14_400, 0.008),
    (3_600, 0.004),
    (600, 0.0015),
    (60, 0.0008),
    (5, 0.0003),
)
_SAMPLES = 8


class Past:
    """The time before a market's first trade."""

    def __init__(
        self, code: str, *, seed: str, begin_ms: int, price: Decimal, prev_closing: Decimal, volume: Decimal, days: int
    ) -> None:
        """Lead up to `price` at `begin_ms`; `volume` is an average day's, `days` how long the market is listed."""
        self._code = code
        self._seed = crc32(seed.encode())
        self._begin = begin_ms / 1000
        self._midnight = begin_ms // DAY_MS * DAY_MS / 1000
        self._price = float(price)
        self._closing = float(prev_closing)
        self._rate = volume / 86_400
        self.oldest_ms = int(self._midnight * 1000) - days * DAY_MS if days else begin_ms

    def candle(self, start_ms: int, length_ms: int) -> Candle:
        """Return the candle of an interval that ends before the first trade; days and less."""
        start, seconds = start_ms / 1000, length_ms // 1000
        prices = [self._price_at(start + seconds * step / _SAMPLES) for step in range(_SAMPLES + 1)]
        candle = Candle(start_ms, prices[0])
        candle.high, candle.low, candle.price = max(prices), min(prices), prices[-1]
        candle.volume = self._volume_of_second(start_ms // DAY_MS) * seconds
        average = (candle.opening + candle.high + candle.low + candle.price) / 4
        candle.amount = candle.volume * average
        end_ms = start_ms + length_ms
        candle.last_ms = end_ms - 1 - int((self._random(end_ms, 99) + 1) * min(length_ms, 60_000) / 8)
        return candle

    def _volume_of_second(self, day: int) -> Decimal:
        share = Decimal(str(round(1 + self._random(day, 77) / 2, 4)))
        return max(_EIGHT, (self._rate * share).quantize(_EIGHT))

    def _price_at(self, seconds: float) -> Decimal:
        drift = self._level(seconds) - self._level(self._midnight)
        if seconds > self._midnight and self._begin > self._midnight:
            wanted = math.log(self._price / self._closing) - (self._level(self._begin) - self._level(self._midnight))
            drift += wanted * (seconds - self._midnight) / (self._begin - self._midnight)
        price = Decimal(self._closing * math.exp(drift))
        tick = tick_size(self._code, price)
        return max(tick, (price / tick).to_integral_value() * tick)

    def _level(self, seconds: float) -> float:
        total = 0.0
        for wave, (period, height) in enumerate(_WAVES):
            number, share = divmod(seconds / period, 1.0)
            total += height * (
                self._random(int(number), wave) * (1 - share) + self._random(int(number) + 1, wave) * share
            )
        return total

    def _random(self, number: int, wave: int) -> float:
        return _random(self._seed, number, wave)


@lru_cache(maxsize=65_536)
def _random(seed: int, number: int, wave: int) -> float:
    """Return a number between -1 and 1 that looks like chance: the mixing steps of SplitMix64."""
    value = (seed + number * 0x9E3779B97F4A7C15 + wave * 0xD1B54A32D192ED03) & _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return ((value ^ (value >> 31)) >> 11) / (1 << 52) - 1
