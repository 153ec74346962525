"""protocol/server/unknown_objects.py: what a guest asks and its host does not know."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.server.unknown_objects import streams_of, taken_apart

RSI = {"type": "rsi", "params": {"period": 14}}


@pytest.mark.parametrize(
    ("one", "streams"),
    [
        ({"type": "depth", "codes": ["KRW-BTC.5", "KRW-ETH"]}, ["depth KRW-BTC", "depth KRW-ETH"]),
        ({"type": "orderbook", "codes": ["KRW-BTC"], "level": "1e4"}, ["orderbook KRW-BTC@10000"]),
        ({"type": "myPosition"}, ["myPosition *"]),
        ({"type": "announcement", "categories": ["airdrop"]}, ["announcement airdrop"]),
        (
            {"type": "indicator", "codes": ["KRW-BTC"], "timeframe": "1m", "indicators": [RSI]},
            ["indicator KRW-BTC 1m rsi(period=14)"],
        ),
        (
            {
                "type": "indicator_signal",
                "codes": ["KRW-BTC"],
                "timeframe": "5m",
                "indicators": [{**RSI, "trigger": "sold", "event_params": {"multiplier": 2}}],
            },
            ["indicator_signal KRW-BTC 5m rsi(period=14) sold(multiplier=2.0)"],
        ),
        ({"type": 1, "codes": ["KRW-BTC"]}, []),
        ({"codes": ["KRW-BTC"]}, []),
        ({"type": "x", "codes": ["KRW-BTC"], "level": "much"}, []),
        ({"type": "x", "codes": ["KRW-BTC"], "indicators": [1]}, []),
    ],
)
def test_streams_are_named_as_the_guest_names_them(one: dict[str, Any], streams: list[str]) -> None:
    assert list(streams_of(one)) == streams


def test_categories_and_indicators_are_refused_one_by_one() -> None:
    one = {"type": "announcement", "categories": ["trade", "airdrop"], "include_body": True}
    assert [part["categories"] for part in taken_apart(one)] == [["trade"], ["airdrop"]]
    assert all(part["include_body"] for part in taken_apart(one))
    assert list(taken_apart({"type": "ticker", "codes": ["A", "B"]})) == [{"type": "ticker", "codes": ["A", "B"]}]


def test_too_much_is_refused_whole() -> None:
    one = {"type": "indicator", "codes": ["KRW-BTC"] * 1000, "timeframe": "5m", "indicators": [RSI] * 1000}
    assert list(taken_apart(one)) == [one]
    assert streams_of(one) == ("indicator KRW-BTC 5m rsi(period=14)",)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text("aZ .-*1", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["type", "codes", "categories", "indicators", "timeframe", "level"])


@given(st.dictionaries(keys, anything))
def test_nothing_is_too_strange_to_be_named(one: dict[str, Any]) -> None:
    for part in taken_apart(one):
        assert isinstance(streams_of(part), tuple)
