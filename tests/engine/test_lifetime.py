"""Components that nobody holds any more end, whatever they call; and one that is there twice is told."""

import gc
import importlib
import threading
import weakref
from typing import Any

import pytest

import websocket_v6
from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.component import _told_twice
from websocket_v6.simulator import Simulator


class Bot:
    """As users write them: it holds its proxy, and the proxy is given what is its own."""

    def __init__(self, config: Config, name: str = "bot") -> None:
        self.ticks = 0
        self.told: list[Any] = []
        self.proxy = WebSocketClientProxy(name, config=config)
        self.proxy.on_connection(self.on_connection)
        self.proxy.on_overflow(lambda event: self.told.append(event))
        self.subscription = self.proxy.subscribe_ticker("KRW-BTC", self.on_tick, error_handler=self.on_error)

    def on_tick(self, event: object) -> None:
        self.ticks += 1

    def on_error(self, error: object) -> None:
        self.told.append(error)

    def on_connection(self, event: object) -> None:
        self.told.append(event)


@pytest.fixture(autouse=True)
def names_anew() -> None:
    _told_twice.clear()


def ended(sim: Simulator) -> bool:
    gc.collect()
    return not any(one.open for one in sim.connections())


def test_a_bot_that_gives_its_own_methods_is_collected(sim: Simulator, config: Config) -> None:
    def begin() -> "weakref.ref[Bot]":
        bot = Bot(config)
        wait_until(lambda: bot.ticks, "the first tick")
        return weakref.ref(bot)

    seen = begin()
    wait_until(lambda: ended(sim), "the end of its connection")
    assert seen() is None


def test_a_closure_over_its_proxy_is_no_hold_either(sim: Simulator, config: Config) -> None:
    proxy = WebSocketClientProxy("closure", config=config)
    heard: list[object] = []
    proxy.subscribe_ticker("KRW-BTC", lambda event: heard.append((proxy, event)))
    wait_until(lambda: heard, "the first tick")
    heard.clear()
    proxy = WebSocketClientProxy("another", config=config)
    wait_until(lambda: ended(sim), "the end of its connection")


def test_a_callback_lives_as_long_as_its_proxy_or_a_subscription(sim: Simulator, config: Config) -> None:
    heard: list[object] = []
    subscription = WebSocketClientProxy("kept", config=config).subscribe_ticker(
        "KRW-BTC", lambda event: heard.append(1)
    )
    sim.wait_served({"ticker KRW-BTC"})
    gc.collect()
    heard.clear()
    sim.trade("KRW-BTC")
    wait_until(lambda: heard, "a tick")
    del subscription
    wait_until(lambda: ended(sim), "its end")


def test_what_a_closed_subscription_called_is_let_go(sim: Simulator, config: Config) -> None:
    class Large:
        def take(self, event: object) -> None: ...

    with WebSocketClientProxy("long", config=config) as proxy:
        for close in ("close", "remove", "unsubscribe"):
            large = Large()
            seen, subscription = weakref.ref(large), proxy.subscribe_ticker("KRW-BTC", large.take)
            if close == "close":
                subscription.close()
            elif close == "remove":
                subscription.remove("KRW-BTC")
            else:
                proxy.unsubscribe(subscription)
            del large, subscription
            wait_until(lambda: gc.collect() >= 0 and seen() is None, close)  # noqa: B023
        assert not proxy._held.subscriptions


def test_a_cell_that_is_run_again_is_told_with_both_places(
    sim: Simulator, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    kept = []
    for cell in ("In[1]", "In[2]", "In[3]"):
        space: dict[str, Any] = {"Proxy": WebSocketClientProxy, "config": config}
        exec(compile("\nproxy = Proxy('chart', config=config)\nproxy.subscribe_ticker('KRW-BTC')", cell, "exec"), space)  # noqa: S102
        kept.append(space["proxy"])
    (told,) = caplog.messages
    assert told.startswith(
        "component 'chart' is there twice: one was made at In[1]:2 and has not ended, this one at In[2]:2"
    )
    for proxy in kept:
        proxy.cleanup()


def test_a_script_that_is_run_again_with_nothing_kept_is_not(
    sim: Simulator, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    space: dict[str, Any] = {}
    for _ in range(3):
        space = {"Bot": Bot, "config": config}
        exec("bot = Bot(config, 'page')", space)  # noqa: S102
        gc.collect()
        wait_until(
            lambda: sum(thread.name == "Subscriber" for thread in threading.enumerate()) == 1, "the old one's end"
        )
    assert caplog.messages == []
    space.clear()
    wait_until(lambda: ended(sim), "the end of the last")


def test_a_page_that_keeps_its_proxy_is_run_again_by_other_threads(
    sim: Simulator, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    """As Streamlit does at each click, with what `cache_resource` keeps; the thread that made it is gone by then."""
    kept: dict[str, Any] = {}
    seen: list[Any] = []
    script = """
if "proxy" not in kept:
    kept["proxy"] = Proxy("page", config=config)
    kept["trades"] = kept["proxy"].subscribe_trade("KRW-BTC")
sim.trade("KRW-BTC")
seen.append(kept["trades"].get(timeout=20))
"""
    for _ in range(3):
        space = {"Proxy": WebSocketClientProxy, "config": config, "kept": kept, "seen": seen, "sim": sim}
        run = threading.Thread(target=exec, args=(script, space))
        run.start()
        run.join()
    assert len(seen) == 3
    assert {one.epoch for one in seen} == {1}
    assert caplog.messages == []
    kept["proxy"].cleanup()


def test_one_after_the_other_is_not_twice(sim: Simulator, config: Config, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with WebSocketClientProxy("turn", config=config) as proxy:
            proxy.subscribe_ticker("KRW-BTC")
    assert caplog.messages == []


def test_the_package_can_be_loaded_again_while_it_works(sim: Simulator, config: Config) -> None:
    bot = Bot(config)
    wait_until(lambda: bot.ticks, "the first tick")
    again = importlib.reload(websocket_v6)
    with again.WebSocketClientProxy("after", config=config) as proxy:
        assert proxy.subscribe_ticker("KRW-BTC").get(timeout=10).symbol == "KRW-BTC"
    ticks = bot.ticks
    sim.trade("KRW-BTC")
    wait_until(lambda: bot.ticks > ticks, "the old one's next tick")
    bot.proxy.cleanup()
