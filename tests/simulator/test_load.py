"""Hundreds of markets and thousands of messages a second, from a process of its own."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from websocket_v6.simulator import Weather
from websocket_v6.simulator.market.catalog import many_markets

Make = Callable[..., Any]
TYPES = ("ticker", "trade", "orderbook")


def test_one_request_for_855_codes_gets_a_snapshot_of_each(simulator: Make, client: Make) -> None:
    codes = many_markets(855)
    sim = simulator(markets=855, process=True)
    reader = client(sim.url, max_queue=None)
    reader.ask({"type": "orderbook", "codes": codes})
    assert Counter(event["code"] for event in reader.read_many(855)) == Counter(codes)
    assert reader.is_silent()


@pytest.mark.slow
def test_traffic_is_coherent_at_five_thousand_messages_a_second(simulator: Make, client: Make) -> None:
    codes = many_markets(300)
    sim = simulator(markets=300, process=True, record=False)
    reader = client(sim.url, max_queue=None)
    reader.ask(*({"type": type_, "codes": codes} for type_ in TYPES), format="SIMPLE")
    seen: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for text in (reader.text() for _ in range(900)):
        event = json.loads(text)
        seen[event["ty"], event["cd"]].append(event)
    assert len(seen) == 900
    sim.set_traffic(5_000)
    texts = [reader.text() for _ in range(20_000)]
    sim.set_traffic(0)
    for text in texts:
        event = json.loads(text)
        seen[event["ty"], event["cd"]].append(event)
    for (type_, _), events in seen.items():
        times = [event["tms"] for event in events]
        assert times == sorted(times)
        if type_ == "trade":
            ids = [event["sid"] for event in events]
            assert ids == sorted(set(ids))
        elif type_ == "ticker":
            for before, after in pairwise(events):
                assert after["atv"] == pytest.approx(before["atv"] + after["tv"])
        else:
            for event in events:
                asks = [unit["ap"] for unit in event["obu"] if unit["ap"]]
                bids = [unit["bp"] for unit in event["obu"] if unit["bp"]]
                assert asks == sorted(asks)
                assert bids == sorted(bids, reverse=True)
                assert not asks or not bids or asks[0] > bids[0]


def test_traffic_keeps_about_the_rate_it_was_told(simulator: Make, client: Make) -> None:
    codes = many_markets(100)
    # Two hundred a second is little for any machine; the clock is the simulator's own.
    sim = simulator(markets=100, process=True, traffic=200, weather=Weather.calm())
    reader = client(sim.url, max_queue=None)
    reader.ask(*({"type": type_, "codes": codes, "is_only_realtime": True} for type_ in TYPES), format="SIMPLE")
    reader.read_many(50)
    before = sim.now()
    reader.read_many(400)
    assert 1.0 < sim.now() - before < 4.0
