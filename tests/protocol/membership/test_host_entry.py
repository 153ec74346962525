"""Who the host is, as the file says it."""

import pickle

import msgspec
import pytest

from websocket_v6.protocol.membership.host_entry import HostEntry, as_written, is_same

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
    assert msgspec.msgpack.decode(as_written(ENTRY), type=HostEntry) == ENTRY


def test_the_key_does_not_show() -> None:
    assert repr(ENTRY) == "HostEntry(address='/x', key=<32 hidden bytes>, pid=7, term=3)"
    for leave in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, pickle.dumps):
        with pytest.raises(TypeError):
            leave(ENTRY)
