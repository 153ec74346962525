"""A guest's link to its host: to the registry it is a line of each endpoint that the host shares, like a connection.

Its records are the host's, epoch and time of arrival included; what the exchange's connections go through is the
host's to say.
"""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from multiprocessing.connection import Client
from queue import SimpleQueue
from typing import NamedTuple, cast

import pykka

from websocket_v6.actors.base import Actor, Timer, ask, tell
from websocket_v6.actors.connection.connection import ConnectionHealth
from websocket_v6.actors.messages.common import Credits, GetHealth, Ref
from websocket_v6.actors.messages.connection import Ask, AskList, Connect, Disconnect
from websocket_v6.actors.messages.registry import ExchangeSaid, LineChanged, Sync
from websocket_v6.actors.messages.router import AttachSource
from websocket_v6.protocol import errors
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscribedEntry, SubscriptionList
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.membership import peers

from .pipe import Pipe, PipeClosed, PipeOpened, PipeSaid, as_guest
from .rendezvous import HostEntry

__all__ = ["HostMoves", "Link", "LinkDown", "LinkUp", "Say"]

PING_INTERVAL = 5.0
PATIENCE = 15.0  # seconds without a word from the host: it is stopped, or hangs
RETRY = 0.005  # seconds until a full pipe is tried again
ASK_TIMEOUT = 5.0
CREDITS = 32  # batches of an endpoint that may be on their way to the router; they come many together


class LinkUp(NamedTuple):
    """The host serves these endpoints to this process; told again when they change (live)."""

    link: Ref
    shared: tuple[str, ...]
    stays: bool = False  # the host hands over to nobody


class LinkDown(NamedTuple):
    """There is no link (any more), and why (live)."""

    link: Ref
    error: WebSocketV6Error
    retry: bool  # with another host, or later, it may be otherwise
    is_hung: bool  # the host is there, but does not answer


class HostMoves(NamedTuple):
    """The host is about to hand over to `address`; empty: to this process (live)."""

    link: Ref
    address: str
    key: bytes


class Say(NamedTuple):
    """Say this to the host."""

    message: peers.FromGuest


class PingDue(NamedTuple):
    """Time for the next ping."""


class PongOverdue(NamedTuple):
    """The host has not said anything for too long."""


class TrySend(NamedTuple):
    """There may be room in the pipe again."""


class Link(Actor):
    """Keeps one pipe to a host until it ends, and is the line `lines[endpoint]` of each endpoint that is shared.

    Receives Connect, Disconnect, Ask and AskList from the registry, Pipe* from its pipe, Say from its owner. Sends
    LineChanged and ExchangeSaid to the registry, Batch and AttachSource to the router, LinkUp, HostMoves and LinkDown
    to its owner.
    """

    def __init__(
        self, *, entry: HostEntry, keys: bytes, lines: Mapping[str, int], registry: Ref, router: Ref, owner: Ref
    ) -> None:
        super().__init__()
        self._keys = keys
        self._lines = lines
        self._registry = registry
        self._router = router
        self._owner = owner
        self._pid = entry.pid
        self._credits: dict[str, Credits] = {endpoint: SimpleQueue() for endpoint in lines}
        for credits_ in self._credits.values():
            for _ in range(CREDITS):
                credits_.put(True)
        self._pipe = Pipe(
            "link", lambda: Client(entry.address), as_guest(entry.key), self.actor_ref, self._receive, peers.MAX_RECORDS
        )
        self._states: dict[str, LineChanged] = {}  # what was last told of each endpoint that someone wants
        # After each `Changed` the pipe's thread waits here until the router knows what epoch the next records are of.
        self._gate: SimpleQueue[bool] = SimpleQueue()
        self._is_gated = False  # the pipe's thread alone
        self._last_ns: dict[str, int] = {}  # when the last records of each endpoint came; the pipe's thread writes
        self._unsent: deque[bytes] = deque()
        self._retry: Timer | None = None
        self._pong: Timer | None = None
        self._has_greeted = False
        self._is_up = False
        self._reason: WebSocketV6Error | None = None
        self._may_retry = True
        self._is_hung = False

    def on_start(self) -> None:
        """Go there."""
        self._pong = self.after(PATIENCE, PongOverdue())
        self._pipe.start()

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect(endpoint, wants):
                self._begin(endpoint, wants)
            case Ask(endpoint, plan):
                self._want(endpoint, plan.wants)
            case AskList(endpoint, ticket):
                self._say(peers.Question(cast(peers.Endpoint, endpoint), ticket))
            case Disconnect(endpoint):
                self._stop_wanting(endpoint)
            case Say(said):
                self._say(said)
            case PipeOpened():
                self._greet()
            case PipeSaid(pipe, said):
                self._hear(said)
                pipe.heard()
            case PipeClosed(_, error):
                self._ended(error)
            case TrySend():
                self._retry = None
                self._flush()
            case PingDue():
                self._say(peers.Ping())
                self.after(PING_INTERVAL, PingDue())
            case PongOverdue():
                self._is_hung = True
                self._finish(
                    TransportError(
                        f"the host, process {self._pid}, does not answer: it is stopped or hangs; let it go on "
                        f"(kill -CONT {self._pid}) or end it"
                    )
                )
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the pipe."""
        self._finish(TransportError("it is not needed any more"))

    # --- in the pipe's thread

    def _receive(self, data: bytes) -> object:
        """Read what the host said; records go straight to the router, at its pace."""
        if self._is_gated and not self._gate.get():
            raise TransportError("it was closed on this side")
        said = peers.decode_from_host(data)
        self._is_gated = type(said) is peers.Changed
        if type(said) is not peers.Records:
            return said
        for part in said.parts:
            self._pass_on(part)
        return None

    def _pass_on(self, part: peers.Part) -> None:
        endpoint = part.endpoint
        line, credits_ = self._lines.get(endpoint), self._credits.get(endpoint)
        if line is None or credits_ is None:
            raise RemoteProtocolError(f"records of the {endpoint} endpoint, which is not shared")
        if not credits_.get():
            raise TransportError("it was closed on this side")
        self._last_ns[endpoint] = part.ts_received_ns
        batch = Batch(
            endpoint,
            line,
            part.epoch,
            part.ts_received_ns,
            part.streams,
            part.payloads,
            part.replayed,
            part.backfilled,
        )
        if not tell(self._router, batch):
            raise TransportError("the router of this process has failed, and the link is replaced with it")

    # --- what the host says

    def _greet(self) -> None:
        self._unsent.appendleft(peers.encode(peers.Hello(peers.VERSION, _program(), os.getpid(), self._keys)))
        self._has_greeted = True
        self._flush()

    def _hear(self, said: object) -> None:
        if self._is_up and self._pong is not None:
            self._pong.cancel()
            self._pong = self.after(PATIENCE, PongOverdue())
        match said:
            case peers.Welcome(_, _, shared, stays) if not self._is_up:
                self._is_up = True
                self.after(PING_INTERVAL, PingDue())
                if self._pong is not None:
                    self._pong.cancel()
                self._pong = self.after(PATIENCE, PongOverdue())
                tell(self._owner, LinkUp(self.actor_ref, shared, stays))
            case peers.Shared(shared):
                tell(self._owner, LinkUp(self.actor_ref, shared))
            case peers.Goodbye(reason, retry):
                self._may_retry = retry
                self._finish(TransportError(f"the host, process {self._pid}, does not serve this process: {reason}"))
            case peers.Changed():
                self._host_changed(said)
                with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
                    ask(self._registry, Sync(), ASK_TIMEOUT)
                self._gate.put(True)
            case peers.Refused(endpoint, name, text):
                self._refused(endpoint, ErrorNotice(name, text))
            case peers.Answer():
                self._answered(said)
            case peers.Host(address, key):
                tell(self._owner, HostMoves(self.actor_ref, address, key))
            case peers.Ping():
                self._say(peers.Pong())
            case _:
                pass

    def _host_changed(self, change: peers.Changed) -> None:
        line = self._lines.get(change.endpoint)
        before = self._states.get(change.endpoint)
        if line is None or before is None or (change.state == before.state == "connecting"):
            return
        if change.state == "open":
            credits_ = self._credits[change.endpoint]
            tell(self._router, AttachSource(change.endpoint, line, change.epoch, credits_))
        error = _error(change.error, change.reason)
        self._tell_line(
            LineChanged(
                change.endpoint,
                line,
                change.state,
                change.epoch,
                # It may have been open for long, but to this process it is open since it was told.
                max(change.at_ns, before.at_ns),
                change.gap_started_ns,
                change.reason,
                error,
            )
        )

    def _refused(self, endpoint: str, notice: ErrorNotice) -> None:
        """Let the registry find out whose want it was, as it does when the exchange closes after an error."""
        before = self._states.get(endpoint)
        if before is None:
            return
        tell(self._registry, ExchangeSaid(endpoint, self._lines[endpoint], before.epoch, notice))
        now_ns = time.time_ns()
        reason = f"the exchange answered {notice.name}: {notice.text}"
        self._tell_line(before._replace(state="lost", at_ns=now_ns, gap_started_ns=now_ns, reason=reason))
        self._tell_line(before._replace(state="open", at_ns=now_ns, gap_started_ns=now_ns, reason="", error=None))

    def _answered(self, answer: peers.Answer) -> None:
        line, before = self._lines.get(answer.endpoint), self._states.get(answer.endpoint)
        if line is None or before is None or answer.problem:
            return
        entries = tuple(
            SubscribedEntry(one.type, one.codes, None if one.level is None else Decimal(one.level), one.extra)
            for one in answer.entries
        )
        tell(
            self._registry,
            ExchangeSaid(answer.endpoint, line, before.epoch, SubscriptionList(answer.ticket, entries)),
        )

    def _tell_line(self, change: LineChanged) -> None:
        self._states[change.endpoint] = change
        tell(self._registry, change)

    # --- what is wanted

    def _begin(self, endpoint: str, wants: tuple[Want, ...]) -> None:
        """Say what is wanted at once: the host connects only when something is, and says then that it is open."""
        line = self._lines[endpoint]
        self._states[endpoint] = LineChanged(endpoint, line, "connecting", 0, time.time_ns())
        tell(self._registry, self._states[endpoint])
        self._want(endpoint, wants)

    def _want(self, endpoint: str, wants: tuple[Want, ...]) -> None:
        self._say(peers.Wanted(cast(peers.Endpoint, endpoint), tuple(peers.to_wish(want) for want in wants)))

    def _stop_wanting(self, endpoint: str) -> None:
        before = self._states.pop(endpoint, None)
        self._want(endpoint, ())
        if before is not None:
            tell(self._registry, before._replace(state="closed", at_ns=time.time_ns(), gap_started_ns=None, reason=""))

    # --- the way there

    def _say(self, message: peers.FromGuest) -> None:
        self._unsent.append(peers.encode(message))
        self._flush()

    def _flush(self) -> None:
        while self._unsent and self._has_greeted:
            if not self._pipe.send(self._unsent[0]):
                if self._retry is None:
                    self._retry = self.after(RETRY, TrySend())
                return
            self._unsent.popleft()

    def _health(self) -> tuple[ConnectionHealth, ...]:
        """Return how each endpoint stands that is wanted from the host; its connections are the host's."""
        found = []
        for endpoint, last in self._states.items():
            up = (time.time_ns() - last.at_ns) / 1e9 if last.state == "open" else 0.0
            found.append(
                ConnectionHealth(endpoint, last.line, last.state, last.epoch, up, 0, 0, last.reason if not up else "")
            )
        return tuple(found)

    # --- its end

    def _finish(self, reason: WebSocketV6Error) -> None:
        if self._reason is None:
            self._reason = reason
        for credits_ in self._credits.values():
            credits_.put(False)
        self._gate.put(False)
        self._pipe.finish()

    def _ended(self, error: WebSocketV6Error) -> None:
        self._pipe.close()
        error = self._reason or TransportError(f"the link to the host, process {self._pid}, is lost: {error}")
        now_ns = time.time_ns()
        for endpoint, before in list(self._states.items()):
            started = self._last_ns.get(endpoint) if before.state == "open" else before.gap_started_ns
            self._tell_line(
                before._replace(state="lost", at_ns=now_ns, gap_started_ns=started, reason=str(error), error=error)
            )
        tell(self._owner, LinkDown(self.actor_ref, error, self._may_retry, self._is_hung))
        self.stop()


def _program() -> str:
    return os.path.basename(sys.argv[0] or sys.executable) if sys.argv else ""  # noqa: PTH119


def _error(name: str, reason: str) -> WebSocketV6Error | None:
    """Return an error of the class that the host named; `None` if it named none."""
    if not name:
        return None
    cls = getattr(errors, name, None)
    if cls in (errors.AuthenticationError, errors.TransportError, errors.RateLimitedError):
        return cls(reason)  # type: ignore[no-any-return]
    return TransportError(reason)
