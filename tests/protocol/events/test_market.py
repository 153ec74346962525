"""Ticker, trade and candle: every field by example, and what the exchange sends in more than one form."""

import pytest

from tests.protocol.examples import FORMATS, Example, each_example, example_of, fields_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import CandleEvent, TickerEvent, TradeEvent
from websocket_v6.protocol.events.decode import decode


@each_example("ticker")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_of_a_ticker_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is TickerEvent
    assert event.asdict() == {**fields_of(example), "symbol": event.code, "epoch": 3, "received_at": 7}


@each_example("trade")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_of_a_trade_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is TradeEvent
    assert event.asdict() == {
        **fields_of(example),
        "symbol": event.code,
        "epoch": 3,
        "received_at": 7,
        "backfilled": False,
    }


@each_example("candle.1m")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_of_a_candle_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is CandleEvent
    marks = {"closed": False, "backfilled": False, "empty": False}
    assert event.asdict() == {**fields_of(example), "symbol": event.code, "epoch": 3, "received_at": 7, **marks}


@pytest.mark.parametrize(
    ("sent", "date"),
    [
        ("null", None),
        ('""', None),  # as Bithumb sends it
        ('"2026-12-01"', "2026-12-01"),
        ('{"year":2026,"month":12,"day":1}', "2026-12-01"),
    ],
)
def test_a_delisting_date_comes_in_three_forms_and_leaves_in_one(sent: str, date: str | None) -> None:
    event = decode(example_of("ticker").simple.replace('"dd":null', f'"dd":{sent}').encode())
    assert isinstance(event, TickerEvent)
    assert event.delisting_date == date
    assert event.asdict()["delisting_date"] == date


def test_ids_beyond_the_doubles_are_exact_ints() -> None:
    event = decode(example_of("trade").simple.encode())
    assert isinstance(event, TradeEvent)
    assert event.sequential_id == 17951526724180002
    assert type(event.sequential_id) is int


@pytest.mark.parametrize(
    "sent",
    [
        "5",
        "true",
        "[]",
        "{}",
        '{"year":2026}',
        '{"year":2026,"month":"1","day":1}',
        '{"year":2026.0,"month":12,"day":1}',
    ],
)
def test_a_delisting_date_in_a_fourth_form_fails_alone_and_when_it_is_read(sent: str) -> None:
    event = decode(example_of("ticker").simple.replace('"dd":null', f'"dd":{sent}').encode())
    assert isinstance(event, TickerEvent)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            _ = event.delisting_date
    assert event.market_state == "ACTIVE"


def test_a_trade_shows_whether_it_was_fetched_over_rest() -> None:
    event = decode(example_of("trade").simple.encode())
    fetched = event.as_backfilled()
    assert isinstance(fetched, TradeEvent)
    assert (event.backfilled, fetched.backfilled) == (False, True)
    assert fetched.asdict() == {**event.asdict(), "backfilled": True}


def test_a_candle_s_unit_is_its_type() -> None:
    event = decode(example_of("candle.1m").simple.replace("candle.1m", "candle.240m").encode())
    assert isinstance(event, CandleEvent)
    assert (event.type, event.stream) == ("candle.240m", "candle.240m KRW-ETH")


def test_a_candle_shows_whether_it_is_final_and_how_it_came() -> None:
    event = decode(example_of("candle.1m").simple.encode())
    assert isinstance(event, CandleEvent)
    closed, fetched, empty = event.as_closed(), event.as_backfilled().as_closed(), event.as_empty()
    assert [(one.closed, one.backfilled, one.empty) for one in (event, closed, fetched, empty)] == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, False, True),
    ]
    assert closed.asdict() == {**event.asdict(), "closed": True}
    assert closed.payload == event.payload
    assert event.as_closed() is closed, "all takers share one"
