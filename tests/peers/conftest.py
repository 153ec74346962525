"""Clients that nobody here wrote, run unmodified against the simulator, and against a door in front of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.front_door import FrontDoor, front_door
from websocket_v6.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulator]]:
    """Make simulators that are closed after the test, with the exchange's own limits."""
    with ExitStack() as stack:

        def make(**options: Any) -> Simulator:
            return stack.enter_context(Simulator(**options))

        yield make


@pytest.fixture(params=["exchange", "door"])
def entrance(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Simulator | FrontDoor]]:
    """Return where clients go in: to a simulator itself, or to a door in front of it, whose `Config` has options.

    What they get must be the same. With the format of a client upstream as well it is the same to the byte.
    """
    monkeypatch.setattr("websocket_v6.protocol.server.door_rules.CONNECTS", 1_000)
    with ExitStack() as stack:

        def enter(sim: Simulator, **options: Any) -> Simulator | FrontDoor:
            return sim if request.param == "exchange" else stack.enter_context(front_door(sim, **options))

        yield enter
