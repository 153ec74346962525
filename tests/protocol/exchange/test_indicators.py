import itertools
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.indicators import Indicator, check_indicators, check_timeframe

GOOD = [
    {"type": "volume", "params": {"period": 20}},
    {"type": "rsi", "params": {"period": 14}},
    {"type": "moving_average", "params": {"type": "EMA", "period": 99}},
    {"type": "ma_crossover", "params": {"type": "SMA", "short_period": 50, "long_period": 200}},
    {"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2.5}},
    {"type": "macd", "params": {"fast": 5, "slow": 35, "signal_period": 5}},
]
SIGNALS = [
    {"type": "volume", "params": {"period": 50}, "trigger": "volume_spike", "event_params": {"multiplier": 3}},
    {"type": "rsi", "params": {"period": 25}, "trigger": "overbought", "event_params": {"threshold": 80}},
    {"type": "macd", "params": {"fast": 12, "slow": 26, "signal_period": 9}, "trigger": "zero_cross_below"},
]
BAD: list[Any] = [
    {},
    {"type": "rsi"},
    {"type": "RSI", "params": {"period": 14}},
    {"type": "rsi", "params": {"period": "14"}},
    {"type": "rsi", "params": {"period": 15}},
    {"type": "rsi", "params": {"period": True}},
    {"type": "rsi", "params": {"period": 14, "x": 1}},
    {"type": "rsi", "params": {"period": 14}, "trigger": "oversold"},
    {"type": "macd", "params": {"fast": 12, "slow": 17, "signal_period": 9}},
    {"type": "ma_crossover", "params": {"type": "SMA", "short_period": 5, "long_period": 200}},
    {"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2.04}},
    {"type": "moving_average", "params": {"type": "WMA", "period": 20}},
    "rsi",
]


@pytest.mark.parametrize("indicator", GOOD, ids=lambda one: str(one["type"]))
def test_what_the_exchange_offers_is_taken(indicator: dict[str, Any]) -> None:
    (checked,) = check_indicators(indicator, signal=False)
    assert checked.type == indicator["type"]
    assert dict(checked.params) == indicator["params"]


@pytest.mark.parametrize("indicator", SIGNALS, ids=lambda one: str(one["type"]))
def test_signals_carry_their_trigger(indicator: dict[str, Any]) -> None:
    (checked,) = check_indicators([indicator], signal=True)
    assert checked.trigger == indicator["trigger"]
    assert dict(checked.event_params) == indicator.get("event_params", {})


@pytest.mark.parametrize("indicator", BAD, ids=repr)
def test_what_the_exchange_would_refuse_is_refused_here(indicator: Any) -> None:
    with pytest.raises(LocalProtocolError):
        check_indicators([indicator], signal=False)


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": "golden_cross"},
        {"event_params": {"threshold": 50}},
        {"event_params": None},
        {"params": {"period": 13}},
    ],
    ids=repr,
)
def test_signals_are_narrower(change: dict[str, Any]) -> None:
    rsi = {"type": "rsi", "params": {"period": 14}, "trigger": "oversold", "event_params": {"threshold": 30}}
    check_indicators([rsi], signal=True)
    with pytest.raises(LocalProtocolError):
        check_indicators([{**rsi, **change}], signal=True)


# Upbit WebSocket reference, the tables of "indicator" and "indicator_signal".
PAIRS = [(5, 20), (20, 60), (30, 90), (50, 200)]
MACD = [(12, 26, 9), (8, 17, 9), (5, 35, 5)]
OFFERED: dict[str, list[tuple[object, ...]]] = {
    "volume": [(period,) for period in (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)],
    "rsi": [(period,) for period in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 21, 25)],
    "moving_average": [
        (kind, period)
        for kind in ("SMA", "EMA")
        for period in (3, 5, 7, 10, 15, 20, 25, 30, 50, 60, 90, 99, 100, 120, 200)
    ],
    "ma_crossover": [(kind, *pair) for kind in ("SMA", "EMA") for pair in PAIRS],
    "bollinger_bands": [(period, multiplier) for period in (10, 20, 50) for multiplier in (1.0, 1.5, 2.0, 2.5, 3.0)],
    "macd": list(MACD),
}
OFFERED_TO_SIGNALS: dict[str, list[tuple[object, ...]]] = {
    **OFFERED,
    "volume": [(10,), (20,), (50,)],
    "rsi": [(7,), (9,), (14,), (21,), (25,)],
    "moving_average": [(kind, period) for kind in ("SMA", "EMA") for period in (5, 10, 20, 30, 60, 90, 120, 200)],
    "bollinger_bands": [(20, 1.5), (20, 2.0), (20, 2.5)],
}
NAMES = {
    "volume": ["period"],
    "rsi": ["period"],
    "moving_average": ["type", "period"],
    "ma_crossover": ["type", "short_period", "long_period"],
    "bollinger_bands": ["period", "multiplier"],
    "macd": ["fast", "slow", "signal_period"],
}
TRIGGERS: dict[str, dict[str, list[dict[str, object]]]] = {
    "volume": {"volume_spike": [{"multiplier": 2.0}, {"multiplier": 3.0}, {"multiplier": 5.0}]},
    "rsi": {"overbought": [{"threshold": 70}, {"threshold": 80}], "oversold": [{"threshold": 20}, {"threshold": 30}]},
    "moving_average": {"price_cross_above": [{}], "price_cross_below": [{}]},
    "ma_crossover": {"golden_cross": [{}], "dead_cross": [{}]},
    "bollinger_bands": {"price_cross_above": [{}], "price_cross_below": [{}]},
    "macd": {"golden_cross": [{}], "dead_cross": [{}], "zero_cross_above": [{}], "zero_cross_below": [{}]},
}


def neighbours(values: Iterable[object]) -> set[object]:
    """Return `values` and what lies beside each."""
    found = set(values)
    for value in [one for one in found if isinstance(one, int | float)]:
        found |= {value - 1, value + 1} if isinstance(value, int) else {value - 0.5, value + 0.5, value - 1, value + 1}
    return found


def is_taken(indicator: dict[str, Any], *, signal: bool) -> bool:
    try:
        check_indicators(indicator, signal=signal)
    except LocalProtocolError:
        return False
    return True


@pytest.mark.parametrize("type_", sorted(OFFERED))
@pytest.mark.parametrize("signal", [False, True])
def test_exactly_what_the_tables_of_the_exchange_have_is_taken(type_: str, signal: bool) -> None:
    offered = (OFFERED_TO_SIGNALS if signal else OFFERED)[type_]
    trigger, event_params = next(iter(TRIGGERS[type_].items()))
    extra = {"trigger": trigger, "event_params": event_params[0]} if signal else {}
    columns = [neighbours(column) for column in zip(*OFFERED[type_], strict=True)]
    taken = {
        choice
        for choice in itertools.product(*columns)
        if is_taken({"type": type_, "params": dict(zip(NAMES[type_], choice, strict=True)), **extra}, signal=signal)
    }
    assert taken == set(offered)


@pytest.mark.parametrize("type_", sorted(TRIGGERS))
def test_exactly_the_triggers_of_the_exchange_are_taken(type_: str) -> None:
    params = dict(zip(NAMES[type_], OFFERED_TO_SIGNALS[type_][0], strict=True))
    names = {trigger for triggers in TRIGGERS.values() for trigger in triggers}
    values = neighbours([20, 30, 70, 80, 2.0, 3.0, 5.0])
    choices: list[dict[str, object]] = [
        {},
        *({name: value} for name in ("threshold", "multiplier") for value in sorted(values, key=str)),
    ]
    for trigger in names:
        taken = [
            choice
            for choice in choices
            if is_taken({"type": type_, "params": params, "trigger": trigger, "event_params": choice}, signal=True)
        ]
        expected = TRIGGERS[type_].get(trigger, [])
        assert sorted(taken, key=str) == sorted((one for one in choices if one in expected), key=str)


def test_equal_requests_are_equal_values() -> None:
    spellings = [2, 2.0, Decimal("2.00")]
    made = [
        check_indicators({"type": "bollinger_bands", "params": {"multiplier": one, "period": 20}}, signal=False)
        for one in spellings
    ]
    assert made[0] == made[1] == made[2]
    assert made[0][0] == Indicator("bollinger_bands", (("multiplier", Decimal("2.0")), ("period", 20)))


def test_the_same_indicator_twice_is_one() -> None:
    assert len(check_indicators([GOOD[0], GOOD[0], GOOD[1]], signal=False)) == 2


def test_timeframes() -> None:
    for timeframe in ("5m", "15m", "60m", "240m", "1d"):
        assert check_timeframe(timeframe) == timeframe
    with pytest.raises(LocalProtocolError, match="240m"):
        check_timeframe("1m")
