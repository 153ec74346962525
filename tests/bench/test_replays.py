"""The bench of recordings: messages that are no copies, and readers that see the same."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bench.messages import CAPTURE
from bench.replays import Frame, make, measure, read_capture, varied
from websocket_v6.protocol.exchange.streams import split

pytestmark = pytest.mark.skipif(not CAPTURE.exists(), reason="the capture is not here")

LEVEL_FIELDS = ("ap", "bp", "as", "bs")


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return read_capture(CAPTURE)


def test_no_message_is_a_copy_and_the_mix_is_the_capture_s(frames: list[Frame]) -> None:
    made = list(varied(frames, 2 * len(frames) + 10))
    assert [one.text for one in made[: len(frames)]] == [one.text for one in frames]
    second = made[len(frames) : 2 * len(frames)]
    assert Counter(one.stream for one in second) == Counter(one.stream for one in frames)
    assert not {one.text for one in frames} & {one.text for one in second}
    assert len({one.text for one in made}) > 0.99 * len(made)
    assert [one.at_ns for one in made] == sorted(one.at_ns for one in made)


def test_what_was_equal_is_equal_and_sizes_are_about_the_same(frames: list[Frame]) -> None:
    second = list(varied(frames, 2 * len(frames)))[len(frames) :]
    by_level: dict[tuple[str, str, str], set[str]] = {}
    for before, after in zip(frames, second, strict=True):
        old, new = (json.loads(one.text, parse_float=str, parse_int=str) for one in (before, after))
        assert list(old) == list(new)
        assert abs(len(before.text) - len(after.text)) < 60
        for one, other in zip(old.get("obu", ()), new.get("obu", ()), strict=True):
            for name in LEVEL_FIELDS:
                by_level.setdefault((split(before.stream)[1], name[1], one[name]), set()).add(other[name])
                assert Decimal(other[name]) >= 0
    assert by_level
    assert all(len(values) == 1 for values in by_level.values())
    trades = [json.loads(one.text) for one in second if one.stream.startswith("trade ")]
    firsts = [json.loads(one.text) for one in frames if one.stream.startswith("trade ")]
    assert all(
        one["sid"] > other["sid"] and one["tms"] > other["tms"] for one, other in zip(trades, firsts, strict=True)
    )


def test_each_reader_sees_all_of_it(frames: list[Frame], tmp_path: Path) -> None:
    made = make(varied(frames, 2500), tmp_path)
    found = measure(made, 2)
    assert found["messages"] == 2500
    assert [one.split()[0] for names in found["seen"].values() for one in names] == ["2500"] * 3
    assert found["replays_equal"]
    assert found["size_of_frames"] < 0.12
