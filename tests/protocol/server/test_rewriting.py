"""The slow way: keys are replaced where they stand, and all else stays."""

import pytest
from hypothesis import given

from tests.protocol.server.messages import Message, messages
from tests.protocol.spellings import quickly
from websocket_v6.protocol.server.form_names import kind_of, renaming_of
from websocket_v6.protocol.server.rewriting import cut, has_full_names, is_object, keys_of, rename_inside, rewrite

TRADE = renaming_of("trade", from_full=False, to_full=True)
BOOK = renaming_of("orderbook", from_full=False, to_full=True)
ASSET = renaming_of("myAsset", from_full=False, to_full=True)
NOTICE = renaming_of("announcement", from_full=False, to_full=True)
UNITS = BOOK.inner[b"obu"]


@quickly
@given(messages())
def test_any_message_is_renamed(message: Message) -> None:
    kind = kind_of(message.type)
    assert rewrite(message.short, renaming_of(kind, from_full=False, to_full=True)) == message.full
    assert rewrite(message.full, renaming_of(kind, from_full=True, to_full=False)) == message.short


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{}", b"{}"),
        (b'{"tp":1,"tp":-0}', b'{"trade_price":1,"trade_price":-0}'),
        (b'{"tp":{"tp":1},"tv":[{"tv":1}]}', b'{"trade_price":{"tp":1},"trade_volume":[{"tv":1}]}'),
        (b'{"ab":"tp","c":"\\",\\"tp\\":{","tp":"}"}', b'{"ask_bid":"tp","change":"\\",\\"tp\\":{","trade_price":"}"}'),
        (b'{\n"tp" : 1\t, "\\"tp":2 }', b'{\n"trade_price" : 1\t, "\\"tp":2 }'),
        (b'{"tp":"\\\\","tv":"\\\\\\""}', b'{"trade_price":"\\\\","trade_volume":"\\\\\\""}'),
    ],
)
def test_keys_are_renamed_at_the_outside_alone(before: bytes, after: bytes) -> None:
    assert rewrite(before, TRADE) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'[{"ap":1,"x":{"ap":1}},{}, {"bp" : 2} ]', b'[{"ask_price":1,"x":{"ap":1}},{}, {"bid_price" : 2} ]'),
        (b'{"ap":[{"ap":1}]}', b'{"ask_price":[{"ap":1}]}'),
        (b'["ap",[{"ap":1}],null]', b'["ap",[{"ap":1}],null]'),
        (b" [] ", b" [] "),
        (b"null", b"null"),
        (b'"{\\"ap\\":1}"', b'"{\\"ap\\":1}"'),
    ],
)
def test_inside_keys_are_renamed_one_deep(before: bytes, after: bytes) -> None:
    assert rename_inside(before, UNITS) == after


def test_the_same_key_means_other_things_inside() -> None:
    assert rewrite(b'{"ast":[{"l":1,"cd":2}],"l":3}', ASSET) == b'{"assets":[{"locked":1,"cd":2}],"l":3}'


@pytest.mark.parametrize("value", [b'"REALTIME"', b'"SNAPSHOT"', b"null", b"[1,{}]"])
def test_a_snapshot_says_so(value: bytes) -> None:
    before = b'{"ab":"st","st":' + value + b',"tp":{"st":1}}'
    after = b'{"ask_bid":"st","stream_type":"SNAPSHOT","trade_price":{"st":1}}'
    assert rewrite(before, TRADE, snapshot=True) == after


def test_what_has_no_stream_type_gets_none() -> None:
    assert rewrite(b'{"tp":1}', TRADE, snapshot=True) == b'{"trade_price":1}'


def test_a_body_is_left_out_wherever_it_is() -> None:
    for before in (b'{"bd":"a,b","uid":1}', b'{"uid":1,"bd":null}'):
        assert rewrite(before, NOTICE, no_body=True) == b'{"uuid":1}'
    assert rewrite(b'{"bd":1}', NOTICE, no_body=True) == b"{}"
    assert rewrite(b'{"bd":1}', TRADE, no_body=True) == b'{"bd":1}'


def test_a_book_is_cut() -> None:
    book = b'{"obu":[{"ap":1},{"ap":[2,3]},{"ap":4}],"lv":0}'
    assert rewrite(book, BOOK, depth=1) == b'{"orderbook_units":[{"ask_price":1}],"level":0}'
    assert rewrite(book, BOOK, depth=2) == b'{"orderbook_units":[{"ask_price":1},{"ask_price":[2,3]}],"level":0}'
    assert rewrite(book, BOOK, depth=3) == rewrite(book, BOOK)


@pytest.mark.parametrize("value", [b"[1,2]", b" [1 , 2] ", b"null", b'"[1,2,3]"', b"{}", b"[]"])
def test_what_is_not_too_long_is_not_cut(value: bytes) -> None:
    assert cut(value, 2) == value


def test_objects() -> None:
    assert is_object(b' {"a":[1]} ')
    for broken in (b"", b"[]", b"1", b'{"a"', b'{"a":1}}', b"{" * 100_000, b'{"a":' * 100_000):
        assert not is_object(broken)


def test_keys_are_as_they_are_written() -> None:
    assert keys_of(b' {"a":{"b":1}, "\\u0061" : [2,{}], "":"\\"c\\":1"}') == [b"a", b"\\u0061", b""]
    assert keys_of(b"{ }") == []


def test_spellings() -> None:
    assert [has_full_names(b'{"x":1,"%b":2}' % key) for key in (b"type", b"code", b"market")] == [True] * 3
    assert [has_full_names(b'{"x":1,"%b":2}' % key) for key in (b"ty", b"cd", b"mk")] == [False] * 3
    assert has_full_names(b'{"x":{"ty":1}}') is None
