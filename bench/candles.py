"""What closed candles cost: CPU for each message from the router's batch to a callback, against plain ones.

    python -m bench.candles [CODES]      µs for each message, best of several turns that take turns; 20 codes by default

A message of each code's candle comes once a second, and a candle of a minute has sixty, as on the exchange. Closed, one
of these sixty reaches the callback, so what is saved there is part of the answer. The second table is of all other
messages: as soon as anybody takes closed candles, the router looks at one timestamp in each batch.
"""

import argparse
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from websocket_v6.actors.base import Actor
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.delivery.subscriber import Subscriber, Work
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AddRoutes, Attach
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events.candle_intervals import utc_text
from websocket_v6.protocol.exchange.wants import Closing, candle_want, ticker_want

__all__ = ["CandlePath", "main"]

TURNS = 9
SECONDS = 120  # of the exchange's time in a turn: two candles of each code
BEGIN_MS = 1_795_176_000_000
TICKER = (
    '{{"type":"ticker","code":"{code}","opening_price":116606000,"high_price":118000000,"low_price":115000000,'
    '"trade_price":117000000,"acc_trade_price":95078733694.3792,"change":"RISE","signed_change_rate":0.0034,'
    '"acc_trade_volume":812.5,"trade_timestamp":{ms},"timestamp":{ms},"stream_type":"REALTIME"}}'
)
CANDLE = (
    '{{"type":"candle.1m","code":"{code}","candle_date_time_utc":"{start}","opening_price":3872000.0,'
    '"high_price":3876000.0,"low_price":3871000.0,"trade_price":3875000.0,"candle_acc_trade_volume":3.90217755,'
    '"candle_acc_trade_price":15117402.66125,"timestamp":{ms},"stream_type":"REALTIME"}}'
)


class CandlePath:
    """A router and a component: `closing` says how it takes candles, `takes` whether that or tickers are measured."""

    def __init__(self, codes: list[str], *, closing: Closing | None, takes: str = "candle.1m") -> None:
        self.received = 0
        self._codes, self._takes = codes, takes
        self._router = Router(supervisor=Actor().actor_ref)
        self._subscriber = Subscriber("candles", lambda _: None)
        self._now_ms = BEGIN_MS
        for message in (Attach(1, "public", 1, SimpleQueue(), 8), Admit(1, 1, is_held=False)):
            self._router.on_receive(message)
        want = candle_want(codes, closing=closing) if takes == "candle.1m" else ticker_want(codes)
        self._take(1, want, closing if takes == "candle.1m" else None)
        if takes != "candle.1m" and closing is not None:
            self._take(2, candle_want(codes[:1], closing=closing), closing)

    def _take(self, number: int, want: Any, closing: Closing | None) -> None:
        mailbox = MailboxQueue(Mailbox.block(10**6))
        how = (True, True, True, False, closing)
        self._router.on_receive(AddRoutes(number, "public", tuple(want.streams()), mailbox, None, *how))
        calls = Calls(self._callback)
        edge = Edge(number, want, mailbox, calls=lambda: calls, is_pushed=True)
        self._subscriber._attached[number] = edge

    def prepare(self) -> list[Batch]:
        """Return what comes in a turn, a batch for each second."""
        batches = []
        for _ in range(SECONDS):
            self._now_ms += 1000
            start = utc_text(self._now_ms // 60_000 * 60_000)
            form = CANDLE if self._takes == "candle.1m" else TICKER
            texts = [form.format(code=code, start=start, ms=self._now_ms) for code in self._codes]
            streams = [f"{self._takes} {code}" for code in self._codes]
            now_ns = time.time_ns()
            batches.append(Batch("public", 1, now_ns, now_ns, streams, [text.encode() for text in texts]))
        return batches

    def run(self, batches: list[Batch]) -> None:
        """Take a turn's batches all the way to the callback."""
        for batch in batches:
            self._router.on_receive(batch)
        while _is_left(self._subscriber._drain(1)):
            pass

    def _callback(self, event: Any) -> None:
        self.received += event.trade_price is not None


def _is_left(work: Work[bool]) -> bool:
    """Do `work`, which has nothing to wait for, and return what comes of it."""
    try:
        next(work)
    except StopIteration as stop:
        return bool(stop.value)
    raise AssertionError("a plain callback returned something to be awaited")


def compared(codes: list[str], paths: dict[str, Callable[[], CandlePath]]) -> dict[str, float]:
    """Return the least CPU time for each message of each path, in µs; they take turns."""
    made = {name: path() for name, path in paths.items()}
    least = dict.fromkeys(made, float("inf"))
    for turn in range(TURNS + 1):
        for name, path in made.items():
            batches = path.prepare()
            started = time.thread_time()
            path.run(batches)
            spent = (time.thread_time() - started) / (SECONDS * len(codes)) * 1e6
            if turn:  # the first one learns the heads of messages
                least[name] = min(least[name], spent)
    return least


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.candles", description=__doc__.partition("\n")[0])
    parser.add_argument("codes", nargs="?", type=int, default=20, help="how many codes")
    codes = [f"KRW-C{number:03d}" for number in range(parser.parse_args().codes)]
    closing, empty = Closing(), Closing(empty=True)
    tables: dict[str, dict[str, Callable[[], CandlePath]]] = {
        "a message of a candle": {
            "plain": lambda: CandlePath(codes, closing=None),
            "closed": lambda: CandlePath(codes, closing=closing),
            "closed, empty=True": lambda: CandlePath(codes, closing=empty),
        },
        "a ticker": {
            "nobody takes closed candles": lambda: CandlePath(codes, closing=None, takes="ticker"),
            "somebody does": lambda: CandlePath(codes, closing=closing, takes="ticker"),
        },
    }
    for title, paths in tables.items():
        found = compared(codes, paths)
        first = next(iter(found.values()))
        print(f"{title}, {len(codes)} in a batch")
        for name, spent in found.items():
            print(f"  {name:28} {spent:6.2f} µs   {spent / first:5.2f}")


if __name__ == "__main__":
    main()
