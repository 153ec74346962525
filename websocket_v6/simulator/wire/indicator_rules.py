"""Which indicators may be asked for on the info endpoint; one wrong part refuses the whole request.

The tables are this simulator's own and not shared with the engine's checks.
Source: Upbit WebSocket reference, "indicator" and "indicator_signal".
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ..parts import Combination
from .refusals import RequestError

__all__ = ["parse_indicators"]

_AVERAGES = ("SMA", "EMA")
_CROSSOVERS = ((5, 20), (20, 60), (30, 90), (50, 200))
_MACDS = ((12, 26, 9), (8, 17, 9), (5, 35, 5))
# The names of the parameters, then every allowed set of values in that order.
_Rule = tuple[tuple[str, ...], frozenset[tuple[object, ...]]]


def _rule(names: str, values: Sequence[tuple[object, ...]]) -> _Rule:
    return tuple(names.split()), frozenset(values)


def _multipliers(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


_MA_PERIODS = (3, 5, 7, 10, 15, 20, 25, 30, 50, 60, 90, 99, 100, 120, 200)
_VALUE_RULES: Mapping[str, _Rule] = {
    "volume": _rule("period", [(n,) for n in range(5, 51, 5)]),
    "rsi": _rule("period", [(n,) for n in (*range(2, 15), 21, 25)]),
    "moving_average": _rule("type period", [(t, n) for t in _AVERAGES for n in _MA_PERIODS]),
    "ma_crossover": _rule("type short_period long_period", [(t, *pair) for t in _AVERAGES for pair in _CROSSOVERS]),
    "bollinger_bands": _rule(
        "period multiplier", [(n, m) for n in (10, 20, 50) for m in _multipliers("1", "1.5", "2", "2.5", "3")]
    ),
    "macd": _rule("fast slow signal_period", _MACDS),
}
_SIGNAL_RULES: Mapping[str, _Rule] = {
    **_VALUE_RULES,
    "volume": _rule("period", [(n,) for n in (10, 20, 50)]),
    "rsi": _rule("period", [(n,) for n in (7, 9, 14, 21, 25)]),
    "moving_average": _rule("type period", [(t, n) for t in _AVERAGES for n in (5, 10, 20, 30, 60, 90, 120, 200)]),
    "bollinger_bands": _rule("period multiplier", [(20, m) for m in _multipliers("1.5", "2", "2.5")]),
}
_NO_PARAMS: _Rule = _rule("", [()])
_CROSSES = {"price_cross_above": _NO_PARAMS, "price_cross_below": _NO_PARAMS}
_TRIGGERS: Mapping[str, Mapping[str, _Rule]] = {
    "volume": {"volume_spike": _rule("multiplier", [(m,) for m in _multipliers("2", "3", "5")])},
    "rsi": {"overbought": _rule("threshold", [(70,), (80,)]), "oversold": _rule("threshold", [(20,), (30,)])},
    "moving_average": _CROSSES,
    "ma_crossover": {"golden_cross": _NO_PARAMS, "dead_cross": _NO_PARAMS},
    "bollinger_bands": _CROSSES,
    "macd": dict.fromkeys(("golden_cross", "dead_cross", "zero_cross_above", "zero_cross_below"), _NO_PARAMS),
}


def parse_indicators(type_: str, value: object) -> tuple[Combination, ...]:
    """Return the combinations of the `indicators` of a request.

    Raises:
        RequestError: as the exchange refuses it: `WRONG_FORMAT` for wrong JSON types, `INVALID_PARAM` for values.
    """
    if not isinstance(value, list):
        raise RequestError("WRONG_FORMAT")
    if not value:
        raise RequestError("INVALID_PARAM")
    return tuple(dict.fromkeys(_combination(type_, entry) for entry in value))


def _combination(type_: str, entry: object) -> Combination:
    if not isinstance(entry, dict):
        raise RequestError("WRONG_FORMAT")
    rules = _SIGNAL_RULES if type_ == "indicator_signal" else _VALUE_RULES
    name = entry.get("type")
    if not isinstance(name, str):
        raise RequestError("WRONG_FORMAT")
    if name not in rules:
        raise RequestError("INVALID_PARAM")
    params = _params(rules[name], entry.get("params", {}))
    if type_ == "indicator":
        return Combination(name, params)
    trigger = entry.get("trigger")
    if not isinstance(trigger, str) or trigger not in _TRIGGERS[name]:
        raise RequestError("INVALID_PARAM")
    return Combination(name, params, trigger, _params(_TRIGGERS[name][trigger], entry.get("event_params", {})))


def _params(rule: _Rule, value: object) -> tuple[tuple[str, object], ...]:
    names, allowed = rule
    if not isinstance(value, dict):
        raise RequestError("WRONG_FORMAT")
    values = tuple(_param(name, value.get(name)) for name in names)
    if set(value) != set(names) or values not in allowed:
        raise RequestError("INVALID_PARAM")
    return tuple(zip(names, values, strict=True))


def _param(name: str, value: object) -> object:
    """Return a parameter as the tables hold it: `2`, `2.0` and `2.00` are one multiplier, a period is an integer."""
    if name == "type":
        if isinstance(value, str):
            return value
    elif name == "multiplier":
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None:
        raise RequestError("INVALID_PARAM")
    raise RequestError("WRONG_FORMAT")
