"""The contenders: each reads the stream as its users would write it, down to a callback that reads symbol and price.

Prices are exact numbers (`Decimal`) wherever the contender can have them. All of them get the same bytes and call the
same `took(symbol, price)`; of a book the price is its best ask. Nobody is asked to close its connection politely, that
is not measured and the sender does not answer it.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from decimal import Decimal
from importlib import metadata
from typing import Any, NamedTuple

from .loops import run_aio, run_aio_awaited, run_aio_iterated, run_sdk_async, run_websockets
from .messages import KINDS
from .packages import run_ccxt, run_cryptofeed, run_pyupbit, run_upbit_sdk
from .task import Task, dict_reader, peer

__all__ = ["AIO", "CONTENDERS", "IN_LOOPS", "OURS", "Contender", "subscribe_ours"]

OURS = "websocket_v6"
AIO = "websocket_v6.aio"
CHUNK = 256 * 1024
ONE_TYPE = ("ticker", "trade", "orderbook")


# --- ours


def run_ours(task: Task, numbers: type = Decimal) -> None:
    """Subscribe one component with callbacks."""
    from websocket_v6 import Config, WebSocketClientProxy

    with WebSocketClientProxy("bench", config=Config(url=task.url, mode="embedded")) as proxy:
        subscribe_ours(proxy, task, numbers)
        task.ready()
        task.meter.wait()


def run_ours_floats(task: Task) -> None:
    """Subscribe one component that wants floats."""
    run_ours(task, float)


def run_ours_best(task: Task) -> None:
    """Subscribe one component that asks each book for its best level alone."""
    from websocket_v6 import Config, Mailbox, WebSocketClientProxy

    took = task.meter.took
    with WebSocketClientProxy("bench", config=Config(url=task.url, mode="embedded")) as proxy:
        proxy.subscribe_orderbook(
            task.messages.codes,
            lambda event: took(event.symbol, event.best().ask_price),
            mailbox=Mailbox.block(10_000),
        )
        task.ready()
        task.meter.wait()


def subscribe_ours(proxy: Any, task: Task, numbers: type = Decimal, mailbox: Any = None) -> None:
    """Subscribe `proxy` to everything; nothing may be dropped, so the source waits for us unless `mailbox` is given."""
    from websocket_v6 import Mailbox

    took = task.meter.took
    options = {"mailbox": mailbox or Mailbox.block(10_000), "numbers": numbers}
    codes = task.messages.codes
    if "ticker" in task.messages.types:
        proxy.subscribe_ticker(codes, lambda event: took(event.symbol, event.trade_price), **options)
    if "trade" in task.messages.types:
        proxy.subscribe_trade(codes, lambda event: took(event.symbol, event.trade_price), **options)
    if "orderbook" in task.messages.types:
        proxy.subscribe_orderbook(
            codes, lambda event: took(event.symbol, event.orderbook_units[0].ask_price), **options
        )


def run_ours_pulled(task: Task) -> None:
    """Iterate over a subscription, without a callback."""
    from websocket_v6 import Config, Mailbox, WebSocketClientProxy

    took, meter = task.meter.took, task.meter
    with WebSocketClientProxy("bench", config=Config(url=task.url, mode="embedded")) as proxy:
        subscription = getattr(proxy, f"subscribe_{task.messages.types[0]}")(
            task.messages.codes, mailbox=Mailbox.block(10_000)
        )
        task.ready()
        price = _event_price(task.messages.types[0])
        for event in subscription:
            took(event.symbol, price(event))
            if meter.is_done:
                break


def run_floor(task: Task) -> None:
    """Read, decode and call in one loop: our protocol code without an actor."""
    import websocket

    from websocket_v6.protocol.events import make_event
    from websocket_v6.protocol.exchange.heads import Inbound
    from websocket_v6.protocol.websocket.frames import FrameDecoder

    took, meter = task.meter.took, task.meter
    ws = websocket.create_connection(task.url)
    ws.send(task.request())
    task.ready()
    decoder, inbound = FrameDecoder(), Inbound()
    prices = {type_: _event_price(type_) for type_ in task.messages.types}
    view = memoryview(bytearray(CHUNK))
    assert ws.sock is not None
    recv_into = ws.sock.recv_into
    while not meter.is_done:
        count = recv_into(view)
        now_ns = time.time_ns()
        streams, payloads, _ = inbound.sort(decoder.receive(view[:count]))
        for stream, payload in zip(streams, payloads, strict=True):
            event = make_event(stream, payload, 1, now_ns)
            event.load()
            took(event.symbol, prices[event.type](event) if len(prices) > 1 else _price(event, prices))
            if meter.is_done:
                break


def _price(event: Any, prices: dict[str, Callable[[Any], Any]]) -> Any:
    for price in prices.values():
        return price(event)
    raise ValueError(event.type)


def _event_price(type_: str) -> Callable[[Any], Any]:
    if type_ == "orderbook":
        return lambda event: event.orderbook_units[0].ask_price
    return lambda event: event.trade_price


# --- by hand, with json


def run_websocket_client(task: Task) -> None:
    """websocket-client's `recv` in a loop, json with exact decimals."""
    import websocket

    meter, read = task.meter, dict_reader(task)
    ws = websocket.create_connection(task.url)
    ws.send(task.request())
    task.ready()
    while not meter.is_done:
        read(json.loads(ws.recv(), parse_float=Decimal))


def run_websockets_json(task: Task) -> None:
    """websockets' threads-based client, json with exact decimals."""
    from websockets.sync.client import connect

    meter, read = task.meter, dict_reader(task)
    ws = connect(task.url)
    ws.send(task.request())
    task.ready()
    for raw in ws:
        read(json.loads(raw, parse_float=Decimal))
        if meter.is_done:
            break


# --- by hand, with msgspec


def run_websockets_msgspec(task: Task) -> None:
    """websockets' threads-based client, msgspec with a class of all fields."""
    from websockets.sync.client import connect

    from .models import reader

    meter, read = task.meter, reader(task.messages, task.meter.took)
    ws = connect(task.url)
    ws.send(task.request())
    task.ready()
    for raw in ws:
        read(raw)
        if meter.is_done:
            break


def run_picows(task: Task, *, is_bare: bool = False) -> None:
    """picows, whose protocol code is in C, with msgspec and a class of all fields."""
    from .models import reader

    picows = peer("picows")
    meter, read = task.meter, reader(task.messages, task.meter.took, is_bare=is_bare)

    base: Any = picows.WSListener

    class Listener(base):  # type: ignore[misc]
        def on_ws_connected(self, transport: Any) -> None:
            transport.send(picows.WSMsgType.TEXT, task.request().encode())
            task.ready()

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if not meter.is_done:
                read(frame.get_payload_as_memoryview())
                if meter.is_done:
                    transport.disconnect(graceful=False)

    async def run() -> None:
        transport, _ = await picows.ws_connect(Listener, task.url)
        await transport.wait_disconnected()

    asyncio.run(run())


def run_picows_bare(task: Task) -> None:
    """picows, with msgspec and a class of code and price alone: nothing else is decoded."""
    run_picows(task, is_bare=True)


class Contender(NamedTuple):
    """Who reads. `weight`: how many messages it gets in the time of the slowest one."""

    name: str
    package: str | None
    run: Callable[[Task], None]
    weight: int
    note: str = ""
    kinds: tuple[str, ...] = KINDS  # of messages, that it can take
    needs_full_names: bool = False  # it gets the same messages in the DEFAULT format
    is_in_order: bool = True  # messages of different codes come in the order in which they were sent

    @property
    def version(self) -> str | None:
        """The installed version, "" for ourselves, `None` if it is not installed."""
        if self.package is None:
            return ""
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(self.package)
        return None


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(OURS, None, run_ours, 25),
        Contender("floor", None, run_floor, 30, note="our decoders in one loop, no actor"),
        Contender("picows + msgspec", "picows", run_picows, 30),
        Contender("websockets + msgspec", "websockets", run_websockets_msgspec, 12),
        Contender("websockets + json", "websockets", run_websockets_json, 8),
        Contender("websocket-client + json", "websocket-client", run_websocket_client, 7),
        Contender("pyupbit", "pyupbit", run_pyupbit, 5, note="floats; two processes", kinds=ONE_TYPE),
        Contender("cryptofeed", "cryptofeed", run_cryptofeed, 5, kinds=("trade", "orderbook")),
        Contender(
            "ccxt.pro", "ccxt", run_ccxt, 1, note="floats", kinds=("trade",), needs_full_names=True, is_in_order=False
        ),
        Contender("upbit-sdk", "upbit-sdk", run_upbit_sdk, 1),
        # Other ways of the same, for one kind of messages.
        Contender("websocket_v6, floats", None, run_ours_floats, 25, kinds=("ticker",)),
        Contender(AIO, None, run_aio, 20, kinds=("ticker", "trade")),
        Contender("websocket_v6.aio, async def", None, run_aio_awaited, 12, kinds=("trade",)),
        Contender("websocket_v6.aio, iterated", None, run_aio_iterated, 12, kinds=("trade",)),
        Contender("websockets + msgspec, asyncio", "websockets", run_websockets, 8, kinds=("trade",)),
        Contender("upbit-sdk, asyncio", "upbit-sdk", run_sdk_async, 1, kinds=("trade",)),
        Contender("websocket_v6, iterated", None, run_ours_pulled, 25, kinds=("ticker",)),
        Contender("websocket_v6, best()", None, run_ours_best, 25, kinds=("orderbook",)),
        Contender("picows + msgspec, 2 fields", "picows", run_picows_bare, 80, kinds=("ticker",)),
    )
}

# Those that a program with an event loop chooses among, and the synchronous face.
IN_LOOPS = (
    OURS,
    AIO,
    "websocket_v6.aio, async def",
    "websocket_v6.aio, iterated",
    "picows + msgspec",
    "websockets + msgspec, asyncio",
    "ccxt.pro",
    "cryptofeed",
    "upbit-sdk, asyncio",
)
