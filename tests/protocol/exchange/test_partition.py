"""Which codes go over which connection: by examples, and for whatever is wanted in whatever order."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange import partition as subject
from websocket_v6.protocol.exchange.partition import Partition, codes_of, parts_needed, size_of
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.limits import PARTS

Types = list[dict[str, object]]


def tickers(*codes: str) -> Types:
    return [{"type": "ticker", "codes": list(codes)}]


def many(count: int) -> list[str]:
    return [f"KRW-X{number:04d}" for number in range(count)]


def pairs(types: Types) -> Iterator[tuple[str, str]]:
    """Yield each type with each code that it is asked for."""
    for one in types:
        codes = one.get("codes", ["*"])
        assert isinstance(codes, list)
        yield from ((json.dumps({**one, "codes": 0}, sort_keys=True), code) for code in codes)


def bare(code: str) -> str:
    return code.partition(".")[0]


def test_a_size_is_that_of_the_longest_request() -> None:
    types = tickers("KRW-BTC", "KRW-ETH")
    ticket = "01234567-89ab-cdef-0123-456789abcdef"
    assert size_of(types) == len(encode_request(ticket, types, "SIMPLE_LIST"))
    assert size_of(types) > len(encode_request(ticket, types, "DEFAULT"))


def test_codes_are_counted_once_whatever_is_wanted_of_them() -> None:
    types: Types = [
        {"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]},
        {"type": "orderbook", "codes": ["KRW-BTC.5", "KRW-XRP.5"]},
        {"type": "myAsset"},
    ]
    assert codes_of(types) == 3
    assert codes_of([]) == 0


def test_what_one_request_holds_needs_one_part() -> None:
    types = tickers(*many(100))
    assert parts_needed(types, size_of(types) + 200) == 1
    assert parts_needed(types, size_of(types) - 1) == 2
    assert parts_needed([], 100) == 1


def test_what_fits_goes_on_to_fit_when_the_same_is_asked_for_in_other_words() -> None:
    """Else each change of a large request would need more connections, and the same number would do for all anew."""
    codes = many(101)
    for limit in range(size_of(tickers(*codes)), size_of(tickers(*codes)) + 300):
        if parts_needed(tickers(*codes), limit) == 1:
            break
    types: Types = [
        {"type": "ticker", "codes": codes[:50], "is_only_realtime": True},
        {"type": "ticker", "codes": codes[50:100]},
        {"type": "ticker", "codes": codes[100:], "is_only_snapshot": True},
    ]
    assert Partition(1, limit).divide(types) is not None


def test_all_markets_in_five_types_need_one_part_and_in_all_candles_a_few() -> None:
    codes = [f"{quote}-ABCDE{number:03d}" for quote in ("KRW", "BTC", "USDT") for number in range(285)]
    five: Types = [{"type": f"type{number}", "codes": codes} for number in range(5)]
    assert parts_needed(five, 60_000) == 2, "855 codes as long as these, which the real ones are not"
    assert parts_needed([{"type": "x", "codes": [code[:9] for code in codes]}] * 5, 60_000) == 1
    assert parts_needed(five * 3, 60_000) == 4


def test_without_a_limit_all_is_one_part() -> None:
    types = tickers(*many(10_000))
    it = Partition()
    assert it.divide(types) == [types]
    assert not it.is_roomy


def test_one_part_takes_what_is_not_beyond_its_limit() -> None:
    types = tickers(*many(10))
    assert Partition(1, size_of(types)).divide(types) == [types]
    assert Partition(1, size_of(types) - 1).divide(types) is None


def test_parts_are_about_equal() -> None:
    it = Partition(3, 10_000)
    divided = it.divide(tickers(*many(900)))
    assert divided is not None
    assert [codes_of(part) for part in divided] == [300, 300, 300]


def test_all_types_of_a_code_are_in_one_part_and_what_has_no_code_is_in_the_first() -> None:
    it = Partition(2, 10_000)
    types: Types = [
        {"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"], "is_only_realtime": True},
        {"type": "orderbook", "codes": ["KRW-ETH.5", "KRW-BTC"], "level": 10_000},
        {"type": "orderbook", "codes": ["KRW-ETH.15"]},
        {"type": "myAsset"},
    ]
    first, second = it.divide(types) or ([], [])
    assert {bare(code) for _, code in pairs(first)} == {"KRW-BTC", "*"}
    assert second == [
        {"type": "ticker", "codes": ["KRW-ETH"], "is_only_realtime": True},
        {"type": "orderbook", "codes": ["KRW-ETH.5"], "level": 10_000},
        {"type": "orderbook", "codes": ["KRW-ETH.15"]},
    ]
    assert (it.place_of("KRW-BTC"), it.place_of("KRW-ETH"), it.place_of("*")) == (0, 1, 0)


def test_a_code_keeps_its_place_even_if_it_was_left_out() -> None:
    it = Partition(2, 10_000)
    it.divide(tickers("A", "B", "C", "D"))
    assert it.divide(tickers("B", "D")) == [[], tickers("B", "D")]
    assert it.divide(tickers("B", "C", "D", "E")) == [tickers("C", "E"), tickers("B", "D")]
    assert it.divide(tickers("A", "B")) == [tickers("A"), tickers("B")]


def test_what_does_not_fit_gives_no_code_a_place() -> None:
    it = Partition(2, 200)
    assert it.divide(tickers(*many(100))) is None
    assert it.divide(tickers("KRW-X0003")) == [tickers("KRW-X0003"), []]


def test_it_is_roomy_where_one_part_less_would_be_half_empty() -> None:
    limit = 2 * size_of(tickers(*many(100)))
    it = Partition(2, limit)
    assert it.divide(tickers(*many(150))) is not None
    assert not it.is_roomy
    assert it.divide(tickers(*many(50))) is not None
    assert it.is_roomy
    alone = Partition(1, limit)
    alone.divide(tickers("KRW-BTC"))
    assert not alone.is_roomy, "there is none less"


def test_one_code_is_not_divided_however_much_is_wanted_of_it() -> None:
    types: Types = [{"type": f"candle.{number}m", "codes": ["KRW-BTC", "KRW-ETH"]} for number in range(10)]
    assert parts_needed(types, 200) == 2
    divided = Partition(2, 200).divide(types)
    assert divided is not None
    assert [codes_of(part) for part in divided] == [1, 1]
    assert parts_needed([{"type": "ticker", "codes": ["KRW-BTC"]}], 10) == 1


def test_beyond_the_most_parts_a_request_is_as_large_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PARTS", 3)
    types = tickers(*many(100))
    assert parts_needed(types, 200) == 3
    divided = Partition(3, 200).divide(types)
    assert divided is not None
    assert all(size_of(part) > 200 for part in divided)


CODES = st.sampled_from([f"{quote}-{name}" for quote in ("KRW", "BTC") for name in "ABCDEFGHIJKLMNOP"])
SUFFIXED = st.tuples(CODES, st.sampled_from(["", ".5", ".15"])).map("".join)
OBJECT = st.fixed_dictionaries(
    {"type": st.sampled_from(["ticker", "trade", "orderbook", "candle.1m"])},
    optional={
        "codes": st.lists(SUFFIXED, min_size=1, max_size=20, unique=True),
        "is_only_realtime": st.just(True),
        "level": st.sampled_from([1, 10_000]),
    },
)
WANTS = st.lists(st.lists(OBJECT, max_size=6), min_size=1, max_size=6)


@given(wants=WANTS, parts=st.integers(1, 5), limit=st.integers(150, 2000))
def test_all_that_is_wanted_is_asked_for_once_where_it_was_before(wants: list[Types], parts: int, limit: int) -> None:
    it = Partition(parts, limit)
    places: dict[str, int] = {}
    for types in wants:
        divided = it.divide(types)
        if divided is None:
            continue
        assert len(divided) == parts
        assert sorted(pair for part in divided for pair in pairs(part)) == sorted(pairs(types))
        assert all(size_of(part) <= limit or codes_of(part) < 2 for part in divided)
        for number, part in enumerate(divided):
            for _, code in pairs(part):
                assert places.setdefault(bare(code), number) == number == it.place_of(bare(code))


@given(types=st.lists(OBJECT, max_size=6), limit=st.integers(150, 2000))
def test_so_many_parts_hold_it_and_no_fewer_by_size_alone(types: Types, limit: int) -> None:
    parts = parts_needed(types, limit)
    assert 1 <= parts <= PARTS
    if parts < PARTS:
        assert Partition(parts, limit).divide(types) is not None
    assert parts > 1 or size_of(types) <= limit or codes_of(types) < 2
