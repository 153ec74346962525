"""The way of a message from a chunk of the socket's bytes to a callback, in one thread: for counting what it costs.

    python -m bench.hot_path                                   µs of CPU for each piece, best of several turns
    PYTHONHASHSEED=0 valgrind --tool=callgrind python -m bench.hot_path 20000
                                                               instructions, where clocks are no use

The pieces are the engine's own, put together without sockets and threads; what is left out is the kernel, a `tell` for
each batch and the waiting for each other. `tests/bench/test_hot_path.py` counts calls and objects on the same way.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from queue import SimpleQueue
from typing import Any

from websocket_v6.actors.base import Actor
from websocket_v6.actors.delivery import subscriber
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.delivery.subscriber import Subscriber, Work
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AddRoutes, Attach
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.exchange.streams import stream_of
from websocket_v6.protocol.exchange.wants import ticker_want
from websocket_v6.protocol.websocket.frames import FrameDecoder

from .messages import Messages, frame, make_messages

__all__ = ["HotPath"]

EPOCH = ATTACHMENT = SOURCE = 1
CREDITS = 8  # as a transport has
SUBSCRIPTION = 1
CHUNK = 256 * 1024  # as a transport reads
TURNS = 15


class HotPath:
    """One component that wants all of `messages`; `received` counts its callback's calls."""

    def __init__(self, messages: Messages, *, numbers: type = Decimal) -> None:
        self.received = 0
        self.stream = b"".join(map(frame, messages.payloads))
        self._decoder = FrameDecoder()
        self._inbound = Inbound()
        # Actors that are never started: their methods are called as their threads would.
        self._router = Router(supervisor=Actor().actor_ref)
        self._subscriber = Subscriber("hot", lambda _: None)
        mailbox = MailboxQueue(Mailbox.block(10**6), numbers=numbers)
        streams = tuple(stream_of(type_, code) for type_ in messages.types for code in messages.codes)
        for message in (
            Attach(ATTACHMENT, "public", SOURCE, SimpleQueue(), CREDITS),
            Admit(ATTACHMENT, EPOCH, is_held=False),
            AddRoutes(SUBSCRIPTION, "public", streams, mailbox, None, replay=True, snapshots=True, realtime=True),
        ):
            self._router.on_receive(message)
        calls = Calls(self._callback)
        want = ticker_want(messages.codes)
        edge = Edge(SUBSCRIPTION, want, mailbox, calls=lambda: calls, is_pushed=True)
        self._subscriber._attached[SUBSCRIPTION] = edge

    def deliver(self) -> None:
        """Take the whole block of messages as far as the mailbox."""
        view = memoryview(self.stream)
        for start in range(0, len(view), CHUNK):
            streams, payloads, _ = self._inbound.sort(self._decoder.receive(view[start : start + CHUNK]))
            now_ns = time.time_ns()
            self._router.on_receive(Batch("public", ATTACHMENT, now_ns, now_ns, streams, payloads))

    def drain(self) -> None:
        """Take what waits in the mailbox to the callback."""
        is_left = True
        while is_left:
            is_left = _done(self._subscriber._drain(SUBSCRIPTION))

    def run(self) -> None:
        """Take the whole block all the way."""
        self.deliver()
        self.drain()

    def _callback(self, event: Any) -> None:
        self.received += event.symbol != "" and event.trade_price is not None


def _done(work: Work[bool]) -> bool:
    """Return what comes of `work`, which has nothing to wait for."""
    try:
        next(work)
    except StopIteration as stop:
        return bool(stop.value)
    raise AssertionError("a plain callback returned something to be awaited")


def pieces(messages: Messages) -> dict[str, Callable[[], Sequence[Any]]]:
    """Return each piece of the way as a function without arguments; what it returns has one item for each message."""
    stream, inbound, payloads = memoryview(b"".join(map(frame, messages.payloads))), Inbound(), messages.payloads
    streams = inbound.sort(payloads).streams

    def make() -> list[Event]:
        return [make_event(stream, payload, EPOCH, 0) for stream, payload in zip(streams, payloads, strict=True)]

    def load() -> list[None]:
        return [event.load() for event in made]

    def read() -> list[Any]:
        return [(event.symbol, event.trade_price) for event in loaded]

    made: list[Any] = make()
    loaded: list[Any] = make()
    for event in loaded:
        event.load()
        assert event.trade_price is not None

    def decode_frames() -> list[bytes]:
        return FrameDecoder().receive(stream)

    def make_and_load() -> list[Event]:
        nonlocal made
        made = make()
        load()
        return made

    return {
        "decode frames": decode_frames,
        "sort": lambda: inbound.sort(payloads).streams,
        "make the event": make,
        "make the event and load it, price included": make_and_load,
        "read symbol and price": read,
    }


def best(function: Callable[[], object]) -> float:
    """Return the least CPU time that one of several calls took."""
    least = float("inf")
    for _ in range(TURNS):
        started = time.thread_time()
        function()
        least = min(least, time.thread_time() - started)
    return least


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.hot_path", description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", help="take so many messages the whole way, measure nothing")
    count = parser.parse_args().count
    messages = make_messages("ticker")
    path = HotPath(messages)
    if count is not None:
        subscriber.QUICK = float("inf")  # else a callback that runs under valgrind is a slow one, to be treated as such
        for _ in range(count // len(messages.payloads)):
            path.run()
        print(path.received)
        return
    path.run()  # the codec learns what is read
    for name, piece in pieces(messages).items():
        print(f"{best(piece) / len(messages.payloads) * 1e6:6.3f} µs  {name}")
    floats = HotPath(messages, numbers=float)
    print(f"{best(path.run) / len(messages.payloads) * 1e6:6.3f} µs  the whole way")
    print(f"{best(floats.run) / len(messages.payloads) * 1e6:6.3f} µs  the whole way, floats")


if __name__ == "__main__":
    main()
