"""Event loops: which one a component belongs to, and that it ends with it, however that ends."""

import asyncio
import functools
import gc
import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from tests.aio.conftest import Play, until
from tests.conftest import ROOT, wait_until
from websocket_v6 import ClosedError, Config, LocalProtocolError, Mailbox, engine
from websocket_v6.aio import Subscription, WebSocketClientProxy
from websocket_v6.aio.home import Home
from websocket_v6.simulator import Simulator


def engine_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "Subscriber"]


async def first_of(proxy: WebSocketClientProxy) -> Any:
    return await (await proxy.subscribe_ticker("KRW-BTC")).get(20)


def test_a_component_has_no_thread(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("one", config=config) as one:
            await first_of(one)
            threads = threading.active_count()
            others = [WebSocketClientProxy(f"other-{number}", config=config) for number in range(20)]
            for other in others:
                await other.subscribe_trade("KRW-BTC", lambda event: None)
            assert threading.active_count() < threads + 5, "the engine may have been about to start some of its own"
            assert not engine_threads()
            assert len(asyncio.all_tasks()) == 1
            for other in others:
                await other.cleanup()

    play(main())


def test_asyncio_run_twice(sim: Simulator, config: Config, play: Play) -> None:
    proxies = [WebSocketClientProxy("bot", config=config) for _ in range(2)]

    async def main(proxy: WebSocketClientProxy) -> None:
        async with proxy:
            assert (await first_of(proxy)).symbol == "KRW-BTC"
        assert not engine._open

    for proxy in proxies:
        play(main(proxy))


def test_it_belongs_to_the_loop_of_its_first_call(sim: Simulator, config: Config, play: Play) -> None:
    proxy = WebSocketClientProxy("bot", config=config)
    subscriptions: list[Subscription[Any]] = []

    async def begin() -> None:
        subscriptions.append(await proxy.subscribe_ticker("KRW-BTC"))

        async def elsewhere() -> None:
            with pytest.raises(LocalProtocolError, match=r"'bot' belongs to the event loop .* which is another one"):
                await proxy.get_ticker_snapshot("KRW-BTC")
            with pytest.raises(LocalProtocolError, match="another one: make a WebSocketClientProxy for each loop"):
                await subscriptions[0].get()
            with pytest.raises(LocalProtocolError, match="another one"):
                await proxy.cleanup()

        await asyncio.to_thread(asyncio.run, elsewhere())

    async def again() -> None:
        with pytest.raises(LocalProtocolError, match="which is one that is closed"):
            await proxy.subscribe_ticker("KRW-BTC")
        await proxy.cleanup()
        await proxy.cleanup()

    play(begin())
    assert not engine._open, "asyncio.run has ended it"
    play(again())


@pytest.mark.parametrize("what", ["pushed", "awaited", "pulled"])
def test_asyncio_run_ends_what_nobody_cleaned_up(sim: Simulator, config: Config, play: Play, what: str) -> None:
    kept: list[Any] = []

    async def hang(_: Any) -> None:
        kept.append(_)
        await asyncio.sleep(100)

    async def pull(subscription: Subscription[Any]) -> None:
        async for event in subscription:
            kept.append(event)

    async def main() -> None:
        proxy = WebSocketClientProxy("bot", config=config)
        callback = {"pushed": kept.append, "awaited": hang, "pulled": None}[what]
        subscription = await proxy.subscribe_trade("KRW-BTC", callback)
        if what == "pulled":
            kept.append(asyncio.create_task(pull(subscription)))
        await until(lambda: len(kept) > (what == "pulled"), "the first event")
        sim.trade("KRW-BTC")
        kept.append(proxy)

    play(main())
    assert not engine._open
    wait_until(lambda: not any(one.open for one in sim.connections()), "the connection's end")


def test_a_loop_that_is_closed_without_a_word(sim: Simulator, config: Config) -> None:
    loop = asyncio.new_event_loop()
    proxy = WebSocketClientProxy("bot", config=config)
    seen: list[Any] = []
    loop.run_until_complete(proxy.subscribe_trade("KRW-BTC", seen.append))
    sim.wait_served({"trade KRW-BTC"})
    loop.close()

    def is_over() -> bool:
        if engine._open:
            sim.trade("KRW-BTC")
        return not engine._open

    wait_until(is_over, "the end with the next event")
    assert not seen


def test_a_loop_that_is_let_go_of(sim: Simulator, config: Config) -> None:
    loop = asyncio.new_event_loop()
    seen: list[Any] = []
    proxy = WebSocketClientProxy("bot", config=config)
    loop.run_until_complete(proxy.subscribe_trade("KRW-BTC", seen.append))
    loop.close()
    del loop, proxy
    wait_until(lambda: gc.collect() >= 0 and not engine._open, "the end with the proxy")


def test_a_loop_that_stands_still_for_a_while(sim: Simulator, config: Config) -> None:
    loop = asyncio.new_event_loop()
    try:
        proxy = WebSocketClientProxy("bot", config=config)
        subscription = loop.run_until_complete(proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(10)))
        loop.run_until_complete(subscription.get(20))
        for _ in range(30):
            sim.trade("KRW-BTC")
        wait_until(lambda: subscription.stats.received == 31, "all of them")
        assert subscription.stats.queued == 10, "a busy loop fills mailboxes, not memory"
        loop.run_until_complete(subscription.get(20))
        loop.run_until_complete(proxy.cleanup())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def note(seen: list[Any], proxy: WebSocketClientProxy, event: Any) -> None:
    seen.append((proxy, event))


def test_one_that_is_collected_ends(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        proxy = WebSocketClientProxy("bot", config=config)
        seen: list[Any] = []
        await proxy.subscribe_trade("KRW-BTC", functools.partial(note, seen, proxy))
        await until(seen.__len__, "the first")
        seen.clear()
        del proxy, seen
        await until(lambda: gc.collect() >= 0 and not engine._open, "its end")

    play(main())


def test_several_loops_in_several_threads(sim: Simulator, config: Config) -> None:
    results: list[Any] = []

    async def main(number: int) -> None:
        async with WebSocketClientProxy(f"bot-{number}", config=config) as proxy:
            results.append((await first_of(proxy)).symbol)
            async for _ in await proxy.subscribe_trade("KRW-BTC"):
                break

    threads = [threading.Thread(target=lambda number=number: asyncio.run(main(number))) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == ["KRW-BTC"] * 5
    assert len(sim.connections("public")) >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_under_a_running_loop(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("parent", config=config) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC")
            await subscription.get(20)
            pid = os.fork()
            if not pid:  # a child has the parent's loop, and not its threads
                status = 1
                try:
                    status = asyncio.run(child(proxy, subscription))
                finally:
                    os._exit(status)
            status = await asyncio.to_thread(lambda: os.waitpid(pid, 0)[1])
            assert os.waitstatus_to_exitcode(status) == 7
            sim.trade("KRW-BTC")
            assert (await subscription.get(20)).type == "trade"

    async def child(proxy: WebSocketClientProxy, subscription: Subscription[Any]) -> int:
        assert proxy.subscriptions() == []
        with pytest.raises((ClosedError, LocalProtocolError)):
            await subscription.get()
        assert (await first_of(proxy)).symbol == "KRW-BTC"
        await proxy.cleanup()
        async with WebSocketClientProxy("child", config=proxy._config) as own:
            assert (await own.get_ticker_snapshot("KRW-ETH"))[0].symbol == "KRW-ETH"
        return 7

    play(main())


def test_uvloop(sim: Simulator, config: Config) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        seen: list[Any] = []

        async def note(event: Any) -> None:
            await asyncio.sleep(0)
            seen.append(event)

        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_ticker("KRW-BTC", note)
            subscription = await proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.throttle(0.05))
            await subscription.get(20)
            sim.trade("KRW-BTC")
            await until(lambda: len(seen) == 2, "both")
            with pytest.raises(TimeoutError):
                await subscription.get(0.001)
            assert (await subscription.get(20)).type == "trade"
        left = WebSocketClientProxy("left", config=config)
        await left.subscribe_ticker("KRW-BTC", note)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    wait_until(lambda: not engine._open, "the end of what was left")


PROGRAM = """
import asyncio, sys
from websocket_v6 import Config
from websocket_v6.aio import WebSocketClientProxy

proxy = WebSocketClientProxy("script", config=Config(url=sys.argv[1], mode="embedded"))

async def hang(event):
    await asyncio.sleep(100)

async def main():
    subscription = await proxy.subscribe_ticker("KRW-BTC")
    print((await subscription.get(20)).symbol, flush=True)
    await proxy.subscribe_trade("KRW-BTC", hang)
    await asyncio.sleep(0.05)
    {ending}

{how}
"""
CLOSED = "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()"
ENDINGS = {
    "asyncio.run": ("return", "asyncio.run(main())"),
    "sys.exit": ("sys.exit(0)", "asyncio.run(main())"),
    "a loop that is left alone": ("return", "asyncio.new_event_loop().run_until_complete(main())"),
    "a loop that is closed": (
        "return",
        CLOSED,
    ),
    "a cleanup that is cut off": (
        "await asyncio.wait([asyncio.ensure_future(proxy.cleanup())], timeout=0)",
        CLOSED,
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_end_of_a_program(sim: Simulator, name: str) -> None:
    """The connection is closed in order, nothing is complained of, and nobody waits."""
    ending, how = ENDINGS[name]
    ignored = "" if name.startswith("a ") else "-Werror"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *filter(None, [ignored]), "-c", PROGRAM.format(ending=ending, how=how), sim.url],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "KRW-BTC\n"), done.stderr
    if not name.startswith("a "):
        assert done.stderr == ""
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 40
    wait_until(lambda: not any(one.open for one in sim.connections()), "the connection's end")
    assert [one.close_code for one in sim.connections()] == [1000]


def test_ctrl_c_ends_the_loop_and_not_the_engine(sim: Simulator, config: Config) -> None:
    """What ends a loop goes through it; the components of others live on."""

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_ticker("KRW-BTC", stop)
            await asyncio.sleep(100)

    async def other(begun: threading.Event, over: threading.Event) -> None:
        async with WebSocketClientProxy("other", config=config) as proxy:
            await first_of(proxy)
            begun.set()
            await asyncio.to_thread(over.wait, 60)
            assert (await proxy.get_ticker_snapshot("KRW-BTC"))[0].symbol == "KRW-BTC"

    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(other(begun, over)))
    thread.start()
    assert begun.wait(30)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    over.set()
    thread.join(60)
    assert not thread.is_alive()
    assert not engine._open


def test_a_home_knows_its_loop_weakly() -> None:
    loop = asyncio.new_event_loop()

    async def make() -> Home:
        return Home(asyncio.get_running_loop())

    home = loop.run_until_complete(make())
    assert not home.is_gone
    assert not home.is_here
    loop.close()
    assert home.is_gone
    assert not home.call(lambda: None)
    del loop
    gc.collect()
    assert home.is_gone
    assert not home.is_running
