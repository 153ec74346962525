"""Coverage-guided fuzzing of the frame decoder.

    python -m tests.fuzz.fuzz_frames -max_total_time=60 [other flags of libFuzzer]

Any bytes, with any limits, with and without compression: messages, control events and at most one end, never an
exception; and cut into pieces they give the same as whole. The corpus stays in reports/fuzz/frames.
"""

import random
import struct
import zlib
from collections.abc import Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("websocket"):
    from websocket_v6.protocol.limits import MESSAGE_BYTES, TEXT_CHARACTERS
    from websocket_v6.protocol.websocket.deflate import Inflater
    from websocket_v6.protocol.websocket.frames import (
        Closed,
        Control,
        FrameDecoder,
        Ping,
        Pong,
        Text,
        Violation,
    )

LIMITS = (MESSAGE_BYTES, 100, 1000, 70_000)
CLOSE_CODES = (1002, 1007, 1009)


def check(data: bytes) -> None:
    """Decode: the first byte chooses the decoder, the second how the rest is cut."""
    if len(data) < 2:
        return
    options, seed, stream = data[0], data[1], data[2:]
    whole = _decode(options, [stream])
    pieces = _decode(options, list(_cut(stream, random.Random(seed))))
    assert pieces == whole, (pieces, whole)
    messages, controls = whole
    limit = LIMITS[options >> 2 & 3]
    for message in messages:
        assert len(message) <= limit
        if type(message) is Text:
            message.decode()
        else:
            assert type(message) is bytes
    for control in controls[:-1]:
        assert isinstance(control, Ping | Pong)
    for control in controls:
        match control:
            case Ping(payload) | Pong(payload):
                assert type(payload) is bytes
                assert len(payload) <= 125
            case Closed(code, reason):
                assert 1000 <= code <= 4999
                assert len(reason) <= TEXT_CHARACTERS
                assert reason.isprintable()
            case Violation(code, reason):
                assert code in CLOSE_CODES
                assert reason


def _decode(options: int, pieces: list[bytes]) -> tuple[list[bytes], list[Control]]:
    deflate = Inflater(no_context_takeover=bool(options & 2)) if options & 1 else None
    decoder = FrameDecoder(deflate=deflate, max_message_bytes=LIMITS[options >> 2 & 3])
    buffer = bytearray()
    messages: list[bytes] = []
    for piece in pieces:
        buffer[:] = piece  # BufferError if the decoder still looks into it
        messages += decoder.receive(buffer)
    return messages, decoder.controls


def _cut(stream: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut the beginning up and leave the rest whole, so that long inputs take no longer."""
    longest = rng.choice((1, 4, 50, 700))
    pos = 0
    for _ in range(100):
        size = rng.randint(0, longest)
        yield stream[pos : pos + size]
        pos += size
    yield stream[pos:]


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: each kind of frame, in both length forms that fit."""
    compressor = zlib.compressobj(wbits=-15)

    def deflated(message: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
        return (compressor.compress(message) + compressor.flush(flush))[:-4]

    def frame(first: int, payload: bytes) -> bytes:
        size = len(payload)
        return bytes((first, size)) + payload if size < 126 else struct.pack(">BBH", first, 126, size) + payload

    text = '{"type":"ticker","code":"KRW-BTC","reason":"é한😀"} '.encode()
    streams = [
        frame(0x82, text) * 3 + frame(0x82, text * 4),
        frame(0x81, text) + frame(0x81, text * 4) + frame(0x89, b"ping"),
        frame(0x01, text[:45]) + frame(0x89, b"") + frame(0x00, b"") + frame(0x80, text[45:]) + frame(0x82, b"x"),
        frame(0xC2, deflated(text)) + frame(0xC2, deflated(text)) + frame(0xC1, deflated(text * 9)),
        frame(0x41, deflated(text)[:9]) + frame(0x80, b"") + frame(0x82, text * 4) + frame(0x8A, text),
        frame(0xC2, deflated(bytes(20_000))) + frame(0xC2, zlib.compress(text, wbits=-15) + b"\0"),
        frame(0x02, text * 9) + frame(0x00, text * 9) + frame(0x80, text * 9),
        frame(0x82, text) + frame(0x88, b"\x03\xe8" + text),
        frame(0x88, b"") + frame(0x82, text),
        b"\x82\x7f\0\0\0\0\0\1\0\0" + text,
        b"\x82\xfe\0\x80" + text,
    ]
    for options in range(16):
        for number, stream in enumerate(streams):
            yield bytes((options, number)) + stream


if __name__ == "__main__":
    fuzz("frames", check, seeds(), bytes_a_byte=5_000)  # a byte of deflate may be a thousand, kept two times
