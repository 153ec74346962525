import pytest

from tests.protocol.demand.parts import Parts
from websocket_v6.protocol.delivery.commands import Join
from websocket_v6.protocol.demand.commands import Command, Serves
from websocket_v6.protocol.demand.continuity import Continuity, Gap
from websocket_v6.protocol.demand.deadlines import Deadline, Kind
from websocket_v6.protocol.demand.joining import Joining
from websocket_v6.protocol.demand.source import Attachment, Question
from websocket_v6.protocol.exchange.wants import ticker_want

BTC = "ticker KRW-BTC"
PATIENCE, PROOF_PATIENCE = 30.0, 3.0  # seconds: for a successor, and for the last answer of the one before


class Bench(Parts):
    """Attachments that have been asked for one ticker; the first that opens is what the epoch begins with."""

    def __init__(self) -> None:
        super().__init__()
        self.continuity = Continuity()
        self.joining = Joining(self.sources, self.continuity, self.deadlines, self.asking, self.out)
        self.want(1, ticker_want("KRW-BTC"))

    def begin(self, source: int, attachment: int, now: float = 10.0) -> Attachment:
        is_held = self.sources.is_open
        one = self.open(source, attachment, is_held=is_held)
        self.continuity.opened(attachment, 1)
        if is_held:
            self.joining.begin(one, now)
        self.asking.ask(one, now)
        self.out.clear()
        return one

    def has_all(self, one: Attachment, now: float = 20.0, now_ns: int = 2000) -> None:
        """Have an attachment show that it serves what it was asked."""
        one.coverage.saw([BTC])
        one.in_force = one.requests
        self.joining.settled(one, now, now_ns)

    def in_force(self, *attachments: Attachment) -> None:
        for one in attachments:
            one.in_force = one.requests


def questions(one: Attachment) -> list[tuple[int | None, bool]]:
    """Return what the questions that wait for this one's turn are for, and forget them."""
    found = [(question.proves, question.is_recheck) for question in one.unasked]
    one.unasked.clear()
    return found


def joins(one: Attachment) -> list[Command]:
    return [Join(one.number), Serves(one.source.number, is_refused=False)]


def test_one_that_opens_beside_others_has_its_time_to_have_everything() -> None:
    bench = Bench()
    bench.begin(1, 5)
    bench.begin(2, 6)
    assert Deadline(Kind.PATIENCE, 5) not in bench.deadlines
    assert bench.due_of(Deadline(Kind.PATIENCE, 6)) == 10.0 + PATIENCE


# --- asked whether it serves


@pytest.mark.parametrize(
    ("attachment", "request_", "is_whole", "is_asked"),
    [(5, 1, False, True), (5, 1, True, False), (5, 2, False, False), (5, 0, False, False), (8, 1, False, False)],
)
def test_one_is_asked_that_is_not_known_to_serve_what_it_was_asked_last(
    attachment: int, request_: int, is_whole: bool, is_asked: bool
) -> None:
    bench = Bench()
    one = bench.begin(1, 5)
    if is_whole:
        one.coverage.acknowledge()
    bench.joining.check_served(Deadline(Kind.CHECK_SERVED, attachment, request_))
    assert questions(one) == ([(None, False)] if is_asked else [])


# --- has everything


def test_once_it_has_everything_those_that_serve_are_asked_and_their_answer_lets_it_join() -> None:
    bench = Bench()
    first, newcomer, other = bench.begin(1, 5), bench.begin(2, 6), bench.begin(3, 7)
    bench.in_force(first)
    bench.joining.settled(newcomer, 19.0, 1900)
    assert newcomer.whole_at_ns is None, "it has not everything yet"
    bench.has_all(newcomer)
    assert newcomer.whole_at_ns == 2000
    assert (questions(first), questions(newcomer), questions(other)) == ([(6, False)], [], [])
    assert Deadline(Kind.PROOF, 6) in bench.deadlines
    bench.joining.answered(first, Question("ticket", proves=6), 21.0, 2100)
    assert bench.out == joins(newcomer)
    assert not newcomer.is_held
    assert set(bench.continuity.serving) == {5, 6}


def test_of_two_that_wait_the_one_that_joins_is_asked_about_the_other() -> None:
    """The one that was to answer for both may be ended before its second question has had its turn."""
    bench = Bench()
    first, newcomer, next_one = bench.begin(1, 5), bench.begin(2, 6), bench.begin(3, 7)
    bench.in_force(first)
    bench.has_all(newcomer)
    bench.has_all(next_one)
    assert questions(first) == [(6, False), (7, False)]
    bench.joining.answered(first, Question("ticket", proves=6), 21.0, 2100)
    assert (questions(newcomer), questions(next_one)) == ([(7, False)], [])
    bench.out.clear()
    bench.joining.answered(newcomer, Question("ticket", proves=7), 22.0, 2200)
    assert bench.out == joins(next_one)


def test_the_others_have_little_time_for_their_proof() -> None:
    bench = Bench()
    bench.in_force(bench.begin(1, 5))
    newcomer = bench.begin(2, 6)
    bench.has_all(newcomer, 20.0)
    assert bench.due_of(Deadline(Kind.PROOF, 6)) == 20.0 + PROOF_PATIENCE


def test_it_asks_once() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.in_force(first)
    bench.has_all(newcomer)
    questions(first)
    bench.has_all(newcomer, now_ns=3000)
    assert (questions(first), newcomer.whole_at_ns) == ([], 2000)


def test_it_has_served_since_it_had_everything_and_not_since_the_answer() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.in_force(first)
    bench.has_all(newcomer, now_ns=2000)
    bench.joining.join(6, 2500)
    assert bench.continuity.lost(5, 2000, 2600, {6}) is None
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.joining.join(6, 2500)
    assert bench.continuity.lost(5, 2000, 2600, {6}) == Gap(2000, 2500), "it never had everything: since now"


def test_what_serves_already_has_nothing_to_prove() -> None:
    bench = Bench()
    first = bench.begin(1, 5)
    other = bench.begin(2, 6)
    bench.has_all(first)
    assert (first.whole_at_ns, questions(other), first.is_early) == (None, [], False)


# --- too early


def test_that_it_has_everything_before_what_serves_is_in_force_shows_nothing() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.has_all(newcomer)
    assert (newcomer.whole_at_ns, newcomer.is_early, questions(first)) == (None, True, [])
    bench.in_force(first)
    bench.has_all(newcomer)
    assert (newcomer.whole_at_ns, questions(first)) == (None, []), "not without being asked again"


def test_who_came_too_early_is_asked_again_after_what_serves_is_in_force() -> None:
    bench = Bench()
    first, newcomer, third = bench.begin(1, 5), bench.begin(2, 6), bench.begin(3, 7)
    bench.has_all(newcomer)
    bench.joining.review()
    assert (questions(newcomer), newcomer.is_early) == ([], True)
    bench.in_force(first)
    bench.joining.review()
    assert (questions(newcomer), newcomer.is_early, newcomer.is_rechecked) == ([(None, True)], False, True)
    assert (questions(first), questions(third)) == ([], [])
    bench.joining.review()
    assert questions(newcomer) == []
    bench.joining.settled(newcomer, 21.0, 2100)
    assert newcomer.whole_at_ns is None, "its answer is not there yet"
    bench.joining.answered(newcomer, Question("ticket"), 22.0, 2200)
    assert newcomer.whole_at_ns is None, "this is another's answer"
    bench.joining.answered(newcomer, Question("ticket", is_recheck=True), 23.0, 2300)
    assert [newcomer.whole_at_ns, newcomer.is_rechecked] == [2300, False]
    assert questions(first) == [(6, False)]
    assert bench.out == []


def test_one_that_serves_but_is_not_in_force_holds_up_the_others() -> None:
    bench = Bench()
    first, second, newcomer = bench.begin(1, 5), bench.begin(2, 6), bench.begin(3, 7)
    bench.continuity.serves(6, 1)
    bench.in_force(first)
    bench.has_all(newcomer)
    assert newcomer.is_early
    bench.joining.review()
    assert questions(newcomer) == []
    bench.in_force(second)
    bench.joining.review()
    assert questions(newcomer) == [(None, True)]


def test_one_that_does_not_serve_yet_holds_up_nobody() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.begin(3, 7)
    bench.in_force(first)
    bench.has_all(newcomer)
    assert newcomer.whole_at_ns == 2000


# --- joins


def test_only_one_that_is_there_and_waits_for_that_joins() -> None:
    bench = Bench()
    bench.begin(1, 5)
    bench.joining.join(5, 2000)
    bench.joining.join(99, 2000)
    assert bench.out == []
    newcomer = bench.begin(2, 6)
    bench.joining.join(6, 2000)
    assert bench.out == joins(newcomer)
    bench.joining.join(6, 2000)
    assert bench.out == joins(newcomer), "once"


def test_whoever_takes_part_waits_for_nothing_more() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.in_force(first)
    bench.has_all(newcomer)
    newcomer.is_early = newcomer.is_rechecked = True
    bench.joining.takes_part(newcomer)
    assert (newcomer.is_early, newcomer.is_rechecked, newcomer.is_held) == (False, False, False)
    assert [Deadline(kind, 6) in bench.deadlines for kind in (Kind.PATIENCE, Kind.PROOF)] == [False, False]
    assert bench.out == joins(newcomer)


def test_one_that_is_not_held_has_nothing_to_be_delivered_but_serves() -> None:
    bench = Bench()
    first = bench.begin(1, 5)
    bench.joining.takes_part(first)
    assert bench.out == [Serves(1, is_refused=False)]


def test_an_answer_that_proves_nothing_lets_nobody_join() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.in_force(first)
    bench.has_all(newcomer)
    bench.joining.answered(first, Question("ticket"), 21.0, 2100)
    assert bench.out == []
    assert newcomer.is_held


def test_an_answer_may_be_what_shows_that_it_has_everything() -> None:
    bench = Bench()
    first, newcomer = bench.begin(1, 5), bench.begin(2, 6)
    bench.in_force(first)
    newcomer.coverage.acknowledge()
    bench.joining.answered(newcomer, Question("ticket"), 21.0, 2100)
    assert (newcomer.whole_at_ns, questions(first)) == (2100, [(6, False)])
