"""protocol/server/words.py: exact there and back, and nothing else is understood."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6 import AuthenticationError, RemoteProtocolError, TransportError
from websocket_v6.protocol.server import words
from websocket_v6.protocol.server.words import (
    Clock,
    Missing,
    Reached,
    Reconciled,
    Refused,
    Rows,
    State,
    Word,
    decode,
    encode,
    encode_rows,
    error_named,
)

OPEN = State("open", 7, None, "", "", False, 9)
REFUSED = Refused(("ticker KRW-BTC",), "INVALID_PARAM", "no")


def as_sent(word: Word) -> bytes:
    if not isinstance(word, Rows):
        return encode(word)
    return encode_rows(
        word.ts_received_ns, word.streams, word.payloads, replayed=word.replayed, backfilled=word.backfilled
    )


times = st.integers(0, 2**63 - 1)
texts = st.text("aZ한€", max_size=8)
columns = st.lists(st.tuples(texts, st.binary(max_size=8)), max_size=4)
rows = st.builds(
    lambda at, both, replayed, backfilled: Rows(at, [a for a, _ in both], [b for _, b in both], replayed, backfilled),
    times,
    columns,
    st.booleans(),
    st.booleans(),
)
states: st.SearchStrategy[State] = st.builds(
    State,
    st.sampled_from(["connecting", "open", "lost", "refused", "closed"]),
    times,
    st.none() | times,
    texts,
    texts,
    st.booleans(),
    times,
)
reconciled: st.SearchStrategy[Reconciled] = st.builds(
    Reconciled,
    texts,
    st.none() | times,
    times,
    st.integers(0, 2**53),
    st.lists(st.builds(Missing, texts, times, times, texts), max_size=2).map(tuple),
    texts,
    texts,
    st.booleans(),
)
every_word = (
    reconciled
    | rows
    | states
    | st.builds(Clock, times)
    | st.builds(Reached, times, st.none() | st.integers(0, 2**53))
    | st.builds(Refused, st.lists(texts, max_size=3).map(tuple), texts, texts)
)


@given(every_word)
def test_a_word_comes_as_it_was_said(word: Word) -> None:
    assert decode(as_sent(word)) == word


@given(every_word)
def test_each_word_is_an_array_that_begins_with_its_kind(word: Word) -> None:
    kind, *fields = msgpack.unpackb(as_sent(word), use_list=False)
    assert kind == {Rows: 1, State: 2, Refused: 3, Clock: 4, Reached: 5, Reconciled: 6}[type(word)]
    assert len(fields) == len(word.__struct_fields__)


def test_columns_may_be_tuples() -> None:
    assert encode_rows(1, ("a", "b"), (b"1", b"2")) == encode_rows(1, ["a", "b"], [b"1", b"2"])


def understood(data: bytes) -> Word | None:
    try:
        return decode(data)
    except RemoteProtocolError:
        return None


@given(st.binary(max_size=40))
def test_garbage_raises_the_one_error(data: bytes) -> None:
    understood(data)


@given(every_word, st.data())
def test_a_damaged_word_is_another_one_or_an_error(word: Word, data: st.DataObject) -> None:
    sent = bytearray(as_sent(word))
    sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    found = understood(bytes(sent[: data.draw(st.integers(0, len(sent)))]))
    assert found is None or decode(as_sent(found)) == found


@pytest.mark.parametrize(
    "array",
    [
        [],
        [4],
        [4, -1],
        [4, 2**63],
        [4, 1.5],
        [4, None],
        [4, 1, 2],
        [5, 1],
        [5, -1, 1],
        [5, 1, -1],
        [5, 1, 2**53 + 1],
        [5, 1, 1.5],
        [6, 1],
        ["rows", 1, [], [], False, False],
        [1, 1, ["a"], [], False, False],
        [1, 1, ["a"], ["b"], False, False],
        [1, 1, [b"\xff"], [b"b"], False, False],
        [1, -1, [], [], False, False],
        [1, 2**63, [], [], False, False],
        [1, 1.0, [], [], False, False],
        [1, 1, [], [], 0, False],
        [1, 1, [], [], False],
        [1, 1, [], [], False, False, 1],
        [2, "half open", 7, None, "", "", False, 9],
        [2, "open", 7, -1, "", "", False, 9],
        [2, "open", 7, None, None, "", False, 9],
        [3, "ticker", "", ""],
        {"1": 2},
        1,
        None,
    ],
)
def test_what_is_nearly_a_word_is_none(array: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="the host sent"):
        decode(msgpack.packb(array))


def test_text_that_is_no_text_is_refused() -> None:
    broken = encode_rows(1, ["stream"], [b""]).replace(b"stream", b"str\xffam")
    with pytest.raises(RemoteProtocolError):
        decode(broken)


def test_a_word_has_a_greatest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_rows(1, ["a"], [b"x" * 100])
    monkeypatch.setattr(words, "MAX_WORD", len(data))
    assert decode(data)
    with pytest.raises(RemoteProtocolError, match="more than"):
        decode(data + b"x")


def test_rows_that_claim_to_be_very_many_cost_nothing() -> None:
    # An array head for 2**32 - 1 strings.
    with pytest.raises(RemoteProtocolError):
        decode(b"\x96\x01\x01\xdd\xff\xff\xff\xff" + b"\xa0" * 100)


@pytest.mark.parametrize("bad", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\x9fb"])
def test_reasons_cannot_steer_whoever_prints_them(bad: str) -> None:
    # A host that does not clean what it says is cleaned here.
    for data in (encode(State("lost", 7, 5, bad, bad, False, 9)), msgpack.packb([2, "lost", 7, 5, bad, bad, False, 9])):
        word = decode(data)
        assert isinstance(word, State)
        assert word.reason.isprintable()
        assert word.error.isprintable()
    for data in (encode(Refused((), bad, bad)), msgpack.packb([3, [], bad, bad])):
        refused = decode(data)
        assert isinstance(refused, Refused)
        assert (refused.name + refused.text).isprintable()


def test_reasons_are_no_essays_and_half_characters_none() -> None:
    word = decode(encode(State("lost", 7, 5, "\ud800" * 10_000, "한" * 1000, False, 9)))
    assert isinstance(word, State)
    assert (len(word.reason), len(word.error)) == (500, 64)
    word = decode(encode(State("lost", 7, 5, "said Bearer eyJhbGciOiJIUzUxMiJ9.e30.x", "", False, 9)))
    assert isinstance(word, State)
    assert word.reason == "said Bearer <cut>"
    assert decode(encode(OPEN)) == OPEN
    assert decode(encode(REFUSED)) == REFUSED


def test_an_error_is_of_the_class_that_was_named_if_it_may_be() -> None:
    assert error_named("", "") is None
    assert type(error_named("AuthenticationError", "no")) is AuthenticationError
    assert type(error_named("SystemExit", "no")) is type(error_named("ConfigError", "no")) is TransportError


def test_what_is_missing_is_told_in_printable_words() -> None:
    word = Reconciled("myOrder", None, 1, 0, (Missing("*", 1, 2, "a\x1b[31m" + "x" * 9999),), "", "\x07", False)
    said = decode(encode(word))
    assert isinstance(said, Reconciled)
    assert "\x1b" not in said.unrecovered[0].reason
    assert len(said.unrecovered[0].reason) <= 500
    assert "\x07" not in said.text
