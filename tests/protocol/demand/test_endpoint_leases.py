"""Wants that come, change and go: what counts, and what is taken back."""

from typing import Any

import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.demand.commands import (
    Route,
    Unroute,
)
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import indicator_want, my_asset_want, ticker_want, trade_want

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
RSI = {"type": "rsi", "params": {"period": 14}}


def made(name: str = "public", **settings: Any) -> Desk:
    """Return an endpoint with one source, number 1."""
    desk = Desk(name, **settings)
    desk.use_router()
    desk.source(1)
    desk.out.clear()
    return desk


def serving(**settings: Any) -> tuple[Desk, int]:
    """Return an endpoint that serves Bitcoin tickers to lease 1, and its attachment."""
    desk = made(**settings)
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(1)
    desk.out.clear()
    return desk, one


def test_codes_are_added_and_taken_back() -> None:
    desk, _ = serving()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    assert [one.streams for one in desk.took(Route)] == [(ETHER,)]
    desk.drop(1, ticker_want("KRW-BTC"))
    assert desk.took(Unroute) == [Unroute(1, (BITCOIN,))]
    desk.run(1)
    assert '"codes":["KRW-ETH"]' in desk.asked(1)
    desk.drop(1, ticker_want("KRW-ETH"))
    assert desk.took(Unroute) == [Unroute(1, None)], "the last code is all of it"


def test_what_is_not_there_is_taken_back_without_a_word() -> None:
    desk, _ = serving()
    assert desk.drop(9) == []
    assert desk.drop(1, ticker_want("KRW-ETH")) == []
    assert desk.satisfied(9, BITCOIN) == []
    assert desk.satisfied(1, ETHER) == [], "a code that was removed meanwhile"
    desk.drop(1)
    assert desk.drop(1) == []
    assert desk.endpoint.health().streams == 0


def test_a_want_that_is_told_twice_counts_once() -> None:
    desk, _ = serving()
    assert desk.want(1, ticker_want("KRW-BTC")) == []
    private = made("private")
    private.want(1, my_asset_want())
    assert private.want(1, my_asset_want()) == []
    private.drop(1)
    assert private.endpoint.health().streams == 0


def test_a_snapshot_of_a_code_that_was_removed_can_be_had_again() -> None:
    desk = made()
    both = ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False)
    desk.want(1, both)
    one = desk.open(1)
    for stream in (BITCOIN, ETHER):
        desk.see(one, stream)
        desk.satisfied(1, stream)
    desk.drop(1, both.with_codes(["KRW-ETH"]))
    desk.out.clear()
    desk.want(1, both.with_codes(["KRW-ETH"]))
    desk.run(1)
    assert '"codes":["KRW-ETH"],"is_only_snapshot":true' in desk.asked(1)


def test_what_the_exchange_would_refuse_is_counted_nowhere() -> None:
    desk = made("info")
    desk.want(1, indicator_want([f"KRW-A{index}" for index in range(100)], timeframe="5m", indicators=RSI))
    desk.out.clear()
    for lease in (1, 2):
        with pytest.raises(LocalProtocolError):
            desk.want(lease, indicator_want("KRW-B", timeframe="5m", indicators=RSI))
    health = desk.endpoint.health()
    assert (health.streams, health.leases, desk.out) == (100, 1, [])
    desk.drop(1)
    assert desk.endpoint.health().streams == 0


def test_what_cannot_happen_is_an_error_of_ours() -> None:
    desk, _ = serving()
    with pytest.raises(LocalProtocolError):
        desk.want(2, my_asset_want())
    with pytest.raises(LocalProtocolError):
        desk.want(1, trade_want("KRW-ETH"))
    with pytest.raises(LocalProtocolError):
        desk.source(1)
    with pytest.raises(LocalProtocolError):
        desk.open(1)
    with pytest.raises(LocalProtocolError):
        desk.state(1, "connecting")
    with pytest.raises(LocalProtocolError):
        desk.state(1, "open")


def test_what_is_of_something_forgotten_is_ignored() -> None:
    desk, one = serving()
    desk.without(1)
    desk.end(one)
    desk.out.clear()
    desk.end(one)
    desk.end(77)
    desk.see(one, BITCOIN)
    desk.answer(one, "ticket")
    desk.refuse(one)
    desk.without(1)
    desk.open(1)
    desk.state(1, "lost")
    desk.heed(desk.endpoint.marked(99, None, desk.now, desk.now_ns))
    assert not desk.out
