"""When messages leave: at once, on the exchange's grid, at midnight, or late."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

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


def test_tickers_may_be_pushed_as_the_sums_of_24_hours_fall(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=1_795_176_000.0, frozen=True, answers=Answers(decay_message=True))
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"ticker KRW-BTC"})
    sim.advance(120.0, idle=False)
    first, second = reader.read_many(2)
    assert (second["timestamp"] - first["timestamp"], reader.is_silent()) == (60_000, True)


@pytest.mark.parametrize("pushed", [False, True])
def test_the_day_begins_at_midnight_and_its_prices_with_the_first_trade(
    simulator: Make, client: Make, pushed: bool
) -> None:
    sim = simulator(start_time=1_795_219_199.0, frozen=True, answers=Answers(day_roll_message=pushed))
    sim.trade("KRW-BTC", price=116_599_000, volume="0.5", side="BID")
    sim.advance(6.0)

    def ticker() -> Any:
        with urlopen(f"{sim.rest_url}/v1/ticker?markets=KRW-BTC") as answer:  # noqa: S310
            over_rest = json.loads(answer.read())[0]
        reader = client(sim.url)
        reader.ask({"type": "ticker", "codes": ["KRW-BTC"], "is_only_snapshot": True})
        snapshot = reader.read()
        for key in ("opening_price", "high_price", "low_price", "prev_closing_price", "acc_trade_volume"):
            assert snapshot[key] == over_rest[key]
        return snapshot

    before = ticker()
    assert before["prev_closing_price"] == before["opening_price"] == before["high_price"] == 116_599_000
    assert (before["acc_trade_volume"], before["change"]) == (0, "EVEN")
    assert before["acc_trade_volume_24h"] > 0.5
    sim.trade("KRW-BTC", price=116_000_000, volume="0.25", side="ASK")
    after = ticker()
    assert after["opening_price"] == after["high_price"] == after["low_price"] == 116_000_000
    assert (after["prev_closing_price"], after["acc_trade_volume"]) == (116_599_000, 0.25)


def test_the_sums_of_24_hours_fall_without_a_trade(simulator: Make) -> None:
    sim = simulator(start_time=1_795_176_000.0, frozen=True)

    def amount() -> Any:
        return json.loads(sim.current("ticker KRW-BTC"))["acc_trade_price_24h"]

    amounts = [amount()]
    for _ in range(6):
        sim.advance(4 * 3600, idle=False)
        amounts.append(amount())
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > amounts[-2] > amounts[-1] == 0


@pytest.mark.parametrize("paced", [False, True])
def test_candles_are_sent_once_a_second_at_most_and_every_trade_is_in_one(
    simulator: Make, client: Make, paced: bool
) -> None:
    sim = simulator(paced=paced, start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", types=["candle.1s", "candle.1m"], is_only_realtime=True))
    sim.wait_served({"candle.1s KRW-BTC", "candle.1m KRW-BTC"})
    for _ in range(60):
        sim.trade("KRW-BTC", volume="0.01")
        sim.advance(0.15)
    sim.advance(1.0)
    last: dict[str, dict[str, Any]] = {"candle.1s": {}, "candle.1m": {}}
    for sent in sim.sent():
        event = json.loads(sent.text)
        last[event["type"]][event["candle_date_time_utc"]] = event["candle_acc_trade_volume"]
    assert sum(last["candle.1s"].values()) == pytest.approx(0.6)
    assert sum(last["candle.1m"].values()) == pytest.approx(0.6)
    assert len(sim.sent(stream="candle.1m KRW-BTC")) <= 11


@pytest.mark.parametrize(
    ("flush", "seconds", "volumes"),
    [("each", [59, 0], [1000.0, 1.0]), ("newest_first", [0, 59], [1.0, 1000.0]), ("newest", [0], [1.0])],
)
def test_a_flush_over_a_boundary_sends_each_candle_or_the_newest(
    simulator: Make, client: Make, flush: Any, seconds: list[int], volumes: list[float]
) -> None:
    sim = simulator(paced=True, start_time=1_795_176_059.95, frozen=True, answers=Answers(candle_flush=flush))
    reader = client(sim.url)
    reader.ask({"type": "candle.1s", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"candle.1s KRW-BTC"})
    sim.trade("KRW-BTC", volume="1000")
    sim.advance(0.06)
    sim.trade("KRW-BTC", volume="1")
    sim.advance(2.0)
    events = [json.loads(sent.text) for sent in sim.sent()]
    assert [int(event["candle_date_time_utc"][-2:]) for event in events] == seconds
    assert [event["candle_acc_trade_volume"] for event in events] == volumes


def test_the_units_of_a_flush_come_in_one_order_or_in_any(simulator: Make, client: Make) -> None:
    units = ["candle.1s", "candle.1m", "candle.3m", "candle.5m", "candle.15m", "candle.240m"]
    orders = {}
    for answer in ("short_first", "long_first", "any"):
        answers = Answers(candle_units=answer)
        sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True, answers=answers)
        reader = client(sim.url)
        reader.ask(*objects("KRW-BTC", types=units, is_only_realtime=True))
        sim.wait(lambda sim: len(sim.served()) == len(units))
        for _ in range(8):
            sim.trade("KRW-BTC")
            sim.advance(1.0)
        types = [sent.stream.split()[0] for sent in sim.sent()]
        orders[answer] = {tuple(types[at : at + len(units)]) for at in range(0, len(types), len(units))}
    assert orders["short_first"] == {tuple(units)}
    assert orders["long_first"] == {tuple(reversed(units))}
    assert len(orders["any"]) > 2


def test_books_of_a_market_have_one_phase_of_the_grid(simulator: Make, client: Make) -> None:
    sim = simulator(paced=True, start_time=1_795_176_000.0, frozen=True)
    reader = client(sim.url)
    reader.ask(*objects("KRW-BTC", "KRW-ETH", types=["orderbook"], is_only_realtime=True))
    sim.wait_served({"orderbook KRW-BTC", "orderbook KRW-ETH"})
    for _ in range(30):
        sim.tick(3)
        sim.advance(0.037)
    for code in ("KRW-BTC", "KRW-ETH"):
        times = [json.loads(sent.text)["timestamp"] for sent in sim.sent(stream=f"orderbook {code}")]
        assert len({ms % 100 for ms in times}) == 1
        assert times == sorted(set(times))


def test_a_late_candle_needs_an_earlier_one(simulator: Make) -> None:
    with pytest.raises(ValueError, match="no closed 240m candle"):
        simulator().repeat_candle("KRW-BTC", "240m")
