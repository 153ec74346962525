"""Clients that nobody here wrote, run unmodified against the simulator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from websocket_v6.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulator]]:
    """Make simulators that are closed after the test, with the exchange's own limits."""
    with ExitStack() as stack:

        def make(**options: Any) -> Simulator:
            return stack.enter_context(Simulator(**options))

        yield make
