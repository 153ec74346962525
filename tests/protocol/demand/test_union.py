import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.coverage import Coverage, Plan
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import (
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


class One:
    """A union and the one attachment that serves it."""

    def __init__(self) -> None:
        self.union, self.served = Union(), Coverage()
        self.add = self.union.add
        self.saw, self.sent = self.served.saw, self.served.sent

    def begin_again(self) -> None:
        self.served = Coverage()
        self.saw, self.sent = self.served.saw, self.served.sent

    def plan(self) -> Plan | None:
        return self.served.plan(self.union)

    def remove(self, want: Want) -> list[Stream]:
        gone = self.union.remove(want)
        self.served.forget(gone)
        return gone


def counted(union: Union) -> dict[Stream, tuple[Mapping[int, int], Mapping[int, int], int, int]]:
    """Return who wants what: how many at which depth, how many of them once, with a snapshot, and with the text."""
    return {stream: (one.live, one.once, one.snapshot, one.body) for stream, one in union.demands.items()}


def union_of(*wants: Want) -> Union:
    union = Union()
    for want in wants:
        union.add(want)
    return union


def types(one: One) -> list[dict[str, Any]]:
    """Return what the next request would ask, and note it as sent."""
    plan = one.plan()
    assert plan is not None
    one.sent(plan)
    return plan.types


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


def test_a_newcomer_who_wants_a_snapshot_of_a_silent_code_is_served_one() -> None:
    one = One()
    one.add(ticker_want("KRW-BTC", snapshot=False))
    assert types(one) == [{"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True}]
    one.add(ticker_want("KRW-BTC"))
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


any_wants = st.one_of(
    public_wants,
    st.builds(
        lambda code, snapshot, realtime: ticker_want(code, snapshot=snapshot, realtime=realtime or not snapshot),
        st.sampled_from(CODES),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda codes: my_order_want(codes), st.none() | st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(
        lambda categories, body: announcement_want(categories, include_body=body),
        st.none() | st.lists(st.sampled_from(["trade", "event"]), min_size=1),
        st.booleans(),
    ),
)


@given(st.lists(any_wants, max_size=12), st.data())
def test_who_has_come_and_gone_leaves_nothing_behind(wants: list[Want], data: st.DataObject) -> None:
    union, fresh = Union(), Union()
    for want in wants:
        assert union.add(want) == tuple(want.streams())
    stay = data.draw(st.sets(st.sampled_from(range(len(wants))))) if wants else set()
    for at in data.draw(st.permutations(sorted(set(range(len(wants))) - stay))):
        before = set(union.demands)
        gone = union.remove(wants[at])
        assert set(gone) == before - set(union.demands)
    for at in sorted(stay):
        fresh.add(wants[at])
    assert counted(union) == counted(fresh)
    assert len(union) == len(fresh)
    assert all(stream in union for stream in fresh.demands)


def test_the_wish_for_a_snapshot_goes_with_who_had_it() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC"))
    union.remove(ticker_want("KRW-BTC"))
    assert counted(union) == counted(union_of(ticker_want("KRW-BTC", snapshot=False)))


def test_who_wanted_no_snapshot_takes_none_away() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.remove(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC"))
    assert counted(union) == counted(union_of(ticker_want("KRW-BTC"), ticker_want("KRW-BTC", snapshot=False)))
    assert union.demands["ticker KRW-BTC"].snapshot == 1


def test_the_wish_for_the_text_of_announcements_goes_with_who_had_it() -> None:
    union = Union()
    union.add(announcement_want("trade"))
    union.add(announcement_want("trade", include_body=True))
    union.add(announcement_want("trade", include_body=True))
    union.remove(announcement_want("trade", include_body=True))
    assert union.demands["announcement trade"].body == 1
    union.remove(announcement_want("trade", include_body=True))
    assert counted(union) == counted(union_of(announcement_want("trade")))


def test_a_part_of_a_want_can_be_taken_back() -> None:
    union = Union()
    want = ticker_want(["KRW-BTC", "KRW-ETH"])
    union.add(want)
    assert union.remove(want, ["ticker KRW-ETH"]) == ["ticker KRW-ETH"]
    assert counted(union) == counted(union_of(ticker_want("KRW-BTC")))
    assert "ticker KRW-ETH" not in union


def test_a_connection_carries_exactly_a_hundred_combinations() -> None:
    """Upbit WebSocket reference, "indicator": at most 100 combinations of code and indicator."""
    union = Union()
    union.add(ticker_want([f"KRW-A{index}" for index in range(150)]))
    union = Union()
    union.add(indicator_want([f"KRW-A{index}" for index in range(98)], timeframe="5m", indicators=RSI))
    with pytest.raises(LocalProtocolError, match=r"^1 combinations .* carries 100, 98 are"):
        union.add(indicator_want(["KRW-B", "KRW-C", "KRW-D"], timeframe="5m", indicators=RSI))
    assert len(union) == 98
    union.add(indicator_want(["KRW-B", "KRW-C"], timeframe="5m", indicators=RSI))
    assert len(union) == 100


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
