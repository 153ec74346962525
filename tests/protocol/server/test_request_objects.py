"""protocol/server/request_objects.py: one data type object, its wants, its error, and how it is shown."""

from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.protocol.exchange.indicators import Indicator
from websocket_v6.protocol.exchange.wants import Want, markets_want
from websocket_v6.protocol.server.request_error import RequestError
from websocket_v6.protocol.server.request_objects import read_object, split_depth

RSI = {"type": "rsi", "params": {"period": 14}}
CODES = ["KRW-BTC"]


@pytest.mark.parametrize(
    ("one", "endpoint", "wants"),
    [
        (
            {"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH", "KRW-BTC"]},
            "public",
            [Want("ticker", ("KRW-BTC", "KRW-ETH"))],
        ),
        ({"type": "candle.1s", "codes": CODES}, "public", [Want("candle.1s", ("KRW-BTC",))]),
        (
            {"type": "trade", "codes": CODES, "is_only_snapshot": True},
            "public",
            [Want("trade", ("KRW-BTC",), realtime=False)],
        ),
        (
            {"type": "trade", "codes": CODES, "is_only_realtime": "True"},
            "public",
            [Want("trade", ("KRW-BTC",), snapshot=False)],
        ),
        (
            {"type": "trade", "codes": CODES, "is_only_realtime": True, "is_only_snapshot": True},
            "public",
            [Want("trade", ("KRW-BTC",), realtime=False)],
        ),
        (
            {"type": "orderbook", "codes": ["KRW-BTC.5", "KRW-ETH", "KRW-XRP.7", "BTC-ETH.15"]},
            "public",
            [
                Want("orderbook", ("KRW-BTC",), depth=5),
                Want("orderbook", ("KRW-ETH", "KRW-XRP"), depth=30),
                Want("orderbook", ("BTC-ETH",), depth=15),
            ],
        ),
        (
            {"type": "orderbook", "codes": ["KRW-BTC", "BTC-ETH"], "level": "10000"},
            "public",
            [Want("orderbook", ("KRW-BTC",), depth=30, level=Decimal(10000))],
        ),
        ({"type": "orderbook", "codes": CODES, "level": -1}, "public", []),
        ({"type": "orderbook", "codes": CODES, "level": Decimal("1E+400")}, "public", []),
        ({"type": "ticker", "codes": ["krw-btc", "", "KRW", "KRW-BTC.5"]}, "public", []),
        ({"type": "myOrder"}, "private", [Want("myOrder", snapshot=False)]),
        ({"type": "myOrder", "codes": []}, "private", [Want("myOrder", snapshot=False)]),
        ({"type": "myOrder", "codes": CODES}, "private", [Want("myOrder", ("KRW-BTC",), snapshot=False)]),
        # What is no code must not become all markets.
        ({"type": "myOrder", "codes": ["krw-btc"]}, "private", []),
        ({"type": "myAsset"}, "private", [Want("myAsset", snapshot=False)]),
        ({"type": "announcement"}, "private", [Want("announcement", snapshot=False)]),
        (
            {"type": "announcement", "categories": ["trade"], "include_body": True},
            "private",
            [Want("announcement", categories=("trade",), include_body=True, snapshot=False)],
        ),
        (
            {"type": "indicator", "codes": ["KRW-BTC", "BTC-ETH"], "timeframe": "5m", "indicators": [RSI]},
            "info",
            [
                Want(
                    "indicator",
                    ("KRW-BTC",),
                    timeframe="5m",
                    indicators=(Indicator("rsi", (("period", 14),)),),
                    snapshot=False,
                )
            ],
        ),
    ],
)
def test_an_object_is_so_many_wants(one: dict[str, Any], endpoint: str, wants: list[Want]) -> None:
    assert list(read_object(one, endpoint, "kr").wants) == wants


@pytest.mark.parametrize(
    ("one", "endpoint", "name"),
    [
        ({}, "public", "NO_TYPE"),
        ({"type": 1}, "public", "WRONG_FORMAT"),
        ({"type": "Ticker", "codes": CODES}, "public", "INVALID_PARAM"),
        ({"type": "myAsset"}, "public", "INVALID_AUTH"),
        ({"type": "ticker", "codes": CODES}, "private", "INVALID_PARAM"),
        ({"type": "ticker"}, "public", "NO_CODES"),
        ({"type": "ticker", "codes": []}, "public", "INVALID_PARAM"),
        ({"type": "ticker", "codes": "KRW-BTC"}, "public", "WRONG_FORMAT"),
        ({"type": "ticker", "codes": [1]}, "public", "WRONG_FORMAT"),
        ({"type": "ticker", "codes": CODES, "is_only_snapshot": 1}, "public", "WRONG_FORMAT"),
        ({"type": "ticker", "codes": CODES, "is_only_snapshot": None}, "public", "WRONG_FORMAT"),
        ({"type": "orderbook", "codes": CODES, "level": "1e"}, "public", "WRONG_FORMAT"),
        ({"type": "orderbook", "codes": CODES, "level": True}, "public", "WRONG_FORMAT"),
        ({"type": "myAsset", "codes": CODES}, "private", "WRONG_FORMAT"),
        ({"type": "announcement", "categories": ["trading"]}, "private", "INVALID_PARAM"),
        ({"type": "announcement", "categories": "trade"}, "private", "WRONG_FORMAT"),
        ({"type": "indicator", "codes": CODES, "timeframe": "1m", "indicators": [RSI]}, "info", "INVALID_PARAM"),
        ({"type": "indicator", "codes": CODES, "timeframe": 5, "indicators": [RSI]}, "info", "WRONG_FORMAT"),
        ({"type": "indicator", "codes": CODES, "timeframe": "5m"}, "info", "INVALID_PARAM"),
    ],
)
def test_a_wrong_object_has_the_exchange_s_error(one: dict[str, Any], endpoint: str, name: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_object(one, endpoint, "kr")
    assert raised.value.name == name


def test_other_regions_have_more_categories() -> None:
    (want,) = read_object({"type": "announcement", "categories": ["trading"]}, "private", "sg").wants
    assert want.categories == ("trading",)


@pytest.mark.parametrize(
    ("one", "endpoint", "shown"),
    [
        ({"type": "trade", "codes": ["krw-btc"]}, "public", {"type": "trade", "codes": ["krw-btc"]}),
        (
            {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": Decimal("1E+4")},
            "public",
            {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": 10000},
        ),
        ({"type": "orderbook", "codes": CODES}, "public", {"type": "orderbook", "codes": CODES, "level": 0}),
        ({"type": "myAsset"}, "private", {"type": "myAsset"}),
        ({"type": "myOrder", "codes": []}, "private", {"type": "myOrder"}),
        (
            {"type": "indicator", "codes": CODES, "timeframe": "5m", "indicators": [RSI]},
            "info",
            {"type": "indicator", "codes": CODES, "timeframe": "5m", "indicators": [RSI]},
        ),
    ],
)
def test_an_object_is_shown_as_it_was_asked(one: dict[str, Any], endpoint: str, shown: dict[str, Any]) -> None:
    assert read_object(one, endpoint, "kr").shown == shown


def test_combinations_are_codes_times_indicators() -> None:
    indicators = [RSI, {"type": "volume", "params": {"period": 20}}]
    one = {"type": "indicator", "codes": ["KRW-BTC", "KRW-ETH", "krw-x"], "timeframe": "5m", "indicators": indicators}
    assert read_object(one, "info", "kr").combinations == 6


@pytest.mark.parametrize(
    ("code", "split"),
    [("KRW-BTC", ("KRW-BTC", 30)), ("KRW-BTC.1", ("KRW-BTC", 1)), ("KRW-BTC.15", ("KRW-BTC", 15))]
    + [(f"KRW-BTC{suffix}", ("KRW-BTC", 30)) for suffix in (".30", ".2", ".", ".05", ".5.5", ".\u0665")],
)
def test_a_suffix_is_a_depth(code: str, split: tuple[str, int]) -> None:
    assert split_depth(code) == split


def test_where_hosts_come_in_lists_of_markets_can_be_had() -> None:
    part = read_object({"type": "markets", "codes": ["KRW", "krw", "KRW-BTC", "BTC"]}, "markets", "kr")
    assert part.wants == (markets_want(["KRW", "BTC"]),)
    assert part.shown == {"type": "markets", "codes": ["KRW", "BTC"]}
    assert read_object({"type": "markets", "codes": ["krw"]}, "markets", "kr").wants == ()


@pytest.mark.parametrize(("type_", "endpoint"), [("markets", "public"), ("ticker", "markets"), ("markets", "info")])
def test_and_nowhere_else(type_: str, endpoint: str) -> None:
    with pytest.raises(RequestError):
        read_object({"type": type_, "codes": ["KRW"]}, endpoint, "kr")


def test_a_pattern_is_a_code_that_no_market_has() -> None:
    assert read_object({"type": "ticker", "codes": ["KRW-*"]}, "public", "kr").wants == ()
