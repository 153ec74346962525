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


def test_private_streams_go_on_after_a_gap(simulator: Make, entrance: Enter) -> None:
    sim = simulator(limits=None, answers=Answers(nonce_checked=False))
    url = entrance(sim, backoff_initial=0.05).url

    async def run() -> None:
        async with exchange(sim, url) as upbit:
            for _ in range(3):
                # Also the second and third time with the token that it began with.
                balance = told(upbit.watch_balance(), lambda: sim.deposit("XRP", 1))
                assert (await asyncio.wait_for(balance, 10))["XRP"]["free"] >= 100_001
                sim.drop("private")
                with pytest.raises(ccxt_pro.NetworkError):
                    await asyncio.wait_for(upbit.watch_balance(), 10)

    asyncio.run(run())


def test_the_rest_calls_beside_the_streams(simulator: Make) -> None:
    sim = simulator(limits=None)

    async def run() -> None:
        async with exchange(sim, sim.url) as upbit:
            assert (await upbit.fetch_balance())["BTC"]["free"] == 10
            rows = await upbit.fetch_ohlcv("BTC/KRW", "1m", limit=50)
            assert len(rows) == 50
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)
            assert len(await upbit.fetch_ohlcv("BTC/KRW", "1d", limit=10)) == 10
            placed = await upbit.create_order("BTC/KRW", "limit", "buy", 0.25, 100_000_000)
            assert [order["id"] for order in await upbit.fetch_open_orders("BTC/KRW")] == [placed["id"]]
            sim.trade("KRW-BTC", 100_000_000, "0.1", "ASK")
            order = await upbit.fetch_order(placed["id"])
            assert (order["status"], order["filled"], order["fee"]["cost"]) == ("open", 0.1, "5000")
            edited = await upbit.edit_order(placed["id"], "BTC/KRW", "limit", "buy", 0.2, 101_000_000)
            assert sim.orders() == {placed["id"]: "cancel", edited["id"]: "wait"}
            await upbit.cancel_order(edited["id"])
            bought = await upbit.create_order("BTC/KRW", "market", "buy", None, None, {"cost": 100_000})
            ended = await upbit.fetch_order(bought["id"])
            # What buys nothing more comes back: a filled purchase is told as canceled.
            assert (ended["status"], ended["cost"] > 99_999) == ("canceled", True)
            assert {order["id"] for order in await upbit.fetch_canceled_orders("BTC/KRW")} == set(sim.orders())
            fee = await upbit.fetch_trading_fee("BTC/KRW")
            assert fee["taker"] == 0.0005
            with pytest.raises(ccxt_pro.InsufficientFunds):
                await upbit.create_order("BTC/KRW", "limit", "sell", 11, 90_000_000)
            with pytest.raises(ccxt_pro.OrderNotFound):
                await upbit.cancel_order(edited["id"])

    asyncio.run(run())
