"""`serve`: a host that other processes of the user share, and that has no component of its own."""

import json
import os
import threading
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from websocket_v6 import engine
from websocket_v6.health import Health
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.proxy import WebSocketClientProxy

from ..actors.membership.place import Role
from .board import Meter
from .quote import count_text
from .screen import PERIOD, Screen

__all__ = ["serve", "serve_json"]


def serve(config: Config, console: Console, seconds: float | None) -> None:
    """Serve until Ctrl-C, or for `seconds`.

    Raises:
        ConfigError: if the processes cannot meet.
        EngineError: if there is such a host already.
    """
    with engine.serve(config) as role, WebSocketClientProxy(engine.SERVICE, config=config) as proxy:
        _check(role, config)
        console.print(
            f"Process {os.getpid()} is the host of all programs of this user that use {config.url}\n"
            "They find it by themselves, whether they started before or after it. Ctrl-C ends it.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        meter = Meter()
        with Screen(console) as screen:
            for _ in _looks(seconds, PERIOD):
                text = _state(proxy.health(), meter)
                screen.show(partial(Text, text), partial(_lines, text))


def serve_json(config: Config, out: TextIO, seconds: float | None) -> None:
    """Serve, and write what there is to know as one JSON object a second."""
    with engine.serve(config) as role, WebSocketClientProxy(engine.SERVICE, config=config) as proxy:
        _check(role, config)
        for _ in _looks(seconds, 1.0):
            out.write(json.dumps(_plain(proxy.health())) + "\n")
            out.flush()


def _check(role: Role, config: Config) -> None:
    if role is not Role.HOST:
        raise EngineError(f"another `websocket-v6 serve` is the host of {config.url} already: end that one first")


def _looks(seconds: float | None, period: float) -> Iterable[None]:
    end = None if seconds is None else time.monotonic() + seconds
    never = threading.Event()
    while end is None or time.monotonic() < end:
        yield
        never.wait(period)


def _lines(text: str) -> list[str]:
    return [f"{time.strftime('%H:%M:%S')} {text}"]


def _state(health: Health, meter: Meter) -> str:
    received = health.counters.received
    open_ = [one.endpoint for one in health.connections if one.state == "open"]
    waiting = [
        f"{one.endpoint} {one.error or one.state}" for one in health.connections if one.state not in ("open", "idle")
    ]
    return ", ".join(
        (
            f"{count_text(health.guests, 'process', 'processes')} served",
            f"{count_text(health.streams, 'stream')} wanted",
            f"open: {' '.join(open_) or 'nothing'}",
            f"{count_text(received, 'message')} received, {meter.rate(time.monotonic(), received):,.0f}/s",
            *waiting,
        )
    )


def _plain(health: Health) -> dict[str, Any]:
    return {
        "role": health.role,
        "guests": health.guests,
        "streams": health.streams,
        "connections": [one._asdict() for one in health.connections],
        "counters": health.counters._asdict(),
    }
