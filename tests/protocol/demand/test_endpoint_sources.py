"""An endpoint with several sources: which of them serves, who may be lost, what is a gap."""

from typing import Any

import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Admit, End, Forget, HoldTrades, Join, Merge, Turn
from websocket_v6.protocol.demand.commands import (
    Connect,
    Disconnect,
    ListSubscriptions,
    SendRequest,
    Serves,
    Tell,
)
from websocket_v6.protocol.demand.endpoint import MERGE_LINGER
from websocket_v6.protocol.demand.joining import PATIENCE, PROOF_PATIENCE, UNANSWERED
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.wants import my_asset_want, ticker_want

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


def test_a_second_source_is_asked_for_everything_and_nobody_hears_of_it() -> None:
    desk, first = one_of_two()
    assert Merge("public", is_on=True) in desk.out
    assert desk.heard() == [("open", 1)]
    desk.out.clear()
    second = desk.open(2)
    assert desk.took(Admit) == [Admit(second, 1, is_held=True)]
    assert "is_only_realtime" not in desk.asked(2), "its snapshot says that it serves"
    desk.run(0.5)
    assert not desk.took(Join)
    assert not desk.questions(1)
    desk.see(second, BITCOIN)
    desk.run(0.5)
    (ticket,) = desk.questions(1)
    assert not desk.took(Join), "the other one may not have brought all from before it"
    desk.answer(first, ticket)
    assert desk.kinds(Join, Serves) == ["Join", "Serves"]
    assert desk.serve() == [2]
    assert desk.heard() == []
    assert desk.endpoint.health().serving == {1, 2}


@pytest.mark.parametrize("loses", [1, 2])
def test_either_of_two_that_serve_may_be_lost(loses: int) -> None:
    desk, *attachments = both()
    desk.end(attachments[loses - 1])
    desk.state(loses, "connecting")
    desk.state(loses, "lost")
    assert desk.heard() == []
    assert not desk.took(Forget)
    desk.end(attachments[2 - loses])
    assert desk.heard() == [("lost", 1)]
    assert desk.took(Forget)


def test_one_that_does_not_serve_yet_covers_no_loss() -> None:
    desk, first = one_of_two(backfill=True)
    second = desk.open(2)
    desk.out.clear()
    desk.end(first, whole_ns=desk.now_ns)
    assert desk.kinds(Tell, Turn, HoldTrades, Join, Serves) == ["Tell", "Turn", "HoldTrades", "Join", "Serves", "Tell"]
    assert Turn("public", 2) in desk.out
    assert desk.took(Join) == [Join(second)], "what was held of it belongs to the new epoch"
    assert desk.heard() == [("lost", 1), ("open", 2)]
    assert desk.took(HoldTrades)[0].epoch == 2


def test_one_that_lacks_a_new_stream_covers_no_loss() -> None:
    """Both have joined; a stream that came later is known to be served by the one that is lost alone."""
    desk, first, _ = both()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(0.5)
    desk.see(first, ETHER)
    lost_at_ns = desk.now_ns
    desk.run(0.1)
    desk.out.clear()
    desk.end(first, whole_ns=lost_at_ns)
    lost, opened = desk.took(Tell)
    assert (lost.state, lost.epoch, opened.state, opened.epoch) == ("lost", 1, "open", 2)
    assert (opened.gap_started_ns, opened.at_ns) == (lost_at_ns, desk.now_ns)
    assert not desk.took(Join), "it had joined"
    assert Turn("public", 2) in desk.out


def test_one_that_has_the_new_stream_too_covers_the_loss() -> None:
    desk, first, second = both()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(0.5)
    desk.see(second, ETHER)
    desk.see(first, ETHER)
    desk.end(first)
    assert desk.heard() == [("open", 1)], "to who is new"


def test_what_is_known_only_later_to_have_been_missed_is_told() -> None:
    desk, first, second = both()
    dead_ns = desk.now_ns
    desk.run(1)
    desk.end(second)
    desk.run(1)
    joined = join(desk, first)
    desk.run(1)
    desk.out.clear()
    desk.end(first, whole_ns=dead_ns)
    lost, opened = desk.took(Tell)
    assert (lost.state, opened.state, opened.epoch) == ("lost", "open", 2)
    assert opened.gap_started_ns is not None
    assert dead_ns < opened.gap_started_ns < opened.at_ns < desk.now_ns
    assert desk.endpoint.health().serving == {2}
    assert joined


def test_what_has_no_snapshot_is_asked_about() -> None:
    desk, first = one_of_two("private")
    desk.run(0.9)
    second = desk.open(2)
    desk.run(0.5)
    assert desk.questions(2) == []
    (ticket,) = desk.questions(1)
    desk.answer(first, ticket)
    desk.run(0.6)
    (ticket,) = desk.questions(2)
    desk.answer(second, ticket)
    desk.run(0.3)
    (ticket,) = desk.questions(1)
    desk.answer(first, ticket)
    assert desk.took(Join) == [Join(second)]


def test_one_that_was_whole_before_what_serves_was_in_force_is_asked_again() -> None:
    desk = Desk()
    desk.use_router()
    for source in (1, 2):
        desk.source(source)
    desk.want(1, ticker_want("KRW-BTC"))
    first, second = desk.open(1), desk.open(2)
    desk.see(second, BITCOIN)
    desk.run(0.5)
    assert not desk.took(ListSubscriptions), "the first would answer that it has brought everything: nothing"
    desk.see(first, BITCOIN)
    desk.run(0.5)
    assert not desk.questions(1)
    (ticket,) = desk.questions(2)
    desk.see(second, ETHER)
    assert not desk.questions(1)
    desk.answer(second, ticket)
    desk.run(0.5)
    (ticket,) = desk.questions(1)
    desk.answer(first, ticket)
    assert desk.took(Join) == [Join(second)]


@pytest.mark.parametrize("loses", [1, 2])
def test_what_waits_to_be_asked_again_is_not_forgotten_when_one_is_lost(loses: int) -> None:
    desk = Desk()
    desk.use_router()
    for source in (1, 2, 3):
        desk.source(source)
    desk.want(1, ticker_want("KRW-BTC"))
    first, second, third = (desk.open(source) for source in (1, 2, 3))
    desk.see(third, BITCOIN)
    desk.end((first, second)[loses - 1])
    desk.run(PATIENCE + 3)
    assert Join(third) in desk.out


def test_one_that_never_serves_all_is_not_waited_for_for_ever() -> None:
    desk, _ = one_of_two()
    second = desk.open(2)
    desk.run(PATIENCE - 0.1)
    assert not desk.took(Join)
    desk.run(0.2)
    assert desk.took(Join) == [Join(second)]
    assert 2 in desk.serve()


def test_the_last_answer_of_the_others_is_not_waited_for_for_ever() -> None:
    desk, _ = one_of_two()
    second = desk.open(2)
    desk.see(second, BITCOIN)
    desk.run(PROOF_PATIENCE - 0.1)
    assert not desk.took(Join)
    desk.run(0.2)
    assert desk.took(Join) == [Join(second)]


def test_one_of_the_others_is_proof_enough_and_the_second_changes_nothing() -> None:
    desk, first, second = both()
    desk.source(3)
    desk.out.clear()
    third = desk.open(3)
    desk.see(third, BITCOIN)
    desk.run(0.5)
    for one, source in ((first, 1), (second, 2)):
        desk.answer(one, desk.questions(source)[-1])
    assert desk.took(Join) == [Join(third)]
    assert desk.serve() == [3]
    desk.run(PATIENCE)
    assert not desk.serve()


def test_the_proof_of_one_that_is_gone_lets_nobody_join() -> None:
    desk, first = one_of_two()
    second = desk.open(2)
    desk.see(second, BITCOIN)
    desk.run(0.5)
    (ticket,) = desk.questions(1)
    desk.end(second)
    desk.open(2)
    desk.answer(first, ticket)
    assert not desk.took(Join)


# --- sources that come and go for good


def test_an_heir_takes_over() -> None:
    desk, first = one_of_two()
    desk.without(2)
    desk.source(3, heir_of=(1,))
    assert desk.took(Connect)[-1].source == 3
    desk.out.clear()
    heir = desk.open(3)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(1)
    assert desk.took(SendRequest)[-1].source == 3, "it could not keep up"
    desk.see(heir, BITCOIN, ETHER)
    desk.run(0.5)
    desk.answer(first, desk.questions(1)[-1])
    assert desk.serve() == [3]
    desk.without(1)
    assert desk.took(End) == [End(first, "it is replaced")]
    desk.end(first)
    assert desk.heard() == [("open", 1)], "to who is new"
    assert desk.endpoint.health().serving == {3}


def test_one_that_does_not_answer_its_heir_is_ended_and_the_gap_is_told() -> None:
    """What it holds back may be what the heir was too late for."""
    desk, first = one_of_two()
    desk.without(2)
    desk.source(3, heir_of=(1,))
    heir = desk.open(3)
    desk.see(heir, BITCOIN)
    desk.run(PROOF_PATIENCE - 0.1)
    assert not desk.took(End)
    desk.out.clear()
    desk.run(0.2)
    assert desk.took(End) == [End(first, UNANSWERED)]
    assert not desk.took(Join)
    assert not desk.serve()
    desk.end(first)
    assert desk.heard() == [("lost", 1), ("open", 2)]
    assert desk.took(Join) == [Join(heir)]
    assert desk.serve() == [3]


def test_one_whose_heir_is_lost_is_asked_again() -> None:
    desk, _ = one_of_two()
    desk.source(3, heir_of=(1,))
    heir = desk.open(3)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(1)
    desk.asked(1)
    desk.end(heir)
    desk.run(1)
    assert "KRW-ETH" in desk.asked(1)


def test_one_that_is_dropped_serves_until_it_is_known_up_to_when() -> None:
    desk, first, _ = both()
    desk.without(2)
    desk.without(2)
    assert len(desk.took(End)) == 1
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(1)
    assert {request.source for request in desk.took(SendRequest)} == {1}
    assert desk.endpoint.health().serving == {1, 2}
    desk.see(first, ETHER)
    desk.end(2)
    assert desk.heard() == [("open", 1)]
    assert desk.endpoint.health().serving == {1}


def test_what_is_compared_is_compared_until_the_last_of_it_has_come() -> None:
    desk, first, second = both()
    third = 3
    desk.source(third)
    desk.without(third)
    desk.run(MERGE_LINGER + 1)
    assert not desk.took(Merge)[1:], "two are left"
    desk.without(2)
    desk.end(second)
    desk.run(MERGE_LINGER - 1)
    assert not desk.took(Merge)
    desk.run(2)
    assert desk.took(Merge) == [Merge("public", is_on=False)]
    assert first


def test_an_heir_whose_keys_are_refused_is_told_when_it_matters() -> None:
    desk, first = one_of_two("private")
    error = TransportError("keys")
    desk.out.clear()
    desk.state(2, "refused", error)
    assert desk.took(Serves) == [Serves(2, is_refused=True)]
    desk.state(2, "connecting")
    assert desk.heard() == []
    desk.without(1)
    assert desk.heard() == []
    desk.end(first)
    assert desk.heard() == [("lost", 1), ("refused", 1)], "now it matters"
    assert desk.reported() == [(1, False)]


@pytest.mark.parametrize("instead", ["lost", "open"])
def test_a_refusal_that_is_over_is_not_told(instead: str) -> None:
    desk, first = one_of_two("private")
    desk.state(2, "refused", TransportError("keys"))
    if instead == "open":
        desk.end(desk.open(2))
    else:
        desk.state(2, "lost")
    desk.without(1)
    desk.heard()
    desk.end(first)
    assert desk.heard() == [("lost", 1)]


def test_what_nobody_wants_needs_no_heir() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(1)
    assert desk.serve() == [1]
    desk.want(1, ticker_want("KRW-BTC"))
    first = desk.open(1)
    desk.see(first, BITCOIN)
    desk.drop(1)
    desk.serve()
    desk.run(1)
    assert desk.serve() == [1]
    assert desk.took(Disconnect)


def test_one_that_goes_when_nothing_is_wanted_is_forgotten() -> None:
    desk, first, _ = both()
    desk.without(1)
    desk.drop(1)
    desk.run(1)
    desk.end(first)
    desk.out.clear()
    desk.want(2, ticker_want("KRW-BTC"))
    assert [one.source for one in desk.took(Connect)] == [2]


def test_a_source_that_comes_first_when_something_is_wanted_connects() -> None:
    desk = Desk()
    desk.use_router()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.source(1)
    (told,) = desk.took(Connect)
    assert (told.source, told.types) == (1, [{"type": "ticker", "codes": ["KRW-BTC"]}])
    desk.without(1)
    desk.drop(1)
    desk.out.clear()
    desk.source(2)
    assert not desk.took(Connect), "nothing is wanted any more"
    assert desk.serve() == [2]
