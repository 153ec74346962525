"""What may be asked of the exchange's indicator feeds: one wrong parameter refuses the whole request for everyone.

Source: Upbit WebSocket reference, "indicator" and "indicator_signal" (the tables of parameters and triggers).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.message import Message

__all__ = ["MAX_COMBINATIONS", "TIMEFRAMES", "Indicator", "check_indicators", "check_timeframe"]

MAX_COMBINATIONS = 100  # codes x indicators over the whole connection
TIMEFRAMES = ("5m", "15m", "60m", "240m", "1d")

Params = tuple[tuple[str, "int | Decimal | str"], ...]
_Choice = Mapping[str, frozenset[object]]


class Indicator(Message):
    """One indicator with its parameters, normalised: equal requests are equal values.

    `params` and `event_params` are (name, value) pairs in the order of their names; periods are ints, multipliers
    Decimals with one decimal, names of average types strings. `trigger` is empty for the plain `indicator` type.
    """

    type: str
    params: Params
    trigger: str = ""
    event_params: Params = ()


def _ints(*values: int) -> frozenset[object]:
    return frozenset(values)


def _steps(*values: str) -> frozenset[object]:
    return frozenset(Decimal(value) for value in values)


_KINDS = frozenset({"SMA", "EMA"})
_MACD = ((12, 26, 9), (8, 17, 9), (5, 35, 5))
_CROSSOVERS = ((5, 20), (20, 60), (30, 90), (50, 200))

# Allowed values of each parameter, and below the combinations allowed where the values depend on each other.
_PARAMS: Mapping[str, _Choice] = {
    "volume": {"period": _ints(*range(5, 51, 5))},
    "rsi": {"period": _ints(*range(2, 15), 21, 25)},
    "moving_average": {
        "type": _KINDS,
        "period": _ints(3, 5, 7, 10, 15, 20, 25, 30, 50, 60, 90, 99, 100, 120, 200),
    },
    "ma_crossover": {"type": _KINDS, "short_period": _ints(5, 20, 30, 50), "long_period": _ints(20, 60, 90, 200)},
    "bollinger_bands": {"period": _ints(10, 20, 50), "multiplier": _steps("1.0", "1.5", "2.0", "2.5", "3.0")},
    "macd": {"fast": _ints(12, 8, 5), "slow": _ints(26, 17, 35), "signal_period": _ints(9, 5)},
}
_SIGNAL_PARAMS: Mapping[str, _Choice] = {
    **_PARAMS,
    "volume": {"period": _ints(10, 20, 50)},
    "rsi": {"period": _ints(7, 9, 14, 21, 25)},
    "moving_average": {"type": _KINDS, "period": _ints(5, 10, 20, 30, 60, 90, 120, 200)},
    "bollinger_bands": {"period": _ints(20), "multiplier": _steps("1.5", "2.0", "2.5")},
}
_TOGETHER: Mapping[str, tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]] = {
    "macd": (("fast", "slow", "signal_period"), _MACD),
    "ma_crossover": (("short_period", "long_period"), _CROSSOVERS),
}
_TRIGGERS: Mapping[str, Mapping[str, _Choice]] = {
    "volume": {"volume_spike": {"multiplier": _steps("2.0", "3.0", "5.0")}},
    "rsi": {"overbought": {"threshold": _ints(70, 80)}, "oversold": {"threshold": _ints(20, 30)}},
    "moving_average": {"price_cross_above": {}, "price_cross_below": {}},
    "ma_crossover": {"golden_cross": {}, "dead_cross": {}},
    "bollinger_bands": {"price_cross_above": {}, "price_cross_below": {}},
    "macd": {"golden_cross": {}, "dead_cross": {}, "zero_cross_above": {}, "zero_cross_below": {}},
}


def check_timeframe(timeframe: str) -> str:
    """Return `timeframe` if the exchange computes indicators for it."""
    if timeframe not in TIMEFRAMES:
        raise LocalProtocolError(f"timeframe={timeframe!r:.60} is not offered: choose one of {', '.join(TIMEFRAMES)}")
    return timeframe


def check_indicators(
    indicators: Mapping[str, object] | Iterable[Mapping[str, object]], *, signal: bool
) -> tuple[Indicator, ...]:
    """Check indicators given as the exchange's own objects, `{"type": "rsi", "params": {"period": 14}}`.

    With `signal` each also names a `trigger` and, where the trigger has any, its `event_params`.

    Raises:
        LocalProtocolError: if the exchange would refuse one.
    """
    if isinstance(indicators, Mapping | str):
        indicators = (indicators,)  # a name alone is refused as what it is
    if not isinstance(indicators, Iterable):
        text = f"indicators={indicators!r:.60} makes no sense"
        raise LocalProtocolError(f'{text}: give objects such as {{"type": "rsi", "params": {{"period": 14}}}}')
    checked = tuple(dict.fromkeys(_check(indicator, signal) for indicator in indicators))
    if not checked:
        raise LocalProtocolError(
            'no indicators given: name at least one, such as {"type": "rsi", "params": {"period": 14}}'
        )
    return checked


def _check(indicator: object, signal: bool) -> Indicator:
    if not isinstance(indicator, Mapping):
        raise LocalProtocolError(f'{indicator!r:.60} is not an indicator: give {{"type": ..., "params": {{...}}}}')
    allowed = {"type", "params", "trigger", "event_params"} if signal else {"type", "params"}
    surplus = sorted(str(key) for key in indicator.keys() - allowed)
    if surplus:
        raise LocalProtocolError(f"an indicator has no {', '.join(surplus)}: it has {', '.join(sorted(allowed))}")
    table = _SIGNAL_PARAMS if signal else _PARAMS
    kind = indicator.get("type")
    if not isinstance(kind, str) or kind not in table:
        raise LocalProtocolError(f"indicator type {kind!r:.60} is not known: choose from {', '.join(table)}")
    params = _check_params(kind, indicator.get("params"), table[kind])
    _check_together(kind, dict(params))
    if not signal:
        return Indicator(kind, params)
    trigger = indicator.get("trigger")
    if not isinstance(trigger, str) or trigger not in _TRIGGERS[kind]:
        raise LocalProtocolError(f"{kind} has no trigger {trigger!r:.60}: choose from {', '.join(_TRIGGERS[kind])}")
    choice = _TRIGGERS[kind][trigger]
    return Indicator(kind, params, trigger, _check_params(f"{kind} {trigger}", indicator.get("event_params"), choice))


def _check_params(what: str, given: object, choice: _Choice) -> Params:
    given = {} if given is None else given
    if not isinstance(given, Mapping) or given.keys() != choice.keys():
        needed = ", ".join(choice) or "none"
        raise LocalProtocolError(f"{what} takes the parameters {needed}, not {given!r:.80}")
    return tuple((name, _check_value(what, name, given[name], choice[name])) for name in sorted(choice))


def _check_value(what: str, name: str, value: object, allowed: frozenset[object]) -> int | Decimal | str:
    shown = ", ".join(str(one) for one in sorted(allowed, key=str))
    if isinstance(value, str) and value in allowed:
        return value
    if isinstance(value, bool | str) or not isinstance(value, int | float | Decimal):
        raise LocalProtocolError(f"{what}: {name}={value!r:.60} must be one of {shown}, numbers as numbers")
    try:
        number = Decimal(str(value))
    except InvalidOperation:  # pragma: no cover - str() of a number always parses
        number = Decimal("NaN")
    if number not in allowed:
        raise LocalProtocolError(f"{what}: {name}={value!r:.60} is not offered: choose one of {shown}")
    # 2, 2.0 and 2.00 are the same multiplier; the exchange writes 2.0.
    return number.quantize(Decimal("0.1")) if name == "multiplier" else int(number)


def _check_together(kind: str, params: Mapping[str, object]) -> None:
    if kind not in _TOGETHER:
        return
    names, allowed = _TOGETHER[kind]
    if tuple(params[name] for name in names) not in allowed:
        shown = "; ".join("/".join(map(str, one)) for one in allowed)
        raise LocalProtocolError(f"{kind}: {'/'.join(names)} must go together as one of {shown}")
