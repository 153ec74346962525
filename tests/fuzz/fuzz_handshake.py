"""Coverage-guided fuzzing of what a server may answer to a handshake: an opening, an agreement, a refusal.

    python -m tests.fuzz.fuzz_handshake -max_total_time=60 [other flags of libFuzzer]

Any status, headers and body: an opening is checked or is a RemoteProtocolError, a refusal is an error of ours with a
finite time to wait; whatever is told of it is one printable line without what looks like a token. The corpus stays in
reports/fuzz/handshake.
"""

import itertools
import math
import re
from collections.abc import Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("connection.door", "errors", "outside_text", "websocket"):
    from websocket_v6.protocol.connection import door
    from websocket_v6.protocol.errors import RateLimitedError, RemoteProtocolError, TransportError, WebSocketV6Error
    from websocket_v6.protocol.outside_text import excerpt, outside_text, without_secrets
    from websocket_v6.protocol.websocket import deflate, handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
DOOR = door.Door("/run/door", b"k" * 32, 7)
STATUSES = (101, 200, 301, 400, 401, 403, 418, 426, 429, 500, 503)
LIKE_A_TOKEN = re.compile(r"eyJ[\w-]{8,}|[A-Za-z0-9_]{40,}")


def check(data: bytes) -> None:
    """Read an answer: the first byte is the status, lines are headers up to an empty one, the rest is the body."""
    if not data:
        return
    status = STATUSES[data[0] % len(STATUSES)]
    head, _, body = data[1:].partition(b"\n\n")
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value
    _check_opening(headers)
    error = handshake.refusal(status, headers, body)
    _check_told(error)
    if isinstance(error, TransportError | RateLimitedError) and error.retry_after is not None:
        assert 0 <= error.retry_after < math.inf
    for shown in (outside_text(body.decode("latin-1")), excerpt(body)):
        assert shown.isprintable()
        assert not LIKE_A_TOKEN.search(shown)
    assert not LIKE_A_TOKEN.search(without_secrets(body.decode("latin-1")))


def _check_opening(headers: dict[str, str]) -> None:
    try:
        handshake.check_response(headers, key=KEY, subprotocols=door.SUBPROTOCOLS)
        agreed = deflate.negotiate(headers.get("sec-websocket-extensions"), offered=True)
        assert agreed is None or headers["sec-websocket-extensions"]
    except RemoteProtocolError as error:
        _check_told(error)
    try:
        door.check_answer(DOOR, "0" * 32, headers)
    except door.DoorError as error:
        _check_told(error)
    assert isinstance(door.is_known(DOOR.key, headers), bool)


def _check_told(error: WebSocketV6Error) -> None:
    text = str(error)
    assert text.isprintable()
    assert len(text) < 1_000
    assert not LIKE_A_TOKEN.search(text)


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: openings, agreements and refusals as they are known, and all of them together."""
    accept = handshake.accept_for(KEY)
    heads = [
        f"Sec-WebSocket-Accept: {accept}\nSec-WebSocket-Protocol: v6.2",
        f"Sec-WebSocket-Accept: {accept}\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
        f'Sec-WebSocket-Accept: {accept}\nSec-WebSocket-Extensions: a; b="c\\"d", permessage-deflate, a, a, a, a',
        f"Sec-WebSocket-Accept: {accept}\nSec-WebSocket-Extensions: {'a,' * 1_500}",
        f"X-V6-Auth: {door.auth(DOOR.key, 'host', '0' * 32)}\nX-V6-Term: 7\nSec-WebSocket-Protocol: v6.2",
        f"X-V6-Auth: {door.auth(DOOR.key, 'guest', '0' * 32)}\nX-V6-Nonce: {'0' * 32}",
        "Retry-After: 120\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
        "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
    ]
    bodies = [
        '{"error":{"name":"jwt_verification","message":"JWT 토큰 검증에 실패했습니다."}}',
        '{"error":{"name":"too_many","message":"try again in 999999999 hours"}}',
        '{"error":{"message":"Bearer eyJhbGciOiJIUzUxMiJ9.eyJub25jZSI6IjEifQ.c2lnbmF0dXJl","name":null}}',
        "<html><body>\x1b[31mhttps://me:secret@proxy.example \u202e token=0123456789abcdef</body></html>",
        "[" * 500,
        "",
    ]
    for number, (head, body) in enumerate(itertools.product(heads, bodies)):
        yield bytes((number % len(STATUSES),)) + f"{head}\n\n{body}".encode()


if __name__ == "__main__":
    fuzz("handshake", check, seeds())
