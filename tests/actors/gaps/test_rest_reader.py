"""The thread that makes REST calls, against a server on this machine and against what is no server."""

import base64
import contextlib
import gzip
import hashlib
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pykka
import pytest

from tests.actors.ear import Ear
from tests.foreign_errors import FOREIGN, made
from tests.proxies import ProxyServer
from websocket_v6.actors.dialing import rest_client
from websocket_v6.actors.gaps import rest_reader as subject
from websocket_v6.actors.gaps.rest_reader import Answered, Ask, Call, RestReader, Unanswered
from websocket_v6.actors.jwt import Jwt
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.gaps.fill import Query
from websocket_v6.protocol.gaps.inquiry_calls import AccountCall
from websocket_v6.protocol.limits import REST_BYTES

DEADLINE = 10.0
PATH = "/v1/trades/ticks"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def config(url: str, **more: Any) -> Config:
    return Config(rest_url=url, **more)


def call(cursor: int | None = None) -> Call:
    return Call(2, "trade KRW-BTC", Query("KRW-BTC", cursor, 0))


class Handler(BaseHTTPRequestHandler):
    server: "Exchange"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answer(self)
        self.close_connection = not self.server.keeps

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Exchange(ThreadingHTTPServer):
    """Answers on loopback, as `answer` does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.keeps = True
        self.answer: Callable[[BaseHTTPRequestHandler], object] = say(200, b"[]")


def say(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], object]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        if not cast(Exchange, request.server).keeps:
            request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(DEADLINE)


@contextlib.contextmanager
def reading(url: str, owner: Ear) -> Iterator[RestReader]:
    """A reader that is told to finish in the end, and does."""
    reader = RestReader(config(url), owner.ref)
    reader.start()
    try:
        yield reader
    finally:
        reader.finish()
        reader.join(DEADLINE)
        assert not reader.is_alive()


def test_a_call_asks_for_one_page_and_is_told_how_it_was_answered(exchange: Exchange) -> None:
    exchange.answer = say(200, b'[{"a":1}]', X_Mark="here")
    owner, asked = Ear(), Call(2, "trade KRW-BTC", Query("KRW-BTC", 17, 3))
    with reading(exchange.url, owner) as reader:
        reader.ask(asked)
        answer = owner.hear()
    assert isinstance(answer, Answered)
    assert (answer.call, answer.status, answer.body) == (asked, 200, b'[{"a":1}]')
    assert answer.headers["x-mark"] == "here"
    ((path, headers),) = exchange.asked
    parts = urlsplit(path)
    assert parts.path == PATH
    assert parse_qs(parts.query) == {"market": ["KRW-BTC"], "count": ["500"], "cursor": ["17"], "days_ago": ["3"]}
    assert headers["User-Agent"] == "websocket_v6"


@pytest.mark.parametrize("status", [302, 404, 418, 429, 500])
def test_whatever_the_exchange_answers_is_an_answer(exchange: Exchange, status: int) -> None:
    exchange.answer = say(status, b"some words", Retry_After="3", Location="/elsewhere")
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call())
        answer = owner.hear()
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, b"some words", "3")
    assert len(exchange.asked) == 1, "it goes nowhere else"


def test_calls_are_made_one_after_the_other(exchange: Exchange) -> None:
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        for cursor in (1, 2, 3):
            reader.ask(call(cursor))
        assert [owner.hear().call for _ in range(3)] == [call(1), call(2), call(3)]
    assert [parse_qs(urlsplit(path).query)["cursor"] for path, _ in exchange.asked] == [["1"], ["2"], ["3"]]


def test_a_connection_that_is_kept_is_used_again_and_one_that_is_not_is_made_anew(exchange: Exchange) -> None:
    owner = Ear()
    came: set[object] = set()

    def answer(request: BaseHTTPRequestHandler) -> None:
        came.add(request.client_address)
        say(200, b"[]")(request)

    exchange.answer = answer
    with reading(exchange.url, owner) as reader:
        for number in range(4):
            exchange.keeps = number < 2
            reader.ask(call(number))
            assert isinstance(owner.hear(), Answered)
    assert len(came) == 2, "of four calls three went one way, then the exchange hung up"


def test_an_answer_is_asked_for_packed_and_unpacked(exchange: Exchange) -> None:
    exchange.answer = say(200, gzip.compress(b"[1, 2]"), Content_Encoding="gzip")
    assert answer_of(exchange).body == b"[1, 2]"
    assert exchange.asked[0][1]["Accept-Encoding"] == "gzip"


def answer_of(exchange: Exchange) -> Answered:
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call())
        answer = owner.hear()
    assert isinstance(answer, Answered), answer
    return answer


def reason_of(exchange: Exchange) -> str:
    """Ask once; return why that was not answered, after a look that the next call is."""
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call(1))
        answer = owner.hear()
        assert isinstance(answer, Unanswered), answer
        assert answer.call == call(1)
        exchange.answer = say(200, b"[]")
        reader.ask(call(2))
        assert isinstance(owner.hear(), Answered), "the next one is another matter"
    assert answer.reason.startswith("GET /v1/trades/ticks: ")
    assert answer.reason.isprintable()
    assert len(answer.reason) < 400
    return answer.reason


def test_a_body_that_inflates_beyond_the_limit_is_no_answer(exchange: Exchange) -> None:
    packed = gzip.compress(b"\0" * 50 * REST_BYTES)
    exchange.answer = say(200, packed, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        assert f"a body of more than {REST_BYTES} bytes" in reason_of(exchange)
        assert tracemalloc.get_traced_memory()[1] < 4 * REST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [None, 10**12])
def test_a_body_without_an_end_is_no_answer(exchange: Exchange, length: int | None) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length is not None:
            request.send_header("Content-Length", str(length))
        request.end_headers()
        with contextlib.suppress(OSError):
            while True:
                request.wfile.write(b"x" * 65536)

    exchange.answer = pour
    assert f"more than {REST_BYTES}" in reason_of(exchange)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b""])
def test_an_answer_that_drips_is_none(exchange: Exchange, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        with contextlib.suppress(OSError):
            while not is_over.wait(0.01):
                request.wfile.write(b"a" if head else b"")

    is_over = threading.Event()
    monkeypatch.setattr(subject, "TIMEOUT", 0.2)
    exchange.answer = drip
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call())
        answer = owner.hear()
        is_over.set()
    assert isinstance(answer, Unanswered)
    assert "not done within 0.2 s, it was waiting for the answer" in answer.reason


@pytest.mark.parametrize(
    "answer",
    [
        b"what?\r\n\r\n",
        b"HTTP/1.1 \xff\x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
        + gzip.compress(b"[1, 2, 3]", mtime=0)[:20],
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so(exchange: Exchange, answer: bytes) -> None:
    exchange.answer = lambda request: request.wfile.write(answer)
    exchange.keeps = False
    reason_of(exchange)


def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.socket() as bound:  # and does not listen: nobody else can
        bound.bind(("127.0.0.1", 0))
        owner = Ear()
        with reading(f"http://127.0.0.1:{bound.getsockname()[1]}", owner) as reader:
            reader.ask(call())
            answer = owner.hear()
    assert isinstance(answer, Unanswered)
    assert "Connection refused" in answer.reason


@pytest.mark.parametrize("url", ["http://a..b", "http://1.2.3.999"])
def test_what_is_no_address_is_no_answer_each_time(url: str) -> None:
    owner = Ear()
    with reading(url, owner) as reader:
        for cursor in (1, 2):
            reader.ask(call(cursor))
            answer = owner.hear()
            assert isinstance(answer, Unanswered)
            assert answer.call == call(cursor)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_whatever_a_library_raises_is_no_answer(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise made(kind)

    monkeypatch.setattr(rest_client, "dial", fail)
    answer = RestReader(config("http://127.0.0.1:1"), Ear().ref)._make(call())
    assert isinstance(answer, Unanswered)
    assert len(answer.reason) > len("GET /v1/trades/ticks: ")


# --- by which way


def test_it_goes_the_way_of_the_websocket(exchange: Exchange) -> None:
    with ProxyServer(("127.0.0.1", exchange.server_port), login="me:hunter2") as server:
        owner = Ear()
        for login in ("me:hunter2", "me:other"):
            given = config("http://api.upbit.example/base/", proxy=server.url("http", login))
            reader = RestReader(given, owner.ref)
            reader.start()
            reader.ask(call())
            answer = owner.hear()
            reader.finish()
            reader.join(DEADLINE)
            if login == "me:hunter2":
                assert isinstance(answer, Answered)
            else:
                assert isinstance(answer, Unanswered)
                assert f"the proxy http://127.0.0.1:{server.port} refused" in answer.reason
                assert "other" not in answer.reason
        assert server.asked == ["api.upbit.example:80"] * 2
    ((path, headers),) = exchange.asked
    assert path.startswith("/base/v1/trades/ticks?")
    assert headers["Host"] == "api.upbit.example"


def test_a_proxy_that_cannot_be_used_is_no_answer(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://loft")
    owner = Ear()
    with reading("http://api.upbit.example", owner) as reader:
        reader.ask(call())
        answer = owner.hear()
    assert isinstance(answer, Unanswered)
    assert "ALL_PROXY names no proxy" in answer.reason
    assert isinstance(answer_of(exchange), Answered), "this machine needs none"


# --- the end


def test_a_reader_that_was_never_asked_ends() -> None:
    with reading("http://127.0.0.1:1", Ear()) as reader:
        assert reader.is_alive()
        assert reader.daemon
        assert reader.name == "rest"


def test_told_to_finish_while_a_call_runs_it_ends_at_once_and_tells_nothing(exchange: Exchange) -> None:
    is_asked, is_over = threading.Event(), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        is_asked.set()
        assert is_over.wait(DEADLINE)

    exchange.answer = answer
    owner = Ear()
    reader = RestReader(config(exchange.url), owner.ref)
    reader.start()
    reader.ask(call(1))
    reader.ask(call(2))
    assert is_asked.wait(DEADLINE)
    begin = time.monotonic()
    reader.finish()
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert time.monotonic() - begin < DEADLINE / 2
    is_over.set()
    assert owner.heard() == []


def test_told_to_finish_before_it_begins_it_asks_nothing(exchange: Exchange) -> None:
    reader = RestReader(config(exchange.url), Ear().ref)
    reader.ask(call(1))
    reader.finish()
    reader.start()
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert exchange.asked == []


def test_without_a_thread_for_it_no_call_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    owner = Ear()
    reader = RestReader(config("http://127.0.0.1:1"), owner.ref)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        reader.start()
    reader.ask(call())
    assert owner.heard() == [Unanswered(call(), "RuntimeError: can't start new thread")]
    reader.finish()


def test_once_its_owner_is_gone_it_ends(exchange: Exchange) -> None:
    class Gone(Ear):
        def tell(self, message: object) -> None:
            raise pykka.ActorDeadError

    reader = RestReader(config(exchange.url), Gone().ref)
    reader.start()
    reader.ask(call(1))
    reader.ask(call(2))
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert len(exchange.asked) == 1


# --- about the account


KEYS = Config(access_key="an-access-key", secret_key="a-secret-key-that-opens-nothing-at-all-and-is-long")


@pytest.fixture
def jwt() -> Iterator[Any]:
    ref = Jwt.start(config=KEYS, owner=Ear().ref)
    yield ref
    ref.stop(block=True)


def about(query: str) -> Ask:
    return Ask("myOrder", 1, AccountCall("/v1/orders/uuids", query, "orders by id"))


def claims(headers: dict[str, str]) -> dict[str, str]:
    part = headers["Authorization"].removeprefix("Bearer ").split(".")[1]
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_call_about_the_account_is_signed_over_the_query_before_it_is_encoded(exchange: Exchange, jwt: Any) -> None:
    ear = Ear()
    reader = RestReader(config(exchange.url), ear.ref, jwt)
    reader.start()
    try:
        for query in ("uuids[]=a&uuids[]=b", "uuids[]=a&uuids[]=b", ""):
            reader.ask(about(query))
            assert isinstance(ear.hear(), Answered)
    finally:
        reader.finish()
        reader.join(DEADLINE)
    (path, first), (_, second), (bare, third) = exchange.asked
    assert path == "/v1/orders/uuids?uuids%5B%5D=a&uuids%5B%5D=b"
    assert bare == "/v1/orders/uuids"
    hashed = hashlib.sha512(b"uuids[]=a&uuids[]=b").hexdigest()
    assert (claims(first)["query_hash"], claims(first)["query_hash_alg"]) == (hashed, "SHA512")
    assert claims(first)["nonce"] != claims(second)["nonce"]  # one for each try
    assert set(claims(third)) == {"access_key", "nonce"}


def test_a_token_that_is_echoed_is_cut_out(exchange: Exchange, jwt: Any) -> None:
    def echo(request: BaseHTTPRequestHandler) -> None:
        said = request.headers["Authorization"]
        say(401, said.encode(), X_Echo=said)(request)

    exchange.answer = echo
    ear = Ear()
    reader = RestReader(config(exchange.url), ear.ref, jwt)
    reader.start()
    reader.ask(about("uuid=a"))
    answer = ear.hear()
    reader.finish()
    reader.join(DEADLINE)
    assert isinstance(answer, Answered)
    assert b"<cut>" in answer.body
    assert "eyJ" not in repr(answer)


def test_no_token_goes_in_clear_to_another_machine(jwt: Any) -> None:
    ear = Ear()
    reader = RestReader(config("http://203.0.113.1"), ear.ref, jwt)
    reader.start()
    reader.ask(about("uuid=a"))
    answer = ear.hear()
    reader.finish()
    reader.join(DEADLINE)
    assert isinstance(answer, Unanswered)
    assert "in clear" in answer.reason
