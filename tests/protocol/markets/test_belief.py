"""Which codes are new and which are gone, list by list; and random exchanges, of which nothing false is believed."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.market_list import Market
from websocket_v6.protocol.markets.belief import Belief

GONE_AFTER = 30.0


def markets(codes: str) -> tuple[Market, ...]:
    return tuple(Market(f"KRW-{code}", code, code) for code in codes)


def seen(belief: Belief) -> str:
    return "".join(one.code.removeprefix("KRW-") for one in belief.markets)


def weighed(*lists: tuple[float, str], heard: Mapping[str, float] = {}) -> tuple[str, list[bool]]:
    """Return what is believed after lists that came at some time, and which of them were."""
    belief = Belief(GONE_AFTER)
    doubts = [not belief.weigh(markets(codes), int(at), at, heard) for at, codes in lists]
    return seen(belief), doubts


@pytest.mark.parametrize(
    ("lists", "believed"),
    [
        ([(0, "AB")], "AB"),
        ([(0, "AB"), (60, "ABC")], "ABC"),  # added at once
        ([(0, "ABC"), (60, "AB")], "ABC"),  # missing once
        ([(0, "ABC"), (60, "AB"), (120, "AB")], "AB"),
        ([(0, "ABC"), (60, "AB"), (89, "AB")], "ABC"),  # not far enough apart
        ([(0, "ABC"), (60, "AB"), (90, "AB")], "AB"),
        ([(0, "ABC"), (60, "AB"), (70, "ABC"), (120, "AB")], "ABC"),  # it was back in between
        ([(0, "ABC"), (60, "AB"), (120, "AB"), (180, "ABC")], "ABC"),  # back later: as added
        ([(0, "ABCD"), (60, "A"), (120, "ABCD")], "ABCD"),  # lost more than half
        ([(0, "ABCD"), (60, "A"), (120, "A")], "A"),  # and the next one says the same
        ([(0, "ABCD"), (60, "A"), (70, "A"), (80, "A")], "ABCD"),  # but too soon after
        ([(0, "ABCD"), (60, "A"), (120, "B"), (180, "A")], "ABCD"),  # they contradict each other
        ([(0, "ABCD"), (60, "AB"), (120, "AB")], "AB"),  # just half is an ordinary list
        ([(0, "ABCD"), (60, ""), (120, ""), (180, "")], "ABCD"),  # nothing is never believed
        ([(0, ""), (60, "AB")], "AB"),
    ],
)
def test_what_lists_are_believed_to_mean(lists: list[tuple[float, str]], believed: str) -> None:
    assert sorted(weighed(*lists)[0]) == sorted(believed)


def test_which_lists_are_believed() -> None:
    lists = [(0, "ABCD"), (60, "A"), (120, "A"), (180, ""), (240, "AE")]
    assert weighed(*lists)[1] == [True, False, True, False, True]


@pytest.mark.parametrize(("heard", "believed"), [({"KRW-C": 59.0}, "AB"), ({"KRW-C": 61.0}, "ABC"), ({}, "AB")])
def test_what_still_talks_is_not_gone(heard: Mapping[str, float], believed: str) -> None:
    assert weighed((0, "ABC"), (60, "AB"), (120, "AB"), heard=heard)[0] == believed


def test_what_has_talked_needs_two_lists_anew() -> None:
    belief = Belief(GONE_AFTER)
    for at, codes, heard in ((0, "ABC", 0.0), (60, "AB", 0.0), (120, "AB", 100.0), (180, "AB", 100.0)):
        belief.weigh(markets(codes), 0, at, {"KRW-C": heard})
    assert seen(belief) == "AB"


def test_why_is_said_and_a_list_in_doubt_is_no_newer_one() -> None:
    belief = Belief(GONE_AFTER)
    assert belief.weigh(markets("ABCD"), 5, 0.0, {}) == ""
    assert "1 of the 4 markets" in belief.weigh(markets("A"), 6, 60.0, {})
    assert "no market" in belief.weigh((), 7, 120.0, {})
    assert belief.listed_ns == 5


@given(
    st.lists(
        st.tuples(st.floats(0.1, 100), st.sets(st.sampled_from("ABCDEFGH")), st.sampled_from("ABCDEFGH ")), max_size=40
    )
)
def test_nothing_goes_that_was_listed_or_heard_within_half_a_minute(
    steps: list[tuple[float, set[str], str]],
) -> None:
    belief, now = Belief(GONE_AFTER), 0.0
    last: dict[str, float] = {}  # when a code was last in a list, or said something
    heard: dict[str, float] = {}
    for pause, codes, talks in steps:
        now += pause
        if talks != " ":
            heard[f"KRW-{talks}"] = now
        before = belief.codes
        is_believed = not belief.weigh(markets("".join(sorted(codes))), 0, now, heard)
        for code in codes if is_believed else ():
            last[f"KRW-{code}"] = now
        gone = before - belief.codes
        assert not gone & {f"KRW-{code}" for code in codes}
        assert all(now - last[code] >= GONE_AFTER for code in gone), "it was listed a moment ago"
        assert all(now - heard[code] >= GONE_AFTER for code in gone & heard.keys() if heard[code] > last[code])
        assert bool(belief.codes) >= bool(before), "never nothing"
        if is_believed:
            assert {f"KRW-{code}" for code in codes} <= belief.codes
        else:
            assert belief.codes == before
