"""Fixtures for pytest: a local exchange, and a component of either face that is connected to nothing else.

    pytest_plugins = ["websocket_v6.testing"]          # in conftest.py

    def test_my_bot(simulator, proxy):
        trades = proxy.subscribe_trade("KRW-BTC")
        assert trades.get(timeout=5.0).symbol == "KRW-BTC"

Each test has an exchange of its own, in whose markets nothing happens but by the test's calls. Needs pytest and the
extra `simulator`. A test of `async_proxy` is a coroutine, or runs one; what it does not clean up ends with its loop.
"""

from collections.abc import Iterator

import pytest

from . import aio
from .protocol.config import Config
from .proxy import WebSocketClientProxy
from .simulator import Simulator

__all__ = ["async_proxy", "proxy", "simulator", "simulator_config"]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A local exchange with its usual markets and its real limits."""
    with Simulator() as sim:
        yield sim


@pytest.fixture
def simulator_config(simulator: Simulator) -> Config:
    """How to reach `simulator`, with keys that it knows; nothing is shared with other processes."""
    return Config(url=simulator.url, access_key=simulator.access_key, secret_key=simulator.secret_key, mode="embedded")


@pytest.fixture
def proxy(simulator_config: Config) -> Iterator[WebSocketClientProxy]:
    """A component of a synchronous program."""
    with WebSocketClientProxy("test", config=simulator_config) as one:
        yield one


@pytest.fixture
def async_proxy(simulator_config: Config) -> aio.WebSocketClientProxy:
    """A component of an asyncio program, of whatever loop uses it first."""
    return aio.WebSocketClientProxy("test", config=simulator_config)
