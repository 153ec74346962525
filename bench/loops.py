"""Contenders that run in an event loop, and what a flood leaves of the loop for others.

Ours is told from the synchronous one by where its callback is called; what others have for asyncio is used as their
documentation shows. The reader of picows (`contenders.py`) runs in a loop as well.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .task import Task, peer

__all__ = ["TICK", "run_aio", "run_aio_awaited", "run_aio_iterated", "run_sdk_async", "run_websockets", "watch_ticks"]

TICK = 0.01  # seconds between two turns of a task beside


def run_aio(task: Task, *, awaited: bool = False, beside: Callable[[Any], Any] | None = None) -> None:
    """Subscribe one component with callbacks in the loop; `beside` is a coroutine function that runs meanwhile."""
    from websocket_v6 import Config, Mailbox
    from websocket_v6.aio import WebSocketClientProxy

    took = task.meter.took
    books = task.messages.types[0] == "orderbook"

    def call(event: Any) -> None:
        took(event.symbol, event.orderbook_units[0].ask_price if books else event.trade_price)

    async def call_later(event: Any) -> None:
        took(event.symbol, event.orderbook_units[0].ask_price if books else event.trade_price)

    async def run() -> None:
        proxy = WebSocketClientProxy("bench", config=Config(url=task.url, mode="embedded"))
        subscribe = getattr(proxy, f"subscribe_{task.messages.types[0]}")
        await subscribe(task.messages.codes, call_later if awaited else call, mailbox=Mailbox.block(10_000))
        await _until_done(task, beside)
        await proxy.cleanup()

    asyncio.run(run())


def run_aio_awaited(task: Task) -> None:
    """Subscribe one component with an `async def` callback."""
    run_aio(task, awaited=True)


def run_aio_iterated(task: Task) -> None:
    """Iterate over a subscription of trades or tickers."""
    from websocket_v6 import Config, Mailbox
    from websocket_v6.aio import WebSocketClientProxy

    took, meter = task.meter.took, task.meter

    async def run() -> None:
        async with WebSocketClientProxy("bench", config=Config(url=task.url, mode="embedded")) as proxy:
            subscribe = getattr(proxy, f"subscribe_{task.messages.types[0]}")
            subscription = await subscribe(task.messages.codes, mailbox=Mailbox.block(10_000))
            task.ready()
            async for event in subscription:
                took(event.symbol, event.trade_price)
                if meter.is_done:
                    break

    asyncio.run(run())


async def _until_done(task: Task, beside: Callable[[Any], Any] | None) -> None:
    other = None if beside is None else asyncio.ensure_future(beside(task))
    task.ready()
    await asyncio.to_thread(task.meter.wait)
    if other is not None:
        other.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await other


def run_websockets(task: Task) -> None:
    """websockets' client for asyncio, msgspec with a class of all fields."""
    from websockets.asyncio.client import connect

    from .models import reader

    meter, read = task.meter, reader(task.messages, task.meter.took)

    async def run() -> None:
        ws = await connect(task.url)
        await ws.send(task.request())
        task.ready()
        async for raw in ws:
            read(raw)
            if meter.is_done:
                break

    # Without `asyncio.run`, which would wait for a closing handshake.
    asyncio.new_event_loop().run_until_complete(run())


def run_sdk_async(task: Task) -> None:
    """The exchange's own package, its stream for asyncio; its numbers are strings."""
    meter, took = task.meter, task.meter.took
    code, price = ("cd", "tp") if task.messages.is_short else ("code", "trade_price")

    async def run() -> None:
        client = peer("upbit").AsyncUpbit(websocket_base_url=task.url.removesuffix("/websocket/v1"))
        wanted: dict[str, Any] = {task.messages.types[0]: task.messages.codes}
        form = "SIMPLE" if task.messages.is_short else "DEFAULT"
        stream = await client.ws_stream.subscribe(**wanted, format=form).__aenter__()
        task.ready()
        async for event in stream:
            took(getattr(event, code), Decimal(getattr(event, price)))
            if meter.is_done:
                break

    asyncio.new_event_loop().run_until_complete(run())


def watch_ticks(task: Task) -> list[float]:
    """Run ours and a task beside it that wakes every TICK; return how late it was, in seconds."""
    late: list[float] = []

    async def tick(_: Any) -> None:
        while not task.meter.is_done:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            late.append(time.monotonic() - due)

    run_aio(task, beside=tick)
    return late
