"""All levels of order books: by hand, with the C module, and without it, in one thread.

    python -m bench.book_levels [MARKETS]          855 markets, as the exchange has

By hand means msgspec straight into a class, the whole message at once, and nothing else. Ours makes the event, loads it
and reads `orderbook_units`. The ways take turns, on books that are like live ones and on books with random sizes; shown
are medians of the ratios within a turn, and the least and the most.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from websocket_v6.protocol.events import Event, base, make_event, orderbook
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.fast import IMPLEMENTATION

from .messages import Messages, make_messages
from .models import reader

__all__ = ["measure"]

MARKETS = 855
COUNT = 8000  # messages of a turn
TURNS = 7
KINDS = {"live-like": "books", "random sizes": "orderbook"}
BY_HAND = "by hand"

Way = Callable[[list[str], list[bytes]], None]


def measure(markets: int, count: int, turns: int) -> dict[tuple[str, str], list[float]]:
    """Return the ratios of each way to doing it by hand, by kind of books and way."""
    found: dict[tuple[str, str], list[float]] = {}
    for shown, kind in KINDS.items():
        messages = make_messages(kind, markets, count)
        streams = Inbound().sort(messages.payloads).streams
        ways = _ways(messages)
        for _ in range(turns):
            costs = {name: _cost(way, streams, messages.payloads) for name, way in ways.items()}
            for name, cost in costs.items():
                found.setdefault((shown, name), []).append(cost / costs[BY_HAND])
    return found


def _ways(messages: Messages) -> dict[str, Way]:
    read = reader(messages, lambda _symbol, _price: None)

    def by_hand(_streams: list[str], payloads: list[bytes]) -> None:
        for payload in payloads:
            read(payload)

    ways: dict[str, Way] = {BY_HAND: by_hand, "Python": _in_python}
    if IMPLEMENTATION == "C":
        ways["C"] = _ours
    return ways


def _cost(way: Way, streams: list[str], payloads: list[bytes]) -> float:
    started = time.thread_time()
    way(streams, payloads)
    return time.thread_time() - started


def _ours(streams: list[str], payloads: list[bytes]) -> None:
    for stream, payload in zip(streams, payloads, strict=True):
        event: Any = make_event(stream, payload, 1, 0)
        Event.load(event)
        assert event.orderbook_units


def _in_python(streams: list[str], payloads: list[bytes]) -> None:
    with patch.object(base, "_load", None), patch.object(orderbook, "read_levels", None):
        _ours(streams, payloads)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.book_levels", description=__doc__.partition("\n")[0])
    parser.add_argument("markets", type=int, nargs="?", default=MARKETS)
    markets = parser.parse_args().markets
    for (kind, way), ratios in measure(markets, COUNT, TURNS).items():
        print(f"{kind:14} {way:8} {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
