"""A simulated exchange for each test, and the configuration that points at it."""

from collections.abc import Iterator

import pytest

from tests.chaos.slow_calls import stacks_of_slow_calls
from websocket_v6 import Config
from websocket_v6.simulator import Simulator

MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "BTC-ETH", "USDT-BTC"]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An exchange with its real limits, in whose markets nothing happens but by the test's calls."""
    with Simulator(markets=MARKETS) as simulator:
        yield simulator


@pytest.fixture
def config(sim: Simulator) -> Config:
    """How to reach `sim`, with keys that it knows."""
    return Config(url=sim.url, access_key=sim.access_key, secret_key=sim.secret_key)


@pytest.fixture(autouse=True)
def none_hangs() -> Iterator[None]:
    """Show all stacks as soon as a public call takes over ten seconds, and fail."""
    with stacks_of_slow_calls() as slow:
        yield
    assert not slow, f"these took too long: {slow}"
