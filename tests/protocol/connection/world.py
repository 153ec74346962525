"""A world for one connection's machine: an exchange, a network, a transport, and a process that may be stopped.

Everything that the machine may not do fails here, as it happens. Times are seconds: `real` ones, and the machine's,
which stand still while the computer is suspended.
"""

import heapq
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.connect_pace import ConnectPace
from websocket_v6.protocol.connection.machine import ConnectionMachine, State
from websocket_v6.protocol.connection.steps import (
    AbandonTransport,
    AbortTransport,
    Action,
    Answered,
    BlockPace,
    Due,
    Ended,
    Event,
    Failed,
    FinishTransport,
    Opened,
    OpenTransport,
    Renew,
    Said,
    Sample,
    SendPing,
    SendQuestion,
    TakeTurn,
    Tell,
    TurnGiven,
)
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import AuthenticationError, RateLimitedError, TransportError, WebSocketV6Error

LATENCY = 2.0  # seconds at most for the way there and back
WITH_TRANSPORT = (State.CONNECTING, State.OPEN, State.CLOSING, State.REOPENING, State.FINISHING)
ENDING = 1.0  # seconds at most in which a transport ends that is not stuck


class Block:
    """The exchange's, of an address: each try inside makes it longer."""

    def __init__(self) -> None:
        self.begun_at = self.until = 0.0
        self.is_renewed = False  # by the first try after the last one was over
        self.inside = 0  # tries that could have known better

    def begin(self, now: float, seconds: float) -> None:
        self.is_renewed = 0.0 <= now - self.until < 10.0
        self.begun_at, self.until = now, max(self.until, now + seconds)

    def holds(self, now: float) -> bool:
        return self.begun_at <= now < self.until

    def tried(self, now: float) -> bool:
        """Whether a try that arrives now is refused for it."""
        if not self.holds(now):
            return False
        self.until += 30.0
        # The first time, others may be under way.
        self.inside += self.is_renewed
        return True


class Transport:
    """What the machine opened: a thread, a socket with what lies in it, and the peer."""

    def __init__(self) -> None:
        self.is_open = False
        self.is_stuck = False
        self.is_alive = True  # the peer
        self.is_silent = False  # the peer is there, and brings no data
        self.died_at = math.inf
        self.socket: list[Event | str] = []
        self.reading_since: float | None = None
        self.bytes_at = self.data_at = 0.0
        self.told_to_end = False


class World:
    """Walks: `step` does something at random, `advance` lets time pass."""

    def __init__(
        self,
        seed: int,
        target: Target,
        config: Config,
        pace: ConnectPace | None = None,
        block: Block | None = None,
        rate: float = 0.5,
    ) -> None:
        self.random = random.Random(seed)
        self.config = config
        self.target = target
        self.pace = pace or ConnectPace()
        self.machine = ConnectionMachine(
            endpoint="private",
            target=target,
            config=config,
            random=self.random.random,
            new_ticket=map("ticket-{}".format, itertools.count()).__next__,
        )
        self.real = 0.0
        self.now = 0.0  # by the machine's clock
        self.suspended = 0.0
        self.slept = 0.0  # since the last Due
        self.resumed_at = 0.0
        self.is_running = True
        self.is_starved = False
        self.rate = rate  # of data, messages a second
        self.stuck_rate = 0.02  # of attempts
        self.mode = "accept"
        self.keys = 1
        self.good_keys = 1
        self.is_wanted = False
        self.transport: Transport | None = None
        self.stuck: list[Transport] = []
        self.told_to_finish = False
        self.block = block or Block()  # in the machine's time
        self.connects: deque[float] = deque(maxlen=5)
        self.counts: Counter[str] = Counter()
        self.met: Counter[tuple[State, type]] = Counter()
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()

    # --- time

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (self.real + seconds, next(self.order), do))

    def advance(self, seconds: float) -> None:
        """Let time pass while the process runs."""
        end = self.real + seconds
        while True:
            due = self.machine.next_due
            due_at = math.inf if due is None else max(due + self.suspended, self.real)
            net_at = self.heap[0][0] if self.heap else math.inf
            if min(due_at, net_at) > end:
                break
            if net_at <= due_at:
                self._come_to(net_at)
                heapq.heappop(self.heap)[2]()
            else:
                self._come_to(due_at)
                self.now = max(self.now, due or 0.0)  # exactly, whatever was rounded
                self.due()
        self._come_to(end)
        self.check()

    def _come_to(self, real: float) -> None:
        self.real = max(self.real, real)
        self.now = max(self.now, self.real - self.suspended)

    def pause(self, seconds: float, *, is_suspended: bool) -> None:
        """Let time pass while the process does not run; what comes waits in the socket, or in the network."""
        self.is_running = False
        end = self.real + seconds
        while self.heap and self.heap[0][0] <= end:
            at, _, do = heapq.heappop(self.heap)
            if is_suspended:
                # It is sent again once the computer is there.
                heapq.heappush(self.heap, (end + self.random.uniform(0.0, 1.0), next(self.order), do))
            else:
                self._come_to(at)
                do()
        if is_suspended:
            self.suspended += seconds
            self.slept += seconds
        self._come_to(end)
        self.is_running = True
        self.resumed_at = self.now
        if self.random.random() < 0.5:
            self.read()
        due = self.machine.next_due
        if due is not None and due <= self.now:
            self.due()  # maybe before the transport has read what came
        self.read()
        self.check()

    # --- the machine

    def tell(self, event: Event) -> None:
        self.met[self.machine.state, type(event)] += 1
        for action in self.machine.handle(event, self.now):
            self.do(action)
        self.check()

    def due(self) -> None:
        transport = self.transport
        sample = None
        if transport is not None and transport.is_open:
            sample = Sample(transport.reading_since, transport.bytes_at, transport.data_at)
        slept, self.slept = self.slept, 0.0
        self.tell(Due(sample, slept, self.pace.blocked_until, len(self.stuck)))

    def check(self) -> None:
        """What must hold after every step."""
        machine, transport = self.machine, self.transport
        assert (machine.next_due is None) == (machine.state in (State.IDLE, State.DONE)), machine.state
        assert (transport is not None) == (machine.state in WITH_TRANSPORT), machine.state
        if self.is_wanted and not self.told_to_finish:
            assert machine.state not in (State.IDLE, State.CLOSING), machine.state
        if machine.state is State.OPEN and transport is not None and transport.reading_since is not None:
            config = self.config
            limit = config.ping_interval * 1.25 + 2 * config.ping_timeout + 1.0
            unheard_since = max(transport.died_at, transport.reading_since, self.resumed_at)
            assert self.now - unheard_since <= limit, "a dead peer is not noticed"

    def do(self, action: Action) -> None:
        self.counts[type(action).__name__] += 1
        match action:
            case OpenTransport(target):
                self._open(target)
            case FinishTransport(error):
                self._finish(error)
            case AbortTransport():
                self._end(Failed(TransportError("aborted"), self.keys))
            case AbandonTransport():
                assert self.transport is not None
                assert self.transport.is_stuck, "it would have ended"
                self.stuck.append(self.transport)
                self.transport = None
            case SendPing():
                self._answer("pong")
            case SendQuestion(ticket):
                self._answer(Answered(ticket))
            case TakeTurn():
                blocked_until = self.pace.blocked_until
                self.tell(TurnGiven(self.pace.reserve(self.now), blocked_until))
            case BlockPace(until):
                assert until <= self.now + 600.0
                self.pace.block(until)
            case Renew() | Tell():
                pass

    def _open(self, target: Target) -> None:
        assert self.transport is None, "two transports"
        assert target == self.target
        now = self.now
        if target.is_paced:
            assert now >= self.pace.blocked_until, "inside a block"
            if len(self.connects) >= 4:
                assert now - self.connects[-4] >= 1.0 - 1e-6, "more than four in a second"
        assert len(self.stuck) < 2
        self.block.inside += self.block.holds(now)
        self.connects.append(now)
        self.transport = transport = Transport()
        transport.is_stuck = self.random.random() < self.stuck_rate
        keys = self.keys
        if not transport.is_stuck and self.mode != "no answer":
            self.after(self.random.uniform(0.01, LATENCY), lambda: self._answer_handshake(transport, keys))

    def _answer_handshake(self, transport: Transport, keys: int) -> None:
        if not self.is_running:
            self.after(0.1, lambda: self._answer_handshake(transport, keys))
        elif transport is self.transport and not transport.told_to_end:
            error = self._refusal(keys)
            if error is not None:
                self.transport = None
                self.tell(Failed(error, keys))
                return
            self.block.until = 0.0
            transport.is_open = True
            transport.bytes_at = transport.data_at = self.now
            transport.reading_since = None if self.is_starved else self.now
            self._bring(transport)
            self.tell(Opened(keys))

    def _refusal(self, keys: int) -> WebSocketV6Error | None:
        mode = self.mode
        if not self.target.is_paced:
            mode = "lost" if mode in ("418", "429") else mode  # a door counts no connects
        elif self.block.tried(self.now):
            return RateLimitedError("blocked", status=418, retry_after=self.block.until - self.now)
        match mode:
            case "418":
                self.block.begin(self.now, self.random.uniform(10.0, 120.0))
                return RateLimitedError("blocked", status=418, retry_after=self.block.until - self.now)
            case "429":
                return RateLimitedError("slow down", status=429)
            case "503":
                return TransportError("out of order", retry_after=self.random.choice([None, 20.0, 1e6]))
            case "lost":
                return TransportError("no route")
            case "nonce":
                return AuthenticationError("again", name="nonce_used")
        return AuthenticationError("refused") if keys < self.good_keys else None

    def _finish(self, error: WebSocketV6Error | None) -> None:
        transport = self.transport
        assert transport is not None
        if transport.is_alive and error is not None and not isinstance(error, AuthenticationError):
            text = str(error)
            assert "no answer" not in text, "a peer that lives is given up"
            assert "stalled" not in text or transport.is_silent, "a peer that brings data is given up"
        self._end(Ended(TransportError("finished")))

    def _end(self, event: Failed | Ended) -> None:
        """Have the transport end after a while, as it was told; it may open before it hears of that."""
        transport = self.transport
        assert transport is not None
        transport.told_to_end = True

        def open_() -> None:
            if self.transport is transport:
                self.tell(Opened(self.keys))

        if isinstance(event, Failed) and self.random.random() < 0.2 and not transport.is_stuck:
            transport.is_open = True
            transport.bytes_at = transport.data_at = self.now
            event = Ended(TransportError("aborted"))
            self.after(0.0, open_)

        def end() -> None:
            if not self.is_running:
                self.after(0.1, end)
            elif self.transport is transport:
                self.transport = None
                self.tell(event)

        if not transport.is_stuck:
            self.after(self.random.uniform(0.0, ENDING), end)

    # --- the peer

    def _answer(self, what: Event | str) -> None:
        transport = self.transport
        if transport is not None and transport.is_alive:
            self.after(self.random.uniform(0.01, LATENCY), lambda: self._arrive(transport, what))

    def _bring(self, transport: Transport) -> None:
        if transport is self.transport and transport.is_alive and not transport.told_to_end:
            if not transport.is_silent:
                self._arrive(transport, "data")
            self.after(self.random.expovariate(self.rate), lambda: self._bring(transport))

    def _arrive(self, transport: Transport, what: Event | str) -> None:
        if transport is self.transport:
            if len(transport.socket) < 100 or what != "data":
                transport.socket.append(what)
            self.read()

    def read(self) -> None:
        transport = self.transport
        if transport is None or not self.is_running or transport.reading_since is None or transport.told_to_end:
            return
        lying, transport.socket = transport.socket, []
        for what in lying:
            transport.bytes_at = self.now
            if what == "data":
                transport.data_at = self.now
            elif isinstance(what, Answered | Said) and transport is self.transport:
                self.tell(what)

    # --- what the outside does

    def starve(self, *, is_starved: bool) -> None:
        self.is_starved = is_starved
        transport = self.transport
        if transport is not None and transport.is_open:
            if is_starved:
                transport.reading_since = None
            elif transport.reading_since is None:
                transport.reading_since = self.now
                self.read()

    def lose(self, *, is_told: bool) -> None:
        """Let the peer be gone, with a word or without."""
        transport = self.transport
        if transport is None or not transport.is_open or transport.told_to_end:
            return
        if transport.is_alive:
            transport.is_alive = False
            transport.died_at = self.now
        if is_told and not self.is_starved and not transport.is_stuck:
            self.transport = None
            self.tell(Ended(TransportError("hung up")))

    def unstick(self) -> None:
        """Let the threads end that hang in a name look-up."""
        self.stuck.clear()
        if self.transport is not None and self.transport.is_stuck:
            self.transport.is_stuck = False
            if self.transport.told_to_end:
                event = Ended(TransportError("late")) if self.transport.is_open else Failed(TransportError("late"))
                self.transport = None
                self.tell(event)
