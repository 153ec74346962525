"""The info endpoint at work: what is sent when a candle closes.

Source: Upbit WebSocket reference, "indicator" (sent at the close of the chosen candle), "indicator_signal".
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random

from ..clock import Agenda
from ..exact import Number, decimal_or_none, to_decimal
from ..parts import TIMEFRAMES, Combination, Part
from .candles import Candle, Series
from .one_market import Market
from .signals import fires, value_of
from .trading_floor import TradingFloor
from .wording import Bulletin, utc_text

__all__ = ["Closes"]

_STEP = 300.0  # every timeframe is a multiple of five minutes
_HISTORY = 250  # candles; the longest average is over 200
# Calls back with every (type, code, part) that is subscribed to on the info endpoint.
Subscriptions = Callable[[], Iterable[tuple[str, str, Part]]]


class Closes:
    """Watches candles close for those who subscribed to their indicators."""

    def __init__(
        self,
        floor: TradingFloor,
        agenda: Agenda,
        subscriptions: Subscriptions,
        publish: Callable[[str, str, Part, Bulletin], None],
        seed: int,
    ) -> None:
        self._floor = floor
        self._agenda = agenda
        self._subscriptions = subscriptions
        self._publish = publish
        self._seed = seed
        self._plan()

    def prepare(self, code: str, timeframe: str, price: Number | None = None) -> float:
        """Make sure that a candle of the running interval exists and return the time of its end.

        With `price`, the last trade of the candle is at it.
        """
        if timeframe not in TIMEFRAMES:
            raise ValueError(f"{timeframe!r} is no timeframe: choose one of {', '.join(TIMEFRAMES)}")
        market = self._floor.market(code)
        series = market.series[timeframe]
        now_ms = self._floor.clock.now_ms()
        start = now_ms - now_ms % series.ms
        if price is not None or series.newest is None or series.newest.start_ms < start:
            self._floor.trade(code, decimal_or_none(price) or market.last.price)
        return (start + series.ms) / 1000

    def indicate(
        self,
        code: str,
        timeframe: str,
        indicator: str,
        value: dict[str, Number],
        trigger: str = "",
    ) -> None:
        """Send a value of one's own to those who subscribed to this indicator, or with a trigger to this signal."""
        start = self._floor.clock.now_ms() // 1000 * 1000
        exact: dict[str, object] = {name: to_decimal(number) for name, number in value.items()}
        for type_, subscribed, part in self._subscriptions():
            for combination in part.combinations:
                if (subscribed, part.timeframe, combination.indicator, combination.trigger) == (
                    code,
                    timeframe,
                    indicator,
                    trigger,
                ):
                    self._publish(type_, code, part, self._bulletin(type_, code, part, combination, start, exact))

    def _plan(self) -> None:
        due = (self._floor.clock.now() // _STEP + 1) * _STEP
        self._agenda.at(due, lambda: self._closed(due))

    def _closed(self, at: float) -> None:
        """Send what follows from the candles that end at `at`."""
        self._plan()
        for type_, code, part in list(self._subscriptions()):
            market = self._floor.markets.get(code)
            if market is None:
                continue
            series = market.series[part.timeframe]
            end_ms = int(at * 1000)
            closed = [candle for candle in series if candle.start_ms + series.ms <= end_ms]
            # No candle, no message: nothing was traded in the interval.
            if end_ms % series.ms or not closed or closed[-1].start_ms + series.ms != end_ms:
                continue
            self._send(type_, market, part, self._with_past(market, series, closed))

    def _send(self, type_: str, market: Market, part: Part, candles: list[Candle]) -> None:
        closes = [float(candle.price) for candle in candles]
        volumes = [float(candle.volume) for candle in candles]
        for combination in part.combinations:
            if type_ == "indicator_signal" and not fires(combination, closes, volumes):
                continue
            value = value_of(combination, closes, volumes)
            bulletin = self._bulletin(type_, market.code, part, combination, candles[-1].start_ms, value)
            self._publish(type_, market.code, part, bulletin)

    def _bulletin(
        self, type_: str, code: str, part: Part, combination: Combination, start_ms: int, value: dict[str, object]
    ) -> Bulletin:
        fields: dict[str, object] = {
            "type": type_,
            "code": code,
            "timeframe": part.timeframe,
            "indicator": combination.indicator,
            "params": dict(combination.params),
            "candle_date_time_utc": utc_text(start_ms),
            "value": value,
            "timestamp": self._floor.clock.now_ms(),
        }
        if type_ == "indicator_signal":
            fields["trigger"] = combination.trigger
            fields["event_params"] = dict(combination.event_params)
        return Bulletin(type_, code, fields)

    def _with_past(self, market: Market, series: Series, closed: list[Candle]) -> list[Candle]:
        """Put candles of before the simulation in front; they depend on the seed and the market alone."""
        rng = Random(f"{self._seed} {market.code} {series.unit}")  # noqa: S311
        past = []
        candle = closed[0]
        for _ in range(_HISTORY - len(closed)):
            step = Decimal(rng.randint(-3, 3)) * market.tick
            candle = Candle(candle.start_ms - series.ms, max(market.tick, candle.opening + step))
            candle.add(candle.opening, max(closed[0].volume, Decimal("0.00000001")), Decimal(0), candle.start_ms)
            past.append(candle)
        return past[::-1] + closed
