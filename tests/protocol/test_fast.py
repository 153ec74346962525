"""The C module against the Python that it stands beside: whatever the bytes, the same comes of it, or it hands it back.

The other tests run with it wherever it is there, and once more without it (`make test`).
"""

import gc
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import EXAMPLES, example_of
from tests.protocol.learning import codec_of, expect
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol import fast
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, OrderbookUnit, OverflowEvent, TickerEvent, base, make_event
from websocket_v6.protocol.events.levels import decode_levels
from websocket_v6.protocol.events.plain import plain
from websocket_v6.protocol.exchange import heads
from websocket_v6.protocol.websocket import frames

pytestmark = pytest.mark.skipif(
    fast.IMPLEMENTATION == "Python", reason="there is no C module here, or WEBSOCKET_V6_PURE=1 leaves it alone"
)

SHORT, FULL = ("ap", "bp", "as", "bs"), ("ask_price", "bid_price", "ask_size", "bid_size")
plain_numbers = st.from_regex(r"[1-9][0-9]{0,9}(\.[0-9]{1,9})?|0\.[0-9]{0,9}[1-9]", fullmatch=True)
prices = st.from_regex(r"[1-9][0-9]{0,9}(\.[0-9]{1,8})?", fullmatch=True)


def level(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True)) + "}"


def books(prices: st.SearchStrategy[str], sizes: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[bool, str]]:
    def text(is_full: bool, rows: list[tuple[str, ...]]) -> tuple[bool, str]:
        return is_full, "[" + ",".join(level(FULL if is_full else SHORT, row) for row in rows) + "]"

    return st.builds(text, st.booleans(), st.lists(st.tuples(prices, prices, sizes, sizes), max_size=8))


def in_c(text: bytes, is_full: bool, most: int = -1) -> tuple[OrderbookUnit, ...] | None:
    """Read levels with a reader of their own: one that has met too much that is new hands books back for a while."""
    assert fast.Levels is not None
    return fast.Levels(OrderbookUnit, Decimal, lambda text: plain(Decimal(text))).read(text, is_full, most)


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


@pytest.mark.parametrize("size", ["0", "0.0", "1E-7", "0E-8", "1.166E+8", "0.00000001", "1" * 23])
def test_these_sizes_are_spelled_as_python_spells_them(size: str) -> None:
    text = f"[{level(SHORT, ('2', '1', size, '1'))}]"
    for _ in range(2):  # made, and remembered
        found = in_c(text.encode(), False)
        assert found is not None
        assert shown(found) == shown(in_python(text, False))
        assert "E" not in str(found[0].ask_size)


def test_numbers_that_share_a_slot_are_told_apart() -> None:
    """Forty thousand spellings have to share 16,384 slots, in a book that is not handed back in between."""
    assert fast.Levels is not None
    read = fast.Levels(OrderbookUnit, Decimal, lambda text: plain(Decimal(text))).read
    rows = ",".join(level(SHORT, (str(n), f"{n}.25", f"{n}.5", f"0.{n}1")) for n in range(1, 10_001))
    units = read(f"[{rows}]".encode(), False, -1)
    assert units is not None
    for n, unit in enumerate(units, 1):
        assert list(map(str, unit.asdict().values())) == [str(n), f"{n}.25", f"{n}.5", f"0.{n}1"]


def test_books_of_numbers_that_are_new_are_handed_back_for_a_while() -> None:
    assert fast.Levels is not None
    read = fast.Levels(OrderbookUnit, Decimal, Decimal).read

    def is_read(first: int) -> bool:
        rows = ",".join(level(SHORT, (f"{n}.1", f"{n}.2", f"{n}.3", f"{n}.4")) for n in range(first, first + 30))
        return read(f"[{rows}]".encode(), False, -1) is not None

    new = [is_read(30 * number) for number in range(1, 500)]
    assert new[:30] == [True] * 30
    assert new.count(False) > 300
    # The same few books again and again are read, once the pause is over.
    again = [is_read(10**6 + 30 * (number % 5)) for number in range(1200)]
    assert again[-500:] == [True] * 500


def test_what_making_a_number_raises_is_raised() -> None:
    def fail(text: str) -> Any:
        raise RuntimeError(text)

    assert fast.Levels is not None
    text = f"[{level(SHORT, ('2', '1', '1E-7', '1'))}]".encode()
    with pytest.raises(RuntimeError, match="1E-7"):
        fast.Levels(OrderbookUnit, Decimal, fail).read(text, False, -1)
    with pytest.raises(RuntimeError, match="2"):
        fast.Levels(OrderbookUnit, fail, fail).read(text, False, -1)
    with pytest.raises(RuntimeError, match="called"):
        fast.Levels(lambda *values: fail("called"), Decimal, Decimal).read(text, False, -1)


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
    monkeypatch.setattr(codec, "turns", {payload[:7]: iter([(interrupted, None)])})
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
        lambda m: m.Levels(1, 2, 3, x=4),
        lambda m: m.Levels(1, 2, 3).read("text", False, -1),
        lambda m: m.Levels(1, 2, 3).read(b"", False),
        lambda m: m.Loader((1, 2, 3, 4), 1, 2, b"", b""),
        lambda m: m.Loader((1, 2, 3), 1, 2, b"", b""),
        lambda m: m.Plain((1, 2, 3, 4, 5), b""),
        lambda m: base._load(object()),  # type: ignore[misc]
    ],
)
def test_wrong_arguments_are_a_type_error(call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        call(fast)


def test_nothing_is_kept_for_good() -> None:
    """References that are taken and not given back, or the reverse, show in how many blocks there are."""
    assert fast.scan is not None
    assert fast.streams_of is not None
    assert base._load is not None
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
        assert in_c(book, False) is not None
        assert in_c(bad, False) is None
        for payload in (*messages, ticker[:-1], b""):
            event = make_event("ticker KRW-BTC", payload, 1, 2)
            base._load(event)  # type: ignore[misc]

    def blocks() -> int:
        for _ in range(500):
            round_trip()
        codec_of(TickerEvent, Decimal)._learn(frozenset({"trade_price"}))
        return sys.getallocatedblocks()

    blocks()
    least = min(blocks() for _ in range(2))
    assert min(blocks() for _ in range(3)) - least < 100  # one for each round would be 500


def test_a_reader_of_levels_that_nobody_holds_is_freed() -> None:
    assert fast.Levels is not None

    class Unit:
        def __init__(self, *values: object) -> None:
            self.values = values

    reader = fast.Levels(Unit, Decimal, Decimal)
    reader.read(f"[{level(SHORT, ('12.5', '11', '0.5', '7'))}]".encode(), False, -1)
    Unit.reader = reader  # type: ignore[attr-defined]
    gone = weakref.ref(Unit)
    del reader, Unit
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
