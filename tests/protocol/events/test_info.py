"""Announcements, indicators and types of tomorrow: every field by example, parameters and values in their kinds."""

import math
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FORMATS, Example, each_example, example_of, fields_of
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import (
    AnnouncementEvent,
    GenericEvent,
    IndicatorEvent,
    IndicatorSignalEvent,
    make_event,
)
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.events.plain import plain

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
    assert event.value["rsi"].as_tuple() == plain(Decimal(token)).as_tuple()
    if math.isinf(float(token)):
        with pytest.raises(RemoteProtocolError, match="beyond the floats"):
            _ = event.with_numbers(float).value
    else:
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


def test_what_a_trigger_needs_is_an_int_or_a_decimal() -> None:
    text = simple("indicator_signal volume_spike").replace(b'"ep":{"mul":2.0}', b'"ep":{"th":70,"mul":2.50,"x":1.5}')
    event = decode(text)
    assert isinstance(event, IndicatorSignalEvent)
    assert repr(dict(event.event_params)) == repr({"threshold": 70, "multiplier": Decimal("2.50"), "x": Decimal("1.5")})
    floats = event.with_numbers(float)
    assert repr(dict(floats.event_params)) == repr({"threshold": 70, "multiplier": 2.5, "x": 1.5})
    assert repr(dict(floats.params)) == repr({"period": 20})
    assert repr(dict(floats.value)) == repr({"volume": 812.5, "avg_volume": 401.25, "ratio": 2.02492212})


def test_a_letter_means_what_it_means_in_its_object() -> None:
    names = b'{"p":1,"t":2,"m":3.0,"s":4,"th":5,"mul":6.0,"vol":7,"hist":8}'
    text = b'{"ty":"indicator_signal","cd":"KRW-X","tf":"5m","ind":"i","tr":"t","p":%b,"ep":%b,"v":%b}'
    event = make_event("indicator_signal KRW-X", text % (names, names, names), 0, 0)
    assert isinstance(event, IndicatorSignalEvent)
    assert list(event.params) == ["period", "type", "multiplier", "slow", "th", "mul", "vol", "hist"]
    assert list(event.event_params) == ["p", "t", "m", "s", "threshold", "multiplier", "vol", "hist"]
    assert list(event.value) == ["p", "t", "m", "s", "th", "mul", "volume", "histogram"]


def test_a_value_may_be_null() -> None:
    event = decode(simple("indicator rsi").replace(b"61.20417733", b"null"))
    assert isinstance(event, IndicatorEvent)
    assert dict(event.value) == dict(event.with_numbers(float).value) == {"rsi": None}


@pytest.mark.parametrize("sent", ['"NaN"', '"Infinity"', '"much"', "true", "[]", "{}"])
@pytest.mark.parametrize("number", [Decimal, float])
def test_a_value_that_is_none_fails_alone_and_when_it_is_read(sent: str, number: type[Decimal | float]) -> None:
    event = decode(simple("indicator rsi").replace(b"61.20417733", sent.encode())).with_numbers(number)
    assert isinstance(event, IndicatorEvent)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            _ = event.value
    assert (event.indicator, dict(event.params)) == ("rsi", {"period": 14})


@pytest.mark.parametrize("sent", [b"5", b"[]", b'"x"', b"true"])
def test_parameters_that_are_no_object_fail_when_they_are_read(sent: bytes) -> None:
    text = simple("indicator_signal golden_cross").replace(b'"ep":{}', b'"ep":%b' % sent)
    event = make_event("indicator_signal KRW-ETH", text, 0, 0)
    assert isinstance(event, IndicatorSignalEvent)
    with pytest.raises(RemoteProtocolError, match="malformed"):
        _ = event.event_params
    assert event.params["fast"] == 12


def test_a_notice_has_a_category_and_no_code() -> None:
    event = decode(simple("announcement"))
    assert (event.symbol, hasattr(event, "code")) == ("trade", False)


def generic(payload: bytes) -> GenericEvent:
    event = make_event("depth *", payload, 0, 0)
    assert isinstance(event, GenericEvent)
    return event


def test_fields_of_tomorrow_are_as_sent() -> None:
    event = generic(b'{"ty":"depth","z":-0,"a":1.50,"i":12345678901234567890,"n":null,"t":"-0","tms":1.5,"st":null}')
    fields = {"ty": "depth", "z": Decimal("-0"), "a": Decimal("1.50"), "i": 12345678901234567890, "n": None, "t": "-0"}
    assert repr({**event.fields}) == repr({**fields, "tms": Decimal("1.5"), "st": None})
    assert (event.timestamp, event.stream_type) == (None, None)
    floats = event.with_numbers(float).fields
    assert (str(floats["z"]), floats["a"], floats["i"]) == ("-0.0", 1.5, 12345678901234567890)
    with pytest.raises(TypeError):
        event.fields["a"] = 1  # type: ignore[index]
    assert event.asdict()["fields"] == event.fields


@pytest.mark.parametrize(
    "payload", [b"[1]", b"5", b"", b'{"a":', b'{"a":"\xff"}', b'{"a":' + b"[" * 9999 + b"]" * 9999 + b"}"]
)
def test_what_is_no_object_has_no_fields(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed"):
        _ = generic(payload).fields
