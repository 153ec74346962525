"""Indicators over closed candles, and the signals that fire when a condition turns true.

Values are over the closes (and volumes) of finished candles, oldest first, rounded to eight decimals. The exchange does
not say which smoothing its RSI and EMA use; here they are Wilder's and one that starts from a simple average.
Source: Upbit WebSocket reference, "indicator", "indicator_signal" (semantics).
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import sqrt

from ..parts import Combination

__all__ = ["fires", "value_of"]

_Numbers = Sequence[float]


def value_of(combination: Combination, closes: _Numbers, volumes: _Numbers) -> dict[str, object]:
    """Return the `value` object of the newest candle."""
    row = _ROWS[combination.indicator](dict(combination.params), closes, volumes)
    return {name: Decimal(str(round(series[-1], 8))) for name, series in row.items()}


def fires(combination: Combination, closes: _Numbers, volumes: _Numbers) -> bool:
    """Whether the trigger's condition has turned from false to true with the newest candle."""
    row = _ROWS[combination.indicator](dict(combination.params), closes, volumes)
    event = {name: float(str(value)) for name, value in combination.event_params}
    if combination.indicator == "rsi":
        bound = event["threshold"]
        above = combination.trigger == "overbought"
        return _turned([value >= bound if above else value <= bound for value in row["rsi"]])
    if combination.indicator == "volume":
        multiplier = event["multiplier"]
        pairs = zip(row["volume"], row["avg_volume"], strict=True)
        return _turned([volume >= multiplier * average for volume, average in pairs])
    return _crossed(_difference(combination, row, closes), upwards=combination.trigger in _UPWARDS)


_UPWARDS = {"price_cross_above", "golden_cross", "zero_cross_above"}


def _turned(states: Sequence[bool]) -> bool:
    return len(states) > 1 and states[-1] and not states[-2]


def _crossed(differences: _Numbers, *, upwards: bool) -> bool:
    """Whether the sign has changed; an equal value keeps the state before it, however often."""
    signs = [1 if value > 0 else -1 for value in differences if value]
    if not differences or not differences[-1] or len(signs) < 2:
        return False
    return signs[-1] == (1 if upwards else -1) and signs[-2] != signs[-1]


def _difference(combination: Combination, row: Mapping[str, _Numbers], closes: _Numbers) -> list[float]:
    """Return what changes its sign when the trigger fires."""
    if combination.indicator == "ma_crossover":
        return _minus(row["ma_short"], row["ma_long"])
    if combination.indicator == "moving_average":
        return _minus(closes, row["value"])
    if combination.indicator == "bollinger_bands":
        band = "bb_upper" if combination.trigger == "price_cross_above" else "bb_lower"
        return _minus(closes, row[band])
    if combination.trigger.startswith("zero"):
        return list(row["macd"])
    return _minus(row["macd"], row["macd_signal"])


def _minus(left: _Numbers, right: _Numbers) -> list[float]:
    size = min(len(left), len(right))
    return [a - b for a, b in zip(left[-size:], right[-size:], strict=True)]


# Each returns its series, aligned at the newest candle.
_Params = Mapping[str, object]
_Row = dict[str, list[float]]


def _volume(params: _Params, _closes: _Numbers, volumes: _Numbers) -> _Row:
    averages = _sma(volumes, _period(params))
    newest = list(volumes[-len(averages) :])
    ratios = [volume / average if average else 0.0 for volume, average in zip(newest, averages, strict=True)]
    return {"volume": newest, "avg_volume": averages, "ratio": ratios}


def _rsi(params: _Params, closes: _Numbers, _volumes: _Numbers) -> _Row:
    period = _period(params)
    changes = [after - before for before, after in pairwise(closes)]
    gain = sum(max(change, 0.0) for change in changes[:period]) / period
    loss = sum(max(-change, 0.0) for change in changes[:period]) / period
    values = [_strength(gain, loss)]
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0.0)) / period
        loss = (loss * (period - 1) + max(-change, 0.0)) / period
        values.append(_strength(gain, loss))
    return {"rsi": values}


def _strength(gain: float, loss: float) -> float:
    return 100.0 * gain / (gain + loss) if gain + loss else 50.0


def _moving_average(params: _Params, closes: _Numbers, _volumes: _Numbers) -> _Row:
    return {"value": _average(params)(closes, _period(params))}


def _ma_crossover(params: _Params, closes: _Numbers, _volumes: _Numbers) -> _Row:
    average = _average(params)
    long = average(closes, _period(params, "long_period"))
    return {"ma_short": average(closes, _period(params, "short_period"))[-len(long) :], "ma_long": long}


def _bollinger_bands(params: _Params, closes: _Numbers, _volumes: _Numbers) -> _Row:
    period, multiplier = _period(params), float(str(params["multiplier"]))
    middles = _sma(closes, period)
    widths = [
        multiplier * sqrt(sum((close - middle) ** 2 for close in closes[at : at + period]) / period)
        for at, middle in enumerate(middles)
    ]
    pairs = list(zip(middles, widths, strict=True))
    return {
        "bb_upper": [middle + width for middle, width in pairs],
        "bb_middle": middles,
        "bb_lower": [middle - width for middle, width in pairs],
    }


def _macd(params: _Params, closes: _Numbers, _volumes: _Numbers) -> _Row:
    macd = _minus(_ema(closes, _period(params, "fast")), _ema(closes, _period(params, "slow")))
    signal = _ema(macd, _period(params, "signal_period"))
    macd = macd[-len(signal) :]
    return {"macd": macd, "macd_signal": signal, "histogram": _minus(macd, signal)}


_ROWS: Mapping[str, Callable[[_Params, _Numbers, _Numbers], _Row]] = {
    "volume": _volume,
    "rsi": _rsi,
    "moving_average": _moving_average,
    "ma_crossover": _ma_crossover,
    "bollinger_bands": _bollinger_bands,
    "macd": _macd,
}


def _period(params: _Params, name: str = "period") -> int:
    return int(str(params[name]))


def _average(params: _Params) -> Callable[[_Numbers, int], list[float]]:
    return _sma if params["type"] == "SMA" else _ema


def _sma(values: _Numbers, period: int) -> list[float]:
    return [sum(values[at : at + period]) / period for at in range(len(values) - period + 1)]


def _ema(values: _Numbers, period: int) -> list[float]:
    average = sum(values[:period]) / period
    averages = [average]
    weight = 2 / (period + 1)
    for value in values[period:]:
        average += weight * (value - average)
        averages.append(average)
    return averages
