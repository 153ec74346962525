"""What a recording asks for in place of what its component wants."""

import msgspec

from websocket_v6.protocol.exchange.wants import (
    Closing,
    announcement_want,
    candle_want,
    my_asset_want,
    my_order_want,
    ticker_want,
)
from websocket_v6.protocol.recording.taking import named_streams, recorded_wants


def test_what_is_public_and_plain_is_taken_as_it_is() -> None:
    wants = [ticker_want("KRW-*"), candle_want("KRW-BTC"), announcement_want(["notice"], include_body=True)]
    assert list(recorded_wants(wants)) == wants


def test_closed_candles_are_taken_as_they_come_and_once_more_when_they_are_final() -> None:
    want = candle_want(["KRW-BTC", "KRW-*"], interval="5m", closing=Closing(empty=True, history=7))
    assert list(recorded_wants([want])) == [
        msgspec.structs.replace(want, closing=None),
        msgspec.structs.replace(want, closing=Closing()),
    ]
    assert list(named_streams(want)) == ["candle.5m KRW-BTC", "candle.5m KRW-*"]


def test_the_account_is_taken_once_and_reconciled_if_anybody_has_it_so() -> None:
    wants = [
        my_order_want(["KRW-BTC"]),
        my_asset_want(),
        my_order_want(["KRW-ETH"], reconcile=True),
        my_asset_want(reconcile=True),
    ]
    assert list(recorded_wants(wants)) == [
        my_order_want(["KRW-BTC", "KRW-ETH"], reconcile=True),
        my_asset_want(reconcile=True),
    ]
    assert next(recorded_wants([*wants, my_order_want()])) == my_order_want(reconcile=True)
