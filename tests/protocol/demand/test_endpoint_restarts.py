"""What survives when the registry or the router dies: wants, suspicion, epochs, the start of a gap. Not the union."""

import msgspec
import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Merge
from websocket_v6.protocol.demand.commands import Connect, Deny, Route, SendRequest, Tell
from websocket_v6.protocol.demand.coverage import Coverage
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.exchange.wants import (
    Want,
    my_asset_want,
    orderbook_want,
    ticker_want,
    trade_want,
)

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
BAD = ticker_want("KRW-BAD")
RSI = {"type": "rsi", "params": {"period": 14}}


def made(**traits: bool) -> Desk:
    desk = Desk()
    desk.use_router()
    desk.source(1, **traits)
    return desk


def reconnect(desk: Desk) -> bool:
    """Let source 1 open and be judged by the exchange, which refuses what is bad. Returns whether it was good."""
    one = desk.open(1)
    if "KRW-BAD" not in desk.asked(1):
        desk.run(2.5)
        if "KRW-BAD" not in desk.asked(1):
            return True
    desk.refuse(one)
    desk.end(one)
    return False


def _wants(desk: Desk) -> dict[int, Want]:
    return {number: one.want for number, one in desk.endpoint.inheritance().leases.leases.items()}


def restarted(desk: Desk, whole_ns: int | None = None) -> Desk:
    """Return the successor of an endpoint that a bug ended; its router and its source are new too."""
    successor = Desk(inherited=desk.endpoint.inheritance())
    successor.now = desk.now + 1
    successor.use_router(whole_ns)
    successor.source(1)
    return successor


def test_a_restart_counts_no_snapshot_again_that_was_delivered() -> None:
    desk = made()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.satisfied(1, BITCOIN)
    desk = restarted(desk)
    assert [route.streams for route in desk.took(Route)] == [(ETHER,)]
    assert desk.endpoint.health().streams == 1
    desk.open(1)
    assert "KRW-BTC" not in desk.asked(1)
    desk.drop(1)
    assert desk.endpoint.health().streams == 0
    desk.run(1)
    assert len(desk.endpoint.inheritance().leases.leases) == 0


@pytest.mark.parametrize("strikes", [0, 1, 2, 3, 4])
def test_a_guilty_lease_is_found_whenever_the_registry_dies(strikes: int) -> None:
    """Suspects, strikes and who was set apart are known to the successor: else it would reconnect for ever."""
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, BAD)
    tries = 0
    while desk.endpoint.health().leases == 2:
        if tries == strikes:
            desk = restarted(desk)
        reconnect(desk)
        tries += 1
        assert tries < 12, "it reconnects for ever"
    assert _wants(desk) == {1: ticker_want("KRW-BTC")}


def test_a_restart_is_one_gap_with_its_bounds() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.open(1)
    desk.run(5)
    whole_ns = desk.now_ns - 7
    desk = restarted(desk, whole_ns)
    desk.open(1)
    lost, opened = desk.took(Tell)
    assert (lost.state, lost.epoch, lost.gap_started_ns) == ("lost", 1, whole_ns)
    assert (opened.state, opened.epoch, opened.gap_started_ns) == ("open", 2, whole_ns)


@pytest.mark.parametrize("later", [0, 1000])
def test_a_gap_that_had_begun_is_as_long_as_it_was(later: int) -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.run(5)
    began = desk.now_ns - 7
    desk.end(one, whole_ns=began)
    desk = restarted(restarted(desk, began + later), None)
    desk.open(1)
    (opened,) = desk.took(Tell)
    assert (opened.epoch, opened.gap_started_ns) == (2, began)


def test_without_a_word_of_the_router_all_of_the_epoch_may_be_missing() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.open(1)
    began = desk.now_ns
    desk.run(5)
    desk = restarted(restarted(desk), None)
    desk.open(1)
    assert desk.took(Tell)[-1].gap_started_ns == began


def test_a_new_router_is_told_all_routes_and_the_gap_begins_where_the_last_one_stopped() -> None:
    desk = made()
    desk.source(2)
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, orderbook_want("KRW-BTC", depth=5))
    desk.want(3, trade_want("KRW-BTC", realtime=False))
    one = desk.open(1)
    desk.want(4, orderbook_want("KRW-BTC", depth=15))
    desk.satisfied(3, "trade KRW-BTC")
    desk.heed(desk.endpoint.question(7, desk.now))
    desk.run(1)
    desk.without(1)
    whole_ns = desk.now_ns - 500
    desk.out.clear()
    desk.use_router(whole_ns)
    routes = desk.took(Route)
    assert [route.lease for route in routes] == [1, 2, 4]
    assert not any(route.replay or route.begins != "now" for route in routes)
    assert [denied.asker for denied in desk.took(Deny)] == [7]
    (lost,) = desk.took(Tell)
    assert (lost.state, lost.epoch, lost.gap_started_ns) == ("lost", 1, whole_ns)
    assert not desk.took(Merge), "the first source was dropped and is gone with the router"
    desk.end(one)
    assert not desk.took(Tell)
    desk.source(3)
    assert desk.took(Merge)
    assert [told.source for told in desk.took(Connect)] == [3]
    desk.open(3)
    assert desk.took(Tell)[-1].epoch == 2


def test_a_new_router_is_told_that_there_are_several_sources() -> None:
    desk = made()
    desk.source(2)
    desk.out.clear()
    desk.use_router()
    assert desk.took(Merge) == [Merge("public", is_on=True)]


def test_a_router_that_dies_while_the_connection_is_kept_loses_nothing() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC", realtime=False))
    desk.see(desk.open(1), BITCOIN)
    desk.satisfied(1, BITCOIN)
    desk.run(1)
    desk.heard()
    desk.use_router(5)
    assert desk.heard() == [("closed", 1)]
    desk.want(2, ticker_want("KRW-BTC"))
    assert desk.took(Connect)


def test_the_union_is_the_sum_of_the_leases_it_was_made_of() -> None:
    desk = made()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    desk.want(2, msgspec.structs.replace(my_asset_want(), type="trade", codes=("KRW-BTC",)))
    desk = restarted(desk)
    expected = Union()
    for want in _wants(desk).values():
        expected.add(want)
    plan = Coverage().plan(expected)
    assert plan is not None
    assert desk.took(Connect)[0].types == plan.types
    assert not desk.took(SendRequest)
