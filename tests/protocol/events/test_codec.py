"""One pass over a message, exact in every spelling and order; what it decodes is a matter of speed, never of values."""

import json
import math
import pickle
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FULL_NAMES, Example, each_example, example_of, parse
from tests.protocol.learning import codec_of, expect, forget_all
from tests.protocol.spellings import numbers, quickly, same, spaces
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, TickerEvent, make_event
from websocket_v6.protocol.events.codec import (
    Codec,
    checked_text,
    has_full_names,
    keep_minus_zero,
    malformed,
    may_have_minus_zero,
)
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.events.plain import plain

MEMORY = 256  # messages from one sample of what is read to the next, as protocol/events/codec.py has it
FLAT = ("ticker", "trade", "candle.1m", "myOrder")
TICKER = example_of("ticker")


def ticker(old: str = "", new: str = "", text: str = TICKER.simple) -> TickerEvent:
    """Make a shell of the example with one thing changed."""
    assert old in text
    event = make_event("ticker KRW-ETH", text.replace(old, new).encode(), 0, 0)
    assert isinstance(event, TickerEvent)
    return event


def decoded(event: Event) -> set[str]:
    """Load an event and tell what is decoded of it then."""
    event.load()
    return set(event._values.__struct_fields__)


@pytest.mark.parametrize("text", [TICKER.simple, TICKER.default])
def test_what_was_read_of_one_event_is_decoded_when_the_next_is_loaded(text: str) -> None:
    assert decoded(ticker(text=text)) == set()
    first = ticker(text=text)
    assert (first.trade_price, first.change) == (Decimal("3875000.0"), "RISE")
    assert decoded(ticker(text=text)) == {"trade_price", "change"}


def read_each(names: list[str], messages: int, delay: int = 0) -> list[set[str]]:
    """Load `messages` events and read `names` of each, `delay` events later; return what was decoded of each."""
    events = [ticker() for _ in range(messages)]
    found = []
    for index, event in enumerate(events):
        found.append(decoded(event))
        if index >= delay:
            for name in names:
                getattr(events[index - delay], name)
    return found


def test_what_is_not_read_any_more_is_not_decoded_for_long() -> None:
    read_each(["trade_volume", "change"], 10)
    found = read_each(["trade_price"], 3 * MEMORY)
    assert found[1] == {"trade_price", "trade_volume", "change"}
    assert found[-1] == {"trade_price"}


@pytest.mark.parametrize("delay", [0, 30, 3 * MEMORY])
def test_samples_do_not_make_the_others_forget(delay: int) -> None:
    read_each(["trade_price", "change"], 10 * MEMORY, delay)
    found = read_each(["trade_price", "change"], 10 * MEMORY, delay)
    assert found.count(set()) == 10
    assert found.count({"trade_price", "change"}) == 9 * MEMORY + MEMORY - 10


def test_fields_that_are_read_now_and_then_are_decoded_for_them_alone() -> None:
    for _ in range(3):
        read_each(["trade_price"], 2 * MEMORY)
        event = ticker()
        assert (event.trade_price, event.trade_volume) == (Decimal("3875000.0"), Decimal("0.25813044"))
    found = read_each(["trade_price"], 3 * MEMORY)
    assert found[-1] == {"trade_price"}


def test_what_is_read_of_exact_events_is_not_decoded_of_floats() -> None:
    assert ticker().trade_price
    assert ticker().with_numbers(float).trade_volume
    assert decoded(ticker()) == {"trade_price"}
    assert decoded(ticker().with_numbers(float)) == {"trade_volume"}


def test_a_single_event_that_is_read_in_full_teaches_nothing_and_a_second_one_all() -> None:
    ticker().asdict()
    assert decoded(ticker()) == set()
    everything = ticker().asdict()
    assert decoded(ticker()) >= everything.keys() - {"symbol", "received_at", "epoch", "type", "code"}
    assert ticker().asdict() == everything


def test_many_fields_are_as_good_as_all() -> None:
    event = ticker()
    names = sorted(event.asdict())
    for name in names[:12]:
        getattr(ticker(), name)
    assert decoded(ticker()) >= set(names[12:]) - {"symbol", "received_at", "epoch", "type", "code"}


def test_who_reads_ever_other_fields_does_not_collect_decoders() -> None:
    codec = codec_of(TickerEvent, Decimal)
    names = sorted(codec._all - {"timestamp"})
    for first in names:
        for second in names:
            expect(TickerEvent, Decimal, [])
            event = ticker()
            assert getattr(event, first) == getattr(event, second) or first != second
            assert len(codec._messages) < 80
    read_each(["trade_price"], 3 * MEMORY)
    assert decoded(ticker()) == {"trade_price"}


@each_example()
def test_every_number_has_the_digits_of_its_text(example: Example) -> None:
    event = decode(example.simple.encode())
    for name, value in parse(example.default).items():
        read = getattr(event, name)
        if isinstance(read, Decimal):
            assert read.as_tuple() == plain(value).as_tuple(), name
        elif isinstance(value, Decimal):
            assert type(read) is int, name


@pytest.mark.parametrize("text", [TICKER.simple, TICKER.default])
@pytest.mark.parametrize("sent", ["-0", "-0.0", "0", "0E-8", '"3.50"', "null", "1e400"])
def test_a_number_is_exact_whether_or_not_it_was_expected(text: str, sent: str) -> None:
    unexpected = ticker("3875000.0", sent, text).trade_price
    expect(TickerEvent, Decimal, ["trade_price", "change", "timestamp"])
    event = ticker("3875000.0", sent, text)
    event.load()
    expected: Any = None if sent == "null" else plain(Decimal(sent.strip('"')))
    for read in (unexpected, event.trade_price):
        assert repr(read) == repr(expected)
    assert (event.change, event.timestamp) == ("RISE", ticker().timestamp)


def test_a_number_sent_as_a_string_is_a_number() -> None:
    event = decode(TICKER.simple.replace("3875000.0", '"3875000.50"').encode())
    assert isinstance(event, TickerEvent)
    assert str(event.trade_price) == "3875000.50"
    assert event.with_numbers(float).trade_price == 3875000.5


@pytest.mark.parametrize("sent", ['"x"', "true", "[1]", '"NaN"', '"Infinity"', '"-sNaN1"', "{}"])
def test_an_expected_field_of_a_wrong_type_fails_alone_and_when_it_is_read(sent: str) -> None:
    for number in (Decimal, float):
        expect(TickerEvent, number, ["trade_price", "opening_price"])
        event = ticker("3875000.0", sent).with_numbers(number)
        event.load()
        for _ in range(2):
            with pytest.raises(RemoteProtocolError, match="malformed"):
                _ = event.trade_price
            assert event.opening_price == ticker().with_numbers(number).opening_price
        with pytest.raises(RemoteProtocolError, match="malformed"):
            event.asdict()


@pytest.mark.parametrize("names", [[], ["trade_price"], ["market_state"], ["delisting_date"]])
@pytest.mark.parametrize(
    "payload",
    [
        TICKER.simple.encode()[:-1],
        TICKER.simple.encode() + b"}",
        TICKER.simple.encode().replace(b'"ACTIVE"', b'"\xff"'),
        TICKER.simple.encode().replace(b'"ACTIVE"', b'"\xff'),
        TICKER.simple.encode().replace(b'"NONE"', b'"NO\nNE"'),
        TICKER.simple.encode().replace(b"3875000.0", b"03875000.0"),
        TICKER.simple.encode().replace(b'"BID",', b'"BID",,'),
    ],
)
def test_a_malformed_message_fails_to_load_whatever_is_expected(names: list[str], payload: bytes) -> None:
    expect(TickerEvent, Decimal, names)
    event = make_event("ticker KRW-ETH", payload, 0, 0)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            event.load()


def test_unknown_fields_are_ignored() -> None:
    text = TICKER.simple
    for extra in (
        '"x":1',
        '"x":{"tp":5,"st":"x"}',
        '"x":{"a":1,"tp":5,"st":"x","b":1}',
        '"x":[{"tp":5}]',
        '"x":"\\",\\"tp\\":5"',
        '"x":"{,"',
    ):
        for changed in (text[:-1] + f",{extra}}}", f"{{{extra}," + text[1:]):
            forget_all()  # else the fields are there once it is loaded
            event = decode(changed.encode())
            assert isinstance(event, TickerEvent)
            assert (event.trade_price, event.stream_type) == (Decimal("3875000.0"), "REALTIME"), changed
            assert event == decode(text.encode()), changed


@pytest.mark.parametrize("name", ["ticker", "orderbook", "myOrder"])
def test_keys_of_the_other_spelling_are_unknown_fields(name: str) -> None:
    example = example_of(name)
    short = '"ap":7,"obu":[{"ap":1,"bp":1,"as":1,"bs":1}],"tas":7,"tp":7,"op":7'
    full = '"avg_price":7,"orderbook_units":[],"total_ask_size":7,"trade_price":7,"opening_price":7'
    expected = decode(example.simple.encode()).asdict()
    for text, extra in ((example.default, short), (example.simple, full)):
        for changed in (f"{{{extra},{text[1:]}", f"{text[:-1]},{extra}}}"):
            for read_at_once in (True, False):
                event = decode(changed.encode())
                fields = event.asdict() if read_at_once else {field: getattr(event, field) for field in expected}
                assert fields["timestamp"] == expected["timestamp"]
                for field in ("trade_price", "avg_price", "total_ask_size", "opening_price"):
                    assert fields.get(field) == expected.get(field)
                if name == "orderbook":
                    assert len(fields["orderbook_units"]) == 5


def test_the_last_of_repeated_keys_counts() -> None:
    text = example_of("ticker").simple[:-1] + ',"tp":1.50,"tp":2.50}'
    one, all_ = decode(text.encode()), decode(text.encode())
    assert isinstance(one, TickerEvent)
    assert str(one.trade_price) == str(all_.asdict()["trade_price"]) == "2.50"


def kinds(type_: str) -> dict[str, type]:
    """Tell what a field of the reference holds, by its example."""
    text = example_of(type_).default
    sizes = {"trades_count", "sequential_id"}
    found: dict[str, type] = {}
    for name, value in json.loads(text).items():
        is_count = name in sizes or name.endswith("timestamp")
        found[name] = type(value) if is_count or not isinstance(value, int | float) else float
        if isinstance(value, bool):
            found[name] = bool
    return found


@st.composite
def messages(draw: st.DrawFn, type_: str) -> tuple[str, dict[str, Any]]:
    """Draw a flat message of `type_` and what its event must say, by full name."""
    short_names = {full: short for short, full in FULL_NAMES[type_].items()}
    tokens: dict[str, str] = {}
    for name, kind in kinds(type_).items():
        if name in ("type", "code"):
            continue
        if kind is float:
            tokens[name] = draw(numbers | st.just("null"))
        elif kind is int:
            tokens[name] = draw(st.integers(0, 2**63 - 1).map(str))
        elif kind is bool:
            tokens[name] = draw(st.sampled_from(["true", "false", "null"]))
        else:
            tokens[name] = json.dumps(draw(st.text(max_size=6)), ensure_ascii=draw(st.booleans()))
    for name in draw(st.sets(st.sampled_from(sorted(tokens)), max_size=5)):
        del tokens[name]
    expected = {name: parse(token) for name, token in tokens.items()}
    expected["delisting_date"] = expected.get("delisting_date") or None
    is_full = draw(st.booleans())
    pairs = [("type", f'"{type_}"'), ("code", '"KRW-BTC"'), *draw(st.permutations(sorted(tokens.items())))]
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    members = [
        f'{draw(spaces)}"{name if is_full else short_names[name]}"{draw(spaces)}:{draw(spaces)}{token}{draw(spaces)}'
        for name, token in pairs
    ]
    if draw(st.booleans()):
        position = draw(st.integers(0, len(members)))
        members.insert(
            position, draw(st.sampled_from(['"zz":[{"tp":7},-0]', '"zz":-0', '"zz":{"tp":7}', '"zz":"-0,"']))
        )
    return f"{draw(spaces)}{{{','.join(members)}}}{draw(spaces)}", expected


@pytest.mark.parametrize("type_", FLAT)
@quickly
@given(data=st.data())
def test_every_field_is_exact_in_whatever_order_it_is_read(type_: str, data: st.DataObject) -> None:
    text, expected = data.draw(messages(type_))
    names = [name for name in kinds(type_) if name not in ("type", "code")]
    event = make_event(f"{type_} KRW-BTC", text.encode(), 0, 0)
    expect(type(event), Decimal, data.draw(st.sets(st.sampled_from(names))))
    if data.draw(st.booleans()):
        event.load()
    for name in data.draw(st.permutations(names)):
        assert same(getattr(event, name), expected.get(name)), name
    assert decode(text.encode()) == event


@pytest.mark.parametrize("type_", FLAT)
@quickly
@given(data=st.data())
def test_floats_are_the_nearest_to_the_exact_value(type_: str, data: st.DataObject) -> None:
    text, expected = data.draw(messages(type_))
    event = make_event(f"{type_} KRW-BTC", text.encode(), 0, 0)
    names = [name for name in kinds(type_) if name not in ("type", "code")]
    expect(type(event), float, data.draw(st.sets(st.sampled_from(names))))
    floats = event.with_numbers(float)
    if data.draw(st.booleans()):
        floats.load()
    for name, kind in data.draw(st.permutations(sorted(kinds(type_).items()))):
        if kind is float:
            value = expected.get(name)
            if value is not None and math.isinf(float(value)):
                with pytest.raises(RemoteProtocolError):
                    getattr(floats, name)
                continue
            assert getattr(floats, name) == (None if value is None else float(value)), name
            assert value is None or type(getattr(floats, name)) is float


# Numbers that no float is near to, as JSON may spell them.
beyond_floats = st.one_of(
    st.builds("{}{}e{}".format, st.sampled_from(["", "-"]), st.integers(1, 10**20), st.integers(309, 10**9)),
    st.integers(310, 100_000).map(lambda digits: "9" * digits),
    st.integers(310, 5_000).map(lambda digits: "1" * digits + ".5"),
)


@each_example()
@pytest.mark.parametrize("is_full", [True, False])
@quickly
@given(data=st.data())
def test_no_number_becomes_infinite(example: Example, is_full: bool, data: st.DataObject) -> None:
    """A price that is beyond the floats is malformed, in whatever field it stands; it is no price of infinity."""
    text = example.default if is_full else example.simple
    found = data.draw(st.sampled_from(list(re.finditer(r"(?<=:)-?[0-9][0-9.eE+-]*", text))))
    sent = data.draw(beyond_floats)
    message = text[: found.start()] + sent + text[found.end() :]
    try:
        event = decode(message.encode()).with_numbers(float)
        if data.draw(st.booleans()):
            event.load()
        fields = event.asdict()
    except RemoteProtocolError:
        return
    assert "inf" not in repr(fields)


@pytest.mark.parametrize("sent", ["1e999999", "-1e400", "9" * 400, '"1e999"'])
def test_a_number_beyond_the_floats_is_malformed_as_a_float_alone(sent: str) -> None:
    event = ticker('"tp":3875000.0', f'"tp":{sent}')
    assert event.trade_price == Decimal(sent.strip('"'))
    assert event.with_numbers(float).opening_price
    with pytest.raises(RemoteProtocolError, match="beyond the floats"):
        _ = event.with_numbers(float).trade_price


def test_a_codec_knows_its_fields_and_is_itself_in_a_pickle() -> None:
    codec = codec_of(TickerEvent, Decimal)
    assert all(name in codec for name in ("trade_price", "stream_type", "timestamp"))
    assert not any(name in codec for name in ("sequential_id", "symbol", 5))
    assert len(codec) == len(json.loads(TICKER.default)) - len({"type", "code"})
    for number in (Decimal, float):
        assert pickle.loads(pickle.dumps(codec_of(TickerEvent, number))) is codec_of(TickerEvent, number)  # noqa: S301


@pytest.mark.parametrize("number", [Decimal, float])
@pytest.mark.parametrize("text", [TICKER.simple, TICKER.default])
def test_the_long_way_needs_nothing_that_was_learned(text: str, number: Any) -> None:
    codec = Codec(TickerEvent, codec_of(TickerEvent, number)._fields, number)
    assert codec.check(text.encode()).__struct_fields__ == ()
    assert codec.turns.keys() == {b'{"ty":"', b'{"type"'}
    one = codec.decode(text.encode(), "trade_price", ["change"])
    assert {name: getattr(one, name) for name in one.__struct_fields__} == {
        "trade_price": number("3875000.0"),
        "change": "RISE",
    }
    everything = codec.decode_all(text.encode())
    assert len(everything.__struct_fields__) == len(codec)
    assert type(everything.trade_volume) is number


@pytest.mark.parametrize(
    ("payload", "is_full"),
    [
        (b'{"ty":"ticker","cd":"KRW-BTC"}', False),
        (b'{"type":"ticker","code":"KRW-BTC"}', True),
        (b'{ "type" : "ticker"}', True),
        (b'{ "ty" : "ticker"}', False),
        (b'{"code":"KRW-BTC","type":"ticker"}', True),
        (b'{"cd":"KRW-BTC","ty":"ticker"}', False),
        (b'{"market":"KRW-BTC","timestamp":1}', True),
        (b'{"mk":"KRW-BTC","tms":1}', False),
        (b'{"tp":1,"code":"KRW-BTC"}', True),
        (b'{"code":null,"ty":"ticker"}', False),
        (b"{}", False),
    ],
)
def test_the_keys_that_say_what_a_message_is_tell_its_spelling(payload: bytes, is_full: bool) -> None:
    assert has_full_names(payload) is is_full


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("-0", "-0"),
        ('{"a":-0}', '{"a":-0e0}'),
        ('{"a":-0,"b":-0 ,"c":[-0,-0\n]}', '{"a":-0e0,"b":-0e0 ,"c":[-0e0,-0e0\n]}'),
        ('{"a":-0.0,"b":-00,"c":-01,"d":0}', None),
        ('{"a":1e-0}', None),
        ('{"a":1E-0,"b":-0}', '{"a":1E-0,"b":-0e0}'),
        ('{"a":"-0,","b":"\\"-0}"}', None),
        ('{"a":"-0,\\\\","b":-0}', '{"a":"-0,\\\\","b":-0e0}'),
    ],
)
def test_only_a_minus_zero_is_spelled_otherwise(text: str, kept: str | None) -> None:
    assert keep_minus_zero(text) == (text if kept is None else kept)
    if kept not in (None, text):
        assert may_have_minus_zero(text.encode())


@pytest.mark.parametrize("payload", [b"{}", b'{"a":[1,{"b":null}]}', b' "x"', '{"a":"없음"}'.encode()])
def test_sound_text_is_returned_as_it_is(payload: bytes) -> None:
    assert checked_text(payload) == payload.decode()


@pytest.mark.parametrize("payload", [b"", b"{", b"{}}", b'{"a":1,}', b'{"a":"\xff"}', b"\xff", b"[" * 99_999])
def test_unsound_text_is_a_remote_error(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed message"):
        checked_text(payload)


def test_an_error_holds_no_more_than_a_cut_of_the_message() -> None:
    error = malformed("trade", b"a " * 80 + b"b", "why " * 100)
    assert str(error) == f"malformed trade: {'a ' * 38 + 'a...'!r}: {'why ' * 49}w..."
    assert error.close_code is None
