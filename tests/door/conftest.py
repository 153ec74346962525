"""An exchange and a door in front of it for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.door.world")  # before it is imported

from tests.door.world import MARKETS, SAME, World  # noqa: E402
from tests.front_door import front_door  # noqa: E402
from websocket_v6.simulator import Simulator  # noqa: E402


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    """Make worlds that end with the test; the exchange's limits are off unless given, the door's cannot be."""
    with ExitStack() as stack:

        def make(*, door: dict[str, Any] | None = None, **options: Any) -> World:
            settings = {"markets": MARKETS, "limits": None, "answers": SAME, **options}
            sim = stack.enter_context(Simulator(**settings))
            return World(stack, sim, stack.enter_context(front_door(sim, **(door or {}))))

        yield make


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an address connect to doors as often as it likes."""
    monkeypatch.setattr("websocket_v6.protocol.server.door_rules.CONNECTS", 100_000)
