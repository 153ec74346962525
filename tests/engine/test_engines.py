"""Several engines in one process, each with its own beginning and end, and questions whose answers come too late."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ROOT, wait_until
from websocket_v6 import ClosedError, Config, EngineError, WebSocketClientProxy, engine
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.membership.place import Role
from websocket_v6.actors.messages.registry import Subscribe
from websocket_v6.simulator import Simulator
from websocket_v6.steps import Steps

PATIENCE = 30.0


@pytest.fixture
def other(sim: Simulator) -> Config:
    """A configuration that has an engine of its own."""
    return Config(url=sim.url, mode="embedded", ping_interval=19.0)


class Slow:
    """An engine that is in use, and that does not stop before `gate` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
        self.gate = threading.Event()
        self.proxy = WebSocketClientProxy("slow", config=config)
        self.proxy.subscribe_ticker("KRW-BTC").get(PATIENCE)
        self._is_stopping = threading.Event()
        self._supervisor = engine._engines[config].supervisor
        self._stop = engine._stop
        monkeypatch.setattr(engine, "_stop", self._stop_late)
        self._thread = threading.Thread(target=self.proxy.cleanup)

    def _stop_late(self, supervisor: Any) -> Steps[None]:
        if supervisor is self._supervisor:
            self._is_stopping.set()
            self.gate.wait(PATIENCE)
        return self._stop(supervisor)

    def leave(self) -> None:
        self._thread.start()
        assert self._is_stopping.wait(PATIENCE)

    @property
    def is_leaving(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self.gate.set()
        self._thread.join(PATIENCE)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, config: Config) -> Iterator[Slow]:
    """An engine of `config` that is slow to stop, and is stopping."""
    one = Slow(monkeypatch, config)
    one.leave()
    yield one
    one.end()


def later(call: Callable[[], object]) -> tuple[threading.Thread, list[Any]]:
    """Call in a thread of its own; what it returns or raises is in the list."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except Exception as error:  # noqa: BLE001 - the test is told
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


@pytest.mark.usefixtures("slow")
def test_an_engine_that_stops_slowly_holds_up_no_other(sim: Simulator, slow: Slow, other: Config) -> None:
    with WebSocketClientProxy("other", config=other) as proxy:
        assert proxy.get_ticker_snapshot("KRW-ETH")[0].symbol == "KRW-ETH"
    assert slow.is_leaving
    assert len(sim.connections()) == 2


def test_a_new_engine_waits_for_the_one_before(sim: Simulator, slow: Slow, config: Config) -> None:
    with WebSocketClientProxy("same", config=config) as proxy:
        waiting, found = later(lambda: proxy.get_ticker_snapshot("KRW-ETH"))
        waiting.join(0.3)
        assert waiting.is_alive()
        assert len(sim.connections()) == 1, "nobody connected beside it"
        slow.end()
        waiting.join(PATIENCE)
        assert [one.symbol for one in found[0]] == ["KRW-ETH"]
        assert [one.open for one in sim.connections()] == [False, True]


def test_serving_waits_for_the_engine_before(slow: Slow, config: Config) -> None:
    def serve() -> Role:
        with engine.serve(config) as service:
            return service.role

    waiting, found = later(serve)
    waiting.join(0.3)
    assert waiting.is_alive()
    slow.end()
    waiting.join(PATIENCE)
    assert found == [Role.HOST]
    assert not engine._open


def test_waiting_has_an_end(slow: Slow, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CLOSE_TIMEOUT", 0.05)
    with WebSocketClientProxy("same", config=config) as proxy, pytest.raises(EngineError, match="does not stop"):
        proxy.subscribe_ticker("KRW-BTC")


def test_an_engine_that_cannot_start_is_none(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebSocketClientProxy("late", config=Config(url=sim.url, mode="embedded")) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_meeting_folder", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                proxy.subscribe_ticker("KRW-BTC")
        assert not engine._engines
        assert not engine._open
        assert proxy.get_ticker_snapshot("KRW-BTC")


def test_a_proxy_that_is_closed_while_it_starts(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = WebSocketClientProxy("brief", config=config)
    join = engine.join

    def close_and_join(*arguments: Any) -> Steps[engine.Link]:
        proxy.cleanup()
        return join(*arguments)

    monkeypatch.setattr(engine, "join", close_and_join)
    with pytest.raises(ClosedError):
        proxy.subscribe_ticker("KRW-BTC")
    assert not engine._open


PROGRAM = """
import atexit, sys, threading
from websocket_v6 import Config, WebSocketClientProxy, engine

proxy = WebSocketClientProxy("ends", config=Config(url=sys.argv[1], mode="embedded"))
other = WebSocketClientProxy("other", config=Config(url=sys.argv[1], mode="embedded", ping_interval=19))
for one in (proxy, other):
    one.subscribe_ticker("KRW-BTC").get(20)
stop, is_stopping, is_ending = engine._stop, threading.Event(), threading.Event()

def stop_late(supervisor):
    is_stopping.set()
    assert is_ending.wait(20)
    return stop(supervisor)

atexit.register(is_ending.set)  # the last one, so it is called before the engine's own

engine._stop = stop_late
threading.Thread(target=proxy.cleanup, daemon=True).start()
is_stopping.wait()
"""


def test_the_exit_waits_for_an_engine_that_another_thread_stops(sim: Simulator) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, sim.url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: not any(one.open for one in sim.connections()), "the connections' end")
    assert [one.close_code for one in sim.connections()] == [1000, 1000], "closed in order, both"


@pytest.fixture(params=["heeded, answered too late", "heeded too late"])
def starved(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have the registry's answers to Subscribe come too late once the event is set, whether heeded before or after."""
    is_starved, receive, ask = threading.Event(), Registry.on_receive, engine.Link.ask

    def receive_slowly(self: Registry, message: object) -> object:
        if not is_starved.is_set() or not isinstance(message, Subscribe):
            return receive(self, message)
        if request.param == "heeded too late":
            threading.Event().wait(0.3)
            return receive(self, message)
        answer = receive(self, message)
        threading.Event().wait(0.3)
        return answer

    def ask_briefly(self: engine.Link, who: Any, message: object, timeout: float = PATIENCE) -> Any:
        is_late = is_starved.is_set() and isinstance(message, Subscribe)
        return ask(self, who, message, 0.1 if is_late else timeout)

    monkeypatch.setattr(Registry, "on_receive", receive_slowly)
    monkeypatch.setattr(engine.Link, "ask", ask_briefly)
    return is_starved


def test_what_was_not_answered_in_time_is_not_wanted(sim: Simulator, config: Config, starved: threading.Event) -> None:
    with WebSocketClientProxy("starved", config=config) as proxy:
        kept = proxy.subscribe_ticker("KRW-BTC")
        kept.get(PATIENCE)
        starved.set()
        with pytest.raises(EngineError, match="did not answer"):
            proxy.subscribe_trade(["KRW-BTC", "KRW-ETH"])
        assert proxy.subscriptions() == [kept]
        with pytest.raises(EngineError, match="did not answer"):
            kept.add(["KRW-BTC", "KRW-ETH", "KRW-XRP"])
        assert kept.symbols == ("KRW-BTC",)
        starved.clear()
        assert proxy.health().streams == 1
        kept.add("KRW-SOL")
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-SOL"})
        kept.remove("KRW-SOL")
        sim.wait_served({"ticker KRW-BTC"})


def test_what_comes_after_the_end_is_taken_back(
    sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread closes while the question is on its way, and is heeded first."""
    ask = engine.Link.ask_registry
    meanwhile: list[Callable[[], object]] = []

    def ask_after(self: engine.Link, message: object) -> Any:
        if isinstance(message, Subscribe) and meanwhile:
            meanwhile.pop()()
        return ask(self, message)

    monkeypatch.setattr(engine.Link, "ask_registry", ask_after)
    with WebSocketClientProxy("keeper", config=config) as keeper, WebSocketClientProxy("brief", config=config) as brief:
        keeper.subscribe_ticker("KRW-BTC").get(PATIENCE)
        closed = brief.subscribe_ticker("KRW-ETH")
        meanwhile.append(closed.close)
        with pytest.raises(ClosedError):
            closed.add("KRW-XRP")
        assert keeper.health().streams == 1
        meanwhile.append(brief.cleanup)
        with pytest.raises(ClosedError):
            brief.subscribe_ticker("KRW-ETH")
        assert keeper.health().streams == 1
        sim.wait_served({"ticker KRW-BTC"})
