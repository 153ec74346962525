"""Which calls are made one after the other, and what their answers come to."""

import json
from typing import Any

import msgspec
import pytest

from websocket_v6.protocol.delivery.steps import Inquire
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.streams import ANY
from websocket_v6.protocol.gaps.inquiry import MARGIN_MS, MOST_CLOSED, MOST_READ_AGAIN, MOST_TRADES, Inquiry
from websocket_v6.protocol.gaps.inquiry_calls import CLOSED_ROWS, PAGE, WEEK_MS

ALL = frozenset({ANY})
NOW_MS = 1_800_000_000_000


def row(uuid: str, state: str = "wait", trades: int = 0, made: str = "2027-01-15T08:00:00+00:00") -> dict[str, Any]:
    return {
        "uuid": uuid,
        "market": "KRW-BTC",
        "side": "bid",
        "ord_type": "limit",
        "state": state,
        "created_at": made,
        "executed_volume": str(trades),
        "trades_count": trades,
    }


def asked(**changes: Any) -> Inquire:
    return msgspec.structs.replace(Inquire("myOrder", 1, codes=ALL, covered=ALL), **changes)


def give(inquiry: Inquiry, rows: Any) -> str:
    """Answer the call; return its path."""
    assert inquiry.call is not None
    path = inquiry.call.path
    inquiry.receive(json.dumps(rows).encode(), NOW_MS)
    return path


def test_at_a_start_what_is_open_is_all_that_is_asked() -> None:
    inquiry = Inquiry(asked(covered=frozenset()), NOW_MS)
    give(inquiry, [row("O1", trades=2)])
    assert inquiry.call is None
    answer = inquiry.answer()
    assert [one.uuid for one in answer.orders] == ["O1"]
    assert answer.at_ms == NOW_MS


def test_only_what_is_doubtful_and_not_open_is_asked_for_by_id_a_hundred_at_a_time() -> None:
    doubtful = tuple(f"O{number}" for number in range(PAGE + 2))
    inquiry = Inquiry(asked(doubtful=doubtful), NOW_MS)
    give(inquiry, [row("O0")])
    assert inquiry.call is not None
    assert inquiry.call.query.count("uuids[]=") == PAGE
    assert "uuids[]=O0&" not in inquiry.call.query
    give(inquiry, [])
    assert inquiry.call.query == f"uuids[]=O{PAGE + 1}"
    give(inquiry, [])
    assert inquiry.call is None
    assert inquiry.answer().unrecovered == ()


def test_what_is_nowhere_the_second_time_is_missing() -> None:
    inquiry = Inquiry(asked(doubtful=("O1",), since_ms=NOW_MS - 5000, is_last=True), NOW_MS)
    for _ in range(3):
        give(inquiry, [])
    (missing,) = inquiry.answer().unrecovered
    assert (missing.started_at, missing.ended_at) == ((NOW_MS - 5000) * 1_000_000, NOW_MS * 1_000_000)
    assert "O1" in missing.reason


def test_closed_orders_are_asked_for_from_before_the_gap_in_weeks() -> None:
    inquiry = Inquiry(asked(since_ms=NOW_MS - 2 * WEEK_MS), NOW_MS)
    give(inquiry, [])
    starts = []
    while inquiry.call is not None:
        starts.append(int(inquiry.call.query.partition("start_time=")[2].partition("&")[0]))
        give(inquiry, [])
    first = NOW_MS - 2 * WEEK_MS - MARGIN_MS
    assert starts == [first, first + WEEK_MS, first + 2 * WEEK_MS]


def test_a_clock_that_is_wrong_does_not_move_the_window() -> None:
    inquiry = Inquiry(asked(since_ms=NOW_MS), NOW_MS, skew_ms=-600_000)
    give(inquiry, [])
    assert inquiry.call is not None
    assert f"start_time={NOW_MS - 600_000 - MARGIN_MS}&" in inquiry.call.query


def test_a_full_answer_goes_on_from_its_last_second_and_repeats_are_one() -> None:
    inquiry = Inquiry(asked(since_ms=NOW_MS - 5000), NOW_MS)
    give(inquiry, [])
    full = [row(f"O{number}", "cancel", made="2027-01-15T07:59:58+00:00") for number in range(CLOSED_ROWS)]
    give(inquiry, full)
    assert inquiry.call is not None
    assert f"start_time={NOW_MS - 2000}&" in inquiry.call.query
    give(inquiry, [full[-1], row("more", "cancel")])
    assert inquiry.call is None
    assert len(inquiry.answer().orders) == CLOSED_ROWS + 1


def test_more_closed_orders_than_can_be_had_are_told() -> None:
    inquiry = Inquiry(asked(since_ms=NOW_MS - 100_000), NOW_MS)
    give(inquiry, [])
    for number in range(MOST_CLOSED):
        made = f"2027-01-15T07:58:{number:02}+00:00"
        give(inquiry, [row(f"O{number}-{each}", "cancel", made=made) for each in range(CLOSED_ROWS)])
    assert inquiry.call is None
    assert "calls" in inquiry.answer().unrecovered[0].reason


def test_trades_are_asked_for_where_there_are_more_than_are_known_the_newest_order_first() -> None:
    known = {"O1": 1, "O2": 0, "O4": 3}
    inquiry = Inquiry(asked(known=known, since_ms=NOW_MS, lacking=("O4",)), NOW_MS)
    new = row("O3", trades=1, made="2027-01-15T08:00:05+00:00")
    give(inquiry, [row("O1", trades=1), row("O2", trades=2), new])
    give(inquiry, [])
    calls = []
    while inquiry.call is not None:
        calls.append(inquiry.call.query)
        inquiry.not_found()
    assert calls == ["uuid=O3", "uuid=O2", "uuid=O4"]


def test_no_trades_are_asked_for_of_more_orders_than_a_hundred() -> None:
    inquiry = Inquiry(asked(known={f"O{number}": 0 for number in range(PAGE + 5)}), NOW_MS)
    give(inquiry, [row(f"O{number}", trades=1) for number in range(PAGE)])
    give(inquiry, [row(f"O{number}", trades=1) for number in range(PAGE, PAGE + 5)])
    calls = 0
    while inquiry.call is not None:
        inquiry.not_found()
        calls += 1
    assert calls == MOST_TRADES
    assert len(inquiry.answer().unrecovered) == 5


def test_an_answer_that_is_behind_another_does_not_undo_it() -> None:
    inquiry = Inquiry(asked(known={"O1": 0}, doubtful=("O1",)), NOW_MS)
    give(inquiry, [])
    give(inquiry, [row("O1", "done", 2)])
    give(inquiry, row("O1", "wait", 1) | {"trades": []})
    (found,) = inquiry.answer().orders
    assert found.progress.has_ended
    assert found.trades == ()


def test_pages_are_read_again_only_so_often() -> None:
    inquiry = Inquiry(asked(), NOW_MS)
    pages = 0
    while inquiry.call is not None:
        pages += 1
        inquiry.ended()
        give(inquiry, [row(f"O{number}") for number in range(PAGE if pages % 2 else 1)])
    assert pages == 2 * (1 + MOST_READ_AGAIN)


def test_balances_are_one_call() -> None:
    inquiry = Inquiry(Inquire("myAsset", 1, codes=ALL), NOW_MS)
    assert give(inquiry, [{"currency": "KRW", "balance": "1", "locked": "2"}]) == "/v1/accounts"
    assert inquiry.call is None
    assert list(inquiry.answer().balances) == ["KRW"]


def test_an_answer_that_makes_no_sense_is_the_other_side_s_fault() -> None:
    inquiry = Inquiry(asked(), NOW_MS)
    with pytest.raises(RemoteProtocolError):
        inquiry.receive(b"nonsense")
