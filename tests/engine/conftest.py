"""A simulated exchange for each test, and the configuration that points at it."""

from collections.abc import Iterator

import pytest

from tests.chaos.slow_calls import stacks_of_slow_calls
from tests.faces import LoopThread, proxies_in
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


# Files whose tests hold for both faces. The others are of one: of threads, of forks, of the engine behind a face.
BOTH = {
    "all_markets",
    "answers",
    "compression",
    "delivery",
    "isolation",
    "life",
    "newest",
    "private",
    "reconcile",
    "telling",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run those twice; the mark `faces` says with which ones, where a callback blocks or is about threads."""
    if metafunc.module.__name__.rpartition(".test_")[2] in BOTH:
        mark = metafunc.definition.get_closest_marker("faces")
        metafunc.parametrize("face", mark.args if mark is not None else ["threads", "asyncio"], indirect=True)


@pytest.fixture(autouse=True)
def face(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the module's proxies be of one face or the other; `awaited`: of asyncio, with `async def` callbacks."""
    face = getattr(request, "param", "threads")
    if face == "threads":
        yield
        return
    with LoopThread() as home:
        monkeypatch.setattr(request.module, "WebSocketClientProxy", proxies_in(home, awaited=face == "awaited"))
        yield
