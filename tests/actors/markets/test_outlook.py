"""What the newest values say of markets."""

import json
import time
from typing import Any, cast

import pytest

from websocket_v6.actors.delivery.last_values import LastValues
from websocket_v6.actors.markets.outlook import announcements, last_heard, standings
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.markets.signs import Standing


class Last:
    """As far as it is read here, a route."""

    def __init__(self, stream: Stream, age: float, message: dict[str, Any] | bytes) -> None:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.last = make_event(stream, payload, 1, time.time_ns() - int(age * 1e9))


def values(*lasts: tuple[Stream, float, dict[str, Any] | bytes]) -> LastValues:
    return LastValues(cast(Any, {one[0]: Last(*one) for one in lasts}), lambda: False)


def test_a_code_was_heard_when_the_newest_of_all_its_streams_came() -> None:
    known = values(("ticker KRW-A", 90.0, {}), ("candle.1m KRW-A", 5.0, {}), ("trade KRW-B", 50.0, {}))
    heard = last_heard(known, ["KRW-A", "KRW-B", "KRW-C"])
    now = time.monotonic()
    assert {code: round(now - at) for code, at in heard.items()} == {"KRW-A": 5, "KRW-B": 50}


def test_a_clock_that_was_set_back_makes_nothing_younger_than_now() -> None:
    (at,) = last_heard(values(("ticker KRW-A", -3600.0, {})), ["KRW-A"]).values()
    assert at <= time.monotonic()


def test_how_markets_stand() -> None:
    known = values(
        ("ticker KRW-A", 1.0, {"ty": "ticker", "cd": "KRW-A", "ms": "ACTIVE", "dd": None}),
        ("orderbook KRW-B", 70.0, {}),
        ("trade KRW-C", 1.0, {}),
        ("ticker KRW-D", 1.0, b"{"),
    )
    found = standings(known, ["KRW-A", "KRW-B", "KRW-C", "KRW-D", "KRW-E"])
    assert sorted(found) == ["KRW-A", "KRW-B", "KRW-D"]
    assert found["KRW-A"] == Standing("ACTIVE")
    assert found["KRW-B"].book_age == pytest.approx(70.0, abs=5.0)
    assert found["KRW-D"] == Standing(), "what cannot be read says nothing"


def test_which_announcements_about_trading_are_the_newest() -> None:
    known = values(
        ("announcement trade", 1.0, {"ty": "announcement", "uid": "a-1", "et": "CREATED", "cat": "trade"}),
        ("announcement event", 1.0, {"ty": "announcement", "uid": "b-1", "et": "CREATED", "cat": "event"}),
        ("announcement trading", 1.0, b"{"),
    )
    assert announcements(known) == ["a-1 CREATED"]
