"""`watch`: one subscription as a live table, plain lines or JSON lines."""

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TextIO

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import StreamError, UnknownCodeError
from websocket_v6.protocol.events import Event, OverflowEvent
from websocket_v6.proxy import WebSocketClientProxy
from websocket_v6.subscription import Subscription

from ..protocol.delivery.policy import Mailbox
from .board import Board, Row
from .line import ConnectionLine
from .quote import count_text, percent_text, price_text, seconds_text
from .screen import PERIOD, Screen
from .steering import without_steering

__all__ = ["Wanted", "watch", "watch_json"]

HEADS = {"ticker": "Turnover 24 h", "trade": "Last trade", "orderbook": "Best ask, levels", "candle": "Low..high"}

# A program that reads lines wants them all, order books too.
EVERY_EVENT = Mailbox.drop_oldest(16_384, notify=True)


class Wanted(NamedTuple):
    """What to watch."""

    type: str  # ticker, trade, orderbook, candle
    codes: tuple[str, ...]
    interval: str = "1m"
    depth: int = 30

    def subscribe(self, proxy: WebSocketClientProxy, **options: Any) -> Subscription[Any]:
        """Subscribe to it."""
        match self.type:
            case "ticker":
                return proxy.subscribe_ticker(self.codes, **options)
            case "trade":
                return proxy.subscribe_trade(self.codes, **options)
            case "orderbook":
                return proxy.subscribe_orderbook(self.codes, depth=self.depth, **options)
            case _:
                return proxy.subscribe_candle(self.codes, interval=self.interval, **options)


def watch(wanted: Wanted, config: Config, console: Console, seconds: float | None) -> None:
    """Show a table until `seconds` are over.

    Raises:
        WebSocketV6Error: if there was nothing to show: no connection in all that time, none of the codes is known to
            the exchange, or the engine was stopped.
    """
    with Screen(console) as screen, WebSocketClientProxy("watch", config=config) as proxy:
        board = Board(wanted.codes)
        verdict = _Verdict(board, screen.say)
        line = ConnectionLine(config.url, None if console.is_terminal else screen.say)
        proxy.on_connection(line.take)
        subscription = wanted.subscribe(proxy, callback=board.take, error_handler=verdict.take)
        for now in _moments(seconds):
            rows = board.rows(now)
            screen.show(
                functools.partial(_table, wanted, rows, line, subscription.stats.dropped),
                functools.partial(_lines, rows),
            )
            verdict.wait(PERIOD)
        line.check()


def watch_json(wanted: Wanted, config: Config, out: TextIO, err: Console, seconds: float | None) -> None:
    """Write one JSON object a line for each event, until `seconds` are over; all else goes to `err`.

    Raises:
        WebSocketV6Error: as with `watch`.
    """

    def say(text: str) -> None:
        err.print(text, markup=False, highlight=False, soft_wrap=True)

    with WebSocketClientProxy("watch", config=config) as proxy:
        verdict = _Verdict(Board(wanted.codes), say)
        line = ConnectionLine(config.url, say)
        proxy.on_connection(line.take)
        subscription = wanted.subscribe(proxy, error_handler=verdict.take, mailbox=EVERY_EVENT)
        for _ in _moments(seconds):
            try:
                event = subscription.get(PERIOD)
            except TimeoutError:
                verdict.check()
                continue
            out.write(_json(event) + "\n")
            if not subscription.stats.queued:
                out.flush()
        line.check()


def _json(event: Event | OverflowEvent) -> str:
    # What was dropped is told by a line of its own, in the place of what is missing.
    if isinstance(event, OverflowEvent):
        return msgspec.json.encode(event.asdict() | {"type": "overflow"}).decode()
    return without_steering(event.json())


class _Verdict:
    """What the engine reports of the subscription: some codes unknown, or nothing left to wait for."""

    def __init__(self, board: Board, say: Callable[[str], None]) -> None:
        self._board = board
        self._say = say
        self._over = threading.Event()
        self._error: Exception | None = None

    def take(self, error: Exception) -> None:
        """Note an error: the `error_handler` of a subscription."""
        if isinstance(error, UnknownCodeError):
            self._board.mark_unknown(error.codes)
            self._say(f"The exchange sends nothing for {', '.join(error.codes)}: unknown or delisted.")
            if not self._board.is_hopeless:
                return
            error = StreamError("none of the codes is known to the exchange")
        self._error = error
        self._over.set()

    def wait(self, seconds: float) -> None:
        """Wait for an end, but no longer than `seconds`, and raise what it was."""
        self._over.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise what ended the subscription, if anything did."""
        if self._error is not None:
            raise self._error


def _moments(seconds: float | None) -> Iterator[float]:
    """Yield the monotonic time, again and again until `seconds` have passed."""
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        yield now


def _table(wanted: Wanted, rows: Sequence[Row], line: ConnectionLine, dropped: int) -> RenderableType:
    name = f"{wanted.type}.{wanted.interval}" if wanted.type == "candle" else wanted.type
    table = Table(title=name, title_justify="left", caption_justify="left", expand=False)
    table.add_column("Market")
    table.add_column("Best bid" if wanted.type == "orderbook" else "Price", justify="right")
    if wanted.type != "orderbook":
        table.add_column("Change", justify="right")
    table.add_column(HEADS[wanted.type], justify="right")
    table.add_column("Rate", justify="right")
    table.add_column("Delay", justify="right")
    for row in rows:
        quote = row.quote
        cells = [row.code, "" if quote is None else price_text(quote.price)]
        if wanted.type != "orderbook":
            cells.append(percent_text(None if quote is None else quote.change))
        cells.append("unknown to the exchange" if row.is_unknown else "" if quote is None else quote.remark)
        cells += [f"{row.rate:.1f}/s", seconds_text(row.delay)]
        # As Text: a string would be read for markup, and a code is whatever the exchange calls it.
        table.add_row(*map(Text, cells), style=_style(row))
    total = count_text(sum(row.events for row in rows), "event")
    return Group(table, Text(f"{line}\n{total}, {dropped:,} dropped. Ctrl-C ends."))


def _style(row: Row) -> str:
    if row.is_unknown:
        return "dim"
    change = None if row.quote is None else row.quote.change
    return "" if not change else "green" if change > 0 else "red"


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row.quote is not None and row.rate > 0:
            change = percent_text(row.quote.change)
            parts = (
                price_text(row.quote.price),
                change,
                row.quote.remark,
                f"{row.rate:.1f}/s",
                seconds_text(row.delay),
            )
            yield "  ".join(part for part in (row.code, *parts) if part)
