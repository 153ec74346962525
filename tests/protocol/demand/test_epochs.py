from typing import Any

import pytest

from tests.protocol.demand.parts import Parts
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Admit, End, Forget, HoldTrades, Join, Missed, Retire, Turn
from websocket_v6.protocol.demand.attachment_parts import Parts as Sockets
from websocket_v6.protocol.demand.commands import Answer, Command, Deny, ListSubscriptions, Report, Serves, Tell
from websocket_v6.protocol.demand.continuity import Continuity
from websocket_v6.protocol.demand.deadlines import Deadline, Kind
from websocket_v6.protocol.demand.epochs import Epochs
from websocket_v6.protocol.demand.joining import Joining
from websocket_v6.protocol.demand.source import Attachment, What
from websocket_v6.protocol.errors import AuthenticationError, TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import ticker_want

BTC, ETH = "ticker KRW-BTC", "ticker KRW-ETH"
NO = AuthenticationError("no")
GONE = TransportError("gone")
NOW = 10.0


class Bench(Parts):
    """What `epochs.py` needs; one lease wants one ticker."""

    def __init__(self, name: str = "public", continuity: Continuity | None = None, **settings: Any) -> None:
        super().__init__()
        self.continuity = continuity or Continuity()
        joining = Joining(self.sources, self.continuity, self.deadlines, self.asking, self.out)
        self.epochs = Epochs(
            name,
            Config(**settings),
            self.leases,
            self.sources,
            self.continuity,
            self.deadlines,
            self.silence,
            self.asking,
            joining,
            self.out,
        )
        self.want(1, ticker_want("KRW-BTC"))

    def begin(self, source: int, attachment: int, at_ns: int = 100, *, backfills: bool = False) -> Attachment:
        """Have a source open, which is added first if it is not there."""
        known = self.sources.get(source) or self.source(source)
        return self.epochs.opened(known, Sockets((attachment,)), at_ns, NOW, backfills=backfills)

    def serving(self, source: int, attachment: int, at_ns: int = 100, *, backfills: bool = False) -> Attachment:
        """Have a source open, be asked and serve all that is wanted."""
        one = self.begin(source, attachment, at_ns, backfills=backfills)
        self.asking.ask(one, NOW)
        one.coverage.acknowledge()
        one.in_force = one.requests
        self.continuity.serves(attachment, at_ns)
        self.out.clear()
        return one

    def end(self, one: Attachment, whole_ns: int, at_ns: int, reason: str = "gone") -> list[Command]:
        self.out.clear()
        self.epochs.ended(one, whole_ns, at_ns, reason, GONE, NOW)
        return self.told()

    def note(self, source: int, state: str, error: AuthenticationError | TransportError | None = None) -> list[Command]:
        known = self.sources.get(source) or self.source(source)
        self.epochs.noted(known, state, What(7, f"why {state}", error))
        return self.told()


def tell(state: str, epoch: int, at_ns: int, gap_started_ns: int | None = None, reason: str = "") -> Tell:
    return Tell(state, epoch, at_ns, gap_started_ns, reason, None, None)


# --- attachments come


def test_an_epoch_begins_with_the_first_that_opens_and_it_is_admitted_last() -> None:
    bench = Bench()
    assert bench.epochs.opened_at_ns == 0
    one = bench.begin(1, 5)
    assert bench.told() == [
        Turn("public", 1),
        tell("open", 1, 100),
        Serves(1, is_refused=False),
        Admit(5, 1, is_held=False),
    ]
    assert (bench.sources.open(), one.is_held, bench.epochs.opened_at_ns) == ([one], False, 100)
    assert set(bench.continuity.serving) == {5}
    assert Deadline(Kind.PATIENCE, 5) not in bench.deadlines


def test_one_that_opens_beside_others_is_held_and_begins_nothing() -> None:
    bench = Bench()
    bench.begin(1, 5)
    bench.told()
    newcomer = bench.begin(2, 6, at_ns=200)
    assert bench.told() == [Admit(6, 1, is_held=True)]
    assert (newcomer.is_held, bench.epochs.opened_at_ns) == (True, 100)
    assert bench.continuity.awaits(6)
    assert Deadline(Kind.PATIENCE, 6) in bench.deadlines


def test_the_gap_before_an_epoch_is_told_with_it_and_once() -> None:
    bench = Bench(continuity=Continuity(3, 40))
    one = bench.begin(1, 5)
    assert bench.took(Tell) == [tell("open", 4, 100, 40)]
    bench.epochs.tell("open", 100, lease=1)
    assert bench.told() == [Tell("open", 4, 100, None, "", None, 1)]
    bench.end(one, 150, 160)
    bench.begin(1, 6, at_ns=200)
    assert bench.took(Tell)[-1] == tell("open", 5, 200, 150)


@pytest.mark.parametrize(("ago", "started"), [(0.0, 2), (3.0, 5), (9.0, 7), (-1.0, 2)])
def test_a_source_that_brings_what_came_before_it_opened_has_missed_that_much_less(ago: float, started: int) -> None:
    second = 1_000_000_000
    bench = Bench()
    bench.end(bench.begin(1, 5), 7 * second, 8 * second)
    known = bench.sources.get(1)
    assert known is not None
    bench.epochs.opened(known, Sockets((6,)), 7 * second, NOW + 5.0, backfills=False, ago=ago)
    assert bench.took(Tell)[-1] == tell("open", 2, 7 * second, started * second)


def test_who_was_told_that_it_is_open_hears_first_that_it_was_closed() -> None:
    bench = Bench()
    one = bench.begin(1, 5)
    bench.epochs.tell("lost", 120, lease=1)
    bench.continuity.closed()
    bench.epochs.down([one], "it is replaced")
    bench.told()
    bench.begin(1, 6, at_ns=200)
    assert bench.took(Tell) == [tell("closed", 1, 200), tell("open", 2, 200)]


@pytest.mark.parametrize("state", ["lost", "connecting", "refused", "closed"])
def test_who_was_told_anything_else_hears_at_once_that_it_is_open(state: str) -> None:
    bench = Bench()
    one = bench.begin(1, 5)
    bench.end(one, 150, 160)
    bench.epochs.tell(state, 160)
    bench.told()
    bench.begin(1, 6, at_ns=200)
    assert bench.took(Tell) == [tell("open", 2, 200, 150)]


@pytest.mark.parametrize(
    ("name", "backfill", "gap_started_ns", "backfills", "is_held"),
    [
        ("public", True, 40, False, True),
        ("public", True, 0, False, True),
        ("private", True, 40, False, False),
        ("public", False, 40, False, False),
        ("public", True, None, False, False),
        ("public", True, 40, True, False),
    ],
)
def test_trades_wait_for_those_that_were_missed_where_these_are_fetched(
    name: str, backfill: bool, gap_started_ns: int | None, backfills: bool, is_held: bool
) -> None:
    bench = Bench(name, Continuity(3, gap_started_ns), backfill=backfill, backfill_timeout=12.0)
    bench.begin(1, 5, backfills=backfills)
    held = [HoldTrades(4, gap_started_ns or 0, 100, 12.0)] if is_held else []
    missed = [Missed(4, gap_started_ns, 12.0, is_guest=False)] if name == "private" else []
    assert bench.out[:2] == [Turn(name, 4), *held, *missed, tell("open", 4, 100, gap_started_ns)][:2]
    assert bench.took(HoldTrades) == held


def test_trades_wait_if_any_source_that_is_open_does_not_bring_those_missed() -> None:
    for last, count in ((False, 1), (True, 0)):
        bench = Bench(backfill=True)
        first = bench.serving(1, 5, backfills=True)
        bench.begin(2, 6, backfills=True)
        bench.begin(3, 7, backfills=last)
        assert [type(told) for told in bench.end(first, 150, 160)].count(HoldTrades) == count


# --- and go


def test_the_end_of_the_last_one_is_for_the_caller_to_tell() -> None:
    bench = Bench()
    one = bench.serving(1, 5)
    assert bench.end(one, 150, 160) == [Forget("public")]
    assert (bench.sources.is_open, bench.continuity.gap_started_ns, bench.continuity.epoch) == (False, 150, 1)


def test_the_end_of_one_while_another_serves_all_is_nobody_s_business() -> None:
    bench = Bench()
    first = bench.serving(1, 5)
    second = bench.serving(2, 6, at_ns=120)
    assert bench.end(first, 150, 160) == []
    assert bench.sources.open() == [second]
    assert bench.continuity.epoch == 1


def test_an_end_before_another_had_everything_begins_an_epoch_with_that_one() -> None:
    bench = Bench(backfill=True)
    first = bench.serving(1, 5)
    second, third = bench.begin(2, 6), bench.begin(3, 7)
    assert bench.end(first, 150, 160) == [
        Tell("lost", 1, 160, 150, "gone", GONE, None),
        Turn("public", 2),
        HoldTrades(2, 150, 160, 15.0),
        Join(6),
        Serves(2, is_refused=False),
        tell("open", 2, 160, 150),
    ]
    assert (bench.continuity.gap_started_ns, bench.epochs.opened_at_ns) == (None, 160)
    assert (second.is_held, third.is_held) == (False, True)


def test_all_that_serve_take_part_in_the_epoch_that_begins() -> None:
    bench = Bench()
    first = bench.serving(1, 5)
    second = bench.serving(2, 6, at_ns=170)
    bench.begin(3, 7)
    told = bench.end(first, 150, 180)
    assert [one for one in told if not isinstance(one, Tell)] == [
        Turn("public", 2),
        Join(6),
        Serves(2, is_refused=False),
    ]
    assert [one for one in told if isinstance(one, Tell)] == [
        Tell("lost", 1, 180, 150, "gone", GONE, None),
        tell("open", 2, 170, 150),
    ]
    assert not second.is_held
    assert bench.epochs.opened_at_ns == 170


def test_another_that_lacks_what_the_one_that_ends_had_leaves_a_gap() -> None:
    bench = Bench()
    first = bench.serving(1, 5)
    second = bench.serving(2, 6)
    bench.want(2, ticker_want("KRW-ETH"))
    for one in (first, second):
        bench.asking.ask(one, NOW)
    first.coverage.acknowledge()
    assert [one.state for one in bench.end(first, 150, 160) if isinstance(one, Tell)] == ["lost", "open"]


def test_an_end_may_be_what_others_that_came_too_early_waited_for() -> None:
    bench = Bench()
    first, second = bench.serving(1, 5), bench.serving(2, 6)
    first.in_force = 0
    third = bench.begin(3, 7)
    third.is_early = True
    bench.end(first, 150, 160)
    assert second.in_force
    assert [question.is_recheck for question in third.unasked] == [True]


def test_all_end_when_nothing_is_wanted_any_more_and_nothing_is_missed() -> None:
    bench = Bench()
    first, _ = bench.serving(1, 5), bench.serving(2, 6)
    bench.epochs.closed("unwanted")
    assert bench.told() == [End(5, "unwanted"), End(6, "unwanted"), Forget("public")]
    assert (bench.sources.is_open, first.source.attachment) == (False, None)
    assert (bench.continuity.gap_started_ns, bench.continuity.is_served) == (None, False)


def test_an_attachment_that_is_over_leaves_nothing_due() -> None:
    bench = Bench()
    bench.serving(1, 5)
    second = bench.begin(2, 6)
    bench.asking.ask(second, NOW)
    assert Deadline(Kind.CHECK_SERVED, 6, 1) in bench.deadlines
    bench.epochs.down([second], "lost")
    for kind in Kind:
        assert Deadline(kind, 6) not in bench.deadlines
        assert Deadline(kind, 6, 1) not in bench.deadlines
    assert Deadline(Kind.SILENT, 5, 1) in bench.deadlines


def test_what_it_has_delivered_the_others_need_not_bring_again() -> None:
    bench = Bench()
    first, second, third = bench.serving(1, 5), bench.serving(2, 6), bench.begin(3, 7)
    first.coverage.saw([BTC])
    bench.epochs.down([first], "lost")
    assert (second.coverage.has_seen(BTC), third.coverage.has_seen(BTC)) == (True, False)


def test_what_it_was_asked_is_answered_by_others() -> None:
    bench = Bench()
    first, second = bench.serving(1, 5), bench.serving(2, 6)
    bench.asking.question(77)
    bench.asking.flush(NOW + 5.0)
    (question,) = bench.took(ListSubscriptions)
    assert question.source == 1
    bench.epochs.down([first], "lost")
    assert bench.told() == []
    bench.asking.flush(NOW + 10.0)
    (question,) = bench.took(ListSubscriptions)
    assert question.source == 2
    bench.asking.answered(second, SubscriptionList(question.ticket, ()))
    assert bench.told() == [Answer(77, SubscriptionList(question.ticket, ()))]


def test_where_no_other_is_open_whoever_asked_is_told_why_there_is_no_answer() -> None:
    bench = Bench("private")
    first = bench.serving(1, 5)
    bench.asking.question(77)
    bench.epochs.down([first], "the cable is cut")
    deny, forget = bench.told()
    assert isinstance(deny, Deny)
    assert (deny.asker, type(deny.error)) == (77, TransportError)
    assert str(deny.error) == "the private connection is not there to be asked: the cable is cut"
    assert forget == Forget("private")


def test_the_end_of_one_that_gives_no_reason_is_a_loss() -> None:
    bench = Bench()
    first = bench.serving(1, 5)
    bench.asking.question(77)
    deny, _ = bench.end(first, 150, 160, reason="")
    assert isinstance(deny, Deny)
    assert str(deny.error).endswith(": lost")
    bench.serving(1, 6)
    bench.asking.question(78)
    deny, _ = bench.end(bench.sources.open()[0], 150, 160, reason="the cable is cut")
    assert isinstance(deny, Deny)
    assert str(deny.error).endswith(": the cable is cut")


def test_what_nobody_wants_any_more_is_retired_and_what_is_wanted_comes_again() -> None:
    bench = Bench()
    bench.want(2, ticker_want("KRW-ETH"))
    first = bench.serving(1, 5)
    bench.leases.drop(2)
    bench.serving(2, 6)
    bench.epochs.down([first], "lost")
    assert bench.told() == [Retire((ETH,))]


def test_after_the_last_one_all_is_watched_anew_and_before_only_what_it_was_asked() -> None:
    bench = Bench()
    first, second = bench.serving(1, 5), bench.serving(2, 6)
    bench.epochs.down([first], "lost")
    bench.silence.asked(second, NOW)
    assert bench.silence.judge(1) == []
    assert bench.silence.judge(2) == [(1, ticker_want("KRW-BTC"), [BTC])]
    second.coverage.saw([BTC])
    bench.epochs.down([second], "lost")
    third = bench.begin(3, 7)
    bench.silence.saw([BTC])  # else it was told already
    bench.silence.asked(third, NOW)
    assert bench.silence.judge(3) == [(1, ticker_want("KRW-BTC"), [BTC])]


# --- telling


def test_what_is_told_is_of_this_epoch_unless_it_says_otherwise_and_bears_the_gap() -> None:
    bench = Bench(continuity=Continuity(3, 40))
    bench.epochs.tell("lost", 50, "gone", GONE)
    bench.epochs.tell("closed", 60, epoch=2)
    bench.epochs.tell("closed", 60, epoch=0, lease=9)
    assert bench.told() == [
        Tell("lost", 3, 50, 40, "gone", GONE, None),
        Tell("closed", 2, 60, 40, "", None, None),
        Tell("closed", 0, 60, 40, "", None, 9),
    ]


def test_what_happens_to_a_source_is_told_while_no_other_serves() -> None:
    bench = Bench()
    for state in ("connecting", "lost", "closed"):
        assert bench.note(1, state, GONE) == [Tell(state, 0, 7, None, f"why {state}", GONE, None)]
    bench.begin(2, 6)
    bench.told()
    for state in ("connecting", "lost", "closed"):
        assert bench.note(1, state, GONE) == []


def test_that_it_is_closed_is_told_once() -> None:
    bench = Bench()
    assert len(bench.note(1, "closed")) == 1
    assert bench.note(2, "closed") == []
    assert len(bench.note(1, "lost")) == 1
    assert len(bench.note(1, "lost")) == 1
    bench.epochs.tell("closed", 9, lease=1)
    bench.told()
    assert len(bench.note(1, "closed")) == 1, "only one lease was told that"


@pytest.mark.parametrize(("since_ns", "held_ns"), [(40, 40), (200, 100)])
def test_what_others_have_missed_is_held_once_and_is_no_gap(since_ns: int, held_ns: int) -> None:
    """This process is new, and has missed nothing; it serves others from now on, whose clock may be another."""
    bench = Bench(backfill=True, backfill_timeout=7.0)
    bench.epochs.others_since_ns = since_ns
    one = bench.begin(1, 5, 100)
    told = bench.told()
    assert HoldTrades(1, held_ns, 100, 7.0) in told
    assert [each.gap_started_ns for each in told if isinstance(each, Tell)] == [None]
    bench.end(one, 150, 160)
    bench.begin(1, 6, 170)
    assert [each for each in bench.told() if isinstance(each, HoldTrades)] == [HoldTrades(2, 150, 170, 7.0)]


def test_who_fetches_nothing_holds_nothing_for_others() -> None:
    bench = Bench()
    bench.epochs.others_since_ns = 40
    bench.begin(1, 5, 100)
    assert not [each for each in bench.told() if isinstance(each, HoldTrades)]


def test_refused_keys_are_told_to_every_lease_and_the_supervisor_hears_first() -> None:
    bench = Bench()
    bench.want(2, ticker_want("KRW-ETH"))
    assert bench.note(1, "refused", NO) == [
        Serves(1, is_refused=True),
        Tell("refused", 0, 7, None, "why refused", NO, None),
        Report(1, NO, is_final=False),
        Report(2, NO, is_final=False),
    ]
    bench.epochs.tell_refusals()
    assert bench.told() == [], "it was told"


def test_a_refusal_without_an_error_is_reported_to_no_lease() -> None:
    bench = Bench()
    assert bench.note(1, "refused") == [
        Serves(1, is_refused=True),
        Tell("refused", 0, 7, None, "why refused", None, None),
    ]


def test_refused_keys_are_told_only_when_nothing_else_serves() -> None:
    bench = Bench()
    bench.begin(2, 6)
    bench.told()
    assert bench.note(1, "refused", NO) == [Serves(1, is_refused=True)]
    bench.epochs.tell_refusals()
    assert bench.told() == [Tell("refused", 1, 7, None, "why refused", NO, None), Report(1, NO, is_final=False)]
    bench.epochs.tell_refusals()
    assert bench.told() == []


@pytest.mark.parametrize(("state", "is_told"), [("connecting", True), ("lost", False), ("closed", False)])
def test_a_refusal_counts_until_something_else_has_come_of_its_source(state: str, is_told: bool) -> None:
    bench = Bench()
    bench.begin(2, 6)
    bench.note(1, "refused", NO)
    bench.note(1, state)
    bench.epochs.tell_refusals()
    assert bool(bench.told()) is is_told


def test_refusals_of_several_sources_are_told_one_after_the_other() -> None:
    bench = Bench()
    one = bench.begin(3, 7)
    other = AuthenticationError("neither")
    bench.note(1, "refused", NO)
    bench.note(2, "refused", other)
    bench.end(one, 150, 160)
    bench.epochs.tell_refusals()
    assert [told.error for told in bench.told() if isinstance(told, Tell)] == [NO, other]
