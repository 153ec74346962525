"""What is read of events is decoded when the next ones are loaded: a matter of speed, never of values."""

from decimal import Decimal
from typing import Any

import pytest

from tests.protocol.examples import EXAMPLES
from tests.protocol.learning import codec_of, expect
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, OrderbookEvent, TickerEvent, make_event

MEMORY = 256  # messages from one sample of what is read to the next, as protocol/events/codec.py has it
TICKER = next(example for example in EXAMPLES if example.name == "ticker")
BOOK = next(example for example in EXAMPLES if example.name == "orderbook")


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
            assert len(codec._decoders) < 80
    read_each(["trade_price"], 3 * MEMORY)
    assert decoded(ticker()) == {"trade_price"}


def test_the_levels_of_a_book_are_found_when_it_is_loaded() -> None:
    event = make_event("orderbook KRW-XRP", BOOK.simple.encode(), 0, 0)
    assert decoded(event) == {"_levels"}
    assert isinstance(event, OrderbookEvent)
    assert event.orderbook_units is event.orderbook_units
    assert len(event.orderbook_units) == 5
    assert "_levels" not in event.asdict()


@pytest.mark.parametrize("text", [TICKER.simple, TICKER.default])
@pytest.mark.parametrize("sent", ["-0", "-0.0", "0", "0E-8", '"3.50"', "null", "1e400"])
def test_a_number_is_exact_whether_or_not_it_was_expected(text: str, sent: str) -> None:
    plain = ticker("3875000.0", sent, text).trade_price
    expect(TickerEvent, Decimal, ["trade_price", "change", "timestamp"])
    event = ticker("3875000.0", sent, text)
    event.load()
    expected: Any = None if sent == "null" else Decimal(sent.strip('"'))
    for read in (plain, event.trade_price):
        assert repr(read) == repr(expected)
    assert (event.change, event.timestamp) == ("RISE", ticker().timestamp)


@pytest.mark.parametrize("sent", ['"x"', "true", "[1]", '"NaN"', '"Infinity"', '"-sNaN1"', "{}"])
def test_an_expected_field_of_a_wrong_type_fails_alone_and_when_it_is_read(sent: str) -> None:
    for numbers in (Decimal, float):
        expect(TickerEvent, numbers, ["trade_price", "opening_price"])
        event = ticker("3875000.0", sent).with_numbers(numbers)
        event.load()
        for _ in range(2):
            with pytest.raises(RemoteProtocolError, match="malformed"):
                _ = event.trade_price
            assert event.opening_price == ticker().with_numbers(numbers).opening_price
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


def test_a_view_keeps_what_it_fixes_whether_or_not_it_was_expected() -> None:
    for names in ([], ["stream_type"], ["stream_type", "trade_price"]):
        expect(TickerEvent, Decimal, names)
        snapshot = ticker().as_snapshot()
        snapshot.load()
        assert (snapshot.stream_type, snapshot.trade_price) == ("SNAPSHOT", Decimal("3875000.0"))
        assert snapshot.stream_type == snapshot.asdict()["stream_type"] == "SNAPSHOT"
