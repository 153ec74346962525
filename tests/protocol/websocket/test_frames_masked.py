"""protocol/websocket/frames.py in a server's place: the streams of test_frames.py, masked frame by frame."""

import itertools
import random
import struct
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.websocket.test_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FAULTS,
    MASK,
    PING,
    PONG,
    TEXT,
    Message,
    MiB,
    close_payload,
    cut,
    decode,
    encode,
    messages,
    places,
    server,
    stream_of,
    violation,
)
from websocket_v6.protocol.websocket.frames import Closed, Ping, Pong, Text, Violation


def frames_of(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield head and payload of the frames of an unmasked stream; the last may not be whole."""
    pos = 0
    while pos < len(stream):
        length = stream[pos + 1] & 0x7F if pos + 1 < len(stream) else 0
        start = pos + {126: 4, 127: 10}.get(length, 2)
        if length >= 126:
            length = int.from_bytes(stream[pos + 2 : start], "big")
        yield stream[pos:start], stream[start : start + length]
        pos = start + length


def masked(stream: bytes, seed: int = 0) -> bytes:
    """Return a stream of unmasked frames as a client would send it, each with a mask of its own."""
    rng = random.Random(seed)
    out = bytearray()
    for head, payload in frames_of(stream):
        mask = rng.choice((rng.randbytes(4), bytes(4)))
        out += head[:1] + bytes(octet | 0x80 for octet in head[1:2]) + head[2:] + mask
        out += bytes(octet ^ pad for octet, pad in zip(payload, itertools.cycle(mask), strict=False))
    return bytes(out)


# --- what is allowed


def test_the_example_of_the_rfc() -> None:
    messages, controls = decode(bytes.fromhex("818537fa213d7f9f4d5158"), decoder=server())
    assert (messages, controls) == ([b"Hello"], [])
    assert isinstance(messages[0], Text)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 125, 126, 127, 600, 65535, 65536, 65537, 300_001])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_every_length_comes_through(size: int, opcode: int) -> None:
    payload = random.Random(size).randbytes(size) if opcode == BINARY else b"x" * size
    stream = encode(opcode, payload, mask=MASK) + encode(BINARY, b"next", mask=b"\0\0\0\0")
    assert decode(stream, decoder=server()) == ([payload, b"next"], [])


@pytest.mark.parametrize("form", [7, 16, 64])
def test_a_frame_cut_in_two_or_three_anywhere_is_whole_again(form: int) -> None:
    payload = random.Random(form).randbytes({7: 20, 16: 200, 64: 65_536}[form])
    frame = encode(BINARY, payload, mask=MASK)
    for first, second in itertools.combinations_with_replacement([*range(1, 20), len(frame) - 1], 2):
        parts = [frame[:first], frame[first:second], frame[second:] + encode(BINARY, b"next", mask=MASK)]
        assert decode(*parts, decoder=server()) == ([payload, b"next"], [])


def test_control_frames_are_unmasked_as_well() -> None:
    stream = encode(PING, b"p" * 125, mask=MASK) + encode(PONG, b"", mask=MASK)
    stream += encode(CLOSE, close_payload(4001, "점검"), mask=MASK) + b"anything"
    assert decode(stream, decoder=server()) == ([], [Ping(b"p" * 125), Pong(b""), Closed(4001, "점검")])


# --- what is not


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if "masked" not in fault])
@pytest.mark.parametrize("is_dripping", [False, True], ids=["whole", "dripping"])
def test_a_fault_of_a_client_ends_the_stream(fault: str, is_dripping: bool) -> None:
    stream, code = FAULTS[fault]
    stream = masked(encode(BINARY, b"b" * 600) + stream + encode(BINARY, b"after") * 3)
    chunks = [stream[i : i + 1] for i in range(len(stream))] if is_dripping else [stream]
    decoder = server()
    assert violation(*chunks, decoder=decoder) == ([b"b" * 600], code)
    assert decoder.receive(encode(BINARY, b"later", mask=MASK)) == []


def test_bad_utf8_is_told_before_the_message_is_over() -> None:
    good, bad = "κόσμε".encode(), b"\xf4\x90\x80\x80"
    first, second = encode(TEXT, good, fin=False, mask=MASK), encode(CONTINUATION, bad[:2], fin=False, mask=MASK)
    assert violation(first, second, decoder=server()) == ([], 1007)
    # Within a frame whose rest never comes, wherever it is cut.
    frame = encode(TEXT, good + bad + good, mask=MASK)
    for size in range(1, 6 + len(good)):
        assert violation(frame[:size], frame[size : 6 + len(good) + 2], decoder=server()) == ([], 1007)


# --- limits and cost


def test_limits_count_payload_without_heads() -> None:
    for size in (10, 125, 126, 700, 65535, 65536):
        at_limit, over = (encode(BINARY, b"x" * length, mask=MASK) for length in (size, size + 1))
        assert decode(at_limit, decoder=server(max_message_bytes=size)) == ([b"x" * size], [])
        assert violation(over[:10], decoder=server(max_message_bytes=size)) == ([], 1009)


def test_a_huge_promise_takes_no_memory() -> None:
    head = encode(BINARY, b"x" * (15 * MiB))[:64]
    decoder = server()
    tracemalloc.start()
    try:
        decoder.receive(bytes((head[0], head[1] | 0x80)) + head[2:])
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert decoder.controls == []


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_large_frame_in_small_pieces_takes_linear_time(opcode: int) -> None:
    def seconds(size: int) -> float:
        stream = struct.pack(">BBQ", 0x80 | opcode, 0xFF, size) + bytes(4) + b"x" * size
        decoder = server()
        messages: list[bytes] = []
        started = time.process_time()
        for at in range(0, len(stream), 64):
            messages += decoder.receive(stream[at : at + 64])
        elapsed = time.process_time() - started
        assert [len(message) for message in messages] == [size]
        return elapsed

    small = min(seconds(MiB // 2) for _ in range(3))
    assert seconds(4 * MiB) < 24 * small


# --- properties


@given(st.lists(messages, max_size=6), places, st.booleans(), st.integers(0, 99))
def test_a_stream_cut_anywhere_gives_the_same_messages(
    model: list[Message], places: list[int], with_deflate: bool, seed: int
) -> None:
    stream, expected, expected_controls = stream_of(model, with_deflate=with_deflate)
    received, controls = decode(*cut(masked(stream, seed), places), decoder=server(with_deflate))
    assert received == expected
    assert controls == expected_controls
    assert [isinstance(message, Text) for message in received] == [message.opcode == TEXT for message in model]


@settings(max_examples=50)
@given(st.lists(messages, max_size=3), st.booleans())
def test_a_stream_in_single_bytes_gives_the_same_messages(model: list[Message], with_deflate: bool) -> None:
    model = [
        message if message.opcode == TEXT else message._replace(payload=message.payload[:700]) for message in model
    ]
    stream, expected, expected_controls = stream_of(model, with_deflate=with_deflate)
    stream = masked(stream)
    assert decode(*(stream[i : i + 1] for i in range(len(stream))), decoder=server(with_deflate)) == (
        expected,
        expected_controls,
    )


@given(
    st.lists(messages, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 255)), min_size=1, max_size=6),
    places,
    st.booleans(),
)
def test_a_mutated_stream_gives_the_same_in_pieces(
    model: list[Message], mutations: list[tuple[int, int]], places: list[int], with_deflate: bool
) -> None:
    stream = bytearray(masked(stream_of(model, with_deflate=with_deflate)[0]))
    for place, octet in mutations:
        stream[place % len(stream)] = octet
    check_anything(bytes(stream), places, with_deflate)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=600), max_size=4), st.integers(0, 99), places, st.booleans())
def test_garbage_gives_the_same_in_pieces(
    garbage: list[bytes], seed: int, places: list[int], with_deflate: bool
) -> None:
    check_anything(b"".join(garbage), places, with_deflate)
    # With the mask bit set, more of it is read.
    check_anything(b"".join(masked(piece, seed) for piece in garbage if len(piece) > 1), places, with_deflate)


def check_anything(stream: bytes, places: list[int], with_deflate: bool) -> None:
    whole = decode(stream, decoder=server(with_deflate))
    assert decode(*cut(stream, places), decoder=server(with_deflate)) == whole
    ends = [control for control in whole[1] if isinstance(control, Closed | Violation)]
    assert whole[1][-1:] == ends or not ends
    for message in whole[0]:
        assert type(message) in (bytes, Text)
        if isinstance(message, Text):
            message.decode()
