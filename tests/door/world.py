"""Two ends of one market: the exchange itself, and a door in front of it; whoever asks both must be answered alike."""

import base64
import json
import secrets
import socket
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.bearer import bearer
from tests.front_door import FrontDoor
from websocket_v6.simulator import Answers, Simulator

MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "BTC-ETH", "USDT-BTC"]
# Where the documents leave a question open, the door has chosen one answer, and the exchange is to give the same.
# A book of fewer levels is cut from one of more that another client has, so its totals are those of all thirty.
SAME = Answers(idle_timeout=120.0, totals="all")


class Client:
    """A connection that sends requests and reads messages as JSON, each number exact."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def ask(self, *parts: dict[str, Any], ticket: str = "t", format: str | None = None) -> None:  # noqa: A002
        tail = [] if format is None else [{"format": format}]
        self.send(json.dumps([{"ticket": ticket}, *parts, *tail]))

    def send(self, message: str | bytes) -> None:
        self.connection.send(message)

    def raw(self, timeout: float = 20.0) -> str | bytes:
        return self.connection.recv(timeout)

    def read(self, timeout: float = 20.0) -> Any:
        return exactly(self.raw(timeout))

    def read_many(self, count: int) -> list[Any]:
        return [self.read() for _ in range(count)]

    def ended(self, timeout: float = 20.0) -> tuple[int, str] | None:
        """Wait for the end and return the close frame's code and reason, `None` if there was no close frame."""
        try:
            while True:
                self.connection.recv(timeout)
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)

    def rest(self, timeout: float = 20.0) -> tuple[list[Any], tuple[int, str] | None]:
        """Return what comes until the connection is closed, and how it is."""
        found = []
        try:
            while True:
                found.append(self.read(timeout))
        except ConnectionClosed as closed:
            return found, None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)

    def is_open(self, seconds: float = 0.1) -> bool:
        """Tell whether it is not closed within this time; what comes meanwhile is thrown away."""
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        except ConnectionClosed:
            return False
        return True

    def is_silent(self, seconds: float = 0.15) -> bool:
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        return False


def exactly(message: str | bytes) -> Any:
    """Return a message with each number as it is worth, not as it is spelled."""
    return json.loads(message, parse_float=Decimal, parse_int=Decimal)


class Both:
    """A client of the exchange and one of the door, which do the same."""

    def __init__(self, exchange: Client, door: Client) -> None:
        self.exchange = exchange
        self.door = door

    def ask(self, *parts: dict[str, Any], **options: Any) -> None:
        self.exchange.ask(*parts, **options)
        self.door.ask(*parts, **options)

    def send(self, message: str | bytes) -> None:
        self.exchange.send(message)
        self.door.send(message)

    def read_many(self, count: int) -> list[Any]:
        """Return the next messages, which both got: the same of each stream, in the same order."""
        ours, theirs = self.door.read_many(count), self.exchange.read_many(count)
        assert by_stream(ours) == by_stream(theirs)
        return theirs

    def read(self) -> Any:
        return self.read_many(1)[0]

    def rest(self) -> tuple[list[Any], tuple[int, str] | None]:
        """Return what comes until the end, and how that is, which must be the same."""
        (ours, our_end), (theirs, their_end) = self.door.rest(), self.exchange.rest()
        assert by_stream(ours) == by_stream(theirs)
        assert our_end == their_end
        return theirs, their_end

    def be_heard(self) -> None:
        """Wait until what both have asked is read, by a question that both answer."""
        self.ask({"method": "LIST_SUBSCRIPTIONS"})
        self.read()

    def are_silent(self) -> bool:
        return self.exchange.is_silent() and self.door.is_silent()


def by_stream(messages: list[Any]) -> dict[tuple[Any, ...], list[Any]]:
    """Sort messages by stream; between streams no order is promised."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for message in messages:
        one = message[0] if isinstance(message, list) and len(message) == 1 else message
        units = one.get("orderbook_units", one.get("obu")) or ()
        key = (one.get("type", one.get("ty")), one.get("code", one.get("cd")), one.get("level", one.get("lv")))
        found.setdefault((*key, len(units)), []).append(message)
    return found


class World:
    """An exchange, a door in front of it, and the clients of both."""

    def __init__(self, stack: ExitStack, sim: Simulator, door: FrontDoor) -> None:
        self.sim = sim
        self.door = door
        self._stack = stack

    def client(self, url: str, **options: Any) -> Client:
        settings = {"close_timeout": 1.0, "compression": None, "proxy": None, **options}
        # Newer versions of the library want `connect` to be a context manager; older ones type it too widely.
        connection: Any = self._stack.enter_context(connect(url, **settings))
        return Client(connection)

    def both(self, endpoint: str = "public", **options: Any) -> Both:
        """Connect to both; to what is not public with a token of the account for each."""
        ends = []
        for end in (self.sim, self.door):
            url = {"public": end.url, "private": end.private_url, "info": end.info_url}[endpoint]
            headers = {} if endpoint == "public" else bearer(self.sim)
            ends.append(self.client(url, **{"additional_headers": headers, **options}))
        return Both(*ends)

    def settle(self, *streams: str, endpoint: str = "public", of: int = 2) -> None:
        """Wait until `of` connections are served these, the door's own too, and its router knows whom they go to.

        A client whose streams flowed for others before may not have been heard yet: see `Both.be_heard`.
        """

        def reached(sim: Simulator) -> bool:
            return sum(info.served >= set(streams) for info in sim.connections(endpoint) if info.open) >= of

        self.sim.wait(reached, 10.0)
        self.door.settle()


def raw_socket(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10.0)


def handshake(port: int, path: str = "/websocket/v1", host: str | None = None, **headers: str) -> bytes:
    """Return the bytes of a handshake; further headers are named with underscores."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{port}'}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
