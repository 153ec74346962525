"""What a message says where the exchange's documents leave it open, and in another region."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from websocket_v6.simulator import Answers

Make = Callable[..., Any]
ALL = ["ticker", "trade", "orderbook", "candle.1m"]


def objects(*codes: str, types: list[str] = ALL, **options: Any) -> list[dict[str, Any]]:
    return [{"type": type_, "codes": list(codes), **options} for type_ in types]


def test_best_prices_describe_the_book_after_or_before_or_are_null(simulator: Make, client: Make) -> None:
    sizes = {}
    for answer in ("after", "before", "null"):
        sim = simulator(answers=Answers(best_prices=answer))
        reader = client(sim.url)
        reader.ask({"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True})
        sim.wait_served({"trade KRW-BTC"})
        book = json.loads(sim.current("orderbook KRW-BTC.1"))["orderbook_units"][0]
        sim.trade("KRW-BTC", volume=book["ask_size"] / 2, side="BID")
        trade = reader.read()
        sizes[answer] = trade["best_ask_size"] and trade["best_ask_size"] / book["ask_size"]
        assert (trade["best_bid_price"] is None) == (answer == "null")
    assert sizes == {"after": pytest.approx(0.5, abs=1e-3), "before": 1, "null": None}


def test_some_trades_may_have_no_best_prices(simulator: Make) -> None:
    sim = simulator(frozen=True, answers=Answers(best_null_share=0.5))
    found = []
    for _ in range(60):
        sim.trade("KRW-BTC")
        found.append(json.loads(sim.current("trade KRW-BTC"))["best_ask_price"] is None)
    assert 10 < sum(found) < 50


def test_totals_over_what_is_shown_or_over_all(simulator: Make) -> None:
    shown = json.loads(simulator().current("orderbook KRW-BTC.1"))
    all_ = json.loads(simulator(answers=Answers(totals="all")).current("orderbook KRW-BTC.1"))
    assert shown["total_ask_size"] == shown["orderbook_units"][0]["ask_size"] < all_["total_ask_size"]


def test_tickers_carry_the_deprecated_keys_and_the_end_of_a_market_in_either_form(simulator: Make) -> None:
    for answers, present, expected in (
        (Answers(), True, {"year": 2026, "month": 12, "day": 1}),
        (Answers(deprecated_ticker_keys=False, delisting_date="text"), False, "2026-12-01"),
    ):
        sim = simulator(answers=answers)
        before = json.loads(sim.current("ticker KRW-BTC"))
        assert (before["delisting_date"], "market_warning" in before) == (None, present)
        sim.set_market_state("KRW-BTC", "DELISTED", datetime(2026, 12, 1, tzinfo=UTC))
        after = json.loads(sim.current("ticker KRW-BTC"))
        assert (after["delisting_date"], after["market_state"]) == (expected, "DELISTED")


def test_the_time_of_a_candle_is_that_of_its_last_trade_or_of_the_message(simulator: Make) -> None:
    for answer, later in (("last_trade", 0), ("sent", 5000)):
        answers = Answers(candle_timestamp=answer)  # type: ignore[arg-type]
        sim = simulator(frozen=True, answers=answers)
        sim.trade("KRW-BTC")
        traded = json.loads(sim.current("trade KRW-BTC"))["timestamp"]
        sim.advance(5)
        assert json.loads(sim.current("candle.1m KRW-BTC"))["timestamp"] == traded + later


def test_another_region_has_neither_level_nor_korean_time(simulator: Make, client: Make) -> None:
    reader = client(simulator(markets=["SGD-BTC"], region="sg").url)
    reader.ask(*objects("SGD-BTC", types=["orderbook", "candle.1m"]))
    book, candle = reader.read_many(2)
    assert "level" not in book
    assert "candle_date_time_kst" not in candle
    reader.ask({"type": "nope"})
    assert reader.read()["error"]["message"] == "type nope is not supported."
