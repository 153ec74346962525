"""When the list is asked for, and what is told of answers; then random days, with failures, lies and pauses."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from websocket_v6.protocol.exchange.market_list import Listing, Market, MarketList
from websocket_v6.protocol.markets import steps
from websocket_v6.protocol.markets.machine import MarketsMachine

INTERVAL = 60.0


def markets(quote: str, codes: str) -> tuple[Market, ...]:
    return tuple(Market(f"{quote}-{code}", code, code) for code in codes)


def listed(**quotes: str) -> MarketList:
    return MarketList({quote: markets(quote, codes) for quote, codes in quotes.items() if codes})


class Desk:
    """A machine and a clock. Answers come when the test says so."""

    def __init__(self) -> None:
        self.machine = MarketsMachine(INTERVAL, lambda: 1.0)
        self.now = 1000.0
        self.asked: list[float] = []
        self.is_asking = False
        self.others: list[Any] = []

    def handle(self, event: steps.Event) -> list[Any]:
        found = []
        for action in self.machine.handle(event, self.now):
            if isinstance(action, steps.Ask):
                assert not self.is_asking, "one call at a time"
                self.is_asking = True
                self.asked.append(self.now)
            else:
                found.append(action)
        self.others += found
        return found

    def answer(self, **quotes: str) -> list[Any]:
        self.is_asking = False
        return self.handle(steps.Answered(listed(**quotes), int(self.now * 1e9)))

    def fail(self, reason: str = "no answer", retry_after: float | None = None) -> list[Any]:
        self.is_asking = False
        return self.handle(steps.Failed(reason, retry_after))

    def run(self, seconds: float, answer: Any = None) -> None:
        """Let time pass; each call is answered at once, by `answer` (its keywords), or fails."""
        until = self.now + seconds
        while True:
            if self.is_asking:
                self.fail() if answer is None else self.answer(**answer)
            due = self.machine.next_due
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.handle(steps.Due())
        self.now = until

    def said(self) -> list[tuple[str, str]]:
        """Return what was told since it was last asked: quote currency and codes."""
        found = [
            (one.listing.quote, "".join(m.code.partition("-")[2] for m in one.listing.markets))
            for one in self.others
            if isinstance(one, steps.Say)
        ]
        self.others.clear()
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


def opened(desk: Desk, *quotes: str, **lists: str) -> None:
    desk.handle(steps.Wanted())
    desk.answer(**lists)
    desk.handle(steps.Requested(quotes))


def test_it_asks_at_once_then_once_an_interval_and_tells_what_is_requested(desk: Desk) -> None:
    assert desk.machine.next_due is None
    desk.handle(steps.Wanted())
    assert desk.asked == [1000.0]
    assert desk.answer(KRW="AB", BTC="A") == [steps.Open()]
    desk.handle(steps.Requested(("KRW",)))
    assert desk.said() == [("KRW", "AB")]
    desk.handle(steps.Requested(("KRW", "BTC")))
    assert desk.said() == [("BTC", "A")], "what was told is not told again"
    desk.run(130, {"KRW": "ABC", "BTC": "A"})
    assert desk.asked == [1000.0, 1060.0, 1120.0]
    assert desk.said() == [("KRW", "ABC"), ("BTC", "A")] * 2


def test_it_stops_when_nobody_needs_it_and_goes_on_with_what_is_known(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.handle(steps.Unwanted())
    desk.run(100)
    assert desk.asked == [1000.0]
    desk.others.clear()
    desk.handle(steps.Wanted())
    assert desk.others == [steps.Open()]
    assert desk.asked == [1000.0, 1100.0], "it is older than an interval"


def test_what_nobody_needed_for_long_is_forgotten(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.handle(steps.Unwanted())
    desk.run(3600)
    desk.others.clear()
    desk.handle(steps.Wanted())
    assert desk.others == []
    assert desk.answer(KRW="C") == [steps.Open()]
    desk.handle(steps.Requested(("KRW",)))
    assert desk.said() == [("KRW", "C")]


def test_without_a_list_it_tries_again_with_growing_pauses(desk: Desk) -> None:
    desk.handle(steps.Wanted())
    desk.run(130)
    pauses = [b - a for a, b in zip(desk.asked, desk.asked[1:], strict=False)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert [one.retry_in for one in desk.others] == [*pauses, 60.0]
    assert desk.others[0].reason == "no answer"


def test_a_sign_brings_the_next_call_forward_and_more_of_them_for_a_while(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.run(3)
    desk.handle(steps.Sign("an announcement"))
    assert desk.asked == [1000.0], "never closer than a sixth of an interval"
    desk.run(720, {"KRW": "AB"})
    assert desk.asked[1:61] == [1010.0 + 10 * i for i in range(60)]
    assert desk.asked[61:] == [1660.0, 1720.0]


def test_a_sign_long_after_the_last_call_asks_at_once(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.now += 30
    desk.handle(steps.Sign("KRW-A: its state is DELISTED"))
    assert desk.asked == [1000.0, 1030.0]


@pytest.mark.parametrize("harm", ["nothing", "an empty list", "half"])
def test_twenty_minutes_of_trouble_change_nothing_and_are_told_once(desk: Desk, harm: str) -> None:
    opened(desk, "KRW", KRW="ABCDEF")
    desk.said()
    answers: list[dict[str, str]] = [{"KRW": "A"}, {"KRW": "B"}]
    for minute in range(20):
        desk.run(60, {"nothing": None, "an empty list": {"BTC": "A", "KRW": ""}, "half": answers[minute % 2]}[harm])
    assert not [one for one in desk.others if isinstance(one, steps.Say)]
    if harm == "an empty list":  # BTC goes on
        assert desk.machine.problem == "KRW: it has no market of this quote currency"
        return
    complaints = [one for one in desk.others if isinstance(one, steps.Complain)]
    assert [one.seconds for one in complaints] == [600.0]
    assert desk.machine.problem
    assert desk.machine.listed_ns == 1000 * 10**9
    desk.run(60, {"KRW": "ABCDEF"})
    assert any(isinstance(one, steps.Relieve) for one in desk.others)
    assert desk.said() == [("KRW", "ABCDEF")]


def test_a_quote_currency_in_doubt_keeps_its_age_and_the_others_go_on(desk: Desk) -> None:
    opened(desk, "KRW", "BTC", KRW="ABCD", BTC="A")
    desk.said()
    desk.run(60, {"KRW": "A", "BTC": "AB"})
    assert desk.said() == [("BTC", "AB")]
    desk.handle(steps.Requested(()))
    (said,) = desk.handle(steps.Requested(("KRW",)))
    assert said.listing == Listing("KRW", 1000 * 10**9, markets("KRW", "ABCD"))


def test_an_unknown_quote_currency_is_refused_with_those_that_there_are(desk: Desk) -> None:
    opened(desk, "KRW", KRW="A", BTC="A")
    assert desk.handle(steps.Requested(("KRW", "EUR"))) == [steps.Refuse("EUR", ("BTC", "KRW"))]


def test_a_block_is_waited_for(desk: Desk) -> None:
    desk.handle(steps.Wanted())
    assert desk.fail("HTTP 418", 300.0) == [steps.Wait("HTTP 418", 300.0)]
    desk.handle(steps.Sign("anything"))
    desk.run(299)
    assert desk.asked == [1000.0]
    desk.run(1)
    assert desk.asked == [1000.0, 1300.0]


@pytest.mark.parametrize(("age", "first"), [(0.0, 1060.0), (45.0, 1015.0), (600.0, 1000.0), (-500.0, 1060.0)])
def test_what_another_knew_is_told_at_once_and_asked_for_in_its_time(desk: Desk, age: float, first: float) -> None:
    now_ns = 10**18
    known = Listing("KRW", now_ns - int(age * 1e9), markets("KRW", "AB"))
    desk.handle(steps.Recall((known,), now_ns))
    desk.handle(steps.Wanted())
    desk.handle(steps.Requested(("KRW",)))
    assert desk.others == [steps.Open(), steps.Say(known)]
    desk.run(first - 1000.0)
    assert desk.asked[:1] == [first]


def test_what_another_knew_is_nothing_against_an_answer(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.handle(steps.Recall((Listing("KRW", 5, markets("KRW", "XYZ")),), 10))
    assert desk.machine.codes == {"KRW-A", "KRW-B"}


def test_what_is_forgotten_is_not_asked_for_right_after_a_call_that_brought_nothing(desk: Desk) -> None:
    opened(desk, "KRW", KRW="AB")
    desk.now += 601.0
    desk.handle(steps.Due())
    desk.handle(steps.Unwanted())
    desk.fail()
    desk.handle(steps.Wanted())
    assert desk.asked == [1000.0, 1601.0]
    assert desk.machine.next_due is not None
    assert desk.machine.next_due >= 1602.0


class Days(RuleBasedStateMachine):
    """An exchange whose list changes, and an answer that is right, late, empty, halved or none; a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.truth = set("ABCDEFGH")
        self.told: set[str] | None = None
        self.is_wanted = False
        self.clear_since: float | None = None  # the truth was answered, and has not changed, since

    def note(self, actions: Iterable[Any]) -> None:
        for one in actions:
            if isinstance(one, steps.Open):
                self.note(self.desk.handle(steps.Requested(("KRW",))))
            if isinstance(one, steps.Say):
                before, self.told = self.told, {m.code.partition("-")[2] for m in one.listing.markets}
                assert self.told, "never nothing"
                assert before is None or self.is_wanted

    @rule()
    def want(self) -> None:
        self.is_wanted = True
        self.note(self.desk.handle(steps.Wanted()))

    @precondition(lambda self: self.is_wanted)
    @rule()
    def want_no_more(self) -> None:
        self.is_wanted = False
        self.told = None
        self.note(self.desk.handle(steps.Unwanted()))

    @rule(code=st.sampled_from("ABCDEFGHIJ"))
    def change(self, code: str) -> None:
        changed = self.truth ^ {code}
        if len(changed) > 2:
            self.truth, self.clear_since = changed, None

    @rule()
    def sign(self) -> None:
        self.note(self.desk.handle(steps.Sign("something")))

    @rule(seconds=st.floats(0.01, 100_000))
    def sleep(self, seconds: float) -> None:
        self.desk.now += seconds
        due = self.desk.machine.next_due
        if due is not None and due <= self.desk.now:
            self.note(self.desk.handle(steps.Due()))

    @rule(harm=st.sampled_from(["", "", "", "empty", "half", "none"]))
    @precondition(lambda self: self.desk.is_asking)
    def answer(self, harm: str) -> None:
        rows = "".join(sorted(self.truth))
        if harm == "none":
            self.note(self.desk.fail())
        else:
            kept = {"": rows, "empty": "", "half": rows[: len(rows) // 2]}[harm]
            self.note(self.desk.answer(KRW=kept, BTC="A"))
        if harm == "" and self.clear_since is None:
            self.clear_since = self.desk.now
        elif harm:
            self.clear_since = None

    @invariant()
    def no_call_waits_without_need(self) -> None:
        due, asked = self.desk.machine.next_due, self.desk.asked
        assert (due is None) == (not self.is_wanted or self.desk.is_asking)
        if due is not None and asked:
            assert due <= asked[-1] + INTERVAL or due <= self.desk.now + INTERVAL
        gaps = [b - a for a, b in itertools.pairwise(asked)]
        assert all(gap >= 0.99 for gap in gaps)

    def teardown(self) -> None:
        """Two good minutes in a row, and what is told is the truth."""
        self.want()
        for _ in range(6):
            if not self.desk.is_asking:
                self.sleep(61.0)
            if self.desk.is_asking:
                self.answer("")
        assert self.told == self.truth


Days.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDays = Days.TestCase
