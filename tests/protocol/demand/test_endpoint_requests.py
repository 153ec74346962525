"""What several sources are asked, and questions that any of them may answer."""

from typing import Any

import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Expect, Join, Retire, Skip
from websocket_v6.protocol.demand.commands import (
    Answer,
    Deny,
    Disconnect,
    ListSubscriptions,
    Route,
    SendRequest,
)
from websocket_v6.protocol.exchange.wants import my_asset_want, orderbook_want, ticker_want

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"


def one_of_two(name: str = "public", **settings: Any) -> tuple[Desk, int]:
    """Return an endpoint with two sources, the first of which serves Bitcoin tickers."""
    desk = Desk(name, **settings)
    desk.use_router()
    desk.source(1)
    desk.source(2)
    desk.want(1, ticker_want("KRW-BTC") if name == "public" else my_asset_want())
    first = desk.open(1)
    if name == "public":
        desk.see(first, BITCOIN)
    return desk, first


def join(desk: Desk, first: int, source: int = 2) -> int:
    """Let another source open and join."""
    second = desk.open(source)
    desk.see(second, BITCOIN)
    desk.run(0.5)
    (ticket,) = desk.questions(1)
    desk.answer(first, ticket)
    assert desk.took(Join) == [Join(second)]
    return second


def both(**settings: Any) -> tuple[Desk, int, int]:
    """Return an endpoint that serves Bitcoin tickers through two sources, both of which have everything."""
    desk, first = one_of_two(**settings)
    second = join(desk, first)
    desk.run(3)
    desk.out.clear()
    return desk, first, second


def test_a_deeper_book_is_expected_once() -> None:
    desk = Desk()
    desk.use_router()
    attachments = []
    desk.want(1, orderbook_want("KRW-BTC", depth=5))
    for source in (1, 2):
        desk.source(source)
        attachments.append(desk.open(source))
    for one in attachments:
        desk.see(one, "orderbook KRW-BTC")
    desk.run(5)
    desk.out.clear()
    desk.want(2, orderbook_want("KRW-BTC", depth=15))
    desk.run(1)
    assert desk.kinds(Route, Expect, SendRequest) == ["Route", "Expect", "SendRequest", "SendRequest"]


def test_a_stream_is_retired_when_the_last_one_was_asked_to_leave_it_out() -> None:
    desk, _, _ = both()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.drop(1)
    desk.run(1)
    assert desk.kinds(SendRequest, Retire) == ["SendRequest", "SendRequest", "Retire"]
    assert desk.took(Retire) == [Retire((BITCOIN,))]


def test_what_another_has_delivered_needs_no_second_snapshot() -> None:
    desk, first, second = both()
    desk.want(2, ticker_want("KRW-ETH", snapshot=False))
    desk.run(0.5)
    desk.see(first, ETHER)
    desk.run(1.2)
    desk.answer(second, desk.questions(2)[-1])
    desk.end(first)
    desk.asked(2)
    desk.want(3, ticker_want("KRW-ETH"))
    desk.want(4, ticker_want("KRW-XRP"))
    desk.run(1)
    assert '["KRW-BTC","KRW-ETH"],"is_only_realtime":true' in desk.asked(2)


def test_a_question_whose_source_is_lost_is_asked_on_another() -> None:
    desk, first, second = both()
    desk.heed(desk.endpoint.question(7, desk.now))
    desk.run(0.01)
    (asked,) = desk.took(ListSubscriptions)
    attachments = {1: first, 2: second}
    desk.end(attachments[asked.source])
    desk.run(1)
    (again,) = desk.took(ListSubscriptions)
    assert (again.source, again.ticket) == (3 - asked.source, asked.ticket)
    desk.answer(attachments[again.source], again.ticket)
    assert [one.asker for one in desk.took(Answer)] == [7]
    assert not desk.took(Deny)


def test_a_want_leaves_as_soon_as_the_snapshots_of_the_last_request_have_come() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(1)
    desk.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    one = desk.open(1)
    assert desk.asked(1)
    desk.run(0.1)
    desk.want(2, ticker_want("KRW-XRP"))
    desk.run(0.2)
    desk.see(one, BITCOIN)
    desk.run(0.2)
    assert not desk.asked(1), "it would ask for the other snapshot again"
    desk.see(one, ETHER)
    desk.run(0.0)
    assert '["KRW-BTC","KRW-ETH"],"is_only_realtime":true' in desk.asked(1)


def test_a_code_that_says_nothing_holds_the_next_want_up_once() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(1)
    desk.want(1, ticker_want("KRW-NONE"))
    one = desk.open(1)
    assert desk.asked(1)
    began = desk.now
    desk.want(2, ticker_want("KRW-BTC"))
    desk.run(0.99)
    assert not desk.asked(1)
    desk.run(0.02)
    assert desk.asked(1)
    desk.see(one, BITCOIN)
    desk.want(3, ticker_want("KRW-ETH"))
    desk.run(0.3)
    assert desk.asked(1), "what was asked for twice is not waited for"
    assert desk.now - began < 1.4


def test_a_newcomer_to_what_runs_waits_for_nobody() -> None:
    desk, first = one_of_two()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(0.01)
    desk.out.clear()
    desk.want(3, ticker_want("KRW-BTC"))
    assert [(one.lease, one.replay) for one in desk.took(Route)] == [(3, True)]
    assert first


def test_what_nobody_wants_any_more_is_awaited_too_but_holds_no_closing_up() -> None:
    """If it is wanted again at once, what comes of it must not be taken for the answer to that."""
    desk = Desk()
    desk.use_router()
    desk.source(1)
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.run(0.1)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.drop(1)
    desk.asked(1)
    desk.run(0.5)
    assert not desk.asked(1)
    desk.see(one, BITCOIN)
    desk.run(0.0)
    assert "KRW-ETH" in desk.asked(1)
    desk.drop(2)
    desk.run(0.3)
    assert desk.took(Disconnect)


def test_what_was_left_out_and_is_asked_for_again_counts_from_its_snapshot() -> None:
    desk, _ = one_of_two()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.drop(1)
    desk.run(0.3)
    assert desk.took(Skip) == [Skip(1, (BITCOIN,))]
    desk.see(1, ETHER)
    desk.want(3, ticker_want("KRW-BTC"))
    desk.run(1)
    desk.see(1, BITCOIN)
    desk.run(20)
    assert not desk.took(Skip)


def test_what_does_not_begin_anew_is_taken_as_it_comes_once_it_is_told_that_it_is_silent() -> None:
    desk, _ = one_of_two(silent_code_timeout=5.0)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.drop(1)
    desk.run(0.3)
    desk.see(1, ETHER)
    desk.want(3, ticker_want("KRW-BTC"))
    desk.run(4)
    assert desk.took(Skip) == [Skip(1, (BITCOIN,))]
    desk.run(2)
    assert desk.took(Skip) == [Skip(1, (BITCOIN,), is_on=False)]
    assert desk.reported() == [(3, False)]


@pytest.mark.parametrize("leaves_out", [False, True])
def test_a_door_is_waited_for_only_before_it_is_asked_for_less(leaves_out: bool) -> None:
    desk = Desk()
    desk.use_router()
    desk.source(1, is_paced=False)
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.run(0.1)
    desk.asked(1)
    desk.want(2, ticker_want("KRW-ETH"))
    if leaves_out:
        desk.drop(1)
    desk.run(0.1)
    assert bool(desk.asked(1)) is not leaves_out
    desk.see(one, BITCOIN)
    desk.run(0.0)
    assert bool(desk.asked(1)) is leaves_out


def test_a_full_mailbox_makes_nobody_give_up_what_lies_behind_it() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(1)
    desk.want(1, ticker_want("KRW-BTC"))
    desk.open(1)
    desk.asked(1)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.flowing_since = None
    desk.run(30)
    assert not desk.asked(1)
    desk.flowing_since = desk.now
    desk.run(2.1)
    assert desk.asked(1)
