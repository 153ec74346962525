"""Conversion between the forms is exact to the byte, whatever a message holds."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SHARED_DATA
from tests.protocol.examples import EXAMPLES, FORMATS, Example, each_example, example_of, parse
from tests.protocol.server.messages import Inner, Message, messages
from tests.protocol.spellings import quickly
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.server.forms import Forms, convert, is_snapshot
from websocket_v6.simulator.answers import Answers
from websocket_v6.simulator.clock import Agenda, Clock
from websocket_v6.simulator.market.trading_floor import TradingFloor
from websocket_v6.simulator.market.wording import Wording

FILES = sorted(path for folder in ("samples", "captures") for path in (SHARED_DATA / folder).glob("*.jsonl"))
TICKER = example_of("ticker")
BOOK = example_of("orderbook")
ORDER = example_of("myOrder")


def stream_of(example: Example) -> str:
    return f"{example.name.partition(' ')[0]} KRW-ETH"


@each_example()
@pytest.mark.parametrize("to", FORMATS)
def test_an_example_becomes_what_the_reference_shows_in_each_form(example: Example, to: str) -> None:
    forms = Forms()
    for _ in range(2):  # the second time its shape is known
        for source in ("DEFAULT", "SIMPLE"):
            assert forms.convert(stream_of(example), example.formats[source], to) == example.formats[to]


@each_example()
def test_a_message_that_is_as_it_should_be_is_the_same_object(example: Example) -> None:
    stream = stream_of(example)
    for form in ("DEFAULT", "SIMPLE"):
        payload = example.formats[form]
        assert convert(stream, payload, form) is payload
        if example.name != "orderbook":
            assert convert(stream, payload, form, depth=1) is payload
        if example.name != "announcement":
            assert convert(stream, payload, form, no_body=True) is payload
    payload = BOOK.formats["SIMPLE"]
    for _ in range(2):
        assert convert("orderbook KRW-XRP", payload, "SIMPLE", snapshot=True, depth=5) is payload


@quickly
@given(messages())
def test_names_change_and_nothing_else_does(message: Message) -> None:
    forms, stream = Forms(), f"{message.type} KRW-BTC"
    for _ in range(2):
        assert forms.convert(stream, message.short, "DEFAULT") == message.full
        assert forms.convert(stream, message.full, "SIMPLE") == message.short
        assert forms.convert(stream, message.full, "SIMPLE_LIST") == b"[" + message.short + b"]"
        assert forms.convert(stream, message.full, "JSON_LIST") == b"[" + message.full + b"]"


@quickly
@given(st.lists(messages(types=["trade", "myAsset"], spaces=[""]), min_size=2, max_size=3))
def test_what_was_met_before_does_not_matter(drawn: list[Message]) -> None:
    forms = Forms()
    for message in (*drawn, *drawn):
        assert forms.convert(f"{message.type} KRW-BTC", message.short, "DEFAULT") == message.full
        assert forms.convert(f"{message.type} KRW-BTC", message.full, "SIMPLE") == message.short


@quickly
@given(messages(spaces=[""]), st.integers(0, 5), st.booleans(), st.booleans())
def test_what_is_to_change_changes_alone(message: Message, depth: int, snapshot: bool, no_body: bool) -> None:
    expected = message
    if snapshot:
        expected = expected.with_value("stream_type", lambda _: '"SNAPSHOT"')
    if depth and message.type == "orderbook":
        expected = expected.with_value("orderbook_units", lambda value: first(value, depth))
    if no_body and message.type == "announcement":
        expected = expected.without("body")
    forms, stream = Forms(), f"{message.type} KRW-BTC"
    options: Any = {"snapshot": snapshot, "depth": depth, "no_body": no_body}
    for _ in range(2):
        assert forms.convert(stream, message.short, "DEFAULT", **options) == expected.full
        assert forms.convert(stream, message.short, "SIMPLE", **options) == expected.short
        assert forms.convert(stream, message.full, "SIMPLE", **options) == expected.short
        assert forms.convert(stream, message.full, "DEFAULT", **options) == expected.full


def first(value: Any, depth: int) -> Any:
    return value._replace(objects=value.objects[:depth]) if isinstance(value, Inner) else value


@pytest.mark.parametrize("numbers", ["doubles", "zeros"])
def test_the_simulator_writes_the_same(numbers: str) -> None:
    """Where it spells numbers alike in both."""
    full, short = Wording(short=False, numbers=numbers), Wording(short=True, numbers=numbers)
    clock = Clock(1_795_152_672, frozen=True)
    floor = TradingFloor(
        ["KRW-BTC", "BTC-ETH"], clock=clock, agenda=Agenda(clock), answers=Answers(), publish=lambda *_: None
    )
    for code in floor.markets:
        for type_ in ("ticker", "trade", "orderbook", "candle.1s", "candle.60m"):
            for _ in range(3):
                clock.advance(1)
                floor.stir(floor.market(code))
                floor.trade(code)
                bulletin = floor.display.current(type_, code)
                texts = [bulletin.text(wording, "REALTIME").encode() for wording in (full, short)]
                assert convert(f"{type_} {code}", texts[1], "DEFAULT") == texts[0]
                assert convert(f"{type_} {code}", texts[0], "SIMPLE") == texts[1]


@pytest.mark.parametrize("name", [one.name for one in EXAMPLES if one.name not in ("orderbook", "myAsset")])
def test_the_simulator_writes_the_other_types_the_same(name: str) -> None:
    example = example_of(name)
    fields, stream = json.loads(example.default, parse_float=Decimal), stream_of(example)
    texts = [
        Wording(short=short, numbers="doubles").spell(fields["type"], fields, "REALTIME") for short in (False, True)
    ]
    assert convert(stream, texts[1].encode(), "DEFAULT") == texts[0].encode()
    assert convert(stream, texts[0].encode(), "SIMPLE") == texts[1].encode()


def values(parsed: Any) -> Any:
    """Return what is read, in its order, without the keys; numbers as the decimals that they are digit by digit."""
    if isinstance(parsed, dict | list):
        return [values(value) for value in (parsed.values() if isinstance(parsed, dict) else parsed)]
    return parsed.as_tuple() if isinstance(parsed, Decimal) else parsed


def frames() -> Iterator[tuple[str, bytes]]:
    inbound = Inbound()
    for path in FILES:
        for line in path.read_text().splitlines():
            frame = json.loads(line)
            if frame["dir"] == "in":
                streams, payloads, _ = inbound.sort([frame["raw"].encode()])
                yield from zip(streams, payloads, strict=True)


@pytest.mark.skipif(not FILES, reason="the recorded traffic is not here")
def test_what_was_recorded_comes_back_as_it_was() -> None:
    count = 0
    for stream, payload in frames():
        to, back = ("SIMPLE", "DEFAULT") if b'_price"' in payload or b'"type"' in payload else ("DEFAULT", "SIMPLE")
        converted = convert(stream, payload, to)
        assert converted is not payload
        assert convert(stream, converted, to) is converted
        assert convert(stream, converted, back) == payload
        assert convert(stream, payload, back) is payload
        assert values(parse(converted)) == values(parse(payload))
        count += 1
    assert count > 1_700


@pytest.mark.parametrize(
    ("payload", "to", "expected"),
    [
        # Without a type, as in 2018; or with it in another place.
        ('{"mk":"KRW-BTC","tms":1,"sid":0E-8}', "DEFAULT", '{"market":"KRW-BTC","timestamp":1,"sequential_id":0E-8}'),
        ('{"market":"KRW-BTC","timestamp":1}', "SIMPLE", '{"mk":"KRW-BTC","tms":1}'),
        ('{"tms":1,"ty":"trade"}', "DEFAULT", '{"timestamp":1,"type":"trade"}'),
        ('{"tms":1}', "DEFAULT", '{"tms":1}'),
        # Twice the same key, spaces, escaped keys.
        ('{"ty":"trade","tp":1,"tp":2}', "DEFAULT", '{"type":"trade","trade_price":1,"trade_price":2}'),
        ('{"ty": "trade" , "tp" :1}', "DEFAULT", '{"type": "trade" , "trade_price" :1}'),
        ('{"ty":"trade","t\\u0070":1}', "DEFAULT", '{"type":"trade","t\\u0070":1}'),
        # Two keys that are one afterwards.
        ('{"ty":"trade","tp":1,"trade_price":2}', "DEFAULT", '{"type":"trade","trade_price":1,"trade_price":2}'),
        ('{"ty":"trade"}', "DEFAULT", '{"type":"trade"}'),
        ("{}", "DEFAULT", "{}"),
    ],
)
def test_odd_messages(payload: str, to: str, expected: str) -> None:
    forms = Forms()
    for _ in range(2):
        assert forms.convert("trade KRW-BTC", payload.encode(), to) == expected.encode()


def test_of_an_unknown_type_only_the_common_keys_are_renamed() -> None:
    short = b'{"ty":"liquidation","cd":"KRW-BTC","tp":1,"tms":2,"st":"REALTIME"}'
    full = b'{"type":"liquidation","code":"KRW-BTC","tp":1,"timestamp":2,"stream_type":"REALTIME"}'
    assert convert("liquidation KRW-BTC", short, "DEFAULT") == full
    assert convert("liquidation KRW-BTC", full, "SIMPLE") == short


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"ty"',
    b'{"ty":"trade"',
    b'{"ty":"trade","cd":}',
    b'{"ty":"trade"}}',
    b'{"ty":"trade","tp":"\xff',
    b'{"type":' + b"[" * 100_000,
    b'{"ty":' + b'{"a":' * 100_000,
    b'[{"ty":"trade"}]',
    b"\xff\xfe",
]


@pytest.mark.parametrize("payload", BROKEN, ids=[repr(one[:20]) for one in BROKEN])
def test_what_is_no_object_comes_back_as_it_is(payload: bytes) -> None:
    for to in FORMATS:
        assert convert("trade KRW-BTC", payload, to) is payload
        assert convert("orderbook KRW-BTC", payload, to, snapshot=True, depth=1, no_body=True) is payload


@quickly
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_message_that_was_cut_or_spoilt_never_raises(example: Example, data: st.DataObject) -> None:
    payload = bytearray(example.formats["SIMPLE"])
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for to in FORMATS:
        converted = convert(stream_of(example), bytes(payload), to, snapshot=True, depth=1)
        try:
            json.loads(payload)
        except ValueError:
            continue  # msgspec is not as strict as this, and may take it for an object
        json.loads(converted)


def test_a_form_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        convert("trade KRW-BTC", TICKER.formats["SIMPLE"], "PRETTY")


@pytest.mark.parametrize("form", FORMATS)
def test_snapshots(form: str) -> None:
    assert is_snapshot(BOOK.formats[form])
    assert not is_snapshot(TICKER.formats[form])
    assert is_snapshot(convert("ticker KRW-ETH", TICKER.formats["SIMPLE"], form, snapshot=True))
    named = ORDER.formats[form].replace(b'"eth-dip-0007"', b'"SNAPSHOT"')
    assert b'"SNAPSHOT"' in named
    assert not is_snapshot(named)


def test_no_more_shapes_are_learned_than_there_can_be_in_earnest() -> None:
    forms = Forms()
    for number in range(20):
        for _ in range(2):
            payload = b'{"ty":"trade","tp":0E-8,"x%d":1}' % number
            expected = b'{"type":"trade","trade_price":0E-8,"x%d":1}' % number
            assert forms.convert("trade KRW-BTC", payload, "DEFAULT") == expected
    (rewriter,) = forms._rewriters.values()
    assert len(rewriter._shapes) == 8
