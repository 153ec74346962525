"""Numbers keep their value in every spelling, and look as the exchange's do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.simulator.market.spelling import SPELLINGS, as_double, as_plain, with_decimals

EXACT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8)


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
    ("short", "kind", "value", "text"),
    [
        (False, "price", "116539000", "1.16539E8"),
        (True, "price", "116606000", "116606000"),
        (True, "price", "87173.34", "87173.34"),
        (False, "size", "0.0007772", "0.00077720"),
        (True, "size", "0.00079276", "7.9276E-4"),
        (False, "size", "1.8360425", "1.83604250"),
        (True, "size", "2.2403413", "2.2403413"),
        (False, "amount", "19699800600.25381", "19699800600.2538100000000000"),
        (True, "amount", "19699800600.25381", "19699800600.25381"),
        (False, "rate", "0.0014830508", "0.0014830508"),
    ],
)
def test_the_formats_spell_differently(short: bool, kind: str, value: str, text: str) -> None:
    assert SPELLINGS["2026"][short][kind](Decimal(value)) == text


@given(EXACT)
def test_no_spelling_changes_a_value(value: Decimal) -> None:
    for spellings in SPELLINGS.values():
        for kinds in spellings.values():
            for kind, spell in kinds.items():
                assert Decimal(spell(value)) == value, kind


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**6, places=23))
def test_more_decimals_than_usual_are_kept(value: Decimal) -> None:
    assert Decimal(with_decimals(8)(value)) == Decimal(as_plain(value)) == Decimal(as_double(value)) == value
