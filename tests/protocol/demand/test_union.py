import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.wanted import CODES, RSI, One, public_wants
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import (
    Want,
    announcement_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    ticker_want,
)

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


@given(st.lists(st.tuples(public_wants, st.booleans()), max_size=12))
def test_whoever_has_the_same_wants_is_served_the_same(held: list[tuple[Want, bool]]) -> None:
    """The union's own summary, counted anew somewhere else, plans the same request."""
    here, there = One(), One()
    for want, once in held:
        here.add(want._replace(snapshot=True, realtime=False) if once else want)
    summary = here.union.wants()
    assert len(summary) == len(set(summary))
    for want in summary:
        assert want.codes
        there.add(want)
    here_plan, there_plan = here.plan(), there.plan()
    assert (here_plan and here_plan.types) == (there_plan and there_plan.types)
    assert there.union.wants() == summary


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
    assert union.wants() == fresh.wants()
    assert len(union) == len(fresh)
    assert all(stream in union for stream in fresh.demands)


def test_the_wish_for_a_snapshot_goes_with_who_had_it() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC"))
    union.remove(ticker_want("KRW-BTC"))
    assert union.wants() == (ticker_want("KRW-BTC", snapshot=False),)


def test_who_wanted_no_snapshot_takes_none_away() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC", snapshot=False))
    union.remove(ticker_want("KRW-BTC", snapshot=False))
    union.add(ticker_want("KRW-BTC"))
    assert union.wants() == (ticker_want("KRW-BTC"),)
    assert union.demands["ticker KRW-BTC"].snapshot == 1


def test_the_wish_for_the_text_of_announcements_goes_with_who_had_it() -> None:
    union = Union()
    union.add(announcement_want("trade"))
    union.add(announcement_want("trade", include_body=True))
    union.add(announcement_want("trade", include_body=True))
    union.remove(announcement_want("trade", include_body=True))
    assert union.wants() == (announcement_want("trade", include_body=True),)
    union.remove(announcement_want("trade", include_body=True))
    assert union.wants() == (announcement_want("trade"),)


def test_a_part_of_a_want_can_be_taken_back() -> None:
    union = Union()
    want = ticker_want(["KRW-BTC", "KRW-ETH"])
    union.add(want)
    assert union.remove(want, ["ticker KRW-ETH"]) == ["ticker KRW-ETH"]
    assert union.wants() == (ticker_want("KRW-BTC"),)
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


def test_a_summary_keeps_what_private_wants_are_about() -> None:
    union = Union()
    for want in (my_order_want(), my_order_want("KRW-BTC"), my_asset_want(), announcement_want(["trade", "event"])):
        union.add(want)
    union.add(announcement_want("event", include_body=True))
    assert set(union.wants()) == {
        my_order_want(),
        my_order_want("KRW-BTC"),
        my_asset_want(),
        announcement_want("trade"),
        announcement_want("event", include_body=True),
    }


def test_a_summary_groups_indicators_by_code() -> None:
    union = Union()
    for code in ("KRW-BTC", "KRW-ETH"):
        union.add(indicator_want(code, timeframe="15m", indicators=[RSI]))
    assert union.wants() == (indicator_want(["KRW-BTC", "KRW-ETH"], timeframe="15m", indicators=[RSI]),)


def test_a_stream_wanted_once_is_wanted_once_elsewhere_too() -> None:
    union = Union()
    union.add(ticker_want("KRW-BTC", realtime=False))
    union.add(ticker_want("KRW-ETH", snapshot=False))
    union.add(ticker_want("KRW-ETH"))
    assert union.wants() == (ticker_want("KRW-BTC", realtime=False), ticker_want("KRW-ETH"))
