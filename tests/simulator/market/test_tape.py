"""When messages leave: at once, on the exchange's grid, at midnight, or late."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers

Make = Callable[..., Any]
ALL = ["ticker", "trade", "orderbook", "candle.1m"]


def objects(*codes: str, types: list[str] = ALL, **options: Any) -> list[dict[str, Any]]:
    return [{"type": type_, "codes": list(codes), **options} for type_ in types]


def test_an_older_candle_may_come_behind_a_newer_one(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask({"type": "candle.1m", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"candle.1m KRW-BTC"})
    sim.trade("KRW-BTC")
    sim.advance(61, idle=False)
    sim.trade("KRW-BTC")
    sim.repeat_candle("KRW-BTC")
    first, second, again = reader.read_many(3)
    assert again == first
    assert first["candle_date_time_utc"] < second["candle_date_time_utc"]


def test_a_paced_market_waits_for_its_grid_and_sends_the_newest(simulator: Make, client: Make) -> None:
    sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", "KRW-ETH", is_only_realtime=True))
    sim.wait(lambda sim: len(sim.served()) == 8)
    for _ in range(5):
        sim.trade("KRW-BTC")
    assert Counter(sent.stream for sent in sim.sent()) == {"trade KRW-BTC": 5, "ticker KRW-BTC": 5}
    sim.flush()
    assert [event["type"] for event in reader.read_many(12)][10:] == ["candle.1m", "orderbook"]
    assert (
        json.loads(sim.sent()[-1].text)["timestamp"]
        == json.loads(sim.sent(stream="trade KRW-BTC")[-1].text)["timestamp"]
    )


def test_a_paced_market_sends_by_itself_as_time_passes(simulator: Make, client: Make) -> None:
    sim = simulator(paced=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", types=["orderbook", "candle.1s"], is_only_realtime=True))
    sim.wait_served({"orderbook KRW-BTC", "candle.1s KRW-BTC"})
    sim.trade("KRW-BTC", price=123_000_000, side="BID")
    first, second = reader.read_many(2)
    assert {first["type"], second["type"]} == {"orderbook", "candle.1s"}


def test_books_leave_on_the_100_ms_grid_of_their_market_and_candles_once_a_second(
    simulator: Make, client: Make
) -> None:
    sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True, answers=Answers(tickers="conflated"))
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", is_only_realtime=True))
    sim.wait_served({f"{type_} KRW-BTC" for type_ in ALL})
    for _ in range(20):
        sim.trade("KRW-BTC")
        sim.advance(0.1)
    sim.advance(1.0)
    kinds = Counter(sent.stream for sent in sim.sent())
    assert kinds["trade KRW-BTC"] == 20
    assert (kinds["orderbook KRW-BTC"], kinds["ticker KRW-BTC"], kinds["candle.1m KRW-BTC"]) == (20, 20, 3)


def test_a_day_may_begin_with_a_ticker(simulator: Make, client: Make) -> None:
    before_midnight = 1_795_219_200.0 - 1.0
    for pushed in (True, False):
        sim = simulator(start_time=before_midnight, answers=Answers(day_roll_message=pushed))
        reader = client(sim.url)
        reader.ask({"type": "ticker", "codes": ["KRW-BTC"]})
        last = reader.read()
        sim.advance(2.0)
        if pushed:
            first = reader.read()
            assert first["prev_closing_price"] == last["trade_price"] == first["opening_price"]
            assert (first["acc_trade_volume"], first["change"]) == (0, "EVEN")
        assert reader.is_silent()
        sim.trade("KRW-BTC")
        assert reader.read()["prev_closing_price"] == last["trade_price"]


def test_a_late_candle_needs_an_earlier_one(simulator: Make) -> None:
    with pytest.raises(ValueError, match="no closed 240m candle"):
        simulator().repeat_candle("KRW-BTC", "240m")
