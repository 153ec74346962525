"""Components and engines end without a trace, whatever way they end."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import psutil
import pykka
import pytest

from tests.conftest import ROOT, Program, wait_until
from websocket_v6 import ClosedError, Config, ConfigError, WebSocketClientProxy
from websocket_v6.link import Link
from websocket_v6.simulator import Simulator


def engine_threads() -> list[threading.Thread]:
    names = ("Subscriber", "Supervisor", "Registry", "Router", "Jwt", "Connection", "wire-")
    return [thread for thread in threading.enumerate() if thread.name.startswith(names)]


def test_making_a_proxy_starts_nothing(config: Config) -> None:
    proxy = WebSocketClientProxy("idle", config=config)
    assert engine_threads() == []
    proxy.cleanup()
    with pytest.raises(ClosedError, match="idle"):
        proxy.subscribe_ticker("KRW-BTC")


def test_the_engine_lives_as_long_as_its_components(sim: Simulator, config: Config) -> None:
    first, second = WebSocketClientProxy("first", config=config), WebSocketClientProxy("second", config=config)
    first.subscribe_ticker("KRW-BTC")
    second.subscribe_ticker("KRW-BTC")
    sim.wait_served({"ticker KRW-BTC"})
    first.cleanup()
    assert engine_threads()
    second.cleanup()
    assert engine_threads() == []
    assert not pykka.ActorRegistry.get_all()
    wait_until(lambda: not any(one.open for one in sim.connections()), "the connection's end")


def test_no_callback_comes_after_cleanup(sim: Simulator, config: Config) -> None:
    sim.set_traffic(500)
    calls: list[Any] = []
    proxy = WebSocketClientProxy("short", config=config)
    proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], calls.append)
    wait_until(lambda: len(calls) > 20, "traffic")
    proxy.cleanup()
    count = len(calls)
    sim.tick(20)
    assert len(calls) == count
    proxy.cleanup()


def test_pulling_ends_when_the_component_does(sim: Simulator, config: Config) -> None:
    proxy = WebSocketClientProxy("pulled", config=config)
    subscription = proxy.subscribe_ticker("KRW-BTC")
    events: list[Any] = []
    reader = threading.Thread(target=lambda: events.extend(subscription))
    reader.start()
    wait_until(lambda: subscription.stats.delivered == 1, "the snapshot")
    proxy.cleanup()
    reader.join(5)
    assert not reader.is_alive()
    with pytest.raises(ClosedError):
        subscription.get(1)
    assert len(events) == 1


def test_a_closed_subscription_leaves_the_others(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("several", config=config) as proxy:
        kept, closed = proxy.subscribe_ticker("KRW-BTC"), proxy.subscribe_trade("KRW-BTC")
        assert proxy.subscriptions() == [kept, closed]
        with closed:
            closed.get(20)
        closed.close()
        assert proxy.subscriptions() == [kept]
        sim.wait_served({"ticker KRW-BTC"})
        with pytest.raises(ClosedError):
            closed.add("KRW-ETH")
        kept.add("krw-eth")
        kept.remove("KRW-BTC")
        assert kept.symbols == ("KRW-ETH",)
        sim.wait_served({"ticker KRW-ETH"})
        proxy.unsubscribe_all()
        assert proxy.subscriptions() == []
        wait_until(lambda: not sim.served(), "nothing served")


def test_a_collected_proxy_is_cleaned_up_after(sim: Simulator, config: Config) -> None:
    keeper = WebSocketClientProxy("keeper", config=config)
    keeper.subscribe_ticker("KRW-BTC")
    lost = WebSocketClientProxy("lost", config=config)
    lost.subscribe_ticker("KRW-ETH", lambda event: None)
    sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"})
    gone = weakref.ref(lost)
    del lost
    gc.collect()
    assert gone() is None
    sim.wait_served({"ticker KRW-BTC"})
    keeper.cleanup()


def test_a_collected_proxy_waits_for_nobody(sim: Simulator, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand that were forgotten at once, and each asked and waited, took most of a minute for it."""
    asked: list[object] = []

    def take_back(_: Link, message: object) -> Iterator[Any]:
        asked.append(message)
        return iter(())

    keeper = WebSocketClientProxy("keeper", config=config)
    keeper.subscribe_ticker("KRW-BTC")
    lost = [WebSocketClientProxy(f"lost-{number}", config=config) for number in range(5)]
    for one in lost:
        one.subscribe_ticker("KRW-ETH", lambda event: None)
    sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"})
    monkeypatch.setattr(Link, "take_back", take_back)
    del lost, one
    gc.collect()
    sim.wait_served({"ticker KRW-BTC"})
    wait_until(lambda: keeper.health().components == 1, "all others gone")
    assert not asked
    monkeypatch.undo()
    keeper.cleanup()


def test_a_subscription_keeps_its_proxy(sim: Simulator, config: Config) -> None:
    subscription = WebSocketClientProxy("unnamed", config=config).subscribe_ticker("KRW-BTC")
    gc.collect()
    assert subscription.get(20).symbol == "KRW-BTC"
    del subscription
    gc.collect()
    wait_until(lambda: not engine_threads(), "the engine's end")


def use(number: int, config: Config) -> None:
    """Use a proxy and let it go, in one of three ways."""
    proxy = WebSocketClientProxy(f"component-{number}", config=config)
    match number % 3:
        case 0:
            proxy.subscribe_ticker("KRW-BTC", lambda event: None)
            proxy.cleanup()
        case 1:
            with proxy:
                proxy.subscribe_trade(["KRW-BTC", "KRW-ETH"]).get(20)
        case _:
            proxy.subscribe_ticker("KRW-ETH", lambda event: None)


@pytest.mark.faces("threads")
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_thousand_components_leave_nothing(sim: Simulator, config: Config) -> None:
    keeper = WebSocketClientProxy("keeper", config=config)
    for kind in (keeper.subscribe_ticker, keeper.subscribe_trade):
        for code in ("KRW-BTC", "KRW-ETH"):
            kind(code).get(20)
    sizes = []
    for number in range(1000):
        use(number, config)
        if number % 250 == 249:
            gc.collect()
            wait_until(lambda: keeper.health().components == 1, "all others gone")
            sizes.append(psutil.Process().memory_info().rss)
    gc.collect()
    health = keeper.health()
    assert health.components == 1
    assert health.streams == 4
    wait_until(lambda: len([one for one in engine_threads() if one.name == "Subscriber"]) == 1, "one thread")
    proxies = [one for one in gc.get_objects() if isinstance(one, WebSocketClientProxy)]
    assert proxies == [keeper]
    # The first quarter warms up; a leak of one mailbox each would show as megabytes.
    assert sizes[-1] - sizes[0] < 4 * 1024 * 1024, sizes
    assert len(sim.connections("public")) == 1
    keeper.cleanup()


PROGRAM = """
import sys
from websocket_v6 import Config, WebSocketClientProxy
{body}
"""
BLOCKED = """
proxy = WebSocketClientProxy("blocked", config=Config(url=sys.argv[1]))
subscription = proxy.subscribe_ticker("KRW-BTC")
for event in subscription:
    print(event.symbol, flush=True)
"""
# A signal that comes just before the system's wait is seen when that is over (CPython): so the waits are short.
BUSY_CALLBACK = """
import threading
proxy = WebSocketClientProxy("busy", config=Config(url=sys.argv[1]))
def slow(event):
    print(event.symbol, flush=True)
    threading.Event().wait(60)
proxy.subscribe_ticker("KRW-BTC", slow)
while True:
    threading.Event().wait(0.1)
"""
ENDS = """
proxy = WebSocketClientProxy("ends", config=Config(url=sys.argv[1]))
print(proxy.subscribe_ticker("KRW-BTC").get(20).symbol, flush=True)
"""


def start(sim: Simulator, body: str) -> Program:
    command = [sys.executable, "-c", PROGRAM.format(body=body), sim.url]
    return Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("body", [BLOCKED, BUSY_CALLBACK], ids=["blocked in for", "callback asleep"])
def test_ctrl_c_ends_a_program_at_once(sim: Simulator, body: str) -> None:
    with start(sim, body) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "KRW-BTC\n"
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
        took = time.monotonic() - began
        assert "KeyboardInterrupt" in errors
        assert took < 3.0
    wait_until(lambda: not any(one.open for one in sim.connections()), "the connection's end")


def test_a_program_that_never_cleans_up_ends_all_the_same(sim: Simulator) -> None:
    with start(sim, ENDS) as program:
        output, errors = program.communicate(timeout=20)
        assert (output, errors, program.returncode) == ("KRW-BTC\n", "", 0)
    (connection,) = sim.connections()
    wait_until(lambda: not sim.connections()[0].open, "the connection's end")
    assert connection.endpoint == "public"
    assert sim.connections()[0].close_code == 1000, "closed in order at the interpreter's exit"


def test_a_killed_program_ends_its_wants(sim: Simulator) -> None:
    with start(sim, BLOCKED) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.kill()
        program.communicate(timeout=20)
    wait_until(lambda: not sim.served(), "nothing served")


@pytest.mark.faces("threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_link_of_its_own(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("parent", config=config) as proxy:
        ticks = proxy.subscribe_ticker("KRW-BTC")
        ticks.get(20)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child = WebSocketClientProxy("child", config=config)
                code = 0 if child.get_ticker_snapshot("KRW-ETH")[0].symbol == "KRW-ETH" else 2
                child.cleanup()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        sim.trade("KRW-BTC")
        assert ticks.get(20).stream_type == "REALTIME", "the parent's connection lives"
        assert [one.open for one in sim.connections("public")] == [True], "the child was a guest of its parent"


def test_there_must_be_a_host_to_attach_to(sim: Simulator, config: Config) -> None:
    attached = WebSocketClientProxy("attached", config=Config(url=sim.url, mode="attach"))
    with pytest.raises(ConfigError, match="WEBSOCKET_V6_MODE"):
        attached.subscribe_ticker("KRW-BTC")
    assert engine_threads() == []
    with WebSocketClientProxy("host", config=config) as host:
        host.subscribe_ticker("KRW-BTC").get(20)
        assert attached.get_ticker_snapshot("KRW-BTC")[0].symbol == "KRW-BTC"
        assert attached.health().role == "guest"
        attached.cleanup()
        assert len(sim.connections()) == 1
