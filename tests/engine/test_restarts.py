"""Children that are killed at random, by bugs and in their threads; starts that fail; a supervisor that dies.

Whatever happens, every component is served again, nothing is told to be over, and nothing is left behind.
"""

import ctypes
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.actors import supervisor
from websocket_v6.actors.base import Actor, TimedInbox
from websocket_v6.actors.connection import sockets
from websocket_v6.actors.connection.connection import Connection
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.jwt import Jwt
from websocket_v6.actors.membership.membership import Membership
from websocket_v6.actors.server.server import Server
from websocket_v6.actors.supervisor import Supervisor
from websocket_v6.actors.watching import Watchman
from websocket_v6.simulator import Simulator
from websocket_v6.steps import finish

SECONDS = float(os.environ.get("WEBSOCKET_V6_TEST_KILLS", "15")) / 10
SUPERVISED = (Jwt, Registry, Router, Connection, Membership, Server)
THREADS = ("Jwt", "Registry", "Router", "Connection", "Membership", "Server", "Supervisor", "transport-")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return where processes may meet, by a name that is short enough for a socket in it."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made) / "meet"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pauses be short."""
    monkeypatch.setattr(supervisor, "random", SimpleNamespace(random=lambda: 0.01))
    monkeypatch.setattr(random, "random", lambda: 0.02)


class Killer:
    """Has actors fail at messages, and threads end in the middle of anything, while it is `on`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.random = random.Random(seed)
        self.on = False
        self.kills = 0
        for kind in SUPERVISED:
            self._patch(monkeypatch, kind)

    def _patch(self, monkeypatch: pytest.MonkeyPatch, kind: type[Actor]) -> None:
        receive: Callable[..., object] = kind.on_receive

        def receive_or_fail(actor: Any, message: object) -> object:
            if self.on and self.random.random() < 0.01:
                self.kills += 1
                raise self.random.choice([RuntimeError, MemoryError, SystemExit, OSError])("as told")
            return receive(actor, message)

        monkeypatch.setattr(kind, "on_receive", receive_or_fail)

    def kill_a_thread(self) -> None:
        """Raise an exit in one of the engine's threads, wherever it is but in the middle of starting another one.

        That would be one that runs and nobody knows of; nothing but such an exit comes there.
        """
        frames = sys._current_frames()
        named = [one for one in threading.enumerate() if one.name.startswith(THREADS)]
        threads = [one for one in named if not _starts_another(frames.get(one.ident or 0))]
        if threads:
            victim = self.random.choice(threads)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(victim.ident or 0), ctypes.py_object(SystemExit))
            self.kills += 1


def _starts_another(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is threading.Thread.start.__code__:
            return True
        frame = frame.f_back
    return False


@pytest.fixture(params=range(2))
def killer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(monkeypatch, request.param)


@pytest.mark.usefixtures("quick")
@pytest.mark.timeout(120 + 2 * SECONDS)
@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_whoever_is_killed_every_component_is_served_again(
    sim: Simulator, config: Config, killer: Killer, folder: Path, mode: Any
) -> None:
    config = msgspec.structs.replace(config, mode=mode, runtime_dir=folder)
    with WebSocketClientProxy("pushed", config=config) as one, WebSocketClientProxy("pulled", config=config) as two:
        pushed: list[Any] = []
        errors: list[Exception] = []
        one.subscribe_ticker("KRW-BTC", pushed.append, error_handler=errors.append)
        private: list[Any] = []
        one.subscribe_my_asset(private.append, error_handler=errors.append)
        pulled: Any = two.subscribe_trade("KRW-ETH")
        pulled.get(10)
        killer.on = True
        end = time.monotonic() + SECONDS
        pause = threading.Event()
        while time.monotonic() < end:
            sim.trade("KRW-BTC")
            sim.trade("KRW-ETH")
            pause.wait(0.02)
            if killer.random.random() < 0.3:
                killer.kill_a_thread()
        killer.on = False
        assert killer.kills > 5
        sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"}, timeout=60)
        sim.wait_served({"myAsset *"}, endpoint="private", timeout=60)
        count, count_private = len(pushed), len(private)

        def is_served() -> bool:
            sim.trade("KRW-BTC")
            sim.deposit("KRW", 1)
            return len(pushed) > count and len(private) > count_private

        wait_until(is_served, "what is new")
        while pulled.stats.queued:
            pulled.get(1)
        sim.trade("KRW-ETH")
        assert pulled.get(20).symbol == "KRW-ETH"
        assert errors == []
        assert one.subscribe_ticker("KRW-XRP").get(20).symbol == "KRW-XRP"
        assert "failed" in str(one.health()) or one.health().restarts == ()


# --- starts that fail


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Have the first threads that are started after the first actor's fail, as many as the list says."""
    start, left = threading.Thread.start, [0]

    def start_or_fail(thread: threading.Thread) -> None:
        if left[0] > 0 and thread.name not in ("guard", "Supervisor", "Subscriber"):
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    yield left
    left[0] = 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failures", [1, 2, 5, 12, 30])
def test_a_program_that_starts_while_threads_are_scarce_is_served(
    sim: Simulator, config: Config, scarce: list[int], failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    scarce[0] = failures
    with WebSocketClientProxy("late", config=config) as proxy:
        ticker: Any = proxy.subscribe_ticker("KRW-BTC")
        assert ticker.get(20).symbol == "KRW-BTC"
        wait_until(lambda: not [one for one in proxy.health().restarts if one.next_attempt is not None], "all parts")
        assert "bug" not in caplog.text
        assert "can't start new thread" in caplog.text or failures == 0


@pytest.mark.usefixtures("quick")
def test_a_shortage_of_descriptors_is_waited_out(
    sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As many as it takes: it was six times within a minute before the engine gave up."""
    config = msgspec.structs.replace(config, backoff_initial=0.01, backoff_max=0.02)
    with WebSocketClientProxy("poor", config=config) as proxy:
        ticker: Any = proxy.subscribe_ticker("KRW-BTC")
        ticker.get(10)
        tries = 0

        def fail(**_: Any) -> None:
            nonlocal tries
            tries += 1
            raise OSError(24, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(sockets, "Transport", fail)
            sim.drop()
            wait_until(lambda: tries > 10, "attempts")
            assert "Too many open files" in proxy.health().connections[0].error
            assert proxy.health().restarts == ()
        ticker.add("KRW-ETH")
        wait_until(lambda: ticker.get(10).symbol == "KRW-ETH", "the data")
        assert "bug" not in caplog.text


@pytest.mark.usefixtures("quick")
def test_a_damaged_host_file_keeps_nobody_from_starting(
    sim: Simulator, config: Config, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = msgspec.structs.replace(config, mode="auto", runtime_dir=folder)
    with WebSocketClientProxy("first", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC").get(10)
        (file,) = folder.glob("*.host")
    file.write_bytes(b"\x81\xa5other" + b"\x91" * 60_000)
    with WebSocketClientProxy("second", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC").get(10)
        assert proxy.health().role == "host"
    assert "is damaged" in caplog.text
    assert "failed" not in caplog.text


# --- a supervisor that dies


@pytest.mark.usefixtures("quick")
def test_a_supervisor_that_dies_is_replaced_and_all_goes_on(
    sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with WebSocketClientProxy("orphan", config=config) as proxy:
        ticker: Any = proxy.subscribe_ticker("KRW-BTC")
        ticker.get(10)
        assert proxy._component is not None
        engine: Any = proxy._component.link._engine
        first = engine.supervisor
        heed = Supervisor._heed
        monkeypatch.setattr(
            Supervisor, "_heed", lambda self, message: exit_at(message) if message == "exit" else heed(self, message)
        )
        first.tell("exit")
        wait_until(lambda: engine.supervisor is not first, "another supervisor")
        assert proxy.subscribe_ticker("KRW-ETH").get(20).symbol == "KRW-ETH"
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"}, timeout=10)
        sim.trade("KRW-BTC")
        wait_until(lambda: ticker.get(10).stream_type == "REALTIME", "the next tick")
        assert "the engine's supervisor failed" in caplog.text


def exit_at(_message: object) -> None:
    raise SystemExit


# --- what hangs


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [Router, Registry, Connection, Jwt, Membership])
def test_what_hangs_is_replaced(
    sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch, folder: Path, kind: type[Actor]
) -> None:
    monkeypatch.setattr(supervisor, "LOOK", 0.05)
    monkeypatch.setattr(Watchman.__init__, "__defaults__", (0.5,))
    gate, receive = threading.Event(), kind.on_receive

    def hang(actor: Any, message: object) -> object:
        return gate.wait(30) if message == "hang" else receive(actor, message)

    monkeypatch.setattr(kind, "on_receive", hang)
    config = msgspec.structs.replace(config, mode="auto", runtime_dir=folder)
    with WebSocketClientProxy("patient", config=config) as proxy:
        ticker: Any = proxy.subscribe_ticker("KRW-BTC")
        ticker.get(10)
        assert proxy._component is not None
        link = proxy._component.link
        name = kind.__name__.lower()
        children = finish(link.children())
        old: Any = children.connections["public"][0] if kind is Connection else getattr(children, name)
        inbox = old.actor_inbox
        assert isinstance(inbox, TimedInbox)
        old.tell("hang")
        wait_until(lambda: not old.is_alive(), "that it is given up")
        gate_thread = inbox.thread
        assert proxy.subscribe_ticker("KRW-ETH").get(20).symbol == "KRW-ETH"
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"}, timeout=20)
        assert gate_thread is not None
        assert gate_thread.is_alive(), "it hangs still"
        gate.set()
        wait_until(lambda: not gate_thread.is_alive(), "its end")
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"}, timeout=20)
