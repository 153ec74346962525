"""Indicators and signals: values at the close of a candle, signals when a condition turns true."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.simulator import Answers, Simulator
from websocket_v6.simulator.market.signals import fires, value_of
from websocket_v6.simulator.parts import Combination

Make = Callable[..., Any]
RSI = {"type": "rsi", "params": {"period": 14}}
SMA = {"type": "moving_average", "params": {"type": "SMA", "period": 5}}


@pytest.fixture
def info(client: Make, bearer: Make) -> Make:
    def open_(sim: Simulator, *parts: dict[str, Any]) -> Any:
        reader = client(sim.info_url, additional_headers=bearer(sim))
        reader.ask(*parts)
        sim.wait(lambda sim: any(record.served for record in sim.connections("info") if record.open))
        return reader

    return open_


def indicator(
    *indicators: Any, type_: str = "indicator", code: str = "KRW-BTC", timeframe: str = "5m"
) -> dict[str, Any]:
    return {"type": type_, "codes": [code], "timeframe": timeframe, "indicators": list(indicators)}


def test_nothing_comes_before_a_candle_closes_and_then_each_combination(simulator: Make, info: Make) -> None:
    sim = simulator(start_time=1_795_176_001.0, frozen=True)
    reader = info(sim, indicator(RSI, SMA), indicator(RSI, code="KRW-ETH"))
    sim.trade("KRW-BTC")
    assert reader.is_silent()
    sim.close_candle("KRW-BTC", "5m", price=120_000_000)
    rsi, sma = reader.read_many(2)
    assert [rsi["type"], rsi["code"], rsi["timeframe"], rsi["indicator"]] == ["indicator", "KRW-BTC", "5m", "rsi"]
    assert rsi["candle_date_time_utc"] == "2026-11-20T12:00:00"
    assert rsi["params"] == {"period": 14}
    assert rsi["value"]["rsi"] > 90
    assert 115_000_000 < sma["value"]["value"] < 120_000_000
    assert reader.is_silent(), "KRW-ETH had no trade, so it has no candle"


def test_candles_close_by_themselves_as_time_passes(simulator: Make, info: Make) -> None:
    sim = simulator(start_time=1_795_176_001.0, frozen=True)
    reader = info(sim, indicator(SMA, timeframe="15m"))
    for expected in ("2026-11-20T12:00:00", "2026-11-20T12:15:00"):
        sim.trade("KRW-BTC", price=100_000_000)
        sim.advance(900, idle=False)
        assert reader.read()["candle_date_time_utc"] == expected
    sim.advance(900, idle=False)
    assert reader.is_silent()


def test_a_signal_fires_on_the_edge_only(simulator: Make, info: Make) -> None:
    sim = simulator(start_time=1_795_176_001.0, frozen=True)
    cross = {**SMA, "trigger": "price_cross_above"}
    reader = info(sim, indicator(cross, type_="indicator_signal"))
    for price in (90_000_000, 90_000_000, 130_000_000, 140_000_000, 80_000_000, 150_000_000):
        sim.close_candle("KRW-BTC", "5m", price=price)
    signals = reader.read_many(2)
    assert [signal["candle_date_time_utc"][11:16] for signal in signals] == ["12:10", "12:25"]
    assert [signals[0]["trigger"], signals[0]["event_params"]] == ["price_cross_above", {}]
    assert reader.is_silent()


def test_a_combination_exists_once_per_connection(simulator: Make, info: Make) -> None:
    sim = simulator(frozen=True)
    reader = info(sim, indicator(RSI), indicator(RSI, SMA))
    sim.close_candle("KRW-BTC", "5m")
    assert [event["indicator"] for event in reader.read_many(2)] == ["rsi", "moving_average"]
    assert reader.is_silent()


def test_only_krw_markets_and_a_new_listing_begins_to_flow(simulator: Make, info: Make) -> None:
    sim = simulator(start_time=1_795_176_001.0, frozen=True)
    reader = info(sim, indicator(RSI), indicator(RSI, code="BTC-ETH"), indicator(RSI, code="KRW-NEW"))
    assert sim.served("info") == {"indicator KRW-BTC"}
    sim.list_market("KRW-NEW", 500)
    assert sim.served("info") == {"indicator KRW-BTC", "indicator KRW-NEW"}
    sim.trade("BTC-ETH")
    sim.close_candle("KRW-NEW", "5m")
    assert reader.read()["code"] == "KRW-NEW"
    assert reader.is_silent()


def test_values_of_ones_own_can_be_sent(simulator: Make, info: Make) -> None:
    sim = simulator(frozen=True)
    spike = {
        "type": "volume",
        "params": {"period": 20},
        "trigger": "volume_spike",
        "event_params": {"multiplier": 2},
    }
    reader = info(sim, indicator(RSI), indicator(spike, type_="indicator_signal"))
    sim.indicate("KRW-BTC", "5m", "rsi", {"rsi": "61.20417733"})
    sim.indicate("KRW-BTC", "5m", "volume", {"volume": 812.5, "avg_volume": 401, "ratio": 2}, trigger="volume_spike")
    value, signal = reader.read_many(2)
    assert value["value"] == {"rsi": 61.20417733}
    assert [signal["value"]["volume"], signal["event_params"]] == [812.5, {"multiplier": 2.0}]


def test_list_subscriptions_returns_the_indicators_with_numbers(simulator: Make, info: Make) -> None:
    sim = simulator()
    bands = {"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2.5}}
    reader = info(sim, indicator(bands))
    reader.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="i")
    assert reader.read() == {
        "method": "LIST_SUBSCRIPTIONS",
        "result": [{"type": "indicator", "codes": ["KRW-BTC"], "timeframe": "5m", "indicators": [bands]}],
        "ticket": "i",
    }


def test_list_subscriptions_may_shorten_what_it_says_of_indicators(simulator: Make, info: Make) -> None:
    sim = simulator(answers=Answers(list_short_indicators=True))
    reader = info(sim, indicator({"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2.5}}))
    reader.ask({"method": "LIST_SUBSCRIPTIONS"}, ticket="i", format="SIMPLE")
    assert reader.read()["rslt"] == [
        {
            "ty": "indicator",
            "cds": ["KRW-BTC"],
            "tf": "5m",
            "ind": [{"ty": "bollinger_bands", "p": {"p": 20, "m": 2.5}}],
        }
    ]


def test_an_unknown_timeframe_is_told(simulator: Make) -> None:
    with pytest.raises(ValueError, match="choose one of 5m"):
        simulator().close_candle("KRW-BTC", "1m")


# The calculations, against others.


def combination(
    name: str, trigger: str = "", event: tuple[tuple[str, object], ...] = (), **params: object
) -> Combination:
    return Combination(name, tuple(params.items()), trigger, event)


PRICES = st.lists(st.floats(1, 1000), min_size=60, max_size=120)


@given(PRICES)
def test_averages_and_bands_agree_with_their_definitions(closes: list[float]) -> None:
    volumes = closes[::-1]
    mean = sum(closes[-20:]) / 20
    deviation = math.sqrt(sum((close - mean) ** 2 for close in closes[-20:]) / 20)
    assert value_of(combination("moving_average", type="SMA", period=20), closes, volumes)["value"] == pytest.approx(
        Decimal(mean), abs=Decimal("1e-6")
    )
    bands = value_of(combination("bollinger_bands", period=20, multiplier=Decimal(2)), closes, volumes)
    assert float(bands["bb_upper"]) == pytest.approx(mean + 2 * deviation)  # type: ignore[arg-type]
    assert float(bands["bb_lower"]) == pytest.approx(mean - 2 * deviation, abs=1e-6)  # type: ignore[arg-type]
    volume = value_of(combination("volume", period=20), closes, volumes)
    assert float(volume["avg_volume"]) == pytest.approx(sum(volumes[-20:]) / 20)  # type: ignore[arg-type]
    rsi = value_of(combination("rsi", period=14), closes, volumes)["rsi"]
    assert 0 <= float(rsi) <= 100  # type: ignore[arg-type]


def test_known_values() -> None:
    rising = [float(n) for n in range(1, 101)]
    assert value_of(combination("rsi", period=14), rising, rising) == {"rsi": Decimal("100.0")}
    assert value_of(combination("rsi", period=14), [5.0] * 50, rising) == {"rsi": Decimal("50.0")}
    # On a straight line an average over n lags (n - 1) / 2 behind.
    line = value_of(combination("ma_crossover", type="EMA", short_period=5, long_period=20), rising, rising)
    assert line == {"ma_short": Decimal("98.0"), "ma_long": Decimal("90.5")}
    macd = value_of(combination("macd", fast=12, slow=26, signal_period=9), rising, rising)
    assert macd == {"macd": Decimal("7.0"), "macd_signal": Decimal("7.0"), "histogram": Decimal("0.0")}


FLAT = [100.0] * 60


@pytest.mark.parametrize(
    ("what", "closes", "fired"),
    [
        (combination("moving_average", "price_cross_above", type="SMA", period=5), [*FLAT, 90.0, 120.0], True),
        (combination("moving_average", "price_cross_above", type="SMA", period=5), [*FLAT, 120.0, 130.0], False),
        (combination("moving_average", "price_cross_below", type="SMA", period=5), [*FLAT, 120.0, 80.0], True),
        (combination("rsi", "overbought", (("threshold", 70),), period=14), [*FLAT, 99.0, 110.0], True),
        (combination("rsi", "overbought", (("threshold", 70),), period=14), [*FLAT, 110.0, 111.0], False),
        (combination("rsi", "oversold", (("threshold", 30),), period=14), [*FLAT, 101.0, 90.0], True),
        (combination("macd", "zero_cross_above", fast=12, slow=26, signal_period=9), [*FLAT, 90.0, 150.0], True),
        (combination("macd", "golden_cross", fast=12, slow=26, signal_period=9), [*FLAT, 90.0, 150.0], True),
        (combination("macd", "dead_cross", fast=12, slow=26, signal_period=9), [*FLAT, 90.0, 150.0], False),
        (
            combination("ma_crossover", "golden_cross", type="SMA", short_period=5, long_period=20),
            [*FLAT, 90.0, 150.0],
            True,
        ),
        (
            combination("bollinger_bands", "price_cross_above", period=20, multiplier=Decimal(2)),
            [*FLAT, 99.0, 150.0],
            True,
        ),
    ],
)
def test_signals_fire_when_the_condition_turns(what: Combination, closes: list[float], fired: bool) -> None:
    assert fires(what, closes, [1.0] * len(closes)) is fired


def test_a_volume_spike_is_a_multiple_of_the_average() -> None:
    spike = combination("volume", "volume_spike", (("multiplier", Decimal(2)),), period=10)
    flat = [1.0] * 40
    assert fires(spike, flat, [*flat[:-1], 3.0])
    assert not fires(spike, flat, [*flat[:-2], 30.0, 3.0])
    assert not fires(spike, flat, flat)


def test_equal_values_keep_the_state_before_them() -> None:
    cross = combination("moving_average", "price_cross_above", type="SMA", period=3)
    below_equal_above = [10.0] * 10 + [4.0] + [4.0] * 5
    assert not fires(cross, below_equal_above, below_equal_above)
    assert fires(cross, [*below_equal_above, 9.0], [1.0] * 17)
