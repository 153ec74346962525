"""The C module against the Python that it stands beside: whatever the bytes, the same comes of it, or it hands it back.

The other tests run with it wherever it is there, and once more without it (`make test`).
"""

import gc
import itertools
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import EXAMPLES, example_of
from tests.protocol.learning import codec_of, expect
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol import fast
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import (
    Event,
    OrderbookEvent,
    OrderbookUnit,
    OverflowEvent,
    TickerEvent,
    base,
    levels,
    make_event,
)
from websocket_v6.protocol.events.fields import Number
from websocket_v6.protocol.events.levels import decode_levels
from websocket_v6.protocol.events.plain import PlainDecimal
from websocket_v6.protocol.exchange import heads
from websocket_v6.protocol.limits import REMEMBERED_BOOKS
from websocket_v6.protocol.recording.records import Rows, encode_record
from websocket_v6.protocol.websocket import frames

pytestmark = pytest.mark.skipif(
    fast.IMPLEMENTATION == "Python", reason="there is no C module here, or WEBSOCKET_V6_PURE=1 leaves it alone"
)

MARKET = "orderbook KRW-BTC"
SHORT, FULL = ("ap", "bp", "as", "bs"), ("ask_price", "bid_price", "ask_size", "bid_size")
MEMBERS = tuple(map(vars(OrderbookUnit).__getitem__, OrderbookUnit.__struct_fields__))
plain_numbers = st.from_regex(r"[1-9][0-9]{0,9}(\.[0-9]{1,9})?|0\.[0-9]{0,9}[1-9]", fullmatch=True)
prices = st.from_regex(r"[1-9][0-9]{0,9}(\.[0-9]{1,8})?", fullmatch=True)


def level(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True)) + "}"


def books(prices: st.SearchStrategy[str], sizes: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[bool, str]]:
    def text(is_full: bool, rows: list[tuple[str, ...]]) -> tuple[bool, str]:
        return is_full, "[" + ",".join(level(FULL if is_full else SHORT, row) for row in rows) + "]"

    return st.builds(text, st.booleans(), st.lists(st.tuples(prices, prices, sizes, sizes), max_size=8))


def new_reader() -> Callable[..., tuple[OrderbookUnit, ...] | None]:
    """Return a reader of levels that remembers nothing yet."""
    read = levels.make_reader()
    assert read is not None
    return read


def in_c(text: bytes, is_full: bool, most: int = -1) -> tuple[OrderbookUnit, ...] | None:
    return new_reader()(text, is_full, most, MARKET)


def in_python(text: str, is_full: bool) -> tuple[OrderbookUnit, ...] | None:
    try:
        return decode_levels(text.encode(), is_full, Decimal)
    except RemoteProtocolError:
        return None


def shown(units: tuple[OrderbookUnit, ...] | None) -> object:
    """Return the units and how their numbers are spelled, which equality of decimals does not see."""
    return units and [(type(value), str(value)) for unit in units for value in unit.asdict().values()]


# --- levels


@given(book=books(prices, plain_numbers))
@quickly
def test_plain_levels_are_read_in_c_and_are_the_same(book: tuple[bool, str]) -> None:
    is_full, text = book
    found = in_c(text.encode(), is_full)
    assert found is not None
    assert shown(found) == shown(in_python(text, is_full))
    assert in_c(text.encode(), not is_full) is None or found == ()


@given(book=books(numbers, numbers), most=st.integers(-1, 9))
@quickly
def test_other_numbers_are_the_same_or_are_handed_back(book: tuple[bool, str], most: int) -> None:
    is_full, text = book
    found = in_c(text.encode(), is_full, most)
    if found is not None:
        expected = in_python(text, is_full)
        assert expected is not None
        assert shown(found) == shown(expected[:most] if most >= 0 else expected)


@given(data=st.data(), book=books(prices, plain_numbers))
@quickly
def test_damaged_levels_are_the_same_or_are_handed_back(data: st.DataObject, book: tuple[bool, str]) -> None:
    is_full, text = book
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b"-", b"e", b"00", b'"', b" ", b"}", b"],", b"null", b"\0"])
        )
    found = in_c(bytes(damaged), is_full)
    if found is not None:
        assert shown(found) == shown(in_python(damaged.decode(), is_full))


@pytest.mark.parametrize("is_full", [False, True])
def test_each_cut_of_levels_is_handed_back(is_full: bool) -> None:
    names = FULL if is_full else SHORT
    text = f"[{level(names, ('12.5', '11', '0.5', '1E-7'))},{level(names, ('13', '10.5', '0.25', '2'))}]".encode()
    assert in_c(text, is_full) is not None
    for end in range(len(text)):
        assert in_c(text[:end], is_full) is None
        # Whatever lies behind the end of the buffer is not looked at.
        assert in_c(memoryview(text)[:end], is_full) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "number",
    ["-1", "-0", "01", "1.", ".5", "+1", "1e", "1e+", "1e400", "0x1", "NaN", "null", '"1"', "1" * 24, "1 ", "0", "0.0"],
)
def test_these_prices_are_handed_back(number: str) -> None:
    assert in_c(f"[{level(SHORT, (number, '1', '1', '1'))}]".encode(), False) is None


@pytest.mark.parametrize(
    "size",
    [
        *(f"{digits}E-{n}" for n in range(9) for digits in ("1", "1.5", "10", "12.25")),
        "0",
        "0.0",
        "0E-8",
        "1.166E+8",
        "1e-5",
        "1E2",
        "0.00000001",
        "0.000001",
        "1" * 23,
    ],
)
def test_these_sizes_are_spelled_as_python_spells_them(size: str) -> None:
    text = f"[{level(SHORT, ('2', '1', size, '1'))}]"
    for _ in range(2):  # made, and remembered
        found = in_c(text.encode(), False)
        assert found is not None
        assert shown(found) == shown(in_python(text, False))
        assert "E" not in str(found[0].ask_size)


def test_a_book_of_more_levels_than_the_exchange_has_is_handed_back() -> None:
    row = level(SHORT, ("2", "1", "3", "4"))
    assert in_c(f"[{','.join([row] * 32)}]".encode(), False) is not None
    assert in_c(f"[{','.join([row] * 33)}]".encode(), False) is None
    assert in_c(f"[{','.join([row] * 33)}]".encode(), False, 32) is not None


# --- what stood in the last book of the market

Side = list[tuple[str, str]]  # price and size, the best first


def book_of(asks: Side, bids: Side, names: tuple[str, ...] = SHORT) -> bytes:
    rows = [level(names, (ask[0], bid[0], ask[1], bid[1])) for ask, bid in zip(asks, bids, strict=False)]
    return f"[{','.join(rows)}]".encode()


def side(first: int, step: int, count: int = 20) -> Side:
    return [(str(first + step * number), f"0.{first}{number:02}1") for number in range(count)]


changes = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from(["size", "gone", "new", "price"]), plain_numbers),
    max_size=4,
)


@given(
    books=st.lists(st.tuples(changes, st.booleans(), st.sampled_from([-1, -1, -1, 1, 5])), min_size=2, max_size=8),
    damage=st.lists(st.tuples(st.integers(0, 700), st.binary(max_size=2)), max_size=2),
)
@quickly
def test_books_that_follow_each_other_are_the_same(books: list[tuple[Any, bool, int]], damage: list[Any]) -> None:
    read, sides = new_reader(), (side(1000, 1, 10), side(999, -1, 10))
    for changed, is_full, most in books:
        for is_bid, place, what, number in changed:
            own = sides[is_bid]
            if what == "gone" or (what != "new" and not own):
                del own[place : place + 1]
            elif what == "new":
                own.insert(place, (number, number))
            else:
                price, size = own[place % len(own)]
                own[place % len(own)] = (number, size) if what == "price" else (price, number)
        text = book_of(*sides, FULL if is_full else SHORT)
        found = read(text, is_full, most, MARKET)
        assert found is not None
        expected = in_python(text.decode(), is_full)
        assert shown(found) == shown(expected and expected[:most] if most > 0 else expected)
        for place, instead in damage:  # which are to leave nothing behind
            damaged = text[:place] + instead + text[place + len(instead) :]
            found = read(damaged, is_full, most, MARKET)
            if found is not None and most < 0:
                assert shown(found) == shown(in_python(damaged.decode(), is_full))


@pytest.mark.parametrize("names", [SHORT, FULL])
def test_a_level_that_stands_where_it_stood_is_the_same_object(names: tuple[str, ...]) -> None:
    read, asks, bids = new_reader(), side(1000, 1), side(999, -1)
    before = read(book_of(asks, bids, names), names is FULL, -1, MARKET)
    bids[3] = (bids[3][0], "7.25")
    after = read(book_of(asks, bids, names), names is FULL, -1, MARKET)
    assert before is not None
    assert after is not None
    assert [one is other for one, other in zip(before, after, strict=True)] == [number != 3 for number in range(20)]
    assert after[3].bid_size == Decimal("7.25")
    assert after[3].ask_size is before[3].ask_size


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("is_bid", [True, False])
def test_numbers_of_a_side_that_has_moved_by_one_are_the_same_objects(is_bid: bool, is_new: bool) -> None:
    read, sides = new_reader(), (side(1000, 1), side(999, -1))
    before = read(book_of(*sides), False, -1, MARKET)
    if is_new:
        sides[is_bid].insert(4, ("555", "0.5"))
    else:
        del sides[is_bid][4]
    after = read(book_of(*sides), False, -1, MARKET)
    assert before is not None
    assert after is not None

    def numbers_of(units: tuple[OrderbookUnit, ...], is_bid: bool) -> set[int]:
        return {id(number) for unit in units for number in (list(unit.asdict().values())[is_bid::2])}

    for one in (True, False):
        new = numbers_of(after, one) - numbers_of(before, one)
        assert len(new) == (2 if one is is_bid and is_new else 0)


def test_markets_do_not_know_each_others_books_nor_all_levels_the_first_few() -> None:
    read, text = new_reader(), book_of(side(1000, 1), side(999, -1))
    found = [
        read(text, False, most, market) for most, market in ((-1, MARKET), (-1, "orderbook KRW-ETH"), (20, MARKET))
    ]
    assert len({id(units and units[0]) for units in found}) == 3
    assert read(text, False, 3, MARKET) == found[0][:3]  # type: ignore[index]


def test_no_more_books_are_remembered_than_are_to_be() -> None:
    read, text = new_reader(), book_of(side(1000, 1), side(999, -1))
    first = read(text, False, -1, MARKET)
    for number in range(REMEMBERED_BOOKS - 1):
        read(text, False, -1, f"orderbook KRW-{number}")
    again = read(text, False, -1, MARKET)
    assert [one is other for one, other in zip(first or (), again or (), strict=True)] == [True] * 20
    read(text, False, -1, "orderbook KRW-one-more")
    again = read(text, False, -1, MARKET)
    assert [one is other for one, other in zip(first or (), again or (), strict=True)] == [False] * 20


def test_books_that_have_nothing_in_common_are_not_remembered_for_a_while() -> None:
    read = new_reader()

    def books_until_one_is_known(first: int) -> int:
        """Return how often the same book is sent until one of it is made of the one before."""
        text = book_of(side(first, 1), side(first - 1, -1))
        found = [read(text, False, -1, MARKET) for _ in range(300)]
        assert all(units is not None for units in found)
        known = [one[0] is other[0] for one, other in itertools.pairwise(found)]  # type: ignore[index]
        assert known == sorted(known)
        return known.index(True) + 1

    assert books_until_one_is_known(1000) == 1
    for number in range(2, 200):
        read(book_of(side(1000 * number, 1), side(1000 * number - 1, -1)), False, -1, MARKET)
    assert 1 < books_until_one_is_known(500) < 257
    assert books_until_one_is_known(700) == 1


def test_a_book_that_is_being_read_is_left_alone() -> None:
    text = f"[{level(SHORT, ('2', '1', '1E-7', '1'))}]".encode()
    inner: list[object] = []

    def spell(number: str) -> Decimal:
        inner.append(reader.read(text, False, -1, MARKET))
        inner.append(reader.read(text.replace(b"1E-7", b"3"), False, -1, "orderbook KRW-ETH"))
        return Decimal(number)

    assert fast.Levels is not None
    reader = fast.Levels(OrderbookUnit, MEMBERS, Decimal, spell, 1)
    found = reader.read(text, False, -1, MARKET)
    assert found is not None
    assert inner[0] is None
    assert inner[1] is not None


def test_what_making_a_number_raises_is_raised() -> None:
    def fail(text: str) -> Any:
        raise RuntimeError(text)

    def read(unit: Any, number: Any, spelled: Any) -> object:
        assert fast.Levels is not None
        text = f"[{level(SHORT, ('2', '1', '1E-7', '1'))}]".encode()
        return fast.Levels(unit, MEMBERS, number, spelled, 1).read(text, False, -1, MARKET)

    with pytest.raises(RuntimeError, match="1E-7"):
        read(OrderbookUnit, Decimal, fail)
    with pytest.raises(RuntimeError, match="2"):
        read(OrderbookUnit, fail, fail)
    with pytest.raises(RuntimeError, match="called"):
        read(lambda *values: fail("called"), Decimal, Decimal)


# --- frames


@given(data=st.data())
@quickly
def test_frames_are_the_same(data: st.DataObject) -> None:
    sizes = st.sampled_from([0, 1, 124, 125, 126, 127, 1000, 65535, 65536]) | st.integers(0, 300)
    # Mostly what the exchange sends, with whatever else between.
    head = st.sampled_from([0x82] * 6 + [0x81, 0x80, 0x02, 0xC2, 0x89, 0x88, 0x92]) | st.integers(0, 255)
    stream = bytearray()
    for size in data.draw(st.lists(sizes, max_size=12)):
        stream.append(data.draw(head))
        if size < 126:
            stream.append(size)
        elif size < 65536:
            stream += b"\x7e" + size.to_bytes(2, "big")
        else:
            stream += b"\x7f" + size.to_bytes(8, "big")
        stream += bytes(size)
    cut = data.draw(st.integers(0, len(stream)))
    most = data.draw(st.sampled_from([100, 1000, 1 << 20]))

    def decode() -> object:
        decoder = frames.FrameDecoder(max_message_bytes=most)
        return [decoder.receive(bytes(part)) for part in (stream[:cut], stream[cut:])], decoder.controls

    found = decode()
    with patch.object(frames, "scan", None):
        assert found == decode()


def test_frames_of_one_octet_less_are_not_read_over_their_end() -> None:
    assert fast.scan is not None
    for size in (2, 125, 126, 300):
        head = bytes([0x82, size]) if size < 126 else b"\x82\x7e" + size.to_bytes(2, "big")
        whole = head + bytes(size)
        messages: list[bytes] = []
        assert fast.scan(whole + whole[:-1], 0, messages, 125, 65535) == len(whole)
        assert messages == [bytes(size)]


# --- heads


@given(
    messages=st.lists(
        st.sampled_from([text.encode() for one in EXAMPLES for text in (one.default, one.simple)])
        | st.binary(max_size=60)
        | st.sampled_from([b"", b"{", b"," * 22, b"," * 23, b'{"ty":"ticker","cd":"KRW-BTC"'])
    )
)
@quickly
def test_messages_are_sorted_the_same(messages: list[bytes]) -> None:
    def sort() -> object:
        inbound = heads.Inbound()
        return [inbound.sort(messages) for _ in range(3)]  # what was learned before, too

    found = sort()
    with patch.object(heads, "streams_of", None):
        assert found == sort()


def test_known_streams_are_found_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [example_of(name).simple.encode() for name in ("ticker", "trade")]
    book = example_of("orderbook").simple
    messages.append(book.encode())
    inbound = heads.Inbound()
    expected = inbound.sort(messages)
    monkeypatch.setattr(inbound, "_put", None)  # the long way
    assert inbound.sort(messages).streams == expected.streams


# --- events


def loaded(event: Event) -> object:
    try:
        event.load()
    except RemoteProtocolError as exc:
        return str(exc)
    return type(event._values).__name__, [
        (name, type(value), str(value))
        for name in event._values.__struct_fields__
        for value in [getattr(event._values, name)]
    ]


@given(data=st.data())
@quickly
def test_messages_are_loaded_the_same(data: st.DataObject) -> None:
    fields = {name: field for name, field in vars(TickerEvent).items() if hasattr(field, "short")}
    known = data.draw(st.sets(st.sampled_from(sorted(fields)), max_size=4))
    values = numbers | st.sampled_from(["null", '"x"', "{}", '"NaN"', "1e999999999999"])
    text = "".join(f',"{fields[name].short}":{data.draw(values)}' for name in sorted(known))
    end = data.draw(st.sampled_from(["}", "}", "}", "", "} ", "}x", ',"kor":"한"}', ',"bad":"\x00"}']))
    payload = (f'{{"ty":"ticker","cd":"KRW-BTC"{text}{end}').encode()
    if data.draw(st.booleans()):
        payload = payload.replace(b"KRW", b"K\xff\xfe")
    number = data.draw(st.sampled_from([Decimal, float]))

    def load() -> object:
        expect(TickerEvent, number, known)
        event = make_event("ticker KRW-BTC", payload, 1, 2)
        if number is float:
            event = event.with_numbers(float)
        return loaded(event)

    found = load()
    with patch.object(base, "_load", None):
        assert found == load()


@given(data=st.data(), book=books(numbers | plain_numbers, numbers | plain_numbers))
@quickly
def test_books_are_loaded_the_same_with_their_levels(data: st.DataObject, book: tuple[bool, str]) -> None:
    is_full, array = book
    begin, name, size = ('{"type":"orderbook","code"', "orderbook_units", "total_ask_size")
    if not is_full:
        begin, name, size = ('{"ty":"orderbook","cd"', "obu", "tas")
    other = st.sampled_from(
        ["", ',"x":1', f',"{name}":[]', f',"{name}" :[]', f',"{name[0]}\\u0062u":[]', ',"x":"\\\\"']
    )
    around = st.sampled_from(["%s", "%s", '{"in":%s}', "[%s]"]).map(lambda text: text % array)
    key = data.draw(st.sampled_from([name, name, f'x\\"{name}', "other"]))
    before, value, after = data.draw(other), data.draw(around), data.draw(other)
    text = f'{begin}:"KRW-BTC","{size}":3{before},"{key}":{value}{after},"st":"REALTIME"}}'
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 1))] = data.draw(
            st.sampled_from([b"", b",", b'"', b"0", b"]"])
        )

    def load() -> object:
        expect(OrderbookEvent, Decimal, {"total_ask_size", "_levels"})
        event = make_event("orderbook KRW-BTC", bytes(damaged), 1, 2)
        found = loaded(event)
        if event._values is None:
            return found
        return str(event.total_ask_size), event.stream_type, bytes(event._values._levels)  # type: ignore[attr-defined]

    found = load()
    with patch.object(base, "_load", None):
        assert found == load()


@pytest.mark.parametrize("own", ['"obu" :[]', '"obu" :[{"ap":2}]', '"ob\\u0075":[]', '"x":1'])
@pytest.mark.parametrize("other", ['"x":{"obu":%s}', '"x\\"obu":%s', '"x":[{"obu":%s}]', '"obu":%s'])
@pytest.mark.parametrize("is_first", [True, False])
def test_levels_that_are_not_the_message_s_own_are_not_picked(own: str, other: str, is_first: bool) -> None:
    expect(OrderbookEvent, Decimal, {"total_ask_size", "_levels"})
    pieces = [own, other % f"[{level(SHORT, ('2', '1', '3', '4'))}]"]
    text = ",".join(pieces if is_first else pieces[::-1])
    payload = f'{{"ty":"orderbook","cd":"KRW-BTC","tas":3,{text},"st":"REALTIME"}}'.encode()

    def seen() -> object:
        event = make_event("orderbook KRW-BTC", payload, 1, 2)
        assert isinstance(event, OrderbookEvent)
        try:
            return event.total_ask_size, event.orderbook_units
        except RemoteProtocolError as exc:
            return str(exc)

    found = seen()
    with patch.object(base, "_load", None):
        assert found == seen()


FLAT = ("ticker", "trade", "orderbook", "candle.1m", "myOrder")


@pytest.mark.parametrize("number", [Decimal, float])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("type_", FLAT)
def test_any_field_of_a_usual_message_is_picked(type_: str, is_full: bool, number: Number) -> None:
    example = example_of(type_)
    payload = (example.default if is_full else example.simple).encode()
    events = type(make_event(f"{type_} KRW-BTC", payload, 1, 2))
    codec = codec_of(events, number)
    picked: dict[str, object] = {}
    for name in codec._all:
        expect(events, number, {name})
        decode, _, picker = next(codec.turns[payload[:7]])
        if picker is None:  # Python makes more of it
            continue
        values, others = picker.pick(payload), decode(payload)
        assert values == others
        picked[name] = getattr(values, name)
        assert type(picked[name]) is type(getattr(others, name))
    assert len(picked) > len(codec._all) - 3
    expect(events, number, picked)
    _, _, picker = next(codec.turns[payload[:7]])
    assert picker is not None
    values = picker.pick(payload)
    assert {name: getattr(values, name) for name in picked} == picked


class Picked(msgspec.Struct):
    """What is picked below."""

    number: Decimal | None
    integer: int | None
    text: str | None
    flag: bool | None
    levels: object = None


NAMES = (b"n", b"i", b"t", b"f")


def picker(*, with_levels: bool = False) -> Any:
    assert fast.Picker is not None
    assert fast.Numbers is not None
    fields = tuple(zip(NAMES, ("number", "integer", "text", "flag"), strict=True))
    fields += ((b"l", "levels"),) * with_levels
    return fast.Picker(Picked, fields, fast.Numbers(Decimal, PlainDecimal), msgspec.Raw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"n":1.50,"i":7,"t":"가","f":true}', (Decimal("1.50"), 7, "가", True)),
        ('{"f":false,"x":null,"t":"","y":-0.5e-7,"i":0,"z":"é","n":-0}', (Decimal("-0"), 0, "", False)),
        ('{"n":null,"i":null,"t":null,"f":null}', (None, None, None, None)),
        ('{"a":[{"b":1},{"b":2.5,"c":0}]}', (None, None, None, None)),
        ('{"nn":1,"":2,"i":999999999999999999}', (None, 999999999999999999, None, None)),
    ],
)
def test_what_is_wanted_is_picked(text: str, expected: tuple[object, ...]) -> None:
    found = picker().pick(text.encode())
    assert (found.number, found.integer, found.text, found.flag) == expected
    assert str(found.number) == str(expected[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"n":1',
        '{"n":1}}',
        '{"n":1} ',
        ' {"n":1}',
        '{"n" :1}',
        '{"n":1,}',
        '{"n":1,"n":1}',
        '{"n":"1"}',
        '{"n":NaN}',
        '{"n":01}',
        '{"n":1.}',
        '{"n":-}',
        '{"n":+1}',
        '{"n":true}',
        '{"n":[{"a":1}]}',
        '{"i":1.0}',
        '{"i":-1}',
        '{"i":1e3}',
        '{"i":1000000000000000000}',
        '{"t":1}',
        '{"t":"\\u0041"}',
        '{"\\u006e":1}',
        '{"t":"a\tb"}',
        '{"f":1}',
        '{"f":tru}',
        '{"x":{}}',
        '{"x":[]}',
        '{"x":[1]}',
        '{"x":[{"a":-1}]}',
        '{"x":[{"A":1}]}',
        '{"x":nul}',
        '{"x"',
        '{"x":',
        '{"x":"',
    ],
)
def test_what_is_not_plain_is_not_picked(text: str) -> None:
    assert picker().pick(text.encode()) is None


def test_text_that_is_no_utf_8_is_not_picked_wherever_it_is() -> None:
    for text in (b'{"t":"\xff"}', b'{"x":"\xff"}', b'{"\xff":1}'):
        try:
            assert picker().pick(text) is None
        except UnicodeDecodeError:
            continue  # the loader hands it to Python as well


def test_levels_are_picked_as_they_are_and_must_be_there() -> None:
    array = b'[{"ap":1.5,"as":0}]'
    assert bytes(picker(with_levels=True).pick(b'{"n":1,"l":%s}' % array).levels) == array
    for text in (b'{"n":1}', b'{"l":null}', b'{"l":[]}', b'{"l":1}', b'{"l":[{"ap":1.5,"as":"0"}]}'):
        assert picker(with_levels=True).pick(text) is None


def test_each_cut_of_a_message_is_handed_back() -> None:
    text = b'{"n":-1.5E-7,"i":7,"t":"a","f":true,"l":[{"ap":1.5,"as":0},{"b_c":1}],"x":null}'
    one = picker(with_levels=True)
    assert one.pick(text) is not None
    for end in range(len(text)):
        assert one.pick(text[:end]) is None


@given(texts=st.lists(numbers | plain_numbers, max_size=50))
@quickly
def test_numbers_that_are_remembered_are_those_of_their_text(texts: list[str]) -> None:
    one = picker()
    for text in texts * 2:
        found = one.pick(f'{{"n":{text}}}'.encode())
        if found is None:
            continue
        exact = Decimal(text)
        assert found.number == exact
        assert found.number.as_tuple() == exact.as_tuple()
        assert str(found.number) == (str(exact) if "E" not in str(exact) else format(exact, "f"))


def test_a_number_that_cannot_be_made_is_not_remembered() -> None:
    assert fast.Picker is not None
    assert fast.Numbers is not None
    made: list[str] = []

    def make(text: str) -> Decimal:
        made.append(text)
        raise ArithmeticError(text)

    failing = fast.Picker(Picked, ((b"n", "number"),), fast.Numbers(make, make), msgspec.Raw)
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            failing.pick(b'{"n":1}')
    assert made == ["1", "1"]


def test_a_number_beyond_all_floats_and_a_zero_with_a_sign_are_not_picked() -> None:
    assert fast.Picker is not None
    one = fast.Picker(lambda value: value, ((b"n", "number"),), None, msgspec.Raw)
    texts = (b'{"n":0.1}', b'{"n":-2}', b'{"n":0}', b'{"n":1e400}', b'{"n":-1e400}', b'{"n":-0}', b'{"n":-0.0}')
    assert [one.pick(text) for text in texts] == [0.1, -2.0, 0.0, None, None, None, None]


# --- fields as attributes


def test_a_field_is_no_attribute_that_can_be_set_or_read_of_something_else() -> None:
    assert fast.Decoded is not None
    event = make_event("ticker KRW-BTC", example_of("ticker").simple.encode(), 1, 2)
    field: Any = vars(TickerEvent)["trade_price"]
    assert [TickerEvent.trade_price] == [field]
    with pytest.raises(AttributeError):
        event.trade_price = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="trade_price"):
        field.__set__(event, 1)
    with pytest.raises(AttributeError, match="trade_price"):
        field.__delete__(event)
    with pytest.raises(TypeError):
        field.__get__(object())
    with pytest.raises(AttributeError, match="no class"):
        fast.Decoded().__get__(event)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="trade_prise") as caught:
        event.trade_prise  # type: ignore[attr-defined]  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("trade_prise", event)


def test_what_reading_a_field_raises_gets_through() -> None:
    assert fast.Decoded is not None

    class Holder:
        __slots__ = ("values",)

    class Values:
        @property
        def bad(self) -> object:
            raise ZeroDivisionError

    class WrongError(Exception):
        pass

    def read(holder: Holder, name: str) -> object:
        raise WrongError(name)

    holder, found = Holder(), {}
    for name in ("bad", "missing"):
        found[name] = fast.Decoded()
        found[name].bind(vars(Holder)["values"], name, read)
    holder.values = None  # type: ignore[attr-defined]
    with pytest.raises(WrongError, match="bad"):
        found["bad"].__get__(holder)  # type: ignore[attr-defined]
    holder.values = Values()  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        found["bad"].__get__(holder)  # type: ignore[attr-defined]
    with pytest.raises(WrongError, match="missing"):
        found["missing"].__get__(holder)  # type: ignore[attr-defined]


def test_most_messages_are_loaded_in_c() -> None:
    assert base._load is not None
    expect(TickerEvent, Decimal, {"trade_price"})
    event = make_event("ticker KRW-BTC", example_of("ticker").simple.encode(), 1, 2)
    assert base._load(event)
    assert base._load(event)  # it is, already
    assert isinstance(event, TickerEvent)
    assert event._values.trade_price == event.trade_price
    assert not base._load(make_event("ticker KRW-BTC", b'{"ty":"ticker"', 1, 2))
    assert not base._load(event.as_snapshot())  # a view has fields of its own


def test_a_sample_that_is_due_is_python_s() -> None:
    assert base._load is not None
    codec = codec_of(TickerEvent, Decimal)
    payload = example_of("ticker").simple.encode()
    turns = 0
    while base._load(make_event("ticker KRW-BTC", payload, 1, 2)):
        turns += 1
    assert 0 < turns <= 256
    make_event("ticker KRW-BTC", payload, 1, 2).load()
    assert next(codec.turns[payload[:7]])
    assert base._load(make_event("ticker KRW-BTC", payload, 1, 2))


def test_an_interrupt_is_not_taken_for_a_malformed_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(payload: bytes) -> Any:
        raise KeyboardInterrupt

    codec = codec_of(TickerEvent, Decimal)
    payload = example_of("ticker").simple.encode()
    monkeypatch.setattr(codec, "turns", {payload[:7]: iter([(interrupted, None, None)])})
    with pytest.raises(KeyboardInterrupt):
        make_event("ticker KRW-BTC", payload, 1, 2).load()


# --- callbacks


class Box:
    """As much of a mailbox as is looked at."""

    is_closed = False


def tickers(count: int) -> list[Any]:
    return [make_event("ticker KRW-BTC", example_of("ticker").simple.encode(), 1, at) for at in range(count)]


def call(events: list[Any], start: int, box: Any, callback: Callable[[Any], object]) -> Any:
    assert base.call_with_each is not None
    return base.call_with_each(events, start, box, callback, None)


def test_the_callback_is_called_with_each_when_it_is_loaded() -> None:
    seen: list[int] = []

    def callback(event: Event) -> None:
        assert event._values is not None
        seen.append(event.received_at)

    expect(TickerEvent, Decimal, {"trade_price"})
    assert call(tickers(5), 2, Box(), callback) == (5, None, None)
    assert seen == [2, 3, 4]
    assert call(tickers(5), 5, Box(), callback) == (5, None, None)
    assert call([], 0, Box(), callback) == (0, None, None)


def test_what_a_callback_returns_or_raises_is_handed_back_with_its_index() -> None:
    expect(TickerEvent, Decimal, {"trade_price"})
    answer = object()
    assert call(tickers(3), 0, Box(), lambda event: answer if event.received_at == 1 else None) == (1, answer, None)

    def fail(event: Event) -> None:
        raise SystemExit(event.received_at)

    index, result, error = call(tickers(3), 2, Box(), fail)
    assert (index, result, type(error), error.code) == (2, None, SystemExit, 2)
    assert error.__traceback__.tb_frame.f_code.co_name == "fail"


def test_a_mailbox_that_is_closed_meanwhile_ends_it() -> None:
    expect(TickerEvent, Decimal, {"trade_price"})
    box = Box()

    def close(event: Event) -> None:
        box.is_closed = event.received_at == 1

    assert call(tickers(4), 0, box, close) == (2, None, None)
    with pytest.raises(AttributeError):
        call(tickers(4), 0, object(), close)


@pytest.mark.parametrize(
    "other", [None, OverflowEvent(None, 1, 1, "drop_oldest"), make_event("ticker A-B", b"x", 1, 2)]
)
def test_what_is_no_plain_event_is_handed_back(other: object) -> None:
    expect(TickerEvent, Decimal, {"trade_price"})
    assert call([*tickers(2), other, *tickers(1)], 0, Box(), lambda _: None) == (2, None, None)


def test_a_callback_that_changes_the_list_ends_it() -> None:
    expect(TickerEvent, Decimal, {"trade_price"})
    events = tickers(4)
    assert call(events, 0, Box(), lambda _: events.clear()) == (1, None, None)


# --- the module


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.scan(),
        lambda m: m.scan("x", 0, [], 1, 1),
        lambda m: m.scan(b"", None, [], 1, 1),
        lambda m: m.scan(b"", 0, (), 1, 1),
        lambda m: m.streams_of(),
        lambda m: m.streams_of((), 0, {}, {}, b""),
        lambda m: m.streams_of([], None, {}, {}, b""),
        lambda m: m.Levels(),
        lambda m: m.Levels(1, MEMBERS, 2, 3, 4, x=5),
        lambda m: m.Levels(1, (1, 2, 3, 4), 2, 3, 4),
        lambda m: m.Levels(1, MEMBERS, 2, 3, 4).read("text", False, -1, MARKET),
        lambda m: m.Levels(1, MEMBERS, 2, 3, 4).read(b"", False, -1, []),
        lambda m: m.Levels(1, MEMBERS, 2, 3, 4).read(b"", False, -1),
        lambda m: m.rows(),
        lambda m: m.rows(bytearray(), 0, ([], [], [], [], [], []), {}, 1, 1),
        lambda m: m.rows(b"", "0", ([], [], [], [], [], []), {}, 1, 1),
        lambda m: m.rows(b"", 0, ([], [], [], [], [], ()), {}, 1, 1),
        lambda m: m.Player(),
        lambda m: m.Player(1, (), Event, 1),
        lambda m: m.Loader((1, 2, 3, 4), 1, 2, b"", b""),
        lambda m: m.Loader((1, 2, 3), 1, 2, b"", b""),
        lambda m: m.Plain((1, 2, 3, 4, 5), b""),
        lambda m: m.Numbers(),
        lambda m: m.Numbers(1, 2, x=3),
        lambda m: m.Picker(),
        lambda m: m.Picker(1, (), None, 2, x=3),
        lambda m: m.Picker(1, (), 2, 3),
        lambda m: m.Picker(1, [], None, 2),
        lambda m: m.Picker(1, (b"n",), None, 2),
        lambda m: m.Picker(1, (("n", "text"),), None, 2),
        lambda m: m.Picker(1, (), None, 2).pick("{}"),
        lambda m: m.Decoded().bind(),
        lambda m: m.Decoded().bind(1, "n", 2),
        lambda m: m.Decoded().bind(MEMBERS[0], b"n", 2),
        lambda m: base._load(object()),  # type: ignore[misc]
    ],
)
def test_wrong_arguments_are_a_type_error(call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        call(fast)


@pytest.mark.parametrize("fields", [((b"n", "nothing"),), tuple((str(n).encode(), "text") for n in range(65))])
def test_a_picker_of_more_than_it_knows_is_a_value_error(fields: Any) -> None:
    assert fast.Picker is not None
    with pytest.raises(ValueError, match=r"no kind|more than 64"):
        fast.Picker(1, fields, None, 2)  # type: ignore[arg-type]


def test_nothing_is_kept_for_good() -> None:
    """References that are taken and not given back, or the reverse, show in how many blocks there are."""
    assert fast.scan is not None
    assert fast.streams_of is not None
    assert fast.rows is not None
    assert base._load is not None
    record = encode_record(2**40, Rows(1, 2**60, 0, ["trade A-B", "trade A-C"], [b"{}", b"x" * 99]))
    bad_records = (record[:-1], record.replace(b"trade A-C", b"\xff" * 9), b"\xc4\x01\xc0", b"\xc4\x00")
    book = f"[{level(SHORT, ('12.5', '11', '0.5', '1E-7'))},{level(SHORT, ('13', '10.5', '0.25', '2'))}]".encode()
    bad = book[:-3]
    ticker = example_of("ticker").simple.encode()
    stream = b"\x82\x7e" + len(ticker).to_bytes(2, "big") + ticker
    known = {ticker[: ticker.find(b",", 22)]: "ticker KRW-BTC"}
    expect(TickerEvent, Decimal, {"trade_price", "change"})

    def round_trip() -> None:
        messages: list[bytes] = []
        fast.scan(stream * 3 + stream[:9], 0, messages, 125, 65535)  # type: ignore[misc]
        assert fast.streams_of(messages, 22, known, {}, b"0")  # type: ignore[misc]
        assert fast.streams_of([*messages, b"x" * 30], 22, known, {}, b"0") is None  # type: ignore[misc]
        columns: Any = ([], [], [], [], [], [])
        for after in bad_records:
            assert fast.rows(record + after, 0, columns, {}, 9, 99) == len(record)  # type: ignore[misc]
        assert in_c(book, False) is not None
        assert in_c(bad, False) is None
        read = new_reader()
        for text in (book, bad, book.replace(b"11", b"10"), book.replace(b"13", b"12"), b"[]", book, book[::-1]):
            read(text, False, -1, MARKET)
        for payload in (*messages, ticker[:-1], b""):
            event = make_event("ticker KRW-BTC", payload, 1, 2)
            base._load(event)  # type: ignore[misc]
        for one in (picker(), picker(with_levels=True)):
            for payload in (
                b'{"n":1.5,"i":1,"t":"a","f":true,"l":[{"a":1E-7}]}',
                b'{"t":"a","n":1,"n":1}',
                b'{"i":1.0}',
            ):
                one.pick(payload)
        made = make_event("ticker KRW-BTC", ticker, 1, 2)
        assert None not in (made.timestamp, made.trade_price, made.code)  # type: ignore[attr-defined]
        field = fast.Decoded()  # type: ignore[misc]
        field.bind(vars(Event)["_values"], "x", print)
        field.bind(vars(Event)["_values"], "y", field)  # type: ignore[arg-type]

    def blocks() -> int:
        for _ in range(500):
            round_trip()
        codec_of(TickerEvent, Decimal)._learn(frozenset({"trade_price"}))
        gc.collect()  # there are circles among them
        return sys.getallocatedblocks()

    blocks()
    least = min(blocks() for _ in range(2))
    assert min(blocks() for _ in range(3)) - least < 100  # one for each round would be 500


def test_a_reader_of_levels_that_nobody_holds_is_freed() -> None:
    assert fast.Levels is not None

    class Unit:
        __slots__ = ("__weakref__", "ap", "asz", "bp", "bsz")

        def __init__(self, *values: object) -> None:
            self.ap, self.bp, self.asz, self.bsz = values

    members = tuple(vars(Unit)[name] for name in ("ap", "bp", "asz", "bsz"))
    reader = fast.Levels(Unit, members, Decimal, Decimal, 1)
    for _ in range(2):
        assert reader.read(f"[{level(SHORT, ('12.5', '11', '0.5', '7'))}]".encode(), False, -1, MARKET)
    Unit.reader = reader  # type: ignore[attr-defined]
    gone = weakref.ref(Unit)
    del reader, Unit, members
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(("pure", "expected"), [("1", "Python"), ("", "C"), ("0", "C")])
def test_the_environment_chooses(pure: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from websocket_v6.protocol import fast; print(fast.IMPLEMENTATION, fast.scan is None)"],
        env={**os.environ, "WEBSOCKET_V6_PURE": pure},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [expected, str(expected == "Python")]


def test_the_examples_are_read_as_json_reads_them() -> None:
    text = example_of("orderbook").simple
    event = make_event("orderbook KRW-XRP", text.encode(), 1, 2)
    units = json.loads(text, parse_float=Decimal, parse_int=Decimal)["obu"]
    assert [list(unit.asdict().values()) for unit in event.orderbook_units] == [  # type: ignore[attr-defined]
        [unit[name] for name in SHORT] for unit in units
    ]
