"""`top`: what a host does, live. The exchange is asked nothing.

Any host of the user is asked at the door of its guests (`host_door.py`), one of another user or machine at the page of
`serve --port`. Rates are from two states of the host, by its own clock, so a slow line changes none.
"""

import json
import threading
import time
from collections.abc import Hashable
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import Protocol, TextIO

import msgspec
from rich.console import Console

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import ConfigError, TransportError, WebSocketV6Error
from websocket_v6.protocol.loopback import is_loopback
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.network import read_token_file

from .board import Meter
from .host_state import HostState, read_state
from .keyboard import Keyboard
from .rest_calls import RestCalls
from .screen import Screen
from .top_view import Look, Rates, lines_of, turned, view

__all__ = ["HostPage", "Meters", "top", "top_json"]

PERIOD = 1.0  # seconds: a host makes a state so often
_MOST_METERS = 2_000


class Host(Protocol):
    """Whoever can be asked how a host is."""

    def ask(self) -> HostState:
        """Return how it is now.

        Raises:
            WebSocketV6Error: if it does not say.
        """


class HostPage:
    """A host with a port, at the `url` of its page; raises what is wrong with that, or the token, as ConfigError."""

    def __init__(self, url: str, config: Config, token_file: Path | None) -> None:
        self._url = url.rstrip("/")
        try:
            self._config = msgspec.structs.replace(config.without_keys(), rest_url=self._url, connect_timeout=3.0)
            place = place_of(self._url)
        except (ConfigError, ValueError):
            text = _("{url!r:.80} is no page of a host: give one such as http://127.0.0.1:8080")
            raise ConfigError(text.format(url=url)) from None
        self._token = config.token if isinstance(config.token, Secret) else None
        if token_file is not None:
            self._token = read_token_file(token_file.read_bytes())
        if self._token is not None and not place.is_tls and not is_loopback(place.host):
            raise ConfigError(_("{url} would carry the token in clear: give https://").format(url=self._url))

    def ask(self) -> HostState:
        """Return how it is now.

        Raises:
            WebSocketV6Error: if it does not say.
        """
        with RestCalls(self._config) as calls:
            try:
                reply = calls.get("/state.json", self._token)
            except TransportError as error:
                text = _("{error}; is `websocket-v6 serve --port` running there?")
                raise TransportError(text.format(error=error)) from None
        if reply.status == 401:
            raise TransportError(_("{url} asks for its token: give --token-file").format(url=self._url))
        if reply.status != 200:
            text = _("{url} answered HTTP {status}: is it the page of a host?")
            raise TransportError(text.format(url=self._url, status=reply.status))
        if reply.body == b"{}":  # of a door that has shown nothing yet
            raise TransportError(_("the host at {url} is starting: try again").format(url=self._url))
        return read_state(reply.body)


class Meters:
    """Makes rates of one state after the other."""

    def __init__(self) -> None:
        self._meters: dict[Hashable, Meter] = {}

    def rates(self, state: HostState) -> Rates:
        """Return how many messages a second came, by client, by subscription and by stream."""
        if len(self._meters) > _MOST_METERS:
            self._meters.clear()
        now = state.about.now
        return Rates(
            self._rate(now, "all", state.about.counters.received),
            tuple(self._rate(now, one[:3], one.delivered) for one in state.clients),
            tuple(
                self._rate(now, (number, one.pid, one.row.component, one.row.type), one.row.delivered)
                for number, one in enumerate(state.components)
            ),
            {stream: self._rate(now, stream, count) for stream, count in state.about.stream_counts.items()},
        )

    def _rate(self, now: float, key: Hashable, count: int) -> float:
        # One that came again counts from 0.
        return max(0.0, self._meters.setdefault(key, Meter()).rate(now, count))


def top(host: Host, console: Console, seconds: float | None) -> None:
    """Show it until `q`, Ctrl-C, or for `seconds`.

    Raises:
        WebSocketV6Error: if the host does not answer the first time; later on that is shown.
    """
    end = None if seconds is None else time.monotonic() + seconds
    meters, state = Meters(), host.ask()
    rates, due = meters.rates(state), time.monotonic() + PERIOD
    look = Look(console.width, console.height)
    with Keyboard() as keyboard, Screen(console, is_whole=True) as screen:
        while end is None or time.monotonic() < end:
            look = look._replace(width=console.width, height=console.height, has_keys=keyboard.is_there)
            screen.show(partial(view, state, rates, look), partial(lines_of, state, rates))
            key = keyboard.wait(max(0.0, min(due, end or due) - time.monotonic()))
            if key == "q":
                return
            look = turned(look, key)
            if time.monotonic() < due:
                continue
            due = time.monotonic() + PERIOD
            if not look.is_paused:
                try:
                    state = host.ask()
                    rates, look = meters.rates(state), look._replace(problem="")
                except WebSocketV6Error as error:
                    look = look._replace(problem=str(error))


def top_json(host: Host, out: TextIO, seconds: float | None) -> None:
    """Write one JSON object a second: the host's own state, `rates` beside it.

    Raises:
        WebSocketV6Error: if the host does not answer.
    """
    end = None if seconds is None else time.monotonic() + seconds
    meters, never = Meters(), threading.Event()
    while True:
        state = host.ask()
        rates = meters.rates(state)
        found = {
            "messages": round(rates.messages, 1),
            "clients": [
                {"kind": client.kind, "name": client.name, "detail": client.detail, "rate": round(rate, 1)}
                for client, rate in zip(state.clients, rates.clients, strict=True)
            ],
            "components": [
                {"pid": one.pid, **msgspec.structs.asdict(one.row), "rate": round(rate, 1)}
                for one, rate in zip(state.components, rates.components, strict=True)
            ],
            "streams": {stream: round(rate, 1) for stream, rate in rates.streams.items()},
        }
        out.write(json.dumps({**state.document, "rates": found}) + "\n")
        out.flush()
        if end is not None and time.monotonic() + PERIOD >= end:
            return
        never.wait(PERIOD)
