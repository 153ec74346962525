"""A plugin for pytest: the fixture `upbit_sim`, a simulated exchange for each test that asks for it.

    def test_my_bot(upbit_sim):
        bot = start_my_bot(upbit_sim.url)
        upbit_sim.trade("KRW-BTC", price=117_000_000)

    @pytest.mark.upbit_sim(markets=["KRW-BTC"], weather=Weather.storm())
    def test_my_bot_in_a_storm(upbit_sim): ...

pytest loads this file in every run on this machine, so it imports nothing else before the fixture is asked for. It
stands outside the package because importing that is no small thing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from websocket_v6.simulator import Simulator

__all__ = ["pytest_configure", "upbit_sim"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "upbit_sim(**options): what the fixture upbit_sim is made with, as arguments of Simulator"
    )


@pytest.fixture
def upbit_sim(request: pytest.FixtureRequest) -> "Iterator[Simulator]":
    """A simulated exchange that is open during the test; the marker of the same name gives it options."""
    from websocket_v6.simulator import Simulator

    # The marker nearest to the test has the last word.
    options = {
        key: value for mark in [*request.node.iter_markers("upbit_sim")][::-1] for key, value in mark.kwargs.items()
    }
    with Simulator(**options) as sim:
        yield sim
