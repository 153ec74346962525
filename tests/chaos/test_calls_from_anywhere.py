"""Every public call, from wherever a program may call it: none hangs, none breaks what goes on beside it."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, wait_until
from websocket_v6 import Config, WebSocketClientProxy, WebSocketV6Error
from websocket_v6.simulator import Simulator

from .slow_calls import stacks_of_slow_calls

MARKETS = ["KRW-BTC", "KRW-ETH"]
IN_TIME = 20.0

Call = Callable[[WebSocketClientProxy, Any], object]
CALLS: dict[str, Call] = {
    "subscribe": lambda proxy, _: proxy.subscribe_ticker("KRW-ETH", callback=lambda _: None),
    "subscribe and close": lambda proxy, _: proxy.subscribe_trade("KRW-ETH").close(),
    "add": lambda _, sub: sub.add("KRW-ETH"),
    "remove": lambda _, sub: sub.remove("KRW-ETH"),
    "close": lambda _, sub: sub.close(),
    "stats": lambda _, sub: sub.stats,
    "symbols": lambda _, sub: sub.symbols,
    "unsubscribe all": lambda proxy, _: proxy.unsubscribe_all(),
    "subscriptions": lambda proxy, _: proxy.subscriptions(),
    "available": lambda proxy, _: proxy.is_public_available(),
    "health": lambda proxy, _: str(proxy.health()),
    "list": lambda proxy, _: proxy.list_subscriptions(),
    "snapshot": lambda proxy, _: proxy.get_ticker_snapshot("KRW-BTC"),
    "keys": lambda proxy, _: proxy.set_keys("an-access-key-of-some-length", "s" * 64),
    "cleanup": lambda proxy, _: proxy.cleanup(),
    "cleanup of another": lambda proxy, _: WebSocketClientProxy("another", config=proxy._config).cleanup(),
}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=MARKETS) as simulator:
        yield simulator


@pytest.fixture
def config(sim: Simulator) -> Config:
    return Config(url=sim.url, mode="embedded", access_key=sim.access_key, secret_key=sim.secret_key)


@pytest.fixture(autouse=True)
def _none_hangs() -> Iterator[None]:
    with stacks_of_slow_calls() as slow:
        yield
    assert not slow, f"these took too long: {slow}"


class Probe:
    """Makes one call where it is told to, and remembers that it came back, or with which error of ours."""

    def __init__(self, config: Config, call: Call) -> None:
        self.proxy = WebSocketClientProxy("subject", config=config)
        self.events: list[Any] = []
        self.done = threading.Event()
        self.errors: list[BaseException] = []
        self._call = call
        self._is_called = False
        self.subscription = self.proxy.subscribe_ticker("KRW-BTC", callback=self.events.append)
        wait_until(lambda: self.events, "the first event")

    def once(self) -> None:
        """Make the call, unless it was made."""
        if not self._is_called:
            self._is_called = True
            self.call()

    def call(self) -> None:
        try:
            self._call(self.proxy, self.subscription)
        except (WebSocketV6Error, TimeoutError) as exc:
            self.errors.append(exc)
        self.done.set()


@pytest.fixture
def other(config: Config) -> Iterator[list[Any]]:
    """The events of a component beside the one that calls, which must go on."""
    events: list[Any] = []
    with WebSocketClientProxy("other", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC", callback=events.append)
        yield events


def goes_on(sim: Simulator, events: list[Any]) -> None:
    count = len(events)

    def has_more() -> bool:
        sim.trade("KRW-BTC")
        return len(events) > count

    wait_until(has_more, "an event of the other component")


each_call = pytest.mark.parametrize("name", CALLS)


@each_call
def test_from_another_thread(sim: Simulator, config: Config, other: list[Any], name: str) -> None:
    probe = Probe(config, CALLS[name])
    thread = threading.Thread(target=probe.call)
    thread.start()
    thread.join(IN_TIME)
    assert not thread.is_alive()
    goes_on(sim, other)
    probe.proxy.cleanup()
    assert not probe.errors


@each_call
def test_from_a_callback(sim: Simulator, config: Config, other: list[Any], name: str) -> None:
    probe = Probe(config, CALLS[name])
    probe.proxy.subscribe_trade("KRW-BTC", callback=lambda _: probe.once())
    assert probe.done.wait(IN_TIME)
    goes_on(sim, other)
    probe.proxy.cleanup()
    # A snapshot is made in the thread that asks for it: all the others work there as well.
    assert not probe.errors


@each_call
def test_from_on_connection(sim: Simulator, config: Config, other: list[Any], name: str) -> None:
    probe = Probe(config, CALLS[name])
    probe.proxy.on_connection(lambda _: probe.once())
    sim.drop()
    assert probe.done.wait(IN_TIME)
    goes_on(sim, other)
    probe.proxy.cleanup()
    assert not probe.errors or name == "list"  # there is nobody to ask just then, and it says so


@each_call
def test_from_a_finalizer(sim: Simulator, config: Config, other: list[Any], name: str) -> None:
    probe = Probe(config, CALLS[name])

    class Dies:
        def __del__(self) -> None:
            probe.call()

    one: Any = Dies()
    one.itself = one  # so that the collector ends it, wherever that runs
    del one
    gc.collect()
    assert probe.done.wait(IN_TIME)
    goes_on(sim, other)
    probe.proxy.cleanup()
    assert not probe.errors


@each_call
def test_from_a_signal_handler_within_the_same_call(
    sim: Simulator, config: Config, other: list[Any], name: str
) -> None:
    """The worst place: the main thread is in a call of ours, perhaps with a lock in its hand."""
    probe = Probe(config, CALLS[name])
    before = signal.signal(signal.SIGUSR1, lambda *_: probe.once())
    try:
        for number in range(5):
            killer = threading.Timer(number * 0.0004, os.kill, (os.getpid(), signal.SIGUSR1))
            killer.start()
            with contextlib.suppress(WebSocketV6Error):  # the handler has cleaned up
                probe.proxy.subscribe_trade("KRW-ETH").close()
                str(probe.proxy.health())
            killer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert probe.done.wait(IN_TIME)
    goes_on(sim, other)
    probe.proxy.cleanup()
    assert not probe.errors


PROGRAM = """
import atexit, sys, threading
from websocket_v6 import Config, WebSocketClientProxy
sys.path.insert(0, {root!r})
from tests.chaos.test_calls_from_anywhere import CALLS
proxy = WebSocketClientProxy("subject", config=Config(url={url!r}, mode="embedded"))
seen = threading.Event()
subscription = proxy.subscribe_ticker("KRW-BTC", callback=lambda _: seen.set())
assert seen.wait(20)
def last():
    try:
        CALLS[{name!r}](proxy, subscription)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print("done")
atexit.register(last)
"""


@each_call
def test_at_exit(sim: Simulator, name: str, tmp_path: Path) -> None:
    program = PROGRAM.format(url=sim.url, name=name, root=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        capture_output=True,
        text=True,
        timeout=IN_TIME,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_call_that_hangs_is_named_with_all_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(WebSocketClientProxy, "subscriptions", lambda _: hangs.wait(0.3))
    proxy = WebSocketClientProxy("hangs", config=Config(mode="embedded"))
    with (tmp_path / "stacks").open("w+", encoding="utf-8") as file:
        with stacks_of_slow_calls(0.05, file) as slow:
            proxy.subscriptions()
        file.seek(0)
        assert "hangs.wait" in file.read() or slow == ["subscriptions"]
    assert slow == ["subscriptions"]
