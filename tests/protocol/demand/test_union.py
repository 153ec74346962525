from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.wanted import CODES, RSI, public_wants
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import (
    Want,
    announcement_want,
    indicator_want,
    my_order_want,
    ticker_want,
)


def counted(union: Union) -> dict[Stream, tuple[Mapping[int, int], Mapping[int, int], int]]:
    """Return who wants what: how many at which depth, how many of them once, and with the text."""
    return {stream: (one.live, one.once, one.body) for stream, one in union.demands.items()}


def union_of(*wants: Want) -> Union:
    union = Union()
    for want in wants:
        union.add(want)
    return union


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
