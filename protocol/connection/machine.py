"""What one connection to an endpoint does next: connect, wait, ping, ask, give up, close.

No clock, no socket, no thread: `actors/connection/connection.py` turns messages into events and actions into calls.
What differs between the exchange and a door comes with the Target. The table of states and events is in
`transitions.py`, events and actions are in `steps.py`.

Source: Upbit WebSocket reference, "Keep-alive", "Rate limits", "Error" and "Operational behaviour".
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import LocalProtocolError, TransportError, WebSocketV6Error

from .attempts import Attempts, error_of
from .inheritance import ConnectionInheritance
from .liveness import Liveness
from .renewal import Renewal
from .stall import Suspicion
from .steps import (
    AbandonTransport,
    AbortTransport,
    Action,
    Answered,
    BlockPace,
    Due,
    Ended,
    Event,
    Failed,
    Finish,
    FinishTransport,
    NewKeys,
    Opened,
    OpenTransport,
    PartLost,
    Renew,
    Said,
    Sample,
    Suspected,
    TakeTurn,
    Tell,
    TurnGiven,
    Unwanted,
    Wanted,
)
from .target import Target
from .transitions import TABLE, State

__all__ = ["TRANSITIONS", "ConnectionInheritance", "ConnectionMachine", "State"]

CONNECT_GRACE = 1.0  # seconds beyond `connect_timeout`: what the transport itself says of its failure says more
ABANDON_AFTER = 15.0  # seconds for a transport to end; to send its last frame may take it 10
CONFIRM = 2.0  # seconds more before a transport is given up: if this process was stopped until now, so was its thread
TURN_HOLDS = 1.0  # seconds after which a turn that was not used is void: else those that waited all go at once
STUCK_MAX = 2  # threads at a time that may be left behind in a name look-up without an end
STUCK_RETRY = 10.0
NEVER = math.inf
UNHEARD = Sample(None, -NEVER, -NEVER)


class ConnectionMachine:
    """Keeps one connection to an endpoint while someone wants it.

    `now` is monotonic seconds; `random` returns floats in [0, 1); `new_ticket` makes up tickets for questions.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        target: Target,
        config: Config,
        random: Callable[[], float],
        new_ticket: Callable[[], str],
        inheritance: ConnectionInheritance | None = None,
    ) -> None:
        left = inheritance or ConnectionInheritance()
        failures, refusals, keys = left.failures, left.refusals, left.keys
        self.state = State.IDLE
        self.target = target
        self.error: WebSocketV6Error | None = None  # the last one, until it is open again
        self.opened_at = 0.0
        self.reconnects = 0
        self._name = f"{endpoint} connection"
        self._connect_timeout = config.connect_timeout
        self._attempts = Attempts(config.backoff_initial, config.backoff_max, random, failures, refusals, keys)
        self._liveness = Liveness(self._name, config.ping_interval, config.ping_timeout, new_ticket, left.stall)
        self._renewal = Renewal(config.max_age, random)
        self._deadlines: dict[str, float] = {}
        self._wait_until = left.wait_until
        self._was_open = left.was_open
        self._turn: TurnGiven | None = None
        self._missed = 0.0  # by how much the last Due came too late
        # Of the transport there is:
        self._has_opened = False
        self._verdict: WebSocketV6Error | None = None  # why it was told to end, if through a fault
        self._is_unwanted = False  # it was told to end because nobody wants it

    @property
    def deadlines(self) -> dict[str, float]:
        """What will be due when, by name."""
        if self.state is not State.OPEN:
            return self._deadlines
        found = {**self._deadlines, **self._liveness.deadlines, "renew": self._renewal.due}
        return {name: due for name, due in found.items() if due < NEVER}

    @property
    def next_due(self) -> float | None:
        """When the next Due must be told; None only where nothing can be due: IDLE and DONE."""
        return min(self.deadlines.values(), default=None)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one step and return what is to be done, in this order.

        Raises:
            LocalProtocolError: if this cannot happen in this state: a bug of ours.
        """
        if isinstance(event, Due):
            due = self.next_due
            if due is None or now < due:
                return []
            self._missed = event.slept + now - due
        return TRANSITIONS[self.state, type(event)](self, event, now)

    def inheritance(self) -> ConnectionInheritance:
        """Return what a successor begins with."""
        attempts, waits = self._attempts, self.state in (State.WAITING, State.QUEUED)
        return ConnectionInheritance(
            attempts.failures,
            attempts.refusals,
            attempts.known_keys,
            self._wait_until if waits else -NEVER,
            self._liveness.memory,
            self._was_open,
        )

    def _go(self, state: State, **deadlines: float) -> None:
        self.state = state
        self._deadlines = deadlines

    def _nothing(self, _event: Event, _now: float) -> list[Action]:
        return []

    def _impossible(self, event: Event, _now: float) -> list[Action]:
        raise LocalProtocolError(f"the {self._name} is {self.state.value}, and is told {type(event).__name__}")

    # --- getting there

    def _start(self, _event: Wanted, now: float) -> list[Action]:
        return self._wait(max(now, self._wait_until))

    def _wait(self, until: float) -> list[Action]:
        self._wait_until = until
        self._go(State.WAITING, connect=until)
        return []

    def _take_turn(self, event: Due, now: float) -> list[Action]:
        # Only now: a turn that is minutes away would be one that nobody else can have until then.
        if not self.target.is_paced:
            return self._open(event, now)
        self._turn = None
        self._go(State.QUEUED, connect=now + TURN_HOLDS)
        return [TakeTurn()]

    def _await_turn(self, event: TurnGiven, _now: float) -> list[Action]:
        self._turn = event
        self._go(State.QUEUED, connect=event.at)
        return []

    def _use_turn(self, event: Due, now: float) -> list[Action]:
        turn = self._turn
        is_void = turn is None or event.blocked_until > turn.blocked_until or now - turn.at > TURN_HOLDS
        return self._take_turn(event, now) if is_void else self._open(event, now)

    def _open(self, event: Due, now: float) -> list[Action]:
        if event.stuck >= STUCK_MAX:
            self._go(self.state, connect=now + STUCK_RETRY)
            return []
        self.error = self._verdict = None
        self._is_unwanted = self._has_opened = False
        self._attempts.begin()
        self._go(State.CONNECTING, connect_by=now + self._connect_timeout + CONNECT_GRACE)
        return [OpenTransport(self.target)]

    def _timeout(self, _event: Due, now: float) -> list[Action]:
        if not self._is_certain(now):
            return []
        self._verdict = TransportError(f"no {self._name} within {self._connect_timeout:g} s")
        return self._abort(State.REOPENING, now)

    def _opened(self, event: Opened, now: float) -> list[Action]:
        self.reconnects += self._was_open
        self.opened_at = now
        self.error = None
        self._has_opened = self._was_open = True
        self._attempts.use(event.keys)
        self._liveness.begin(now)
        self._renewal.begin(now, ages=self.target.ages)
        self._go(State.OPEN)
        return self._renew_old_keys(now)

    # --- being there

    def _meet(self, event: Due, now: float) -> list[Action]:
        """Do what is due of an open connection; the order of the steps matters."""
        sample, live = event.sample or UNHEARD, self._liveness
        actions: list[Action] = []
        if live.hear(sample):
            self._attempts.succeeded()
        if self._was_away or not live.is_heard(sample):
            actions += live.begin_anew(sample, now)
        elif overdue := live.overdue(now):
            return self._fault(TransportError(overdue.reason), now, is_stalled=overdue.is_stalled)
        if self._deadlines.get("linger", NEVER) <= now:
            return self._close(now)
        actions += self._renewal.meet(now)
        actions += live.ping(sample, now)
        suspicion = live.look(sample, now)
        if suspicion is Suspicion.ASK and self.target.stalls:
            actions += live.ask(now)
        elif suspicion is Suspicion.GIVE_UP and self.target.stalls:
            error = TransportError(f"the {self._name} is stalled: no data any more, though it answers")
            actions += self._fault(error, now, is_stalled=True)
        return actions

    @property
    def _was_away(self) -> bool:
        """Whether this process, or the whole machine, did not run when the last Due was due."""
        return self._missed > self._liveness.look_every

    def _answered(self, event: Answered, _now: float) -> list[Action]:
        self._liveness.answered(event.ticket)
        return []

    def _said(self, event: Said, now: float) -> list[Action]:
        # It closes after an error; if it ever does not, the request it refused would go on being missing.
        error = error_of(event.name, event.text, self._name, needs_keys=self.target.needs_keys)
        return self._fault(error, now)

    def _part_lost(self, event: PartLost, now: float) -> list[Action]:
        return self._fault(event.error, now)

    def _suspected(self, event: Suspected, now: float) -> list[Action]:
        return self._fault(TransportError(f"the {self._name} is mute: {event.reason}"), now, is_stalled=True)

    def _fault(self, error: WebSocketV6Error, now: float, *, is_stalled: bool = False) -> list[Action]:
        self.error = self._verdict = error
        self._go(State.REOPENING, abandon=now + ABANDON_AFTER)
        return [FinishTransport(error, is_stalled)]

    # --- other keys

    def _learn(self, event: NewKeys, _now: float) -> list[Action]:
        self._attempts.learn(event.generation)
        return []

    def _try_keys(self, event: NewKeys, now: float) -> list[Action]:
        self._attempts.learn(event.generation)
        return self._wait(now) if self._attempts.hurry() else []

    def _renew_keys(self, event: NewKeys, now: float) -> list[Action]:
        self._attempts.learn(event.generation)
        return self._renew_old_keys(now)

    def _renew_old_keys(self, now: float) -> list[Action]:
        if not self.target.needs_keys or not self._attempts.are_keys_old:
            return []
        return [*self._renewal.want(Renew("keys"), now)]

    # --- leaving

    def _closed(self, _event: Event | None, _now: float) -> list[Action]:
        self._was_open = False
        self._wait_until = -NEVER
        self._go(State.IDLE)
        return [Tell("closed")]

    def _give_up(self, _event: Unwanted, now: float) -> list[Action]:
        # Not aborted: the exchange may have opened it by now, and then it deserves a close frame.
        return self._close(now)

    def _linger(self, event: Unwanted, now: float) -> list[Action]:
        if event.linger <= 0:
            return self._close(now)
        self._deadlines["linger"] = now + event.linger
        return []

    def _keep(self, _event: Wanted, _now: float) -> list[Action]:
        self._deadlines.pop("linger", None)
        return []

    def _close(self, now: float) -> list[Action]:
        self._is_unwanted = True
        self._go(State.CLOSING, abandon=now + ABANDON_AFTER)
        return [FinishTransport(None)]

    def _want_no_more(self, _event: Unwanted, _now: float) -> list[Action]:
        self.state = State.CLOSING
        return []

    def _want_again(self, _event: Wanted, _now: float) -> list[Action]:
        self.state = State.REOPENING
        return []

    def _abort(self, state: State, now: float) -> list[Action]:
        self._go(state, abandon=now + ABANDON_AFTER)
        return [AbortTransport()]

    def _finish(self, _event: Finish, now: float) -> list[Action]:
        self._go(State.FINISHING, abandon=now + ABANDON_AFTER)
        return [FinishTransport(None)]

    def _finish_too(self, _event: Finish, _now: float) -> list[Action]:
        self.state = State.FINISHING
        return []

    def _done(self, _event: Event, _now: float) -> list[Action]:
        self._go(State.DONE)
        return []

    # --- the end of a transport

    def _too_late(self, _event: Opened, _now: float) -> list[Action]:
        self._has_opened = True
        return [FinishTransport(self._verdict)]

    def _gone(self, event: Failed | Ended, now: float) -> list[Action]:
        if isinstance(event, Failed):
            self._attempts.use(event.keys)
        return self._next(event.error, now)

    def _abandon(self, event: Due, now: float) -> list[Action]:
        if not self._is_certain(now):
            return []
        error = TransportError(f"the {self._name} did not end within {ABANDON_AFTER:g} s")
        abandon = AbandonTransport(str(self._verdict or error))
        if self.state is State.REOPENING:
            return [abandon, *self._next(error, now)]
        end = self._closed if self.state is State.CLOSING else self._done
        return [abandon, *end(event, now)]

    def _is_certain(self, now: float) -> bool:
        """Whether the transport has had its time: once the deadline is over, one more that is not missed."""
        if "confirm" in self._deadlines and not self._was_away:
            return True
        self._deadlines = {"confirm": now + CONFIRM}
        return False

    def _next(self, error: WebSocketV6Error, now: float) -> list[Action]:
        """Say what became of the transport, and wait for as long as that wants."""
        if self.state is State.REOPENING and self._verdict is None:  # it did not fail: it was given up for another
            closed = self._closed(None, now) if self._is_unwanted else []
            return closed + self._wait(now)
        setback = self._attempts.failed(self._verdict or error)
        self.error = error = setback.error
        # The end of an open one is told by the transport itself.
        told: list[Action] = [] if self._has_opened else [Tell("lost", error)]
        self._wait(now + setback.wait)
        if setback.is_refusal:
            self.state = State.REFUSED if setback.wait else State.WAITING
            return [Tell("refused", error)]
        if setback.block is not None and self.target.is_paced:
            told.append(BlockPace(now + setback.block))
        return told


_Handler: TypeAlias = Callable[[ConnectionMachine, Any, float], list[Action]]
TRANSITIONS: dict[tuple[State, type], _Handler] = {
    pair: getattr(ConnectionMachine, f"_{name}") for pair, name in TABLE.items()
}
