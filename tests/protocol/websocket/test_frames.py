"""protocol/websocket/frames.py against a model encoder of its own, every kind of fault, and garbage."""

import itertools
import random
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import Closed, Control, FrameDecoder, Ping, Pong, Text, Violation

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MiB = 1024 * 1024


def encode(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    form: int | None = None,
) -> bytes:
    """Return one frame as RFC 6455, 5.2 draws it; `form` forces 7, 16 or 64 bits of length."""
    size = len(payload)
    if form is None:
        form = 7 if size < 126 else 16 if size < 65536 else 64
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = 0x80 if mask else 0
    if form == 7:
        head += bytes([mask_bit | size])
    elif form == 16:
        head += bytes([mask_bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", size)
    if mask:
        payload = bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))
        head += mask
    return head + payload


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack(">H", code) + reason.encode()


def cut(stream: bytes, places: list[int]) -> Iterator[bytes]:
    """Yield the stream in pieces cut at `places`."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    for start, end in itertools.pairwise(edges):
        yield stream[start:end]


def decode(*chunks: bytes, decoder: FrameDecoder | None = None) -> tuple[list[bytes], list[Control]]:
    """Decode through one reused buffer that is overwritten after each call, as the socket's owner does it."""
    decoder = decoder or FrameDecoder()
    buffer = bytearray(max(map(len, chunks), default=0))
    messages: list[bytes] = []
    for chunk in chunks:
        buffer[: len(chunk)] = chunk
        messages += decoder.receive(memoryview(buffer)[: len(chunk)])
        buffer[:] = b"\xee" * len(buffer)
    return messages, decoder.controls


def violation(*chunks: bytes, decoder: FrameDecoder | None = None) -> tuple[list[bytes], int]:
    """Return the messages before the violation, and its close code; there must be exactly one, the last event."""
    messages, controls = decode(*chunks, decoder=decoder)
    assert controls
    last = controls[-1]
    assert isinstance(last, Violation)
    assert last.reason
    assert not any(isinstance(control, Violation) for control in controls[:-1])
    return messages, last.close_code


# --- what is allowed


@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 127, 600, 65535, 65536, 65537, 300_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_every_length_comes_through(size: int, opcode: int) -> None:
    payload = random.Random(size).randbytes(size) if opcode == BINARY else b"x" * size
    messages, controls = decode(encode(opcode, payload) + encode(BINARY, b"next"))
    assert messages == [payload, b"next"]
    assert controls == []
    assert [type(message) for message in messages] == [Text if opcode == TEXT else bytes, bytes]


def test_a_text_message_is_told_from_a_binary_one() -> None:
    messages, _ = decode(encode(TEXT, "업비트".encode()) + encode(BINARY, "업비트".encode()))
    assert [isinstance(message, Text) for message in messages] == [True, False]
    assert messages[0].decode() == "업비트"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_buffer_will_do(kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
    assert FrameDecoder().receive(kind(encode(BINARY, b"x" * 700))) == [b"x" * 700]


def test_no_reference_to_the_buffer_is_kept() -> None:
    buffer = bytearray(encode(BINARY, b"x" * 700) + encode(BINARY, b"y" * 700)[:300])
    decoder = FrameDecoder()
    decoder.receive(buffer)
    buffer.clear()  # BufferError if anybody still looks into it
    bad = bytearray(encode(BINARY, b"x" * 9, rsv=1))
    FrameDecoder().receive(bad)
    bad.clear()


def test_an_empty_chunk_changes_nothing() -> None:
    frame = encode(BINARY, b"abc")
    assert decode(b"", frame[:1], b"", frame[1:], b"") == ([b"abc"], [])


def test_fragments_make_one_message_with_control_frames_in_between() -> None:
    messages, controls = decode(
        encode(TEXT, b"one ", fin=False),
        encode(PING, b"p"),
        encode(CONTINUATION, b"", fin=False) + encode(PONG, b"q"),
        encode(CONTINUATION, b"two") + encode(BINARY, b"z" * 600),
    )
    assert messages == [b"one two", b"z" * 600]
    assert isinstance(messages[0], Text)
    assert controls == [Ping(b"p"), Pong(b"q")]


def test_utf8_may_be_cut_anywhere_between_fragments() -> None:
    text = "é한😀".encode()
    for at in range(len(text) + 1):
        messages, controls = decode(encode(TEXT, text[:at], fin=False), encode(CONTINUATION, text[at:]))
        assert (messages, controls) == ([text], [])


@pytest.mark.parametrize("size", [0, 1, 125])
def test_pings_and_pongs_carry_up_to_125_bytes(size: int) -> None:
    payload = b"\xff" * size
    assert decode(encode(PING, payload) + encode(PONG, payload)) == ([], [Ping(payload), Pong(payload)])


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        (b"", Closed(1005, "")),
        (close_payload(1000), Closed(1000, "")),
        (close_payload(1001, "점검"), Closed(1001, "점검")),
        (close_payload(4999, "r " * 61 + "r"), Closed(4999, "r " * 61 + "r")),
        (close_payload(4000, "\x1b[2J\nbye eyJhbGciOiJIUzUxMiJ9.e30.x"), Closed(4000, "\\x1b[2J bye <cut>")),
    ],
)
def test_a_close_frame_ends_the_stream(payload: bytes, closed: Closed) -> None:
    decoder = FrameDecoder()
    stream = encode(BINARY, b"before") + encode(CLOSE, payload) + encode(BINARY, b"after") + b"\xff\xff"
    assert decode(stream, decoder=decoder) == ([b"before"], [closed])
    assert decoder.receive(encode(BINARY, b"later") + encode(PING)) == []
    assert decoder.controls == [closed]


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
def test_close_codes_that_may_be_sent(code: int) -> None:
    assert decode(encode(CLOSE, close_payload(code))) == ([], [Closed(code, "")])


# --- what is not


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_close_codes_that_may_not_be_sent(code: int) -> None:
    assert violation(encode(CLOSE, close_payload(code))) == ([], 1002)


FAULTS = {
    "half a close code": (encode(CLOSE, b"\x03"), 1002),
    "a close reason that is not UTF-8": (encode(CLOSE, b"\x03\xe8\xff"), 1007),
    "a close reason cut within a character": (encode(CLOSE, b"\x03\xe8" + "é".encode()[:1]), 1007),
    "a masked binary frame": (encode(BINARY, b"abc", mask=b"\1\2\3\4"), 1002),
    "a masked binary frame with a zero mask": (encode(BINARY, b"abc", mask=b"\0\0\0\0"), 1002),
    "a masked long frame": (encode(BINARY, b"abc" * 99, mask=b"\1\2\3\4"), 1002),
    "a masked ping": (encode(PING, b"abc", mask=b"\1\2\3\4"), 1002),
    "16 bits for 125": (encode(BINARY, b"x" * 125, form=16), 1002),
    "16 bits for 0": (encode(BINARY, b"", form=16), 1002),
    "64 bits for 126": (encode(BINARY, b"x" * 126, form=64), 1002),
    "64 bits for 65535": (encode(BINARY, b"x" * 65535, form=64), 1002),
    "64 bits with the top bit": (b"\x82\x7f\x80" + bytes(7), 1002),
    "a length of 2^63 - 1": (b"\x82\x7f\x7f" + b"\xff" * 7, 1009),
    "RSV1 without compression": (encode(BINARY, b"x" * 200, rsv=4), 1002),
    "RSV2": (encode(BINARY, b"x" * 200, rsv=2), 1002),
    "RSV3": (encode(TEXT, b"x", rsv=1), 1002),
    "RSV1 on a ping": (encode(PING, b"x", rsv=4), 1002),
    "a fragmented ping": (encode(PING, b"x", fin=False), 1002),
    "a fragmented pong": (encode(PONG, b"x", fin=False), 1002),
    "a fragmented close": (encode(CLOSE, close_payload(1000), fin=False), 1002),
    "a ping of 126": (encode(PING, b"x" * 126), 1002),
    "a pong of 126": (encode(PONG, b"x" * 126), 1002),
    "a close of 126": (encode(CLOSE, close_payload(1000, "x" * 124)), 1002),
    "a pong with a 64-bit length": (encode(PONG, b"x" * 65536), 1002),
    "a continuation of nothing": (encode(CONTINUATION, b"x"), 1002),
    "an open continuation of nothing": (encode(CONTINUATION, b"x", fin=False), 1002),
    "a binary message within a message": (encode(TEXT, b"x", fin=False) + encode(BINARY, b"y" * 600), 1002),
    "a short message within a message": (encode(BINARY, b"x", fin=False) + encode(BINARY, b"y"), 1002),
    "a text that is not UTF-8": (encode(TEXT, b"\xce\xba\xed\xa0\x80"), 1007),
    "a text cut within a character": (encode(TEXT, "é".encode()[:1]), 1007),
    "fragments cut within a character": (encode(TEXT, b"x", fin=False) + encode(CONTINUATION, b"\xc3"), 1007),
    **{f"opcode {opcode}": (encode(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_dripping", [False, True], ids=["whole", "dripping"])
def test_a_fault_ends_the_stream(fault: str, is_dripping: bool) -> None:
    stream, code = FAULTS[fault]
    stream = encode(BINARY, b"b" * 600) + stream + encode(BINARY, b"after") * 3
    decoder = FrameDecoder()
    chunks = [stream[i : i + 1] for i in range(len(stream))] if is_dripping else [stream]
    assert violation(*chunks, decoder=decoder) == ([b"b" * 600], code)
    controls = list(decoder.controls)
    assert decoder.receive(encode(BINARY, b"later")) == []
    assert decoder.controls == controls


def test_a_fault_in_the_head_is_told_before_the_payload_comes() -> None:
    for head, code in [
        (b"\x83", None),
        (b"\x82\xfe", 1002),
        (b"\x82\x7e\x00\x7d", 1002),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 1002),
        (b"\x82\x7f\x00\x00\x00\x00\x7f\x00\x00\x00", 1009),
        (b"\x89\x7e", 1002),
    ]:
        decoder = FrameDecoder()
        decoder.receive(head)
        assert [control.close_code for control in decoder.controls if isinstance(control, Violation)] == (
            [code] if code else []
        )


def test_bad_utf8_is_told_before_the_message_is_over() -> None:
    good, bad = "κόσμε".encode(), b"\xf4\x90\x80\x80"
    # Between fragments (Autobahn 6.4.1, 6.4.2) ...
    assert violation(encode(TEXT, good, fin=False), encode(CONTINUATION, bad[:2], fin=False)) == ([], 1007)
    # ... and within a frame (6.4.3, 6.4.4), whose rest never comes.
    frame = encode(TEXT, good + bad + good)
    for size in (2, 3, 16):
        assert violation(frame[:size], frame[size : 2 + len(good) + 2]) == ([], 1007)
    # Within the last fragment, with a character begun in the one before.
    rest = encode(CONTINUATION, good[1:] + bad + good)
    assert violation(encode(TEXT, good[:1], fin=False), rest[:-9]) == ([], 1007)


def test_text_that_drips_in_is_checked_once_and_wholly() -> None:
    text = "업비트 κόσμε 😀".encode() * 20
    frame = encode(TEXT, text)
    assert decode(*(frame[i : i + 1] for i in range(len(frame)))) == ([text], [])
    assert violation(*(encode(TEXT, text[:-1])[i : i + 1] for i in range(len(frame) - 1))) == ([], 1007)


@pytest.mark.parametrize("form", [7, 16, 64])
def test_a_frame_cut_in_two_or_three_anywhere_is_whole_again(form: int) -> None:
    payload = random.Random(form).randbytes({7: 20, 16: 200, 64: 65_536}[form])
    frame = encode(BINARY, payload)
    places = [*range(1, 15), len(frame) - 1]
    for first, second in itertools.combinations_with_replacement(places, 2):
        parts = [frame[:first], frame[first:second], frame[second:] + encode(BINARY, b"next")]
        assert decode(*parts) == ([payload, b"next"], [])


# --- a server's place: what masks change; test_frames_masked.py has the streams of this file once more

MASK = b"\x37\xfa\x21\x3d"  # of the example of RFC 6455, 5.7


def server(with_deflate: bool = False, **limits: int) -> FrameDecoder:
    return FrameDecoder(deflate=Inflater() if with_deflate else None, masked=True, **limits)


def test_text_is_checked_as_it_comes_whatever_its_mask_begins_with() -> None:
    """The mask goes on where the last part of the payload ended, not anew."""
    text = "업비트 κόσμε 😀".encode() * 3
    frame = encode(TEXT, text, mask=MASK)
    for size in range(1, 12):
        pieces = (frame[i : i + size] for i in range(0, len(frame), size))
        assert decode(*pieces, decoder=server()) == ([text], [])


@pytest.mark.parametrize(
    "frame",
    [
        encode(BINARY, b"x"),
        encode(BINARY, b""),
        encode(TEXT, b"x" * 600),
        encode(BINARY, b"x" * 65536),
        encode(PING, b""),
        encode(CLOSE, close_payload(1000)),
        encode(BINARY, b"x", rsv=4),
    ],
    ids=["short", "empty", "text", "long", "ping", "close", "compressed"],
)
def test_an_unmasked_frame_is_a_violation_once_its_head_is_there(frame: bytes) -> None:
    before = encode(TEXT, b"before", mask=MASK)
    assert violation(before + frame, decoder=server(with_deflate=True)) == ([b"before"], 1002)
    assert violation(before, frame[:1], frame[1:2], decoder=server(with_deflate=True)) == ([b"before"], 1002)
    open_message = encode(BINARY, b"x", fin=False, mask=MASK)
    assert violation(open_message + encode(CONTINUATION, b"y"), decoder=server()) == ([], 1002)


def test_a_fault_in_the_head_is_told_before_the_mask_comes() -> None:
    for head, code in [
        (b"\x83", None),
        (b"\x82\x7e", 1002),
        (b"\x82\xfe\x00\x7d", 1002),
        (b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", 1002),
        (b"\x82\xff\x00\x00\x00\x00\x7f\x00\x00\x00", 1009),
        (b"\x89\xfe", 1002),
    ]:
        for pieces in ([head], [head[i : i + 1] for i in range(len(head))]):
            decoder = server()
            decode(*pieces, decoder=decoder)
            assert [control.close_code for control in decoder.controls if isinstance(control, Violation)] == (
                [code] if code else []
            )


# --- limits


def test_a_frame_over_its_limit_is_too_big() -> None:
    for size in (10, 125, 126, 700, 65535, 65536):
        at_limit = FrameDecoder(max_frame_bytes=size)
        assert decode(encode(BINARY, b"x" * size), decoder=at_limit) == ([b"x" * size], [])
        assert violation(encode(BINARY, b"x" * (size + 1)), decoder=FrameDecoder(max_frame_bytes=size)) == ([], 1009)


def test_a_message_over_its_limit_is_too_big() -> None:
    fragments = [encode(BINARY, b"x" * 400, fin=False), encode(CONTINUATION, b"y" * 400)]
    assert decode(*fragments, decoder=FrameDecoder(max_message_bytes=800)) == ([b"x" * 400 + b"y" * 400], [])
    assert violation(*fragments, decoder=FrameDecoder(max_message_bytes=799)) == ([], 1009)
    # At the head of the fragment that is too much.
    assert violation(fragments[0], fragments[1][:4], decoder=FrameDecoder(max_message_bytes=799)) == ([], 1009)


def test_a_message_may_have_sixteen_mebibytes_unless_something_else_is_said() -> None:
    """The exchange's largest known message has a tenth of one; more is refused at its head."""
    limit = 16 * 1024 * 1024
    whole, too_much = (b"\x82\x7f" + struct.pack(">Q", size) for size in (limit, limit + 1))
    assert decode(whole + bytes(limit)) == ([bytes(limit)], [])
    assert violation(too_much) == ([], 1009)
    # A frame has the limit of messages, even if its own is higher.
    assert violation(encode(BINARY, b"x" * 11), decoder=FrameDecoder(max_message_bytes=10, max_frame_bytes=20)) == (
        [],
        1009,
    )


def test_a_ping_between_fragments_does_not_count() -> None:
    decoder = FrameDecoder(max_message_bytes=800)
    stream = [encode(BINARY, b"x" * 790, fin=False), encode(PING, b"p" * 100), encode(CONTINUATION, b"y" * 10)]
    assert decode(*stream, decoder=decoder) == ([b"x" * 790 + b"y" * 10], [Ping(b"p" * 100)])


def test_a_huge_promise_takes_no_memory() -> None:
    head = encode(BINARY, b"x" * (15 * MiB))[:64]
    decoder = FrameDecoder()
    tracemalloc.start()
    try:
        decoder.receive(head)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_empty_fragments_take_no_memory() -> None:
    decoder = FrameDecoder()
    decoder.receive(encode(BINARY, b"x", fin=False))
    chunk = encode(CONTINUATION, fin=False) * 20_000
    tracemalloc.start()
    try:
        for _ in range(3):
            assert decoder.receive(chunk) == []
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()
    assert decoder.receive(encode(CONTINUATION, b"y")) == [b"xy"]


# --- cost: the time for eight times as much is far from sixty-four times as long


def _seconds(chunks: list[bytes], expected_size: int) -> float:
    decoder = FrameDecoder()
    messages: list[bytes] = []
    started = time.process_time()
    for chunk in chunks:
        messages += decoder.receive(chunk)
    elapsed = time.process_time() - started
    assert [len(message) for message in messages] == [expected_size]
    return elapsed


def test_many_fragments_are_joined_in_linear_time() -> None:
    def fragments(count: int) -> list[bytes]:
        stream = encode(TEXT, b"x" * 64, fin=False) + encode(CONTINUATION, b"y" * 64, fin=False) * (count - 2)
        stream += encode(CONTINUATION, b"z" * 64)
        return [stream[i : i + 100_000] for i in range(0, len(stream), 100_000)]

    small = min(_seconds(fragments(8192), 8192 * 64) for _ in range(3))
    assert _seconds(fragments(65536), 4 * MiB) < 24 * small


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_large_frame_in_small_pieces_takes_linear_time(opcode: int) -> None:
    def pieces(size: int) -> list[bytes]:
        stream = encode(opcode, b"x" * size)
        return [stream[i : i + 64] for i in range(0, len(stream), 64)]

    small = min(_seconds(pieces(MiB), MiB) for _ in range(3))
    assert _seconds(pieces(8 * MiB), 8 * MiB) < 24 * small


# --- properties


class Message(NamedTuple):
    """A message of the model: how it is sent is part of it."""

    opcode: int
    payload: bytes
    cuts: list[int]
    control: tuple[int, bytes] | None  # a control frame after each fragment but the last
    is_compressed: bool


payloads = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 400).map(lambda size: b"\x82\x7e" * size),
    st.sampled_from([125, 126, 127, 65535, 65536]).map(lambda size: b"k" * size),
)
messages = st.builds(
    lambda is_text, text, payload, cuts, control, is_compressed: Message(
        TEXT if is_text else BINARY, text.encode() if is_text else payload, cuts, control, is_compressed
    ),
    st.booleans(),
    st.text(max_size=200),
    payloads,
    st.lists(st.integers(0, 70_000), max_size=4),
    st.none() | st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.booleans(),
)
places = st.lists(st.integers(0, 200_000), max_size=12)


def stream_of(model: list[Message], *, with_deflate: bool) -> tuple[bytes, list[bytes], list[Control]]:
    """Return the stream, and what must come of it."""
    compressor = zlib.compressobj(wbits=-15)
    stream = b""
    expected: list[bytes] = []
    controls: list[Control] = []
    for message in model:
        body, rsv = message.payload, 0
        if with_deflate and message.is_compressed:
            body, rsv = (compressor.compress(body) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4], 4
        fragments = list(cut(body, message.cuts))
        for index, fragment in enumerate(fragments):
            is_last = index == len(fragments) - 1
            opcode = CONTINUATION if index else message.opcode
            stream += encode(opcode, fragment, fin=is_last, rsv=0 if index else rsv)
            if message.control and not is_last:
                stream += encode(*message.control)
                controls.append(Ping(message.control[1]) if message.control[0] == PING else Pong(message.control[1]))
        expected.append(message.payload)
    return stream, expected, controls


def decoder_for(with_deflate: bool) -> FrameDecoder:
    return FrameDecoder(deflate=Inflater() if with_deflate else None)


@given(st.lists(messages, max_size=6), places, st.booleans())
def test_a_stream_cut_anywhere_gives_the_same_messages(
    model: list[Message], places: list[int], with_deflate: bool
) -> None:
    stream, expected, expected_controls = stream_of(model, with_deflate=with_deflate)
    received, controls = decode(*cut(stream, places), decoder=decoder_for(with_deflate))
    assert received == expected
    assert controls == expected_controls
    assert [isinstance(message, Text) for message in received] == [message.opcode == TEXT for message in model]


@given(st.lists(messages, max_size=3), st.booleans())
def test_a_stream_in_single_bytes_gives_the_same_messages(model: list[Message], with_deflate: bool) -> None:
    model = [message._replace(payload=message.payload[:700]) for message in model if message.opcode == BINARY]
    stream, expected, expected_controls = stream_of(model, with_deflate=with_deflate)
    assert decode(*(stream[i : i + 1] for i in range(len(stream))), decoder=decoder_for(with_deflate)) == (
        expected,
        expected_controls,
    )


@given(
    st.lists(messages, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 255)), min_size=1, max_size=6),
    places,
    st.booleans(),
)
def test_a_mutated_stream_gives_messages_or_one_violation(
    model: list[Message], mutations: list[tuple[int, int]], places: list[int], with_deflate: bool
) -> None:
    stream = bytearray(stream_of(model, with_deflate=with_deflate)[0])
    for place, octet in mutations:
        stream[place % len(stream)] = octet
    check_anything(bytes(stream), places, with_deflate)


@settings(max_examples=300)
@given(st.binary(max_size=2000), places, st.booleans())
def test_garbage_gives_messages_or_one_violation(stream: bytes, places: list[int], with_deflate: bool) -> None:
    check_anything(stream, places, with_deflate)


@given(st.integers(0, 15), st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.booleans(), places)
def test_what_a_client_says_is_what_a_server_would_have_said(
    opcode: int, payload: bytes, mask: bytes, fin: bool, places: list[int]
) -> None:
    """Masks are the only difference between the two roles: the same messages, the same faults in the same words."""
    plain = decode(encode(opcode, payload, fin=fin))
    assert decode(*cut(encode(opcode, payload, fin=fin, mask=mask), places), decoder=server()) == plain


def check_anything(stream: bytes, places: list[int], with_deflate: bool) -> None:
    """However it is cut: the same messages, and the same end."""
    whole = decode(stream, decoder=decoder_for(with_deflate))
    pieces = decode(*cut(stream, places), decoder=decoder_for(with_deflate))
    ends = [control for control in whole[1] if isinstance(control, Closed | Violation)]
    assert len(ends) <= 1
    assert whole[1][-1:] == ends or not ends
    assert pieces == whole
    for message in whole[0]:
        assert type(message) in (bytes, Text)
        if isinstance(message, Text):
            message.decode()
