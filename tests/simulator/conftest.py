"""A simulator for each test, and a plain client of it by the `websockets` library."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from websocket_v6.simulator import Simulator

MakeSimulator = Callable[..., Simulator]


@pytest.fixture
def simulator() -> Iterator[MakeSimulator]:
    """Make simulators that are closed after the test; limits are off unless given."""
    with ExitStack() as stack:

        def make(**options: Any) -> Simulator:
            return stack.enter_context(Simulator(**{"limits": None, **options}))

        yield make


class Client:
    """A connection that sends requests and reads messages as JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def ask(self, *parts: dict[str, Any], ticket: str = "t", format: str | None = None) -> None:  # noqa: A002
        tail = [] if format is None else [{"format": format}]
        self.connection.send(json.dumps([{"ticket": ticket}, *parts, *tail]))

    def raw(self, timeout: float = 20.0) -> str | bytes:
        return self.connection.recv(timeout)

    def text(self, timeout: float = 20.0) -> str:
        message = self.raw(timeout)
        return message if isinstance(message, str) else message.decode()

    def read(self, timeout: float = 20.0) -> Any:
        return json.loads(self.text(timeout))

    def read_many(self, count: int) -> list[Any]:
        return [self.read() for _ in range(count)]

    def ended(self, timeout: float = 20.0) -> tuple[int, str] | None:
        """Wait for the end and return the close frame's code and reason, `None` if there was no close frame."""
        try:
            while True:
                self.connection.recv(timeout)
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)

    def is_silent(self, seconds: float = 0.1) -> bool:
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Open connections that are closed after the test."""
    with ExitStack() as stack:

        def open_(url: str, **options: Any) -> Client:
            # Without a bound on what waits to be read: with one, a client that has not read all waits at its end.
            settings = {"close_timeout": 1.0, "compression": None, "proxy": None, "max_queue": None, **options}
            # Newer versions of the library want `connect` to be a context manager; older ones type it too widely.
            connection: Any = stack.enter_context(connect(url, **settings))
            return Client(connection)

        yield open_


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """Make the headers of a private connection."""

    def make(sim: Simulator, *, algorithm: str = "HS512", secret: str | None = None, **claims: Any) -> dict[str, str]:
        payload = {"access_key": sim.access_key, "nonce": str(uuid4()), **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        token = jwt.encode(payload, secret or sim.secret_key, algorithm=algorithm)
        return {"Authorization": f"Bearer {token}"}

    return make
