"""What patterns stand for, list by list, and in which order it is told; then a walk against a model of its own."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from websocket_v6.protocol.demand.patterns import (
    AskAgain,
    End,
    Grow,
    Inform,
    Need,
    Note,
    PatternCommand,
    Patterns,
    Shrink,
    Spare,
)
from websocket_v6.protocol.errors import UnknownCodeError
from websocket_v6.protocol.exchange.market_list import Listing, Market
from websocket_v6.protocol.exchange.wants import Want, orderbook_want, ticker_want

INTERVAL = 60.0


def listing(codes: str, quote: str = "KRW", at: int = 1, *, warned: str = "") -> Listing:
    return Listing(quote, at, tuple(Market(f"{quote}-{code}", code, code, code in warned) for code in codes))


def short(command: PatternCommand) -> Any:
    """Return a command in few words."""
    match command:
        case Grow(lease, want):
            return "grow", lease, bases(want.codes)
        case Shrink(lease, want):
            return "shrink", lease, bases(want.codes)
        case Note(lease, event):
            return "note", lease, bases(event.added), bases(event.removed)
        case Inform(component, _, event):
            return "inform", component, None if event is None else (bases(event.added), bases(event.removed))
        case Need(quote):
            return "need", quote
        case Spare(quote):
            return "spare", quote
        case End(lease, _):
            return "end", lease
        case AskAgain(codes):
            return "again", bases(sorted(codes))


def bases(codes: Any) -> str:
    return "".join(code.partition("-")[2] for code in codes)


def shortly(commands: list[PatternCommand]) -> list[Any]:
    return [short(one) for one in commands if not isinstance(one, AskAgain)]


@pytest.fixture
def patterns() -> Patterns:
    return Patterns(INTERVAL)


ALL = ticker_want("KRW-*")


def test_the_list_is_needed_then_the_pattern_stands_for_what_it_has(patterns: Patterns) -> None:
    assert shortly(patterns.take(7, "bot", ALL)) == [("need", "KRW")]
    assert shortly(patterns.listed(listing("AB"), 0.0)) == [
        ("inform", "bot", None),
        ("note", 7, "AB", ""),
        ("grow", 7, "AB"),
    ]
    assert patterns.is_listed("KRW-A")
    assert not patterns.is_listed("KRW-C")
    assert not patterns.is_listed("BTC-A")


def test_what_goes_goes_before_it_is_told_and_what_comes_comes_after(patterns: Patterns) -> None:
    for lease, component in ((7, "bot"), (8, "bot"), (9, "other")):
        patterns.take(lease, component, ALL)
    patterns.listed(listing("AB"), 0.0)
    assert shortly(patterns.listed(listing("BC"), 60.0)) == [
        *(("shrink", lease, "A") for lease in (7, 8, 9)),
        ("inform", "bot", None),
        ("inform", "other", None),
        *(("note", lease, "C", "A") for lease in (7, 8, 9)),
        *(("grow", lease, "C") for lease in (7, 8, 9)),
    ]


def test_the_same_list_again_is_no_news(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    patterns.listed(listing("AB"), 0.0)
    assert shortly(patterns.listed(listing("AB", at=2), 10.0)) == []
    assert patterns.listings["KRW"].listed_ns == 2, "but it is newer"


def test_a_warning_is_for_who_asks_and_no_event(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    patterns.listed(listing("AB"), 0.0)
    assert shortly(patterns.listed(listing("AB", warned="A"), 60.0)) == [("inform", "bot", None)]


def test_a_newcomer_hears_what_there_is_first(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    patterns.listed(listing("AB"), 0.0)
    expected = [("inform", "late", None), ("note", 8, "AB", ""), ("grow", 8, "AB")]
    assert shortly(patterns.take(8, "late", ALL)) == expected


def test_what_is_named_stays_whatever_the_list_says(patterns: Patterns) -> None:
    patterns.take(7, "bot", ticker_want(["KRW-A", "KRW-*", "BTC-Z"]))
    patterns.listed(listing("AB"), 0.0)
    assert shortly(patterns.listed(listing("C"), 60.0))[0] == ("shrink", 7, "B")
    assert shortly(patterns.drop(7, ticker_want("KRW-*"))) == [("shrink", 7, "C"), ("spare", "KRW")]


def test_what_is_taken_out_stays_out_until_it_is_asked_for(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    patterns.listed(listing("ABC"), 0.0)
    assert shortly(patterns.drop(7, ticker_want(["KRW-B", "KRW-D"]))) == [("shrink", 7, "B")]
    assert ("grow", 7, "E") in shortly(patterns.listed(listing("ABCDE"), 60.0))
    assert shortly(patterns.take(7, "bot", ticker_want("KRW-B"))) == [("grow", 7, "B")]
    assert shortly(patterns.take(7, "bot", ALL)) == [("grow", 7, "D")]


def test_several_quote_currencies(patterns: Patterns) -> None:
    commands = patterns.take(7, "bot", orderbook_want(["KRW-*", "BTC-*"], depth=5))
    assert shortly(commands) == [("need", "KRW"), ("need", "BTC")]
    (grown,) = (one for one in patterns.listed(listing("A", "BTC"), 0.0) if isinstance(one, Grow))
    assert grown.want == orderbook_want("BTC-A", depth=5)
    assert shortly(patterns.take(8, "bot", ticker_want("BTC-*")))[-1] == ("grow", 8, "A")
    assert shortly(patterns.drop(7, None)) == [("spare", "KRW")]
    assert shortly(patterns.drop(8, None)) == [("spare", "BTC")]
    assert patterns.listings == {}, "it would grow old unseen"
    assert patterns.listed(listing("A", "BTC"), 0.0) == []


def test_who_only_wants_to_know_is_informed_with_the_change(patterns: Patterns) -> None:
    assert shortly(patterns.interest("desk", "KRW")) == [("need", "KRW")]
    assert patterns.interest("desk", "KRW") == []
    assert shortly(patterns.listed(listing("AB"), 0.0)) == [("inform", "desk", ("AB", ""))]
    assert shortly(patterns.listed(listing("BC"), 60.0)) == [("inform", "desk", ("C", "A"))]
    patterns.take(7, "desk", ALL)
    assert ("inform", "desk", None) in shortly(patterns.listed(listing("BCD"), 120.0)), "its mailbox tells it"
    patterns.drop(7, None)
    assert patterns.needed == {"KRW"}
    assert shortly(patterns.gone("desk")) == [("spare", "KRW")]


def test_an_unknown_quote_currency_ends_who_wanted_it(patterns: Patterns) -> None:
    patterns.take(7, "bot", ticker_want(["KRW-*", "EUR-*"]))
    patterns.take(8, "bot", ALL)
    error = UnknownCodeError("there are no EUR markets here")
    assert patterns.refused("EUR", error) == [End(7, error)]
    assert 7 not in patterns
    assert patterns.needed == {"KRW"}


def test_what_is_silent_is_asked_for_again_once_a_list(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    times = [0.0, 60.0, 70.0, 80.0, 119.0, 120.0]
    asked = [any(isinstance(one, AskAgain) for one in patterns.listed(listing("AB"), at)) for at in times]
    assert asked == [False, True, False, False, True, False], "not with the first, and no more than about once"


def test_a_successor_goes_on(patterns: Patterns) -> None:
    patterns.take(7, "bot", ALL)
    patterns.interest("desk", "BTC")
    patterns.listed(listing("ABC"), 0.0)
    patterns.drop(7, ticker_want("KRW-B"))
    left = patterns.inheritance()
    patterns.take(7, "bot", ticker_want("KRW-B"))  # what happens to the old one is nothing to it
    heir = Patterns(INTERVAL, left)
    assert heir.needed == {"KRW", "BTC"}
    assert shortly(heir.listed(listing("ABD"), 60.0))[0] == ("shrink", 7, "C")
    assert ("grow", 7, "D") in shortly(Patterns(INTERVAL, left).listed(listing("ABD"), 60.0))


LETTERS = st.sampled_from("ABCDEF")


class Walk(RuleBasedStateMachine):
    """Whatever comes and goes: what the endpoint was told is what the model says, nothing twice, all in order."""

    def __init__(self) -> None:
        super().__init__()
        self.patterns = Patterns(INTERVAL)
        self.listed: str | None = None
        self.names: dict[int, set[str]] = {}
        self.excluded: dict[int, set[str]] = {}
        self.has_pattern: set[int] = set()
        self.served: dict[int, set[str]] = {}  # what the endpoint was told
        self.noted: dict[int, set[str]] = {}  # what the mailbox was told there is
        self.now = 0.0

    def carry_out(self, commands: list[PatternCommand]) -> None:
        for one in commands:
            match one:
                case Grow(lease, want):
                    codes = set(bases(want.codes))
                    assert not codes & self.served.setdefault(lease, set()), "twice"
                    if lease in self.has_pattern:
                        untold = codes - self.noted.get(lease, set()) - self.names[lease]
                        assert not untold, "it must be told before its first event"
                    self.served[lease] |= codes
                case Shrink(lease, want):
                    codes = set(bases(want.codes))
                    assert codes <= self.served[lease]
                    self.served[lease] -= codes
                case Note(lease, event):
                    gone = set(bases(event.removed))
                    assert not gone & (self.served.get(lease, set()) - self.names[lease]), "its last event comes before"
                    self.noted[lease] = set(bases(event.codes))

    @rule(lease=st.integers(1, 3), names=st.sets(LETTERS, max_size=2), pattern=st.booleans())
    def take(self, lease: int, names: set[str], pattern: bool) -> None:
        if lease not in self.names and not pattern:
            return  # it is no lease with a pattern
        symbols = [f"KRW-{name}" for name in sorted(names)] + (["KRW-*"] if pattern else [])
        if not symbols:
            return
        self.names.setdefault(lease, set()).update(names)
        self.excluded.setdefault(lease, set()).difference_update("ABCDEF" if pattern else names)
        self.has_pattern |= {lease} if pattern else set()
        self.carry_out(self.patterns.take(lease, "bot", ticker_want(symbols)))

    @precondition(lambda self: self.names)
    @rule(data=st.data(), codes=st.sets(LETTERS, max_size=3), pattern=st.booleans())
    def drop(self, data: st.DataObject, codes: set[str], pattern: bool) -> None:
        lease = data.draw(st.sampled_from(sorted(self.names)))
        part = Want("ticker", tuple(f"KRW-{code}" for code in sorted(codes)), quotes=("KRW",) if pattern else ())
        self.names[lease] -= codes
        self.has_pattern -= {lease} if pattern else set()
        self.excluded[lease] = self.excluded[lease] | codes if lease in self.has_pattern else set()
        self.carry_out(self.patterns.drop(lease, part))
        if not self.names[lease] and lease not in self.has_pattern:
            self.forget(lease)

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def drop_whole(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(sorted(self.names)))
        self.carry_out(self.patterns.drop(lease, None))
        self.forget(lease)

    def forget(self, lease: int) -> None:
        assert lease not in self.patterns
        for known in (self.names, self.excluded, self.served, self.noted):
            known.pop(lease, None)
        self.has_pattern.discard(lease)

    @rule(codes=st.sets(LETTERS), pause=st.floats(1, 100))
    def list(self, codes: set[str], pause: float) -> None:
        self.now += pause
        self.carry_out(self.patterns.listed(listing("".join(sorted(codes))), self.now))
        self.listed = "".join(sorted(codes)) if self.patterns.needed else None

    @rule()
    def restart(self) -> None:
        self.patterns = Patterns(INTERVAL, self.patterns.inheritance())

    @invariant()
    def the_endpoint_serves_what_it_is_to(self) -> None:
        if not self.patterns.needed:
            self.listed = None
        for lease, names in self.names.items():
            wanted = set(names)
            if lease in self.has_pattern and self.listed is not None:
                wanted |= set(self.listed) - self.excluded[lease]
            assert self.served.get(lease, set()) == wanted


Walk.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestWalk = Walk.TestCase
