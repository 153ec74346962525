"""`watch`: one subscription as a live picture, plain lines or JSON lines."""

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from gettext import gettext as _
from typing import Any, NamedTuple, TextIO

import msgspec
from rich.console import Console

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import StreamError, UnknownCodeError
from websocket_v6.protocol.events import Event, OverflowEvent
from websocket_v6.proxy import WebSocketClientProxy
from websocket_v6.subscription import Subscription

from ..protocol.delivery.policy import Mailbox
from .board import Board, Row
from .keyboard import Keyboard
from .line import ConnectionLine
from .quote import percent_text, price_text, seconds_text
from .screen import PERIOD, Screen
from .steering import without_steering
from .watch_view import Look, View

__all__ = ["Wanted", "watch", "watch_json"]

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
    """Show it until `seconds` are over, `q` or Ctrl-C.

    Raises:
        WebSocketV6Error: if there was nothing to show: no connection in all that time, none of the codes is known to
            the exchange, or the engine was stopped.
    """
    board, view = Board(wanted.codes), View(wanted.type, wanted.codes, wanted.interval)

    def take(event: Event | OverflowEvent) -> None:
        board.take(event)
        if isinstance(event, Event):
            view.take(event)

    with (
        Keyboard() as keyboard,
        Screen(console, is_whole=True) as screen,
        WebSocketClientProxy("watch", config=config) as proxy,
    ):
        verdict = _Verdict(board, screen.say)
        line = ConnectionLine(config.url, None if console.is_terminal else screen.say)
        proxy.on_connection(line.take)
        subscription = wanted.subscribe(proxy, callback=take, error_handler=verdict.take)
        if console.is_terminal:
            view.begin(config)
        look = Look(has_keys=keyboard.is_there)
        rows = board.rows(time.monotonic())
        for now in _moments(seconds):
            if not look.is_paused:
                rows = board.rows(now)
            look = look._replace(width=console.width, height=console.height, has_colour=not console.no_color)
            foot = view.foot(rows, str(line), subscription.stats.dropped, look)
            screen.show(functools.partial(view.picture, rows, foot, look), functools.partial(_lines, rows))
            key = keyboard.wait(PERIOD)
            verdict.check()
            if key == "q":
                break
            look = view.turned(look, key, len(rows))
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
        for _now in _moments(seconds):
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
            codes = ", ".join(error.codes)
            self._say(_("The exchange sends nothing for {codes}: unknown or delisted.").format(codes=codes))
            if not self._board.is_hopeless:
                return
            error = StreamError(_("none of the codes is known to the exchange"))
        self._error = error
        self._over.set()

    def check(self) -> None:
        """Raise what ended the subscription, if anything did."""
        if self._error is not None:
            raise self._error


def _moments(seconds: float | None) -> Iterator[float]:
    """Yield the monotonic time, again and again until `seconds` have passed."""
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        yield now


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
