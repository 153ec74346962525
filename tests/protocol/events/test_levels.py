"""What is remembered of a market's last book: never anything but what decoding would give, and never too much."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.messages import make_messages
from tests.protocol.spellings import quickly
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import OrderbookEvent, make_event
from websocket_v6.protocol.events import levels as subject
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.events.levels import LastLevels, Units, decode_levels, last_levels


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    subject._remembered.clear()
    yield
    subject._remembered.clear()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many levels each call of msgspec's decoder for plain levels has had."""
    counts: list[int] = []
    decode_short = subject._decode_short

    def counting(levels: Any) -> Any:
        units = decode_short(levels)
        counts.append(len(units))
        return units

    monkeypatch.setattr(subject, "_decode_short", counting)
    return counts


def level(price: int, size: str = "1.5") -> str:
    return f'{{"ap":{price + 2},"bp":{price + 1},"as":{size},"bs":2.0}}'


def array(*levels: str) -> bytes:
    return f"[{','.join(levels)}]".encode()


def outcome(decode: Any, levels: bytes) -> str:
    """Return what comes of decoding, all digits and signs of it."""
    try:
        return repr(decode(levels))
    except RemoteProtocolError as exc:
        return str(exc)


def exactly(levels: bytes) -> Units:
    return decode_levels(levels, False, Decimal)


LEVELS = [level(number, size) for number in range(6) for size in ("1.5", "0.25", "1E-7", "0.00000012", "-0", "0")] + [
    '{"ap":0,"bp":0,"as":0,"bs":0}',
    '{"ap":0.0,"bp":7,"as":0.0,"bs":1}',
    '{"bp":1,"ap":2,"bs":3,"as":4}',
    '{"ap": 2,"bp":1,"as":1,"bs":1}',
    '{"ap":"3","bp":1,"as":1,"bs":1}',
    '{"ap":"NaN","bp":1,"as":1,"bs":1}',
    '{"ap":null,"bp":1,"as":null,"bs":1}',
    '{"ap":4,"bp":1,"as":1,"bs":1,"n":{"ap":1}}',
    '{"ap":4,"bp":1,"as":1,"bs":1,"n":[{},{}]}',
    '{"ap":4,"bp":1,"as":1,"bs":1,"n":"},{"}',
    '{"ap":true,"bp":1,"as":1,"bs":1}',
    '{"ap":1,"bp":1,"as":1}',
    '"a":1',
    "",
]


@quickly
@given(books=st.lists(st.lists(st.sampled_from(LEVELS), max_size=8), min_size=1, max_size=12))
def test_what_comes_of_it_is_what_decoding_gives(books: list[list[str]]) -> None:
    remembering = LastLevels(is_full=False)
    for book in books:
        levels = array(*book)
        assert outcome(remembering.decode, levels) == outcome(exactly, levels)


@quickly
@given(
    seed=st.integers(0, 1000),
    changes=st.lists(st.sampled_from(["size", "comes", "goes", "all", "odd", "broken"]), max_size=30),
)
def test_a_market_that_goes_on_is_read_as_it_is(seed: int, changes: list[str]) -> None:
    rng, remembering = random.Random(seed), LastLevels(is_full=False)
    book = [level(100 - 2 * number) for number in range(15)]
    for change in changes:
        at = rng.randrange(15)
        match change:
            case "size":
                book[at] = level(100 - 2 * at, f"{rng.random():.8f}")
            case "comes":
                book = [*book[:at], level(rng.randrange(200)), *book[at:14]]
            case "goes":
                book = [*book[:at], *book[at + 1 :], level(rng.randrange(200))]
            case "all":
                book = [level(rng.randrange(1000)) for _ in range(15)]
            case "odd":
                book[at] = rng.choice(LEVELS[-14:-5])
        levels = array(*book) if change != "broken" else array(*book)[: rng.randrange(1, 300)]
        assert outcome(remembering.decode, levels) == outcome(exactly, levels)


def test_only_what_is_new_is_decoded(decoded: list[int]) -> None:
    remembering, book = LastLevels(is_full=False), [level(number) for number in range(30)]
    first = remembering.decode(array(*book))
    book[3], book[7] = level(3, "9.0"), level(7, "8.0")
    second = remembering.decode(array(*book))
    assert decoded == [30, 2]
    assert [one is other for one, other in zip(first, second, strict=True)].count(False) == 2
    assert (second[3].ask_size, second[7].ask_size) == (Decimal("9.0"), Decimal("8.0"))


def test_small_sizes_and_empty_slots_are_remembered_too(decoded: list[int]) -> None:
    remembering = LastLevels(is_full=False)
    empty = '{"ap":0,"bp":0,"as":0,"bs":0}'
    for size in ("7.9E-4", "8.1E-5", "2.5E-8"):
        book = [level(number, size if number in (2, 5) else "1.5E-4") for number in range(10)]
        levels = array(*book, empty)
        assert repr(remembering.decode(levels)) == repr(exactly(levels))
        assert len(remembering._known) <= 16
    assert decoded == [1], "the empty one, once"


def test_a_book_that_has_moved_is_remembered_at_once(decoded: list[int]) -> None:
    remembering = LastLevels(is_full=False)
    books = [[level(number + far) for number in range(30)] for far in (0, 0, 500, 500)]
    for book in books:
        remembering.decode(array(*book))
    assert decoded == [30, 30]


def test_where_books_have_nothing_in_common_they_are_let_alone_for_a_while(decoded: list[int]) -> None:
    remembering = LastLevels(is_full=False)
    for far in range(600):
        assert len(remembering.decode(array(*[level(100 * far + number) for number in range(30)]))) == 30
    assert decoded == [30] * 600
    assert 0 < remembering._rest <= subject._LONGEST_PAUSE
    same = array(*[level(number) for number in range(30)])
    for _ in range(subject._LONGEST_PAUSE + 2):
        remembering.decode(same)
    del decoded[:]
    remembering.decode(same)
    assert decoded == [], "it begins anew"


def test_what_is_remembered_of_a_market_is_bounded() -> None:
    remembering = LastLevels(is_full=False)
    for turn in range(200):
        book = [level(number, f"{turn // (number + 1)}.5") for number in range(30)]
        remembering.decode(array(*book))
        assert len(remembering._known) <= 45


def test_a_book_beyond_the_limit_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = array(*[level(number) for number in range(30)])
    monkeypatch.setattr(subject, "REMEMBERED_BOOK_BYTES", len(levels) - 1)
    remembering = LastLevels(is_full=False)
    assert remembering.decode(levels) == exactly(levels)
    assert not remembering._known
    monkeypatch.setattr(subject, "REMEMBERED_BOOK_BYTES", len(levels))
    remembering.decode(levels)
    assert len(remembering._known) == 30


def test_what_is_remembered_of_markets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "REMEMBERED_BOOKS", 3)
    for number in range(10):
        assert last_levels(f"orderbook KRW-{number}", False) is last_levels(f"orderbook KRW-{number}", False)
        assert len(subject._remembered) <= 3


def test_each_market_and_format_has_its_own() -> None:
    ones = [
        last_levels(stream, is_full) for stream in ("orderbook KRW-A", "orderbook KRW-B") for is_full in (False, True)
    ]
    assert len({id(one) for one in ones}) == 4


@pytest.mark.parametrize("kind", ["books", "orderbook", "books-default"])
def test_books_of_many_markets_are_what_decoding_gives(kind: str) -> None:
    for payload in make_messages(kind, 5, 200).payloads:
        event = decode(payload)
        assert isinstance(event, OrderbookEvent)
        alone = make_event(event.stream, payload, 0, 0)
        assert isinstance(alone, OrderbookEvent)
        units = event.orderbook_units
        subject._remembered.clear()
        assert repr(alone.orderbook_units) == repr(units)
        assert alone.best() == units[0]
