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
    assert check_timeframe("1d") == "1d"
    with pytest.raises(LocalProtocolError, match="240m"):
        check_timeframe("1m")
