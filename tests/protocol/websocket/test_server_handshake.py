"""protocol/websocket/server_handshake.py: heads to the letter, tricks with them, responses nobody can split."""

import contextlib
import itertools
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.websocket.handshake import accept_for, check_response
from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, accept, read_head, refuse, upgrade

# The example of RFC 6455, 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = {
    "Host": "localhost:9000",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def request(line: str = "GET /websocket/v1 HTTP/1.1", /, *more: str, **changed: str | None) -> bytes:
    """Return a handshake's head; `changed` are headers to replace, or to leave out, with _ for -."""
    names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    fields = [
        f"{name}: {value}"
        for name, standard in HANDSHAKE.items()
        if (value := names.get(name.lower(), standard)) is not None
    ]
    return "\r\n".join([line, *fields, *more, "", ""]).encode("latin-1")


def head(data: bytes) -> Head:
    read = read_head(data)
    assert read is not None
    assert read[1] == len(data)
    return read[0]


def status(data: bytes) -> int:
    with pytest.raises(BadRequest) as raised:
        upgrade(head(data))
    assert raised.value.reason == str(raised.value)
    assert isinstance(raised.value, RemoteProtocolError)
    return raised.value.status


# --- a good one


def test_a_handshake_comes_through() -> None:
    read = head(request("GET /websocket/v1?a=1&b=%20? HTTP/1.1", "Origin: http://localhost", "X-Empty:"))
    assert read == Head(
        "GET",
        "/websocket/v1",
        "a=1&b=%20?",
        {name.lower(): value for name, value in HANDSHAKE.items()} | {"origin": "http://localhost", "x-empty": ""},
    )
    assert upgrade(read) == KEY


def test_what_follows_the_head_is_left_to_the_caller() -> None:
    data = request() + b"\x81\x80\r\n\r\n\0"
    assert read_head(data) == (head(request()), len(request()))
    assert read_head(bytearray(data)) == read_head(data)


def test_a_part_of_a_head_is_not_read_yet() -> None:
    data = request()
    assert all(read_head(data[:size]) is None for size in range(len(data)))


def test_headers_that_come_several_times_are_one_list() -> None:
    read = head(
        request(
            "GET / HTTP/1.1",
            "Connection: keep-alive",
            "Sec-WebSocket-Protocol: v6.2",
            "sec-websocket-protocol:\tv6.1 \t",
        )
    )
    assert read.headers["sec-websocket-protocol"] == "v6.2, v6.1"
    assert read.headers["connection"] == "Upgrade, keep-alive"


@pytest.mark.parametrize(
    ("connection", "protocol"),
    [
        ("upgrade", "WebSocket"),
        ("keep-alive, Upgrade", "websocket"),
        ("keep-alive,\tUPGRADE ,", "h2c , WEBSOCKET"),
    ],
)
def test_tokens_are_compared_without_regard_to_case(connection: str, protocol: str) -> None:
    assert upgrade(head(request(Connection=connection, Upgrade=protocol))) == KEY


@pytest.mark.parametrize(
    "host", ["a", "localhost:80", "127.0.0.1:1", "[::1]:9000", "[::ffff:1.2.3.4]", "xn--a.b_c", "a%20b"]
)
def test_hosts_as_they_may_be(host: str) -> None:
    assert head(request(Host=host)).headers["host"] == host


@pytest.mark.parametrize("path", ["/", "/a/", "/a.b/..c/.d", "/%EC%97%85", "/a;b=c,d:@!$&'()*+~_-"])
def test_paths_as_they_may_be(path: str) -> None:
    assert head(request(f"GET {path} HTTP/1.1")).path == path


# --- what is refused when it is read

LINES = {
    "POST / HTTP/1.1": 405,
    "HEAD / HTTP/1.1": 405,
    "OPTIONS * HTTP/1.1": 405,
    "CONNECT a:1 HTTP/1.1": 405,
    "get / HTTP/1.1": 405,
    "GET / HTTP/1.0": 400,
    "GET / HTTP/1.2": 400,
    "GET / HTTP/2": 400,
    "GET / http/1.1": 400,
    "GET /": 400,
    "GET": 400,
    "G(T / HTTP/1.1": 400,
    "PRI * HTTP/2.0": 400,
    "GET  / HTTP/1.1": 400,
    "GET /  HTTP/1.1": 400,
    "GET / HTTP/1.1 ": 400,
    "GET\t/ HTTP/1.1": 400,
    " GET / HTTP/1.1": 400,
    "GET / a HTTP/1.1": 400,
    "GET * HTTP/1.1": 400,
    "GET a HTTP/1.1": 400,
    "GET http://localhost/ HTTP/1.1": 400,
    "GET //localhost/ HTTP/1.1": 400,
    "GET /a//b HTTP/1.1": 400,
    "GET /. HTTP/1.1": 400,
    "GET /a/.. HTTP/1.1": 400,
    "GET /../a HTTP/1.1": 400,
    "GET /a/./b HTTP/1.1": 400,
    "GET /..;/a HTTP/1.1": 400,
    "GET /%2E%2e/a HTTP/1.1": 400,
    "GET /a%2Fb HTTP/1.1": 400,
    "GET /a%5cb HTTP/1.1": 400,
    "GET /a\\b HTTP/1.1": 400,
    "GET /%00 HTTP/1.1": 400,
    "GET /%1f HTTP/1.1": 400,
    "GET /%7F HTTP/1.1": 400,
    "GET /% HTTP/1.1": 400,
    "GET /%g0 HTTP/1.1": 400,
    "GET /a?%2 HTTP/1.1": 400,
    "GET /a#b HTTP/1.1": 400,
    "GET /a?b#c HTTP/1.1": 400,
    "GET /\xe9 HTTP/1.1": 400,
    'GET /" HTTP/1.1': 400,
    "GET /?\x7f HTTP/1.1": 400,
}


@pytest.mark.parametrize("line", LINES)
def test_request_lines_that_are_refused(line: str) -> None:
    assert status(request(line)) == LINES[line]


@pytest.mark.parametrize(
    "field",
    [
        "A : b",
        "A\t: b",
        ": b",
        "A",
        " folded",
        "\tfolded: 1",
        "A b: c",
        "A\xe9: b",
        "A(: b",
        "A: \x01",
        "A: b\x7fc",
        "A: b\x0bc",
        "Host: other",
        "host: localhost:9000",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Content-Length: 1",
        "Content-Length: 00",
        "Content-Length: +0",
        "Content-Length: 0, 0",
        "Content-Length:",
    ],
)
def test_headers_that_are_refused(field: str) -> None:
    assert status(request("GET / HTTP/1.1", field)) == 400
    assert status(request("GET / HTTP/1.1", field, "B: c")) == 400


def test_a_length_of_nothing_is_no_body() -> None:
    assert upgrade(head(request("GET / HTTP/1.1", "Content-Length: 0"))) == KEY


@pytest.mark.parametrize(
    "host", [None, "", "a b", "a, b", "a/b", "u@a", "a:b", "a:", "a:123456", "[::1", "::1", "\xe9"]
)
def test_a_host_is_there_once_and_well_formed(host: str | None) -> None:
    assert status(request(Host=host)) == 400


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n",
        b"GET / HTTP/1.1\r\nHost: a\rB: c\r\n",
        b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\0",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r",
        b"\n",
        b"\x16\x03\x01",
        b" ",
        b"\0",
    ],
)
def test_a_head_that_cannot_become_good_is_not_waited_for(data: bytes) -> None:
    with pytest.raises(BadRequest) as raised:
        read_head(data)
    assert raised.value.status == 400
    with pytest.raises(BadRequest):
        read_head(data + b"\r\n\r\n")


def test_a_head_has_sixteen_kibibytes_at_most() -> None:
    room = 16 * 1024 - len(request("GET / HTTP/1.1", "A: "))
    assert head(request("GET / HTTP/1.1", "A: " + "b" * room)).headers["a"] == "b" * room
    for data in (request("GET / HTTP/1.1", "A: " + "b" * (room + 1)), b"G" * 16 * 1024, b"GET /" + b"a" * 20_000):
        with pytest.raises(BadRequest) as raised:
            read_head(data)
        assert raised.value.status == 431
    assert read_head(b"G" * (16 * 1024 - 1)) is None


def test_a_head_has_fewer_than_a_hundred_headers() -> None:
    more = ["A: b"] * (99 - len(HANDSHAKE))
    assert upgrade(head(request("GET / HTTP/1.1", *more))) == KEY
    assert status(request("GET / HTTP/1.1", *more, "A: b")) == 431


# --- what is refused because it is no handshake


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Upgrade": "websockets"}, 426),
        ({"Connection": None}, 426),
        ({"Connection": "keep-alive"}, 426),
        ({"Connection": "no upgrade"}, 426),
        ({"Sec_WebSocket_Version": None}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": "13, 8"}, 426),
        ({"Sec_WebSocket_Version": "013"}, 426),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": KEY[:-1]}, 400),
        ({"Sec_WebSocket_Key": KEY[:-2]}, 400),
        ({"Sec_WebSocket_Key": "A" * 24}, 400),
        ({"Sec_WebSocket_Key": "A" * 23 + "="}, 400),
        ({"Sec_WebSocket_Key": "A" * 21 + "==="}, 400),
        ({"Sec_WebSocket_Key": "-" * 22 + "=="}, 400),
        ({"Sec_WebSocket_Key": f"{KEY}, {KEY}"}, 400),
        ({"Sec_WebSocket_Key": f"{KEY}\xa0"}, 400),
    ],
)
def test_requests_that_are_no_handshake(changed: Mapping[str, str | None], expected: int) -> None:
    assert status(request(**changed)) == expected


def test_a_refusal_says_what_would_be_served() -> None:
    with pytest.raises(BadRequest) as raised:
        upgrade(head(request(Sec_WebSocket_Version="8")))
    assert refuse(raised.value.status, headers=raised.value.headers) == (
        b"HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nContent-Length: 0\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with pytest.raises(BadRequest) as raised:
        read_head(request("PUT / HTTP/1.1"))
    assert b"\r\nAllow: GET\r\n" in refuse(raised.value.status, headers=raised.value.headers)


def test_a_head_that_was_not_read_here_is_checked_as_well() -> None:
    with pytest.raises(BadRequest) as raised:
        upgrade(head(request())._replace(method="POST"))
    assert raised.value.status == 405


# --- responses


def parse(response: bytes) -> tuple[str, dict[str, str], bytes]:
    first, _, body = response.partition(b"\r\n\r\n")
    line, *fields = first.decode().split("\r\n")
    return line, dict(field.split(": ", 1) for field in fields), body


def test_the_example_of_the_rfc_is_accepted() -> None:
    assert accept(KEY, subprotocol="chat", extensions=None) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )


def test_a_client_of_ours_takes_the_answer() -> None:
    line, headers, rest = parse(
        accept(KEY, subprotocol="v6.1", extensions="permessage-deflate; a=1", headers={"X-V6-Term": "7"})
    )
    check_response(headers, key=KEY, subprotocols=["v6.1"])
    assert (line, rest) == ("HTTP/1.1 101 Switching Protocols", b"")
    assert headers == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_for(KEY),
        "Sec-WebSocket-Protocol": "v6.1",
        "Sec-WebSocket-Extensions": "permessage-deflate; a=1",
        "X-V6-Term": "7",
    }


def test_a_refusal_has_its_body_and_is_the_last() -> None:
    assert refuse(401, b'{"error":1}', {"X-V6-Why": "other keys"}) == (
        b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 11\r\nContent-Type: application/json\r\n"
        b'X-V6-Why: other keys\r\n\r\n{"error":1}'
    )
    assert parse(refuse(404, b"\r\n\r\n", content_type="text/plain"))[1:] == (
        {"Connection": "close", "Content-Length": "4", "Content-Type": "text/plain"},
        b"\r\n\r\n",
    )
    assert refuse(200, b"<p>", content_type="text/html").startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    assert refuse(429) == b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\nb", "a\rb", "\0", "\x7f", "é", "a\tb"])
def test_no_value_can_split_a_response(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        accept(KEY, subprotocol=bad, extensions=None)
    with pytest.raises(LocalProtocolError):
        accept(KEY, subprotocol=None, extensions=bad)
    with pytest.raises(LocalProtocolError):
        accept(KEY, subprotocol=None, extensions=None, headers={"X-A": bad})
    with pytest.raises(LocalProtocolError):
        refuse(400, headers={"X-A": bad})
    with pytest.raises(LocalProtocolError):
        refuse(400, headers={bad: "a"})
    with pytest.raises(LocalProtocolError):
        refuse(400, b"a", content_type=bad)


@pytest.mark.parametrize("subprotocol", ["", "a b", "a,b", "a;b"])
def test_a_subprotocol_is_one_word(subprotocol: str) -> None:
    with pytest.raises(LocalProtocolError, match="one word"):
        accept(KEY, subprotocol=subprotocol, extensions=None)


def test_what_the_response_has_of_its_own_is_not_said_twice() -> None:
    for name in ("connection", "UPGRADE", "Sec-WebSocket-Accept"):
        with pytest.raises(LocalProtocolError, match=name.lower()):
            accept(KEY, subprotocol=None, extensions=None, headers={name: "a"})
    with pytest.raises(LocalProtocolError, match="content-length"):
        refuse(400, headers={"Content-Length": "7"})


@pytest.mark.parametrize("number", [-1, 0, 100, 101, 199, 204, 205, 304, 299, 600])
def test_statuses_that_no_refusal_has(number: int) -> None:
    with pytest.raises(LocalProtocolError, match=str(number)):
        refuse(number)


# --- properties

words = st.text(alphabet="abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
values = st.text(alphabet=[chr(code) for code in range(0x20, 0x100) if not 0x7F <= code < 0xA0], max_size=30)
fields = st.lists(st.tuples(words.map(lambda word: f"x-{word}".lower()), values), max_size=8)
PIECES = (b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"\r", b"\n", b":", b"Host", b"a", b"\t", b"\0", b"\r\n\r\n",
          b"Content-Length: 0", b"Transfer-Encoding", b"Connection: upgrade", b"%", b"..", b"\xff")  # fmt: skip


def refused(data: bytes) -> BadRequest | None:
    """Return how `data` is refused as the head of a request, if it is; nothing else may be raised."""
    try:
        read_head(data)
    except BadRequest as error:
        return error
    return None


def check_anything(data: bytes) -> None:
    """A head, nothing yet, or a refusal: the same whenever one looks, and never anything else."""
    if error := refused(data):
        assert error.status in (400, 405, 431)
        assert parse(refuse(error.status, headers=error.headers))[2] == b""
        assert len(error.reason) < 200
        assert refused(data + b"\r\n\r\n"), "whatever follows, it stays refused"
        return
    read = read_head(data)
    if read is None:
        assert b"\r\n\r\n" not in data
        return
    found, size = read
    assert data.find(b"\r\n\r\n") == size - 4
    assert read_head(data[:size]) == read
    assert all(read_head(data[:part]) is None for part in range(0, size, 7))
    for name, value in found.headers.items():
        assert name == name.lower()
        assert value == value.strip(" \t")
        assert not set(value) & set("\r\n\0")
    assert found.headers["host"]
    assert found.path.startswith("/")
    with contextlib.suppress(BadRequest):
        assert accept(upgrade(found), subprotocol=None, extensions=None)


@given(fields, st.sampled_from(["", " ", "\t", " \t "]))
def test_headers_come_through_as_they_were_sent(sent: list[tuple[str, str]], space: str) -> None:
    read = head(request("GET / HTTP/1.1", *(f"{name.title()}:{space}{value}{space}" for name, value in sent)))
    for name, group in itertools.groupby(sorted(sent, key=lambda field: field[0]), key=lambda field: field[0]):
        # The order of one name's values is the order they came in; sorting by name keeps it.
        assert read.headers[name] == ", ".join(value.strip(" ") for _, value in group)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join) | st.binary(max_size=300))
@example(b"")
@example(request())
def test_garbage_gives_a_head_or_a_refusal(data: bytes) -> None:
    check_anything(data)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PIECES), st.integers(0, 3)), min_size=1, max_size=4))
def test_a_mutated_head_gives_a_head_or_a_refusal(mutations: list[tuple[int, bytes, int]]) -> None:
    data = request("GET /a?b HTTP/1.1", "Origin: http://a", "Sec-WebSocket-Protocol: v6.1")
    for place, piece, removed in mutations:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + removed :]
    check_anything(data)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20) | words)
def test_whatever_is_put_into_a_response_is_there_or_refused(value: str, extensions: str, name: str) -> None:
    try:
        response = accept(KEY, subprotocol=None, extensions=extensions, headers={name: value})
    except LocalProtocolError:
        return
    line, headers, rest = parse(response)
    assert (line, rest) == ("HTTP/1.1 101 Switching Protocols", b"")
    assert len(headers) == 5
    assert headers[name] == value
    assert headers["Sec-WebSocket-Extensions"] == extensions


def test_what_may_be_a_token_is_read_and_not_shown() -> None:
    secrets = {"Authorization": "Bearer t0ken-a", "Cookie": "t0ken-b", "X-V6-Auth": "t0ken-c", "X-V6-Proof": "t0ken-d"}
    lines = ["GET /?token=t0ken-e HTTP/1.1", "Host: a", *(f"{name}: {value}" for name, value in secrets.items())]
    found = read_head("\r\n".join([*lines, "", ""]).encode())
    assert found is not None
    head, _ = found
    assert (head.query, head.headers["authorization"]) == ("token=t0ken-e", "Bearer t0ken-a")
    assert "t0ken" not in repr(head)
