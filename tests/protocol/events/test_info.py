"""Announcements, indicators and types of tomorrow: every field by example, parameters and values in their kinds."""

import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FORMATS, Example, each_example, example_of, fields_of
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    GenericEvent,
    IndicatorEvent,
    IndicatorSignalEvent,
    decode,
    make_event,
)

CLASSES = {
    "announcement": AnnouncementEvent,
    "indicator": IndicatorEvent,
    "indicator_signal": IndicatorSignalEvent,
}


def simple(name: str) -> bytes:
    return example_of(name).simple.encode()


@each_example(*CLASSES)
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_is_there_under_its_full_name(example: Example, form: str) -> None:
    fields = fields_of(example)
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is CLASSES[event.type]
    assert event.asdict() == {
        **fields,
        "symbol": fields.get("code", fields.get("category")),
        "epoch": 3,
        "received_at": 7,
    }


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_body_can_be_left_out(is_loaded: bool) -> None:
    event = make_event("announcement trade", simple("announcement"), 1, 2)
    if is_loaded:
        event.load()
    assert isinstance(event, AnnouncementEvent)
    view = event.without_body()
    assert (view.body, event.body) == (None, "# Example\n\nBody in Markdown.")
    assert view.asdict() == {**event.asdict(), "body": None}
    assert view.title == event.title


def test_the_params_of_an_indicator_are_ints_words_and_decimals() -> None:
    event = decode(simple("indicator bollinger_bands").replace(b'"m":2.0', b'"m":2'))
    assert isinstance(event, IndicatorEvent)
    assert dict(event.params) == {"period": 20, "multiplier": Decimal(2)}
    assert type(event.params["period"]) is int
    assert type(event.params["multiplier"]) is Decimal
    with pytest.raises(TypeError):
        event.params["period"] = 21  # type: ignore[index]
    event = decode(simple("indicator moving_average").replace(b"3860412.25", b"3860412"))
    assert isinstance(event, IndicatorEvent)
    assert dict(event.params) == {"type": "EMA", "period": 50}
    assert type(event.value["value"]) is Decimal
    signal = decode(simple("indicator_signal volume_spike"))
    assert isinstance(signal, IndicatorSignalEvent)
    assert dict(signal.event_params) == {"multiplier": Decimal("2.0")}


@quickly
@given(token=numbers, is_full=st.booleans())
def test_values_are_exact(token: str, is_full: bool) -> None:
    example = example_of("indicator rsi")
    event = decode((example.default if is_full else example.simple).replace("61.20417733", token).encode())
    assert isinstance(event, IndicatorEvent)
    assert event.value["rsi"].as_tuple() == Decimal(token).as_tuple()
    assert event.with_numbers(float).value["rsi"] == float(Decimal(token))


def test_a_type_of_tomorrow_is_a_generic_event() -> None:
    event = decode(
        b'{"type":"depth","code":"KRW-BTC","price":1.50,"n":[1,{"x":2.50}],"timestamp":"noon","stream_type":5}'
    )
    assert isinstance(event, GenericEvent)
    assert (event.type, event.symbol, event.timestamp, event.stream_type) == ("depth", "KRW-BTC", None, None)
    assert str(event.fields["price"]) == "1.50"
    assert event.fields["n"] == [1, {"x": Decimal("2.50")}]
    timed = decode(b'{"ty":"depth","tms":5,"st":"SNAPSHOT"}')
    assert (timed.symbol, timed.timestamp, timed.stream_type) == ("*", 5, "SNAPSHOT")
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
    assert "price" in repr(event)
