"""Coverage-guided fuzzing of what a client sends to the door: the head of its request, then masked frames.

    python -m tests.fuzz.fuzz_server -max_total_time=60 [other flags of libFuzzer]

Any bytes: a head is read or refused, whenever one looks, and its answer cannot be split; what follows are messages,
control events and at most one end, never an exception; and cut into pieces it gives the same as whole. The corpus stays
in reports/fuzz/server.
"""

import base64
import itertools
import random
import struct
import zlib
from collections.abc import Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("websocket"):
    from websocket_v6.protocol.websocket.controls import Closed, Control, Ping, Pong, Violation
    from websocket_v6.protocol.websocket.deflate import OFFER
    from websocket_v6.protocol.websocket.frames import FrameDecoder, Text
    from websocket_v6.protocol.websocket.outgoing import close_frame
    from websocket_v6.protocol.websocket.server_deflate import agree
    from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, accept, read_head, refuse, upgrade

LIMIT = 70_000
STATUSES = (400, 405, 426, 431)
MASK = b"\x37\xfa\x21\x3d"


def check(data: bytes) -> None:
    """Serve: the first byte says whether there is a head, the second how the rest is cut."""
    if len(data) < 2:
        return
    options, seed, stream = data[0], data[1], data[2:]
    extensions: str | None = OFFER if options & 2 else None
    if options & 1:
        read = _check_head(stream)
        if read is None:
            return
        head, size = read
        extensions, stream = head.headers.get("sec-websocket-extensions"), stream[size:]
    _check_frames(extensions, stream, random.Random(seed))


def _check_head(stream: bytes) -> tuple[Head, int] | None:
    """Return what was read, if it is a handshake."""
    try:
        read = read_head(stream)
        if read is None:
            assert b"\r\n\r\n" not in stream
            return None
        head, size = read
        assert stream.find(b"\r\n\r\n") == size - 4
        assert read_head(bytearray(stream[:size])) == read
        assert read_head(stream[: size - 1]) is None
        _check_fields(head)
        key = upgrade(head)
        assert len(base64.b64decode(key, validate=True)) == 16
        agreed = agree(head.headers.get("sec-websocket-extensions"))
        answer = accept(key, subprotocol=None, extensions=agreed.response if agreed else None)
    except BadRequest as error:
        assert error.status in STATUSES  # noqa: PT017 - no test of pytest
        answer = refuse(error.status, error.reason.encode(), error.headers, "text/plain")
        assert answer.partition(b"\r\n\r\n")[2] == error.reason.encode()  # noqa: PT017
        return None
    assert answer.find(b"\r\n\r\n") == len(answer) - 4
    return read


def _check_fields(head: Head) -> None:
    assert head.method == "GET"
    assert head.path.startswith("/")
    assert not {"", ".", ".."} & set(head.path.split("/")[1:-1])
    for name, value in head.headers.items():
        assert name == name.lower()
        assert value == value.strip(" \t")
        assert not set(name + value) & set("\r\n\0")


def _check_frames(extensions: str | None, stream: bytes, rng: random.Random) -> None:
    whole = _decode(extensions, [stream])
    pieces = _decode(extensions, list(_cut(stream, rng)))
    assert pieces == whole, (pieces, whole)
    messages, controls = whole
    for message in messages:
        assert len(message) <= LIMIT
        if type(message) is Text:
            message.decode()
        else:
            assert type(message) is bytes
    for control in controls:
        match control:
            case Ping(payload) | Pong(payload):
                assert type(payload) is bytes
                assert len(payload) <= 125
            case Closed(code, reason) | Violation(code, reason):
                assert control is controls[-1]
                # What one end says the other understands.
                answers = FrameDecoder()
                answers.receive(close_frame(code, reason))
                assert [type(answer) for answer in answers.controls] == [Closed]


def _decode(extensions: str | None, pieces: list[bytes]) -> tuple[list[bytes], list[Control]]:
    agreed = agree(extensions)
    decoder = FrameDecoder(deflate=agreed.inflater if agreed else None, max_message_bytes=LIMIT, masked=True)
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
    """Yield inputs to begin with: heads of several kinds, and each kind of frame in both length forms that fit."""

    def deflated(message: bytes) -> bytes:
        compressor = zlib.compressobj(wbits=-15)
        return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def frame(first: int, payload: bytes) -> bytes:
        size = len(payload)
        head = bytes((first, size | 0x80)) if size < 126 else struct.pack(">BBH", first, 0xFE, size)
        return head + MASK + bytes(octet ^ MASK[i % 4] for i, octet in enumerate(payload))

    text = '[{"ticket":"é한😀"},{"type":"ticker","codes":["KRW-BTC"]}] '.encode()
    streams = [
        frame(0x81, text) + frame(0x82, text * 4) + frame(0x89, b"ping"),
        frame(0x01, text[:12]) + frame(0x89, b"") + frame(0x00, b"") + frame(0x80, text[12:]) + frame(0x82, b"x"),
        frame(0xC1, deflated(text)) + frame(0xC2, deflated(text * 9)),
        frame(0x41, deflated(text)[:9]) + frame(0x80, deflated(text)[9:]) + frame(0x8A, text),
        frame(0xC2, deflated(bytes(20_000))),
        frame(0x81, text) + frame(0x88, b"\x03\xe8" + text),
        frame(0x88, b"") + frame(0x82, text),
        b"\x82\xff\0\0\0\0\0\1\0\0" + text,
        b"\x81\x05Hello",
    ]
    standard = (
        "Host: localhost:9000\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
    more = [
        "",
        f"Sec-WebSocket-Extensions: {OFFER}\r\nSec-WebSocket-Protocol: v6.2\r\n",
        'Sec-WebSocket-Extensions: x; a="b", permessage-deflate; server_max_window_bits=10\r\nOrigin: http://a\r\n',
        "Sec-WebSocket-Extensions: permessage-deflate;\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Host: b\r\n",
    ]
    lines = ["GET /websocket/v1?a=%20 HTTP/1.1", "POST / HTTP/1.1", "GET /../%2e//a HTTP/1.1", "GET http://a/ HTTP/1.0"]
    for number, stream in enumerate(streams):
        yield bytes((0, number)) + stream
        yield bytes((2, number)) + stream
    for number, (line, fields) in enumerate(itertools.product(lines, more)):
        stream = streams[number % len(streams)]
        yield bytes((1, number)) + f"{line}\r\n{standard}{fields}\r\n".encode() + stream


if __name__ == "__main__":
    fuzz("server", check, seeds())
