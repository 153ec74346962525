import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet import entries
from websocket_v6.protocol.fleet.entries import (
    BACKFILLED,
    Checkpoint,
    Covers,
    Fetching,
    Happening,
    Last,
    Listed,
    Open,
    Refused,
    Rows,
    State,
)
from websocket_v6.protocol.fleet.ids import EntryId

rows = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=5)
HAPPENINGS: list[Happening] = [
    Open("log", "bot", 5),
    State("open", 3, 5, 6, 4, "it hung up", "TransportError", True, fetches=["trade KRW-BTC"]),
    Fetching(["trade KRW-BTC"], 7, {"KRW-BTC": 3}),
    Covers(["ticker KRW-BTC"], ["trade KRW-ETH"]),
    Refused(["ticker KRW-X"], "INVALID", "no such code"),
    Listed("t", b"[]"),
    Checkpoint(9),
]


@given(rows, st.integers(0, 2**62), st.integers(-(10**9), 10**9), st.integers(0, 3))
def test_rows_are_read_as_they_are_written(columns: list[tuple[str, bytes]], at: int, age: int, marks: int) -> None:
    streams, payloads = [one for one, _ in columns], [one for _, one in columns]
    found = entries.decode_rows(entries.encode_rows(at, age, marks, streams, payloads))
    assert found == Rows(at, age, marks, streams, payloads)
    assert found.sent_ns == at + 1000 * age


def test_rows_are_a_plain_array_with_the_exchange_s_own_bytes() -> None:
    made = entries.encode_rows(5, 7, BACKFILLED, ["ticker KRW-BTC"], [b'{"ty":"ticker"}'])
    assert msgpack.unpackb(made) == [5, 7, 2, ["ticker KRW-BTC"], [b'{"ty":"ticker"}']]


@pytest.mark.parametrize("what", HAPPENINGS, ids=lambda one: type(one).__name__)
def test_what_happened_is_read_as_it_is_written(what: Happening) -> None:
    made = entries.encode_happening(what)
    assert entries.decode_happening(made) == what
    assert msgpack.unpackb(made)["kind"] == type(what).__name__.lower()


def test_what_opens_a_term_is_completed_by_the_server() -> None:
    head = entries.encode_open(Open("log", "bot", 5))
    found = entries.decode_happening(head + msgpack.packb("6-17"))
    assert found == Open("log", "bot", 5, after="6-17")


def test_a_field_of_a_later_version_is_passed_over() -> None:
    made = msgpack.packb({"kind": "checkpoint", "sequence": 3, "new": [1]})
    assert entries.decode_happening(made) == Checkpoint(3)


def test_a_checkpoint_is_read_as_it_is_written() -> None:
    last = Last(7, 3, 5, State("open", 1, 2, 3), ["a", "b"], ["a"], [b"{}"], [12])
    assert entries.decode_last(entries.encode_last(last)) == last
    assert last.id == EntryId(7, 3)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_by_name(data: bytes) -> None:
    for decode in (entries.decode_rows, entries.decode_happening, entries.decode_last):
        try:
            decode(data)
        except RemoteProtocolError as exc:
            assert "cannot be read" in str(exc) or "more streams" in str(exc) or "lengths" in str(exc)  # noqa: PT017


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="more streams"):
        entries.decode_rows(entries.encode_rows(5, 0, 0, ["a", "b"], [b""]))
    with pytest.raises(RemoteProtocolError, match="different lengths"):
        entries.decode_last(entries.encode_last(Last(7, 3, 5, None, [], ["a"], [], [])))


def test_texts_of_others_are_cleaned() -> None:
    what = entries.decode_happening(
        msgpack.packb({"kind": "refused", "streams": [], "name": "A\x1b[31m", "text": "b\n"})
    )
    assert isinstance(what, Refused)
    assert what.name.isprintable()
    assert what.text.isprintable()
