"""What is said on a member socket: read as it was written, and nothing else is read."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.membership import words
from websocket_v6.protocol.membership.words import (
    MAX_WORD,
    MOST_ROWS,
    AskComponents,
    BeHost,
    ComponentRow,
    Components,
    FromGuest,
    FromHost,
    Goodbye,
    Hello,
    Keys,
    LetMeHost,
    Moved,
    Ready,
    Settings,
    Shared,
    Welcome,
    decode_from_guest,
    decode_from_host,
    encode,
)

SETTINGS = Settings(2, True, 3600.0, "SIMPLE")
ROW = ComponentRow("chart", "candle.1m", 3, 900, 7, 2, 0.25)
GUEST: list[FromGuest] = [
    Hello("bot.py", 4711, SETTINGS),
    Hello("", 0, Settings(1, False, None, "DEFAULT")),
    Keys(b"p" * 32),
    Keys(b""),
    LetMeHost(),
    Components((), 0),
    Components((ROW, ROW), 7),
    Ready(3, "/run/x.sock", b"k" * 32),
]
HOST: list[FromHost] = [
    Welcome(1, "serve", True, "m" * 32, b"c" * 32, 7),
    Shared(("public", "info"), SETTINGS),
    Moved("127.0.0.1:4711", b"k" * 32, 8),
    BeHost(3),
    AskComponents(),
    Goodbye("too many", True),
]


@pytest.mark.parametrize("word", GUEST, ids=repr)
def test_what_a_guest_says_is_read_as_it_was_said(word: FromGuest) -> None:
    assert decode_from_guest(encode(word)) == word
    with pytest.raises(RemoteProtocolError, match="the host said"):
        decode_from_host(encode(word))


@pytest.mark.parametrize("word", HOST, ids=repr)
def test_what_a_host_says_is_read_as_it_was_said(word: FromHost) -> None:
    assert decode_from_host(encode(word)) == word
    with pytest.raises(RemoteProtocolError, match="a guest said"):
        decode_from_guest(encode(word))


def test_all_words_are_tried() -> None:
    named = {name for name in words.__all__ if name[0].isupper() and isinstance(getattr(words, name), type)}
    assert named == {type(one).__name__ for one in [*GUEST, *HOST, ROW, SETTINGS]}


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["hello"],
        ["hello", "bot", 1, [1, False, None, "SIMPLE"], "more"],
        ["hello", "bot", -1, [1, False, None, "SIMPLE"]],
        ["hello", "bot", 2**60, [1, False, None, "SIMPLE"]],
        ["hello", "bot", True, [1, False, None, "SIMPLE"]],
        ["hello", b"bot", 1, [1, False, None, "SIMPLE"]],
        ["hello", "b" * 1025, 1, [1, False, None, "SIMPLE"]],
        ["hello", "bot", 1, [0, False, None, "SIMPLE"]],
        ["hello", "bot", 1, [1, False, 0.0, "SIMPLE"]],
        ["hello", "bot", 1, [1, False, None, "XML"]],
        ["keys", "text"],
        ["keys", b"k" * 65],
        ["let_me_host", 1],
        ["ready", 1, "/x"],
        {"type": "hello"},
        None,
        7,
    ],
)
def test_what_is_no_word_of_a_guest_is_refused(said: object) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_from_guest(msgspec.msgpack.encode(said))


@pytest.mark.parametrize(
    "said",
    [
        ["shared", ["public", "public", "public", "info"], [1, False, None, "SIMPLE"]],
        ["shared", ["elsewhere"], [1, False, None, "SIMPLE"]],
        ["moved", "/x", b"k", 1.5],
        ["be_host"],
        ["goodbye", "why", 1],
        ["welcome", 1, "p", False, "m", b"c", -1],
    ],
)
def test_what_is_no_word_of_a_host_is_refused(said: object) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_from_host(msgspec.msgpack.encode(said))


def test_what_is_too_long_is_refused_unread() -> None:
    with pytest.raises(RemoteProtocolError, match="no word is so long"):
        decode_from_guest(b"\x91" * (MAX_WORD + 1))


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_the_documented(data: bytes) -> None:
    for decode in (decode_from_guest, decode_from_host):
        with contextlib.suppress(RemoteProtocolError):
            decode(data)


@given(st.sampled_from([*GUEST, *HOST]), st.data())
def test_nor_does_a_word_with_one_byte_changed(word: FromGuest | FromHost, data: st.DataObject) -> None:
    raw = bytearray(encode(word))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for decode in (decode_from_guest, decode_from_host):
        with contextlib.suppress(RemoteProtocolError):
            decode(bytes(raw))


def test_the_longest_words_fit() -> None:
    longest: list[FromGuest | FromHost] = [
        Hello("\u20ac" * 1024, 2**53, SETTINGS),
        Ready(2**53, "\u20ac" * 1024, b"k" * 64),
        Welcome(2**53, "\u20ac" * 1024, True, "\u20ac" * 1024, b"c" * 64, 2**53),
    ]
    assert max(len(encode(word)) for word in longest) <= MAX_WORD


@pytest.mark.parametrize(
    "word", [Keys(b"k" * 32), Ready(3, "/run", b"k" * 32), Welcome(1, "", True, "m", b"k" * 32, 7)]
)
def test_keys_are_said_and_not_shown(word: FromGuest | FromHost) -> None:
    read: object = decode_from_guest(encode(word)) if isinstance(word, FromGuest) else decode_from_host(encode(word))
    for one in (word, read):
        assert "kkkk" not in repr(one)
        with pytest.raises(TypeError):
            msgspec.json.encode(one)


def test_as_many_components_as_may_be_said_fit_into_a_word() -> None:
    row = ComponentRow("가" * 60, "c" * 40, 2**53, 2**53, 2**53, 2**53, 1e300)
    assert len(encode(Components((row,) * MOST_ROWS, 2**53))) <= MAX_WORD
    assert decode_from_guest(encode(Components((row,) * MOST_ROWS, 2**53)))
    with pytest.raises(RemoteProtocolError):
        decode_from_guest(encode(Components((ROW,) * (MOST_ROWS + 1), 0)))
