"""Callbacks in an event loop: plain or awaited, in order, one at a time for each subscription, and giving way."""

import asyncio
import contextvars
import functools
import logging
from typing import Any

import msgspec
import pytest

from tests.aio.conftest import Play, until
from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, LocalProtocolError, Mailbox, OverflowEvent, UnknownCodeError
from websocket_v6.aio import WebSocketClientProxy
from websocket_v6.aio.home import MOST
from websocket_v6.simulator import Simulator

ALL = Mailbox.lossless(1 << 24)
COUNT = 200


class Asked:
    """Called with events, it awaits."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    async def __call__(self, event: Any) -> None:
        await asyncio.sleep(0)
        self._seen.append(event)

    async def method(self, event: Any) -> None:
        await self(event)


def callbacks(seen: list[Any]) -> dict[str, Any]:
    one = Asked(seen)
    future = functools.partial(asyncio.ensure_future)
    return {
        "plain": seen.append,
        "async def": one.method,
        "an object": one,
        "a partial": functools.partial(Asked.method, one),
        "a lambda that returns a coroutine": lambda event: one(event),
        "a function that returns a task": lambda event: future(one(event)),
    }


@pytest.mark.parametrize("kind", callbacks([]))
def test_events_come_in_order_one_at_a_time(sim: Simulator, config: Config, play: Play, kind: str) -> None:
    seen: list[Any] = []

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC", callbacks(seen)[kind], mailbox=ALL)
            await until(lambda: seen, "the snapshot")
            await asyncio.to_thread(lambda: [sim.trade("KRW-BTC") for _ in range(COUNT)])
            await until(lambda: len(seen) == COUNT + 1, "all trades")
            assert subscription.stats.delivered == COUNT + 1
        ids = [one.sequential_id for one in seen]
        assert ids == sorted(set(ids))

    play(main())


def test_one_that_waits_holds_up_its_own_subscription_alone(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        begun: list[Any] = []
        others: list[Any] = []

        async def wait(event: Any) -> None:
            begun.append(event)
            await gate.wait()

        async with WebSocketClientProxy("bot", config=config) as proxy:
            held = await proxy.subscribe_ticker("KRW-BTC", wait, mailbox=ALL)
            await proxy.subscribe_trade("KRW-BTC", others.append)
            await until(lambda: begun and others, "both snapshots")
            for number in range(1, 6):
                sim.trade("KRW-BTC")
                await until(lambda: len(others) == number + 1, "the trade")  # noqa: B023
            assert len(begun) == 1
            assert held.stats.queued == 5, "what is not handed over is not taken out"
            gate.set()
            await until(lambda: len(begun) == 6, "the rest")

    play(main())


@pytest.mark.parametrize("handler", ["plain", "async def"])
@pytest.mark.parametrize("kind", ["plain", "async def"])
def test_what_a_callback_raises_goes_to_the_handler(
    sim: Simulator, config: Config, play: Play, kind: str, handler: str
) -> None:
    async def main() -> None:
        errors: list[Any] = []

        def fail(event: Any) -> None:
            raise ValueError(event.symbol)

        async def fail_later(event: Any) -> None:
            await asyncio.sleep(0)
            fail(event)

        async def note(error: Exception) -> None:
            await asyncio.sleep(0)
            errors.append(error)

        quick = msgspec.structs.replace(config, silent_code_timeout=0.2)
        async with WebSocketClientProxy("bot", config=quick) as proxy:
            subscription = await proxy.subscribe_trade(
                "KRW-BTC",
                fail if kind == "plain" else fail_later,
                error_handler=errors.append if handler == "plain" else note,
            )
            await until(lambda: errors, "the first")
            sim.trade("KRW-BTC")
            await until(lambda: len(errors) == 2, "the stream goes on")
            assert [str(one) for one in errors] == ["KRW-BTC"] * 2
            assert subscription.stats.delivered == 2
            await proxy.subscribe_ticker(["KRW-NOPE"], errors.append, error_handler=note)
            await until(lambda: isinstance(errors[-1], UnknownCodeError), "what the exchange does not know")

    play(main())


def test_a_handler_that_raises_is_logged(
    sim: Simulator, config: Config, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Any) -> None:
        raise ValueError("worse")

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_trade("KRW-BTC", fail, error_handler=fail)
            await until(lambda: "the error_handler for trade of component 'bot' raised" in caplog.text, "the log")

    play(main())


def test_listeners_may_be_awaited_too(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        states: list[str] = []
        drops: list[OverflowEvent] = []

        async def on_connection(event: ConnectionEvent) -> None:
            await asyncio.sleep(0)
            states.append(event.state)

        async def on_overflow(event: OverflowEvent) -> None:
            await asyncio.sleep(0)
            drops.append(event)

        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.on_connection(on_connection)
            await proxy.on_overflow(on_overflow)
            pulled = await proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(1))
            await pulled.get(10)
            await asyncio.to_thread(lambda: [sim.trade("KRW-BTC") for _ in range(5)])
            await until(lambda: pulled.stats.dropped == 4, "the drops")
            await pulled.get(10)
            await until(lambda: drops and drops[0].dropped == 4, "what is told of them")
            assert states[:2] == ["connecting", "open"]

    play(main())


def test_it_sees_the_context_of_where_it_began(sim: Simulator, config: Config, play: Play) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    async def main() -> None:
        user.set("me")
        seen: list[str] = []

        async def ask(_: Any) -> None:
            seen.append(user.get())

        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_ticker("KRW-BTC", lambda _: seen.append(user.get()))
            await proxy.subscribe_trade("KRW-BTC", ask)
            await until(lambda: len(seen) == 2, "both")
        assert seen == ["me", "me"]

    play(main())


@pytest.mark.parametrize("kind", ["plain", "async def", "pulled"])
def test_a_flood_gives_way(sim: Simulator, config: Config, play: Play, kind: str) -> None:
    """Between two turns of another task there are few events, however many wait."""

    async def main() -> None:
        seen = 0
        most = 0

        def count(_: Any) -> None:
            nonlocal seen
            seen += 1

        async def count_later(_: Any) -> None:
            count(_)

        async with WebSocketClientProxy("bot", config=config) as proxy:
            callback = {"plain": count, "async def": count_later, "pulled": None}[kind]
            subscription = await proxy.subscribe_trade("KRW-BTC", callback, mailbox=ALL, snapshot=False)
            await asyncio.to_thread(sim.wait_served, {"trade KRW-BTC"})
            for _ in range(500):
                sim.trade("KRW-BTC")  # in this thread: the loop does not run meanwhile
            wait_until(lambda: subscription.stats.received == 500, "all of them")  # so it is still

            async def pull() -> None:
                async for event in subscription:
                    count(event)

            puller = asyncio.create_task(pull()) if kind == "pulled" else None
            while seen < 500:
                before = seen
                await asyncio.sleep(0)
                most = max(most, seen - before)
            if puller is not None:
                puller.cancel()
            assert 0 < most <= MOST

    play(main())


def test_a_callback_may_end_its_own_component(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        ended: list[float] = []
        proxy = WebSocketClientProxy("bot", config=config)

        async def end(_: Any) -> None:
            began = asyncio.get_running_loop().time()
            await proxy.cleanup()
            ended.append(asyncio.get_running_loop().time() - began)

        await proxy.subscribe_ticker("KRW-BTC", end)
        await asyncio.wait_for(proxy.wait_closed(), 20)
        await until(lambda: ended, "the end of the callback")
        assert ended[0] < 4, "it is not waited for by itself"
        await proxy.cleanup()

    play(main())


def test_one_that_never_ends_is_cancelled(
    sim: Simulator, config: Config, play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        state: list[str] = []

        async def hang(_: Any) -> None:
            state.append("begun")
            try:
                await asyncio.sleep(100)
            finally:
                state.append("over")

        proxy = WebSocketClientProxy("bot", config=config)
        await proxy.subscribe_ticker("KRW-BTC", hang)
        await until(lambda: state, "the callback")
        monkeypatch.setattr(proxy, "_ended", functools.partial(proxy._ended, 0.05))
        await proxy.cleanup()
        await until(lambda: state == ["begun", "over"], "its end")

    with caplog.at_level(logging.WARNING):
        play(main())
    assert "a callback of component 'bot' is still running 0.05 s after cleanup()" in caplog.text


def test_what_would_never_run_is_refused(config: Config, play: Play) -> None:
    def yields(_: Any) -> Any:
        yield

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            with pytest.raises(LocalProtocolError, match="would never run: it yields"):
                await proxy.subscribe_ticker("KRW-BTC", yields)
            with pytest.raises(LocalProtocolError, match="called with one argument"):
                await proxy.on_connection(lambda: None)  # type: ignore[arg-type, misc]

    play(main())
