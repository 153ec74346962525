"""Scripted sequences: what each does, the same every time, and as the docs have it."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.exceptions import InvalidStatus

from tests.simulator.scenarios_page import PAGE, table, with_table
from websocket_v6.simulator.control.scenarios import SCENARIOS

Make = Callable[..., Any]
START = 1_795_176_000.0


def watch(sim: Any, client: Make, *types: str, code: str = "KRW-BTC") -> Any:
    reader = client(sim.url)
    reader.ask(*({"type": type_, "codes": [code], "is_only_realtime": True} for type_ in types))
    sim.wait(lambda sim: len(sim.connections()[-1].subscription) == len(types))
    return reader


def prices(sim: Any, code: str = "KRW-BTC") -> list[float]:
    return [json.loads(sent.text)["trade_price"] for sent in sim.sent(stream=f"trade {code}")]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_the_same_every_time(simulator: Make, client: Make, name: str) -> None:
    records = []
    for _ in range(2):
        sim = simulator(start_time=START, frozen=True, seed=3)
        early = 3.0 if name == "listing" else 0.0  # until there is something to watch
        seconds = sim.scenario(name) if early else SCENARIOS[name].seconds
        sim.advance(early)
        watch(sim, client, "trade", "ticker", code=SCENARIOS[name].code)
        assert early or sim.scenario(name) == seconds
        sim.advance(seconds - early, idle=False)
        records.append(sim.sent())
    assert records[0] == records[1]


def test_a_flash_crash_falls_by_a_quarter_through_the_book_and_comes_half_way_back(
    simulator: Make, client: Make
) -> None:
    sim = simulator(start_time=START, frozen=True)
    watch(sim, client, "trade")
    first = json.loads(sim.current("ticker KRW-BTC"))["trade_price"]
    sim.advance(sim.scenario("flash crash"), idle=False)
    seen = prices(sim)
    assert min(seen) / first == pytest.approx(0.737, abs=0.01)
    assert 0.8 < seen[-1] / first < 0.9
    assert len(seen) > 100  # each level was a trade


def test_a_listing_is_quiet_at_first_and_then_a_rush(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    sim.scenario("listing")
    with pytest.raises(ValueError, match="not listed"):
        sim.current("ticker KRW-NEW")
    sim.advance(3.0)
    with urlopen(f"{sim.rest_url}/v1/market/all") as answer:  # noqa: S310
        assert json.loads(answer.read())[-1]["market"] == "KRW-NEW"
    with pytest.raises(ValueError, match="has not traded yet"):
        sim.current("ticker KRW-NEW")
    watch(sim, client, "trade", code="KRW-NEW")
    sim.advance(17.0, idle=False)
    assert json.loads(sim.current("ticker KRW-NEW"))["market_state"] == "ACTIVE"
    assert len(prices(sim, "KRW-NEW")) > 250


def test_a_delisting_ends_in_silence(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    reader = watch(sim, client, "ticker", code="KRW-DOGE")
    sim.advance(sim.scenario("delisting"), idle=False)
    states = [json.loads(sent.text)["market_state"] for sent in sim.sent()]
    assert (states[0], states[-1]) == ("ACTIVE", "DELISTED")
    reader.read_many(len(states))
    assert reader.is_silent()
    with pytest.raises(ValueError, match="not listed"):
        sim.trade("KRW-DOGE")


def test_maintenance_takes_all_away_for_half_a_minute(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    reader = watch(sim, client, "trade")
    sim.scenario("maintenance")
    sim.advance(5.0)
    assert reader.ended() is None
    with pytest.raises(InvalidStatus):
        client(sim.url)
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{sim.rest_url}/v1/market/all")  # noqa: S310
    caught.value.close()
    sim.advance(30.1)
    client(sim.url)


def test_midnight_comes_in_five_seconds_and_cuts_nobody(simulator: Make, client: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    watch(sim, client, "trade")
    sim.scenario("midnight")
    assert sim.now() % 86_400 == 86_395
    sim.advance(6.0)
    ticker = json.loads(sim.current("ticker KRW-BTC"))
    assert (ticker["prev_closing_price"], ticker["acc_trade_volume"]) == (prices(sim)[-1], 0)
    sim.advance(2.0)
    ticker = json.loads(sim.current("ticker KRW-BTC"), parse_float=Decimal)
    assert ticker["acc_trade_volume"] > 0
    assert ticker["change"] == "FALL"
    assert sim.connections()[0].open


def test_nobody_trades_on_the_way_to_midnight(simulator: Make) -> None:
    sim = simulator(traffic=1000, start_time=START + 100)
    begun = time.monotonic()
    sim.scenario("midnight")
    assert sim.now() % 86_400 >= 86_395
    sim.advance(3600)
    assert time.monotonic() - begun < 10


def test_a_key_expires_and_is_good_again(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(start_time=START, frozen=True)
    private = client(sim.private_url, additional_headers=bearer(sim))
    public = client(sim.url)
    sim.scenario("key expires")
    sim.advance(5.0)
    assert private.ended() is None
    with pytest.raises(InvalidStatus) as caught:
        client(sim.private_url, additional_headers=bearer(sim))
    assert json.loads(caught.value.response.body)["error"]["name"] == "expired_access_key"
    sim.advance(30.1)
    client(sim.private_url, additional_headers=bearer(sim))
    assert public.connection.ping().wait(5.0)


def test_an_unknown_scenario_is_refused_with_their_names(simulator: Make) -> None:
    with pytest.raises(ValueError, match="'end of the world': choose one of flash crash, listing"):
        simulator().scenario("end of the world")


def test_the_docs_have_every_script() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m tests.simulator.scenarios_page"
    assert all(name in table() for name in SCENARIOS)
