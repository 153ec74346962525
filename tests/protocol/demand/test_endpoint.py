"""One endpoint with one source: wants become connections, requests and routes; questions are answered."""

from typing import Any

import msgspec
import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Admit, End, Expect, Forget, HoldTrades, Merge, Retire, Turn
from websocket_v6.protocol.demand.commands import (
    Answer,
    Connect,
    Deny,
    Disconnect,
    ListSubscriptions,
    Route,
    SendRequest,
    Serves,
    Tell,
    Unroute,
)
from websocket_v6.protocol.demand.interest import LINGER
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.wants import my_asset_want, orderbook_want, ticker_want, trade_want

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
RSI = {"type": "rsi", "params": {"period": 14}}


def made(name: str = "public", **settings: Any) -> Desk:
    """Return an endpoint with one source, number 1."""
    desk = Desk(name, **settings)
    desk.use_router()
    desk.source(1)
    desk.out.clear()
    return desk


def serving(**settings: Any) -> tuple[Desk, int]:
    """Return an endpoint that serves Bitcoin tickers to lease 1, and its attachment."""
    desk = made(**settings)
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(1)
    desk.out.clear()
    return desk, one


def test_a_want_connects_and_is_asked_for_once_it_is_open() -> None:
    desk = made()
    assert [type(one) for one in desk.want(1, ticker_want("KRW-BTC"))] == [Route, Connect]
    desk.out.clear()
    desk.open(1)
    assert [type(one) for one in desk.out] == [Turn, Tell, Serves, Admit, SendRequest]
    (admitted,) = desk.took(Admit)
    assert admitted == Admit(1, 1, is_held=False)
    assert '"codes":["KRW-BTC"]' in desk.asked(1)


def test_a_want_that_leaves_before_the_connection_opens_leaves_no_connection() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.drop(1)
    desk.run(1)
    assert desk.took(Disconnect) == [Disconnect(1, 0.0)]
    desk.open(1)  # it was on its way
    assert not desk.took(Admit)
    desk.end(1)
    desk.state(1, "closed")
    assert desk.heard() == [("closed", 0)], "to nobody"


def test_nothing_wanted_any_more_closes_the_connection() -> None:
    desk, one = serving()
    assert desk.drop(1)[0] == Unroute(1, None)
    desk.run(1)
    assert [type(command) for command in desk.out] == [Unroute, End, Retire, Forget, Disconnect, Serves]
    assert desk.took(Disconnect) == [Disconnect(1, 0.0)]
    desk.end(one)
    assert not desk.heard(), "nothing that anybody wanted was lost"
    desk.state(1, "closed")
    assert desk.heard() == [("closed", 1)]
    desk.want(2, ticker_want("KRW-BTC"))
    desk.open(1)
    (told,) = desk.took(Tell)
    assert (told.state, told.epoch, told.gap_started_ns) == ("open", 2, None)


def test_after_snapshots_alone_the_connection_is_kept_a_while() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC", realtime=False))
    one = desk.open(1)
    assert "is_only_snapshot" in desk.asked(1)
    desk.see(one, BITCOIN)
    desk.satisfied(1, BITCOIN)
    desk.run(1)
    assert desk.took(Disconnect) == [Disconnect(1, LINGER)]
    desk.drop(1)
    desk.run(LINGER - 5)
    assert not desk.took(Disconnect)
    desk.want(2, ticker_want("KRW-BTC", realtime=False))
    assert desk.took(Connect), "it is wanted again"
    desk.run(1)
    assert "is_only_snapshot" in desk.asked(1), "on the same connection"
    assert desk.heard() == [("open", 1), ("open", 1)], "the second time to who is new"


def test_a_connection_that_was_kept_and_ends_is_no_loss() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC", realtime=False))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.satisfied(1, BITCOIN)
    desk.run(1)
    desk.out.clear()
    desk.end(one)
    assert desk.heard() == [("closed", 1)]
    assert desk.took(Disconnect) == [Disconnect(1, 0.0)], "it is not to come back"
    desk.state(1, "closed")
    assert not desk.heard(), "once"
    desk.want(2, ticker_want("KRW-BTC"))
    assert desk.took(Connect)
    desk.open(1)
    assert desk.took(Tell)[-1].gap_started_ns is None


def test_a_lost_connection_is_asked_for_everything_again_in_a_new_epoch() -> None:
    desk, one = serving()
    desk.end(one, whole_ns=desk.now_ns - 5)
    assert Forget("public") in desk.out
    desk.state(1, "connecting")
    desk.open(1)
    lost, connecting, opened = desk.took(Tell)
    assert (lost.state, lost.epoch, lost.gap_started_ns) == ("lost", 1, desk.now_ns - 5)
    assert connecting.state == "connecting"
    assert (opened.state, opened.epoch, opened.gap_started_ns) == ("open", 2, desk.now_ns - 5)
    assert "is_only_realtime" not in desk.asked(1)
    assert Turn("public", 2) in desk.out


def test_a_gap_of_trades_is_waited_for_between_the_turn_and_the_admission() -> None:
    desk, one = serving(backfill=True)
    desk.end(one, whole_ns=desk.now_ns - 5)
    at_ns = desk.now_ns + 3
    desk.open(1, at_ns)
    assert desk.kinds(Turn, HoldTrades, Admit, SendRequest) == ["Turn", "HoldTrades", "Admit", "SendRequest"]
    assert desk.took(HoldTrades) == [HoldTrades(2, at_ns - 8, at_ns, 15.0)]


@pytest.mark.parametrize(("name", "backfills"), [("public", True), ("private", False)])
def test_who_has_no_gaps_to_fill_holds_no_trades(name: str, backfills: bool) -> None:
    desk = Desk(name, backfill=True)
    desk.use_router()
    desk.source(1)
    desk.want(1, ticker_want("KRW-BTC") if name == "public" else my_asset_want())
    desk.end(desk.open(1, backfills=backfills), whole_ns=5)
    desk.open(1, backfills=backfills)
    assert not desk.took(HoldTrades)


# --- routes


def test_a_deeper_book_is_routed_from_the_next_snapshot_on_and_that_is_asked_for() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", depth=5))
    one = desk.open(1)
    assert "KRW-BTC.5" in desk.asked(1)
    desk.see(one, "orderbook KRW-BTC")
    desk.out.clear()
    desk.want(2, orderbook_want("KRW-BTC", depth=15, snapshot=False))
    (route,) = desk.took(Route)
    assert (route.begins, route.replay) == ("next snapshot", False)
    desk.run(1)
    assert desk.kinds(Expect, SendRequest) == ["Expect", "SendRequest"]
    request = desk.asked(1)
    assert "KRW-BTC.15" in request
    assert "is_only_realtime" not in request
    desk.want(3, ticker_want("KRW-ETH"))
    desk.run(1)
    assert "is_only_realtime" not in desk.asked(1), "not before that snapshot has come"
    desk.see(one, "orderbook KRW-BTC", ETHER)
    desk.want(4, ticker_want("KRW-XRP"))
    desk.run(1)
    assert desk.asked(1).count("is_only_realtime") == 2


def test_a_deeper_book_that_waits_is_given_a_snapshot_by_whatever_comes_next() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", depth=5, snapshot=False))
    one = desk.open(1)
    desk.want(2, orderbook_want("KRW-BTC", depth=15, snapshot=False))
    desk.end(one)
    desk.out.clear()
    desk.open(1)
    assert "is_only_realtime" not in desk.asked(1)


def test_a_book_that_is_no_deeper_is_routed_at_once_with_the_last_value() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", depth=15))
    desk.open(1)
    desk.took(Route)
    desk.want(2, orderbook_want("KRW-BTC", depth=5))
    (route,) = desk.took(Route)
    assert (route.begins, route.replay) == ("now", True)


@pytest.mark.parametrize("snapshot", [True, False])
def test_private_data_has_no_last_value(snapshot: bool) -> None:
    desk = made("private")
    desk.want(1, msgspec.structs.replace(my_asset_want(), snapshot=snapshot))
    assert desk.took(Route) == [Route(1, ("myAsset *",), False, True, True, "now")]


def test_a_stream_is_retired_when_the_request_leaves_it_out() -> None:
    desk, _ = serving()
    desk.want(2, ticker_want("KRW-ETH"))
    desk.drop(1)
    desk.run(1)
    assert desk.kinds(SendRequest, Retire) == ["SendRequest", "Retire"]
    assert desk.took(Retire) == [Retire((BITCOIN,))]


def test_a_snapshot_that_was_delivered_is_retired_at_once() -> None:
    desk, one = serving()
    desk.want(2, ticker_want("KRW-ETH", realtime=False))
    desk.run(1)
    desk.see(one, ETHER)
    desk.satisfied(2, ETHER)
    assert desk.took(Retire) == [Retire((ETHER,))]
    desk.out.clear()
    desk.run(5)
    assert not desk.took(SendRequest), "the exchange has stopped by itself"
    assert desk.drop(2) == [Unroute(2, None)]


# --- what is told


def test_components_hear_of_the_connection() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.state(1, "connecting")
    desk.state(1, "lost", TransportError("no"))
    desk.state(1, "connecting")
    one = desk.open(1)
    desk.want(2, ticker_want("KRW-BTC"))
    told = desk.took(Tell)
    assert [(one.state, one.epoch, one.lease) for one in told] == [
        ("connecting", 0, None),
        ("lost", 0, None),
        ("connecting", 0, None),
        ("open", 1, None),
        ("open", 1, 2),
    ]
    assert told[-1].at_ns == told[-2].at_ns
    desk.want(2, ticker_want("KRW-ETH"))
    assert not desk.heard(), "that one knows"
    desk.end(one)
    assert desk.heard() == [("lost", 1)]
    desk.want(3, ticker_want("KRW-ETH"))
    assert desk.heard() == [("lost", 1)], "a newcomer hears why it has to wait"


def test_refused_keys_are_told_to_everyone() -> None:
    desk = made("private")
    desk.want(1, my_asset_want())
    desk.state(1, "refused", TransportError("keys"))
    assert desk.heard() == [("refused", 0)]
    assert desk.reported() == [(1, False)]
    assert Serves(1, is_refused=True) in desk.out


# --- questions


def test_a_question_without_a_connection_is_denied_at_once() -> None:
    desk = made("private")
    (denied,) = desk.endpoint.question(7, desk.now)
    assert isinstance(denied, Deny)
    assert denied.asker == 7
    assert "private" in str(denied.error)


@pytest.mark.parametrize("how", ["asked", "unasked"])
def test_a_question_is_denied_when_the_connection_ends(how: str) -> None:
    desk, one = serving()
    desk.heed(desk.endpoint.question(7, desk.now))
    if how == "asked":
        desk.run(1)
        assert desk.took(ListSubscriptions)
    desk.end(one)
    assert [denied.asker for denied in desk.took(Deny)] == [7]


def test_questions_that_wait_together_are_asked_once() -> None:
    desk, one = serving()
    desk.want(2, ticker_want("KRW-ETH"))
    for asker in range(20):
        desk.heed(desk.endpoint.question(asker, desk.now))
    desk.run(1)
    assert desk.kinds(SendRequest, ListSubscriptions) == ["SendRequest", "ListSubscriptions"], "it is to know of it"
    (ticket,) = desk.questions(1)
    desk.answer(one, ticket)
    assert [answer.asker for answer in desk.took(Answer)] == list(range(20))
    desk.answer(one, ticket)
    assert not desk.took(Answer)


def test_health_counts() -> None:
    desk, one = serving()
    desk.want(2, ticker_want(["KRW-BTC", "KRW-ETH"]))
    desk.heed(desk.endpoint.question(1, desk.now))
    desk.run(2)
    health = desk.endpoint.health()
    assert (health.endpoint, health.streams, health.leases, health.requests_sent) == ("public", 2, 2, 3)
    assert (health.epoch, health.serving) == (1, frozenset({1}))
    desk.end(one)
    assert desk.endpoint.health().serving == frozenset()


def test_whose_trades_are_whose() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, trade_want(["KRW-BTC", "KRW-ETH"]))
    assert [(lease, want.codes) for lease, want in desk.endpoint.followers("trade")] == [(2, ("KRW-BTC", "KRW-ETH"))]


def test_one_source_is_not_merged() -> None:
    desk, _ = serving()
    desk.run(60)
    assert not desk.took(Merge)
