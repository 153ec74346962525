"""No more threads, no more memory: an error of ours or a told fallback, and all is well once there is some again."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, Mailbox, WebSocketClientProxy, WebSocketV6Error
from websocket_v6.protocol.delivery import stores
from websocket_v6.simulator import Simulator

CODE = "KRW-BTC"


@pytest.fixture(params=["embedded", "auto"])
def config(request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path) -> Config:
    return Config(url=sim.url, mode=request.param, runtime_dir=tmp_path / "run", backoff_initial=0.02, backoff_max=0.1)


@pytest.fixture(autouse=True)
def no_bug(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert "bug" not in caplog.text
    assert "Traceback" not in caplog.text


class Limit:
    """So many threads may be started from now on; then some may not, and then there is room again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = float("inf")
        self.refusals = 0
        start = threading.Thread.start

        def start_one(thread: threading.Thread) -> None:
            if self.left <= 0 and self.refusals:
                self.refusals -= 1
                raise RuntimeError("can't start new thread")
            self.left -= 1
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_one)


def test_without_a_thread_for_the_component(sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(monkeypatch)
    with WebSocketClientProxy("first", config=config) as proxy:
        limit.left, limit.refusals = 0, 1
        with pytest.raises(WebSocketV6Error, match=r"'first' cannot be started: .*ulimit -u"):
            proxy.subscribe_ticker(CODE)
        assert proxy.subscribe_ticker(CODE).get(timeout=20).symbol == CODE


@pytest.mark.parametrize("count", range(1, 14))
def test_the_limit_of_threads(sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Wherever the last thread goes, calls fail with an error of ours or work, and soon all is well."""
    known = set(pykka.ActorRegistry.get_all())
    limit = Limit(monkeypatch)
    with WebSocketClientProxy("limited", config=config) as proxy:
        limit.left, limit.refusals = count, 2
        subscriptions: list[Any] = []

        def is_well() -> bool:
            try:
                if not subscriptions:
                    subscriptions.append(proxy.subscribe_trade(CODE))
                sim.trade(CODE)
                return subscriptions[0].get(timeout=0.2) is not None
            except (WebSocketV6Error, TimeoutError):
                return False

        wait_until(is_well, "being served")
        limit.refusals = 0
    wait_until(lambda: set(pykka.ActorRegistry.get_all()) <= known, "the end of all actors")


def test_no_memory_for_one_mailbox_is_no_other_component_s_matter(
    sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_many, is_out = stores.Latest.put_many, threading.Event()

    def put(store: Any, events: Any, weight: int) -> None:
        if is_out.is_set():
            raise MemoryError
        put_many(store, events, weight)

    monkeypatch.setattr(stores.Latest, "put_many", put)
    told: list[Any] = []
    with WebSocketClientProxy("poor", config=config) as poor, WebSocketClientProxy("rich", config=config) as rich:
        poor.on_overflow(told.append)
        starved = poor.subscribe_trade(CODE, mailbox=Mailbox.latest())
        events = rich.subscribe_trade(CODE)
        starved.get(timeout=20)
        events.get(timeout=20)
        is_out.set()
        numbers = [sim.trade(CODE) for _ in range(20)]
        seen = [events.get(timeout=20) for _ in numbers]
        assert [one.sequential_id for one in seen] == numbers
        assert {one.epoch for one in seen} == {1}, "its connection was not touched"
        is_out.clear()
        sim.trade(CODE)
        assert starved.get(timeout=20).symbol == CODE
        assert starved.stats.dropped == 20
        wait_until(lambda: sum(one.dropped for one in told) == 20, "the drops told")
