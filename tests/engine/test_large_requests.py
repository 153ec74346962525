"""An exchange that takes no large requests, and closes without a word about them: it is told, and what fits goes on."""

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Limits, Simulator

CODES = [f"KRW-X{number:04d}" for number in range(1500)]


def test_what_a_connection_was_asked_is_in_its_health(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        proxy.subscribe_orderbook(["KRW-BTC", "KRW-XRP"], depth=5)
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH", "orderbook KRW-BTC", "orderbook KRW-XRP"})
        (one,) = (one for one in proxy.health().connections if one.endpoint == "public")
        assert one.codes == 3
        assert f"request of {one.request_bytes:,} bytes for 3 codes" in str(proxy.health())


def test_a_request_that_is_too_large_is_told_with_its_size_and_what_fits_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Simulator(["KRW-BTC"], limits=Limits(request_bytes=16_000)) as sim:
        config = Config(url=sim.url, backoff_initial=0.02, backoff_max=0.2)
        with WebSocketClientProxy("bot", config=config) as proxy:
            proxy.subscribe_ticker("KRW-BTC")
            sim.wait_served({"ticker KRW-BTC"})
            many = proxy.subscribe_ticker(CODES)

            seen: list[str] = []

            def is_told() -> bool:
                seen.extend(one.error for one in proxy.health().connections if one.endpoint == "public")
                return "larger than any that was served" in seen[-1]

            wait_until(is_told, "what is wrong")
            assert "for 1,501 codes" in seen[-1]
            assert sum("larger than any" in record.getMessage() for record in caplog.records) == 1
            many.close()
            ticker = proxy.subscribe_ticker("KRW-BTC")
            sim.wait_served({"ticker KRW-BTC"})
            assert ticker.get(timeout=10).symbol == "KRW-BTC"
            wait_until(lambda: not is_told(), "all is well")
