"""`top`: what a host does, live, from the state that `serve --port` shows at its port. The exchange is asked nothing.

Rates are from two states of the host, by its own clock, so a slow line changes none.
"""

import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec
from rich.console import Console

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import ConfigError, TransportError, WebSocketV6Error
from websocket_v6.protocol.loopback import is_loopback
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.network import read_token_file

from .board import Meter
from .host_state import Client, HostState, read_state
from .keyboard import Keyboard
from .rest_calls import RestCalls
from .screen import Screen
from .top_view import SORTS, Look, Row, lines_of, view

__all__ = ["Top", "top", "top_json"]

PERIOD = 1.0  # seconds: a host makes a state so often
_MOST_METERS = 1_000


class Top:
    """Asks a host how it is. `url` is its page's; raises what is wrong with that, or with the token, as ConfigError."""

    def __init__(self, url: str, config: Config, token_file: Path | None) -> None:
        self._url = url.rstrip("/")
        try:
            self._config = msgspec.structs.replace(config.without_keys(), rest_url=self._url, connect_timeout=3.0)
            place = place_of(self._url)
        except (ConfigError, ValueError):
            raise ConfigError(f"{url!r:.80} is no page of a host: give one such as http://127.0.0.1:8080") from None
        self._token = config.token if isinstance(config.token, Secret) else None
        if token_file is not None:
            self._token = read_token_file(token_file.read_bytes())
        if self._token is not None and not place.is_tls and not is_loopback(place.host):
            raise ConfigError(f"{self._url} would carry the token in clear: give https://")
        self._meters: dict[tuple[str, str, str], Meter] = {}

    def ask(self) -> HostState:
        """Return how it is now.

        Raises:
            WebSocketV6Error: if it does not say.
        """
        with RestCalls(self._config) as calls:
            try:
                reply = calls.get("/state.json", self._token)
            except TransportError as error:
                raise TransportError(f"{error}; is `websocket-v6 serve --port` running there?") from None
        if reply.status == 401:
            raise TransportError(f"{self._url} asks for its token: give --token-file")
        if reply.status != 200:
            raise TransportError(f"{self._url} answered HTTP {reply.status}: is it the page of a host?")
        if reply.body == b"{}":  # of a door that has shown nothing yet
            raise TransportError(f"the host at {self._url} is starting: try again")
        return read_state(reply.body)

    def rows(self, state: HostState) -> list[Row]:
        """Return who is served, with rates since the states before."""
        if len(self._meters) > _MOST_METERS:
            self._meters.clear()
        # One that came again counts from 0.
        return [Row(one, max(0.0, self._meter(one).rate(state.about.now, one.delivered))) for one in state.clients]

    def _meter(self, client: Client) -> Meter:
        return self._meters.setdefault((client.kind, client.name, client.detail), Meter())


def top(host: Top, console: Console, seconds: float | None) -> None:
    """Show it until `q`, Ctrl-C, or for `seconds`.

    Raises:
        WebSocketV6Error: if the host does not answer the first time; later on that is shown.
    """
    end = None if seconds is None else time.monotonic() + seconds
    state = host.ask()
    rows, due = host.rows(state), time.monotonic() + PERIOD
    look = Look(console.width, console.height)
    with Keyboard() as keyboard, Screen(console) as screen:
        while end is None or time.monotonic() < end:
            look = look._replace(width=console.width, height=console.height, has_keys=keyboard.is_there)
            screen.show(partial(view, state, rows, look), partial(lines_of, state, rows))
            match keyboard.wait(max(0.0, min(due, end or due) - time.monotonic())):
                case "q":
                    return
                case "p" | " ":
                    look = look._replace(is_paused=not look.is_paused)
                case "s":
                    look = look._replace(sort=SORTS[(SORTS.index(look.sort) + 1) % len(SORTS)])
            if time.monotonic() < due:
                continue
            due = time.monotonic() + PERIOD
            if not look.is_paused:
                try:
                    state = host.ask()
                    rows, look = host.rows(state), look._replace(problem="")
                except WebSocketV6Error as error:
                    look = look._replace(problem=str(error))


def top_json(host: Top, out: TextIO, seconds: float | None) -> None:
    """Write one JSON object a second: the host's own state, `rates` by client beside it.

    Raises:
        WebSocketV6Error: if the host does not answer.
    """
    end = None if seconds is None else time.monotonic() + seconds
    never = threading.Event()
    while True:
        state = host.ask()
        rates = [
            {"kind": client.kind, "name": client.name, "detail": client.detail, "rate": round(rate, 1)}
            for client, rate in host.rows(state)
        ]
        out.write(json.dumps({**state.document, "rates": rates}) + "\n")
        out.flush()
        if end is not None and time.monotonic() + PERIOD >= end:
            return
        never.wait(PERIOD)
