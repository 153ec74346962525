"""cryptofeed against the simulator and the door: its market list over REST, trades and books."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.simulator import Simulator

cryptofeed = pytest.importorskip("cryptofeed", reason="the extra `peers` is not installed")
connection = pytest.importorskip("cryptofeed.connection")
defines = pytest.importorskip("cryptofeed.defines")
json = pytest.importorskip("yapic.json")  # what it reads with, dates as dates
exchanges = pytest.importorskip("cryptofeed.exchanges")
Make = Callable[..., Simulator]
Enter = Callable[..., Any]


def test_trades_and_books(simulator: Make, entrance: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    sim = simulator(limits=None)
    url = entrance(sim).url
    # Its addresses, nothing else: it would take none without TLS, so that is changed where it connects.
    connect = connection.connect
    monkeypatch.setattr(connection, "connect", lambda _, **options: connect(url, **options))
    routes = connection.Routes("/v1/market/all")
    monkeypatch.setattr(exchanges.Upbit, "rest_endpoints", [connection.RestEndpoint(sim.rest_url, routes=routes)])
    got: list[dict[str, Any]] = []
    books: list[tuple[Decimal, Decimal]] = []

    async def on_trade(trade: Any, _: float) -> None:
        got.append(trade.raw)

    async def on_book(book: Any, _: float) -> None:
        got.append(book.raw)
        books.append((book.book.asks.index(0)[0], book.book.bids.index(0)[0]))

    async def run() -> None:
        feed = exchanges.Upbit(
            symbols=["BTC-KRW", "ETH-BTC"],
            channels=[defines.TRADES, defines.L2_BOOK],
            callbacks={defines.TRADES: on_trade, defines.L2_BOOK: on_book},
        )
        feed.start(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(20):
                # It asks with the old camelCase flag, so snapshots come as well.
                while len(got) < 4:
                    await asyncio.sleep(0.01)
                for _ in range(3):
                    await asyncio.to_thread(sim.trade, "KRW-BTC", volume="0.00077720")
                    await asyncio.to_thread(sim.flush)  # a book for each, in any weather
                while len(got) < 10:
                    await asyncio.sleep(0.01)
        finally:
            feed.stop()
            await feed.shutdown()

    asyncio.run(run())
    assert got == [json.loads(one.text, parse_float=Decimal) for one in sim.sent()]
    assert all(ask > bid for ask, bid in books)
