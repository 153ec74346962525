"""A connection whose clock stands still, with a transport that is only noted down."""

import queue
import random
from typing import Any

import pytest

from websocket_v6.actors.base import Actor, Timer, ask, stop_and_join, tell
from websocket_v6.actors.connection import connection as subject
from websocket_v6.actors.connection import pace, request_limits, request_words, sockets
from websocket_v6.actors.connection.connection import Connection, ConnectionInheritance, TimeCame
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    TransportOpened,
)
from websocket_v6.actors.messages.router import SourceState
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.steps import Sample
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import AuthenticationError, TransportError, WebSocketV6Error

TIMEOUT = 20.0
LOST = TransportError("lost")
REFUSED = AuthenticationError("refused", name="jwt_verification")
TARGET = Target("ws://nowhere/private", needs_keys=True)


class Collector(Actor):
    """Stands for the router and the supervisor: keeps what it is told."""

    def __init__(self, told: list[Any]) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        if not isinstance(message, GetHealth):
            self._told.append(message)


class Clocks:
    """Stands for the module `time`: `asleep` is what the clock counts that goes on while the machine is suspended."""

    CLOCK_BOOTTIME = 7

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep = 0.0

    def monotonic(self) -> float:
        return self.now

    def clock_gettime(self, clock: int) -> float:
        assert clock == self.CLOCK_BOOTTIME
        return self.now + self.asleep

    def time(self) -> float:
        return self.now + self.asleep

    def time_ns(self) -> int:
        return int(self.now * 1e9)


class Noted:
    """A transport that connects nowhere, and reads all the time."""

    made: list["Noted"]
    clocks: Clocks

    def __init__(self, **arguments: Any) -> None:
        self.ident = 1
        self.arguments = arguments
        self.attachment: int = arguments["attachment"]
        self.router: Ref = arguments["router"]
        self.target: Target = arguments["target"]
        self.credits: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.calls: list[Any] = []
        self.alive = True
        self.reading_since: float | None = self.clocks.now
        self.bytes_at = self.data_at = 0.0
        self.made.append(self)

    def start(self) -> None:
        self.calls.append("start")
        tell(self.router, "start")

    def send(self, text: str, ticket: str = "") -> None:
        self.calls.append(text)

    def ping(self) -> None:
        self.calls.append("ping")

    def finish(self, error: WebSocketV6Error | None = None, *, is_stalled: bool = False) -> None:
        self.calls.append(("finish", error and str(error)))

    def abort(self) -> None:
        self.calls.append("abort")

    def join(self, timeout: float) -> None:
        self.calls.append(("join", timeout))

    def is_alive(self) -> bool:
        return self.alive

    traffic: tuple[int, int] = (0, 0)

    def sample(self) -> Sample:
        return Sample(self.reading_since, self.bytes_at, self.data_at)


class Subject:
    """A connection whose clock stands still until the test lets its next time come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transports: list[Noted] = []
        self.timers: list[tuple[float, Timer]] = []
        self.told: list[Any] = []
        self.clocks = Clocks()
        fields = {"made": self.transports, "clocks": self.clocks}
        monkeypatch.setattr(sockets, "Transport", type("Transport", (Noted,), fields))
        for module in (subject, sockets, request_words):
            monkeypatch.setattr(module, "time", self.clocks)
        monkeypatch.setattr(pace, "_paces", {})
        monkeypatch.setattr(request_limits, "_limits", {})
        monkeypatch.setattr(random, "random", lambda: 1.0)
        self._refs: list[Ref] = []

    def start(
        self,
        endpoint: str = "private",
        *,
        target: Target = TARGET,
        config: Config | None = None,
        inheritance: ConnectionInheritance | None = None,
    ) -> Ref:
        self.timers = timers = []
        clocks = self.clocks

        class Timed(Connection):
            def after(self, delay: float, message: object) -> Timer:
                timers.append((clocks.now + delay, Timer(0.0, message)))
                return timers[-1][1]

        collector: Ref = Collector.start(self.told)
        self.ref: Ref = Timed.start(
            endpoint=endpoint,
            source=7,
            target=target,
            config=config or Config(),
            router=collector,
            jwt=collector,
            supervisor=collector,
            inheritance=inheritance,
        )
        self._refs += [collector, self.ref]
        return self.ref

    def stop(self) -> None:
        for transport in self.transports:
            transport.alive = False
        for ref in reversed(self._refs):
            assert stop_and_join(ref, TIMEOUT)

    def tell(self, *messages: object) -> None:
        """Tell it, and wait until it has heard and the others have heard of it."""
        for message in messages:
            tell(self.ref, message)
        ask(self.ref, GetHealth(), TIMEOUT)
        ask(self._refs[-2], GetHealth(), TIMEOUT)

    def due_in(self) -> float | None:
        """Return in how many seconds the timer goes off; there is never more than one."""
        due = [at for at, timer in self.timers if timer.message is not None]
        assert len(due) <= 1
        return round(due[0] - self.clocks.now, 6) if due else None

    def fire(self) -> None:
        """Let the time of the timer come."""
        ((at, timer),) = [(at, timer) for at, timer in self.timers if timer.message is not None]
        self.clocks.now = max(self.clocks.now, at)
        message, timer.message = timer.message, None
        assert message == TimeCame()
        self.tell(message)

    def connect(self) -> Noted:
        """Let the wait and the turn pass, and return the transport of this attempt."""
        known = len(self.transports)
        while len(self.transports) == known:
            self.fire()
        return self.transports[-1]

    def open(self, keys: int = 1) -> Noted:
        transport = self.connect()
        transport.reading_since = transport.bytes_at = transport.data_at = self.clocks.now
        self.tell(TransportOpened(transport.attachment, keys))
        return transport

    def states(self) -> list[str]:
        return [one.state for one in self.told if isinstance(one, SourceState)]

    def health(self) -> Any:
        return ask(self.ref, GetHealth(), TIMEOUT)[0]
