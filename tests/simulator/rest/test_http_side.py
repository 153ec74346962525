"""HTTP as bots' clients speak it: kept connections, any method, bodies, gzip, nonsense; and its end."""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from websocket_v6.simulator import Limits

Make = Callable[..., Any]


def raw(sim: Any, data: bytes) -> bytes:
    """Send bytes and return what comes until the end."""
    with closing(socket.create_connection(("127.0.0.1", sim.port), 5)) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_a_connection_is_kept_and_shared_by_all_methods(simulator: Make, caller: Make) -> None:
    call = caller(simulator())
    call("GET", "/v1/market/all")
    sock = call.connection.sock
    uuid = call.order()["uuid"]
    call("DELETE", "/v1/order", uuid=uuid)
    assert call.connection.sock is sock


def test_what_is_sent_ahead_is_answered_in_its_order(simulator: Make) -> None:
    get = b"GET /v1/orderbook/instruments?markets=%s HTTP/1.1\r\nHost: x\r\n\r\n"
    out = raw(simulator(), b"".join(get % code for code in (b"KRW-BTC", b"KRW-ETH")))
    assert out.count(b"HTTP/1.1 200") == 2
    assert out.index(b"KRW-BTC") < out.index(b"KRW-ETH")


def test_a_request_may_come_byte_by_byte(simulator: Make, client: Make) -> None:
    sim = simulator()
    text = b"GET /v1/orderbook/instruments?markets=KRW-BTC HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", sim.port), 5)) as sock:
        for at in range(len(text)):
            sock.sendall(text[at : at + 1])
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
    handshake = (
        b"GET /websocket/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", sim.port), 5)) as sock:
        for at in range(len(handshake)):
            sock.sendall(handshake[at : at + 1])
        assert sock.recv(65_536).startswith(b"HTTP/1.1 101")


def test_a_kept_connection_may_become_a_socket(simulator: Make) -> None:
    sim = simulator()
    handshake = (
        b"GET /websocket/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", sim.port), 5)) as sock:
        for _ in range(2):
            sock.sendall(b"HEAD /v1/market/all HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(65_536).startswith(b"HTTP/1.1 405")
        sock.sendall(handshake[:9])
        sock.sendall(handshake[9:])
        assert sock.recv(65_536).startswith(b"HTTP/1.1 101")
        assert len(sim.wait_connected(1)) == 1
        assert sim.drop() == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/v1/market/all", 405),
        ("PUT", "/v1/orders", 405),
        ("PATCH", "/v1/candles/minutes/1", 405),
        ("DELETE", "/v1/nope", 404),
        ("POST", "/websocket/v1", 404),
        ("GET", "/", 404),
    ],
)
def test_a_method_or_path_that_is_not_there(simulator: Make, method: str, path: str, status: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", simulator().port, timeout=5)) as connection:
        for _ in range(2):
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
            assert response.status == status
            assert (body == b"") if method == "HEAD" else json.loads(body)["error"]["name"] == status


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /v1/market/all HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/market/all\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    ],
)
def test_nonsense_is_a_bad_request_and_the_end(simulator: Make, data: bytes) -> None:
    sim = simulator()
    assert raw(sim, data)[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431"}
    assert raw(sim, b"GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_a_head_has_a_bound(simulator: Make) -> None:
    sim = simulator()
    try:
        out = raw(sim, b"GET /v1/market/all HTTP/1.1\r\nX: " + b"a" * 200_000)
    except OSError:  # it may end while more is on its way
        out = b""
    assert b" 200 " not in out
    assert raw(sim, b"GET /v1/x HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_a_body_has_a_bound(simulator: Make) -> None:
    sim = simulator(limits=Limits(request_bytes=1000))
    head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"
    assert raw(sim, head + b"x" * 2000).startswith(b"HTTP/1.1 413")


def test_market_data_is_packed_for_those_who_take_it(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    call.connection.request("GET", "/v1/market/all", headers={"Accept-Encoding": "gzip, deflate"})
    response = call.connection.getresponse()
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(response.read()))) == 20
    # An exchange call is not, as documented.
    headers = {**call.headers(""), "Accept-Encoding": "gzip"}
    assert call.send("GET", "/v1/accounts", None, headers).headers["Content-Encoding"] is None


def test_a_date_of_the_simulated_time(simulator: Make, caller: Make) -> None:
    answer = caller(simulator(frozen=True, start_time=1_795_176_000.0))("GET", "/v1/market/all")
    assert answer.headers["Date"] == "Fri, 20 Nov 2026 12:00:00 GMT"


def test_a_stop_cuts_calls_and_connections_and_a_start_serves_again(simulator: Make) -> None:
    sim = simulator()
    sim.spoil("/v1/market/all", "hang")
    with (
        closing(socket.create_connection(("127.0.0.1", sim.port), 5)) as silent,
        closing(http.client.HTTPConnection("127.0.0.1", sim.port, timeout=5)) as connection,
    ):
        connection.request("GET", "/v1/market/all")
        ended = threading.Event()

        def wait() -> None:
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                connection.getresponse()
            ended.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        sim.wait(lambda sim: sim.rest_calls() or True)
        sim.stop()
        assert ended.wait(5)
        waiting.join()
        with pytest.raises(ConnectionError):
            silent.recv(1) or (_ for _ in ()).throw(ConnectionError)
    sim.mend()
    sim.start()
    assert raw(sim, b"GET /v1/market/all HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
