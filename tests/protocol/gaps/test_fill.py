"""protocol/gaps/fill.py: which pages are asked for, and what is missing of what they hold."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6 import TradeEvent
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.gaps.fill import Fill, Query, read_page

NOON = 1_795_176_000_000  # 2026-11-20 12:00 UTC
DAY = 86_400_000
PAGE = 500  # Upbit WebSocket reference, "REST for an engine": `count` is at most 500, `days_ago` at most 7
MAX_PAGES = 20
ROW = (
    '{"market":"KRW-ETH","trade_date_utc":"2026-11-20","trade_time_utc":"05:31:12","timestamp":1795152672418,'
    '"trade_price":3875000.10,"trade_volume":1.5E-7,"prev_closing_price":3812000.0,"change_price":%s,'
    '"ask_bid":"BID","sequential_id":17951526724180002}'
)


def page(*trades: tuple[int, int]) -> bytes:
    """Return an answer that holds trades, given as (id, ms)."""
    row = json.loads(ROW % "0")
    return json.dumps([{**row, "sequential_id": number, "timestamp": ms} for number, ms in trades]).encode()


class Exchange:
    """Answers queries as the exchange does: the trades of one day before the cursor, newest first."""

    def __init__(self, trades: dict[int, int], now_ms: int = NOON) -> None:
        self.trades = trades  # id -> ms
        self.now_ms = now_ms
        self.asked: list[Query] = []

    def answer(self, query: Query) -> bytes:
        self.asked.append(query)
        day = self.now_ms // DAY - query.days_ago
        found = sorted(
            (
                (number, ms)
                for number, ms in self.trades.items()
                if ms // DAY == day and (query.cursor is None or number < query.cursor)
            ),
            reverse=True,
        )
        return page(*found[:PAGE])


def run(fill: Fill, exchange: Exchange) -> list[int]:
    """Ask until the fill is done; return the ids that are missing."""
    for _ in range(MAX_PAGES + 10):
        if fill.is_done:
            break
        assert fill.receive(exchange.answer(fill.query()), exchange.now_ms)
    assert fill.is_done
    return [row.id for row in fill.missing()]


def make(known: list[int], *, is_all: bool = True, since_ms: int = NOON - 60_000, first: int | None = None) -> Fill:
    fill = Fill("KRW-ETH", known, is_all=is_all, since_ms=since_ms)
    if first is not None:
        fill.began(first)
    return fill


# --- rows


@pytest.mark.parametrize(("sent", "change", "absolute"), [
    ("63000.00", "RISE", "63000.00"), ("-63000.00", "FALL", "63000.00"), ("0.0", "EVEN", "0.0"),
])  # fmt: skip
def test_a_row_becomes_the_message_of_the_socket(sent: str, change: str, absolute: str) -> None:
    (row,) = read_page(f"[{ROW % sent}]".encode(), "KRW-ETH")
    event = decode(row.payload)
    assert isinstance(event, TradeEvent)
    assert (row.id, row.ms) == (event.sequential_id, event.trade_timestamp) == (17951526724180002, 1795152672418)
    assert (event.symbol, event.stream_type, event.ask_bid) == ("KRW-ETH", "REALTIME", "BID")
    assert (event.trade_date, event.trade_time, event.timestamp) == ("2026-11-20", "05:31:12", 1795152672418)
    assert (event.change, str(event.change_price)) == (change, absolute)
    assert (str(event.trade_price), event.trade_volume) == ("3875000.10", Decimal("1.5E-7"))
    assert event.best_ask_price is event.best_bid_size is None


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)))  # fmt: skip
def test_garbage_is_a_remote_error_or_an_empty_page(body: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert read_page(body, "KRW-ETH") == []


@pytest.mark.parametrize(
    "change",
    [{"change_price": None}, {"change_price": "x"}, {"market": "KRW-BTC"}, {"sequential_id": 1.5}, {"timestamp": None}],
)
def test_a_row_with_a_wrong_field_is_a_remote_error(change: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="not a page of trades"):
        read_page(json.dumps([{**json.loads(ROW % "0"), **change}]).encode(), "KRW-ETH")


# --- pages


@pytest.mark.parametrize("key", ["trade_price", "unknown"])
def test_a_page_nested_without_an_end_is_a_remote_error(key: str) -> None:
    row = ROW % "0"
    for deep in ("[" * 5000, '{"a":' * 5000, "[" * 5000 + "]" * 5000):
        body = f'[{row[:-1]},"{key}":{deep}'.encode()
        with pytest.raises(RemoteProtocolError, match="not a page of trades") as caught:
            read_page(body, "KRW-ETH")
        assert len(str(caught.value)) < 500
        with pytest.raises(RemoteProtocolError):
            read_page(deep.encode(), "KRW-ETH")


def test_what_lies_between_the_known_and_the_first_live_trade_is_missing() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(90, 111)})
    fill = make([97, 98, 99], first=105)
    assert run(fill, exchange) == [100, 101, 102, 103, 104, 105]
    assert exchange.asked == [Query("KRW-ETH", None, 0)]
    assert exchange.asked[0].parameters() == {"market": "KRW-ETH", "count": "500"}
    assert fill.problem == ""


def test_pages_are_followed_back_to_what_is_known() -> None:
    exchange = Exchange({number: NOON - 20_000 + number for number in range(1, 2001)})
    assert run(make([300], first=2000), exchange) == list(range(301, 2001))
    assert [query.cursor for query in exchange.asked] == [None, 1501, 1001, 501]


def test_a_snapshot_that_is_known_needs_no_call() -> None:
    fill = make([97, 98, 99], first=99)
    assert fill.is_done
    assert fill.missing() == []


def test_late_trades_are_found_and_none_that_was_delivered() -> None:
    # 16 are remembered of many more; 100 came three places late, 106 not before the gap.
    known = [94, 95, 96, 97, 98, 99, 101, 102, 103, 100, 104, 105, 107, 108, 109, 110]
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 113)})
    assert run(make(known, is_all=False, first=112), exchange) == [106, 111, 112]


@given(data=st.data())
def test_no_trade_is_fetched_twice_though_they_come_out_of_order(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 60))
    # Up to three places out of order: sorting by a key of at most three more does that.
    keys = data.draw(st.lists(st.integers(0, 3), min_size=total, max_size=total))
    came = sorted(range(1, total + 1), key=lambda number: (number + keys[number - 1], number))
    lost = set(data.draw(st.lists(st.integers(1, total), max_size=3)))
    delivered = [number for number in came if number not in lost]
    known = delivered[-16:]
    if not known:
        return
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, total + 5)})
    missing = run(make(known, is_all=len(delivered) < 16, first=total + 4), exchange)
    assert not set(missing) & set(delivered)
    assert set(missing) >= set(range(total + 1, total + 5))
    if len(delivered) < 16:
        # All there ever were are known, so a lost one between them is no riddle.
        assert set(missing) >= {number for number in lost if number > min(known)}


def test_with_few_trades_before_the_gap_a_late_one_between_them_is_found() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 113)})
    assert run(make([104, 106, 105, 109], first=112), exchange) == [107, 108, 110, 111, 112]


def test_without_a_known_trade_the_time_decides() -> None:
    exchange = Exchange({number: NOON + number * 1000 for number in range(-100, 0)})
    assert run(make([], since_ms=NOON - 5_000, first=-2), exchange) == [-5, -4, -3, -2]


def test_trades_of_the_millisecond_in_which_the_gap_began_are_looked_for_on_every_page() -> None:
    since = NOON - 5_000
    exchange = Exchange({number: since + (number > 600) for number in range(101, 1001)})
    exchange.trades[100] = since - 1
    assert run(make([], since_ms=since, first=1000), exchange) == list(range(101, 1001))
    assert [query.cursor for query in exchange.asked] == [None, 501]
    # The first one before it ends the search.
    exchange = Exchange({number: since - (number <= 501) for number in range(1, 1001)})
    assert run(make([], since_ms=since, first=1000), exchange) == list(range(502, 1001))
    assert [query.cursor for query in exchange.asked] == [None]


def test_trades_of_one_millisecond_are_told_apart_by_their_ids() -> None:
    exchange = Exchange(dict.fromkeys(range(1, 1201), NOON - 5_000))
    assert run(make([150], since_ms=NOON - 5_000, first=1200), exchange) == list(range(151, 1201))
    assert [query.cursor for query in exchange.asked] == [None, 701, 201]


def test_without_a_live_trade_all_new_ones_are_missing() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(90, 111)})
    assert run(make([108]), exchange) == [109, 110]


def test_days_are_crossed_as_far_as_the_gap_goes() -> None:
    midnight = NOON // DAY * DAY
    trades = {number: midnight + (number - 100) * 1000 for number in range(1, 111)}
    exchange = Exchange(trades, midnight + 20_000)
    assert run(make([97], since_ms=midnight - 3_000, first=110), exchange) == list(range(98, 111))
    assert [(query.cursor, query.days_ago) for query in exchange.asked] == [(None, 0), (100, 1)]
    # Nothing today, and nothing further back than the gap.
    exchange = Exchange({50: midnight - 2_000}, midnight + 20_000)
    assert run(make([49], since_ms=midnight - 3_000, first=50), exchange) == [50]
    assert [query.days_ago for query in exchange.asked] == [0, 1]


@pytest.mark.parametrize(("after_midnight", "days"), [(60_000, [0]), (59_999, [0, 1])])
def test_the_day_before_is_asked_for_unless_the_gap_began_a_minute_into_this_one(
    after_midnight: int, days: list[int]
) -> None:
    """The clocks may differ by a minute."""
    midnight = NOON // DAY * DAY
    exchange = Exchange({50: NOON - 1000}, NOON)
    assert run(make([49], since_ms=midnight + after_midnight, first=50), exchange) == [50]
    assert [query.days_ago for query in exchange.asked] == days
    # And the same counted back from the day before.
    exchange = Exchange({50: NOON - 1000}, NOON)
    run(make([49], since_ms=midnight - DAY + after_midnight, first=50), exchange)
    assert [query.days_ago for query in exchange.asked] == [0, *(day + 1 for day in days)]


def test_the_exchange_goes_back_seven_days() -> None:
    exchange = Exchange({50: NOON - 1000}, NOON)
    assert run(make([49], since_ms=NOON - 30 * DAY, first=50), exchange) == [50]
    assert [query.days_ago for query in exchange.asked] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert exchange.asked[-1].parameters() == {
        "market": "KRW-ETH", "count": "500", "cursor": "50", "days_ago": "7",
    }  # fmt: skip


def test_a_page_that_is_exactly_full_may_not_be_the_last_of_its_day() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(2, PAGE + 2)})
    assert run(make([1], first=PAGE + 1), exchange) == list(range(2, PAGE + 2))
    assert [query.cursor for query in exchange.asked] == [None, 2]


def test_a_page_that_lags_behind_the_live_trades_is_asked_for_again() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(90, 103)})
    fill = make([97], first=105)
    assert not fill.receive(exchange.answer(fill.query()), NOON)
    assert fill.reaches_to_ms is None
    exchange.trades |= {number: NOON - 10_000 + number for number in range(103, 106)}
    assert run(fill, exchange) == list(range(98, 106))


def test_an_empty_answer_that_lags_is_asked_for_again() -> None:
    exchange = Exchange({})
    fill = make([97], first=105)
    assert not fill.receive(exchange.answer(fill.query()), NOON)
    assert not fill.is_done
    exchange.trades |= {number: NOON - 10_000 + number for number in range(97, 106)}
    assert run(fill, exchange) == list(range(98, 106))


def test_a_full_page_that_lags_is_asked_for_again_and_not_followed() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 900)})
    fill = make([100], first=900)
    assert not fill.receive(exchange.answer(fill.query()), NOON)
    assert fill.query() == Query("KRW-ETH", None, 0)
    exchange.trades[900] = NOON - 9_000
    assert run(fill, exchange) == list(range(101, 901))


def test_answers_that_lag_do_not_count_as_pages() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 900)})
    fill = make([100], first=900)
    for _ in range(MAX_PAGES + 1):
        assert not fill.receive(exchange.answer(fill.query()), NOON)
    exchange.trades[900] = NOON - 9_000
    assert run(fill, exchange) == list(range(101, 901))
    assert fill.problem == ""


def test_a_page_whose_newest_trade_is_the_first_live_one_does_not_lag() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(97, 106)})
    fill = make([97], first=105)
    assert fill.receive(exchange.answer(fill.query()), NOON)
    assert fill.is_done
    assert fill.reaches_to_ms == NOON - 10_000 + 97


def test_a_first_trade_told_late_changes_nothing_that_is_done() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(97, 106)})
    fill = make([97])
    run(fill, exchange)
    fill.began(101)
    assert fill.first_live is None
    fill.give_up("too late")
    assert fill.problem == ""


def test_a_first_trade_on_the_newest_page_goes_on_where_it_was() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 901)})
    fill = make([100])
    assert fill.receive(exchange.answer(fill.query()), NOON)
    fill.began(900)
    assert fill.query() == Query("KRW-ETH", 401, 0)


def test_a_first_trade_beyond_the_newest_page_sends_it_back_to_the_top() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 901)})
    fill = make([100])
    assert fill.receive(exchange.answer(fill.query()), NOON)
    exchange.trades |= {number: NOON - 10_000 + number for number in range(901, 906)}
    fill.began(905)
    assert run(fill, exchange) == list(range(101, 906))


def test_too_many_trades_are_fetched_from_the_newest_on_and_the_rest_is_told() -> None:
    most = PAGE * MAX_PAGES
    exchange = Exchange({number: NOON - 20_000 + number for number in range(1, most + 1001)})
    fill = make([1], first=most + 1000)
    assert run(fill, exchange) == list(range(1001, most + 1001))
    assert fill.problem == "more than 10,000 trades"
    assert fill.reaches_to_ms == NOON - 20_000 + 1001
    assert len(exchange.asked) == MAX_PAGES
    # One page fewer can be had whole.
    fill = make([1001], first=most + 1000)
    assert run(fill, exchange) == list(range(1002, most + 1001))
    assert fill.problem == ""


def test_giving_up_keeps_what_was_fetched_and_the_first_reason() -> None:
    exchange = Exchange({number: NOON - 10_000 + number for number in range(1, 901)})
    fill = make([100], first=900)
    fill.receive(exchange.answer(fill.query()), NOON)
    fill.give_up("one")
    fill.give_up("two")
    assert fill.problem == "one"
    assert [row.id for row in fill.missing()] == list(range(401, 901))
