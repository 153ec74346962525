"""Past candles: as the socket tells them, in pages, with a past behind the simulation."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
START = 1_795_176_000.0  # 2026-11-20 12:00:00 UTC
MINUTES = (1, 3, 5, 10, 15, 30, 60, 240)


def starts(rows: list[Any]) -> list[str]:
    return [row["candle_date_time_utc"] for row in rows]


@pytest.mark.parametrize("minutes", MINUTES)
def test_the_newest_is_the_socket_s(simulator: Make, caller: Make, minutes: int) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    for _ in range(5):
        sim.trade("KRW-BTC")
    (row,) = call("GET", f"/v1/candles/minutes/{minutes}", market="krw-btc").body
    socket = json.loads(sim.current(f"candle.{minutes}m KRW-BTC"))
    assert (row.pop("market"), row.pop("unit")) == ("KRW-BTC", minutes)
    assert row == {key: socket[key] for key in row}
    assert set(socket) - set(row) == {"type", "code", "stream_type"}


def test_what_has_no_trade_has_no_candle(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    for _ in range(3):
        sim.trade("KRW-BTC")
        sim.advance(120)
    rows = call("GET", "/v1/candles/minutes/1", market="KRW-BTC", count=3).body
    assert starts(rows) == ["2026-11-20T12:04:00", "2026-11-20T12:02:00", "2026-11-20T12:00:00"]
    seconds = call("GET", "/v1/candles/seconds", market="KRW-BTC", count=2).body
    assert starts(seconds) == ["2026-11-20T12:04:00", "2026-11-20T12:02:00"]


@pytest.mark.parametrize("path", ["seconds", "minutes/1", "minutes/240", "days", "weeks", "months", "years"])
def test_pages_leave_no_hole_and_repeat_nothing(simulator: Make, caller: Make, path: str) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    sim.trade("KRW-BTC")
    whole = call("GET", f"/v1/candles/{path}", market="KRW-BTC", count=40).body
    paged: list[Any] = []
    to: dict[str, str] = {}
    while len(paged) < len(whole):
        rows = call("GET", f"/v1/candles/{path}", market="KRW-BTC", count=7, **to).body
        paged += rows
        to = {"to": rows[-1]["candle_date_time_utc"] + "Z"}
    assert paged[: len(whole)] == whole
    assert starts(whole) == sorted(set(starts(whole)), reverse=True)
    for row in whole:
        assert row["low_price"] <= min(row["opening_price"], row["trade_price"])
        assert row["high_price"] >= max(row["opening_price"], row["trade_price"])
        assert row["candle_acc_trade_volume"] > 0
        assert row["timestamp"] < START * 1000 + 1000
    # A candle of the past begins where the one before ends.
    past = whole[2:]
    assert all(newer["opening_price"] == older["trade_price"] for newer, older in itertools.pairwise(past))


def test_units_of_the_past_agree(simulator: Make, caller: Make) -> None:
    call = caller(simulator(frozen=True, start_time=START))
    (hour,) = call("GET", "/v1/candles/minutes/60", market="KRW-ETH", to="2026-11-19T08:00:00").body
    minutes = call("GET", "/v1/candles/minutes/1", market="KRW-ETH", to="2026-11-19T08:00:00Z", count=60).body
    assert hour["candle_date_time_utc"] == minutes[-1]["candle_date_time_utc"] == "2026-11-19T07:00:00"
    assert (hour["opening_price"], hour["trade_price"]) == (minutes[-1]["opening_price"], minutes[0]["trade_price"])
    total = sum(row["candle_acc_trade_volume"] for row in minutes)
    assert total == pytest.approx(hour["candle_acc_trade_volume"])
    # A zone is read; 17:00 in Korea is 08:00 UTC.
    assert call("GET", "/v1/candles/minutes/60", market="KRW-ETH", to="2026-11-19T17:00:00+09:00").body == [hour]


def test_days_agree_with_the_ticker(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    for _ in range(20):
        sim.trade("KRW-BTC")
    ticker = call("GET", "/v1/ticker", markets="KRW-BTC").body[0]
    today, yesterday = call("GET", "/v1/candles/days", market="KRW-BTC", count=2).body
    assert today["candle_date_time_kst"] == "2026-11-20T09:00:00"
    for key in ("opening_price", "high_price", "low_price", "trade_price", "prev_closing_price"):
        assert today[key] == ticker[key], key
    assert today["change_price"] == ticker["signed_change_price"]
    assert today["change_rate"] == ticker["signed_change_rate"]
    assert today["candle_acc_trade_volume"] == pytest.approx(ticker["acc_trade_volume"])
    assert yesterday["trade_price"] == ticker["prev_closing_price"]
    btc = call("GET", "/v1/candles/days", market="BTC-ETH", converting_price_unit="KRW").body[0]
    assert btc["converted_trade_price"] == pytest.approx(btc["trade_price"] * ticker["trade_price"])


def test_longer_periods_begin_where_their_first_day_does(simulator: Make, caller: Make) -> None:
    call = caller(simulator(frozen=True, start_time=START))
    first = {
        path: [row["first_day_of_period"] for row in call("GET", f"/v1/candles/{path}", market="KRW-BTC", count=2).body]
        for path in ("weeks", "months", "years")
    }
    assert first == {
        "weeks": ["2026-11-16", "2026-11-09"],
        "months": ["2026-11-01", "2026-10-01"],
        "years": ["2026-01-01", "2025-01-01"],
    }


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("minutes/2", {}),
        ("minutes/x", {}),
        ("minutes/1", {"count": 201}),
        ("days", {"count": 0}),
        ("days", {"to": "yesterday"}),
        ("days", {"to": "2026-11-19T17:00:00 09:00"}),
        ("days", {"converting_price_unit": "EUR"}),
        ("days", {"market": ""}),
    ],
)
def test_what_is_refused(simulator: Make, caller: Make, path: str, params: Any) -> None:
    answer = caller(simulator())("GET", f"/v1/candles/{path}", **{"market": "KRW-BTC", **params})
    assert (answer.status, answer.error) == (400, 400)


def test_a_replica_that_lags_lacks_the_newest(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    sim.trade("KRW-BTC")
    sim.advance(60)
    sim.delay_rest(30)
    sim.trade("KRW-BTC")
    assert starts(call("GET", "/v1/candles/minutes/1", market="KRW-BTC").body) == ["2026-11-20T12:00:00"]
    assert len(call("GET", "/v1/trades/ticks", market="KRW-BTC", count=500).body) == 2
    sim.advance(31)
    assert starts(call("GET", "/v1/candles/minutes/1", market="KRW-BTC").body) == ["2026-11-20T12:01:00"]


def test_a_new_listing_has_no_past(simulator: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=START)
    call = caller(sim)
    sim.list_market("KRW-NEW", 100, state="PREVIEW", traded=False)
    assert call("GET", "/v1/candles/days", market="KRW-NEW", count=10).body == []
    sim.set_market_state("KRW-NEW", "ACTIVE")
    sim.trade("KRW-NEW", 120)
    (row,) = call("GET", "/v1/candles/days", market="KRW-NEW", count=10).body
    assert row["opening_price"] == row["trade_price"] == 120
