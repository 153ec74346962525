"""What a program that follows the market list meets: lists that grow, shrink, lag, fail or lie, and what tells so."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from websocket_v6.simulator import Limits

Make = Callable[..., Any]
START = 1_795_176_000.0
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH"]


@pytest.fixture
def sim(simulator: Make) -> Any:
    return simulator(markets=CODES, start_time=START, frozen=True)


def codes(call: Any) -> list[str]:
    return [row["market"] for row in call("GET", "/v1/market/all").body]


def test_a_listing_is_on_the_list_before_its_first_trade_and_flows_when_it_has_one(
    sim: Any, client: Make, caller: Make
) -> None:
    call, reader = caller(sim), client(sim.url)
    sim.list_market("KRW-NEW", 1000, state="PREVIEW", traded=False)
    assert codes(call) == [*CODES, "KRW-NEW"]
    reader.ask({"type": "trade", "codes": ["KRW-NEW", "KRW-BTC"]})
    assert reader.read()["code"] == "KRW-BTC"
    sim.set_market_state("KRW-NEW", "ACTIVE")
    number = sim.trade("KRW-NEW", price=1010)
    event = reader.read()
    assert (event["code"], event["stream_type"], event["sequential_id"]) == ("KRW-NEW", "REALTIME", number)
    assert reader.is_silent()


def test_a_delisted_market_leaves_the_list_and_falls_silent_without_a_word(
    sim: Any, client: Make, caller: Make
) -> None:
    call, reader = caller(sim), client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-XRP", "KRW-ETH"], "is_only_realtime": True})
    sim.wait_served({"trade KRW-XRP", "trade KRW-ETH"})
    sim.remove_market("KRW-XRP")
    assert "KRW-XRP" not in codes(call)
    sim.trade("KRW-ETH")
    assert reader.read()["code"] == "KRW-ETH"
    assert reader.is_silent()
    # Asked for anew it is as unknown as any other code.
    reader.ask({"type": "trade", "codes": ["KRW-XRP"]})
    assert reader.is_silent()
    sim.list_market("KRW-XRP", 4000)
    assert codes(call)[-1] == "KRW-XRP"


def test_a_replica_that_lags_shows_the_list_that_was(sim: Any, caller: Make) -> None:
    call = caller(sim)
    sim.delay_rest(30)
    assert codes(call) == CODES
    sim.list_market("KRW-NEW", 1000)
    sim.remove_market("KRW-XRP")
    assert codes(call) == [code for code in CODES if code != "KRW-XRP"] + ["KRW-XRP"]
    sim.advance(30)
    assert codes(call) == ["KRW-BTC", "KRW-ETH", "BTC-ETH", "KRW-NEW"]


def test_a_list_may_lie_once_and_be_right_again(sim: Any, caller: Make) -> None:
    call = caller(sim)
    sim.spoil("/v1/market/all", "half")
    assert [len(codes(call)) for _ in range(2)] == [2, 4]
    sim.spoil("/v1/market/all", "empty", times=2)
    assert [codes(call) for _ in range(3)] == [[], [], CODES]
    sim.refuse(500, times=2, endpoint="/v1/market/all")
    assert [call("GET", "/v1/market/all").status for _ in range(3)] == [500, 500, 200]


def test_a_list_may_never_come(sim: Any, caller: Make) -> None:
    sim.spoil("/v1/market/all", "hang", times=None)
    call = caller(sim)
    call.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        call("GET", "/v1/market/all")
    sim.mend()
    assert codes(caller(sim)) == CODES


def test_who_asks_too_often_is_blocked_for_the_list_alone(simulator: Make, client: Make, caller: Make) -> None:
    sim = simulator(markets=CODES, start_time=START, frozen=True, limits=Limits(rest_per_second=10))
    call = caller(sim)
    statuses = [call("GET", "/v1/market/all").status for _ in range(15)]
    assert statuses == [200] * 10 + [429] * 3 + [418] * 2
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-BTC"]})
    assert reader.read()["code"] == "KRW-BTC"


def test_a_notice_and_a_ticker_tell_of_a_change(sim: Any, client: Make, bearer: Make) -> None:
    private = client(sim.private_url, additional_headers=bearer(sim))
    private.ask({"type": "announcement", "categories": ["trade"]})
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-XRP"], "is_only_realtime": True})
    sim.wait_served({"ticker KRW-XRP"})
    sim.wait(lambda sim: sim.served("private"))
    sim.scenario("delisting", "KRW-XRP")
    assert private.read()["category"] == "trade"
    sim.advance(12, idle=False)
    tickers = []
    with suppress(TimeoutError):
        while True:
            tickers.append(reader.read(0.2))
    assert tickers[0]["delisting_date"] is not None
    assert tickers[-1]["market_state"] == "DELISTED"


def test_a_request_may_be_too_large_for_the_server(simulator: Make, client: Make) -> None:
    sim = simulator(markets=60, limits=Limits(request_bytes=512))
    reader = client(sim.url)
    text = json.dumps([{"ticket": "t"}, {"type": "trade", "codes": [f"KRW-S{n:03}" for n in range(60)]}])
    reader.connection.send(text)
    ended = reader.ended()
    assert ended is not None
    assert ended[0] == 1009
