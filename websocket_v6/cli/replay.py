"""`replay`: a recording through the engine, as a program would have it."""

import time
from collections.abc import Callable
from functools import partial
from gettext import gettext as _
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from websocket_v6 import Config, Subscription, WebSocketClientProxy
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import split
from websocket_v6.protocol.outside_text import printable
from websocket_v6.termination import Signals

from .quote import count_text
from .screen import PERIOD
from .steering import without_steering

__all__ = ["replay"]

PUBLIC = ("ticker", "trade", "orderbook")


def replay(config: Config, out: TextIO | None, console: Console) -> None:
    """Play a recording to its end; with `out`, each event there as a line of JSON.

    Raises:
        OSError: if it cannot be read.
        RecordingError: if it is no recording, or has nothing that can be subscribed to.
    """
    write = None if out is None else partial(_write, out)
    with Signals() as signals, WebSocketClientProxy("replay", config=config) as proxy:
        # Without a subscription the engine has not begun, and does not know what is in the recording.
        proxy.health()
        component = proxy._component
        stage = component.link.stage if component is not None else None
        assert stage is not None
        subscriptions = _subscribe(proxy, stage, write or _nothing)
        if not subscriptions:
            raise RecordingError(_("there is nothing in the recording that can be subscribed to by code"))
        stage.begin()
        _watch(stage, signals, console)
        signals.end()
        _tell(stage, subscriptions, console)


def _subscribe(proxy: WebSocketClientProxy, stage: Stage, write: Callable[[Event], object]) -> list[Subscription[Any]]:
    codes: dict[str, dict[str, None]] = {}
    for stream in sorted(stage.contents.messages):
        type_, code = split(stream)
        if "@" not in stream:
            codes.setdefault(type_, {})[code] = None
    subscriptions: list[Subscription[Any]] = []
    for type_, own in codes.items():
        if type_ in PUBLIC:
            subscriptions.append(getattr(proxy, f"subscribe_{type_}")(list(own), write))
        elif type_.startswith("candle."):
            interval = type_.removeprefix("candle.")
            subscriptions.append(proxy.subscribe_candle(list(own), write, interval=interval))
        elif type_ == "myOrder":
            subscriptions.append(proxy.subscribe_my_order(write))
        elif type_ == "myAsset":
            subscriptions.append(proxy.subscribe_my_asset(write))
    return subscriptions


def _watch(stage: Stage, signals: Signals, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[moment]}"),
        TimeRemainingColumn(),
    )
    total = max(1, stage.contents.total)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(_("replay"), total=total, moment="")
        while not stage.is_over:
            signals.look()
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(stage.wall_ns // 10**9)) if stage.wall_ns else ""
            progress.update(task, completed=stage.played, moment=moment)
            time.sleep(PERIOD)
        progress.update(task, completed=stage.played)


def _tell(stage: Stage, subscriptions: list[Subscription[Any]], console: Console) -> None:
    messages = count_text(stage.played, _("message"), _("messages"))
    console.print(_("{messages} played").format(messages=messages), highlight=False)
    for one in subscriptions:
        line = f"  {one.stats.delivered:>12,}  {printable(one.data_type)}  {one.digest or ''}"
        console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)


def _write(out: TextIO, event: Event) -> None:
    out.write(without_steering(event.json()) + "\n")


def _nothing(_: Event) -> None:
    """Take an event."""
