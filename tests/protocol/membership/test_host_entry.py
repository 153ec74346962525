"""Who the host is, as the file says it."""

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.limits import HOST_FILE_BYTES
from websocket_v6.protocol.membership.host_entry import HostEntry, as_written, is_same, read_entry

ENTRY = HostEntry("/x", b"k" * 32, 7, 3)


def test_a_title_is_the_same_whatever_process_is_named() -> None:
    assert is_same(ENTRY, HostEntry("/x", b"k" * 32, 0, 3))
    for other in (
        HostEntry("/y", ENTRY.key, 7, 3),
        HostEntry("/x", b"l", 7, 3),
        HostEntry("/x", ENTRY.key, 7, 4),
        None,
    ):
        assert not is_same(ENTRY, other)
        assert not is_same(other, ENTRY)
    assert not is_same(None, None)


def test_it_is_written_and_read() -> None:
    assert read_entry(as_written(ENTRY)) == ENTRY


def test_the_key_does_not_show() -> None:
    assert repr(ENTRY) == "HostEntry(address='/x', key=<32 hidden bytes>, pid=7, term=3)"
    for leave in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, pickle.dumps):
        with pytest.raises(TypeError):
            leave(ENTRY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"not msgpack",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x84\xa7address\xa2\xff\xfe\xa3key\xc4\x00\xa3pid\x07\xa4term\x03",
        msgspec.msgpack.encode({"address": "/x\0y", "key": b"k", "pid": 7, "term": 3}),
        msgspec.msgpack.encode({"address": "/x\n", "key": b"k", "pid": 7, "term": 3}),
        msgspec.msgpack.encode({"address": "/x", "key": b"k", "pid": -7, "term": 3}),
        msgspec.msgpack.encode({"address": "/x", "key": b"k", "pid": 7, "term": 2**63}),
        msgspec.msgpack.encode({"address": "/" * 2000, "key": b"k", "pid": 7, "term": 3}),
        msgspec.msgpack.encode({"address": "/x", "key": b"k" * 65, "pid": 7, "term": 3}),
    ],
)
def test_what_names_nobody_is_no_entry(data: bytes) -> None:
    assert read_entry(data) is None


def test_a_file_beyond_its_limit_names_nobody() -> None:
    named = {"address": "/x", "key": b"k", "pid": 7, "term": 3}
    assert read_entry(msgspec.msgpack.encode({**named, "more": ""})) is not None
    assert read_entry(msgspec.msgpack.encode({**named, "more": "x" * HOST_FILE_BYTES})) is None


@given(st.binary(max_size=200))
def test_any_file_names_somebody_or_nobody(data: bytes) -> None:
    read_entry(data)
    entry = read_entry(as_written(ENTRY)[:-1] + data[:1])
    assert entry is None or entry.address == ENTRY.address
