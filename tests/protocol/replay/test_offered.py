"""What a recording can play of what is asked for as if it were live."""

from decimal import Decimal

import msgspec
import pytest

from websocket_v6 import LocalProtocolError
from websocket_v6.protocol.exchange.wants import (
    Closing,
    candle_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
)
from websocket_v6.protocol.replay.offered import as_recorded

STREAMS = ("ticker KRW-ETH", "ticker KRW-BTC", "trade KRW-XRP", "ticker BTC-ETH", "ticker USDT-BTC")


def test_a_pattern_stands_for_what_was_recorded_of_its_type() -> None:
    assert as_recorded(ticker_want("KRW-*"), STREAMS) == ticker_want(["KRW-BTC", "KRW-ETH"])
    named = as_recorded(ticker_want(["KRW-XRP", "KRW-*", "BTC-*"]), STREAMS)
    assert named == ticker_want(["KRW-XRP", "BTC-ETH", "KRW-BTC", "KRW-ETH"])


def test_a_pattern_of_which_nothing_was_recorded_is_an_error_that_names_it() -> None:
    with pytest.raises(LocalProtocolError, match=r"nothing was recorded of trade BTC-\*"):
        as_recorded(msgspec.structs.replace(ticker_want("BTC-*"), type="trade"), STREAMS)


def test_a_pattern_stays_one_where_there_are_lists_of_its_markets() -> None:
    want = ticker_want(["KRW-XRP", "KRW-*", "BTC-*"])
    assert as_recorded(want, STREAMS, {"KRW", "BTC"}) == want
    assert as_recorded(want, STREAMS, {"KRW"}) == msgspec.structs.replace(
        want, codes=("KRW-XRP", "BTC-ETH"), quotes=("KRW",)
    )
    assert as_recorded(ticker_want("KRW-*"), (), {"KRW"}) == ticker_want("KRW-*")


def test_candles_close_and_nobody_is_asked_for_more() -> None:
    want = candle_want(["KRW-BTC"], closing=Closing(empty=True))
    assert as_recorded(want, STREAMS) == want
    for closing in (Closing(history=1), Closing(verify=True)):
        with pytest.raises(LocalProtocolError, match="in a replay nobody is asked"):
            as_recorded(candle_want(["KRW-BTC"], closing=closing), STREAMS)


def test_everything_else_is_as_it_was_asked_for() -> None:
    for want in (
        ticker_want(["KRW-BTC"]),
        my_asset_want(),
        my_order_want(reconcile=True),
        orderbook_want(["KRW-BTC"], depth=5, level=Decimal(10000)),
    ):
        assert as_recorded(want, STREAMS) == want
