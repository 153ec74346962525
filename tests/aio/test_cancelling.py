"""Cancelled anywhere, a call leaves nothing behind, and no event is lost that was not handed over."""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.aio.conftest import Play, until
from tests.conftest import EXAMPLES
from websocket_v6 import ClosedError, Config, Mailbox, engine
from websocket_v6.aio import Subscription, WebSocketClientProxy
from websocket_v6.simulator import Simulator

ALL = Mailbox.lossless(1 << 24)
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
STEPS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "40"))


async def cancelled(coroutine: Any, turns: int) -> Any:
    """Cancel a call after so many turns of the loop; return what came of it, None if it was cancelled."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        return await task
    except (asyncio.CancelledError, TimeoutError):
        return None


@pytest.mark.parametrize("turns", range(8))
def test_a_wait_for_an_event_takes_none(sim: Simulator, config: Config, play: Play, turns: int) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC", mailbox=ALL)
            seen = [await subscription.get(10)]
            for number in range(30):
                if number % 3 == 0:
                    sim.trade("KRW-BTC")
                event = await cancelled(subscription.get(), turns)
                if event is not None:
                    seen.append(event)
            while len(seen) < 11:
                seen.append(await subscription.get(10))
            ids = [one.sequential_id for one in seen]
            assert len(ids) == 11
            assert ids == sorted(set(ids))
            assert subscription.stats.delivered == 11

    play(main())


async def in_a_timeout(subscription: Subscription[Any]) -> None:
    async with asyncio.timeout(0.01):
        async for _ in subscription:
            pytest.fail("there is none")


async def in_a_group(subscription: Subscription[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(subscription.get())
        raise TimeoutError


WAYS: dict[str, Any] = {
    "asyncio.timeout": in_a_timeout,
    "a TaskGroup": in_a_group,
    "wait_for": lambda subscription: asyncio.wait_for(subscription.get(), 0.01),
}


@pytest.mark.parametrize("how", WAYS)
def test_what_cancels_for_us(sim: Simulator, config: Config, play: Play, how: str) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC", mailbox=ALL)
            first = await subscription.get(10)
            with pytest.raises((TimeoutError, ExceptionGroup)):
                await WAYS[how](subscription)
            sim.trade("KRW-BTC")
            assert (await subscription.get(10)).sequential_id > first.sequential_id

    play(main())


def test_two_who_wait_for_one_subscription(sim: Simulator, config: Config, play: Play) -> None:
    """The one that is cancelled does not keep the other from being woken."""

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC")
            await subscription.get(10)
            one, other = (asyncio.create_task(subscription.get()) for _ in range(2))
            await asyncio.sleep(0)
            sim.trade("KRW-BTC")
            one.cancel()
            assert (await asyncio.wait_for(other, 20)).type == "trade"

    play(main())


@pytest.mark.parametrize("turns", [*range(12), 20, 50])
def test_the_first_call(sim: Simulator, config: Config, play: Play, turns: int) -> None:
    """The engine that was about to start ends again, or is there for the next call."""

    async def main() -> None:
        async with WebSocketClientProxy("bot", config=config) as proxy:
            await cancelled(proxy.subscribe_ticker("KRW-BTC", mailbox=ALL), turns)
            await until(lambda: all(one.data_type == "ticker" for one in proxy.subscriptions()))
            assert (await proxy.get_ticker_snapshot("KRW-ETH"))[0].symbol == "KRW-ETH"
        await until(lambda: not engine._open, "the engine's end")

    play(main())


@pytest.mark.parametrize("turns", range(1, 10))
def test_cleanup_goes_on(sim: Simulator, config: Config, play: Play, turns: int) -> None:
    async def main() -> None:
        proxy = WebSocketClientProxy("bot", config=config)
        subscription = await proxy.subscribe_ticker("KRW-BTC")
        await subscription.get(10)
        await cancelled(proxy.cleanup(), turns)
        with pytest.raises(ClosedError):
            await proxy.subscribe_ticker("KRW-BTC")
        with pytest.raises(ClosedError):
            await subscription.get()
        if turns % 2:
            await proxy.cleanup()
            assert not engine._open

    play(main())
    assert not engine._open, "the loop has waited for it"


def test_a_callback_that_is_cancelled_ends_alone(sim: Simulator, config: Config, play: Play) -> None:
    async def main() -> None:
        begun: list[Any] = []
        errors: list[Exception] = []

        async def wait(event: Any) -> None:
            begun.append(event)
            if len(begun) == 1:
                await asyncio.sleep(100)

        async with WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_trade("KRW-BTC", wait, error_handler=errors.append, mailbox=ALL)
            await until(lambda: begun, "the callback")
            await asyncio.to_thread(lambda: [sim.trade("KRW-BTC") for _ in range(3)])
            (task,) = (one for one in asyncio.all_tasks() if one.get_name() == "callback of bot")
            task.cancel()
            await until(lambda: len(begun) == 4, "the others")
            assert errors == []

    play(main())


class Walk:
    """A program that calls, cancels and closes at random; what it was handed is compared with what was sent."""

    def __init__(self, sim: Simulator, config: Config, seed: int) -> None:
        self._sim = sim
        self._config = config
        self._random = random.Random(seed)
        self._taken: dict[int, list[Any]] = {}  # by subscription, what it was handed, however it was
        self._kept: list[Subscription[Any]] = []
        self._changed: set[Subscription[Any]] = set()

    async def run(self, steps: int) -> None:
        async with WebSocketClientProxy("walk", config=self._config) as self._proxy:
            for _ in range(steps):
                step = self._random.choice(["subscribe", "trade", "pull", "pull", "change", "look"])
                await getattr(self, f"_{step}")()
            await self._check()
        assert self._proxy.subscriptions() == []

    async def _cancelled(self, coroutine: Any) -> Any:
        return await cancelled(coroutine, self._random.choice([0, 1, 2, 3, 5, 8, 13, 10_000]))

    async def _subscribe(self) -> None:
        if len(self._kept) > 4:
            await self._close()
            return
        codes, seen = self._random.sample(CODES, 2), list[Any]()

        def note(event: Any) -> None:
            seen.append(event)

        async def note_later(event: Any) -> None:
            await asyncio.sleep(0)
            note(event)

        callback = self._random.choice([None, note, note_later])
        made = await self._cancelled(self._proxy.subscribe_trade(codes, callback, mailbox=ALL))
        if made is not None:
            self._kept.append(made)
            self._taken[hash(made)] = seen

    async def _close(self) -> None:
        one = self._kept.pop(self._random.randrange(len(self._kept)))
        await cancelled(one.close(), self._random.randrange(1, 8))  # once it is begun, it is closed

    async def _trade(self) -> None:
        for _ in range(self._random.randrange(5)):
            self._sim.trade(self._random.choice(CODES))

    async def _pull(self) -> None:
        for one in self._kept:
            if not one._edge.is_pushed:
                event = (
                    await self._cancelled(one.get(0.001 if self._random.random() < 0.5 else None))
                    if self._random.random() < 0.8
                    else None
                )
                if event is not None:
                    self._taken[hash(one)].append(event)

    async def _change(self) -> None:
        if self._kept:
            one = self._random.choice(self._kept)
            call: Any = one.add if self._random.random() < 0.5 or len(one.symbols) < 2 else one.remove
            await self._cancelled(call(self._random.choice(CODES)))
            self._changed.add(one)
            if one not in self._proxy.subscriptions():
                self._kept.remove(one)

    async def _look(self) -> None:
        proxy = self._proxy
        calls: list[Callable[[], Any]] = [
            proxy.health,
            proxy.is_public_available,
            lambda: proxy.get_trade_snapshot("KRW-BTC"),
        ]
        call = self._random.choice(calls)
        await self._cancelled(call())

    async def _check(self) -> None:
        open_now = self._proxy.subscriptions()
        assert set(self._kept) <= set(open_now), "none is gone"
        await until(lambda: len(self._proxy.subscriptions()) <= len(self._kept), "those of cancelled calls are gone")
        for one in self._kept:
            taken = self._taken[hash(one)]
            if one._edge.is_pushed:
                await until(lambda: one.stats.queued == 0, "all of it called")  # noqa: B023
                await until(lambda: len(taken) == one.stats.delivered, "all of it handed over")  # noqa: B023
            assert len(taken) == one.stats.delivered
            assert one.stats.dropped == 0
            if one not in self._changed:  # a code that is wanted again begins with its last trade again
                assert len(taken) == len({(event.symbol, event.sequential_id) for event in taken}), "none twice"


@settings(max_examples=max(3, EXAMPLES // 10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
@example(0)
def test_walks_with_cancellations(sim: Simulator, config: Config, play: Play, seed: int) -> None:
    play(Walk(sim, config, seed).run(STEPS))
