"""Whose decision each deadline's end is."""

import pytest

from tests.protocol.demand.parts import TIMEOUT, Parts
from websocket_v6.protocol.delivery.commands import End, Join
from websocket_v6.protocol.demand.commands import Report, Serves, Suspect
from websocket_v6.protocol.demand.continuity import Continuity
from websocket_v6.protocol.demand.deadlines import Deadline, Kind
from websocket_v6.protocol.demand.joining import UNANSWERED, Joining
from websocket_v6.protocol.demand.source import Attachment
from websocket_v6.protocol.demand.trials import Trials
from websocket_v6.protocol.demand.verdicts import Verdicts
from websocket_v6.protocol.exchange.wants import ticker_want

NOW, NOW_NS = 30.0, 30_000
VERDICTS = [kind for kind in Kind if kind.is_verdict]


class Bench(Parts):
    """One ticker is wanted, and the first attachment was asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.continuity = Continuity()
        self.joining = Joining(self.sources, self.continuity, self.deadlines, self.asking, self.out)
        self.trials = Trials(self.leases, self.sources, self.silence, self.asking, self.out)
        self.verdicts = Verdicts(self.sources, self.silence, self.asking, self.joining, self.trials, self.out)
        self.want(1, ticker_want("KRW-BTC"))
        self.one = self.begin(1, 5)

    def begin(self, source: int, attachment: int) -> Attachment:
        one = self.open(source, attachment, is_held=self.sources.is_open)
        self.continuity.opened(attachment, 1)
        self.asking.ask(one, 10.0)
        self.out.clear()
        return one

    def passed(self, kind: Kind, attachment: int = 5, number: int = 1) -> bool:
        return self.verdicts.passed(Deadline(kind, attachment, number), NOW, NOW_NS)


def test_a_request_that_is_not_known_to_be_in_force_is_asked_about() -> None:
    bench = Bench()
    assert not bench.passed(Kind.CHECK_SERVED)
    assert len(bench.one.unasked) == 1
    bench.one.unasked.clear()
    assert not bench.passed(Kind.CHECK_SERVED, number=2), "it was asked anew meanwhile"
    assert not bench.one.unasked


def test_a_request_that_was_not_refused_has_the_next_one_tried() -> None:
    bench = Bench()
    probation = bench.leases.probation
    probation.proven()
    bench.want(2, ticker_want("KRW-ETH"))
    bench.want(3, ticker_want("KRW-XRP"))
    probation.refused()
    _, apart = probation.refused()
    bench.leases.set_apart(apart)
    bench.one.provable = {1: {1}, 2: {2}}
    assert bench.passed(Kind.PROVEN), "the union has grown"
    assert probation.suspects == {2}, "one at a time"
    assert not bench.passed(Kind.PROVEN), "a later request is to prove that one"
    assert bench.passed(Kind.PROVEN, number=2)
    assert probation.suspects == {3}
    assert bench.one.provable == {}


def test_snapshots_that_have_not_come_are_awaited_no_more() -> None:
    bench = Bench()
    assert bench.one.coverage.is_awaited
    assert not bench.passed(Kind.ANSWERED)
    assert not bench.one.coverage.is_awaited


def test_a_code_that_said_nothing_is_reported() -> None:
    bench = Bench()
    assert not bench.passed(Kind.SILENT)
    (report,) = bench.took(Report)
    assert (report.lease, report.is_final) == (1, False)
    assert f"{TIMEOUT:g} s without a snapshot" in str(report.error)


def test_a_source_that_said_nothing_is_suspected_first() -> None:
    bench = Bench()
    bench.one.source.was_suspected = False
    assert not bench.passed(Kind.SILENT)
    assert [(type(one), one.attachment) for one in bench.took(Suspect)] == [(Suspect, 5)]
    assert bench.due_of(Deadline(Kind.SILENT, 5, 1)) == NOW + TIMEOUT


def test_others_that_did_not_catch_up_in_time_end_if_they_are_to_be_replaced() -> None:
    bench = Bench()
    bench.source(2, heir_of=(1,))
    bench.begin(2, 6)
    assert not bench.passed(Kind.PROOF, 6)
    assert bench.told() == [End(5, UNANSWERED)]


@pytest.mark.parametrize("kind", [Kind.PROOF, Kind.PATIENCE])
def test_one_that_had_its_time_takes_part(kind: Kind) -> None:
    bench = Bench()
    bench.begin(2, 6)
    assert not bench.passed(kind, 6)
    assert bench.told() == [Join(6), Serves(2, is_refused=False)]
    assert set(bench.continuity.serving) == {5, 6}


@pytest.mark.parametrize("kind", VERDICTS)
def test_nothing_follows_for_an_attachment_that_is_over(kind: Kind) -> None:
    bench = Bench()
    bench.sources.ended(bench.one)
    assert not bench.passed(kind, number=9)
    assert bench.told() == []
