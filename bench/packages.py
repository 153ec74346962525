"""Contenders that are packages for this exchange or for many, each used as its documentation shows.

Their addresses are constants in most of them: what opens the connection is given ours, nothing else is changed.
"""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

from .task import Task, dict_reader, peer

__all__ = ["run_ccxt", "run_cryptofeed", "run_pyupbit", "run_upbit_sdk"]


def run_upbit_sdk(task: Task) -> None:
    """The exchange's own package, its synchronous stream; its numbers are strings."""
    meter, took, types = task.meter, task.meter.took, task.messages.types
    client = peer("upbit").Upbit(websocket_base_url=task.url.removesuffix("/websocket/v1"))
    code, price, type_ = ("cd", "tp", "ty") if task.messages.is_short else ("code", "trade_price", "type")
    wanted: dict[str, Any] = dict.fromkeys(types, task.messages.codes)
    with contextlib.ExitStack() as stack:
        form = "SIMPLE" if task.messages.is_short else "DEFAULT"
        stream = stack.enter_context(client.ws_stream.subscribe(**wanted, format=form))
        task.ready()
        for event in stream:
            if getattr(event, type_) == "orderbook":
                took(getattr(event, code), _sdk_best_ask(event))
            else:
                took(getattr(event, code), Decimal(getattr(event, price)))
            if meter.is_done:
                break
        stack.pop_all()  # closing, it would wait ten seconds for the other side


def _sdk_best_ask(book: Any) -> Decimal:
    return Decimal(book.obu[0].ap if hasattr(book, "obu") else book.orderbook_units[0].ask_price)


def run_pyupbit(task: Task) -> None:
    """pyupbit.WebSocketManager: a process of its own and a queue; its numbers are floats."""
    pyupbit, websockets = peer("pyupbit"), peer("websockets")
    meter, read, connect = task.meter, dict_reader(task), websockets.connect
    # Its URL is a constant; the child is forked, so that it has this too.
    websockets.connect = lambda _, **options: connect(task.url, **options)
    manager = pyupbit.WebSocketManager(task.messages.types[0], task.messages.codes)
    try:
        task.ready()
        while not meter.is_done:
            read(manager.get())
    finally:
        manager.terminate()
        manager.join()


def run_ccxt(task: Task) -> None:
    """ccxt.pro, the trades of all markets: its other streams give the newest state only; its numbers are floats."""
    meter, took = task.meter, task.meter.took
    upbit = peer("ccxt.pro").upbit({"enableRateLimit": False})
    upbit.urls["api"]["ws"] = task.url
    markets = [_ccxt_market(code) for code in task.messages.codes]
    upbit.set_markets(markets)
    symbols = [market["symbol"] for market in markets]

    async def run() -> None:
        # The first call sends the request, and waits for a trade.
        first = asyncio.ensure_future(upbit.watch_trades_for_symbols(symbols))
        await asyncio.sleep(0)
        task.ready()
        trades = await first
        while True:
            for trade in trades:
                took(trade["info"]["code"], trade["price"])
            if meter.is_done:
                return
            trades = await upbit.watch_trades_for_symbols(symbols)

    # Without `asyncio.run`, which would wait for what is left of the connection.
    asyncio.new_event_loop().run_until_complete(run())


def _ccxt_market(code: str) -> dict[str, Any]:
    quote, base = code.split("-")
    return {
        "id": code,
        "symbol": f"{base}/{quote}",
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "type": "spot",
        "spot": True,
        "active": True,
        "precision": {},
        "limits": {},
    }


def run_cryptofeed(task: Task) -> None:
    """cryptofeed, trades or books; its symbols are turned round, so the code is taken from the message beside them."""
    cryptofeed, defines = peer("cryptofeed"), peer("cryptofeed.defines")
    connection, symbols = peer("cryptofeed.connection"), peer("cryptofeed.symbols")
    meter, took = task.meter, task.meter.took
    connect = connection.connect
    connection.connect = lambda _, **options: connect(task.url, **options)
    names = {"-".join(reversed(code.split("-"))): code for code in task.messages.codes}
    symbols.Symbols.set(defines.UPBIT, names, {"instrument_type": dict.fromkeys(names, defines.SPOT)})

    async def on_trade(trade: Any, _received_at: float) -> None:
        took(trade.raw["cd"], trade.price)
        _stop_when_done()

    async def on_book(book: Any, _received_at: float) -> None:
        took(book.raw["cd"], book.book.asks.index(0)[0])
        _stop_when_done()

    def _stop_when_done() -> None:
        if meter.is_done:
            asyncio.get_running_loop().stop()

    channel, callback = {"trade": (defines.TRADES, on_trade), "orderbook": (defines.L2_BOOK, on_book)}[
        task.messages.types[0]
    ]
    handler = cryptofeed.FeedHandler(config={"log": {"disabled": True}})
    feed = peer("cryptofeed.exchanges").Upbit(symbols=list(names), channels=[channel], callbacks={channel: callback})
    handler.add_feed(feed)
    task.ready()  # the messages wait for its request
    asyncio.set_event_loop(asyncio.new_event_loop())
    handler.run(start_loop=False, install_signal_handlers=False)
    asyncio.get_event_loop().run_forever()
