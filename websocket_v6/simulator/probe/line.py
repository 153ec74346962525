"""A plain connection to an exchange, for one question, at a polite pace.

Source: Upbit WebSocket reference, "Rate limits": 5 handshakes a second, 5 messages a second for a connection.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

__all__ = ["Caller", "Frame", "Line", "Unsettled"]

_LOOPBACK = ("ws://127.0.0.1", "ws://localhost", "wss://127.0.0.1", "wss://localhost")


class Unsettled(Exception):  # noqa: N818
    """What came does not decide the question; its text says what came."""


class Frame(NamedTuple):
    """One message: its JSON, whether in an array, and the frame it came in."""

    value: Any
    wrapped: bool
    binary: bool

    @property
    def error(self) -> str | None:
        error = self.value.get("error")
        return str(error["name"]) if isinstance(error, dict) else None

    def get(self, long: str, short: str) -> Any:
        return self.value.get(long, self.value.get(short))


class Line:
    """One connection."""

    def __init__(self, connection: ClientConnection, pause: float) -> None:
        self.connection = connection
        self._pause = pause

    def ask(self, *parts: Mapping[str, object], format: str | None = "DEFAULT", binary: bool = False) -> None:  # noqa: A002
        """Send a request; without a `format` it has none."""
        time.sleep(self._pause)
        tail = [] if format is None else [{"format": format}]
        text = json.dumps([{"ticket": str(uuid4())}, *parts, *tail])
        self.connection.send(text.encode() if binary else text)

    def list(self, *, format: str | None = "DEFAULT", within: float = 5.0) -> Frame:  # noqa: A002
        """Ask for the subscriptions and return the answer, or the error."""
        self.ask({"method": "LIST_SUBSCRIPTIONS"}, format=format)
        for frame in self.frames(within):
            if frame.error is not None or frame.get("method", "mthd") == "LIST_SUBSCRIPTIONS":
                return frame
        raise Unsettled("no answer to LIST_SUBSCRIPTIONS")

    def frames(self, within: float) -> Iterator[Frame]:
        """Yield what comes within a time; it ends sooner if the connection does."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            try:
                data = self.connection.recv(left)
            except (TimeoutError, ConnectionClosed):
                return
            value = json.loads(data)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield Frame(one, isinstance(value, list), isinstance(data, bytes))

    def first(self, what: str, fits: Callable[[Frame], bool] = lambda _: True, within: float = 5.0) -> Frame:
        for frame in self.frames(within):
            if fits(frame):
                return frame
        raise Unsettled(f"{what} did not come within {within:g} s")


class Caller:
    """Opens lines to the endpoints of one exchange."""

    def __init__(
        self, url: str, *, code: str = "KRW-BTC", pause: float = 0.5, patience: float = 3.0, long: float = 130.0
    ) -> None:
        """`code` is a market with trades every second; `patience` how long what comes is listened to.

        `pause` is before each handshake and request, `long` how long an idle connection is watched.
        """
        self.url = url.rstrip("/")
        self.code = code
        self.patience = patience
        self.long = long
        self._pause = pause

    @contextmanager
    def line(self, endpoint: str = "", *, compression: str | None = None) -> Iterator[Line]:
        time.sleep(self._pause)
        options: dict[str, Any] = {"proxy": None} if self.url.startswith(_LOOPBACK) else {}
        # Newer versions of the library type it too widely.
        connection: Any
        with connect(
            self.url + endpoint,
            compression=compression,
            origin=None,
            open_timeout=10,
            close_timeout=2,
            ping_interval=None,
            user_agent_header=None,
            **options,
        ) as connection:
            yield Line(connection, self._pause)

    def part(self, type_: str, **options: object) -> dict[str, object]:
        return {"type": type_, "codes": [self.code], **options}
