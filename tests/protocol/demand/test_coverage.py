"""What an attachment serves, and the requests that make it serve a union."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.wanted import RSI, One, public_wants, types
from websocket_v6.protocol.demand.coverage import Coverage
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.wants import (
    Want,
    announcement_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
    trade_want,
)

THREE = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


def union_of(*codes: str, snapshot: bool = True) -> Union:
    union = Union()
    for code in codes:
        union.add(ticker_want(code, snapshot=snapshot))
    return union


def ask(coverage: Coverage, union: Union) -> None:
    plan = coverage.plan(union)
    if plan is not None and not plan.is_empty:
        coverage.sent(plan)


def test_it_is_whole_when_all_that_goes_on_has_come() -> None:
    union, served = union_of("KRW-BTC", "KRW-ETH"), Coverage()
    assert not served.is_whole, "nothing is nothing"
    ask(served, union)
    served.saw(["ticker KRW-BTC"])
    assert not served.is_whole
    served.saw(["ticker KRW-ETH"])
    assert served.is_whole
    union.add(trade_want("KRW-BTC", realtime=False))
    ask(served, union)
    assert served.is_whole, "a snapshot alone does not go on"
    union.add(trade_want("KRW-ETH"))
    ask(served, union)
    assert not served.is_whole


def test_what_was_delivered_and_is_wanted_no_more_was_something_all_the_same() -> None:
    union, served = Union(), Coverage()
    union.add(ticker_want(["KRW-BTC", "KRW-NOPE"], realtime=False))
    ask(served, union)
    assert not served.has_seen_any
    served.forget(union.remove(ticker_want("KRW-BTC", realtime=False)))  # its snapshot has been taken, and
    served.saw(["ticker KRW-BTC"])  # that it came is told after that
    assert served.has_seen_any
    union.add(ticker_want("KRW-ETH", realtime=False))
    ask(served, union)
    assert not served.has_seen_any, "nothing of what is asked for now"


def test_an_answer_after_the_request_says_that_it_is_in_force() -> None:
    union, served = union_of("KRW-BTC", snapshot=False), Coverage()
    ask(served, union)
    assert not served.is_whole
    served.acknowledge()
    assert served.is_whole
    assert not served.has_seen("ticker KRW-BTC"), "but there is no value that a newcomer could be given"


def test_a_deeper_book_is_to_be_acknowledged_anew() -> None:
    union, served = Union(), Coverage()
    union.add(orderbook_want("KRW-BTC", depth=5))
    ask(served, union)
    served.saw(["orderbook KRW-BTC"])
    union.add(orderbook_want("KRW-BTC", depth=30))
    ask(served, union)
    assert not served.is_whole


def test_what_another_has_delivered_needs_no_snapshot_of_this_one() -> None:
    union = union_of("KRW-BTC", snapshot=False)
    old, new = Coverage(), Coverage()
    for served in (old, new):
        ask(served, union)
    old.saw(["ticker KRW-BTC"])
    new.inherit(old)
    assert not new.has_seen("ticker KRW-BTC"), "it is not known to serve it"
    new.acknowledge()
    new.inherit(old)
    assert new.has_seen("ticker KRW-BTC")
    union.add(ticker_want("KRW-BTC"))
    plan = new.plan(union)
    assert plan is None


streams = st.lists(st.sampled_from([f"ticker {code}" for code in THREE]), unique=True)


@given(st.lists(st.sampled_from(THREE), unique=True, min_size=1), streams, streams, st.booleans(), streams)
def test_one_covers_another_if_it_has_all_that_is_known_of_it(
    codes: list[str], mine: list[str], theirs: list[str], answered: bool, gone: list[str]
) -> None:
    union = union_of(*codes)
    one, other = Coverage(), Coverage()
    for served in (one, other):
        ask(served, union)
    one.saw(mine)
    other.saw(theirs)
    if answered:
        one.acknowledge()
    for stream in gone:
        if stream in union:
            union.remove(ticker_want(stream.partition(" ")[2]))
    asked = {f"ticker {code}" for code in codes}
    have = asked if answered else asked & set(mine)
    assert one.covers(other, union) == (asked & set(theirs) - set(gone) <= have)
    assert one.covers(one, union)
    if one.is_whole:
        assert one.covers(other, union)


def test_what_was_not_asked_before_is_a_sign_that_the_request_is_in_force() -> None:
    union, served = union_of("KRW-BTC"), Coverage()
    ask(served, union)
    assert served.saw(["ticker KRW-BTC"])
    union.add(trade_want("KRW-BTC"))
    ask(served, union)
    assert not served.saw(["ticker KRW-BTC", "ticker KRW-XRP"])
    assert served.saw(["ticker KRW-BTC", "trade KRW-BTC"])


@pytest.mark.parametrize(
    ("came", "is_awaited"),
    [
        ([], True),
        (["ticker KRW-BTC"], True),
        (["ticker KRW-XRP", "ticker KRW-ETH"], True),
        (["ticker KRW-BTC", "ticker KRW-ETH"], False),
    ],
)
def test_snapshots_are_awaited_until_the_last_has_come(came: list[str], is_awaited: bool) -> None:
    union, served = union_of("KRW-BTC", "KRW-ETH"), Coverage()
    assert not served.is_awaited
    ask(served, union)
    served.saw(came)
    assert served.is_awaited is is_awaited
    assert served.awaits(union, repeats=True) is is_awaited
    assert not served.awaits(union, repeats=False), "who repeats nothing may be asked again"
    served.give_up()
    assert not served.is_awaited


def test_a_request_that_leaves_something_out_waits_for_it_whoever_is_asked() -> None:
    union, served = union_of("KRW-BTC", "KRW-ETH"), Coverage()
    ask(served, union)
    union.remove(ticker_want("KRW-BTC"))
    assert served.awaits(union, repeats=False)
    served.saw(["ticker KRW-BTC"])
    assert not served.awaits(union, repeats=False)


def left_out(*came: str) -> tuple[Union, Coverage, tuple[str, ...]]:
    """Return what was served of Bitcoin and Ether, and what the request says to leave out that asks for Ether alone."""
    union, served = union_of("KRW-BTC", "KRW-ETH"), Coverage()
    ask(served, union)
    served.saw(came)
    union.remove(ticker_want("KRW-BTC"))
    plan = served.plan(union)
    assert plan is not None
    left = served.leaves(plan)
    served.sent(plan)
    return union, served, left


def test_what_has_come_and_is_left_out_may_still_be_on_its_way() -> None:
    assert left_out("ticker KRW-BTC", "ticker KRW-ETH")[2] == ("ticker KRW-BTC",)
    assert left_out("ticker KRW-ETH")[2] == (), "of what never came nothing is known to have a snapshot"


def test_what_was_left_out_is_taken_anyway_once_if_it_does_not_begin_anew() -> None:
    union, served, _ = left_out("ticker KRW-BTC", "ticker KRW-ETH")
    union.add(ticker_want("KRW-BTC"))
    ask(served, union)
    assert served.take_anyway(["ticker KRW-BTC", "ticker KRW-ETH"]) == ("ticker KRW-BTC",)
    assert served.take_anyway(["ticker KRW-BTC"]) == ()


def test_what_has_begun_anew_needs_not_be_taken_anyway() -> None:
    union, served, _ = left_out("ticker KRW-BTC", "ticker KRW-ETH")
    union.add(ticker_want("KRW-BTC"))
    ask(served, union)
    served.saw(["ticker KRW-BTC"])
    assert served.take_anyway(["ticker KRW-BTC"]) == ()


def test_a_snapshot_alone_leaves_nothing_behind_it() -> None:
    union, served = union_of("KRW-BTC"), Coverage()
    union.add(trade_want("KRW-BTC", realtime=False))
    ask(served, union)
    served.saw(["trade KRW-BTC", "ticker KRW-BTC"])
    union.remove(trade_want("KRW-BTC", realtime=False))
    union.add(ticker_want("KRW-ETH"))
    plan = served.plan(union)
    assert plan is not None
    assert served.leaves(plan) == ()


def test_what_has_no_snapshot_is_never_skipped() -> None:
    union, served = Union(), Coverage()
    union.add(my_order_want())
    union.add(my_asset_want())
    ask(served, union)
    served.saw(["myOrder *", "myAsset *"])
    union.remove(my_order_want())
    plan = served.plan(union)
    assert plan is not None
    assert served.leaves(plan) == ()


def test_only_what_is_asked_for_the_first_time_is_awaited() -> None:
    union, served = union_of("KRW-BTC"), Coverage()
    ask(served, union)
    union.add(ticker_want("KRW-ETH"))
    ask(served, union)
    served.saw(["ticker KRW-ETH"])
    assert not served.is_awaited, "Bitcoin did not come the first time: it may be unknown"
    union.add(ticker_want("KRW-XRP"))
    ask(served, union)
    assert served.is_awaited


def test_a_deeper_book_is_awaited_and_one_that_runs_is_not() -> None:
    union, served = Union(), Coverage()
    union.add(orderbook_want("KRW-BTC", depth=5))
    ask(served, union)
    served.saw(["orderbook KRW-BTC"])
    union.add(orderbook_want("KRW-BTC", depth=15))
    ask(served, union)
    assert served.is_awaited
    served.saw(["orderbook KRW-BTC"])
    union.remove(orderbook_want("KRW-BTC", depth=15))
    ask(served, union)
    assert not served.is_awaited


def test_a_stream_that_goes_on_after_a_snapshot_alone_is_awaited_again() -> None:
    union, served = union_of(), Coverage()
    union.add(ticker_want("KRW-BTC", realtime=False))
    ask(served, union)
    union.add(ticker_want("KRW-BTC"))
    assert served.awaits(union, repeats=True), "the first is on its way"
    served.saw(["ticker KRW-BTC"])
    assert not served.awaits(union, repeats=True)
    ask(served, union)
    assert served.awaits(union, repeats=True), "the second is"


def test_a_snapshot_alone_that_is_given_up_is_awaited_no_more() -> None:
    once, union, served = ticker_want("KRW-BTC", realtime=False), Union(), Coverage()
    union.add(once)
    ask(served, union)
    served.forget(union.remove(once))
    union.add(once)
    assert not served.is_awaited, "it is to be asked for anew"


@pytest.mark.parametrize(
    "want", [my_order_want(), my_asset_want(), indicator_want("KRW-BTC", timeframe="5m", indicators=RSI)]
)
def test_what_has_no_snapshot_is_not_awaited(want: Want) -> None:
    union, served = Union(), Coverage()
    union.add(want)
    ask(served, union)
    assert not served.is_awaited


@pytest.mark.parametrize("realtime", [True, False])
def test_what_was_given_up_before_it_came_is_no_sign_later(realtime: bool) -> None:
    """It may answer the request that asked for it first."""
    union, served = union_of("KRW-BTC"), Coverage()
    ask(served, union)
    ether = ticker_want("KRW-ETH", realtime=realtime)
    union.add(ether)
    ask(served, union)
    served.forget(union.remove(ether))
    union.add(trade_want("KRW-BTC"))
    ask(served, union)
    union.add(ether)
    union.add(ticker_want("KRW-XRP"))
    ask(served, union)
    assert not served.saw(["ticker KRW-ETH"])
    assert served.saw(["ticker KRW-XRP"])


def test_a_deeper_book_begins_with_a_snapshot_whoever_wants_it() -> None:
    union, served = Union(), Coverage()
    union.add(orderbook_want("KRW-BTC", depth=5, snapshot=False))
    ask(served, union)
    served.saw(["orderbook KRW-BTC"])
    union.add(orderbook_want("KRW-BTC", depth=30, snapshot=False))
    plan = served.plan(union)
    assert plan is not None
    assert plan.types == [{"type": "orderbook", "codes": ["KRW-BTC"]}]


def test_a_book_that_was_asked_at_fewer_levels_meanwhile_begins_anew() -> None:
    union, served = Union(), Coverage()
    deep, shallow = orderbook_want("KRW-BTC", depth=30), orderbook_want("KRW-BTC", depth=5)
    union.add(shallow)
    union.add(deep)
    ask(served, union)
    served.saw(["orderbook KRW-BTC"])
    union.remove(deep)
    ask(served, union)
    union.add(deep)
    plan = served.plan(union)
    assert plan is not None
    assert "is_only_realtime" not in plan.types[0]
    assert served.sent(plan) == ["orderbook KRW-BTC"]


def test_wants_of_a_type_become_one_object() -> None:
    one = One()
    one.add(ticker_want(["KRW-ETH"]))
    one.add(ticker_want(["KRW-BTC", "KRW-ETH"]))
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}]


def test_nothing_new_is_no_request() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC"))
    types(one)
    one.add(ticker_want("KRW-BTC"))
    assert one.plan() is None


def test_running_codes_are_asked_without_a_second_snapshot() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC"))
    types(one)
    one.saw(["ticker KRW-BTC"])
    one.add(ticker_want("KRW-ETH"))
    assert types(one) == [
        {"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "ticker", "codes": ["KRW-ETH"]},
    ]


def test_a_code_that_has_said_nothing_yet_is_asked_again() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC"))
    types(one)
    one.add(ticker_want("KRW-ETH"))
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}]


def test_a_code_that_leaves_is_left_out() -> None:
    one = One()
    one.add(ticker_want(["KRW-BTC", "KRW-ETH"]))
    types(one)
    assert one.remove(ticker_want("KRW-ETH")) == ["ticker KRW-ETH"]
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC"]}]


def test_an_empty_union_is_an_empty_plan() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC"))
    types(one)
    one.remove(ticker_want("KRW-BTC"))
    plan = one.plan()
    assert plan is not None
    assert plan.is_empty


def test_a_book_is_asked_at_the_greatest_depth_wanted() -> None:
    one = One()
    one.add(orderbook_want("KRW-BTC", depth=5))
    assert types(one) == [{"type": "orderbook", "codes": ["KRW-BTC.5"]}]
    one.saw(["orderbook KRW-BTC"])
    one.add(orderbook_want("KRW-BTC", depth=30))
    plan = one.plan()
    assert plan is not None
    assert plan.types == [{"type": "orderbook", "codes": ["KRW-BTC"]}], "a deeper book needs a snapshot of its own"
    assert one.sent(plan) == ["orderbook KRW-BTC"]
    one.saw(["orderbook KRW-BTC"])
    one.remove(orderbook_want("KRW-BTC", depth=30))
    assert types(one) == [{"type": "orderbook", "codes": ["KRW-BTC.5"], "is_only_realtime": True}]


def test_levels_are_streams_and_objects_of_their_own() -> None:
    one = One()
    one.add(orderbook_want("KRW-BTC", level=0))
    one.add(orderbook_want("KRW-BTC", level=10000))
    assert types(one) == [
        {"type": "orderbook", "codes": ["KRW-BTC"]},
        {"type": "orderbook", "codes": ["KRW-BTC"], "level": Decimal(10000)},
    ]


def test_a_snapshot_alone_is_asked_alone_and_not_asked_again() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC"))
    types(one)
    one.saw(["ticker KRW-BTC"])
    once = ticker_want("KRW-ETH", realtime=False)
    one.add(once)
    assert types(one)[1] == {"type": "ticker", "codes": ["KRW-ETH"], "is_only_snapshot": True}
    one.saw(["ticker KRW-ETH"])
    one.remove(once)
    assert one.plan() is None
    one.add(once)
    assert types(one)[1]["is_only_snapshot"], "a later want must not be served an old value"


def test_what_is_to_go_on_after_a_snapshot_alone_begins_with_another() -> None:
    """What the exchange sent between the two is in neither."""
    one = One()
    one.add(ticker_want("KRW-BTC", realtime=False))
    types(one)
    one.add(ticker_want("KRW-BTC"))
    one.saw(["ticker KRW-BTC"])
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC"]}]
    one.saw(["ticker KRW-BTC"])
    assert one.plan() is None


def test_a_code_that_has_said_nothing_is_asked_for_a_snapshot_whoever_wants_it() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC", snapshot=False))
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC"]}]


def test_private_types_have_no_flags() -> None:
    one = One()
    one.add(my_order_want(["KRW-BTC"]))
    one.add(my_asset_want())
    one.add(announcement_want(["trade"]))
    assert sorted(types(one), key=lambda item: str(item["type"])) == [
        {"type": "announcement", "categories": ["trade"]},
        {"type": "myAsset"},
        {"type": "myOrder", "codes": ["KRW-BTC"]},
    ]
    one.add(my_order_want())
    one.add(announcement_want(include_body=True))
    assert sorted(types(one), key=lambda item: str(item["type"])) == [
        {"type": "announcement", "include_body": True},
        {"type": "myAsset"},
        {"type": "myOrder"},
    ]


def test_indicators_are_grouped_by_what_is_asked_of_the_code() -> None:
    one = One()
    one.add(indicator_want(["KRW-BTC", "KRW-ETH"], timeframe="15m", indicators=[RSI]))
    assert types(one) == [
        {"type": "indicator", "codes": ["KRW-BTC", "KRW-ETH"], "timeframe": "15m", "indicators": [RSI]}
    ]


def test_the_hundred_and_first_combination_is_refused_and_costs_the_others_nothing() -> None:
    one = One()
    many = [f"KRW-A{index}" for index in range(100)]
    one.add(indicator_want(many, timeframe="5m", indicators=RSI))
    before = types(one)
    one.add(indicator_want(many[:3], timeframe="5m", indicators=RSI))  # the same combinations exist once
    with pytest.raises(LocalProtocolError, match="1 combinations"):
        one.add(indicator_want("KRW-B", timeframe="5m", indicators=RSI))
    assert one.plan() is None
    one.begin_again()
    assert types(one) == before


@given(st.lists(st.tuples(public_wants, st.booleans()), max_size=30), st.data())
def test_after_any_changes_the_request_names_exactly_the_union(
    steps: list[tuple[Want, bool]], data: st.DataObject
) -> None:
    one = One()
    held: list[Want] = []
    for want, add in steps:
        if add or not held:
            one.add(want)
            held.append(want)
        else:
            one.remove(held.pop(data.draw(st.integers(0, len(held) - 1))))
        if data.draw(st.booleans()):
            plan = one.plan()
            if plan is not None and not plan.is_empty:
                one.sent(plan)
                one.saw(data.draw(st.lists(st.sampled_from(sorted(plan.asked)))))
    plan = one.plan()
    if plan is not None:
        one.sent(plan)
    depths: dict[str, int] = {}
    for want in held:
        for stream in want.streams():
            depths[stream] = max(depths.get(stream, 0), want.depth)
    assert {stream: asked.depth for stream, asked in one.served.asked.items() if asked.live} == depths


@given(st.lists(public_wants, min_size=1, max_size=8))
def test_a_request_is_what_the_exchange_reads(wants: list[Want]) -> None:
    one = One()
    for want in wants:
        one.add(want)
    plan = one.plan()
    assert plan is not None
    request = json.loads(encode_request("ticket", plan.types, "SIMPLE"))
    assert request[0] == {"ticket": "ticket"}
    assert request[-1] == {"format": "SIMPLE"}
    named = [
        (item["type"], code.partition(".")[0], item.get("level", 0)) for item in request[1:-1] for code in item["codes"]
    ]
    assert len(named) == len(set(named)), "no code twice in a type"
