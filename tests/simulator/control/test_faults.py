"""What goes wrong on demand."""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

Make = Callable[..., Any]
TRADES = {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True}


def test_a_dropped_connection_is_reset(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    assert sim.drop() == 1
    with pytest.raises(ConnectionClosed) as caught:
        reader.raw()
    assert caught.value.rcvd is None
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    sim.wait_connected(0)
    assert sim.connections()[0].close_code == 1006


def test_a_connection_may_end_in_order_without_a_close_frame(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(TRADES)
    sim.wait_served({"trade KRW-BTC"})
    assert sim.drop(how="end") == 1
    with pytest.raises(ConnectionClosed) as caught:
        reader.raw()
    assert caught.value.rcvd is None
    assert not isinstance(caught.value.__cause__, ConnectionResetError)
    sim.wait_connected(0)
    assert sim.connections()[0].close_code == 1006


def test_the_other_side_sees_an_end_of_file_and_not_a_reset(simulator: Make) -> None:
    sim = simulator()
    with socket.create_connection(("127.0.0.1", sim.port)) as sock:
        sock.sendall(
            b"GET /websocket/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert sock.recv(4096).startswith(b"HTTP/1.1 101")
        sim.drop(how="end")
        assert sock.recv(1) == b""


def test_a_connection_may_have_nobody_at_its_other_end(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(TRADES)
    sim.wait_served({"trade KRW-BTC"})
    sim.drop(how="vanish")
    assert (sim.served(), sim.connections()[0].open) == (frozenset(), False)
    sim.trade("KRW-BTC")
    assert not reader.connection.ping().wait(0.1)
    assert reader.is_silent()
    sim.resume()  # it is no stall
    assert reader.is_silent()


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2000, 5000])
def test_no_frame_carries_a_code_that_stands_for_its_absence(simulator: Make, client: Make, code: int) -> None:
    sim = simulator()
    reader = client(sim.url)
    with pytest.raises(ValueError, match="drop"):
        sim.close(code)
    reader.ask(TRADES)
    sim.wait_served({"trade KRW-BTC"})


def test_an_unknown_ending_is_refused_by_name(simulator: Make) -> None:
    with pytest.raises(ValueError, match="reset, end, vanish"):
        simulator().drop(how="explode")


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_a_deployment_ends_every_connection_within_its_time_and_no_new_one(
    simulator: Make, client: Make, process: bool
) -> None:
    sim = simulator(frozen=True, process=process)
    readers = [client(sim.url) for _ in range(4)]
    sim.wait_connected(4)
    assert sim.deploy(60.0) == 4
    sim.advance(30.0, idle=False)
    sim.wait(lambda sim: 0 < sum(info.open for info in sim.connections()) < 4)
    later = client(sim.url)
    sim.advance(30.0, idle=False)
    assert [reader.ended() for reader in readers] == [None] * 4
    assert later.connection.ping().wait(5.0)


def test_maintenance_ends_all_and_comes_to_an_end(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True)
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.maintain(600.0)
    assert reader.ended() is None
    for _ in range(2):
        with pytest.raises(InvalidStatus) as caught:
            client(sim.url)
        assert caught.value.response.status_code == 503
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{sim.rest_url}/v1/market/all")  # noqa: S310
    with refused.value:
        assert (refused.value.code, refused.value.headers["Content-Type"]) == (503, "text/html")
    sim.advance(600.0)
    client(sim.url)


def test_one_connection_or_one_endpoint_can_be_chosen(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator()
    client(sim.url)
    client(sim.url)
    client(sim.private_url, additional_headers=bearer(sim))
    first, second, private = sim.wait_connected(3)
    assert sim.drop("private") == 1
    assert [info.id for info in sim.wait_connected(2)] == [first.id, second.id]
    assert sim.close(1012, "restart", connection_id=first.id) == 1
    assert [info.id for info in sim.wait_connected(1)] == [second.id]
    assert sim.close(connection_id=private.id) == 0


def test_a_close_has_its_code_and_reason(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.close(1001, "going away")
    assert reader.ended() == (1001, "going away")


def test_stalled_data_waits_while_pongs_go_on(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(TRADES)
    sim.wait_served({"trade KRW-BTC"})
    sim.stall()
    for _ in range(3):
        sim.trade("KRW-BTC")
    assert reader.is_silent()
    assert (sim.connections()[0].waiting, sim.sent()) == (3, [])
    assert reader.connection.ping().wait(5.0)
    sim.resume()
    reader.read_many(3)


def test_a_stalled_reader_answers_no_ping_and_sees_no_request(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.stall(data=False, pongs=True)
    pong = reader.connection.ping()
    reader.ask(TRADES)
    assert not pong.wait(0.2)
    assert sim.served() == frozenset()
    sim.resume()
    assert pong.wait(5.0)
    sim.wait_served({"trade KRW-BTC"})
    sim.trade("KRW-BTC")
    reader.read()


def test_a_stalled_connection_can_still_be_dropped(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.stall(data=True, pongs=True)
    sim.drop()
    assert reader.ended() is None
    sim.wait_connected(0)


def test_anything_can_be_sent(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    for data, binary, expected in (
        ("{broken", None, "{broken"),
        (b"\xff\x00", None, b"\xff\x00"),
        ("text", True, b"text"),
        (b"bytes", False, "bytes"),
    ):
        assert sim.send_raw(data, binary) == 1
        assert reader.raw() == expected
    assert sim.notices()[0] == "{broken"


def test_a_text_frame_can_be_bad_utf_8(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.send_raw(b'{"type":"\xff"}', binary=False)
    with pytest.raises(ConnectionClosed) as caught:
        reader.raw()
    assert caught.value.sent is not None
    assert caught.value.sent.code == 1007


def test_an_error_can_be_sent_with_and_without_a_close(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.send_error("SERVER_ERROR", "out of order", close=False)
    assert reader.read() == {"error": {"name": "SERVER_ERROR", "message": "out of order"}}
    sim.send_error("INVALID_AUTH")
    assert reader.read()["error"]["message"] == "인증 정보가 올바르지 않습니다."
    assert reader.ended() == (1000, "")


def test_a_muted_code_falls_silent_without_a_word(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    both = {"type": "trade", "codes": ["KRW-BTC", "KRW-ETH"]}
    reader.ask(both)
    reader.read_many(2)
    sim.mute("KRW-BTC")
    sim.trade("KRW-BTC")
    sim.trade("KRW-ETH")
    assert reader.read()["code"] == "KRW-ETH"
    reader.ask(both)
    assert (reader.read()["code"], reader.is_silent()) == ("KRW-ETH", True)
    assert sim.served() == {"trade KRW-BTC", "trade KRW-ETH"}
    sim.unmute("KRW-BTC")
    sim.trade("KRW-BTC")
    assert reader.read()["code"] == "KRW-BTC"


def test_a_trade_can_come_twice(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask(TRADES)
    sim.wait_served({"trade KRW-BTC"})
    sid = sim.trade("KRW-BTC")
    assert sim.duplicate_last_trade("KRW-BTC") == sid
    first, second = reader.text(), reader.text()
    assert first == second
    assert json.loads(first)["sequential_id"] == sid


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_an_exchange_that_stopped_comes_back_on_its_port_with_its_markets(
    simulator: Make, client: Make, process: bool
) -> None:
    sim = simulator(process=process)
    reader = client(sim.url)
    url, trade = sim.url, sim.trade("KRW-BTC")
    sim.stop()
    assert reader.ended() is None
    with pytest.raises(ConnectionRefusedError):
        client(url)
    sim.start()
    assert sim.url == url
    reader = client(url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    assert reader.read()["sequential_id"] == trade
