"""From where to where a gap may have swallowed candles, and what of that is told."""

import pytest

from websocket_v6.protocol.delivery.candle_hole import Hole, Missing, first_unsure, parts_missing


def hole(from_ms: int = 10_000, **delivered: str) -> Hole[str]:
    return Hole(from_ms, 100.0, {int(start_ms[1:]): item for start_ms, item in delivered.items()})


@pytest.mark.parametrize(
    ("since_ms", "earliest_ms", "first_ms"),
    [
        (12_000, 0, 10_000),  # what ends at 10.0 was final at 12.0
        (12_999, 0, 10_000),
        (13_000, 0, 11_000),
        (3_500, 0, 1_000),  # also before the one that is known
        (20_000, 19_500, 19_000),  # the one under way when the first taker came
        (20_000, 20_000, 20_000),
    ],
)
def test_the_first_candle_that_is_unsure(since_ms: int, earliest_ms: int, first_ms: int) -> None:
    assert first_unsure(1000, 5_000, since_ms, earliest_ms) == first_ms
    assert first_unsure(1000, 55_000, since_ms, earliest_ms) == first_ms


def test_starts_are_those_of_the_messages_whatever_they_are() -> None:
    assert first_unsure(1000, 5_250, 12_500, 0) == 10_250


def test_a_snapshot_names_the_end_and_nothing_else_after_it() -> None:
    one = hole()
    assert one.name(12_000, is_snapshot=False) == 12_000
    assert one.name(13_000, is_snapshot=False) == 12_000
    assert one.name(15_000, is_snapshot=True) == 15_000
    assert one.name(16_000, is_snapshot=True) == 15_000
    assert one.name(14_000, is_snapshot=False) == 15_000


def test_it_is_whole_if_each_candle_was_shown_since() -> None:
    one = hole()
    assert one.is_whole(1000, {10_000, 11_000, 12_000}, 12_000)
    assert not one.is_whole(1000, {10_000, 12_000}, 12_000)
    assert not one.is_whole(1000, {9_000, 11_000}, 12_000), "that before it is none of it"
    assert one.is_whole(1000, set(), 10_000)


def test_what_was_delivered_since_has_to_be_compared() -> None:
    assert not hole(s10000="a").is_whole(1000, {10_000, 11_000}, 12_000)
    assert hole(s12000="a").is_whole(1000, {10_000, 11_000}, 12_000)


def test_only_what_is_missing_is_told() -> None:
    told = parts_missing(1000, 10_000, 16_000, {9_000, 11_000, 14_000, 15_000, 16_000}, "why")
    assert told == [Missing(10_000, 11_000, "why"), Missing(12_000, 14_000, "why")]
    assert parts_missing(1000, 10_000, 12_000, {10_000, 11_000}, "why") == []
