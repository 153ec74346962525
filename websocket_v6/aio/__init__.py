"""The same for asyncio: the calls of `websocket_v6` as coroutines, on the same engine.

    from websocket_v6.aio import WebSocketClientProxy

    async with WebSocketClientProxy("my_chart") as proxy:
        async for event in await proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"]):
            print(event.symbol, event.trade_price)

    WebSocketClientProxy  all calls, with the names and arguments of the synchronous one's
    Subscription          what subscribe_... returns: get(), get_many(), iteration, add, remove, stats, close

Everything else is what `websocket_v6` has, for both: Config, Mailbox, events, errors.
"""

from .proxy import WebSocketClientProxy as WebSocketClientProxy
from .subscription import Subscription as Subscription
