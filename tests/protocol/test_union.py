import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.requests import encode_request
from websocket_v6.protocol.union import Union
from websocket_v6.protocol.wants import (
    Want,
    announcement_want,
    candle_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
    trade_want,
)

RSI = {"type": "rsi", "params": {"period": 14}}


def types(union: Union) -> list[dict[str, Any]]:
    """Return what the next request would ask, and note it as sent."""
    plan = union.plan()
    assert plan is not None
    union.sent(plan)
    return plan.types


def test_wants_of_a_type_become_one_object() -> None:
    union = Union()
    union.add(ticker_want(["KRW-ETH"]))
    union.add(ticker_want(["KRW-BTC", "KRW-ETH"]))
    assert types(union) == [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}]


def test_nothing_new_is_no_request() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC"))
    types(union)
    union.add(ticker_want("KRW-BTC"))
    assert union.plan() is None


def test_running_codes_are_asked_without_a_second_snapshot() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC"))
    types(union)
    union.saw(["ticker KRW-BTC"])
    union.add(ticker_want("KRW-ETH"))
    assert types(union) == [
        {"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "ticker", "codes": ["KRW-ETH"]},
    ]


def test_a_code_that_has_said_nothing_yet_is_asked_again() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC"))
    types(union)
    union.add(ticker_want("KRW-ETH"))
    assert types(union) == [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}]


def test_a_code_that_leaves_is_left_out() -> None:
    union = Union()
    union.add(ticker_want(["KRW-BTC", "KRW-ETH"]))
    types(union)
    assert union.remove(ticker_want("KRW-ETH")) == ["ticker KRW-ETH"]
    assert types(union) == [{"type": "ticker", "codes": ["KRW-BTC"]}]


def test_an_empty_union_is_an_empty_plan() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC"))
    types(union)
    union.remove(ticker_want("KRW-BTC"))
    plan = union.plan()
    assert plan is not None
    assert plan.is_empty


def test_a_book_is_asked_at_the_greatest_depth_wanted() -> None:
    union = Union()
    union.add(orderbook_want("KRW-BTC", depth=5))
    assert types(union) == [{"type": "orderbook", "codes": ["KRW-BTC.5"]}]
    union.saw(["orderbook KRW-BTC"])
    union.add(orderbook_want("KRW-BTC", depth=30))
    plan = union.plan()
    assert plan is not None
    assert plan.types == [{"type": "orderbook", "codes": ["KRW-BTC"]}], "a deeper book needs a snapshot of its own"
    assert union.sent(plan) == ["orderbook KRW-BTC"]
    union.saw(["orderbook KRW-BTC"])
    union.remove(orderbook_want("KRW-BTC", depth=30))
    assert types(union) == [{"type": "orderbook", "codes": ["KRW-BTC.5"], "is_only_realtime": True}]


def test_levels_are_streams_and_objects_of_their_own() -> None:
    union = Union()
    union.add(orderbook_want("KRW-BTC", level=0))
    union.add(orderbook_want("KRW-BTC", level=10000))
    assert types(union) == [
        {"type": "orderbook", "codes": ["KRW-BTC"]},
        {"type": "orderbook", "codes": ["KRW-BTC"], "level": Decimal(10000)},
    ]


def test_a_snapshot_alone_is_asked_alone_and_not_asked_again() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC"))
    types(union)
    union.saw(["ticker KRW-BTC"])
    once = ticker_want("KRW-ETH", realtime=False)
    union.add(once)
    assert types(union)[1] == {"type": "ticker", "codes": ["KRW-ETH"], "is_only_snapshot": True}
    union.saw(["ticker KRW-ETH"])
    union.remove(once)
    assert union.plan() is None
    union.add(once)
    assert types(union)[1]["is_only_snapshot"], "a later want must not be served an old value"


def test_a_newcomer_who_wants_a_snapshot_of_a_silent_code_is_served_one() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", snapshot=False))
    assert types(union) == [{"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True}]
    union.add(ticker_want("KRW-BTC"))
    assert types(union) == [{"type": "ticker", "codes": ["KRW-BTC"]}]


def test_private_types_have_no_flags() -> None:
    union = Union()
    union.add(my_order_want(["KRW-BTC"]))
    union.add(my_asset_want())
    union.add(announcement_want(["trade"]))
    assert sorted(types(union), key=lambda one: str(one["type"])) == [
        {"type": "announcement", "categories": ["trade"]},
        {"type": "myAsset"},
        {"type": "myOrder", "codes": ["KRW-BTC"]},
    ]
    union.add(my_order_want())
    union.add(announcement_want(include_body=True))
    assert sorted(types(union), key=lambda one: str(one["type"])) == [
        {"type": "announcement", "include_body": True},
        {"type": "myAsset"},
        {"type": "myOrder"},
    ]


def test_indicators_are_grouped_by_what_is_asked_of_the_code() -> None:
    union = Union()
    union.add(indicator_want(["KRW-BTC", "KRW-ETH"], timeframe="15m", indicators=[RSI]))
    assert types(union) == [
        {"type": "indicator", "codes": ["KRW-BTC", "KRW-ETH"], "timeframe": "15m", "indicators": [RSI]}
    ]


def test_the_hundred_and_first_combination_is_refused_and_costs_the_others_nothing() -> None:
    union = Union()
    many = [f"KRW-A{index}" for index in range(100)]
    union.add(indicator_want(many, timeframe="5m", indicators=RSI))
    before = types(union)
    union.add(indicator_want(many[:3], timeframe="5m", indicators=RSI))  # the same combinations exist once
    with pytest.raises(LocalProtocolError, match="1 combinations"):
        union.add(indicator_want("KRW-B", timeframe="5m", indicators=RSI))
    assert union.plan() is None
    union.reset()
    assert types(union) == before


def test_decimals_are_json_numbers_as_they_are_spelled() -> None:
    text = encode_request("t", [{"type": "orderbook", "codes": ["KRW-BTC"], "level": Decimal(10000)}], "SIMPLE")
    assert text == ('[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":10000},{"format":"SIMPLE"}]')
    assert '"multiplier":2.0' in encode_request("t", [{"params": {"multiplier": Decimal("2.0")}}], "SIMPLE")


CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH"]
public_wants = st.one_of(
    st.builds(
        lambda codes, snap: ticker_want(codes, snapshot=snap),
        st.lists(st.sampled_from(CODES), min_size=1),
        st.booleans(),
    ),
    st.builds(lambda codes: trade_want(codes), st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(lambda codes: candle_want(codes, interval="1s"), st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(
        lambda codes, depth: orderbook_want(codes, depth=depth),
        st.lists(st.sampled_from(CODES), min_size=1),
        st.sampled_from([1, 5, 15, 30]),
    ),
)


@given(st.lists(st.tuples(public_wants, st.booleans()), max_size=30), st.data())
def test_after_any_changes_the_request_names_exactly_the_union(
    steps: list[tuple[Want, bool]], data: st.DataObject
) -> None:
    union = Union()
    held: list[Want] = []
    for want, add in steps:
        if add or not held:
            union.add(want)
            held.append(want)
        else:
            union.remove(held.pop(data.draw(st.integers(0, len(held) - 1))))
        if data.draw(st.booleans()):
            plan = union.plan()
            if plan is not None and not plan.is_empty:
                union.sent(plan)
                union.saw(data.draw(st.lists(st.sampled_from(sorted(plan.asked)))))
    plan = union.plan()
    if plan is not None:
        union.sent(plan)
    depths: dict[str, int] = {}
    for want in held:
        for stream in want.streams():
            depths[stream] = max(depths.get(stream, 0), want.depth)
    assert {stream: asked.depth for stream, asked in union.asked.items() if asked.live} == depths


@given(st.lists(public_wants, min_size=1, max_size=8))
def test_a_request_is_what_the_exchange_reads(wants: list[Want]) -> None:
    union = Union()
    for want in wants:
        union.add(want)
    plan = union.plan()
    assert plan is not None
    request = json.loads(encode_request("ticket", plan.types, "SIMPLE"))
    assert request[0] == {"ticket": "ticket"}
    assert request[-1] == {"format": "SIMPLE"}
    named = [
        (one["type"], code.partition(".")[0], one.get("level", 0)) for one in request[1:-1] for code in one["codes"]
    ]
    assert len(named) == len(set(named)), "no code twice in a type"
