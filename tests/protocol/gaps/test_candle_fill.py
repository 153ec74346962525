"""Which pages of candles are asked for, what of them is missing, and what an answer that lags is worth."""

import json
from typing import Any

import pytest

from websocket_v6.protocol.delivery.closer import Ask
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events.candle_intervals import start_of, utc_text
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.gaps.candle_fill import (
    LAGS,
    MAX_PAGES,
    MOST_LAGS,
    PAGE,
    CandleFill,
    CandleQuery,
    read_candles,
)

STREAM = "candle.1m KRW-X"
MINUTE = 60_000
NOON = 1_795_176_000_000


def at(minutes: int) -> int:
    return NOON + minutes * MINUTE


def row(minutes: int, volume: float = 1.5) -> dict[str, Any]:
    start = utc_text(at(minutes))
    return {
        "market": "KRW-X",
        "candle_date_time_utc": start,
        "candle_date_time_kst": start,
        "opening_price": 1000.0,
        "high_price": 1200.0,
        "low_price": 900.0,
        "trade_price": 1100.0,
        "timestamp": at(minutes) + 59_000,
        "candle_acc_trade_price": 1650.0,
        "candle_acc_trade_volume": volume,
        "unit": 1,
    }


class Rest:
    """The exchange's REST side: its rows, without the newest `lag` of them."""

    def __init__(self, *minutes: int) -> None:
        self.minutes = sorted(minutes)
        self.lag = 0
        self.asked: list[CandleQuery] = []

    def answer(self, query: CandleQuery) -> bytes:
        self.asked.append(query)
        there = self.minutes[: len(self.minutes) - self.lag]
        found = [one for one in reversed(there) if query.to_ms is None or at(one) < query.to_ms]
        return json.dumps([row(one) for one in found[: query.most]]).encode()


def run(fill: CandleFill, rest: Rest, exchange_ms: float = at(60)) -> list[float]:
    """Ask until it is done, or an answer was too old."""
    waits: list[float] = []
    while not fill.is_done and not any(waits):
        waits.append(fill.receive(rest.answer(fill.query()), exchange_ms))
    return waits


def minutes(fill: CandleFill) -> list[int]:
    return [(start_ms - NOON) // MINUTE for start_ms, _ in fill.rows]


def gap(from_: int, end: int | None) -> CandleFill:
    shown = frozenset() if end is None else frozenset({at(end)})
    return CandleFill(STREAM, Ask(1, at(from_), None if end is None else at(end), None, shown))


def history(count: int, end: int | None, *shown: int) -> CandleFill:
    return CandleFill(STREAM, Ask(1, None, None if end is None else at(end), count, frozenset(map(at, shown))))


# --- rows


def test_a_row_becomes_the_message_that_the_socket_would_have_sent() -> None:
    (found,) = read_candles(json.dumps([row(3)]).encode(), STREAM).items()
    event = decode(found[1])
    assert found[0] == at(3) == start_of(found[1])
    expected = {key: value for key, value in row(3).items() if key not in ("market", "unit")}
    shown = json.loads(found[1])
    assert shown == {"type": "candle.1m", "code": "KRW-X", "stream_type": "REALTIME", **expected}
    assert list(shown)[-1] == "stream_type"
    assert event.stream == STREAM
    assert b":1.5," in found[1], "numbers stay as they are spelled"


def test_regions_without_korean_time_have_none() -> None:
    plain = {key: value for key, value in row(3).items() if not key.endswith("kst")}
    (payload,) = read_candles(json.dumps([plain]).encode(), STREAM).values()
    assert b"kst" not in payload


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b'{"error":{"name":404,"message":"Code not found"}}',
        json.dumps([{**row(1), "market": "KRW-Y"}]).encode(),
        json.dumps([{**row(1), "candle_date_time_utc": "soon"}]).encode(),
        json.dumps([{**row(1), "timestamp": "soon"}]).encode(),
        json.dumps([{"market": "KRW-X"}]).encode(),
    ],
)
def test_what_is_no_page_of_candles_of_this_market_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_candles(body, STREAM)


@pytest.mark.parametrize(
    ("stream", "path"),
    [
        ("candle.1s KRW-X", "/v1/candles/seconds"),
        ("candle.1m KRW-X", "/v1/candles/minutes/1"),
        ("candle.240m KRW-X", "/v1/candles/minutes/240"),
    ],
)
def test_where_each_unit_is_asked_for(stream: str, path: str) -> None:
    query = CandleFill(stream, Ask(1, None, at(0), 5, frozenset())).query()
    assert query.path == path
    assert query.parameters()["market"] == "KRW-X"


# --- a gap


def test_a_gap_is_fetched_with_the_newest_as_a_proof_of_its_age() -> None:
    rest, fill = Rest(-5, -2, 0, 1), gap(-2, 1)
    assert run(fill, rest) == [0.0]
    assert minutes(fill) == [-2, 0]
    assert fill.covered(at(60)) == (at(-2), at(1))
    assert rest.asked[0].parameters() == {"market": "KRW-X", "count": "200", "to": "2026-11-20T12:02:00Z"}


def test_an_answer_without_what_the_stream_has_shown_is_asked_for_again() -> None:
    rest, fill = Rest(-2, 0, 1), gap(-2, 1)
    rest.lag = 2
    waits = [run(fill, rest)[-1] for _ in range(5)]
    assert waits == [*LAGS, LAGS[-1]]
    assert not fill.is_done
    rest.lag = 0
    run(fill, rest)
    assert (fill.is_done, minutes(fill)) == (True, [-2, 0])


def test_answers_that_lag_for_minutes_end_it() -> None:
    rest, fill = Rest(-2, 0, 1), gap(-2, 1)
    rest.lag = 2
    for _ in range(MOST_LAGS - 1):
        run(fill, rest)
    assert not fill.is_done
    run(fill, rest)
    assert (fill.is_done, fill.problem) == (True, "the exchange's answers lack what its stream has shown")
    assert fill.covered(at(60)) is None


def test_a_long_gap_takes_several_pages() -> None:
    rest, fill = Rest(*range(-1000, 2)), gap(-450, 1)
    run(fill, rest)
    assert minutes(fill) == list(range(-450, 1))
    assert len(rest.asked) == 3
    assert {one.most for one in rest.asked} == {PAGE}


def test_there_is_an_end_to_it() -> None:
    rest, fill = Rest(*range(-5000, 2)), gap(-4900, 1)
    run(fill, rest)
    assert len(rest.asked) == MAX_PAGES
    assert "4,000" in fill.problem
    assert fill.covered(at(60)) == (at(2 - 4000), at(1)), "what was fetched is whole"


def test_what_nobody_answered_covers_nothing() -> None:
    fill = gap(-2, 1)
    fill.give_up("no answer")
    fill.give_up("and no reason")
    assert (fill.is_done, fill.problem, fill.rows, fill.covered(at(60))) == (True, "no answer", (), None)


def test_the_whole_of_a_short_past_is_enough() -> None:
    rest, fill = Rest(0, 1), gap(-5, 1)
    run(fill, rest)
    assert fill.covered(at(60)) == (at(-5), at(1))


@pytest.mark.parametrize(
    ("there", "now", "until"),
    [
        ((-5, -3), at(0), -1),  # ten seconds after its end what has no row does not exist
        ((-5, -3), at(0) + 9_999, -1),
        ((-5, -3), at(0) + 10_000, 0),
        ((-5, -3, -1), at(0) + 2_000, 0),  # a row that is final shows that those before it are there
        ((-5, -3, -1), at(0) + 1_999, -1),  # and one that is not does not
    ],
)
def test_without_a_newest_candle_it_is_certain_up_to_some_moment(there: tuple[int, ...], now: int, until: int) -> None:
    rest, fill = Rest(*there), gap(-5, None)
    run(fill, rest, now)
    assert fill.covered(now) == (at(-5), at(until))


# --- history


def test_history_is_of_the_candles_that_there_are() -> None:
    rest, fill = Rest(-50, -20, -3, -2, 0), history(3, 0, 0)
    run(fill, rest)
    assert minutes(fill) == [-20, -3, -2]
    assert (len(rest.asked), rest.asked[0].most) == (1, 4)
    assert fill.covered(at(60)) is None, "nothing is said of what was not asked for"


def test_a_long_history_takes_several_pages() -> None:
    rest, fill = Rest(*range(-1000, 1)), history(450, 0, 0)
    run(fill, rest)
    assert minutes(fill) == list(range(-450, 0))
    assert [one.most for one in rest.asked] == [200, 200, 51]


def test_history_without_a_live_candle_has_room_for_those_that_are_not_final() -> None:
    rest, fill = Rest(*range(-10, 1)), history(3, None)
    run(fill, rest)
    assert minutes(fill)[-4:] == [-3, -2, -1, 0]
    assert "to" not in rest.asked[0].parameters()


def test_history_that_lags_behind_the_stream_is_asked_for_again() -> None:
    rest, fill = Rest(-3, -2, 0), history(2, None, 0)
    rest.lag = 1
    assert run(fill, rest) == [LAGS[0]]
    rest.lag = 0
    run(fill, rest)
    assert minutes(fill) == [-3, -2, 0]
