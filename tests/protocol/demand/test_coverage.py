"""What an attachment serves; the requests themselves are tested with the union, in test_union.py."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.coverage import Coverage
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.exchange.wants import orderbook_want, ticker_want, trade_want

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


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


streams = st.lists(st.sampled_from([f"ticker {code}" for code in CODES]), unique=True)


@given(st.lists(st.sampled_from(CODES), unique=True, min_size=1), streams, streams, st.booleans(), streams)
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


def test_a_deeper_book_begins_with_a_snapshot_whoever_wants_it() -> None:
    union, served = Union(), Coverage()
    union.add(orderbook_want("KRW-BTC", depth=5, snapshot=False))
    ask(served, union)
    served.saw(["orderbook KRW-BTC"])
    union.add(orderbook_want("KRW-BTC", depth=30, snapshot=False))
    plan = served.plan(union)
    assert plan is not None
    assert plan.types == [{"type": "orderbook", "codes": ["KRW-BTC"]}]


def test_an_awaited_snapshot_is_asked_for() -> None:
    union, served = union_of("KRW-BTC", snapshot=False), Coverage()
    plan = served.plan(union, {"ticker KRW-BTC"})
    assert plan is not None
    assert plan.types == [{"type": "ticker", "codes": ["KRW-BTC"]}]
    served.sent(plan)
    served.saw(["ticker KRW-BTC"])
    assert served.plan(union, {"ticker KRW-BTC"}) is None


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
