"""A connection's machine, and how to bring it to each of its states."""

import itertools
import math
from collections.abc import Callable

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.machine import ConnectionInheritance, ConnectionMachine, State
from websocket_v6.protocol.connection.steps import (
    Action,
    Due,
    Event,
    Failed,
    Finish,
    FinishTransport,
    Opened,
    Sample,
    SendPing,
    SendQuestion,
    TakeTurn,
    TurnGiven,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import AuthenticationError, TransportError

EXCHANGE = Target("wss://exchange/websocket/v1/private", needs_keys=True)
DOOR = Target("ws+unix://door", is_paced=False, stalls=False, ages=False, compresses=False)
LOST = TransportError("lost")
REFUSED = AuthenticationError("refused", name="jwt_verification")


class Driven:
    """A machine with a clock that the test sets, a transport that reads and hears nothing, and a pace without waits."""

    def __init__(
        self,
        target: Target = EXCHANGE,
        config: Config | None = None,
        inheritance: ConnectionInheritance | None = None,
        random: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.now = 1000.0
        tickets = map("ticket-{}".format, itertools.count(1))
        self.machine = ConnectionMachine(
            endpoint="private",
            target=target,
            config=config or Config(),
            random=random,
            new_ticket=tickets.__next__,
            inheritance=inheritance,
        )
        # Of the transport:
        self.reading_since: float | None = -math.inf
        self.bytes_at = self.data_at = 0.0

    @property
    def state(self) -> State:
        return self.machine.state

    def tell(self, *events: Event) -> list[Action]:
        """Tell it; return the actions of all."""
        return [action for event in events for action in self.machine.handle(event, self.now)]

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def due(self, *, slept: float = 0.0, late: float = 0.0, blocked_until: float = -math.inf) -> list[Action]:
        """Let the time of what is due next come, or a time that is later."""
        due = self.machine.next_due
        assert due is not None
        self.now = max(self.now, due) + late
        sample = Sample(self.reading_since, self.bytes_at, self.data_at)
        return self.machine.handle(Due(sample, slept, blocked_until), self.now)

    def due_in(self) -> dict[str, float]:
        """Return in how many seconds what is due."""
        return {name: round(due - self.now, 6) for name, due in self.machine.deadlines.items()}

    def hear(self, *, data: bool = False) -> None:
        """Let bytes come now."""
        self.bytes_at = self.now
        if data:
            self.data_at = self.now

    def run(self, seconds: float) -> list[tuple[float, Action]]:
        """Let time pass; return what was done and when, from now on."""
        done, begin = [], self.now
        while (due := self.machine.next_due) is not None and due <= begin + seconds:
            actions = self.due()
            done += [(round(self.now - begin, 6), action) for action in actions]
            if TakeTurn() in actions:
                self.tell(TurnGiven(self.now))
        self.now = begin + seconds
        return done

    def connect(self) -> list[Action]:
        """Wait and take the turn; return what the last step did."""
        if TakeTurn() not in (actions := self.due()):
            return actions
        self.tell(TurnGiven(self.now))
        return self.due()

    def open(self, keys: int = 1) -> list[Action]:
        """Bring it from a state in which it waits, or nobody wants it, to an open connection."""
        if self.state is State.IDLE:
            self.tell(Wanted())
        self.connect()
        self.reading_since = self.bytes_at = self.data_at = self.now
        return self.tell(Opened(keys))

    def fall_silent(self) -> list[Action]:
        """Let data come for a while, then only pongs until something is done about the silence; return what."""
        for _ in range(20):
            self.hear(data=True)
            self.due()
        actions: list[Action] = []
        while not any(isinstance(one, SendQuestion | FinishTransport) for one in actions):
            self.hear()
            actions = self.due()
        return [one for one in actions if one != SendPing()]


def in_state(state: State, target: Target = EXCHANGE, config: Config | None = None) -> Driven:
    """Return a machine that has come to this state."""
    it = Driven(target, config)
    if state is State.IDLE:
        return it
    if state is State.DONE:
        it.tell(Finish())
    elif state is State.REFUSED:
        it.tell(Wanted())
        it.connect()
        it.tell(Failed(REFUSED, 1))
    elif state is State.OPEN:
        it.open()
    else:
        it.tell(Wanted())
        if state is State.QUEUED:
            it.due()
        elif state is not State.WAITING:
            it.connect()
        if state in (State.CLOSING, State.REOPENING):
            it.tell(Unwanted())
        if state is State.REOPENING:
            it.tell(Wanted())
        if state is State.FINISHING:
            it.tell(Finish())
    assert it.state is state
    return it
