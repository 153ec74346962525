"""An engine that serves the network: its door outlives what fails, and looking on changes nothing."""

import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket

from tests.actors.ear import there
from tests.conftest import wait_until
from websocket_v6 import Config, ConfigError, WebSocketClientProxy, engine
from websocket_v6.actors.base import ask, tell
from websocket_v6.actors.children import Children
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.supervisor import GetChildren
from websocket_v6.protocol.server.network import Network
from websocket_v6.simulator import Simulator

TIMEOUT = 20.0
Connect = Callable[..., Any]


@pytest.fixture
def embedded(sim: Simulator) -> Config:
    return Config(url=sim.url, mode="embedded")


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[Any] = []

    def connect_one(address: str, *codes: str, origin: str | None = None, type_: str = "ticker") -> Any:
        url = f"ws://{address}/websocket/v1"
        client: Any = websocket.create_connection(url, timeout=TIMEOUT, origin=origin, suppress_origin=origin is None)
        made.append(client)
        client.send(json.dumps([{"ticket": "t"}, {"type": type_, "codes": codes}]))
        return client

    yield connect_one
    for client in made:
        client.shutdown()


def children(service: engine.Service) -> Children:
    found: Children = ask(there(service._engine.supervisor), GetChildren(), TIMEOUT)
    return found


def fail(ref: Ref) -> None:
    """Have an actor die of a bug."""
    tell(ref, Broken())
    wait_until(lambda: not ref.is_alive(), "the end of it")


class Broken:
    """A message that no actor can look at."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError("a bug, as told")


def test_what_cannot_be_served_so_is_said_before_anything_is_begun(embedded: Config) -> None:
    with pytest.raises(ConfigError, match="takes TLS and a token"), engine.serve(embedded, Network(0, "::")):
        pytest.fail("it was served")
    with pytest.raises(ConfigError, match="shares with nobody"), engine.serve(embedded):
        pytest.fail("it was served")
    assert not engine._open


def test_a_port_that_is_taken_leaves_nothing_behind(embedded: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        network = Network(taken.getsockname()[1])
        with (
            pytest.raises(OSError, match="Address already in use: give another --port"),
            engine.serve(embedded, network),
        ):
            pytest.fail("it was served")
    assert not engine._open


@pytest.mark.parametrize("name", ["network", "router", "registry", "jwt"])
def test_after_a_bug_it_is_served_again_at_the_same_port(
    embedded: Config, sim: Simulator, connect: Connect, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.serve(embedded, Network(0)) as service:
        before = children(service).network
        client = connect(service.address, "KRW-BTC")
        assert client.recv()
        fail(getattr(children(service), name))
        wait_until(lambda: children(service).network not in (before, None), "another server")
        wait_until(lambda: _is_closed(client), "the client's end")
        wait_until(lambda: _answers(service.address), "its door")
        again = connect(service.address, "KRW-BTC")
        assert b"KRW-BTC" in again.recv()
    assert f"the engine's {name} failed: " in caplog.text
    caplog.clear()


def _is_closed(client: Any) -> bool:
    try:
        return bool(client.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE)
    except (OSError, websocket.WebSocketException):
        return True


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_who_hangs_up_at_once_harms_nobody(embedded: Config, sim: Simulator, connect: Connect) -> None:
    with engine.serve(embedded, Network(0)) as service:
        server = children(service).network
        port = int(service.address.rpartition(":")[2])
        for _ in range(200):
            sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        assert b"KRW-BTC" in connect(service.address, "KRW-BTC").recv()
        assert children(service).network == server


def test_the_page_looks_on_and_changes_nothing(embedded: Config, sim: Simulator, connect: Connect) -> None:
    with engine.serve(embedded, Network(0)) as service, WebSocketClientProxy("looks", config=embedded) as proxy:
        page = connect(service.address, "KRW-BTC", "KRW-ETH", origin=f"http://{service.address}")
        wait_until(lambda: [one.is_onlooker for one in proxy.health().visitors] == [True], "the page")
        assert proxy.health().streams == 0
        assert sim.connections() == []

        found: list[Any] = []
        ticker = proxy.subscribe_ticker(["KRW-BTC"], found.append)
        assert json.loads(page.recv())["code"] == "KRW-BTC"
        sim.wait_served({"ticker KRW-BTC"})
        asked = len(sim.connections()[0].requests)
        sim.trade("KRW-BTC", price=111_000_000)
        assert json.loads(page.recv())["trade_price"] == 111_000_000

        late = connect(service.address, "KRW-BTC", origin=f"http://{service.address}")
        assert json.loads(late.recv())["trade_price"] == 111_000_000, "the last value, from here"
        assert len(sim.connections()[0].requests) == asked
        assert proxy.health().streams == 1

        proxy.subscribe_trade(["KRW-BTC"], found.append)
        ticker.close()
        sim.wait_served({"trade KRW-BTC"})
        assert proxy.health().wanted == ("trade KRW-BTC",)
        proxy.subscribe_ticker(["KRW-ETH"], found.append)
        while json.loads(page.recv())["code"] != "KRW-ETH":
            pass
        sim.drop()
        sim.wait_served({"trade KRW-BTC", "ticker KRW-ETH"})
        while json.loads(page.recv())["code"] != "KRW-ETH":
            pass  # it goes on after a gap


def test_health_knows_of_gaps(embedded: Config, sim: Simulator, connect: Connect) -> None:
    with WebSocketClientProxy("looks", config=embedded) as proxy:
        proxy.subscribe_ticker(["KRW-BTC"], lambda _: None)
        sim.wait_served({"ticker KRW-BTC"})
        assert proxy.health().gaps == ()
        for number in (2, 3):
            sim.drop()
            wait_until(lambda: proxy.health().connections[0].epoch == number, "the next epoch")  # noqa: B023
            sim.wait_served({"ticker KRW-BTC"})
        first, second = proxy.health().gaps
        assert (first.endpoint, first.epoch, second.epoch) == ("public", 2, 3)
        assert first.ended_ns is not None
        assert first.started_ns < first.ended_ns <= second.started_ns
        assert "lost" in first.reason
