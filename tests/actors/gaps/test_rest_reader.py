"""The thread that makes REST calls, against a server on this machine and against what is no server."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pykka
import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.gaps import rest_reader as subject
from websocket_v6.actors.gaps.rest_reader import Answered, Call, RestReader, Unanswered
from websocket_v6.protocol.gaps.fill import Query

DEADLINE = 10.0
PATH = "/v1/trades/ticks"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def call(cursor: int | None = None) -> Call:
    return Call(2, "trade KRW-BTC", Query("KRW-BTC", cursor, 0))


class Handler(BaseHTTPRequestHandler):
    server: "Exchange"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Exchange(ThreadingHTTPServer):
    """Answers on loopback, as `answer` does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], object] = say(200, b"[]")


def say(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], object]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    pytest.importorskip("httpx", reason="the calls are made by httpx, which the extra `backfill` brings")
    with Exchange() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(DEADLINE)


@contextlib.contextmanager
def reading(url: str, owner: Ear) -> Iterator[RestReader]:
    """A reader that is told to finish in the end, and does."""
    reader = RestReader(url, owner.ref)
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


def test_without_an_answer_in_time_it_says_so_and_goes_on(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TIMEOUT", 0.05)
    is_over = threading.Event()
    exchange.answer = lambda request: is_over.wait(DEADLINE)
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call(1))
        first = owner.hear()
        is_over.set()
        assert first.call == call(1)
        assert isinstance(first, Unanswered)
        assert first.reason.startswith("ReadTimeout: ")
        monkeypatch.setattr(subject, "TIMEOUT", DEADLINE)
        exchange.answer = say(200, b"[]")
    with reading(exchange.url, owner) as reader:
        reader.ask(call(2))
        assert isinstance(owner.hear(), Answered)


def test_an_answer_that_is_none_is_said_to_be_so(exchange: Exchange) -> None:
    exchange.answer = lambda request: request.wfile.write(b"what?\r\n\r\n")
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call(1))
        answer = owner.hear()
        assert isinstance(answer, Unanswered)
        assert answer.reason.startswith("RemoteProtocolError: ")
        exchange.answer = say(200, b"[]")
        reader.ask(call(2))
        assert isinstance(owner.hear(), Answered), "the next one is another matter"


def test_where_nobody_listens_there_is_no_answer(exchange: Exchange) -> None:
    with socket.socket() as bound:  # and does not listen: nobody else can
        bound.bind(("127.0.0.1", 0))
        owner = Ear()
        with reading(f"http://127.0.0.1:{bound.getsockname()[1]}", owner) as reader:
            reader.ask(call())
            answer = owner.hear()
    assert isinstance(answer, Unanswered)
    assert answer.reason.startswith("ConnectError: ")


@pytest.mark.parametrize("url", ["http://a..b", "http://1.2.3.999"])
def test_what_is_no_address_is_no_answer_each_time(exchange: Exchange, url: str) -> None:
    owner = Ear()
    with reading(url, owner) as reader:
        for cursor in (1, 2):
            reader.ask(call(cursor))
            answer = owner.hear()
            assert isinstance(answer, Unanswered)
            assert answer.call == call(cursor)


def test_a_proxy_that_cannot_be_used_is_no_answer(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://loft")
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        reader.ask(call())
        answer = owner.hear()
        assert isinstance(answer, Unanswered)
        assert "carrier-pigeon" in answer.reason
        monkeypatch.delenv("ALL_PROXY")
        reader.ask(call())
        assert isinstance(owner.hear(), Answered), "it is looked for anew"


def test_without_httpx_every_call_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    owner = Ear()
    with reading("http://127.0.0.1:1", owner) as reader:
        for cursor in (1, 2):
            reader.ask(call(cursor))
            answer = owner.hear()
            assert isinstance(answer, Unanswered)
            assert answer.call == call(cursor)
            assert "httpx" in answer.reason


def test_nobody_forks_while_it_imports(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    steps: list[str] = []

    @contextlib.contextmanager
    def no_fork() -> Iterator[None]:
        steps.append("begin")
        yield
        steps.append("end")

    client = httpx.Client

    def make(**options: Any) -> httpx.Client:
        steps.append("client")
        return client(**options)

    monkeypatch.setattr(subject, "no_fork", no_fork)
    monkeypatch.setattr(httpx, "Client", make)
    owner = Ear()
    with reading(exchange.url, owner) as reader:
        for _ in range(2):
            reader.ask(call())
            owner.hear()
    assert steps == ["begin", "client", "end"], "once"


# --- the end


def test_a_reader_that_was_never_asked_ends() -> None:
    with reading("http://127.0.0.1:1", Ear()) as reader:
        assert reader.is_alive()
        assert reader.daemon
        assert reader.name == "rest"


def test_told_to_finish_while_a_call_runs_it_ends_with_the_answer(exchange: Exchange) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        is_asked.set()
        assert may_answer.wait(DEADLINE)
        say(200, b"[]")(request)

    exchange.answer = answer
    owner = Ear()
    reader = RestReader(exchange.url, owner.ref)
    reader.start()
    reader.ask(call(1))
    assert is_asked.wait(DEADLINE)
    reader.finish()
    assert reader.is_alive()
    may_answer.set()
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert [one.call for one in owner.heard()] == [call(1)]


def test_once_its_owner_is_gone_it_ends(exchange: Exchange) -> None:
    class Gone(Ear):
        def tell(self, message: object) -> None:
            raise pykka.ActorDeadError

    reader = RestReader(exchange.url, Gone().ref)
    reader.start()
    reader.ask(call(1))
    reader.ask(call(2))
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert len(exchange.asked) == 1
