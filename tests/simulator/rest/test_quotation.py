"""The REST calls beside the socket."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from websocket_v6.simulator import Limits, Weather

Make = Callable[..., Any]


def get(sim: Any, path: str, **headers: str) -> tuple[int, Any, Any]:
    """Return status, headers and JSON of a GET."""
    with closing(http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read())


def test_the_market_list(simulator: Make) -> None:
    sim = simulator(markets=["KRW-BTC", "BTC-ETH"])
    status, headers, rows = get(sim, "/v1/market/all")
    assert (status, headers["Remaining-Req"]) == (200, "group=market; min=600; sec=999999")
    assert [row["market"] for row in rows] == ["KRW-BTC", "BTC-ETH"]
    assert set(rows[0]) == {"market", "korean_name", "english_name"}
    assert get(sim, "/v1/market/all?is_details=true")[2][0]["market_event"]["caution"]["PRICE_FLUCTUATIONS"] is False


def test_past_trades_are_paged_newest_first(simulator: Make) -> None:
    sim = simulator(frozen=True, start_time=1_795_176_000.0)
    ids = [sim.trade("KRW-BTC", price=100_000_000 + n * 1000, side="BID") for n in range(7)]
    newest = get(sim, "/v1/trades/ticks?market=KRW-BTC")[2]
    assert [row["sequential_id"] for row in newest] == ids[-1:]
    page = get(sim, f"/v1/trades/ticks?market=krw-btc&count=3&cursor={ids[-1]}")[2]
    assert [row["sequential_id"] for row in page] == ids[-2:-5:-1]
    row = page[0]
    assert row["change_price"] == row["trade_price"] - row["prev_closing_price"] < 0
    assert (row["trade_date_utc"], row["trade_time_utc"], row["ask_bid"]) == ("2026-11-20", "12:00:00", "BID")
    socket = json.loads(sim.current("trade KRW-BTC"))
    assert (socket["sequential_id"], socket["trade_price"]) == (newest[0]["sequential_id"], newest[0]["trade_price"])


def test_past_trades_by_time_and_day(simulator: Make) -> None:
    sim = simulator(frozen=True, start_time=1_795_176_000.0)
    first = sim.trade("KRW-BTC")
    sim.advance(60)
    second = sim.trade("KRW-BTC")

    def ids(query: str) -> list[int]:
        return [row["sequential_id"] for row in get(sim, f"/v1/trades/ticks?market=KRW-BTC&count=500&{query}")[2]]

    assert ids("")[:2] == [second, first]
    assert ids("to=120100")[0] == ids("to=12:01:00")[0] == first
    sim.advance(86_400)
    third = sim.trade("KRW-BTC")
    assert ids("") == [third]
    assert ids("days_ago=1")[:2] == [second, first]
    assert ids(f"days_ago=1&cursor={second}")[0] == first
    assert ids("days_ago=2") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/trades/ticks?market=KRW-NOPE", 404),
        ("/v1/trades/ticks", 400),
        ("/v1/trades/ticks?market=KRW-BTC&count=501", 400),
        ("/v1/trades/ticks?market=KRW-BTC&count=x", 400),
        ("/v1/trades/ticks?market=KRW-BTC&days_ago=8", 400),
        ("/v1/trades/ticks?market=KRW-BTC&to=noon", 400),
        ("/v1/ticker?markets=KRW-BTC,KRW-NOPE", 404),
        ("/v1/orderbook?markets=KRW-BTC&level=x", 400),
        ("/v1/orderbook?markets=KRW-BTC&level=NaN", 400),
        ("/v1/ticker/all", 400),
        ("/v1/ticker", 400),
        ("/v1/nope", 404),
    ],
)
def test_what_is_wrong_is_refused_with_its_status_as_name(simulator: Make, path: str, status: int) -> None:
    got, _, body = get(simulator(), path)
    assert (got, body["error"]["name"]) == (status, status)


def test_tickers_agree_with_the_socket(simulator: Make) -> None:
    sim = simulator()
    sim.tick(100)
    for row in get(sim, "/v1/ticker?markets=KRW-BTC,BTC-ETH")[2]:
        socket = json.loads(sim.current(f"ticker {row['market']}"))
        for key in set(row) - {"market", "trade_date_kst", "trade_time_kst"}:
            assert row[key] == socket[key], key
    krw = get(sim, "/v1/ticker/all?quote_currencies=KRW")[2]
    assert {row["market"][:4] for row in krw} == {"KRW-"}


def test_books_agree_with_the_socket(simulator: Make) -> None:
    sim = simulator()
    (row,) = get(sim, "/v1/orderbook?markets=KRW-BTC&count=5&level=10000")[2]
    socket = json.loads(sim.current("orderbook KRW-BTC.5@10000"))
    assert {key: row[key] for key in row if key != "market"} == {key: socket[key] for key in row if key != "market"}
    assert get(sim, "/v1/orderbook?markets=KRW-BTC&level=7")[2] == []


def test_what_korea_alone_has_is_left_out_elsewhere(simulator: Make) -> None:
    sim = simulator(region="sg", markets=["SGD-BTC"])
    (ticker,) = get(sim, "/v1/ticker?markets=SGD-BTC")[2]
    (book,) = get(sim, "/v1/orderbook?markets=SGD-BTC")[2]
    (candle,) = get(sim, "/v1/candles/minutes/1?market=SGD-BTC")[2]
    assert not [key for row in (ticker, book, candle) for key in row if "kst" in key or key == "level"]


def test_levels_are_integers(simulator: Make) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", simulator().port, timeout=10)) as connection:
        connection.request("GET", "/v1/orderbook?markets=KRW-BTC&level=10000&count=1")
        assert connection.getresponse().read().endswith(b'"level":10000}]')


def test_instruments_name_ticks_and_levels(simulator: Make) -> None:
    rows = get(simulator(), "/v1/orderbook/instruments?markets=KRW-BTC,BTC-ETH")[2]
    assert rows == [
        {
            "market": "KRW-BTC",
            "quote_currency": "KRW",
            "tick_size": "1000",
            "supported_levels": ["0", "10000", "100000", "1000000", "10000000", "100000000"],
        },
        {"market": "BTC-ETH", "quote_currency": "BTC", "tick_size": "0.00000001", "supported_levels": ["0"]},
    ]


def test_ten_calls_a_second_for_a_group_and_one_in_ten_seconds_with_an_origin(simulator: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    statuses = [get(sim, "/v1/market/all")[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert get(sim, "/v1/ticker?markets=KRW-BTC")[0] == 200
    assert get(sim, "/v1/ticker?markets=KRW-BTC", Origin="http://x")[0] == 200
    assert get(sim, "/v1/ticker?markets=KRW-BTC", Origin="http://x")[0] == 429
    sim.advance(1.0)
    assert get(sim, "/v1/market/all")[0] == 200


def test_trades_made_while_nobody_is_connected_are_kept(simulator: Make) -> None:
    sim = simulator()
    assert not sim.connections()
    ids = [sim.trade("KRW-BTC") for _ in range(600)]
    newest = get(sim, "/v1/trades/ticks?market=KRW-BTC&count=500")[2]
    older = get(sim, f"/v1/trades/ticks?market=KRW-BTC&count=500&cursor={newest[-1]['sequential_id']}")[2]
    assert [row["sequential_id"] for row in newest + older][: len(ids)] == ids[::-1]


def test_calls_are_noted_and_can_be_refused(simulator: Make) -> None:
    sim = simulator()
    sim.refuse(500, endpoint="rest")
    sim.refuse(401)  # a handshake, and no call
    assert [get(sim, "/v1/market/all")[0] for _ in range(2)] == [500, 200]
    assert sim.rest_calls() == ["/v1/market/all"] * 2


@pytest.mark.parametrize("weather", [Weather.calm(), Weather.storm(round_trip=0.0, jitter=0.0)])
def test_the_day_ends_at_midnight_whatever_the_weather(simulator: Make, caller: Make, weather: Weather) -> None:
    sim = simulator(start_time=1_795_219_190.0, frozen=True, weather=weather)  # 10 s before 00:00 UTC
    call = caller(sim)

    def ticker() -> Any:
        return call("GET", "/v1/ticker", markets="KRW-BTC").body[0]

    sim.trade("KRW-BTC", volume="1")
    sim.advance(9)
    before = ticker()
    assert before["acc_trade_volume"] > 1
    sim.advance(6)
    after = ticker()
    last = before["trade_price"]
    assert [after[name] for name in ("prev_closing_price", "opening_price", "high_price", "low_price")] == [last] * 4
    assert (after["acc_trade_volume"], after["acc_trade_price"], after["change"]) == (0, 0, "EVEN")
    assert after["acc_trade_volume_24h"] == before["acc_trade_volume_24h"]
    (day,) = call("GET", "/v1/candles/days", market="KRW-BTC").body
    assert day["trade_price"] == last, "no candle without a trade"
    price = last + 5000
    sim.trade("KRW-BTC", price=price, side="BID", volume="1")
    first = ticker()
    assert [first[name] for name in ("opening_price", "high_price", "low_price")] == [price] * 3
    (day,) = call("GET", "/v1/candles/days", market="KRW-BTC").body
    assert (day["opening_price"], day["prev_closing_price"], day["candle_acc_trade_volume"]) == (price, last, 1)


def test_a_call_takes_its_way_and_the_first_of_a_connection_three(simulator: Make, caller: Make) -> None:
    call = caller(simulator(weather=Weather.calm(round_trip=0.1)))
    took = []
    for _ in range(2):
        begun = time.monotonic()
        call("GET", "/v1/market/all")
        took.append(time.monotonic() - begun)
    assert took[0] >= 0.3
    assert took[1] >= 0.1
