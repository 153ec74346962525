"""pyupbit's WebSocketManager against the simulator and the door.

Its address is written in its code, so the name `api.upbit.com` is made to mean this machine, and a certificate for that
name is made for the test: the client itself, TLS included, runs as it is.
"""

import datetime
import json
import multiprocessing
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.front_door import front_door
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

pyupbit = pytest.importorskip("pyupbit", reason="the extra `peers` is not installed")
x509 = pytest.importorskip("cryptography.x509", reason="the extra `peers` is not installed")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
HOST = "api.upbit.com"

pytestmark = [
    # The manager is a process that inherits what the test has arranged.
    pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="pyupbit's manager needs fork here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Make a certificate for the exchange's name that signs itself; return its file and that of its key."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture(params=["exchange", "door"])
def sim(
    request: pytest.FixtureRequest, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """Run a simulator; with TLS, found under the exchange's name and trusted is that, or a door in front of it."""
    is_door = request.param == "door"
    # A process of its own, as the client forks this one.
    with Simulator(tls=None if is_door else certificate, process=True, limits=None) as simulator, ExitStack() as stack:
        port = simulator.port
        if is_door:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            rules = Rules(names=frozenset({HOST}))
            port = stack.enter_context(front_door(simulator, rules=rules, tls=context, format="DEFAULT")).port
        real = socket.getaddrinfo

        def here(host: Any, number: Any, *args: Any, **kwargs: Any) -> Any:
            if host == HOST:
                host, number = "127.0.0.1", port
            return real(host, number, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", here)
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        yield simulator


@pytest.mark.parametrize("type_", ["ticker", "trade", "orderbook"])
def test_the_manager_gets_what_was_sent(sim: Simulator, type_: str) -> None:
    manager = pyupbit.WebSocketManager(type_, ["KRW-BTC", "KRW-XRP"])
    got: list[Any] = []
    try:
        # `get` starts the manager; it asks with the old camelCase flag, so snapshots come as well.
        got += [manager.get(), manager.get()]
        sim.wait_served({f"{type_} KRW-BTC", f"{type_} KRW-XRP"})
        for _ in range(3):
            sim.trade("KRW-XRP", volume="0.5")
            sim.flush()  # a book for each, in any weather
        got += [manager.get() for _ in range(3)]
    finally:
        stop(manager)
    assert got == [json.loads(sent.text) for sent in sim.sent()]


def test_the_manager_connects_again(sim: Simulator) -> None:
    manager = pyupbit.WebSocketManager("trade", ["KRW-BTC"])
    try:
        assert manager.get()["stream_type"] == "SNAPSHOT"
        assert sim.drop() == 1
        assert manager.get() == "ConnectionClosedError"
        assert manager.get()["code"] == "KRW-BTC"
        assert len(sim.connections()) == 2
    finally:
        stop(manager)


def stop(manager: Any) -> None:
    """End the manager's process and its queue."""
    manager.terminate()
    manager.join(10.0)
    manager.close()
    manager._WebSocketManager__q.close()
    manager._WebSocketManager__q.join_thread()


@pytest.fixture
def rest(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Run a simulator that its REST calls find under the exchange's name."""
    with Simulator(tls=certificate, limits=None) as simulator:
        real = socket.getaddrinfo

        def here(host: Any, number: Any, *args: Any, **kwargs: Any) -> Any:
            if host == HOST:
                host, number = "127.0.0.1", simulator.port
            return real(host, number, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", here)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
        yield simulator


def test_its_calls_place_and_find_orders(rest: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    client = pyupbit.Upbit(rest.access_key, rest.secret_key)
    assert client.get_balance("KRW") == 1_000_000_000
    placed = client.buy_limit_order("KRW-BTC", 1000, 6)
    assert (placed["state"], placed["locked"]) == ("wait", "6003")
    assert [order["uuid"] for order in client.get_order("KRW-BTC")] == [placed["uuid"]]
    assert client.get_order(placed["uuid"])["trades"] == []
    assert client.cancel_order(placed["uuid"])["uuid"] == placed["uuid"]
    bought = client.buy_market_order("KRW-BTC", 100_000)
    assert client.get_order(bought["uuid"])["state"] == "cancel"
    assert client.sell_market_order("KRW-BTC", "0.0005")["side"] == "ask"
    assert client.get_chance("KRW-BTC")["bid_fee"] == "0.0005"
    # It knows the exchange's names, and prints what it makes of them.
    assert client.buy_limit_order("KRW-BTC", 1000, 1) is None
    assert "UnderMinTotalBid" in capsys.readouterr().out


def test_its_candles_are_whole(rest: Simulator) -> None:
    # It pages by 200 with `to`, and waits between the pages.
    frame = pyupbit.get_ohlcv("KRW-BTC", "minute1", count=300, period=0)
    assert len(frame) == 300
    assert frame.index.is_monotonic_increasing
    assert len(set(frame.index)) == 300
    assert len(pyupbit.get_ohlcv("KRW-BTC", "day", count=20)) == 20
    assert pyupbit.get_current_price("KRW-BTC") > 10**8
