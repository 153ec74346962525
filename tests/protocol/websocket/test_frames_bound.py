"""protocol/websocket/frames.py: what one read inflates to has a bound, and nothing is lost or overtaken for it."""

import itertools
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.websocket.test_frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, close_payload, encode
from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import Closed, Control, FrameDecoder, Ping, Text, Violation

MIB = 1024 * 1024


class Packer:
    """Deflates with a window that is kept, as the exchange does."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(wbits=-15)

    def payload(self, message: bytes) -> bytes:
        return (self._zlib.compress(message) + self._zlib.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def frame(self, message: bytes, opcode: int = BINARY) -> bytes:
        return encode(opcode, self.payload(message), rsv=4)


def all_of(decoder: FrameDecoder, data: bytes) -> list[list[bytes]]:
    """Return what each call gives until there is no more."""
    parts = [decoder.receive(data)]
    while decoder.has_more:
        parts.append(decoder.receive(b""))
    return parts


def test_what_one_read_inflates_to_comes_in_parts() -> None:
    """256 KiB of frames became 251 MB before anything could hold it back."""
    packer = Packer()
    messages = [bytes([number]) * (4 * MIB) for number in range(50)]
    data = b"".join(map(packer.frame, messages))
    assert len(data) < 256 * 1024
    decoder = FrameDecoder(deflate=Inflater(), max_read_bytes=MIB)
    tracemalloc.start()
    try:
        got = [message[0] for message in decoder.receive(data)]
        while decoder.has_more:
            part = decoder.receive(b"")
            assert sum(map(len, part)) <= 5 * MIB
            got += [message[0] for message in part]
            del part
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert got == list(range(50))
    assert peak < 20 * MIB


def test_without_a_bound_all_comes_at_once() -> None:
    packer = Packer()
    data = b"".join(packer.frame(bytes(MIB)) for _ in range(9))
    decoder = FrameDecoder(deflate=Inflater())
    assert len(decoder.receive(data)) == 9
    assert not decoder.has_more


def test_what_comes_next_lies_behind_the_rest() -> None:
    packer = Packer()
    first, second, third = (packer.frame(message * 100) for message in (b"1", b"2", b"3"))
    decoder = FrameDecoder(deflate=Inflater(), max_read_bytes=50)
    assert decoder.receive(first + second[:3]) == [b"1" * 100]
    assert decoder.has_more
    assert decoder.receive(second[3:] + third) == [b"2" * 100]
    assert decoder.receive(b"") == [b"3" * 100]
    assert not decoder.has_more


def test_controls_keep_their_place_and_an_end_leaves_nothing() -> None:
    packer = Packer()
    data = packer.frame(b"x" * 100) + encode(PING, b"?") + packer.frame(b"y" * 100) + encode(CLOSE, close_payload(1000))
    decoder = FrameDecoder(deflate=Inflater(), max_read_bytes=50)
    assert decoder.receive(data) == [b"x" * 100]
    assert decoder.controls == []
    assert decoder.receive(b"") == [b"y" * 100]
    assert decoder.controls == [Ping(b"?")]
    assert decoder.receive(b"") == []
    assert decoder.controls == [Ping(b"?"), Closed(1000, "")]
    assert not decoder.has_more
    assert decoder.receive(packer.frame(b"z")) == []


def test_a_fault_behind_a_part_is_told_in_its_turn() -> None:
    packer = Packer()
    decoder = FrameDecoder(deflate=Inflater(), max_read_bytes=50, max_message_bytes=1000)
    data = packer.frame(b"x" * 100) + packer.frame(b"y" * 1001) + packer.frame(b"z" * 100)
    parts = all_of(decoder, data)
    assert parts == [[b"x" * 100], []]
    (fault,) = decoder.controls
    assert isinstance(fault, Violation)
    assert fault.close_code == 1009


MESSAGES = st.tuples(
    st.sampled_from([BINARY, TEXT, PING]), st.binary(max_size=40).map(bytes.hex), st.booleans(), st.integers(1, 20)
)


@given(st.lists(MESSAGES, max_size=12), st.lists(st.integers(0, 2000), max_size=6), st.integers(0, 400))
def test_a_bound_changes_nothing_but_when_it_comes(
    script: list[tuple[int, str, bool, int]], places: list[int], bound: int
) -> None:
    packer, data = Packer(), b""
    for opcode, text, is_packed, repeats in script:
        message = text.encode()
        if opcode == PING:
            data += encode(PING, message[:100])
        elif not is_packed:
            data += encode(opcode, message * repeats)
        elif repeats % 3:
            data += packer.frame(message * repeats, opcode)
        else:  # in two fragments
            payload = packer.payload(message * repeats)
            data += encode(opcode, payload[:5], rsv=4, fin=False) + encode(CONTINUATION, payload[5:])
    free = FrameDecoder(deflate=Inflater())
    expected = free.receive(data)
    bound_one = FrameDecoder(deflate=Inflater(), max_read_bytes=bound)
    got: list[bytes] = []
    edges = sorted({0, *(place % (len(data) + 1) for place in places), len(data)})
    for start, end in itertools.pairwise(edges):
        for part in all_of(bound_one, data[start:end]):
            # No more than the bound but for the last one that was inflated, and what was not.
            got += part
    controls: list[Control] = bound_one.controls
    assert got == expected
    assert [isinstance(one, Text) for one in got] == [isinstance(one, Text) for one in expected]
    assert controls == free.controls


@pytest.mark.parametrize("size", [125, 126, 65_536, 300_000])
def test_a_frame_of_any_length_may_be_the_one_too_many(size: int) -> None:
    filler = bytes((number * number) % 251 for number in range(size))
    packer = Packer()
    data = b"".join(packer.frame(filler) for _ in range(4))
    decoder = FrameDecoder(deflate=Inflater(), max_read_bytes=1)
    assert all_of(decoder, data) == [[filler]] * 4
