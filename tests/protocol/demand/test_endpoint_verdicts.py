"""What an endpoint concludes from silence: only when its sources were read all that time."""

import pytest

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.delivery.commands import Join, Mark
from websocket_v6.protocol.demand.asking import ACKNOWLEDGED_AFTER
from websocket_v6.protocol.demand.commands import Report, SendRequest, Suspect
from websocket_v6.protocol.demand.deadlines import PAUSE, Deadline, Deadlines, Kind
from websocket_v6.protocol.demand.joining import PATIENCE
from websocket_v6.protocol.errors import UnknownCodeError
from websocket_v6.protocol.exchange.wants import my_asset_want, orderbook_want, ticker_want

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
SILENT = 5.0


def made(name: str = "public", sources: int = 1) -> Desk:
    desk = Desk(name, silent_code_timeout=SILENT)
    desk.use_router()
    for source in range(1, sources + 1):
        desk.source(source)
    return desk


# --- deadlines


def test_deadlines_are_kept_once_and_moved() -> None:
    deadlines, flush = Deadlines(), Deadline(Kind.FLUSH)
    deadlines.set(flush, 1.0, 5.0)
    deadlines.set(Deadline(Kind.STOP_MERGING), 1.0, 1.0)
    deadlines.set(flush, 1.0, 2.0)
    assert deadlines.next_due == 2.0
    assert deadlines.pop(1.9) == ([], None)
    assert deadlines.pop(2.0) == ([Deadline(Kind.STOP_MERGING)], None)
    deadlines.cancel(flush)
    assert deadlines.next_due is None
    deadlines.set(flush, 3.0, 0.0)
    deadlines.set(flush, 3.0, 0.0)
    assert deadlines.pop(3.0) == ([flush], None)
    assert deadlines.next_due is None


def test_a_verdict_waits_for_its_mark() -> None:
    deadlines, patience, proof = Deadlines(), Deadline(Kind.PATIENCE, 1), Deadline(Kind.PROOF, 1)
    deadlines.set(patience, 10.0, 2.0)
    deadlines.set(proof, 11.0, 1.0)
    _, mark = deadlines.pop(12.0)
    assert mark is not None
    assert patience in deadlines
    assert deadlines.next_due is None
    assert deadlines.marked(mark, 10.5, 12.0) == [proof]
    assert deadlines.next_due == 12.5, "it began before everything flowed, so it begins anew"
    assert deadlines.marked(mark, 0.0, 12.0) == []


def test_what_does_not_flow_is_not_judged() -> None:
    deadlines, patience = Deadlines(), Deadline(Kind.PATIENCE, 1)
    deadlines.set(patience, 10.0, 2.0)
    _, mark = deadlines.pop(12.0)
    assert mark is not None
    assert deadlines.marked(mark, None, 13.0) == []
    assert deadlines.next_due == 15.0


def test_a_verdict_that_was_cancelled_or_moved_meanwhile_is_not_passed() -> None:
    deadlines, patience, proof = Deadlines(), Deadline(Kind.PATIENCE, 1), Deadline(Kind.PROOF, 1)
    deadlines.set(patience, 10.0, 2.0)
    deadlines.set(proof, 10.0, 2.0)
    _, mark = deadlines.pop(12.0)
    assert mark is not None
    deadlines.cancel(patience)
    deadlines.set(proof, 12.0, 2.0)
    assert deadlines.marked(mark, 0.0, 12.0) == []
    deadlines.cancel_all(1)
    assert deadlines.next_due is None


def test_whoever_looks_much_too_late_was_stopped_and_judges_nothing() -> None:
    deadlines, patience = Deadlines(), Deadline(Kind.PATIENCE, 1)
    deadlines.set(patience, 10.0, 2.0)
    assert deadlines.pop(12.1 + PAUSE) == ([], None)
    assert deadlines.next_due == pytest.approx(14.1 + PAUSE)


# --- unknown codes


def test_a_code_that_says_nothing_is_reported_once() -> None:
    desk = made()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-NONE"]))
    one = desk.open(1)
    desk.run(1)
    desk.see(one, BITCOIN)
    desk.run(SILENT - 0.1)
    assert not desk.reported(), "the time runs from the first sign that the request is in force"
    desk.run(0.2)
    (report,) = desk.took(Report)
    assert isinstance(report.error, UnknownCodeError)
    assert (report.lease, report.is_final, report.error.codes) == (1, False, ("KRW-NONE",))
    desk.run(60)
    assert not desk.reported()


def test_a_code_is_reported_even_if_nothing_else_comes() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", level=10))
    desk.open(1)
    desk.run(SILENT - 0.1)
    (suspect,) = desk.took(Suspect)
    assert suspect.source == 1, "first the connection"
    assert not desk.reported()
    desk.run(SILENT)
    (report,) = desk.took(Report)
    assert "level=10" in str(report.error)


def test_a_code_that_was_just_added_is_given_its_own_time() -> None:
    desk = made()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-NONE"]))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(SILENT - 0.1)
    desk.want(1, ticker_want("KRW-ETH"))
    desk.run(0.2)
    (report,) = desk.took(Report)
    assert isinstance(report.error, UnknownCodeError)
    assert report.error.codes == ("KRW-NONE",)
    desk.run(SILENT)
    assert [one.error.codes for one in desk.took(Report) if isinstance(one.error, UnknownCodeError)] == [("KRW-ETH",)]


def test_who_wants_no_snapshot_hears_of_an_unknown_code_too() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-NONE", snapshot=False))
    desk.open(1)
    desk.run(2 * SILENT)
    assert desk.reported() == [(1, False)]


def test_what_has_no_snapshots_may_be_silent() -> None:
    private = made("private")
    private.want(1, my_asset_want())
    private.open(1)
    private.run(2 * SILENT)
    assert not private.reported()


def test_a_code_that_runs_already_is_no_unknown_one() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(1)
    desk.want(2, ticker_want("KRW-BTC"))
    desk.run(2 * SILENT)
    assert not desk.reported()


def test_a_deeper_book_does_not_make_a_code_unknown_to_who_had_it() -> None:
    desk = made()
    desk.want(1, orderbook_want("KRW-BTC", depth=5))
    one = desk.open(1)
    desk.run(0.5)
    desk.see(one, "orderbook KRW-BTC")
    desk.run(SILENT - 0.1)
    desk.want(2, orderbook_want("KRW-BTC", depth=15))
    desk.run(1)
    assert not desk.reported()


def test_after_a_loss_unknown_codes_are_reported_again() -> None:
    desk = made()
    desk.want(1, ticker_want(["KRW-BTC", "KRW-NONE"]))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(SILENT - 1)
    desk.end(one)
    desk.run(SILENT)
    assert not desk.reported(), "the one that was watched is gone"
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(SILENT + 0.1)
    assert desk.reported() == [(1, False)]


def test_what_a_source_that_is_lost_was_asked_is_watched_on_another() -> None:
    desk = made(sources=2)
    desk.want(1, ticker_want(["KRW-BTC", "KRW-NONE"]))
    first, second = desk.open(1), desk.open(2)
    for one in (first, second):
        desk.see(one, BITCOIN)
    desk.run(SILENT - 1)
    desk.end(first)
    desk.run(SILENT - 0.5)
    assert not desk.reported()
    desk.run(1)
    assert desk.reported() == [(1, False)]


def test_who_has_left_is_told_nothing() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-NONE"))
    desk.want(2, ticker_want(["KRW-NONE", "KRW-BTC"]))
    desk.want(3, ticker_want("KRW-NONE"))
    desk.drop(3)
    desk.open(1)
    desk.run(1)
    desk.drop(1)
    desk.drop(2, ticker_want("KRW-NONE"))
    desk.run(1)
    desk.see(1, BITCOIN)
    desk.run(2 * SILENT)
    assert not desk.reported()


# --- while a mailbox keeps the sources from being read


def test_nothing_is_judged_while_nothing_is_read() -> None:
    desk = made(sources=2)
    desk.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    first = desk.open(1)
    desk.see(first, BITCOIN)
    desk.flowing_since = None
    second = desk.open(2)
    desk.out.clear()
    desk.run(4 * PATIENCE)
    assert not desk.reported()
    assert not desk.took(Join)
    assert not desk.questions(1) + desk.questions(2)
    marks = len(desk.took(Mark))
    assert marks < 4 * PATIENCE / ACKNOWLEDGED_AFTER * 2 + 100
    desk.flowing_since = desk.now
    desk.run(0.9)
    assert not desk.reported(), "the time begins anew"
    desk.run(SILENT + 0.2)
    assert (1, False) in desk.reported()
    desk.run(PATIENCE)
    assert desk.took(Join) == [Join(second)]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_guilty_lease_is_not_proven_good_because_its_refusal_was_not_read(is_read: bool) -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, ticker_want("KRW-BAD"))
    if not is_read:
        desk.flowing_since = None
    for _ in range(2):
        one = desk.open(1)
        desk.run(10)
        desk.refuse(one)
        desk.end(one)
    desk.run(1)
    desk.took(SendRequest)
    desk.open(1)
    request = desk.asked(1)
    assert ("KRW-BTC" in request and "KRW-BAD" in request) is is_read, "both proven, or tried one by one"


def test_marks_are_sent_only_when_something_is_judged() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-BTC"))
    one = desk.open(1)
    desk.see(one, BITCOIN)
    desk.run(2.5)
    assert len(desk.took(Mark)) == 1, "that the request was not refused"
    desk.run(3600)
    assert not desk.took(Mark)
    assert desk.endpoint.next_due is None


def test_a_mark_that_a_router_took_with_it_is_not_waited_for() -> None:
    desk = made()
    desk.want(1, ticker_want("KRW-NONE"))
    desk.open(1)
    while not any(isinstance(one, Mark) for one in desk.endpoint.due(desk.now)):
        assert desk.endpoint.next_due is not None
        desk.now = desk.endpoint.next_due
    desk.use_router()
    desk.open(1)
    desk.run(2 * SILENT)
    assert desk.reported() == [(1, False)]
