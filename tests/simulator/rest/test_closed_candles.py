"""What a program that waits for closed candles meets: the last word behind the end, gaps, and a REST side that lags."""

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from websocket_v6.simulator import Answers

Make = Callable[..., Any]
NOON = 1_795_176_000.0  # 2026-11-20 12:00 UTC


def watch(sim: Any, client: Make, *, snapshot: bool = False) -> Any:
    reader = client(sim.url)
    reader.ask({"type": "candle.1m", "codes": ["KRW-BTC"], "is_only_realtime": not snapshot})
    sim.wait_served({"candle.1m KRW-BTC"})
    return reader


def states(sim: Any) -> list[tuple[str, float]]:
    """Return the starts, as minutes and seconds, and the volumes of all messages."""
    events = [json.loads(one.text) for one in sim.sent(stream="candle.1m KRW-BTC")]
    return [(event["candle_date_time_utc"][-5:], event["candle_acc_trade_volume"]) for event in events]


def rows(call: Any, **params: Any) -> dict[str, float]:
    body = call("GET", "/v1/candles/minutes/1", market="KRW-BTC", **params).body
    return {row["candle_date_time_utc"][-8:-3]: row["candle_acc_trade_volume"] for row in body}


@pytest.mark.parametrize(
    ("flush", "told"),
    [
        ("each", [("59:00", 7.0), ("00:00", 1.0)]),
        ("newest_first", [("00:00", 1.0), ("59:00", 7.0)]),
        ("newest", [("00:00", 1.0)]),
    ],
)
def test_the_last_word_comes_after_the_end_or_never_and_rest_has_it(
    simulator: Make, client: Make, caller: Make, flush: Any, told: list[tuple[str, float]]
) -> None:
    sim = simulator(paced=True, frozen=True, start_time=NOON - 300, answers=Answers(candle_flush=flush))
    watch(sim, client)
    sim.advance(299.95, idle=False)
    sim.trade("KRW-BTC", volume="7")
    sim.advance(0.06)
    assert states(sim) == []
    sim.trade("KRW-BTC", volume="1")
    sim.advance(2.0)
    assert states(sim) == told
    assert {"11:59": 7.0, "12:00": 1.0}.items() <= rows(caller(sim), count=2).items()


def test_a_minute_without_a_trade_has_no_candle_on_either_side(simulator: Make, client: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=NOON)
    watch(sim, client)
    for minutes in (0, 3):
        sim.advance(minutes * 60, idle=False)
        sim.trade("KRW-BTC", volume="1")
    assert [start for start, _ in states(sim)] == ["00:00", "03:00"]
    assert list(rows(caller(sim), count=3))[:2] == ["12:03", "12:00"]


def test_a_gap_is_filled_up_to_the_candle_that_the_snapshot_names(simulator: Make, client: Make, caller: Make) -> None:
    sim = simulator(frozen=True, start_time=NOON - 90)
    watch(sim, client)
    sim.trade("KRW-BTC", volume="3")  # 11:58:30
    sim.drop()
    sim.wait_connected(0)
    sim.trade("KRW-BTC", volume="6")
    sim.advance(90)
    sim.trade("KRW-BTC", volume="2")  # 12:00
    sim.advance(70)
    sim.trade("KRW-BTC", volume="1")  # 12:01:10
    snapshot = watch(sim, client, snapshot=True).read()
    assert (snapshot["candle_date_time_utc"][-8:], snapshot["stream_type"]) == ("12:01:00", "SNAPSHOT")
    call = caller(sim)
    # `to` is exclusive; 11:59 had no trade.
    found = rows(call, to="2026-11-20T12:01:00Z", count=200)
    assert list(found)[:2] == ["12:00", "11:58"]
    assert found["12:00"] == 2.0
    assert found["11:58"] >= 9.0
    assert len(found) == 200


def test_a_replica_that_lags_lacks_the_row_that_the_stream_has_shown(
    simulator: Make, client: Make, caller: Make
) -> None:
    sim = simulator(frozen=True, start_time=NOON)
    sim.delay_rest(1.0)
    watch(sim, client)
    sim.trade("KRW-BTC", volume="1")
    assert states(sim) == [("00:00", 1.0)]
    call, seen = caller(sim), []
    for pause in (0.25, 0.5, 1.0):
        seen.append("12:00" in rows(call))
        sim.advance(pause)
    assert [*seen, "12:00" in rows(call)] == [False, False, False, True]


def test_a_late_word_comes_behind_a_newer_candle(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, start_time=NOON)
    watch(sim, client)
    sim.trade("KRW-BTC", volume="1")
    sim.advance(60, idle=False)
    sim.trade("KRW-BTC", volume="2")
    sim.advance(2.5)
    sim.repeat_candle("KRW-BTC", "1m")
    assert states(sim) == [("00:00", 1.0), ("01:00", 2.0), ("00:00", 1.0)]


def test_an_answer_is_dated_by_the_exchange(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, start_time=NOON)
    reader = client(sim.url)
    response = reader.connection.response
    assert parsedate_to_datetime(response.headers["Date"]).timestamp() == NOON
    assert len(response.headers.get_all("Date")) == 1


def test_a_silent_market_answers_a_ping_and_a_dead_line_does_not(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = watch(sim, client)
    assert reader.connection.ping().wait(5.0)
    sim.stall(pongs=True)
    begun = time.monotonic()
    assert not reader.connection.ping().wait(0.1)
    assert time.monotonic() - begun >= 0.1
