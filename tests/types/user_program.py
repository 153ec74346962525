"""A user's program, for type checkers: it is never run. Each `assert_type` says what a value must be to a checker."""

from decimal import Decimal
from typing import assert_type

from websocket_v6 import (
    CandleEvent,
    Config,
    ConnectionEvent,
    Health,
    Mailbox,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    Subscription,
    TickerEvent,
    TradeEvent,
    WebSocketClientProxy,
    WebSocketV6Error,
    aio,
)
from websocket_v6.simulator import Simulator


def on_ticker(event: TickerEvent) -> None:
    assert_type(event.symbol, str)
    assert_type(event.timestamp, int)


def on_connection(event: ConnectionEvent) -> None:
    assert_type(event.endpoint, str)
    assert_type(event.gap, float | None)


def on_error(error: Exception) -> None:
    if isinstance(error, WebSocketV6Error):
        raise error


def program() -> int:
    with Simulator(["KRW-BTC"]) as sim, WebSocketClientProxy("typed", config=Config(url=sim.url)) as proxy:
        assert_type(proxy.subscribe_ticker(["KRW-BTC"], on_ticker), Subscription[TickerEvent])
        assert_type(proxy.subscribe_trade("KRW-BTC", error_handler=on_error), Subscription[TradeEvent])
        assert_type(proxy.subscribe_orderbook(["KRW-BTC"], depth=5), Subscription[OrderbookEvent])
        assert_type(proxy.subscribe_candle(["KRW-BTC"], interval="5m"), Subscription[CandleEvent])
        assert_type(proxy.subscribe_my_order(mailbox=Mailbox.lossless(1 << 20)), Subscription[MyOrderEvent])
        assert_type(proxy.subscribe_my_asset(numbers=float), Subscription[MyAssetEvent])
        assert_type(proxy.get_ticker_snapshot(["KRW-BTC"]), list[TickerEvent])
        assert_type(proxy.last("ticker", "KRW-BTC"), TickerEvent | None)
        assert_type(proxy.book("KRW-BTC"), OrderbookEvent | None)
        assert_type(proxy.health(), Health)
        proxy.on_connection(on_connection)
        for ticker in proxy.subscribe_ticker(["KRW-BTC"]):
            assert_type(ticker, TickerEvent)
            price: Decimal | None = ticker.trade_price
            assert price is not None
        return proxy.run()


async def in_a_loop() -> None:
    async with aio.WebSocketClientProxy("typed") as proxy:
        async for ticker in await proxy.subscribe_ticker(["KRW-BTC"]):
            assert_type(ticker, TickerEvent)
