"""protocol/server/words.py and row_frames.py: what one word of a host's can hold, and cost, has a bound."""

import tracemalloc

import msgpack
import pytest

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.limits import DOOR_ROWS, STREAM_CHARACTERS
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.server.words import Refused, Rows, decode, encode
from websocket_v6.protocol.websocket.frames import FrameDecoder


def test_rows_are_refused_by_their_number() -> None:
    """A guest paid a gigabyte for 64 MiB of empty parts."""
    assert decode(msgpack.packb([1, 1, [""] * DOOR_ROWS, [b""] * DOOR_ROWS, False, False]))
    for many in (DOOR_ROWS + 1, 4_000_000):
        for columns in (([""] * many, []), ([], [b""] * many), ([""] * many, [b""] * many)):
            data = msgpack.packb([1, 1, *columns, False, False])
            tracemalloc.start()
            try:
                with pytest.raises(RemoteProtocolError, match="length"):
                    decode(data)
                assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
            finally:
                tracemalloc.stop()


def test_the_name_of_a_stream_has_a_greatest_length() -> None:
    longest = "ticker ".ljust(STREAM_CHARACTERS, "x")
    assert decode(msgpack.packb([1, 1, [longest], [b"{}"], False, False]))
    assert decode(encode(Refused((longest,), "E", "no")))
    for word in ([1, 1, [longest + "x"], [b"{}"], False, False], [3, [longest + "x"], "E", "no"]):
        with pytest.raises(RemoteProtocolError, match="length"):
            decode(msgpack.packb(word))


def test_a_host_sends_no_more_rows_at_once_than_a_guest_takes() -> None:
    events = [make_event("ticker KRW-BTC", b"%d" % number, 1, 5) for number in range(2 * DOOR_ROWS + 1)]
    words = [decode(message) for message in FrameDecoder().receive(RowFrames().of(events))]
    rows = [word for word in words if isinstance(word, Rows)]
    assert [len(word.payloads) for word in rows] == [DOOR_ROWS, DOOR_ROWS, 1]
    assert [payload for word in rows for payload in word.payloads] == [event.payload for event in events]
