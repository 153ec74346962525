"""protocol/exchange/wants.py: what a subscription may ask, and the streams that serve it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import (
    ALL_ENDPOINTS,
    ENDPOINTS,
    KNOWN_TYPES,
    Closing,
    Want,
    announcement_want,
    candle_want,
    endpoint_of,
    indicator_want,
    markets_want,
    my_asset_want,
    my_order_want,
    open_as,
    orderbook_want,
    ticker_want,
    trade_want,
)

RSI = {"type": "rsi", "params": {"period": 14}}
SIGNAL = {**RSI, "trigger": "oversold", "event_params": {"threshold": 30}}


@pytest.mark.parametrize(
    ("want", "streams"),
    [
        (ticker_want(["krw-btc", "KRW-ETH"]), ["ticker KRW-BTC", "ticker KRW-ETH"]),
        (trade_want("KRW-BTC"), ["trade KRW-BTC"]),
        (orderbook_want("KRW-BTC"), ["orderbook KRW-BTC"]),
        (orderbook_want("KRW-BTC", level=10000), ["orderbook KRW-BTC@10000"]),
        (orderbook_want("KRW-BTC", depth=5), ["orderbook KRW-BTC"]),
        (candle_want("KRW-BTC"), ["candle.1m KRW-BTC"]),
        (candle_want("KRW-BTC", interval="1s"), ["candle.1s KRW-BTC"]),
        (my_order_want(), ["myOrder *"]),
        (my_order_want(["KRW-BTC", "KRW-ETH"]), ["myOrder KRW-BTC", "myOrder KRW-ETH"]),
        (my_asset_want(), ["myAsset *"]),
        (announcement_want(), ["announcement *"]),
        (announcement_want(["trade", "event"]), ["announcement trade", "announcement event"]),
        (
            indicator_want(["KRW-BTC", "KRW-ETH"], timeframe="5m", indicators=[RSI, {**RSI, "params": {"period": 7}}]),
            [
                "indicator KRW-BTC 5m rsi(period=14)",
                "indicator KRW-BTC 5m rsi(period=7)",
                "indicator KRW-ETH 5m rsi(period=14)",
                "indicator KRW-ETH 5m rsi(period=7)",
            ],
        ),
        (
            indicator_want("KRW-BTC", timeframe="1d", indicators=SIGNAL, signal=True),
            ["indicator_signal KRW-BTC 1d rsi(period=14) oversold(threshold=30)"],
        ),
    ],
)
def test_each_want_has_its_streams(want: Want, streams: list[str]) -> None:
    assert list(want.streams()) == streams


@pytest.mark.parametrize(
    ("type_", "endpoint"),
    [
        *((name, "public") for name in ("ticker", "trade", "orderbook", "candle.1m", "candle.240m")),
        *((name, "private") for name in ("myOrder", "myAsset", "announcement")),
        *((name, "info") for name in ("indicator", "indicator_signal")),
    ],
)
def test_each_type_has_its_endpoint(type_: str, endpoint: str) -> None:
    """Upbit WebSocket reference, "Endpoints"."""
    assert endpoint_of(type_) == endpoint
    assert Want(type_).endpoint == endpoint
    assert Want(type_).is_public == (endpoint == "public")
    assert endpoint in ENDPOINTS
    assert type_ in KNOWN_TYPES


def test_every_type_of_the_exchange_is_known() -> None:
    candles = {f"candle.{interval}" for interval in ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m")}
    others = "ticker trade orderbook myOrder myAsset announcement indicator indicator_signal"
    assert candles | set(others.split()) == KNOWN_TYPES


def test_what_is_not_said_is_the_whole_of_it() -> None:
    assert orderbook_want("KRW-BTC") == Want("orderbook", ("KRW-BTC",), depth=30, level=Decimal(0))
    assert Want("ticker") == Want("ticker", (), 0, Decimal(0), (), False, "", (), True, True)
    assert announcement_want("trade") == Want("announcement", categories=("trade",), snapshot=False)
    assert announcement_want("trade", include_body=True).include_body is True


def test_only_public_types_begin_with_a_snapshot() -> None:
    """Upbit WebSocket reference, "Snapshot, then realtime"."""
    makers: list[Callable[..., Want]] = [ticker_want, trade_want, orderbook_want, candle_want]
    for make in makers:
        assert (make("KRW-BTC").snapshot, make("KRW-BTC").realtime) == (True, True)
        assert (make("KRW-BTC", snapshot=False).snapshot, make("KRW-BTC", snapshot=False).realtime) == (False, True)
        assert (make("KRW-BTC", realtime=False).snapshot, make("KRW-BTC", realtime=False).realtime) == (True, False)
        with pytest.raises(LocalProtocolError, match="leave nothing to deliver"):
            make("KRW-BTC", snapshot=False, realtime=False)
    indicator = indicator_want("KRW-BTC", timeframe="5m", indicators=RSI)
    signal = indicator_want("KRW-BTC", timeframe="5m", indicators=SIGNAL, signal=True)
    for want in (my_order_want(), my_asset_want(), announcement_want(), indicator, signal):
        assert (want.snapshot, want.realtime) == (False, True)


def test_the_same_wish_for_other_codes() -> None:
    want = orderbook_want("KRW-BTC", depth=5, level=1000)
    assert want.with_codes(["KRW-ETH", "KRW-XRP"]) == orderbook_want(["KRW-ETH", "KRW-XRP"], depth=5, level=1000)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ticker_want([]),
        lambda: trade_want("BTC"),
        lambda: orderbook_want("KRW-BTC", depth=3),
        lambda: orderbook_want("BTC-ETH", level=10),
        lambda: candle_want("KRW-BTC", interval="2m"),
        lambda: my_order_want([]),
        lambda: announcement_want("gossip"),
        lambda: announcement_want("note"),
        lambda: indicator_want("KRW-BTC", timeframe="1m", indicators=RSI),
        lambda: indicator_want("KRW-BTC", timeframe="5m", indicators=SIGNAL),
        lambda: indicator_want("KRW-BTC", timeframe="5m", indicators=RSI, signal=True),
    ],
)
def test_what_the_exchange_would_refuse_is_refused_here(make: Callable[[], Want]) -> None:
    with pytest.raises(LocalProtocolError):
        make()


def test_indicators_exist_for_won_markets_only_and_the_others_are_named() -> None:
    with pytest.raises(LocalProtocolError, match=r"not for BTC-ETH, USDT-BTC$"):
        indicator_want(["KRW-BTC", "BTC-ETH", "USDT-BTC"], timeframe="5m", indicators=RSI)


def test_other_regions_have_more_categories() -> None:
    assert announcement_want("note", region="sg").categories == ("note",)


def test_a_pattern_has_no_streams_but_those_of_the_codes_beside_it() -> None:
    want = trade_want(["KRW-*", "BTC-ETH"])
    assert (want.codes, want.quotes) == (("BTC-ETH",), ("KRW",))
    assert list(want.streams()) == ["trade BTC-ETH"]
    assert list(trade_want("KRW-*").streams()) == [], "and not those of all markets there are"
    assert want.with_codes(["KRW-BTC"]) == trade_want("KRW-BTC")


def test_a_price_step_is_for_named_markets() -> None:
    assert orderbook_want("KRW-*", depth=5, level=0).quotes == ("KRW",)
    with pytest.raises(LocalProtocolError, match="not for all markets"):
        orderbook_want("KRW-*", level=10_000)


def test_lists_of_markets_are_public_and_of_an_endpoint_of_their_own() -> None:
    want = markets_want(["KRW"])
    assert (want.endpoint, want.is_public, list(want.streams())) == ("markets", True, ["markets KRW"])
    assert [open_as(endpoint) for endpoint in ALL_ENDPOINTS] == ["public", "private", "info", "public"]


def test_candles_of_all_markets_are_not_verified() -> None:
    assert candle_want("KRW-BTC", closing=Closing(verify=True)).closing == Closing(verify=True)
    assert candle_want("KRW-*", closing=Closing()).quotes == ("KRW",)
    with pytest.raises(LocalProtocolError, match="name the codes"):
        candle_want(["KRW-BTC", "KRW-*"], closing=Closing(verify=True))
