"""The names of both spellings are the reference's, by the simulator's tables, which were made from it by themselves."""

import pytest

from tests.protocol.server.messages import TYPES
from websocket_v6.protocol.server.form_names import kind_of, renaming_of
from websocket_v6.simulator.market.message_keys import INNER, fields_of

INSIDE = ("units", "assets", "params", "event_params", "value")
GONE = {"ticker": {"trade_status": "ts", "market_state_for_ios": "msfi"}}


def known(type_: str) -> dict[str, str]:
    return {**{full: short for full, short, _ in fields_of(type_)}, "market": "mk", "code": "cd", **GONE.get(type_, {})}


@pytest.mark.parametrize("type_", TYPES)
def test_names_are_those_of_the_reference(type_: str) -> None:
    renaming = renaming_of(kind_of(type_), from_full=True, to_full=False)
    assert renaming.names == {full.encode(): short.encode() for full, short in known(type_).items()}
    assert renaming.inner == {
        full.encode(): {key.encode(): name.encode() for key, name in INNER[kind].items()}
        for full, _, kind in fields_of(type_)
        if kind in INSIDE
    }


@pytest.mark.parametrize("type_", TYPES)
def test_both_directions_are_each_other_s_reverse(type_: str) -> None:
    there = renaming_of(kind_of(type_), from_full=True, to_full=False)
    back = renaming_of(kind_of(type_), from_full=False, to_full=True)
    assert {name: key for key, name in there.names.items()} == back.names
    for key, names in there.inner.items():
        assert {name: key for key, name in names.items()} == back.inner[there.names[key]]


@pytest.mark.parametrize("full", [False, True])
def test_within_a_spelling_no_name_changes(full: bool) -> None:
    renaming = renaming_of("orderbook", from_full=full, to_full=full)
    assert renaming.names == {}
    assert [dict(names) for names in renaming.inner.values()] == [
        {name.encode(): name.encode() for pair in INNER["units"].items() for name in pair[not full : 2 - full]}
    ]


def test_keys_that_are_to_change_are_named_as_they_are_before() -> None:
    assert renaming_of("orderbook", from_full=False, to_full=True)[2:] == (b"st", b"obu", None)
    assert renaming_of("announcement", from_full=True, to_full=False)[2:] == (b"stream_type", None, b"body")


def test_kinds() -> None:
    assert [kind_of(type_) for type_ in ("candle.1s", "candle.240m")] == ["candle", "candle"]
    assert [kind_of(type_) for type_ in ("indicator", "indicator_signal")] == ["indicator_signal", "indicator_signal"]
    assert [kind_of(type_) for type_ in ("trade", "candle", "liquidation")] == ["trade", "", ""]


def test_of_a_type_that_is_not_known_only_what_all_have_is_renamed() -> None:
    names = renaming_of("", from_full=False, to_full=True).names
    assert set(names) == {b"ty", b"cd", b"mk", b"tms", b"st"}
