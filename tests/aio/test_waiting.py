"""What a loop waits for as a script does: data of every stream, and the component's end."""

import asyncio
from collections.abc import Iterator

import pytest

from websocket_v6 import Config
from websocket_v6.aio import WebSocketClientProxy
from websocket_v6.simulator import Simulator

SOON = 15.0  # seconds, for what comes at once on a quiet machine


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=["KRW-BTC", "KRW-ETH"]) as simulator:
        yield simulator


def test_the_loop_goes_on_while_it_waits_and_cancelling_that_leaves_nothing(sim: Simulator) -> None:
    async def main() -> None:
        sim.mute("KRW-ETH")
        async with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
            ticks = await proxy.subscribe_ticker(["KRW-ETH"])
            waiting = asyncio.create_task(proxy.wait_ready(SOON))
            await asyncio.sleep(0.03)
            assert not waiting.done()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            sim.unmute("KRW-ETH")
            sim.trade("KRW-ETH")
            assert (await ticks.get(SOON)).symbol == "KRW-ETH"

    asyncio.run(main())


@pytest.mark.parametrize("where", ["before", "callback", "thread", "cleanup"])
def test_it_waits_until_it_is_stopped_then_all_is_closed(sim: Simulator, where: str) -> None:
    async def main() -> None:
        proxy = WebSocketClientProxy("bot", config=Config(url=sim.url))
        ticks = await proxy.subscribe_ticker("KRW-BTC")
        match where:
            case "before":
                proxy.stop()
            case "callback":
                await proxy.subscribe_trade("KRW-BTC", lambda event: proxy.stop())
            case "thread":
                asyncio.get_running_loop().run_in_executor(None, proxy.stop)
            case "cleanup":
                ending = asyncio.create_task(proxy.cleanup())
        await asyncio.wait_for(asyncio.gather(proxy.wait_closed(), proxy.wait_closed()), SOON)
        assert "closed" in repr(proxy)
        assert len([event async for event in ticks]) <= 1
        if where == "cleanup":
            await ending
        await proxy.wait_closed()  # at once

    asyncio.run(main())
    assert sim.wait_connected(0) == []


def test_waiting_for_the_end_may_be_cancelled(sim: Simulator) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
            ticks = await proxy.subscribe_ticker("KRW-BTC")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(proxy.wait_closed(), 0.01)
            assert (await ticks.get(SOON)).symbol == "KRW-BTC", "it goes on"

    asyncio.run(main())
