"""The indicators of a request, as the exchange reads them: wrong JSON types are one error, wrong values another.

Source: Upbit WebSocket reference, "indicator", "indicator_signal", "Names" of errors. Which values there are is
`protocol/exchange/indicators.py`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.indicators import Indicator, check_indicators

from .request_error import RequestError

__all__ = ["read_indicators"]

_NUMBERS = {"multiplier": (int, Decimal), "type": (str,)}  # everything else is an integer
_NAMES = {
    "volume": ("period",),
    "rsi": ("period",),
    "moving_average": ("type", "period"),
    "ma_crossover": ("type", "short_period", "long_period"),
    "bollinger_bands": ("period", "multiplier"),
    "macd": ("fast", "slow", "signal_period"),
}
_EVENT_NAMES = ("threshold", "multiplier")


def read_indicators(value: object, region: str, *, is_signal: bool) -> tuple[Indicator, ...]:
    """Return the indicators, each once.

    Raises:
        RequestError: WRONG_FORMAT for wrong JSON types, INVALID_PARAM for what is not offered.
    """
    if not isinstance(value, list):
        raise RequestError.of("WRONG_FORMAT", region)
    if not value:
        raise RequestError.of("INVALID_PARAM", region)
    return tuple(dict.fromkeys(_indicator(one, region, is_signal) for one in value))


def _indicator(one: object, region: str, is_signal: bool) -> Indicator:
    if not isinstance(one, dict) or not isinstance(one.get("type"), str):
        raise RequestError.of("WRONG_FORMAT", region)
    kind = one["type"]
    if kind not in _NAMES:
        raise RequestError.of("INVALID_PARAM", region)
    asked: dict[str, object] = {"type": kind, "params": _typed(one, "params", _NAMES[kind], region)}
    if is_signal:
        trigger = one.get("trigger")
        if not isinstance(trigger, str | None):
            raise RequestError.of("WRONG_FORMAT", region)
        asked |= {"trigger": trigger, "event_params": _typed(one, "event_params", _EVENT_NAMES, region)}
    try:
        (checked,) = check_indicators(asked, signal=is_signal)
    except LocalProtocolError:
        raise RequestError.of("INVALID_PARAM", region) from None
    return checked


def _typed(one: Mapping[str, Any], key: str, names: tuple[str, ...], region: str) -> dict[str, object]:
    """Return the parameters if they are of the right JSON types: numbers as numbers, periods as integers."""
    params = one.get(key, {})
    if not isinstance(params, dict):
        raise RequestError.of("WRONG_FORMAT", region)
    for name in names:
        value = params.get(name)
        is_right = isinstance(value, _NUMBERS.get(name, (int,))) and not isinstance(value, bool)
        if value is not None and not is_right:
            raise RequestError.of("WRONG_FORMAT", region)
    return params
