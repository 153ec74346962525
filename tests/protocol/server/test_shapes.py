"""A shape rewrites the messages that have it, to the byte, and leaves all others to the slow way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol.server.form_names import renaming_of
from websocket_v6.protocol.server.rewriting import cut, rename_inside
from websocket_v6.protocol.server.shapes import Levels, Shape, is_plain

TRADE = renaming_of("trade", from_full=False, to_full=True)
BOOK = renaming_of("orderbook", from_full=False, to_full=True)
ASSET = renaming_of("myAsset", from_full=False, to_full=True)
UNITS = BOOK.inner[b"obu"]
ZERO_BOOK = b'{"ty":"orderbook","obu":[{"ap":0,"bp":0,"as":0,"bs":0}],"st":"REALTIME"}'


def rewritten(shape: Shape, payload: bytes, *, snapshot: bool = False, depth: int = 0) -> bytes | None:
    return shape.rewrite(payload, snapshot=snapshot, depth=depth)


def test_a_message_of_the_shape() -> None:
    shape = Shape([b"ty", b"tp", b"x"], TRADE)
    assert rewritten(shape, b'{"ty":"trade","tp":0E-8,"x":{"tp":[]}}') == (
        b'{"type":"trade","trade_price":0E-8,"x":{"tp":[]}}'
    )


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ty":1,"tp":2}',
        b'{"ty":1,"tp":2,"x":3,"y":4}',
        b'{"ty":1,"x":2,"tp":3}',
        b'{"ty":1,"tp":2,"tp":2,"x":3}',
        b'{"ty":1,"tp":2, "x":3}',
        b'{"ty":1,"t\\u0070":2,"x":3}',
        b'{"ty":1,"tp":2,"x":3} ',
        b'{"ty":1,"tp":2,"x":3',
        b'{"ty":1,"tp":2,"x":}',
        b"[1,2,3]",
        b"",
    ],
)
def test_any_other_message(payload: bytes) -> None:
    assert rewritten(Shape([b"ty", b"tp", b"x"], TRADE), payload) is None


def test_a_snapshot() -> None:
    payload = b'{"st":"REALTIME","ty":"trade"}'
    assert (
        rewritten(Shape([b"st", b"ty"], TRADE), payload, snapshot=True) == b'{"stream_type":"SNAPSHOT","type":"trade"}'
    )
    assert rewritten(Shape([b"ty"], TRADE), b'{"ty":"trade"}', snapshot=True) == b'{"type":"trade"}'


def test_what_is_inside() -> None:
    shape = Shape([b"ty", b"obu", b"st"], BOOK)
    assert rewritten(shape, ZERO_BOOK) == (
        b'{"type":"orderbook","orderbook_units":[{"ask_price":0,"bid_price":0,"ask_size":0,"bid_size":0}],'
        b'"stream_type":"REALTIME"}'
    )
    assert rewritten(shape, b'{"ty":1,"obu":[{"ap":1},{}],"st":2}', depth=1) == (
        b'{"type":1,"orderbook_units":[{"ask_price":1}],"stream_type":2}'
    )
    assert rewritten(Shape([b"ast"], ASSET), b'{"ast":[{"cu":"KRW","b":0E-8}]}') == (
        b'{"assets":[{"currency":"KRW","balance":0E-8}]}'
    )


@pytest.mark.parametrize(
    ("keys", "is_one"),
    [
        ([b"ty", b"cd"], True),
        ([], False),
        ([b"ty", b"ty"], False),
        ([b"ty", b"type"], False),
        ([b'a\\"'], False),
        ([b""], False),
        ([b"a b"], False),
        (["새".encode()], False),
        ([b"k%d" % number for number in range(129)], False),
    ],
)
def test_what_keys_a_shape_can_have(keys: list[bytes], is_one: bool) -> None:
    assert is_plain(keys, TRADE) is is_one


level = st.builds('{{"ap":{},"bp":{},"as":{},"bs":{}}}'.format, numbers, numbers, numbers, numbers)
odd = st.sampled_from(
    [
        '{"ap":1,"bp":2,"as":3}',
        '{"ap":1,"bp":2,"as":3,"bs":4,"ap":5}',
        '{"bp":1,"ap":2,"as":3,"bs":4}',
        '{"ap":"bp","as":"bs"}',
        '{"ap":"},{","bp":"\\"as\\":","as":3,"bs":4}',
        '{"ap":1,"bp":2,"as":3,"bs":{"ap":1,"bp":2,"as":3,"bs":4}}',
        '{"ap":[{"ap":1,"bp":2,"as":3,"bs":4}],"bp":2,"as":3,"bs":4}',
        '{"ap":1, "bp":2,"as":3,"bs":4}',
        '{"ap":null,"bp":2,"as":3,"bs":4}',
        '{"ap":"","bp":"1","as":3,"bs":4}',
        '{"ap":[1,2],"bp":2,"as":3,"bs":4}',
        '{"\\u0061p":1,"bp":2,"as":3,"bs":4}',
        "{}",
        "1",
        "null",
    ]
)


@quickly
@given(st.lists(level, max_size=70) | st.lists(level | odd, max_size=4), st.integers(0, 5))
def test_levels_are_as_in_the_slow_way(drawn: list[str], depth: int) -> None:
    levels = Levels(UNITS)
    text = f"[{','.join(drawn)}]".encode()
    expected = rename_inside(cut(text, depth) if depth else text, UNITS)
    for _ in range(2):
        assert levels.rewrite(text, depth) == expected


@pytest.mark.parametrize("text", [b"null", b"1", b'"[{"', b"{}", b'{"ap":1,"bp":2,"as":3,"bs":4}'])
def test_what_is_no_array_of_levels(text: bytes) -> None:
    assert Levels(UNITS).rewrite(text, 1) == rename_inside(text, UNITS)


def test_few_frames_are_remembered() -> None:
    levels = Levels(UNITS)
    for count in range(200):
        levels.rewrite(b"[" + b",".join([b'{"ap":1,"bp":2,"as":3,"bs":4}'] * count) + b"]", 0)
    assert sorted(levels._counts.values()) == list(range(1, 65))
