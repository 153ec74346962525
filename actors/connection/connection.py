"""The connection of one endpoint: when to connect, when to give up on a socket, what to tell of it.

The socket itself is the wire's (`wire.py`); what a connection serves is the registry's.
"""

import os
import random
import time
import uuid
from queue import SimpleQueue
from typing import NamedTuple
from urllib.parse import urlsplit

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Ask,
    AskList,
    Connect,
    Disconnect,
    KeysChanged,
    WireLost,
    WireOpened,
    WirePonged,
    WireRefused,
    WireSaid,
)
from websocket_v6.actors.messages.registry import ExchangeSaid, LineChanged
from websocket_v6.actors.messages.router import AttachSource
from websocket_v6.actors.messages.supervisor import Failed, Renew
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.backoff import Backoff
from websocket_v6.protocol.connection.lifecycle import ConnectionState, Lifecycle
from websocket_v6.protocol.connection.stall import ClockWatch, StallWatch, Suspicion
from websocket_v6.protocol.errors import AuthenticationError, ExchangeError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, Notice, SubscriptionList
from websocket_v6.protocol.exchange.requests import encode_list_subscriptions, encode_request

from .transport import Wire, WireFailed

__all__ = ["ConnectPace", "Connection", "ConnectionHealth", "Estate", "Resign"]

# Keys the exchange refused stay refused until someone does something; asking rarely finds out.
REFUSED_RETRY = 60.0
REFUSED_RETRY_MAX = 600.0
JOIN_TIMEOUT = 2.0
AGE_SPREAD = 0.1
LOOKS = 4  # at the connection's silence, for each ping
QUIET_LOOKS = 3  # the shortest silence that can be suspicious
# Refusals that a fresh token may cure.
PASSING_REFUSALS = ("nonce_used",)
# In-band error names that speak of the keys, not of the request.
AUTH_ERRORS = ("INVALID_AUTH",)


class ConnectPace:
    """Spreads the attempts of all connections of a process: at most PER_SECOND within any second.

    One less than the exchange allows, because it counts when they arrive, which is not as evenly as they leave. Safe to
    use from several threads: each turn is in one hand at a time.
    """

    PER_SECOND = 4

    def __init__(self) -> None:
        self._turns: SimpleQueue[float] = SimpleQueue()  # when each turn was last used, oldest first
        for _ in range(self.PER_SECOND):
            self._turns.put(float("-inf"))

    def reserve(self, now: float) -> float:
        """Take the next turn and return when it comes, `now` or later (monotonic seconds)."""
        turn = max(now, self._turns.get() + 1.0)
        self._turns.put(turn)
        return turn


# By host. Components that come and go start and stop engines, but the exchange's limit is on the whole process.
_paces: dict[str, ConnectPace] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_paces.clear)  # a turn may just have been in another thread's hand


class ConnectionHealth(NamedTuple):
    """One connection as it stands. `up_seconds` is 0 while it is not open."""

    endpoint: str
    line: int
    state: str
    epoch: int  # of the line; to users, of the endpoint
    up_seconds: float
    reconnects: int
    request_bytes: int  # of its last subscription
    error: str
    serves: bool = False  # all that is wanted comes through it; with several lines, each needs a moment for that


class Estate(NamedTuple):
    """What a successor begins with."""

    epoch: int = 0  # of the last connection that opened
    gap_started_ns: int | None = None  # when its last bytes came, if anything can be missed since


class Resign(NamedTuple):
    """Close the connection: another actor takes over. Asked; answered with the Estate for it."""


class Try(NamedTuple):
    """Connect as soon as there is a turn: the wait is over."""


class Go(NamedTuple):
    """Connect now: it is this connection's turn."""


class PingDue(NamedTuple):
    """Time for the next ping."""


class Aged(NamedTuple):
    """The connection is as old as it may become."""


class PongOverdue(NamedTuple):
    """A ping was not answered in time."""


class Look(NamedTuple):
    """Time to see whether data still comes, and whether the machine slept."""


class AnswerOverdue(NamedTuple):
    """A question that a silent connection was asked was not answered in time."""


class Connection(Actor):
    """Keeps one line of an endpoint connected while someone wants it.

    Receives Connect, Disconnect, Ask and AskList from the registry, KeysChanged and Resign from the supervisor, Wire*
    from its wire. Sends LineChanged and ExchangeSaid to the registry, AttachSource to the router, Renew to the
    supervisor.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        line: int,
        url: str,
        config: Config,
        registry: Ref,
        router: Ref,
        jwt: Ref,
        supervisor: Ref,
        estate: Estate | None = None,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._line = line
        self._url = url
        self._config = config
        self._registry = registry
        self._router = router
        self._jwt = jwt
        self._supervisor = supervisor
        self._epoch, self._gap_started_ns = estate or Estate()
        self._life = Lifecycle()
        self._random = random.random
        self._backoff = Backoff(config.backoff_initial, config.backoff_max, self._random)
        self._wire: Wire | None = None
        self._wanted = False
        self._has_resigned = False
        self._retry: Timer | None = None
        self._ping: Timer | None = None
        self._pong: Timer | None = None
        self._age: Timer | None = None
        self._look: Timer | None = None
        self._answer: Timer | None = None
        self._look_every = config.ping_interval / LOOKS
        self._stall = StallWatch(QUIET_LOOKS * self._look_every)
        self._clock = ClockWatch(self._look_every)
        self._asked = ""  # the ticket of the question to a silent connection
        self._stalled_since_ns: int | None = None
        self._pace = _paces.setdefault(urlsplit(url).netloc, ConnectPace())
        self._refusals = 0
        self._keys_changed = False
        self._reconnects = 0
        self._request_bytes = 0
        self._opened_at = 0.0
        self._error: WebSocketV6Error | None = None

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect():
                self._wanted = True
                if self._life.state is ConnectionState.IDLE:
                    self._schedule(0.0)
            case Disconnect():
                self._wanted = False
                self._give_up()
            case Ask(_, plan):
                text = encode_request(str(uuid.uuid4()), plan.types, self._config.format)
                self._request_bytes = len(text.encode())
                self._send(text)
            case AskList(_, ticket):
                self._send(encode_list_subscriptions(ticket, self._config.format))
            case WireOpened(epoch):
                self._opened(epoch)
            case WireRefused(_, error):
                self._wire = None
                self._lost(error)
            case WireLost(_, error, at_ns):
                self._wire = None
                self._gap_started_ns = self._stalled_since_ns or at_ns
                self._lost(error)
            case WireSaid(_, notice):
                self._hear(notice)
            case WireFailed(epoch):
                raise RuntimeError(f"the thread of connection {epoch} to the {self._endpoint} endpoint failed")
            case WirePonged():
                self._pong = _cancel(self._pong)
                self._refusals = 0
                self._backoff.succeeded()
            case PingDue():
                self._send_ping()
            case PongOverdue():
                self._finish(
                    TransportError(
                        f"no answer to a ping on the {self._endpoint} connection for {self._config.ping_timeout:g} s"
                    )
                )
            case Look():
                self._look_at_silence()
            case AnswerOverdue():
                self._stalled("and no answer to a question")
            case Aged():
                tell(self._supervisor, Renew(self.actor_ref))
            case Try():
                self._take_turn()
            case Go():
                self._connect()
            case KeysChanged():
                self._use_new_keys()
            case Resign():
                self._has_resigned = True
                self.close()
                return Estate(self._epoch, self._gap_started_ns)
            case GetHealth():
                return (self._health(),)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the wire and wait for its thread; one that is still connecting ends by itself when it has an answer."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.finish()
            if self._life.state is not ConnectionState.CONNECTING:
                wire.join(JOIN_TIMEOUT)
            if self._life.state is ConnectionState.OPEN:
                self._gap_started_ns = self._stalled_since_ns or wire.last_bytes_ns

    def failed(self, error: BaseException) -> None:
        """Tell the components of the loss, and the supervisor what the successor begins with."""
        if self._life.state is ConnectionState.OPEN:
            self._announce("lost", TransportError(f"the {self._endpoint} connection failed and is replaced"))
        estate = Estate(self._epoch, self._gap_started_ns)
        tell(self._supervisor, Failed(self._endpoint, self.actor_ref, error, estate))

    # --- getting there

    def _schedule(self, delay: float) -> None:
        self._retry = _cancel(self._retry)
        if self._has_resigned:
            return  # the end of the wire is still heard of, but the next one is the successor's
        if self._life.state is ConnectionState.IDLE:
            self._life.move(ConnectionState.WAITING)
        self._retry = self.after(delay, Try())

    def _take_turn(self) -> None:
        # Only now: a turn that is minutes away would be one that nobody else can have until then.
        now = time.monotonic()
        self._retry = self.after(self._pace.reserve(now) - now, Go())

    def _connect(self) -> None:
        self._retry = _cancel(self._retry)
        self._life.move(ConnectionState.CONNECTING)
        self._error = None
        self._keys_changed = False
        self._announce("connecting")
        self._wire = Wire(
            endpoint=self._endpoint,
            line=self._line,
            url=self._url,
            epoch=self._epoch + 1,
            config=self._config,
            owner=self.actor_ref,
            router=self._router,
            jwt=self._jwt,
        )
        tell(self._router, AttachSource(self._endpoint, self._line, self._epoch + 1, self._wire.credits))
        self._wire.start()

    def _opened(self, epoch: int) -> None:
        self._reconnects += self._gap_started_ns is not None
        self._epoch = epoch
        if self._life.state is ConnectionState.CLOSING:
            return  # given up while it was connecting
        self._life.move(ConnectionState.OPEN)
        self._opened_at = time.monotonic()
        self._announce("open")
        self._gap_started_ns = None
        self._ping = self.after(self._config.ping_interval, PingDue())
        self._stall.begin(self._opened_at)
        self._clock.forget()
        self._look = self.after(self._look_every, Look())
        self._stalled_since_ns = None
        if self._config.max_age is not None:
            # Earlier by chance, so that the lines of an endpoint do not all go at once.
            self._age = self.after(self._config.max_age * (1.0 - AGE_SPREAD * self._random()), Aged())
        if self._keys_changed:
            self._use_new_keys()

    # --- being there

    def _send(self, text: str) -> None:
        if self._wire is not None and self._life.state is ConnectionState.OPEN:
            self._wire.send(text)

    def _send_ping(self) -> None:
        if self._life.state is ConnectionState.OPEN:
            self._ping = self.after(self._config.ping_interval, PingDue())
            self._ask_whether_there()

    def _ask_whether_there(self) -> None:
        if self._wire is not None:
            self._wire.ping()
            if self._pong is None:
                self._pong = self.after(self._config.ping_timeout, PongOverdue())

    def _look_at_silence(self) -> None:
        """See whether the connection brings data as it used to; a market may be quiet, so ask before giving it up."""
        if self._wire is None or self._life.state is not ConnectionState.OPEN:
            return
        self._look = self.after(self._look_every, Look())
        now = time.monotonic()
        slept = self._clock.look(now, time.time())
        if slept:
            self._stall.skip(slept)
            self._ask_whether_there()
        match self._stall.look(now, self._wire.last_data_ns):
            case Suspicion.ASK:
                # Past the registry's pace: one in a long silence stays within what the exchange allows.
                self._asked = str(uuid.uuid4())
                self._send(encode_list_subscriptions(self._asked, self._config.format))
                self._answer = self.after(self._config.ping_timeout, AnswerOverdue())
            case Suspicion.GIVE_UP:
                self._stalled("though it answers")
            case _:
                pass

    def _stalled(self, how: str) -> None:
        if self._wire is not None:
            self._stalled_since_ns = self._wire.last_data_ns
        self._finish(TransportError(f"the {self._endpoint} connection is stalled: no data any more, {how}"))

    def _hear(self, notice: Notice) -> None:
        if isinstance(notice, SubscriptionList) and notice.ticket == self._asked:
            self._answer = _cancel(self._answer)
        tell(self._registry, ExchangeSaid(self._endpoint, self._line, self._epoch, notice))
        if isinstance(notice, ErrorNotice):
            error: WebSocketV6Error = ExchangeError(notice.name, notice.text)
            if notice.name in AUTH_ERRORS and self._endpoint != "public":
                error = AuthenticationError(
                    f"the exchange refused the keys of the {self._endpoint} connection: {notice.name}, {notice.text}; "
                    "check the access key, its permissions, its expiry and its allowed addresses",
                    name=notice.name,
                )
            # It closes after an error; if it ever does not, the request it refused would go on being missing.
            self._finish(error)

    def _finish(self, error: WebSocketV6Error) -> None:
        if self._error is None:
            self._error = error
        if self._wire is not None:
            self._wire.finish(error)

    # --- leaving

    def _lost(self, error: WebSocketV6Error) -> None:
        self._stop_timers()
        error = self._error or error
        self._error = error
        if isinstance(error, AuthenticationError) and error.name in PASSING_REFUSALS:
            error = TransportError(str(error))
        if self._life.state is ConnectionState.CLOSING:
            self._life.move(ConnectionState.IDLE)
            self._gap_started_ns = None
            self._announce("closed")
            if self._wanted:
                self._schedule(0.0)
        elif isinstance(error, AuthenticationError):
            self._life.move(ConnectionState.REFUSED)
            self._announce("refused", error)
            delay = 0.0 if self._keys_changed else min(REFUSED_RETRY_MAX, REFUSED_RETRY * 2.0**self._refusals)
            self._refusals += 1
            self._schedule(delay)
        else:
            self._life.move(ConnectionState.WAITING)
            self._announce("lost", error)
            self._schedule(self._backoff.failed(error))

    def _give_up(self) -> None:
        match self._life.state:
            case ConnectionState.OPEN | ConnectionState.CONNECTING:
                self._life.move(ConnectionState.CLOSING)
                if self._wire is not None:
                    self._wire.finish()
            case ConnectionState.WAITING | ConnectionState.REFUSED:
                self._retry = _cancel(self._retry)
                self._life.move(ConnectionState.IDLE)
                self._gap_started_ns = None
                self._announce("closed")
            case _:
                pass

    def _use_new_keys(self) -> None:
        if self._endpoint == "public":
            return
        self._refusals = 0
        if self._life.state is ConnectionState.REFUSED:
            self._schedule(0.0)
        elif self._life.state is ConnectionState.CONNECTING:
            self._keys_changed = True  # the attempt under way may still carry the old ones
        elif self._life.state is ConnectionState.OPEN:
            tell(self._supervisor, Renew(self.actor_ref))

    def _stop_timers(self) -> None:
        self._ping = _cancel(self._ping)
        self._pong = _cancel(self._pong)
        self._age = _cancel(self._age)
        self._look = _cancel(self._look)
        self._answer = _cancel(self._answer)
        self._retry = _cancel(self._retry)

    # --- telling

    def _announce(self, state: str, error: WebSocketV6Error | None = None) -> None:
        reason = "" if error is None else str(error)
        change = LineChanged(
            self._endpoint, self._line, state, self._epoch, time.time_ns(), self._gap_started_ns, reason, error
        )
        tell(self._registry, change)

    def _health(self) -> ConnectionHealth:
        is_open = self._life.state is ConnectionState.OPEN
        up = time.monotonic() - self._opened_at if is_open else 0.0
        error = "" if self._error is None or is_open else str(self._error)
        return ConnectionHealth(
            self._endpoint,
            self._line,
            self._life.state.value,
            self._epoch,
            up,
            self._reconnects,
            self._request_bytes,
            error,
        )


def _cancel(timer: Timer | None) -> Timer | None:
    """Cancel `timer`, if there is one, and return what is left to remember of it: nothing."""
    if timer is not None:
        timer.cancel()
    return None
