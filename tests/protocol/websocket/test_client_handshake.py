"""protocol/websocket/client_handshake.py: what is asked, how an answer is read, and that nothing beyond it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.websocket.client_handshake import (
    Answer,
    body_length,
    encode_connect,
    encode_request,
    is_chunked,
    missing,
    read_answer,
    unchunked,
)


def test_requests() -> None:
    assert encode_request("/v1", {"Host": "a", "X": "1"}) == b"GET /v1 HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n"
    assert encode_connect("a:1", {"X": "1"}) == b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX: 1\r\n\r\n"


@pytest.mark.parametrize("bad", ["a\r\nb", "a\n", "\0", "é", "\x7f"])
def test_what_no_header_may_hold_is_never_sent_nor_told(bad: str) -> None:
    for path, headers in ((f"/{bad}", {}), ("/", {"X": f"secret{bad}"}), ("/", {bad: "x"}), ("/a b", {})):
        with pytest.raises(LocalProtocolError) as caught:
            encode_request(path, headers)
        assert "secret" not in str(caught.value)


# --- the answer


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_reading_what_is_missing_goes_to_the_end_of_the_head_and_no_further(fields: bytes, more: bytes) -> None:
    head = b"HTTP/1.1 101 X\r\nA: " + fields.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n\r\n"
    data, pos = head + more, 0
    while size := missing(data[:pos]):
        assert 1 <= size <= 4
        pos += size
    assert pos == len(head)


@pytest.mark.parametrize(
    "head", [b"S", b"SSH-", b"HTTP/2", b"\x16\x03\x01", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 1\r\nA\n"]
)
def test_who_speaks_something_else_is_not_waited_for(head: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        missing(head)


def test_heads() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade:websocket\r\nX-A:  b \t\r\nx-a: c\r\nX-E:\r\n\r\n"
    assert read_answer(head) == Answer(101, {"upgrade": "websocket", "x-a": "b, c", "x-e": ""})
    assert read_answer(b"HTTP/1.0 503\r\n\r\n") == Answer(503, {})


def test_cookies_are_not_kept() -> None:
    head = b"HTTP/1.1 101 X\r\nSet-Cookie: a/b=c\r\nset-cookie: d=e; domain=x\r\nSet-Cookie2: f\r\n\r\n"
    assert read_answer(head) == Answer(101, {})


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 1010 X",
        b"HTTP/2 200 OK",
        b"HTTP/1.1  101 X",
        b"HTTP/1.1 101 X\r\nno colon",
        b"HTTP/1.1 101 X\r\nspace : x",
        b"HTTP/1.1 101 X\r\n folded",
        b"HTTP/1.1 101 X\r\n: x",
    ],
)
def test_no_heads(head: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_answer(head + b"\r\n\r\n")


@pytest.mark.parametrize("line", ["Bearer {}", "HTTP/1.1 Bearer {}", "HTTP/1.1 {} \x1b[2J", "HTTP/1.1 101 X\r\n{}"])
def test_what_is_told_of_a_bad_head_holds_no_token_and_no_escapes(line: str) -> None:
    token = "eyJhbGciOiJIUzUxMiJ9.eyJhY2Nlc3Nfa2V5IjoiQUNDRVNTIn0.c2lnbmF0dXJl"
    with pytest.raises(RemoteProtocolError) as caught:
        read_answer(line.format(token).encode() + b"\r\n\r\n")
    assert "eyJ" not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_a_remote_error(data: bytes) -> None:
    for head in (data, b"HTTP/1.1 101 " + data):
        try:
            missing(head)
            read_answer(head + b"\r\n\r\n")
        except RemoteProtocolError as exc:
            text = str(exc)
        else:
            text = ""
        assert len(text) < 400


def test_the_largest_head_takes_no_time_worth_telling() -> None:
    for fields in (b"a: b\r\n" * 10_000, b"a" * 60_000 + b": b\r\n", b"a: " + b"," * 60_000 + b"\r\n"):
        head = b"HTTP/1.1 101 X\r\n" + fields + b"\r\n"
        begin = time.process_time()
        read_answer(head)
        assert time.process_time() - begin < 2.0


# --- the body


@pytest.mark.parametrize(
    ("status", "headers", "length"),
    [
        (503, {"content-length": "17"}, 17),
        (503, {"content-length": "0"}, 0),
        (503, {}, None),
        (503, {"content-length": "x"}, None),
        (503, {"content-length": "-1"}, None),
        (503, {"content-length": "9" * 30}, None),
        (503, {"content-length": "17", "transfer-encoding": "chunked"}, None),
        (103, {}, 0),
        (204, {"content-length": "3"}, 0),
        (304, {}, 0),
    ],
)
def test_how_long_a_body_is(status: int, headers: dict[str, str], length: int | None) -> None:
    assert body_length(Answer(status, headers)) == length


def test_chunks() -> None:
    assert is_chunked(Answer(418, {"transfer-encoding": "gzip, Chunked"}))
    assert not is_chunked(Answer(418, {}))
    assert unchunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"
    assert unchunked(b"A\r\nabc") == b"abc", "as far as it came"
    assert unchunked(b"no chunks") == b""


@given(st.binary(max_size=60))
def test_any_bytes_are_chunks_or_nothing(data: bytes) -> None:
    assert len(unchunked(data)) <= len(data)
