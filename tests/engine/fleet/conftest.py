"""A server, an exchange, and the machines of a fleet on them, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.valkey import Valkey
from websocket_v6.simulator import Simulator

from .world import World


@pytest.fixture
def server() -> Iterator[Valkey]:
    """An empty server."""
    with Valkey() as one:
        yield one


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An exchange with its usual markets."""
    with Simulator() as one:
        yield one


@pytest.fixture
def world(sim: Simulator, server: Valkey, tmp_path: Path) -> Iterator[World]:
    """No machine yet; all that a test makes leave at its end."""
    one = World(sim, server, tmp_path)
    yield one
    one.leave()
