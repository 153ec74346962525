from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.streams import indicator_stream, plain_number, split, stream_of, wildcard


def test_a_stream_is_its_type_and_its_code() -> None:
    assert stream_of("ticker", "KRW-BTC") == "ticker KRW-BTC"
    assert stream_of("candle.1m", "KRW-BTC") == "candle.1m KRW-BTC"
    assert stream_of("myAsset") == "myAsset *"
    assert stream_of("announcement", "trade") == "announcement trade"


@pytest.mark.parametrize("level", [10000, 10000.0, "10000", "1E+4", "10000.00", Decimal("1.0E4")])
def test_a_level_has_one_spelling(level: Decimal | float | str) -> None:
    assert stream_of("orderbook", "KRW-BTC", level) == "orderbook KRW-BTC@10000"


@pytest.mark.parametrize("level", [0, 0.0, "0", "0.00", "0E-8", Decimal("-0"), Decimal("0E+3")])
def test_level_zero_is_no_level(level: Decimal | float | str) -> None:
    assert stream_of("orderbook", "KRW-BTC", level) == "orderbook KRW-BTC"


@pytest.mark.parametrize("level", ["x", "NaN", "Infinity", "1E999999999", "1E-999999", ""])
def test_a_level_that_is_no_number_of_sane_size_is_refused(level: str) -> None:
    if level:
        with pytest.raises(ValueError, match="not a number"):
            stream_of("orderbook", "KRW-BTC", level)
    with pytest.raises(ValueError, match="not a number"):
        plain_number(level)


@given(st.decimals(min_value=Decimal("-1E25"), max_value=Decimal("1E25"), allow_nan=False, places=8))
def test_a_plain_number_is_the_number(number: Decimal) -> None:
    plain = plain_number(number)
    assert Decimal(plain) == number
    assert plain_number(plain) == plain_number(f"{number:E}") == plain
    assert "E" not in plain
    assert not ("." in plain and plain.endswith("0"))


def test_streams_are_interned() -> None:
    code = "-".join(["KRW", "BTC"])
    assert stream_of("ticker", code) is stream_of("ticker", "KRW-BTC")
    assert wildcard(stream_of("ticker", code)) is wildcard("ticker KRW-ETH")


def test_an_indicator_is_named_by_its_sorted_parameters() -> None:
    name = indicator_stream("indicator", "KRW-BTC", "15m", "rsi", {"period": 14})
    assert name == "indicator KRW-BTC 15m rsi(period=14)"
    crossing = {"type": "SMA", "short_period": 5, "long_period": 20}
    name = indicator_stream("indicator", "KRW-BTC", "15m", "ma_crossover", crossing)
    assert name == "indicator KRW-BTC 15m ma_crossover(long_period=20,short_period=5,type=SMA)"


@pytest.mark.parametrize("multiplier", [2, 2.0, Decimal("2.00"), Decimal(2)])
def test_equal_multipliers_give_equal_streams(multiplier: Decimal | float) -> None:
    params = [("multiplier", multiplier), ("period", 20)]
    name = indicator_stream("indicator", "KRW-BTC", "5m", "bollinger_bands", params)
    assert name == "indicator KRW-BTC 5m bollinger_bands(multiplier=2.0,period=20)"


def test_a_signal_names_its_trigger() -> None:
    name = indicator_stream(
        "indicator_signal", "KRW-BTC", "5m", "volume", {"period": 20}, "volume_spike", {"multiplier": Decimal("2.50")}
    )
    assert name == "indicator_signal KRW-BTC 5m volume(period=20) volume_spike(multiplier=2.5)"
    macd = {"fast": 12, "slow": 26, "signal_period": 9}
    name = indicator_stream("indicator_signal", "KRW-BTC", "5m", "macd", macd, "golden_cross")
    assert name == "indicator_signal KRW-BTC 5m macd(fast=12,signal_period=9,slow=26) golden_cross()"


@pytest.mark.parametrize(
    ("stream", "type_", "code"),
    [
        ("ticker KRW-BTC", "ticker", "KRW-BTC"),
        ("orderbook KRW-BTC@10000", "orderbook", "KRW-BTC"),
        ("myAsset *", "myAsset", "*"),
        ("indicator KRW-BTC 15m rsi(period=14)", "indicator", "KRW-BTC"),
    ],
)
def test_a_stream_splits_into_type_and_bare_code(stream: str, type_: str, code: str) -> None:
    assert split(stream) == (type_, code)
    assert wildcard(stream) == f"{type_} *"


def test_numbers_have_at_most_thirty_digits_on_either_side() -> None:
    assert plain_number("1E30") == "1" + "0" * 30
    assert plain_number("1E-30") == "0." + "0" * 29 + "1"
    for beyond in ("1E31", "1E-31", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="is not a number that a stream can hold"):
            plain_number(beyond)


def test_a_level_below_nothing_is_another_one() -> None:
    assert stream_of("orderbook", "KRW-BTC", -5) == "orderbook KRW-BTC@-5"


def test_what_is_no_number_is_spelled_as_it_is() -> None:
    assert indicator_stream("indicator", "KRW-BTC", "5m", "x", {"a": True, "b": None, "c": "EMA"}) == (
        "indicator KRW-BTC 5m x(a=True,b=None,c=EMA)"
    )
