"""A transport reads no more than what it brings has room for: what it inflates to, and what is on its way."""

import itertools
import socket
import threading
import zlib
from typing import Any

from tests.actors.connection.peer import Meeting, accept_of, answered, key_of, until_hung_up
from tests.conftest import wait_until
from websocket_v6.actors.messages.router import SourceEnded, SourceOpened
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import FLIGHT_BYTES, LIST_ELEMENTS, READ_BYTES

SIZE = 2 * 1024 * 1024
HEAD = b'{"ty":"ticker","cd":"KRW-BTC","tp":'


def agree(request: bytes) -> bytes:
    return answered(accept_of(key_of(request)), "Sec-WebSocket-Extensions: permessage-deflate")


def packed(*messages: bytes) -> bytes:
    """Return the messages in deflated frames, with a window that is kept."""
    deflate, frames = zlib.compressobj(wbits=-15), b""
    for message in messages:
        payload = (deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        length = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
        frames += b"\xc2" + length + payload
    return frames


def padded(number: int) -> bytes:
    return (HEAD + b'%d,"x":"' % number).ljust(SIZE - 2, b"x") + b'"}'


class Pouring:
    """A server that sends this many padded tickers at once."""

    def __init__(self, count: int) -> None:
        self.is_done = threading.Event()
        self._data = packed(*map(padded, range(count)))

    def __call__(self, sock: socket.socket) -> None:
        sock.sendall(self._data)
        self.is_done.set()
        until_hung_up(sock)


def batches(meeting: Meeting) -> list[Batch]:
    """Return what the router is told until nothing more is read, which must be because enough is on its way."""
    found: list[Batch] = []

    def is_over() -> bool:
        is_reading = meeting.transport.sample().reading_since is not None
        while not meeting.routed.empty():
            found.append(meeting.routed.get())
        return sum(batch.weight for batch in found) >= FLIGHT_BYTES and not is_reading

    wait_until(is_over, "the end of reading")
    return found


def test_no_more_is_read_than_may_be_on_its_way() -> None:
    """Eight credits for batches of 250 MB each were 2 GB by arithmetic."""
    with Meeting(agree, pouring := Pouring(60)) as meeting:
        assert isinstance(meeting.hears(), SourceOpened)
        assert pouring.is_done.wait(20)
        found = batches(meeting)
        assert sum(batch.weight for batch in found) < FLIGHT_BYTES + READ_BYTES + SIZE
        payloads: list[bytes] = []
        while True:
            for batch in found:
                assert batch.weight < READ_BYTES + SIZE + 1000, "no part of a read brings more than it may"
                assert batch.streams == ["ticker KRW-BTC"] * len(batch.payloads)
                payloads += batch.payloads
                meeting.grant()
            if len(payloads) == 60:
                break
            found = [meeting.hears()]
    prices = [payload[len(HEAD) :].partition(b",")[0] for payload in payloads]
    assert prices == [b"%d" % number for number in range(60)], "all of it, in order"


def test_a_part_of_a_read_claims_no_more_than_is_there() -> None:
    with Meeting(agree, Pouring(4)) as meeting:
        opened = meeting.hears()
        parts: list[Any] = []
        while sum(len(part.payloads) for part in parts) < 4:
            parts.append(meeting.hears())
            meeting.grant()
    for before, after in itertools.pairwise(parts):
        assert opened.at_ns <= before.whole_ns <= after.whole_ns
        if before.ts_received_ns == after.ts_received_ns:
            assert before.whole_ns < before.ts_received_ns, "what follows in it is from before it was read"


def test_a_connection_that_is_closed_while_much_waits_ends_at_once() -> None:
    with Meeting(agree, Pouring(60)) as meeting:
        meeting.hears()
        batches(meeting)
        meeting.transport.finish()
        routed, _ = meeting.end()
    assert isinstance(routed[-1], SourceEnded)


def test_a_list_of_too_many_elements_ends_the_connection_with_a_word() -> None:
    closes: list[bytes] = []

    def send(sock: socket.socket) -> None:
        sock.sendall(packed(b"[" + b",".join([b"{}"] * (LIST_ELEMENTS + 1)) + b"]"))
        frame = sock.recv(8, socket.MSG_WAITALL)
        closes.append(bytes((frame[0], frame[6] ^ frame[2], frame[7] ^ frame[3])))
        until_hung_up(sock)

    with Meeting(agree, send) as meeting:
        meeting.hears()
        routed, (*_, ended) = meeting.end()
    assert isinstance(routed[-1], SourceEnded)
    assert isinstance(ended.error, RemoteProtocolError)
    assert ended.error.close_code == 1009
    assert closes == [b"\x88" + (1009).to_bytes(2, "big")]
