"""Coverage-guided fuzzing of a door's reader from end to end: a head, who may come in, masked frames, requests.

    python -m tests.fuzz.fuzz_door -max_total_time=60 [other flags of libFuzzer]

Any bytes: who comes is let in by the rules or refused with a response that is whole, whatever is said after that is a
request, the exchange's error or a violation, never an exception; what is refused is not leased, what one client has is
given back when it goes; and a request that a plain client may make is one that a guest may make. The corpus stays in
reports/fuzz/door.
"""

import itertools
import json
import struct
from collections.abc import Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("connection.door", "server", "websocket"):
    from websocket_v6.protocol.connection import door
    from websocket_v6.protocol.secret import Secret
    from websocket_v6.protocol.server import steps
    from websocket_v6.protocol.server.bearer import Token, read_token
    from websocket_v6.protocol.server.client_leases import Give, Take
    from websocket_v6.protocol.server.door_rules import Doorkeeper, Rules, Visit, endpoint_at
    from websocket_v6.protocol.server.guest_entrance import Entered, enter
    from websocket_v6.protocol.server.plain_client import PlainClient, State
    from websocket_v6.protocol.server.request_reading import RequestError, read_guest_request, read_request
    from websocket_v6.protocol.server.words import encode
    from websocket_v6.protocol.websocket.frames import FrameDecoder
    from websocket_v6.protocol.websocket.server_deflate import agree
    from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, read_head, refuse, upgrade

LIMIT = 70_000
KEY = b"k" * 32
NONCE = "0" * 32
MASK = b"\0\0\0\0"
MEMBER = "me"
RULES = Rules(origins=frozenset({"http://desk.example"}), token=Secret("token"))
KNOWN = ("INVALID_AUTH", "WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "NO_CODES", "INVALID_PARAM", "TOO_MANY_REQUEST")


def check(data: bytes) -> None:
    """Serve: the first byte says which door, and whether the bytes begin behind a good head."""
    if not data:
        return
    options, stream = data[0], data[1:]
    if options & 1:
        stream = _head(is_guest=bool(options & 2)) + stream
    try:
        read = read_head(stream)
    except BadRequest as error:
        _check_response(refuse(error.status, headers=error.headers))
        return
    if read is None:
        return
    head, size = read
    if options & 2:
        _serve_guest(head, stream[size:])
    else:
        _serve_plain(head, stream[size:])


def _check_response(response: bytes) -> None:
    head, end, body = response.partition(b"\r\n\r\n")
    assert end
    assert head.startswith(b"HTTP/1.1 ")
    assert b"content-length: %d" % len(body) in head.lower() or head.startswith(b"HTTP/1.1 101")


# --- other programs


def _serve_plain(head: Head, stream: bytes) -> None:
    keeper = Doorkeeper(RULES)
    visit = Visit(head.path, head.query, head.headers, "192.0.2.1", "127.0.0.1", 0, 0)
    refusal = keeper.refusal(visit, 0.0)
    if refusal is not None:
        assert 400 <= refusal.status < 600
        json.loads(refusal.body)
        _check_response(refuse(refusal.status, refusal.body))
        return
    assert head.headers.get("origin", "http://desk.example").lower() == "http://desk.example"
    endpoint = endpoint_at(head.path)
    assert endpoint is not None
    token = read_token(head.headers.get("authorization"))
    assert isinstance(token, Token) or token.status == 401
    try:
        upgrade(head)
        agreed = agree(head.headers.get("sec-websocket-extensions"))
    except BadRequest as error:
        _check_response(refuse(error.status, headers=error.headers))
        return
    decoder = FrameDecoder(masked=True, max_message_bytes=LIMIT, deflate=agreed.inflater if agreed else None)
    client = PlainClient(endpoint=endpoint, region="kr", new_lease=itertools.count(1).__next__, now=0.0)
    leased: set[int] = set()
    for number, message in enumerate(decoder.receive(stream)):
        assert len(message) <= LIMIT
        _check_request(bytes(message), endpoint)
        _follow(client.handle(steps.Heard(message), number * 0.5), leased)
        if client.state is State.CLOSED:
            break
    _follow(client.handle(steps.Gone(), 1e6), leased)
    assert not leased, "all is given back"


def _follow(actions: list[steps.Action], leased: set[int]) -> None:
    for action in actions:
        match action:
            case steps.Say(payload):
                said = json.loads(payload)
                one = said[0] if isinstance(said, list) else said
                assert "error" not in one or one["error"]["name"] in KNOWN
            case steps.Change(changes):
                for change in changes:
                    match change:
                        case Take(lease, want, _):
                            assert list(want.streams())
                            leased.add(lease)
                        case Give(lease, None):
                            leased.remove(lease)
                        case Give(lease, _):
                            assert lease in leased


def _check_request(message: bytes, endpoint: str) -> None:
    try:
        request = read_request(message, endpoint, region="kr")
    except RequestError as error:
        assert error.name in KNOWN  # noqa: PT017 - no test of pytest
        json.loads(error.answer())
        return
    theirs, refused = read_guest_request(message, endpoint, region="kr")
    assert theirs.is_list == request.is_list
    assert set(_streams(theirs.wants)) == set(_streams(request.wants))
    assert not refused


def _streams(wants: tuple[object, ...]) -> Iterator[str]:
    for want in wants:
        yield from want.streams()  # type: ignore[attr-defined]


# --- guests


def _serve_guest(head: Head, stream: bytes) -> None:
    shared = {MEMBER: ("public", "private", "info")}
    entered = enter(head, key=KEY, term=1, shared=shared)
    _check_response(entered.response)
    if not isinstance(entered, Entered):
        return
    assert head.headers[door.AUTH.lower()] == door.auth(KEY, "guest", head.headers[door.NONCE.lower()])
    decoder = FrameDecoder(masked=True, max_message_bytes=LIMIT)
    for message in decoder.receive(stream):
        try:
            request, refused = read_guest_request(bytes(message), entered.endpoint or "public", region="kr")
        except RequestError as error:
            assert error.name in KNOWN  # noqa: PT017
            continue
        assert request.ticket
        for one in refused:
            encode(one)


def _head(*, is_guest: bool) -> bytes:
    fields = {
        "Host": "127.0.0.1:8080",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    if is_guest:
        fields |= {
            "Sec-WebSocket-Protocol": ", ".join(door.SUBPROTOCOLS),
            door.NONCE: NONCE,
            door.AUTH: door.auth(KEY, "guest", NONCE),
            door.MEMBER: MEMBER,
        }
    else:
        fields["Authorization"] = "Bearer token"
    lines = ["GET /websocket/v1 HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: requests of all kinds behind good heads, and heads that are changed a little."""

    def frame(text: str) -> bytes:
        payload = text.encode()
        size = len(payload)
        head = bytes((0x81, size | 0x80)) if size < 126 else struct.pack(">BBH", 0x81, 0xFE, size)
        return head + MASK + payload

    ticket = {"ticket": "t"}
    rsi = {"type": "rsi", "params": {"period": 14}}
    requests: list[object] = [
        [
            ticket,
            {"type": "ticker", "codes": ["KRW-BTC", "krw-x"], "is_only_snapshot": True},
            {"format": "SIMPLE_LIST"},
        ],
        [
            ticket,
            {"type": "orderbook", "codes": ["KRW-BTC.5", "KRW-ETH.7"], "level": 1e4},
            {"type": "trade", "codes": []},
        ],
        [ticket, {"type": "myOrder"}, {"type": "announcement", "categories": ["event"], "include_body": True}],
        [ticket, {"type": "indicator", "codes": ["KRW-BTC"], "timeframe": "5m", "indicators": [rsi]}],
        [ticket, {"type": "candle.1m", "codes": ["KRW-BTC"]}, {"type": "newer", "codes": ["A-B"], "indicators": [rsi]}],
        [ticket, {"method": "LIST_SUBSCRIPTIONS"}, {"format": "JSON_LIST"}],
    ]
    texts = [frame(json.dumps(one)) for one in requests]
    everything = b"".join(texts)
    for options in (1, 3):
        yield bytes((options,)) + everything + frame("PING")
        for text in texts:
            yield bytes((options,)) + text + text
    for is_guest in (False, True):
        head = _head(is_guest=is_guest)
        yield bytes((is_guest * 2,)) + head + everything
        for old, new in (
            (b"/v1 ", b"/v1/private?token=token "),
            (b"Host: 127.0.0.1", b"Origin: http://desk.example\r\nHost: localhost"),
            (b"Bearer token", b"Bearer a.b.c"),
            (b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        ):
            yield bytes((is_guest * 2,)) + head.replace(old, new) + everything


if __name__ == "__main__":
    fuzz("door", check, seeds())
