"""Numbers keep their value in every spelling, and look as the exchange's do."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SHARED_DATA
from websocket_v6.simulator.market.message_keys import INNER, fields_of
from websocket_v6.simulator.market.spelling import SPELLINGS, as_decimal, as_double, as_plain, as_stripped

EXACT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8)
# What JSON allows a number to be.
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("116539000", "1.16539E8"),
        ("10000000", "1.0E7"),
        ("9999999", "9999999.0"),
        ("3875000", "3875000.0"),
        ("0.0171", "0.0171"),
        ("0.00079276", "7.9276E-4"),
        ("0.0005", "5.0E-4"),
        ("-0.00000001", "-1.0E-8"),
        ("0", "0.0"),
        ("2.24034130", "2.2403413"),
    ],
)
def test_a_java_double_has_an_exponent_outside_a_thousandth_to_ten_million(value: str, text: str) -> None:
    assert as_double(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "fixed", "stripped"),
    [
        ("0", "0E-8", "0"),
        ("0.00000001", "1E-8", "1E-8"),
        ("0.0000002", "2.0E-7", "2E-7"),
        ("-0.0000002", "-2.0E-7", "-2E-7"),
        ("0.00000021", "2.1E-7", "2.1E-7"),
        ("0.000001", "0.00000100", "0.000001"),
        ("158219000", "158219000.00000000", "158219000"),
        ("87170.30", "87170.30000000", "87170.3"),
        ("0.123456789", "0.123456789", "0.123456789"),
    ],
)
def test_a_java_decimal_has_an_exponent_below_a_millionth(value: str, fixed: str, stripped: str) -> None:
    assert as_decimal(8)(Decimal(value)) == fixed
    assert as_stripped(Decimal(value)) == stripped


# Tokens of recorded frames: whether its keys were short, the field's kind, the token.
SEEN = [
    (False, "quote", "1.16539E8"),  # orderbook 2026-09
    (False, "quote", "87173.34"),
    (False, "size", "0.00077720"),
    (False, "size", "1.83604250"),
    (True, "quote", "116606000"),
    (True, "quote", "87170.3"),
    (True, "size", "7.9276E-4"),
    (True, "size", "5.0E-4"),
    (True, "size", "2.2403413"),
    (False, "price", "158219000.00000000"),  # ticker 2025-09
    (False, "amount", "95078733694.3792000000000000"),
    (False, "rolling", "331187169240.21526"),
    (False, "base", "0E-8"),
    (False, "base", "1000.00000000"),
    (False, "rate", "0"),
    (False, "rate", "0.0000063211"),
    (False, "price", "100473000.00000000"),  # trade 2024-10
    (False, "best", "100473000"),
    (False, "price", "142009000.00000000"),  # candle 2025-01
    (False, "amount", "860743.5307100000000000"),
    (False, "money", "0"),  # private 2025
    (False, "money", "5000"),
    (False, "money", "15007.5"),
    (False, "money", "20517.4157543899035"),
    (True, "quote", "2E-7"),  # orderbook 2021
    (True, "quote", "1.9E-7"),
    (True, "base", "0E-8"),  # trade 2021
    (True, "base", "1E-8"),
]


@pytest.mark.parametrize(("short", "kind", "token"), SEEN, ids=str)
def test_each_kind_of_field_is_spelled_as_it_was_last_seen(short: bool, kind: str, token: str) -> None:
    assert SPELLINGS["2026"][short][kind](Decimal(token)) == token


def tokens(type_: str, frame: dict[str, Any], *, short: bool) -> Iterator[tuple[str, str]]:
    """Yield the kind and the token of each number of a frame whose numbers are left as text."""
    kinds = {(brief if short else name): kind for name, brief, kind in fields_of(type_)}
    for key, value in frame.items():
        kind = kinds.get(key, "as is")
        if kind == "units":
            names = INNER["units"]
            quotes = {names[name] if short else name for name in ("ask_price", "bid_price")}
            for unit in value:
                yield from (("quote" if name in quotes else "size", token) for name, token in unit.items())
        elif kind == "assets":
            yield from (("money", entry[name]) for entry in value for name in entry if name in {"balance", "locked"})
        elif isinstance(value, str) and kind in SPELLINGS["2026"][short]:
            yield kind, value


# Frames of the last years, by a word of their note or source; their numbers must come out as they are.
FRAMES = [
    ("live-2026-09-probe.jsonl", ""),
    ("vendor-doc-2018-2025.jsonl", "live ticker 2025-09"),
    ("vendor-doc-2018-2025.jsonl", "zero written as 0E-8"),
    ("vendor-doc-2018-2025.jsonl", "trade documentation example"),
    ("vendor-doc-2018-2025.jsonl", "candle.1s documentation example"),
    ("vendor-doc-2018-2025.jsonl", "one currency per frame"),
    ("vendor-doc-2018-2025.jsonl", "integer zero"),
    ("live-private-2025-11.jsonl", ""),
]


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the recorded frames are not here")
@pytest.mark.parametrize(("name", "note"), FRAMES)
def test_recorded_frames_are_spelled_as_they_are(name: str, note: str) -> None:
    seen = 0
    for line in (SHARED_DATA / "samples" / name).read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        frame = json.loads(entry["raw"], parse_float=str, parse_int=str) if entry["dir"] == "in" else None
        if not isinstance(frame, dict) or note not in entry["note"] or not {"type", "ty"} & frame.keys():
            continue
        short = "ty" in frame
        for kind, token in tokens(frame["ty" if short else "type"], frame, short=short):
            assert SPELLINGS["2026"][short][kind](Decimal(token)) == token, (kind, token)
            seen += 1
    assert seen


@given(EXACT)
def test_no_spelling_changes_a_value(value: Decimal) -> None:
    for spellings in SPELLINGS.values():
        for kinds in spellings.values():
            for kind, spell in kinds.items():
                text = spell(value)
                assert Decimal(text) == value, kind
                assert JSON_NUMBER.fullmatch(text), kind


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**6, places=23))
def test_more_decimals_than_usual_are_kept(value: Decimal) -> None:
    for spell in (as_decimal(8), as_plain, as_double, as_stripped):
        assert Decimal(spell(value)) == value


def test_the_switch_makes_a_difference_for_every_kind() -> None:
    value = Decimal(123456789)
    for short in (False, True):
        for kind in SPELLINGS["2026"][short]:
            texts = {SPELLINGS[numbers][short][kind](value) for numbers in SPELLINGS}
            assert len(texts) > 1, kind
