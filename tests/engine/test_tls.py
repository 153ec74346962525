"""The real exchange speaks TLS only; here with a certificate authority made for the test."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import wait_until
from websocket_v6 import Config, SnapshotTimeoutError, WebSocketClientProxy
from websocket_v6.simulator import Simulator

CODES = [f"KRW-A{number}" for number in range(20)]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    issued = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    return str(chain), str(key)


def test_data_flows_over_tls(
    authority: trustme.CA, certificate: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with Simulator(markets=CODES, tls=certificate) as sim:
        config = Config(url=sim.url, access_key=sim.access_key, secret_key=sim.secret_key, ping_interval=0.1)
        assert config.url.startswith("wss://")
        with WebSocketClientProxy("secure", config=config) as proxy:
            private: Any = proxy.subscribe_my_asset()
            # Whole books of many markets are several TLS records: some lie decrypted where no selector sees them.
            books = proxy.subscribe_orderbook(CODES)
            assert {books.get(20).symbol for _ in CODES} == set(CODES)
            sim.tick(20)
            wait_until(lambda: books.stats.received > len(CODES), "realtime books")
            sim.wait_served({"myAsset *"}, endpoint="private")
            sim.deposit("KRW", 5)
            assert private.get(20).assets
            (connection,) = sim.connections("public")
            wait_until(lambda: sim.connections("public")[0].pings > 2, "pings")
            assert connection.open


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[str, str]) -> None:
    with (
        Simulator(markets=["KRW-BTC"], tls=certificate) as sim,
        WebSocketClientProxy("careful", config=Config(url=sim.url)) as proxy,
    ):
        reasons: list[str] = []
        proxy.on_connection(lambda event: reasons.append(event.reason))
        with pytest.raises(SnapshotTimeoutError, match=r"lost, .*certificate is not trusted"):
            proxy.get_ticker_snapshot("KRW-BTC", timeout=2)
        wait_until(lambda: any("certificate" in reason.lower() for reason in reasons), "the reason")
