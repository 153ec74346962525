"""An exchange for each test, and an event loop in debug mode whose complaints fail the test."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.conftest import DEADLINE
from tests.engine.conftest import config as config
from tests.engine.conftest import sim as sim

__all__ = ["Play", "until"]

Play = Callable[[Coroutine[Any, Any, Any]], Any]


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until `condition` holds, as `wait_until` does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while not condition():
        if loop.time() > deadline:
            pytest.fail(f"{what} did not come true within {DEADLINE:g} s")
        await asyncio.sleep(0.005)


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Play:
    """Run a coroutine as a program would, and hear no complaint of asyncio's."""
    complaints: list[str] = []

    async def noted(main: Coroutine[Any, Any, Any]) -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(str(context)))
        loop.slow_callback_duration = 1.0  # this machine is never quiet; ours give way after a thousandth of that
        return await main

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with caplog.at_level(logging.WARNING, "asyncio"):
            result = asyncio.run(noted(main), debug=True)
        assert complaints == []
        assert [one for one in caplog.records if one.name == "asyncio"] == []
        return result

    return run
