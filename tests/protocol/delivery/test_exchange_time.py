"""The exchange's clock as its messages show it: never ahead of it, and no clock of this machine's is asked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.exchange_time import WINDOW, ExchangeTime, made_at

EPOCH_MS = 1_795_000_000_000


def test_nothing_tells_the_time_at_first() -> None:
    assert ExchangeTime().at(5.0) is None


def test_the_date_counts_until_a_message_comes() -> None:
    time = ExchangeTime()
    time.date(100.0, EPOCH_MS)
    assert time.at(101.5) == EPOCH_MS + 1500
    time.note(102.0, EPOCH_MS + 1900)
    assert time.at(102.0) == EPOCH_MS + 1900


def test_a_machine_that_was_asleep_goes_by_the_next_handshake() -> None:
    time = ExchangeTime()
    time.note(100.0, EPOCH_MS)
    time.date(101.0, EPOCH_MS + 4_000)
    assert time.at(101.0) == EPOCH_MS + 1_000, "a second of it may be its own"
    time.date(102.0, EPOCH_MS + 600_000)
    assert time.at(102.0) == EPOCH_MS + 600_000
    time.note(102.5, EPOCH_MS + 600_900)
    assert time.at(102.5) == EPOCH_MS + 600_900


def test_the_quickest_message_of_ten_minutes_counts() -> None:
    time = ExchangeTime()
    for at, way in ((0.0, 0.3), (1.0, 0.05), (2.0, 0.2), (300.0, 0.1)):
        time.note(at, EPOCH_MS + round((at - way) * 1000))
    assert time.at(300.0) == pytest.approx(EPOCH_MS + 299_950)
    time.note(301.0 + WINDOW, EPOCH_MS + round((301.0 + WINDOW - 0.4) * 1000))
    assert time.at(301.0 + WINDOW) == pytest.approx(EPOCH_MS + round((301.0 + WINDOW) * 1000) - 400)


@given(st.integers(0, 2**32))
def test_it_is_never_ahead_and_behind_by_the_shortest_way_of_late(seed: int) -> None:
    rng, time, at = random.Random(seed), ExchangeTime(), 0.0
    ways: list[tuple[float, float]] = []
    for _ in range(200):
        at += rng.choice((0.001, 0.5, 20.0, 200.0))
        way = rng.uniform(0.01, 3.0)
        ways.append((at, way))
        time.note(at, int((at - way) * 1000) + EPOCH_MS)
        shown = time.at(at)
        assert shown is not None
        behind = at * 1000 + EPOCH_MS - shown
        assert behind >= 0
        # What came within a slice of the window's edge may be forgotten with it.
        assert behind <= min(one for came, one in ways if came > at - WINDOW + 10.0) * 1000 + 1.5


@pytest.mark.parametrize(
    ("payload", "ms"),
    [
        (b'{"type":"trade","trade_timestamp":1795152672001,"timestamp":1795152672438}', 1795152672438),
        (b'{"ty":"ticker","ttms": 1795152672001, "tms" : 1795152672438,"st":"REALTIME"}', 1795152672438),
        (b'{"type":"trade","timestamp":"soon"}', None),
        (b"", None),
    ],
)
def test_when_a_message_was_made(payload: bytes, ms: int | None) -> None:
    assert made_at(payload) == ms
