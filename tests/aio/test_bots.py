"""What a bot asks in between, in an event loop: the newest values, whether all have data, many events, its end."""

import asyncio
from collections.abc import Iterator

import pytest

from websocket_v6 import Config, ConnectionEvent, NotReadyError
from websocket_v6.aio import WebSocketClientProxy
from websocket_v6.simulator import Simulator

SOON = 15.0  # seconds, for what comes at once on a quiet machine


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=["KRW-BTC", "KRW-ETH"]) as simulator:
        yield simulator


def test_the_newest_values_are_there_once_it_is_ready(sim: Simulator) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
            assert await proxy.last("ticker", "KRW-BTC") is None
            await proxy.subscribe_ticker(["KRW-BTC"], callback=lambda event: None)
            await proxy.subscribe_orderbook(["KRW-BTC"], callback=lambda event: None, depth=5)
            await proxy.wait_ready(SOON)
            ticker, book = await proxy.last("ticker", "KRW-BTC"), await proxy.book("KRW-BTC")
            assert ticker is not None
            assert book is not None
            assert ticker.symbol == "KRW-BTC"
            assert len(book.orderbook_units) == 5
            sim.mute("KRW-ETH")
            await proxy.subscribe_trade(["KRW-ETH"], callback=lambda event: None)
            with pytest.raises(NotReadyError, match="trade KRW-ETH"):
                await proxy.wait_ready(0.05)

    asyncio.run(main())


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


def test_many_are_taken_at_a_time(sim: Simulator) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
            trades = await proxy.subscribe_trade("KRW-BTC", snapshot=False)
            with pytest.raises(TimeoutError, match="no event within 0 s"):
                await trades.get_many(10, timeout=0.0)
            await asyncio.to_thread(sim.wait_served, {"trade KRW-BTC"})
            numbers = [sim.trade("KRW-BTC") for _ in range(50)]
            found: list[int] = []
            while len(found) < 50:
                events = await trades.get_many(20, timeout=SOON)
                assert 1 <= len(events) <= 20
                found.extend(event.sequential_id for event in events)
            assert found == numbers

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


def test_who_listens_late_hears_how_it_stands(sim: Simulator) -> None:
    async def main() -> None:
        async with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
            await (await proxy.subscribe_ticker("KRW-BTC")).get(SOON)
            told: asyncio.Queue[ConnectionEvent] = asyncio.Queue()
            await proxy.on_connection(told.put)
            event = await asyncio.wait_for(told.get(), SOON)
            assert (event.endpoint, event.state, event.epoch) == ("public", "open", 1)

    asyncio.run(main())
