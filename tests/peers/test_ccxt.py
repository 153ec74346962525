"""ccxt.pro against the simulator and the door: its market list over REST, its public and private streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Simulator

ccxt_pro = pytest.importorskip("ccxt.pro", reason="the extra `peers` is not installed")
# The resolver that ccxt brings along has one thread for the whole process, which its first use starts: now, so that no
# test is blamed for it.
pycares = pytest.importorskip("pycares", reason="the extra `peers` is not installed")
pycares.Channel()
Make = Callable[..., Simulator]
Enter = Callable[..., Any]


@asynccontextmanager
async def exchange(sim: Simulator, url: str) -> AsyncIterator[Any]:
    """Open ccxt's Upbit with its addresses set to those given; nothing else of it is changed."""
    upbit = ccxt_pro.upbit({"apiKey": sim.access_key, "secret": sim.secret_key, "enableRateLimit": False})
    upbit.urls["api"] = {**upbit.urls["api"], "public": sim.rest_url, "private": sim.rest_url, "ws": url}
    try:
        yield upbit
    finally:
        await upbit.close()


async def told(watch: Any, act: Callable[[], object]) -> Any:
    """Wait for the next message of a stream that comes of `act`."""
    task = asyncio.ensure_future(watch)
    while not task.done():
        await asyncio.to_thread(act)
        await asyncio.wait([task], timeout=0.05)
    return await task


async def until(watch: Callable[[], Any], reached: Callable[[Any], bool]) -> None:
    """Watch a stream until it says what is waited for; a new stream is asked for with all others, so these repeat."""
    async with asyncio.timeout(10):
        while not reached(await watch()):
            pass


def test_public_streams(simulator: Make, entrance: Enter) -> None:
    sim = simulator(limits=None)

    url = entrance(sim).url

    async def run() -> None:
        async with exchange(sim, url) as upbit:
            await until(lambda: upbit.watch_ticker("BTC/KRW"), lambda ticker: ticker["last"] > 10**8)
            await until(
                lambda: upbit.watch_order_book("ETH/BTC", 5), lambda book: book["asks"][0][0] > book["bids"][0][0]
            )
            sim.wait_served({"ticker KRW-BTC", "orderbook BTC-ETH"})
            sim.trade("KRW-BTC", price=123_000_000, side="BID")
            await until(lambda: upbit.watch_ticker("BTC/KRW"), lambda ticker: ticker["last"] == 123_000_000)
            await until(lambda: upbit.watch_trades("BTC/KRW"), lambda trades: trades[-1]["price"] == 123_000_000)
            await until(lambda: upbit.watch_ohlcv("BTC/KRW", "1s"), lambda candle: candle[4] == 123_000_000)
            assert len(sim.connections()) == 1

    asyncio.run(run())


def test_private_streams(simulator: Make, entrance: Enter) -> None:
    # It makes one token for its whole life and sends it again with each connection.
    sim = simulator(limits=None, answers=Answers(nonce_checked=False))

    url = entrance(sim).url

    async def run() -> None:
        async with exchange(sim, url) as upbit:
            await upbit.load_markets()
            orders = await asyncio.wait_for(
                told(upbit.watch_orders("BTC/KRW"), lambda: sim.place_order("KRW-BTC", "BID", 100_000_000, "0.01")), 10
            )
            assert (orders[-1]["status"], orders[-1]["side"], orders[-1]["price"]) == ("open", "buy", 100_000_000)
            balance = await asyncio.wait_for(told(upbit.watch_balance(), lambda: sim.deposit("XRP", 1)), 10)
            assert balance["XRP"]["free"] >= 100_001
            trades = await asyncio.wait_for(
                told(upbit.watch_my_trades("BTC/KRW"), lambda: sim.trade("KRW-BTC", 100_000_000, "0.001", "ASK")), 10
            )
            assert trades[-1]["price"] == 100_000_000

    asyncio.run(run())
