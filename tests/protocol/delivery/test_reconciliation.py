"""The machine by itself: who waits for what, who is asked, and what a guest and a heir do.

What is delivered in which order is tested with what is asked, in tests/protocol/gaps/test_reconciliation.py.
"""

import json
from typing import Any

import pytest

from websocket_v6.protocol.delivery.books import OrderBook
from websocket_v6.protocol.delivery.progress import Found, Progress
from websocket_v6.protocol.delivery.reconciliation import PATIENCE, SECOND, Reconciliation
from websocket_v6.protocol.delivery.steps import Answer, Deliver, Inquire, Outcome, Release, Welcome
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import ANY
from websocket_v6.protocol.limits import HELD_BYTES

ALL = frozenset({ANY})
S = 1_000_000_000


def wrap(type_: str, code: str, payload: bytes, is_start: bool) -> Event:
    event = make_event(f"{type_} {code}", payload, 1, 0).as_backfilled()
    return event.as_snapshot() if is_start else event


def machine() -> Reconciliation[Event]:
    return Reconciliation(OrderBook(wrap))


def order(uuid: str = "O1", state: str = "wait", code: str = "KRW-BTC", **fields: Any) -> Event:
    body = {"type": "myOrder", "code": code, "uuid": uuid, "state": state, "trades_count": 0} | fields
    body |= {"timestamp": 1, "stream_type": "REALTIME"}
    return make_event(f"myOrder {code}", json.dumps(body).encode(), 1, 0)


def found(uuid: str, made_ms: int) -> Found:
    """Return an order that was cancelled, as REST has it."""
    body = {"type": "myOrder", "code": "KRW-BTC", "uuid": uuid, "state": "cancel", "timestamp": 1}
    return Found(uuid, "KRW-BTC", Progress(has_ended=True), made_ms, json.dumps(body).encode())


def started(codes: frozenset[str] = ALL) -> Reconciliation[Event]:
    """Return a machine whose start is over."""
    one = machine()
    one.want(codes, 0.0)
    one.gap(None, 0.0, PATIENCE, is_guest=False)
    one.fenced(0.0, S)
    one.answered(Answer(1, at_ms=1), 0.1, S)
    one.due(SECOND)
    one.answered(Answer(2), 3.1, S)
    return one


def test_nothing_is_asked_before_the_fence() -> None:
    one = machine()
    one.want(ALL, 0.0)
    assert one.gap(None, 0.0, PATIENCE, is_guest=False) == []
    assert one.hear(order(), 0.1) == []
    (asked,) = one.fenced(0.2, S)
    assert isinstance(asked, Inquire)
    assert (asked.since_ms, asked.is_last) == (None, False)
    assert one.fenced(0.3, S) == []


def test_those_that_wait_begin_with_what_was_found_and_then_hear_what_waited() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.fenced(0.0, S)
    waited = order()
    one.hear(waited, 0.1)
    assert not one.is_ready
    actions = one.answered(Answer(1), 0.2, S)
    assert actions[:2] == [Welcome(), Release((waited,))]
    assert isinstance(actions[2], Outcome)
    assert one.is_ready
    assert one.next_due == SECOND


def test_the_second_time_says_nothing_if_it_found_nothing() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.fenced(0.0, S)
    one.answered(Answer(1), 0.2, S)
    (asked,) = one.due(SECOND)
    assert isinstance(asked, Inquire)
    assert asked.is_last
    assert one.answered(Answer(2), 3.2, S) == [Welcome()]
    assert one.next_due is None


def test_an_answer_to_what_was_asked_before_is_void() -> None:
    one = started()
    one.gap(5 * S, 10.0, PATIENCE, is_guest=False)
    one.fenced(10.0, 10 * S)
    one.gap(8 * S, 11.0, PATIENCE, is_guest=False)
    assert one.answered(Answer(3), 11.5, S) == []
    (asked,) = one.fenced(11.1, 11 * S)
    assert isinstance(asked, Inquire)
    assert (asked.number, asked.since_ms) == (4, 5_000)  # since the first of the two


def test_who_has_waited_does_not_wait_anew_for_the_next_gap() -> None:
    one = started()
    one.gap(5 * S, 10.0, PATIENCE, is_guest=False)
    one.hear(order(), 10.5)
    one.gap(8 * S, 14.0, PATIENCE, is_guest=False)
    assert one.next_due == 10.0 + PATIENCE


def test_a_market_more_keeps_nobody_waiting_who_has_others() -> None:
    one = started(frozenset({"KRW-BTC"}))
    one.want(frozenset({"KRW-BTC", "KRW-ETH"}), 20.0)
    assert one.hear(order("O2"), 20.1) != []
    assert one.hear(order("O3", code="KRW-ETH"), 20.1) == []
    one.want(frozenset({"KRW-BTC", ANY}), 20.2)
    assert one.hear(order("O4"), 20.3) != []


def test_without_a_want_all_is_forgotten() -> None:
    one = started()
    one.hear(order(), 10.0)
    one.want(frozenset(), 11.0)
    assert one.next_due is None
    assert one.hear(order(), 12.0) == []
    assert not one.covered
    assert one.gap(5 * S, 13.0, PATIENCE, is_guest=False) == []


def test_what_fails_is_tried_again_and_told_once() -> None:
    one = started()
    one.gap(5 * S, 10.0, PATIENCE, is_guest=False)
    asked = one.fenced(10.0, 10 * S)
    told = []
    for _ in range(5):
        (inquiry,) = asked
        assert isinstance(inquiry, Inquire)
        told += one.answered(Answer(inquiry.number, error=TransportError("down")), one.next_due or 10.0, S)
        assert one.next_due is not None
        asked = [each for each in one.due(one.next_due) if isinstance(each, Inquire)]
        while not asked:
            asked = [each for each in one.due(one.next_due) if isinstance(each, Inquire)]
    assert [each.is_final for each in told if isinstance(each, Outcome)] == [False]
    assert one.missing_since_ns == 5 * S


def test_a_guest_asks_nothing_and_waits_for_nothing() -> None:
    one = machine()
    one.want(ALL, 0.0)
    assert one.gap(None, 0.0, PATIENCE, is_guest=True) == [Welcome()]
    assert one.fenced(0.1, S) == []
    first = order().as_backfilled().as_snapshot()
    assert one.hear(first, 0.2, is_fetched=True) == [Deliver((first,))]
    assert one.next_due is None


def test_a_guest_notes_what_was_over_when_it_came_and_hears_what_comes_after() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.gap(None, 0.0, PATIENCE, is_guest=True)
    known = [
        order("O1", "trade", trade_uuid="T1", trades_count=1),
        order("O1", "done", trades_count=1),
        order("O2", "trade", trade_uuid="T2", trades_count=1),
        order("O2", trades_count=1),
    ]
    shown = [action for item in known for action in one.hear(item, 0.1, is_fetched=True)]
    assert shown == [Deliver((known[3],))]
    outcome = Outcome("myOrder", None, S, 1)
    assert one.reconciled(outcome) == [outcome]
    late = order("O2", "trade", trade_uuid="T3", trades_count=2)
    assert one.hear(late, 1.0, is_fetched=True) == [Deliver((late,))]
    assert one.hear(known[2], 1.0, is_fetched=True) == []


def test_after_a_gap_of_its_door_a_guest_hears_of_its_orders_ends_with_their_trades_before() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.gap(None, 0.0, PATIENCE, is_guest=True)
    one.hear(order("O1"), 0.1, is_fetched=True)
    one.reconciled(Outcome("myOrder", None, S, 1))
    one.gap(2 * S, 3.0, PATIENCE, is_guest=True)
    known = [order("O1", "trade", trade_uuid="T1", trades_count=1), order("O1", "done", trades_count=1)]
    shown = [action for item in known for action in one.hear(item, 3.1, is_fetched=True)]
    assert shown == [Deliver((item,)) for item in known]


def test_an_heir_asks_from_where_the_host_had_not_reconciled() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.gap(None, 0.0, PATIENCE, is_guest=True)
    one.reconciled(Outcome("myOrder", None, S, 0))
    one.gap(20 * S, 30.0, PATIENCE, is_guest=True)  # the host was away, and asks
    one.gap(32 * S, 33.0, PATIENCE, is_guest=False)  # it is gone before it said what came of that
    (asked,) = one.fenced(33.1, 33 * S)
    assert isinstance(asked, Inquire)
    assert asked.since_ms == 20_000


def test_an_heir_whose_host_had_reconciled_asks_from_its_end() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.gap(20 * S, 30.0, PATIENCE, is_guest=True)
    one.reconciled(Outcome("myOrder", 20 * S, S, 0))
    one.gap(32 * S, 33.0, PATIENCE, is_guest=False)
    (asked,) = one.fenced(33.1, 33 * S)
    assert isinstance(asked, Inquire)
    assert asked.since_ms == 32_000


def test_an_heir_is_told_of_orders_that_were_made_before_it_first_asked() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.gap(None, 0.0, PATIENCE, is_guest=True)
    one.reconciled(Outcome("myOrder", None, S, 0))
    one.gap(32 * S, 33.0, PATIENCE, is_guest=False)
    one.fenced(33.1, 33 * S)
    made = found("O9", made_ms=32_500)
    actions = one.answered(Answer(1, at_ms=33_000, orders=(made,)), 33.2, 33 * S)
    assert [
        getattr(each, "uuid", "") for action in actions if isinstance(action, Deliver) for each in action.items
    ] == ["O9"]


def test_who_began_by_itself_is_not_told_of_orders_that_were_over_before() -> None:
    one = machine()
    one.want(ALL, 0.0)
    one.fenced(0.0, S)
    one.answered(Answer(1, at_ms=30_000), 0.1, S)
    one.gap(32 * S, 33.0, PATIENCE, is_guest=False)
    one.fenced(33.1, 33 * S)
    orders = (found("old", made_ms=29_000), found("new", made_ms=30_000))
    actions = one.answered(Answer(2, at_ms=33_000, orders=orders), 33.2, 33 * S)
    assert [
        getattr(each, "uuid", "") for action in actions if isinstance(action, Deliver) for each in action.items
    ] == ["new"]


def test_what_waits_holds_no_more_memory_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    one = started()
    one.gap(5 * S, 10.0, PATIENCE, is_guest=False)
    monkeypatch.setattr(one.book, "size", lambda _: HELD_BYTES // 2)
    waited = [order(f"O{number}") for number in range(3)]
    assert [one.hear(each, 10.1) for each in waited] == [[], [], [Welcome(), Release(tuple(waited))]]
    assert not one.holds
    (asked,) = one.fenced(10.2, 10 * S)
    assert isinstance(asked, Inquire)


def test_of_another_account_nothing_is_known_and_no_answer_of_the_old_one_counts() -> None:
    one = started()
    one.hear(order("O1"), 4.0)
    one.gap(5 * S, 6.0, PATIENCE, is_guest=False)
    (asked,) = one.fenced(6.0, 6 * S)
    assert isinstance(asked, Inquire)
    one.hear(order("O2"), 6.1)
    one.forget(6.2)
    assert (one.is_covered, one.missing_since_ns, list(one.book.ledger.orders)) == (False, None, [])  # type: ignore[attr-defined]
    assert one.gap(5 * S, 7.0, PATIENCE, is_guest=False) == []
    (again,) = one.fenced(7.0, 7 * S)
    assert isinstance(again, Inquire)
    assert (again.known, again.covered) == ({}, frozenset())
    assert one.answered(Answer(asked.number, orders=(found("O3", 9_000),)), 7.1, 7 * S) == []
    actions = one.answered(Answer(again.number, at_ms=7_000, orders=(found("O4", 6_900),)), 7.2, 7 * S)
    assert actions[0] == Welcome(), "nothing has waited, and what has ended is none of a start"
    assert one.since_ms == 7_000


def test_of_an_account_that_nobody_wants_there_is_nothing_to_forget() -> None:
    one = machine()
    one.forget(1.0)
    assert one.next_due is None
    assert one.fenced(1.0, S) == []
