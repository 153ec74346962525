"""Delays are sampled from live messages, and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.delays import BOUNDS, PAUSE_NS, DelayHealth, Delays

NOW_NS = 1_790_000_000 * 10**9


def message(at_ns: int, *, kind: str = "REALTIME", spelling: str = "SIMPLE") -> bytes:
    time, state = ("tms", "st") if spelling == "SIMPLE" else ("timestamp", "stream_type")
    return f'{{"ty":"trade","cd":"KRW-BTC","ttms":1,"{time}":{at_ns // 10**6},"{state}":"{kind}"}}'.encode()


@pytest.mark.parametrize("spelling", ["SIMPLE", "DEFAULT"])
def test_a_delay_is_from_the_exchange_s_clock_to_the_reading(spelling: str) -> None:
    delays = Delays()
    delays.note("public", NOW_NS, [b"{}", message(NOW_NS - 30_000_000, spelling=spelling)])
    (found,) = delays.health()
    assert found.endpoint == "public"
    assert found.recent == pytest.approx(0.03)
    assert found.total == pytest.approx(0.03)
    assert dict(zip(BOUNDS, found.counts[:-1], strict=True))[0.05] == 1
    assert sum(found.counts) == 1


@pytest.mark.parametrize(
    "payload",
    [
        message(NOW_NS, kind="SNAPSHOT"),
        message(NOW_NS - 61 * 10**9),
        message(NOW_NS + 61 * 10**9),
        b'{"st":"REALTIME"}',
        b'{"tms":17,"st":"REALTIME"}',
        b"",
    ],
)
def test_what_says_nothing_of_a_delay_is_left_out(payload: bytes) -> None:
    delays = Delays()
    delays.note("public", NOW_NS, [payload])
    assert delays.health() == ()


def test_a_clock_that_is_a_little_behind_makes_no_negative_delay() -> None:
    delays = Delays()
    delays.note("public", NOW_NS, [message(NOW_NS + 5 * 10**9)])
    assert delays.health() == (DelayHealth("public", 0.0, (1, *[0] * len(BOUNDS)), 0.0),)


def test_each_endpoint_has_its_pace_and_a_clock_set_back_stops_none() -> None:
    delays = Delays()
    for at_ns in (NOW_NS, NOW_NS + PAUSE_NS - 1, NOW_NS + PAUSE_NS, NOW_NS - 3600 * 10**9):
        delays.note("public", at_ns, [message(at_ns)])
        delays.note("private", at_ns, [message(at_ns)])
    assert [sum(one.counts) for one in delays.health()] == [3, 3]


@given(st.lists(st.floats(0, 50), min_size=1, max_size=50))
def test_every_sample_is_counted_once_and_the_recent_one_lies_among_them(seconds: list[float]) -> None:
    delays = Delays()
    for number, delay in enumerate(seconds):
        at_ns = NOW_NS + number * PAUSE_NS
        delays.note("public", at_ns, [message(at_ns - int(delay * 1e9))])
    (found,) = delays.health()
    assert sum(found.counts) == len(seconds)
    assert min(seconds) - 0.002 <= found.recent <= max(seconds) + 0.002
    assert found.total == pytest.approx(sum(seconds), abs=0.002 * len(seconds))
