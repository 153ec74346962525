"""cli/host_state.py: what the page is told."""

import json
from typing import Any

from websocket_v6.health import ClientHealth, ConnectionHealth, Counters, Health, KnownGap, VisitorHealth
from websocket_v6.state import MOST_GAPS, MOST_MARKETS, MOST_ROWS, host_state

COUNTERS = Counters(10, 9, 0, 1, 0, 2, 3)
HEALTH = Health(
    "host",
    "websocket-v6 serve",
    1,
    2,
    (ConnectionHealth("public", 1, "open", 3, 12.5, 2, 99, "", serves=True),),
    3,
    COUNTERS,
    (),
    wanted=("ticker USDT-BTC", "ticker KRW-ETH", "ticker KRW-BTC", "candle.1m KRW-BTC", "myOrder *"),
    gaps=(
        KnownGap("public", 2, 1_000_000_000, 3_000_000_000, "lost"),
        KnownGap("public", 3, 4_000_000_000, 5_500_000_000, ""),
    ),
    members=(ClientHealth("process 7 (bot.py)", 7, ("public",), 2, 5, 1024),),
    visitors=(
        VisitorHealth("a program at ::1", "public", "SIMPLE", 1, 4, 0, is_onlooker=False),
        VisitorHealth("the page at ::1", "public", "SIMPLE", 1, 4, 0, is_onlooker=True),
    ),
    cut_off=1,
)


def state(health: Health = HEALTH) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host_state(health, "wss://exchange", 12.34, 1.5))
    return found


def test_it_is_all_there() -> None:
    shown = state()
    assert (shown["role"], shown["url"], shown["rate"], shown["began"]) == ("host", "wss://exchange", 12.3, 1.5)
    assert shown["counters"] == COUNTERS._asdict()
    assert shown["connections"][0]["up_seconds"] == 12.5
    assert shown["processes"][0]["name"] == "process 7 (bot.py)"
    assert [one["name"] for one in shown["programs"]] == ["a program at ::1", "the page at ::1"]
    assert (shown["guests"], shown["cut_off"]) == (2, 1)


def test_who_only_looks_on_is_no_program() -> None:
    assert state()["visitors"] == 1


def test_streams_are_counted_by_type_and_won_markets_come_first() -> None:
    shown = state()
    assert shown["streams"] == {"candle.1m": 1, "myOrder": 1, "ticker": 3}
    assert shown["tickers"] == ["KRW-BTC", "KRW-ETH", "USDT-BTC"]


def test_the_last_gap_comes_first_and_before_it_one_that_lasts() -> None:
    assert [gap["epoch"] for gap in state()["gaps"]] == [3, 2]
    assert state()["gaps"][0]["ended"] - state()["gaps"][0]["started"] == 1.5
    lasting = KnownGap("private", 2, 2_000_000_000, None, "no network")
    (first, *_) = state(HEALTH._replace(gaps=(*HEALTH.gaps, lasting)))["gaps"]
    assert (first["endpoint"], first["ended"]) == ("private", None)


def test_it_stays_small_whatever_there_is() -> None:
    many = HEALTH._replace(
        wanted=tuple(f"ticker KRW-{number}" for number in range(20_000)),
        gaps=HEALTH.gaps * 100,
        members=HEALTH.members * 1000,
        visitors=HEALTH.visitors * 1000,
    )
    shown = state(many)
    assert (len(shown["tickers"]), shown["tickers_left_out"]) == (MOST_MARKETS, 20_000 - MOST_MARKETS)
    assert len(shown["gaps"]) == MOST_GAPS
    assert len(shown["processes"]) == len(shown["programs"]) == MOST_ROWS
    assert shown["streams"] == {"ticker": 20_000}
    assert len(host_state(many, "wss://exchange", 1, 1)) < 100_000
