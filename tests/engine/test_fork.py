"""Fork at any moment: the child waits for nothing of its parent's, and its parent's connections stay the parent's."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from tests.conftest import ROOT, Program, wait_until
from websocket_v6 import ClosedError, Config, Subscription, WebSocketClientProxy, engine
from websocket_v6.actors import forks
from websocket_v6.simulator import Simulator

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]

PATIENCE = 30.0  # for a child that connects, on a machine that does much else
AT_ONCE = 5.0  # likewise, for what waits for nothing


@pytest.fixture
def config(sim: Simulator) -> Config:
    return Config(url=sim.url, mode="embedded")


def fork(body: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Do `body` in a forked child, and fail if it raises there or does not end within `timeout` seconds."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of the test goes on here
            traceback.print_exc()
        finally:
            os._exit(code)
    ended: list[int] = []

    def look() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(ended)

    try:
        wait_until(look, "the child's end", timeout)
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert ended == [0]


@contextlib.contextmanager
def held(lock: Any) -> Iterator[None]:
    """Have another thread hold `lock`."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            is_over.wait(2 * PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


LOCKS: dict[str, Callable[[WebSocketClientProxy, Subscription[Any]], Any]] = {
    "the proxy's": lambda proxy, _: proxy._starting,
    "of the engines": lambda *_: engine._lock,
    "of one engine": lambda proxy, _: engine._engines[proxy._config]._starting,
    "pykka's": lambda *_: pykka.ActorRegistry._actor_refs_lock,
    "a mailbox's": lambda _, subscription: subscription._edge.mailbox._lock,
}


@pytest.mark.parametrize("which", LOCKS)
def test_a_lock_that_another_thread_holds(sim: Simulator, config: Config, which: str) -> None:
    with WebSocketClientProxy("parent", config=config) as proxy:
        subscription = proxy.subscribe_ticker("KRW-BTC")
        subscription.get(PATIENCE)

        def use() -> None:
            assert proxy.subscriptions() == []
            with pytest.raises(ClosedError):
                subscription.get()
            assert subscription.stats.delivered == 1
            subscription.close()
            assert proxy.subscribe_ticker("KRW-ETH").get(PATIENCE).symbol == "KRW-ETH"
            assert len(pykka.ActorRegistry.get_all()) < 12, "the parent's are not among them"
            proxy.cleanup()
            with WebSocketClientProxy("child", config=config) as child:
                assert child.get_ticker_snapshot("KRW-BTC")

        with held(LOCKS[which](proxy, subscription)):
            fork(use)


@pytest.mark.parametrize("step", range(6))
def test_while_another_thread_makes_its_first_call(sim: Simulator, config: Config, step: int) -> None:
    with WebSocketClientProxy("parent", config=config) as proxy:
        found: list[Any] = []
        first = threading.Thread(target=lambda: found.append(proxy.subscribe_ticker("KRW-BTC").get(PATIENCE)))
        first.start()
        time.sleep(0.001 * step)
        fork(lambda: proxy.subscribe_ticker("KRW-BTC").get(PATIENCE))
        first.join()
        assert [one.symbol for one in found] == ["KRW-BTC"]


class Watched:
    """A lock that says when somebody asks for it who may have to wait."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.is_asked_for = threading.Event()

    def acquire(self, timeout: float) -> bool:
        self.is_asked_for.set()
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_fork_waits_for_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    is_in, is_done, lock = threading.Event(), threading.Event(), Watched()
    monkeypatch.setattr(forks, "_importing", lock)

    def load() -> None:
        with forks.no_fork():
            is_in.set()
            assert lock.is_asked_for.wait(PATIENCE), "the fork begins in the middle of it"
            is_done.set()

    def use() -> None:
        assert is_done.is_set()
        with forks.no_fork():
            pass

    thread = threading.Thread(target=load)
    thread.start()
    is_in.wait()
    fork(use)
    thread.join()
    monkeypatch.setattr(forks, "IMPORT_TIMEOUT", 0.05)
    with held(forks._importing):
        fork(lambda: forks.no_fork().__enter__())  # not for ever
    with forks.no_fork():
        fork(lambda: forks.no_fork().__enter__())


def test_a_subscription_is_the_parents(sim: Simulator, config: Config) -> None:
    calls: list[Any] = []
    with WebSocketClientProxy("parent", config=config) as proxy:
        pulled = proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        pushed = proxy.subscribe_trade("KRW-BTC", calls.append)
        events = iter(pulled)
        next(events)
        wait_until(lambda: calls and pulled.stats.queued, "the snapshots")

        def use() -> None:
            for ask in (pulled.get, lambda: pulled.get(60), lambda: next(events), lambda: list(pulled)):
                with pytest.raises(ClosedError, match=r"parent process.*new WebSocketClientProxy"):
                    ask()
            for one in (pulled, pushed):
                with pytest.raises(ClosedError, match="parent process"):
                    one.add("KRW-XRP")
                with pytest.raises(ClosedError, match="parent process"):
                    one.remove("KRW-BTC")
                assert one.stats.queued == 0
                assert "KRW-BTC" in repr(one)
                with one:
                    one.close()
                proxy.unsubscribe(one)
            proxy.unsubscribe_all()
            assert proxy.subscriptions() == []
            assert not proxy.is_public_available()
            proxy.cleanup()

        fork(use, AT_ONCE)
        assert proxy.subscriptions() == [pulled, pushed]
        assert next(events).stream_type == "SNAPSHOT"
        sim.trade("KRW-BTC")
        assert next(events).stream_type == "REALTIME"
        pulled.remove("KRW-ETH")
        sim.wait_served({"ticker KRW-BTC", "trade KRW-BTC"})
        assert [one.open for one in sim.connections()] == [True]


def test_in_a_callback(sim: Simulator, config: Config) -> None:
    ended: list[bool] = []
    with WebSocketClientProxy("parent", config=config) as proxy:

        def use() -> None:
            assert proxy.subscribe_ticker("KRW-ETH").get(PATIENCE).symbol == "KRW-ETH"
            proxy.cleanup()

        def called(_event: object) -> None:
            fork(use)
            ended.append(True)

        proxy.subscribe_ticker("KRW-BTC", called)
        wait_until(lambda: ended, "the child's end", PATIENCE)


PROGRAM = """
import os, sys
from websocket_v6 import Config, WebSocketClientProxy

with WebSocketClientProxy("parent", config=Config(url=sys.argv[1])) as proxy:
    subscription = proxy.subscribe_ticker("KRW-BTC")
    proxy.subscribe_ticker("KRW-ETH", lambda event: None)
    subscription.get(20)
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    sys.stdin.readline()
    print(subscription.get(20).stream_type)
"""


def test_a_child_that_ends_as_programs_do(sim: Simulator) -> None:
    with Program(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, sim.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "7\n", "leaving `with` and its exit handlers waited for nothing"
        sim.trade("KRW-BTC")
        program.stdin.write("\n")
        assert program.communicate(timeout=PATIENCE)[0] == "REALTIME\n"
    assert [one.close_code for one in sim.connections()] == [1000]
