"""Drawings made of characters: pure, so each is held against what it says."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.cli.drawing import Bar, Palette, balance, bar, candle_rows, mark, range_bar, spark

PRICES = st.decimals(1, 10**9, places=2, allow_nan=False)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "        "), (1, "████████"), (0.5, "████    "), (1 / 64, "▏       "), (2, "████████"), (-1, "        ")],
)
def test_a_bar_fills_its_share(share: float, expected: str) -> None:
    assert bar(share, 8) == expected


def test_a_bar_to_the_left_ends_at_the_right() -> None:
    assert bar(0.5, 8, to_left=True) == "    ████"
    assert bar(0.001, 8, to_left=True) == "       █", "something is never nothing"


@given(st.decimals(0, 10**12, allow_nan=False), st.decimals(0, 10**12, allow_nan=False), st.integers(2, 60))
def test_a_balance_fills_its_width(left: Decimal, right: Decimal, width: int) -> None:
    bids, asks = balance(left, right, width)
    assert len(bids) + len(asks) == width


@given(PRICES, PRICES, PRICES, st.integers(3, 60))
def test_a_range_has_one_mark_whatever_the_price(low: Decimal, high: Decimal, price: Decimal, width: int) -> None:
    low, high = sorted((low, high))
    text = range_bar(low, high, price, width)
    assert (len(text), text.count("●")) == (width, 1)
    if low < high and price <= low:
        assert text[0] == "●"
    if low < high and price >= high:
        assert text[-1] == "●"


def test_a_range_that_is_not_known_is_left_out() -> None:
    assert range_bar(None, Decimal(2), Decimal(1), 9) == ""


def test_a_spark_is_from_its_lowest_to_its_highest() -> None:
    assert spark([Decimal(n) for n in (1, 8, 4)], 9) == "▁█▄"
    assert spark([Decimal(n) for n in range(100)], 3) == "▁▅█"
    assert spark([Decimal(5)] * 3, 9) == "▄▄▄"
    assert spark([], 9) == ""


@pytest.mark.parametrize(("change", "sign"), [(Decimal(1), "▲"), (Decimal(-1), "▼"), (Decimal(0), " "), (None, " ")])
def test_a_sign_says_what_a_colour_says(change: Decimal | None, sign: str) -> None:
    assert mark(change) == sign
    assert Palette("u", "d").of(change) == {"▲": "u", "▼": "d", " ": ""}[sign]


def shown(bars: list[Bar], height: int, pitch: int = 1) -> list[str]:
    low, high = min(one.low for one in bars), max(one.high for one in bars)
    return [row.plain for row in candle_rows(bars, height, pitch, Palette(), low, high)]


def candle(opening: int, high: int, low: int, closing: int) -> Bar:
    return Bar(Decimal(opening), Decimal(high), Decimal(low), Decimal(closing))


def test_a_candle_has_a_thin_wick_and_a_thick_body() -> None:
    # Eight halves of four lines, from 0 to 7: the wick from 0 to 7, the body from 2 to 5.
    assert shown([candle(2, 7, 0, 5)], 4) == ["│", "┃", "┃", "│"]
    assert shown([candle(5, 7, 0, 2)], 4) == ["│", "┃", "┃", "│"], "the colour tells which way it went"
    assert shown([candle(1, 7, 0, 6)], 4) == ["╽", "┃", "┃", "╿"]
    assert shown([candle(0, 7, 0, 0), candle(7, 7, 0, 7)], 4, pitch=2) == ["│ ╿ ", "│ │ ", "│ │ ", "╽ │ "]


def test_a_market_that_stands_still_is_a_line() -> None:
    assert "".join(shown([candle(5, 5, 5, 5)] * 3, 3)).strip() in ("╻╻╻", "╹╹╹")


@given(st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES), min_size=1, max_size=30), st.integers(2, 20))
def test_every_candle_is_in_its_column_and_reaches_as_far_as_it_did(
    found: list[tuple[Decimal, Decimal, Decimal, Decimal]], height: int
) -> None:
    bars = [Bar(one[0], max(one), min(one), one[3]) for one in found]
    rows = shown(bars, height)
    assert {len(row) for row in rows} == {len(bars)}
    for at, one in enumerate(bars):
        column = "".join(row[at] for row in rows)
        assert column.strip()
        assert " " not in column.strip(), "in one piece"
        low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
        if one.high == high > low:
            assert column[0] != " "
