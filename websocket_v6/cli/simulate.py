"""`simulate`: a local exchange that says where it is and what it does."""

import os
import threading
import time
from contextlib import ExitStack
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from websocket_v6.simulator import Simulator, Weather
from websocket_v6.simulator.control_server import ControlServer

from .board import Meter
from .captured import captured
from .quote import count_text
from .screen import PERIOD, Screen
from .traffic import markets_of

__all__ = ["Exchange", "simulate"]

TRAFFIC = 100.0
WEATHERS = {"calm": Weather.calm, "usual": Weather.usual, "storm": Weather.storm}


class Exchange(NamedTuple):
    """What to simulate."""

    markets: tuple[str, ...] | int | None
    port: int
    traffic: float | None
    capture: Path | None
    speed: float
    seed: int
    weather: str | None = None
    scenarios: tuple[str, ...] = ()
    control: int | None = None


def simulate(exchange: Exchange, console: Console) -> None:
    """Run until Ctrl-C.

    Raises:
        OSError: if a port is taken.
        ValueError: if the recording cannot be read, or there is no such scenario.
    """
    with ExitStack() as stack:
        if exchange.capture is not None:
            exchange = exchange._replace(capture=stack.enter_context(captured(exchange.capture)))
        _simulate(exchange, console)


def _simulate(exchange: Exchange, console: Console) -> None:
    markets, traffic = exchange.markets, exchange.traffic
    if exchange.capture is not None and markets is None:
        markets = markets_of(exchange.capture)
    if traffic is None:
        traffic = TRAFFIC if exchange.capture is None else 0.0
    # Nobody asks what was sent, and it may run for days.
    weather = None if exchange.weather is None else WEATHERS[exchange.weather]()
    with ExitStack() as stack:
        sim = stack.enter_context(
            Simulator(markets, seed=exchange.seed, port=exchange.port, traffic=traffic, weather=weather, record=False)
        )
        _introduce(sim, console)
        if exchange.control is not None:
            control = stack.enter_context(ControlServer(sim, exchange.control))
            _say(console, _("Calls from any program:     {url}/state").format(url=control.url))
        for name in exchange.scenarios:
            _say(console, _("Playing {name!r}, {seconds:g} s").format(name=name, seconds=sim.scenario(name)))
        if exchange.capture is not None:
            count = sim.play(exchange.capture, exchange.speed)
            _say(console, _("Playing {count:,} messages of {name}").format(count=count, name=exchange.capture.name))
        with Screen(console) as screen:
            meter = Meter()
            never = threading.Event()
            while not never.wait(PERIOD):
                text = _state(sim, meter)
                screen.show(partial(Text, text), partial(_lines, text))


def _lines(text: str) -> list[str]:
    return [f"{time.strftime('%H:%M:%S')} {text}"]


def _introduce(sim: Simulator, console: Console) -> None:
    for line in (
        _("A simulated exchange listens at {url}").format(url=sim.url),
        _("Watch it:                   {command}").format(command="websocket-v6 watch KRW-BTC --url " + sim.url),
        _("Point a program at it:      {export} WEBSOCKET_V6_URL={url}").format(
            export="set" if os.name == "nt" else "export", url=sim.url
        ),
        _("Keys for private data:      UPBIT_ACCESS_KEY={access_key}").format(access_key=sim.access_key),
        f"                            UPBIT_SECRET_KEY={sim.secret_key}",
        _("REST for other clients:     {rest_url}").format(rest_url=sim.rest_url),
        _("Ctrl-C ends it."),
    ):
        _say(console, line)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _state(sim: Simulator, meter: Meter) -> str:
    infos = sim.connections()
    connections = sum(info.open for info in infos)
    streams = len({stream for info in infos if info.open for stream in info.served})
    sent = sum(info.sent for info in infos)
    rate = meter.rate(time.monotonic(), sent)
    return _("{connections} open, {streams} served, {sent} sent, {rate:,.0f}/s").format(
        connections=count_text(connections, _("connection"), _("connections")),
        streams=count_text(streams, _("stream"), _("streams")),
        sent=count_text(sent, _("message"), _("messages")),
        rate=rate,
    )
