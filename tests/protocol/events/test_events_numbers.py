"""Numbers in every spelling, fields in every order: what an event says is what its text says, digit for digit."""

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.protocol.examples import EXAMPLES, FULL_NAMES, parse
from tests.protocol.learning import expect
from websocket_v6.protocol.events import Event, OrderbookEvent, TickerEvent, decode, make_event

FLAT = ("ticker", "trade", "candle.1m", "myOrder")
SPELLINGS = [
    "0", "-0", "0.0", "-0.0", "0E-8", "0e+5", "1", "-1", "1.16539E8", "7.9276E-4", "5.0E-4", "1e2", "1E+2",
    "158219000.00000000", "95078733694.3792000000000000", "1386929.37231066771348207123", "0.00000001",
    "116606000", "123456789012345678901234567890", "-9007199254740993", "1e400", "1e-400", "9.99e307",
]  # fmt: skip

# A message is a large thing to shrink: it would take minutes.
quickly = settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
numbers = st.sampled_from(SPELLINGS) | st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
spaces = st.sampled_from(["", "", "", " ", "\n\t"])


def kinds(type_: str) -> dict[str, type]:
    """Tell what a field of the reference holds, by its example."""
    text = next(example.default for example in EXAMPLES if example.name == type_)
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


def same(read: Any, expected: Any) -> bool:
    """Tell whether a field holds exactly this: a decimal with these very digits, or an equal value of its type."""
    if isinstance(read, Decimal) and isinstance(expected, Decimal):
        return read.as_tuple() == expected.as_tuple()
    if type(read) is int:
        return isinstance(expected, Decimal) and read == expected
    return type(read) is type(expected) and bool(read == expected)


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
            assert getattr(floats, name) == (None if value is None else float(value)), name
            assert value is None or type(getattr(floats, name)) is float


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
    assert [tuple(unit.asdict().values()) for unit in floats.orderbook_units] == [
        tuple(None if value is None else float(value) for value in level) for level in kept
    ]
    if len(kept) == len(expected):
        assert event.with_depth(depth).orderbook_units == event.orderbook_units[:depth]
        assert event.best() == (event.orderbook_units[0] if kept else None)
    assert decode(text.encode()) == event


@quickly
@given(token=numbers, is_full=st.booleans())
def test_balances_and_values_are_exact(token: str, is_full: bool) -> None:
    for name, number in (("myAsset", "1.4"), ("indicator rsi", "61.20417733")):
        example = next(example for example in EXAMPLES if example.name == name)
        event: Any = decode((example.default if is_full else example.simple).replace(number, token).encode())
        read = event.assets[0].balance if name == "myAsset" else event.value["rsi"]
        assert read.as_tuple() == Decimal(token).as_tuple()
        floats: Any = event.with_numbers(float)
        read = floats.assets[0].balance if name == "myAsset" else floats.value["rsi"]
        assert read == float(Decimal(token))


def test_second_reads_give_the_same_object() -> None:
    event = decode(next(example.simple for example in EXAMPLES if example.name == "ticker").encode())
    assert isinstance(event, TickerEvent)
    assert event.trade_price is event.trade_price
    assert event.timestamp is event.timestamp


def test_threads_that_read_one_event_at_once_all_read_right() -> None:
    example = next(example for example in EXAMPLES if example.name == "ticker")
    expected = make_event("ticker KRW-ETH", example.simple.encode(), 0, 0).asdict()
    wrong: list[str] = []

    def read(event: Event, barrier: threading.Barrier, names: list[str]) -> None:
        barrier.wait()
        wrong.extend(name for name in names if getattr(event, name) != expected[name])

    def race(make: Callable[[], Event]) -> None:
        for _ in range(30):
            event = make()
            barrier = threading.Barrier(4)
            orders = [list(expected)[shift:] + list(expected)[:shift] for shift in (0, 9, 17, 25)]
            threads = [threading.Thread(target=read, args=(event, barrier, names)) for names in orders]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def shallow() -> Event:
        expect(TickerEvent, Decimal, [])
        return make_event("ticker KRW-ETH", example.simple.encode(), 0, 0)

    race(shallow)
    race(lambda: make_event("ticker KRW-ETH", example.simple.encode(), 0, 0))
    assert wrong == []
