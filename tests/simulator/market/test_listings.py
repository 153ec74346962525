"""Warnings, suspension, Korean names, and markets before their first trade."""

import json
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

Make = Callable[..., Any]


def get(sim: Any, path: str) -> Any:
    with closing(HTTPConnection("127.0.0.1", sim.port, timeout=10)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def test_warnings_are_on_the_list_and_in_frames(simulator: Make, client: Make) -> None:
    sim = simulator(markets=["KRW-BTC", "KRW-ETH"])
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-ETH"], "is_only_realtime": True})
    sim.wait_served({"ticker KRW-ETH"})
    sim.warn("KRW-ETH", cautions=["GLOBAL_PRICE_DIFFERENCES"])
    assert reader.read()["market_warning"] == "CAUTION"
    btc, eth = (row["market_event"] for row in get(sim, "/v1/market/all?is_details=true"))
    assert (btc["warning"], any(btc["caution"].values())) == (False, False)
    assert eth["warning"]
    assert [name for name, flag in eth["caution"].items() if flag] == ["GLOBAL_PRICE_DIFFERENCES"]
    sim.warn("KRW-ETH", warning=False)
    assert reader.read()["market_warning"] == "NONE"
    with pytest.raises(ValueError, match="no caution"):
        sim.warn("KRW-ETH", cautions=["EARTHQUAKE"])


def test_a_suspended_market_says_so_and_takes_no_orders(simulator: Make, client: Make) -> None:
    sim = simulator()
    sim.suspend("KRW-BTC")
    assert json.loads(sim.current("ticker KRW-BTC"))["is_trading_suspended"] is True
    with pytest.raises(ValueError, match="market_offline"):
        sim.place_order("KRW-BTC", "BID", 1000, 6)
    sim.suspend("KRW-BTC", False)
    sim.place_order("KRW-BTC", "BID", 1000, 6)


def test_names_are_korean(simulator: Make) -> None:
    rows = {row["market"]: row["korean_name"] for row in get(simulator(markets=40), "/v1/market/all")}
    assert (rows["KRW-BTC"], rows["BTC-ETH"], rows["USDT-XRP"]) == ("비트코인", "이더리움", "엑스알피(리플)")
    assert not any(name.isascii() for name in rows.values())


def test_a_listing_is_on_the_list_and_silent_until_its_first_trade(simulator: Make, client: Make) -> None:
    sim = simulator(markets=["KRW-BTC"])
    sim.list_market("KRW-NEW", 100, state="PREVIEW", traded=False)
    assert [row["market"] for row in get(sim, "/v1/market/all")] == ["KRW-BTC", "KRW-NEW"]
    assert get(sim, "/v1/ticker?markets=KRW-NEW") == get(sim, "/v1/trades/ticks?market=KRW-NEW") == []
    reader = client(sim.url)
    reader.ask(*({"type": type_, "codes": ["KRW-NEW"]} for type_ in ("ticker", "trade", "orderbook", "candle.1m")))
    sim.wait_served({f"{type_} KRW-NEW" for type_ in ("ticker", "trade", "orderbook", "candle.1m")})
    sim.tick(50)
    sim.set_market_state("KRW-NEW", "ACTIVE")
    assert reader.is_silent()
    sim.trade("KRW-NEW", 130)
    trade, ticker, book, candle = reader.read_many(4)
    assert (trade["trade_price"], ticker["opening_price"], candle["opening_price"]) == (130, 130, 130)
    assert (ticker["market_state"], book["type"]) == ("ACTIVE", "orderbook")
    assert (ticker["highest_52_week_date"], ticker["lowest_52_week_date"]) == (None, None)
    sim.tick(50)
    assert get(sim, "/v1/ticker?markets=KRW-NEW")[0]["trade_price"] > 0


def test_a_delisted_market_says_so_until_it_leaves_the_list(simulator: Make) -> None:
    sim = simulator(markets=["KRW-BTC", "KRW-ETH"])
    sim.set_market_state("KRW-ETH", "DELISTED")
    assert json.loads(sim.current("ticker KRW-ETH"))["market_state"] == "DELISTED"
    assert len(get(sim, "/v1/market/all")) == 2
    sim.remove_market("KRW-ETH")
    assert len(get(sim, "/v1/market/all")) == 1
