"""One GET after the other on a kept connection. What goes wrong is in tests/actors/gaps/test_rest_reader.py."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest

from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.rest_client import RestClient
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import REST_BYTES
from websocket_v6.protocol.secret import HiddenText


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = cast(Server, self.server)
        server.asked.append((self.client_address[1], self.path, dict(self.headers)))
        self.send_response(server.status)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(server.body)))
        if server.closes:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[int, str, dict[str, str]]] = []
        self.status, self.body, self.closes = 200, gzip.compress(b"[]"), False


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    made = RestClient(Config(rest_url=f"http://127.0.0.1:{server.server_port}/base", proxy="direct"))
    yield made
    made.hang_up()


def test_a_connection_is_kept_and_nothing_is_sent_that_costs(server: Server, client: RestClient) -> None:
    for number in range(2):
        answer = client.get("/v1/market/all", f"is_details=true&n={number}", Attempt(10.0), HiddenText("mine"))
        assert (answer.status, answer.body, answer.headers["content-encoding"]) == (200, b"[]", "gzip")
    (port, path, headers), (other, _, _) = server.asked
    assert (path, port) == ("/base/v1/market/all?is_details=true&n=0", other)
    assert headers["Authorization"] == "Bearer mine"
    assert "Origin" not in headers, "the exchange allows those one call in ten seconds"
    assert headers["Accept-Encoding"] == "gzip"


def test_one_that_the_exchange_closes_is_made_anew(server: Server, client: RestClient) -> None:
    server.closes = True
    for _ in range(2):
        client.get("/", "", Attempt(10.0))
    assert server.asked[0][0] != server.asked[1][0]


def test_a_body_that_inflates_beyond_all_bounds_is_none(server: Server, client: RestClient) -> None:
    server.body = gzip.compress(b" " * (REST_BYTES + 1))
    with pytest.raises(RemoteProtocolError, match="more than"):
        client.get("/", "", Attempt(10.0))


def test_whatever_it_says_the_status_is_for_the_caller(server: Server, client: RestClient) -> None:
    server.status = 418
    assert client.get("/", "", Attempt(10.0)).status == 418
