"""Order books: every level exact, the empty ones left out, and no more of them decoded than is read."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FORMATS, FULL_NAMES, Example, each_example, example_of, fields_of
from tests.protocol.spellings import numbers, quickly, same, spaces
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import OrderbookEvent, OrderbookUnit, make_event
from websocket_v6.protocol.events.decode import decode

BOOK = example_of("orderbook").simple


def book(text: str = BOOK, *, is_loaded: bool = True) -> OrderbookEvent:
    """Make an event of a message, loaded or not."""
    event = make_event("orderbook KRW-XRP", text.encode(), 1, 2)
    assert isinstance(event, OrderbookEvent)
    if is_loaded:
        event.load()
    return event


@each_example("orderbook")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is OrderbookEvent
    assert event.asdict() == {**fields_of(example), "symbol": event.code, "epoch": 3, "received_at": 7}


def test_the_levels_of_a_book_are_found_when_they_are_read() -> None:
    event = book()
    assert event._values.__struct_fields__ == ()
    assert event.orderbook_units is event.orderbook_units
    assert len(event.orderbook_units) == 5
    assert "_levels" not in event.asdict()


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_depth_cuts_the_levels_and_nothing_else(is_loaded: bool) -> None:
    event = book(is_loaded=is_loaded)
    for depth in (1, 2, 5, 30):
        cut = event.with_depth(depth)
        assert cut.orderbook_units == event.orderbook_units[:depth]
        assert (cut.total_ask_size, cut.level, cut.timestamp) == (event.total_ask_size, event.level, event.timestamp)
    assert event.with_depth(1) != event
    assert len(event.orderbook_units) == 5


@pytest.mark.parametrize("extra", ['"n":{"ap":1}', '"n":"}"', '"n":"},{"', '"n":[{"x":"y"}],"m":"z","k":"z"'])
def test_a_depth_counts_levels_and_not_braces(extra: str) -> None:
    levels = ",".join(f'{{"ap":{4 + level},"bp":{3 - level},{extra},"as":1,"bs":1}}' for level in range(3))
    text = f'{{"ty":"orderbook","cd":"KRW-XRP","tms":1,"obu":[{levels}],"st":"REALTIME","lv":0}}'
    event = decode(text.encode())
    assert isinstance(event, OrderbookEvent)
    assert [unit.ask_price for unit in event.orderbook_units] == [4, 5, 6]
    for depth in (1, 2, 3, 4):
        assert event.with_depth(depth).orderbook_units == event.orderbook_units[:depth]
        assert event.with_depth(depth).with_numbers(float).orderbook_units == event.orderbook_units[:depth]


def test_the_best_level_of_a_one_sided_book_has_one_side() -> None:
    levels = '{"ap":0,"bp":1.5,"as":0,"bs":2},{"ap":0,"bp":0,"as":0,"bs":0}'
    text = f'{{"ty":"orderbook","cd":"BTC-X","tms":1,"obu":[{levels}],"lv":0}}'
    event = decode(text.encode())
    assert isinstance(event, OrderbookEvent)
    best = event.best()
    assert best is not None
    assert (best.ask_price, best.ask_size, best.bid_price, best.bid_size) == (None, None, Decimal("1.5"), Decimal(2))
    assert event.orderbook_units == (best,)
    empty = decode(b'{"ty":"orderbook","cd":"BTC-X","tms":1,"obu":[{"ap":0,"bp":0,"as":0,"bs":0}]}')
    assert isinstance(empty, OrderbookEvent)
    assert empty.best() is None
    assert empty.level is None


@quickly
@given(
    levels=st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=6),
    is_full=st.booleans(),
    space=spaces,
    depth=st.integers(1, 7),
    extra=st.sampled_from(
        ["", ',"n":1', ',"n":{"ap":1}', ',"n":[1]', ',"n":"}],"', ',"n":"]","tas":7', ',"n":["]"],"tas":7']
    ),
)
def test_levels_are_exact_and_empty_slots_are_left_out(
    levels: list[tuple[str, str, str, str]], is_full: bool, space: str, depth: int, extra: str
) -> None:
    names = ("ask_price", "bid_price", "ask_size", "bid_size") if is_full else ("ap", "bp", "as", "bs")
    pairs = [[f'"{name}":{space}{token}' for name, token in zip(names, level, strict=True)] for level in levels]
    units = ",".join("{" + ",".join(level) + extra + "}" for level in pairs)
    text = f'{{"ty":"orderbook","cd":"KRW-BTC","tms":5,"tas":-0,"obu":{space}[{units}],"lv":0}}'
    if is_full:
        for short, full in FULL_NAMES["orderbook"].items():
            text = text.replace(f'"{short}":', f'"{full}":')
    event = make_event("orderbook KRW-BTC", text.encode(), 0, 0)
    assert isinstance(event, OrderbookEvent)
    expected: list[tuple[Decimal | None, ...]] = []
    for level in levels:
        ask_price, bid_price, ask_size, bid_size = map(Decimal, level)
        asks = (None, None) if not ask_price and not ask_size else (ask_price, ask_size)
        bids = (None, None) if not bid_price and not bid_size else (bid_price, bid_size)
        expected.append((asks[0], bids[0], asks[1], bids[1]))
    kept = [level for level in expected if level != (None,) * 4]
    read = [tuple(unit.asdict().values()) for unit in event.orderbook_units]
    assert len(read) == len(kept)
    for unit, numbers_ in zip(read, kept, strict=True):
        assert all(same(one, other) for one, other in zip(unit, numbers_, strict=True))
    assert event.total_ask_size.as_tuple() == Decimal("-0").as_tuple()
    floats = event.with_numbers(float)
    nearest = [tuple(None if value is None else float(value) for value in level) for level in kept]
    if any(value is not None and math.isinf(value) for level in nearest for value in level):
        with pytest.raises(RemoteProtocolError, match="beyond the floats"):
            _ = floats.orderbook_units
    else:
        assert [tuple(unit.asdict().values()) for unit in floats.orderbook_units] == nearest
    if len(kept) == len(expected):
        assert event.with_depth(depth).orderbook_units == event.orderbook_units[:depth]
        assert event.best() == (event.orderbook_units[0] if kept else None)
    assert decode(text.encode()) == event


def with_levels(sent: str, number: type[Decimal | float] = Decimal) -> OrderbookEvent:
    return book(f'{{"ty":"orderbook","cd":"KRW-XRP","obu":{sent},"tas":5,"lv":10000}}').with_numbers(number)


def test_a_level_is_a_value_with_four_names() -> None:
    (unit,) = with_levels('[{"ap":2.50,"bp":1,"as":"3","bs":4E2}]').orderbook_units
    names = {"ask_price": Decimal("2.50"), "bid_price": Decimal(1), "ask_size": Decimal(3), "bid_size": Decimal(400)}
    assert repr(unit.asdict()) == repr(names)
    assert (unit, hash(unit)) == (OrderbookUnit(**names), hash(OrderbookUnit(**names)))
    with pytest.raises(AttributeError):
        unit.ask_price = Decimal(2)  # type: ignore[misc]


@pytest.mark.parametrize("number", [Decimal, float])
@pytest.mark.parametrize("sent", ["null", "[]"])
def test_a_book_without_levels_is_empty(sent: str, number: type[Decimal | float]) -> None:
    event = with_levels(sent, number)
    assert (event.orderbook_units, event.best(), event.with_depth(5).orderbook_units) == ((), None, ())
    assert event.level == 10000


@pytest.mark.parametrize("number", [Decimal, float])
@pytest.mark.parametrize(
    "sent",
    ["5", "{}", "[5]", "[{}]", "[null]", '[{"ap":1,"bp":1,"as":1}]', '[{"ap":1,"bp":1,"as":1,"bs":true}]']
    + [f'[{{"ap":1,"bp":1,"as":1,"bs":{value}}}]' for value in ('"NaN"', '"Infinity"', '"-sNaN"', '"much"', "[1]")],
)
def test_levels_that_are_none_fail_alone_and_when_they_are_read(sent: str, number: type[Decimal | float]) -> None:
    event = with_levels(sent, number)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="malformed levels of an order book"):
            _ = event.orderbook_units
    with pytest.raises(RemoteProtocolError, match="malformed levels of an order book"):
        event.best()
    with pytest.raises(RemoteProtocolError, match="malformed levels of an order book"):
        _ = event.with_depth(1).orderbook_units
    assert (event.total_ask_size, event.level) == (Decimal(5), Decimal(10000))


def test_floats_take_what_only_exact_numbers_can_tell() -> None:
    odd, one_sided = '{"ap":1e300,"bp":"2.5","as":1e-400,"bs":-0}', '{"ap":0,"bp":1,"as":0,"bs":1}'
    event = with_levels(f'[{odd},{one_sided},{{"ap":3,"bp":null,"as":1,"bs":null}}]', float)
    units = [tuple(unit.asdict().values()) for unit in event.orderbook_units]
    assert repr(units) == repr([(1e300, 2.5, 0.0, -0.0), (None, 1.0, None, 1.0), (3.0, None, 1.0, None)])


def test_levels_beyond_the_floats_are_malformed_as_floats_alone() -> None:
    text = '[{"ap":1e400,"bp":2.5,"as":1,"bs":1}]'
    assert with_levels(text).orderbook_units[0].ask_price == Decimal("1e400")
    with pytest.raises(RemoteProtocolError, match="beyond the floats"):
        _ = with_levels(text, float).orderbook_units


def test_a_side_of_a_price_without_size_is_kept() -> None:
    (unit,) = with_levels('[{"ap":2,"bp":0,"as":0,"bs":1}]').orderbook_units
    assert list(unit.asdict().values()) == [2, 0, 0, 1]


def test_a_depth_looks_no_deeper_than_itself() -> None:
    event = with_levels('[{"ap":2,"bp":1,"as":1,"bs":1},{"ap":3,"bp":0.5,"as":1,"bs":1},{"ap":true}]')
    best = event.best()
    assert best is not None
    assert (best.ask_price, best.bid_price) == (Decimal(2), Decimal(1))
    cut = event.with_depth(2)
    assert [unit.ask_price for unit in cut.orderbook_units] == [2, 3]
    assert cut.orderbook_units is cut.orderbook_units
    assert cut.with_depth(2) is cut
    assert cut.with_depth(1).orderbook_units == (best,)
    with pytest.raises(RemoteProtocolError):
        _ = event.orderbook_units


def test_views_of_one_book_have_their_own_levels() -> None:
    event = book()
    assert len(event.orderbook_units) == 5
    assert [len(event.with_depth(depth).orderbook_units) for depth in (1, 2, 5)] == [1, 2, 5]
    assert len(event.with_depth(2).as_snapshot().orderbook_units) == 2
    assert len(event.orderbook_units) == 5
