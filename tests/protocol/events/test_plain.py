"""Numbers show themselves in plain digits, exactly as they were, wherever a user sees them; and events go anywhere."""

import copy
import csv
import io
import json
import pickle
import re
import sqlite3
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.events import Event, OrderbookEvent
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.events.plain import MOST_DIGITS, PlainDecimal, may_be_shown_with_exponent, plain, spelled

SPELLINGS = ["1.166E8", "1.166E+8", "116600000", "1.0E-8", "0.00000012", "0.00000000", "-1.2E7", "-3E-9", "4013.0", "0"]


def ticker(number: str, is_full: bool = True) -> Any:
    head = '{"type":"ticker","code":"KRW-BTC","trade_price":' if is_full else '{"ty":"ticker","cd":"KRW-BTC","tp":'
    return decode(f"{head}{number}}}".encode())


def has_exponent(text: str) -> bool:
    return re.search(r"\d[eE][-+\d]", text) is not None


@pytest.mark.parametrize("is_full", [True, False])
@pytest.mark.parametrize("number", SPELLINGS)
def test_a_price_is_shown_in_plain_digits_however_it_was_sent(number: str, is_full: bool) -> None:
    for event in (ticker(number, is_full), ticker(number, is_full)):
        event.asdict()
        price = event.trade_price
        assert isinstance(price, Decimal)
        assert price == Decimal(number)
        assert hash(price) == hash(Decimal(number))
        assert not has_exponent(str(price) + repr(price) + repr(event) + f"{price}")
        for same in (copy.deepcopy(price), pickle.loads(pickle.dumps(event)).trade_price):  # noqa: S301 - our own
            assert str(same) == str(price)


@pytest.mark.parametrize("number", SPELLINGS)
def test_so_are_the_levels_of_a_book(number: str) -> None:
    level = f'{{"ap":{number},"bp":1,"as":{number},"bs":1}}'
    book = decode(f'{{"ty":"orderbook","cd":"KRW-BTC","tas":{number},"obu":[{level}]}}'.encode())
    assert isinstance(book, OrderbookEvent)
    for units in (book.orderbook_units, book.with_depth(1).orderbook_units, (book.best(),)):
        assert not has_exponent(repr([str(value) for unit in units if unit for value in unit.asdict().values()]))
    assert not has_exponent(repr(book))
    assert not has_exponent(book.json())


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ty":"myAsset","ast":[{"cu":"BTC","b":1.0E-8,"l":1.5E9}],"asttms":1,"tms":1}',
        b'{"ty":"indicator","cd":"KRW-BTC","tf":"5m","ind":"rsi","p":{"prd":14},"v":{"rsi":1.0E-8,"x":1E9}}',
    ],
)
def test_so_is_what_is_nested(payload: bytes) -> None:
    event = decode(payload)
    values = [value for value in json.loads(event.json(), parse_float=str).values() if isinstance(value, list | dict)]
    assert "0.00000001" in event.json() or "0.000000010" in event.json(), values
    assert "E" not in event.json().replace("myAsset", "")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_what_is_made_plain_is_the_same_number(number: Decimal) -> None:
    shown = plain(number)
    assert shown == number
    assert shown.as_tuple().sign == number.as_tuple().sign
    if abs(number.adjusted()) <= MOST_DIGITS:
        assert "E" not in str(shown)
        assert Decimal(spelled(shown)) == number


@given(st.integers(-(10**6), 10**6), st.integers(-20, 20))
def test_no_number_that_needs_it_is_missed(digits: int, exponent: int) -> None:
    """As Java spells them, one digit before the point and an exponent, and in fixed digits."""
    number = Decimal(f"{digits}E{exponent}")
    java = f"{number:.20E}".replace("E+", "E")
    for text in (java, f"{number:f}"):
        if number and "E" in str(Decimal(text)):
            assert may_be_shown_with_exponent(f'[{{"ap":{text},"as":5.0E-4}}]')


@pytest.mark.parametrize("text", ["0.5E-6", "-0.5E-6", "0.05E-5", "0E-6", "1.0E-7", "0.0000005", "1E+30"])
@pytest.mark.parametrize("other", ["5.0E-4", "0.25", "-1.5E-6"])
def test_one_that_needs_it_is_found_beside_others(text: str, other: str) -> None:
    for numbers in ((text, other), (other, text)):
        assert may_be_shown_with_exponent('[{{"ap":{},"as":{}}}]'.format(*numbers))


@pytest.mark.parametrize("text", ["5.0E-4", "1.0E-6", "-9.9E-5", "0.25", "0.000001", "100.0"])
def test_one_that_does_not_need_it_is_left_alone(text: str) -> None:
    assert "E" not in str(Decimal(text))
    assert not may_be_shown_with_exponent(f'[{{"ap":1.5,"as":{text}}},{{"ap":2.5E-4,"as":{text}}}]')


def test_a_number_beyond_all_markets_does_not_fill_memory() -> None:
    assert len(str(ticker("1E99999").trade_price)) < 10


def test_what_is_computed_is_a_decimal_again() -> None:
    price = ticker("1.0E-8").trade_price
    assert type(price) is PlainDecimal
    assert type(price * 2) is Decimal


# --- where events go


EVENTS = [ticker(number) for number in ("1.166E8", "1.0E-8", "4013.0")]


def test_json_has_full_names_and_plain_digits() -> None:
    for format_ in (True, False):
        assert '"trade_price":116600000,' in ticker("1.166E8", format_).json()
    assert '"trade_price":0.000000010,' in ticker("1.0E-8").json()
    assert json.loads(EVENTS[2].json())["trade_price"] == 4013.0
    assert ticker("1.166E8").with_numbers(float).json().count("E") == ticker("1").json().count("E")


@pytest.mark.parametrize("numbers", [float, str])
def test_json_dumps_takes_a_dict(numbers: type) -> None:
    assert json.loads(json.dumps(EVENTS[0].asdict(numbers)))["trade_price"] in (116600000.0, "116600000")


def test_csv_takes_a_list_of_events() -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["symbol", "trade_price"], extrasaction="ignore")
    writer.writerows(event.asdict() for event in EVENTS)
    assert text.getvalue().split() == ["KRW-BTC,116600000", "KRW-BTC,0.000000010", "KRW-BTC,4013.0"]


def test_sqlite_takes_a_list_of_events() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("create table tickers (symbol, trade_price, change)")
    rows = [event.asdict(str) for event in EVENTS]
    database.executemany("insert into tickers values (:symbol, :trade_price, :change)", rows)
    found = database.execute("select trade_price from tickers").fetchall()
    database.close()
    assert found == [("116600000",), ("0.000000010",), ("4013.0",)]


def test_pandas_takes_a_list_of_events() -> None:
    pandas = pytest.importorskip("pandas", reason="the extra `frames` is not installed")
    frame = pandas.DataFrame([event.asdict(float) for event in EVENTS])
    assert list(frame["trade_price"]) == [116600000.0, 1e-8, 4013.0]


def test_polars_takes_a_list_of_events() -> None:
    polars = pytest.importorskip("polars", reason="the extra `frames` is not installed")
    frame = polars.DataFrame([event.asdict(float) for event in EVENTS])
    assert frame["trade_price"].to_list() == [116600000.0, 1e-8, 4013.0]


@pytest.mark.parametrize("numbers", [int, None, "str", [], {}])
def test_other_kinds_of_numbers_are_refused(numbers: Any) -> None:
    with pytest.raises(LocalProtocolError, match="choose Decimal, float or str"):
        EVENTS[0].asdict(numbers)


def test_every_event_has_it() -> None:
    assert isinstance(EVENTS[0], Event)
