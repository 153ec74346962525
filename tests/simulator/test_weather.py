"""The weather: calm is exact, the usual and the storm look like what was recorded."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any
from urllib.request import urlopen

import pytest

from bench.recordings import (
    Stream,
    Trade,
    amounts,
    books_in_front,
    gaps,
    lags,
    quantile,
    read_capture,
    read_ticks,
    run_lengths,
    same_millisecond,
    simulate,
    steps_in_runs,
)
from tests.conftest import SHARED_DATA
from websocket_v6.simulator import Answers, Spread, Weather

Make = Callable[..., Any]
NEAR = {"round_trip": 0.0, "jitter": 0.0}
START = 1_795_176_000.0
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


@cache
def usual() -> Stream:
    return simulate(Weather.usual(**NEAR), seconds=100, traffic=60)


@cache
def storm() -> Stream:
    return simulate(Weather.storm(**NEAR), seconds=80, traffic=3)


# What the constants promise, without the recordings.


def test_calm_is_the_weather_without_arguments() -> None:
    assert Weather.calm() == Weather()
    assert Weather().is_calm
    assert not Weather().delays
    assert Weather(order=("orderbook", "trade", "ticker", "candle")).is_calm
    assert not Weather.usual().is_calm
    assert Weather.storm().pace == 10
    assert Weather.usual(round_trip=0.005) == replace(Weather.usual(), round_trip=0.005)


def test_an_order_names_every_type() -> None:
    with pytest.raises(ValueError, match="trade, ticker, orderbook, candle"):
        Weather(order=("trade",))


def test_a_spread_has_its_ends_and_its_middle() -> None:
    rng = Random(0)
    drawn = [Spread(least=0.1, typical=0.2, sigma=1.0, most=1.0).draw(rng) for _ in range(2000)]
    assert min(drawn) >= 0.1
    assert max(drawn) == 1.0
    assert quantile(drawn, 0.5) == pytest.approx(0.3, rel=0.1)
    assert Spread().draw(rng) == 0.0


def test_trades_are_told_late_and_share_milliseconds() -> None:
    trades = usual().trades
    late = lags(trades)
    assert min(late) >= 30
    assert 34 <= quantile(late, 0.5) <= 55
    assert quantile(late, 0.9) >= 100
    assert 0.2 < same_millisecond(trades) < 0.36
    assert max(run_lengths(trades)) > 7
    assert 0 < books_in_front(usual()) < 0.2


def test_a_busy_market_is_told_no_later_than_a_quiet_one() -> None:
    trades = simulate(Weather.usual(**NEAR), seconds=6, traffic=1500).trades
    late = lags(trades)
    assert 34 <= quantile(late, 0.5) <= 55
    assert quantile(late, 0.9) <= 300


def test_streams_keep_their_order_in_a_storm() -> None:
    told: dict[tuple[str, str], int] = {}
    for type_, code, ms in storm().order:
        assert told.get((type_, code), 0) <= ms
        told[type_, code] = ms
    ids: dict[str, int] = {}
    for text in storm().texts:
        frame = json.loads(text)
        if frame["ty"] == "trade":
            assert ids.get(frame["cd"], 0) < frame["sid"]
            ids[frame["cd"]] = frame["sid"]


def test_the_same_seed_has_the_same_weather() -> None:
    one, two = (simulate(Weather.usual(**NEAR), seconds=5, traffic=50, seed=4) for _ in range(2))
    assert one == two
    assert one != simulate(Weather.usual(**NEAR), seconds=5, traffic=50, seed=5)


# Against the recordings.

recorded = pytest.mark.skipif(not SHARED_DATA.exists(), reason="the recordings are not here")


@cache
def ticks() -> list[Trade]:
    paths = sorted((SHARED_DATA / "ticks").glob("*.jsonl.gz"))
    return [trade for path in paths for trade in read_ticks(path)]


@cache
def capture() -> Stream:
    return read_capture(SHARED_DATA / "captures" / "upbit-simple-2021-04-05.jsonl")


@recorded
def test_bursts_are_as_long_and_as_frequent_as_in_the_ticks() -> None:
    ours, theirs = run_lengths(usual().trades), run_lengths(ticks())
    assert same_millisecond(usual().trades) == pytest.approx(same_millisecond(ticks()), abs=0.06)
    for length, tolerance in ((1, 0.05), (2, 0.03), (3, 0.02), (4, 0.015)):
        assert ours[length] / ours.total() == pytest.approx(theirs[length] / theirs.total(), abs=tolerance)
    assert steps_in_runs(usual().trades) == pytest.approx(steps_in_runs(ticks()), abs=0.04)


@recorded
def test_trades_are_worth_as_much_as_in_the_ticks() -> None:
    for share in (0.25, 0.5, 0.75, 0.9, 0.95):
        ratio = quantile(amounts(usual().trades), share) / quantile(amounts(ticks()), share)
        assert 0.5 < ratio < 2.0, share


@recorded
def test_the_pauses_between_trades_are_as_in_the_ticks_as_far_as_those_are_whole() -> None:
    # The tape has holes of minutes, so only the lower half says something.
    for share in (0.1, 0.25, 0.5):
        ratio = quantile(gaps(usual().trades), share) / quantile(gaps(ticks()), share)
        assert 0.3 < ratio < 3.0, share


@recorded
def test_a_storm_tells_its_trades_as_late_as_the_capture() -> None:
    ours, theirs = (lags(stream.trades, whole_seconds=True) for stream in (storm(), capture()))
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert 0.6 < quantile(ours, share) / quantile(theirs, share) < 1.6, share
    assert max(ours) < 3_500


@recorded
def test_as_many_books_are_in_front_of_their_trades_as_in_the_capture() -> None:
    theirs = books_in_front(capture())
    assert theirs == pytest.approx(51 / 672)
    assert theirs / 3 < books_in_front(usual()) < theirs * 3


# Over a socket.


def ask(client: Any, *types: str, codes: list[str] = CODES, **options: Any) -> None:
    client.ask(*({"type": type_, "codes": codes, **options} for type_ in types))


def test_the_order_of_a_trade_s_messages_can_be_chosen(simulator: Make, client: Make) -> None:
    order = ("orderbook", "ticker", "candle", "trade")
    sim = simulator(weather=Weather.calm(order=order), frozen=True)
    reader = client(sim.url)
    ask(reader, "trade", "ticker", "orderbook", "candle.1m", codes=["KRW-BTC"], is_only_realtime=True)
    sim.wait(lambda sim: len(sim.served()) == 4)
    sim.trade("KRW-BTC")
    assert tuple(event["type"].partition(".")[0] for event in reader.read_many(4)) == order


def test_a_sweep_takes_each_level_on_its_way_in_one_millisecond(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    reader = client(sim.url)
    ask(reader, "trade", codes=["KRW-BTC"], is_only_realtime=True)
    sim.wait_served({"trade KRW-BTC"})
    book = json.loads(sim.current("orderbook KRW-BTC"))
    asks = [(unit["ask_price"], unit["ask_size"]) for unit in book["orderbook_units"]]
    last = sim.trade("KRW-BTC", price=asks[5][0], volume="0.01", side="BID", sweep=True)
    trades = reader.read_many(6)
    assert [(trade["trade_price"], trade["trade_volume"]) for trade in trades] == [*asks[:5], (asks[5][0], 0.01)]
    assert {trade["trade_timestamp"] for trade in trades} == {round(START * 1000)}
    ids = [trade["sequential_id"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 6))
    assert ids[-1] == last
    assert json.loads(sim.current("orderbook KRW-BTC"))["orderbook_units"][0]["bid_price"] <= asks[5][0]


def test_a_sweep_fills_the_orders_on_its_way(simulator: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    price = json.loads(sim.current("orderbook KRW-BTC"))["orderbook_units"][3]["ask_price"]
    order = sim.place_order("KRW-BTC", "ASK", price=str(int(price)), volume="0.5")
    far = json.loads(sim.current("orderbook KRW-BTC"))["orderbook_units"][9]["ask_price"]
    sim.trade("KRW-BTC", price=far, side="BID", sweep=True)
    assert sim.orders()[order] == "done"


def test_snapshots_come_after_the_way_there_and_back_and_the_second_half_later(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(round_trip=0.2, second_burst=0.3))
    begun = time.monotonic()
    reader = client(sim.url)
    assert time.monotonic() - begun >= 0.6  # three round trips
    asked = time.monotonic()
    ask(reader, "trade", codes=CODES[:2])
    reader.read()
    first = time.monotonic() - asked
    reader.read()
    second = time.monotonic() - asked
    assert first >= 0.2
    assert second >= 0.5
    pinged = time.monotonic()
    assert reader.connection.ping().wait(5.0)
    assert time.monotonic() - pinged >= 0.2


def test_what_is_far_away_ends_in_order_too(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(round_trip=0.02, jitter=0.01))
    reader = client(sim.url)
    ask(reader, "trade")
    sim.wait_served({f"trade {code}" for code in CODES})
    for _ in range(50):
        sim.trade("KRW-BTC")
    ids = [event["sequential_id"] for event in reader.read_many(53)[3:]]
    assert ids == sorted(set(ids))
    sim.close(1012, "restart")
    assert reader.ended() == (1012, "restart")
    again = client(sim.url)
    sim.drop()
    assert again.ended() is None


def test_realtime_may_come_before_the_snapshot(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(second_burst=5.0, realtime_first=1.0), frozen=True)
    reader = client(sim.url)
    ask(reader, "trade", codes=["KRW-BTC"])
    sim.wait_served({"trade KRW-BTC"})
    sim.trade("KRW-BTC")
    sim.advance(5.0)
    first, second = reader.read_many(2)
    assert (first["stream_type"], second["stream_type"]) == ("REALTIME", "SNAPSHOT")
    assert first["sequential_id"] == second["sequential_id"]


def test_a_snapshot_tells_what_the_stream_has_told(simulator: Make, client: Make) -> None:
    lag = Spread(least=0.5)
    sim = simulator(weather=Weather.calm(lag=lag, trade_way=lag, book_way=lag), start_time=START, frozen=True)
    reader = client(sim.url)
    ask(reader, "trade", "ticker", codes=["KRW-BTC"], is_only_realtime=True)
    sim.wait_served({"trade KRW-BTC", "ticker KRW-BTC"})
    first = sim.trade("KRW-BTC")
    sim.advance(1.0)
    told = reader.read_many(2)
    assert [event["timestamp"] - event["trade_timestamp"] for event in told] == [500, 500]
    sim.trade("KRW-BTC")
    newcomer = client(sim.url)
    ask(newcomer, "trade", "ticker", codes=["KRW-BTC"])
    trade, ticker = newcomer.read_many(2)
    assert (trade["sequential_id"], ticker["timestamp"]) == (first, told[1]["timestamp"])
    sim.flush()
    after = {event["type"]: event for event in newcomer.read_many(2)}
    assert after["trade"]["sequential_id"] > first
    assert after["ticker"]["timestamp"] > ticker["timestamp"]


def test_a_snapshot_of_what_nobody_takes_is_of_now_and_nothing_older_follows(simulator: Make, client: Make) -> None:
    lag = Spread(least=0.5)
    sim = simulator(weather=Weather.calm(lag=lag, trade_way=lag), start_time=START, frozen=True)
    reader = client(sim.url)
    ask(reader, "trade", codes=["KRW-BTC"])
    reader.read()
    sim.trade("KRW-BTC")
    reader.ask({"type": "trade", "codes": ["KRW-ETH"]})
    assert reader.read()["code"] == "KRW-ETH"
    newest = sim.trade("KRW-BTC")  # untold: nobody takes it
    newcomer = client(sim.url)
    ask(newcomer, "trade", codes=["KRW-BTC"])
    assert newcomer.read()["sequential_id"] == newest
    sim.advance(2.0)
    assert newcomer.is_silent()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_snapshot_is_not_of_what_is_on_its_way_to_be_told_first(simulator: Make, client: Make, quiet: bool) -> None:
    lag = Spread(least=0.5)
    sim = simulator(weather=Weather.calm(lag=lag, trade_way=lag), start_time=START, frozen=True)
    if quiet:
        sim.list_market("KRW-BTC", traded=False)
    before = None if quiet else json.loads(sim.current("trade KRW-BTC"))["sequential_id"]
    early, late = client(sim.url), client(sim.url)
    ask(early, "trade", codes=["KRW-BTC"], is_only_realtime=True)
    sim.wait_served({"trade KRW-BTC"})
    number = sim.trade("KRW-BTC")
    ask(late, "trade", codes=["KRW-BTC"])
    if before is not None:
        assert late.read()["sequential_id"] == before
    assert late.is_silent()
    sim.advance(2.0)
    for reader in (early, late):
        event = reader.read()
        assert (event["stream_type"], event["sequential_id"]) == ("REALTIME", number)
        assert reader.is_silent()


@pytest.mark.parametrize("pauses", [False, True])
def test_what_runs_goes_on_until_the_second_burst_or_pauses(simulator: Make, client: Make, pauses: bool) -> None:
    sim = simulator(weather=Weather.calm(second_burst=5.0), frozen=True, answers=Answers(second_burst_pauses=pauses))
    reader = client(sim.url)
    ask(reader, "trade", codes=CODES[:2])
    reader.read()
    sim.advance(5.0)
    reader.read()
    ask(reader, "trade", codes=CODES[:2])
    assert reader.read()["code"] == CODES[0]
    number = sim.trade(CODES[1])
    kinds = ["SNAPSHOT"] if pauses else ["REALTIME", "SNAPSHOT"]
    sim.advance(5.0)
    assert [(event["stream_type"], event["sequential_id"]) for event in reader.read_many(len(kinds))] == [
        (kind, number) for kind in kinds
    ]
    assert reader.is_silent()


def test_a_snapshot_of_what_nobody_takes_is_not_of_the_future(simulator: Make, client: Make) -> None:
    sim = simulator(weather=Weather.calm(lag=Spread(least=2.0)), start_time=START, frozen=True)
    sim.trade("KRW-BTC")
    reader = client(sim.url)
    ask(reader, "trade", "ticker", codes=["KRW-BTC"])
    assert [event["timestamp"] for event in reader.read_many(2)] == [round(START * 1000)] * 2
    (row,) = json.loads(urlopen(f"{sim.rest_url}/v1/ticker?markets=KRW-BTC").read())  # noqa: S310
    assert row["timestamp"] == round(START * 1000)


def test_what_an_account_is_told_comes_a_little_later_and_in_order(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(weather=Weather.usual(**NEAR), start_time=START + 0.417, frozen=True)
    reader = client(sim.private_url, additional_headers=bearer(sim))
    reader.ask({"type": "myOrder"}, {"type": "myAsset"})
    sim.wait(lambda sim: len(sim.served("private")) == 2)
    sim.place_order("KRW-BTC", "BID", price=110_000_000, volume="0.1")
    sim.advance(1.0)
    order, asset = reader.read_many(2)
    assert (order["type"], asset["type"]) == ("myOrder", "myAsset")
    assert order["order_timestamp"] == START * 1000  # whole seconds
    assert 8 <= asset["timestamp"] - asset["asset_timestamp"] <= 60


def test_traffic_brings_the_usual_weather_and_its_absence_a_calm(simulator: Make) -> None:
    assert simulator(traffic=10, frozen=True)._settings.weather == Weather.usual()
    assert simulator()._settings.weather == Weather.calm()
    assert simulator(traffic=10, weather=Weather.calm(), frozen=True)._settings.paced
    assert simulator(weather=Weather.usual())._settings.paced
    assert not simulator(weather=Weather.usual(), paced=False)._settings.paced


def test_a_storm_has_more_of_everything() -> None:
    kinds = Counter(type_ for type_, _, _ in storm().order)
    assert set(kinds) == {"trade", "orderbook"}
    assert same_millisecond(storm().trades) > same_millisecond(usual().trades)
    assert quantile(lags(storm().trades), 0.5) > 3 * quantile(lags(usual().trades), 0.5)
