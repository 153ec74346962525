"""A request that is refused although all was checked: the guilty lease is found, and harms no other."""

from collections.abc import Callable

import msgspec
import pytest

from tests.protocol.demand.desk import ALWAYS, Desk
from websocket_v6.protocol.delivery.commands import Mark
from websocket_v6.protocol.demand.asking import PROBATION
from websocket_v6.protocol.demand.commands import Report, Unroute
from websocket_v6.protocol.demand.probation import Suspicion
from websocket_v6.protocol.errors import StreamError
from websocket_v6.protocol.exchange.wants import (
    Want,
    indicator_want,
    orderbook_want,
    ticker_want,
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


def test_the_guilty_lease_is_found_and_dropped_and_nobody_else() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, BAD)
    desk.want(3, ticker_want("KRW-ETH"))
    tries = 0
    while desk.endpoint.health().leases == 3:
        reconnect(desk)
        tries += 1
        assert tries < 10, "it reconnects for ever"
    (report,) = [one for one in desk.took(Report) if one.is_final]
    assert report.lease == 2
    assert isinstance(report.error, StreamError)
    assert "KRW-BAD" in str(report.error)
    assert "WRONG_FORMAT" in str(report.error)
    assert Unroute(2, None) in desk.out
    desk.state(1, "connecting")
    desk.open(1)
    desk.run(10)
    desk.end(1000)
    assert desk.endpoint.health().streams == 2


@pytest.mark.parametrize("codes", [["KRW-BTC", "KRW-ETH"], ["KRW-BTC", "KRW-BTC"]])
def test_two_requests_refused_at_once_blame_once(codes: list[str]) -> None:
    """Two refusals of one request are two strikes; a third, of the same request, must not meet who is tried next."""
    desk = made()
    desk.source(2)
    for lease, code in enumerate(codes, start=1):
        desk.want(lease, ticker_want(code))
    attachments = [desk.open(source) for source in (1, 2)]
    desk.out.clear()
    for one in attachments * 2:
        desk.refuse(one)
    assert not desk.reported()
    desk.run(1)
    assert desk.endpoint.inheritance().leases.suspicion == Suspicion(frozenset({1}), 1, (2,), 1), "tried alone"


def test_errors_about_keys_blame_nobody() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    for _ in range(5):
        one = desk.open(1)
        desk.heed(desk.endpoint.refused(one, "INVALID_AUTH", "no", (), desk.now))
        desk.end(one)
    assert not desk.reported()


def test_who_came_too_late_for_a_request_is_not_to_blame_for_it() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.run(3)
    desk.want(2, ticker_want("KRW-ETH"))
    for _ in range(5):
        desk.refuse(one)
    assert not desk.reported()


def test_who_was_not_in_a_request_is_not_proven_good_by_it() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.run(1.95)
    desk.want(3, ticker_want("KRW-ETH"))
    desk.run(0.045)
    desk.want(2, BAD)
    desk.run(0.1)
    assert "KRW-BAD" not in desk.asked(1)
    desk.run(0.5)
    desk.refuse(one)
    desk.end(one)
    tries = 0
    while desk.endpoint.health().leases == 3:
        reconnect(desk)
        tries += 1
        assert tries < 10, "it reconnects for ever"


def test_one_that_has_grown_is_to_blame_for_what_was_asked_of_it_before() -> None:
    desk = made()
    desk.want(1, BAD)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.refuse(desk.open(1))
    desk.end(1)
    one = desk.open(1)
    desk.want(1, ticker_want("KRW-XRP"))
    desk.refuse(one)
    assert not desk.reported(), "either may be guilty"


def test_one_that_has_grown_is_not_proven_good_by_what_was_asked_before() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.open(1)
    desk.now += PROBATION
    (mark,) = [one for one in desk.endpoint.due(desk.now) if isinstance(one, Mark)]
    desk.want(1, ticker_want("KRW-ETH"))
    desk.heed(desk.endpoint.marked(mark.number, ALWAYS, desk.now, desk.now_ns))
    assert desk.endpoint.inheritance().leases.suspicion.suspects == {1}
    desk.run(3)
    assert not desk.endpoint.inheritance().leases.suspicion.suspects


def test_a_source_that_names_the_guilty_has_nobody_tried() -> None:
    desk = made(names_guilty=True)
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, BAD)
    one = desk.open(1)
    for _ in range(5):
        desk.refuse(one)
    assert not desk.reported()
    desk.refuse(one, "ticker KRW-BAD")
    assert desk.reported() == [(2, True)]
    desk.run(1)
    assert "KRW-BTC" in desk.asked(1)


def apart(desk: Desk, wants: list[Want]) -> None:
    """Have these refused together twice, so that they are tried one by one."""
    for lease, want in enumerate(wants, start=1):
        desk.want(lease, want)
    for _ in range(2):
        one = desk.open(1)
        desk.refuse(one)
        desk.end(one)
    assert desk.endpoint.inheritance().leases.suspicion.apart


SAME = [ticker_want("KRW-BTC")] * 4


def drop_all_but_the_last(desk: Desk) -> None:
    for lease in (1, 2, 3):
        desk.drop(lease)


def satisfy_the_first(desk: Desk) -> None:
    desk.satisfied(1, BITCOIN)


@pytest.mark.parametrize("wants", [SAME, [ticker_want(f"KRW-{name}") for name in "ABCD"]])
@pytest.mark.parametrize("what", [lambda _: None, drop_all_but_the_last, lambda desk: desk.drop(1)])
def test_nobody_waits_for_a_trial_for_ever(wants: list[Want], what: Callable[[Desk], object]) -> None:
    desk = made()
    apart(desk, wants)
    what(desk)
    one = desk.open(1)
    assert one
    desk.run(30)
    suspicion = desk.endpoint.inheritance().leases.suspicion
    assert not suspicion.apart
    assert not suspicion.suspects
    assert desk.endpoint.health().streams == len(
        {stream for want in _wants(desk).values() for stream in want.streams()}
    )


def test_who_is_given_what_it_wanted_during_its_trial_is_innocent() -> None:
    desk = made()
    apart(desk, [ticker_want("KRW-BTC", realtime=False)] * 3)
    satisfy_the_first(desk)
    desk.open(1)
    desk.run(30)
    assert not desk.endpoint.inheritance().leases.suspicion.apart


def test_who_wants_nothing_more_is_suspected_of_nothing() -> None:
    desk = made()
    once = ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False)
    desk.want(1, once.with_codes(["KRW-BTC"]))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.satisfied(1, BITCOIN)
    desk.want(1, once.with_codes(["KRW-ETH"]))
    desk.drop(1, once.with_codes(["KRW-ETH"]))
    assert not desk.endpoint.inheritance().leases.suspicion.suspects


def test_an_error_while_several_requests_are_under_way_blames_nobody() -> None:
    desk = made()
    desk.want(1, BAD)
    one = desk.open(1)
    desk.refuse(one)
    desk.drop(1)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.run(1)
    desk.refuse(one)
    assert not desk.reported(), "it may be of the one before, whose lease is gone"


@pytest.mark.parametrize("realtime", [True, False])
def test_an_error_about_what_nobody_wants_any_more_blames_nobody(realtime: bool) -> None:
    desk = made()
    desk.want(1, msgspec.structs.replace(BAD, realtime=realtime))
    desk.want(2, ticker_want("KRW-ETH"))
    one = desk.open(1)
    desk.drop(1)
    for _ in range(3):
        desk.refuse(one)
    assert not desk.reported()


def test_a_book_that_waits_for_a_snapshot_is_given_one_after_its_trial() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", depth=5, snapshot=False))
    one = desk.open(1)
    desk.run(3)
    desk.want(2, ticker_want("KRW-ETH"))
    desk.want(3, orderbook_want("KRW-BTC", depth=15, snapshot=False))
    desk.drop(1)
    for _ in range(3):
        desk.run(1)
        desk.refuse(one)
        desk.end(one)
        one = desk.open(1)
    assert desk.endpoint.inheritance().leases.suspicion == Suspicion(frozenset({2}), 1, (3,), 2)
    desk.asked(1)
    desk.run(3)
    assert "is_only_realtime" not in desk.asked(1).partition("orderbook")[2]
    assert desk.endpoint.health().streams == 2


def test_more_codes_for_one_that_is_set_apart_are_asked_with_its_trial() -> None:
    desk = made()
    apart(desk, [ticker_want("KRW-A"), ticker_want("KRW-B")])
    desk.want(2, ticker_want("KRW-C"))
    assert desk.endpoint.health().streams == 1
    for _ in range(2):
        one = desk.open(1)
        desk.refuse(one)
        desk.end(one)
    desk.open(1)
    desk.run(10)
    assert desk.endpoint.health().leases == 0


def test_one_that_finds_no_room_after_its_trial_is_dropped() -> None:
    desk = Desk("info")
    desk.use_router()
    desk.source(1)
    many = [
        indicator_want([f"KRW-{name}{index}" for index in range(60)], timeframe="5m", indicators=RSI) for name in "AB"
    ]
    desk.want(1, many[0].with_codes(many[0].codes[:30]))
    desk.want(2, many[0].with_codes(many[0].codes[30:]))
    for _ in range(2):
        one = desk.open(1)
        desk.refuse(one)
        desk.end(one)
    desk.want(3, many[1].with_codes(many[1].codes[:40]))
    desk.want(4, many[1].with_codes([f"KRW-C{index}" for index in range(30)]))
    desk.open(1)
    desk.run(30)
    assert (2, True) in desk.reported()
    assert desk.endpoint.health().leases == 3


def _wants(desk: Desk) -> dict[int, Want]:
    return {number: one.want for number, one in desk.endpoint.inheritance().leases.leases.items()}


@pytest.mark.parametrize("pause", [0.3, 0.6, 1.0, 1.9, 30.0])
@pytest.mark.parametrize("answers", [True, False])
def test_nobody_waits_for_a_trial_longer_because_others_come_and_go(pause: float, answers: bool) -> None:
    """Each change is a request; that none of those before it was refused says as much as if it had been the last."""
    desk = made()
    apart(desk, [ticker_want(f"KRW-{name}") for name in "ABCD"])
    one = desk.open(1)
    other, changes_at = 100, desk.now
    for _ in range(200):
        if desk.now >= changes_at:
            desk.drop(other)
            other, changes_at = other + 1, desk.now + pause
            desk.want(other, ticker_want(f"KRW-N{other}"))
        desk.run(0.1)
        if answers:
            desk.see(one, *desk.endpoint.wanted)
    suspicion = desk.endpoint.inheritance().leases.suspicion
    assert not suspicion.apart
    assert not suspicion.suspects & {1, 2, 3, 4}


def test_what_is_shown_to_be_in_force_was_not_refused() -> None:
    desk = made()
    apart(desk, [ticker_want(f"KRW-{name}") for name in "ABCD"])
    one = desk.open(1)
    began = desk.now
    while desk.endpoint.inheritance().leases.suspicion.suspects:
        desk.see(one, *desk.endpoint.wanted)
        desk.run(0.05)
        assert desk.now - began < 4 * 0.5, "no trial takes longer than the pace of requests"
    assert desk.endpoint.health().streams == 4
