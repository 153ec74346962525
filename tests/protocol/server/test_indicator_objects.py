"""protocol/server/indicator_objects.py: which error a wrong indicator is."""

from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.protocol.exchange.indicators import Indicator
from websocket_v6.protocol.server.indicator_objects import read_indicators
from websocket_v6.protocol.server.request_error import RequestError

RSI = {"type": "rsi", "params": {"period": 14}}


@pytest.mark.parametrize("multiplier", [2, Decimal("2.0"), Decimal("2.00")])
def test_equal_multipliers_are_one_indicator(multiplier: object) -> None:
    bands = [{"type": "bollinger_bands", "params": {"period": 20, "multiplier": one}} for one in (multiplier, 2)]
    (found,) = read_indicators(bands, "kr", is_signal=False)
    assert found == Indicator("bollinger_bands", (("multiplier", Decimal("2.0")), ("period", 20)))


def test_what_only_a_signal_has_is_ignored_elsewhere() -> None:
    assert read_indicators([{**RSI, "trigger": "oversold", "more": 1}], "kr", is_signal=False) == (
        Indicator("rsi", (("period", 14),)),
    )


def test_a_trigger_without_parameters_needs_none() -> None:
    cross = {"type": "macd", "params": {"fast": 12, "slow": 26, "signal_period": 9}, "trigger": "golden_cross"}
    (found,) = read_indicators([cross], "kr", is_signal=True)
    assert (found.trigger, found.event_params) == ("golden_cross", ())


@pytest.mark.parametrize(
    ("value", "is_signal", "name"),
    [
        ({}, False, "WRONG_FORMAT"),
        ([], False, "INVALID_PARAM"),
        (["rsi"], False, "WRONG_FORMAT"),
        ([{"type": 1}], False, "WRONG_FORMAT"),
        ([{}], False, "WRONG_FORMAT"),
        ([{"type": "RSI"}], False, "INVALID_PARAM"),
        ([{"type": "rsi"}], False, "INVALID_PARAM"),
        ([{"type": "rsi", "params": []}], False, "WRONG_FORMAT"),
        ([{"type": "rsi", "params": {"period": "14"}}], False, "WRONG_FORMAT"),
        ([{"type": "rsi", "params": {"period": Decimal("14.0")}}], False, "WRONG_FORMAT"),
        ([{"type": "rsi", "params": {"period": True}}], False, "WRONG_FORMAT"),
        ([{"type": "rsi", "params": {"period": 15}}], False, "INVALID_PARAM"),
        ([{"type": "rsi", "params": {"period": 14, "x": "1"}}], False, "INVALID_PARAM"),
        (
            [{"type": "bollinger_bands", "params": {"period": 20, "multiplier": Decimal("2.04")}}],
            False,
            "INVALID_PARAM",
        ),
        ([{"type": "bollinger_bands", "params": {"period": 20, "multiplier": "2.0"}}], False, "WRONG_FORMAT"),
        ([RSI], True, "INVALID_PARAM"),
        ([{**RSI, "trigger": 1}], True, "WRONG_FORMAT"),
        ([{**RSI, "trigger": "golden_cross"}], True, "INVALID_PARAM"),
        ([{**RSI, "trigger": "oversold", "event_params": {"threshold": "30"}}], True, "WRONG_FORMAT"),
        ([{**RSI, "trigger": "oversold", "event_params": {"threshold": 70}}], True, "INVALID_PARAM"),
        ([{**RSI, "trigger": "oversold", "event_params": 1}], True, "WRONG_FORMAT"),
    ],
)
def test_wrong_types_and_wrong_values_are_two_errors(value: Any, is_signal: bool, name: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_indicators(value, "kr", is_signal=is_signal)
    assert raised.value.name == name
