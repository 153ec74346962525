"""What things take in memory: an event that waits, a subscription, the last books of all markets.

    python -m bench.memory          10,000 subscriptions, 855 markets (half a minute)

By tracemalloc, which counts what Python allocates, to the byte and whatever else the machine does. What the exchange
sent is left out of an event's size: whoever keeps an event keeps that. The largest parts of a subscription are named by
the line that allocates them.
"""

import argparse
import contextlib
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.protocol.events import OrderbookEvent, make_event
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.simulator import Simulator

from .messages import ROOT, make_messages

__all__ = ["measure_books", "measure_events", "measure_subscriptions"]

NOWHERE = "ws://127.0.0.1:9"
LARGEST = 5
KINDS = ("ticker", "trade", "orderbook")


def measure_events(kind: str, count: int = 2000) -> dict[str, float]:
    """Return the bytes of an event beside its message: as it waits, its number read, and all that it has."""
    messages = make_messages(kind, count=count)
    streams = Inbound().sort(messages.payloads).streams
    found: dict[str, float] = {}
    with _traced() as size:
        events = [make_event(stream, payload, 1, 2) for stream, payload in zip(streams, messages.payloads, strict=True)]
        found["waits"] = size() / count
        for event in events:
            _price(event)
        found["price read"] = size() / count
        for event in events:
            event.load()
            getattr(event, "orderbook_units", None)
        found["all read"] = size() / count
        assert len(events) == count
    return found


def _price(event: Any) -> object:
    return event.best() if hasattr(event, "best") else event.trade_price


def measure_subscriptions(count: int) -> tuple[float, list[tuple[str, float]]]:
    """Return the bytes of a subscription with a callback of one component, and of its largest parts, by line."""
    with WebSocketClientProxy("many", config=Config(url=NOWHERE, mode="embedded")) as proxy:
        proxy.subscribe_ticker("KRW-BTC", callback=print)  # what the first of all takes is an engine
        with _traced() as size:
            before = tracemalloc.take_snapshot()
            kept = [proxy.subscribe_ticker(f"KRW-C{number % 855:03}", callback=print) for number in range(count)]
            proxy.health()  # answered behind all of that
            total = size() / count
            after = tracemalloc.take_snapshot().compare_to(before, "lineno")
            assert len(kept) == count
    largest = [(_place(one.traceback[0]), one.size_diff / count) for one in after if one.size_diff > 0]
    return total, sorted(largest, key=lambda one: -one[1])[:LARGEST]


def _place(frame: tracemalloc.Frame) -> str:
    return f"{frame.filename.removeprefix(f'{ROOT}/')}:{frame.lineno}"


def measure_books(markets: int) -> dict[str, float]:
    """Return the bytes of a market's last book, its message included: as it came, and with all levels read.

    To be called once in a process: what is remembered of a market's last book counts with the first that is read.
    """
    found: dict[str, float] = {}
    codes = [f"KRW-M{number:03}" for number in range(markets)]
    with Simulator(markets=codes, limits=None, record=False, process=True) as sim:
        for name, reads in (("as it came", False), ("all levels read", True)):
            books = _Books(reads)
            with WebSocketClientProxy("books", config=Config(url=sim.url, mode="embedded")) as proxy:
                proxy.subscribe_ticker(codes[0], callback=lambda _: None)  # an engine, and a connection
                proxy.wait_ready(60.0)
                with _traced() as size:
                    proxy.subscribe_orderbook(codes, callback=books.take)
                    books.wait_for(markets)
                    found[name] = size() / markets
    return found


class _Books:
    """Counts books, and reads all of each if it is to."""

    def __init__(self, reads: bool) -> None:
        self._reads = reads
        self._seen: set[str] = set()
        self._changed = threading.Condition()

    def take(self, event: OrderbookEvent) -> None:
        if self._reads:
            event.orderbook_units  # noqa: B018 - decodes all levels
        with self._changed:
            self._seen.add(event.symbol)
            self._changed.notify()

    def wait_for(self, markets: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._seen) == markets, 60.0)


@contextlib.contextmanager
def _traced() -> Iterator[Callable[[], int]]:
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    def size() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    try:
        yield size
    finally:
        tracemalloc.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="What things take in memory.")
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--markets", type=int, default=855)
    arguments = parser.parse_args()
    console = Console()
    events = {kind: measure_events(kind) for kind in KINDS}
    table = Table("bytes of an event beside its message", *events["ticker"])
    for kind, one in events.items():
        table.add_row(kind, *(f"{value:,.0f}" for value in one.values()))
    console.print(table)
    total, largest = measure_subscriptions(arguments.subscriptions)
    table = Table(f"bytes of each of {arguments.subscriptions:,} subscriptions", f"{total:,.0f}")
    for place, value in largest:
        table.add_row(place, f"{value:,.0f}")
    console.print(table)
    books = measure_books(arguments.markets)
    table = Table(f"bytes of a market's last book, of {arguments.markets}", *books)
    table.add_row("its message included", *(f"{value:,.0f}" for value in books.values()))
    console.print(table)


if __name__ == "__main__":
    main()
