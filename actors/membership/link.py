"""A guest's link to its host: to the registry it is a source of each endpoint that the host shares, like a connection.

What the exchange's connections go through is the host's to say; what comes of it is `inflow.py`.
"""

import os
import sys
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Client
from typing import NamedTuple, cast

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.connection.connection import ConnectionHealth
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import Connect, Disconnect, ListSubscriptions, SendRequest
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.membership import peers
from websocket_v6.protocol.membership.patience import Patience, Verdict

from .inflow import Inflow
from .pipe import Pipe, PipeClosed, PipeOpened, PipeSaid, as_guest
from .rendezvous import HostEntry

__all__ = ["GiveUp", "HostMoves", "Link", "LinkDown", "LinkSilent", "LinkUp", "Say"]

PING_INTERVAL = 4.0
# A host is replaced only if a link of its guest is silent, and then a new one is not answered either.
SILENCE = 10.0  # seconds without a word until a link is in doubt
PROOF = 5.0  # seconds that a new one may take to be answered then
LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still itself
RETRY = 0.005  # seconds until a full pipe is tried again


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


class LinkSilent(NamedTuple):
    """The host has not said anything for too long: is it there? Told again while that lasts (live)."""

    link: Ref


class GiveUp(NamedTuple):
    """End the link if it is still in doubt: a new one was answered, or will never be, because the host hangs."""

    is_hung: bool


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


class LookAround(NamedTuple):
    """Does the host say anything?"""


class TrySend(NamedTuple):
    """There may be room in the pipe again."""


class Link(Actor):
    """Keeps one pipe to a host until it ends, and is the source `sources[endpoint]` of each endpoint that is shared.

    Receives Connect, Disconnect, SendRequest and ListSubscriptions from the registry, Pipe* from its pipe, Say and
    GiveUp from its owner. Sends LinkUp, LinkSilent, HostMoves and LinkDown to its owner, and what a source says to the
    router. `is_probe`: it is to find out whether a host answers that another link hears nothing of.
    """

    def __init__(
        self,
        *,
        entry: HostEntry,
        keys: bytes,
        sources: Mapping[str, int],
        router: Ref,
        owner: Ref,
        is_probe: bool = False,
    ) -> None:
        super().__init__()
        self._keys = keys
        self._sources = sources
        self._owner = owner
        self._pid = entry.pid
        self._inflow = Inflow(sources, router)
        self._pipe = Pipe(
            "link", lambda: Client(entry.address), as_guest(entry.key), self.actor_ref, self._receive, peers.MAX_RECORDS
        )
        self._patience = Patience(PROOF if is_probe else SILENCE + PROOF, LOOK, clock())
        self._doubted_at: float | None = None  # when it was last found silent
        self._unsent: deque[bytes] = deque()
        self._retry: Timer | None = None
        self._has_greeted = False
        self._is_up = False
        self._is_over = False

    def on_start(self) -> None:
        """Go there."""
        self.after(LOOK, LookAround())
        self._pipe.start()

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect(endpoint, wants):
                # At once: the host connects only when something is wanted, and says then that it is open.
                self._inflow.begin(endpoint)
                self._want(endpoint, wants)
            case SendRequest(endpoint, _, _, wants, attachment):
                if self._inflow.is_open(endpoint, attachment):
                    self._want(endpoint, wants)
            case ListSubscriptions(endpoint, ticket, attachment):
                if self._inflow.is_open(endpoint, attachment):
                    self._inflow.ask(endpoint, ticket)
                    self._say(peers.Question(cast(peers.Endpoint, endpoint), ticket))
            case Disconnect(endpoint):
                self._inflow.stop(endpoint)
                self._want(endpoint, ())
            case Say(said):
                self._say(said)
            case PipeOpened():
                self._greet()
            case PipeSaid(pipe, said):
                self._hear(said)
                pipe.heard()
            case PipeClosed(pipe, error):
                pipe.close()
                self._finish(TransportError(f"the link to the host, process {self._pid}, is lost: {error}"))
            case TrySend():
                self._retry = None
                self._flush()
            case PingDue():
                self._say(peers.Ping())
                self.after(PING_INTERVAL, PingDue())
            case LookAround():
                self._look_around()
            case GiveUp(is_hung):
                if self._is_doubted():
                    self._finish(self._hung(), is_hung=is_hung)
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the pipe, and what came through it."""
        self._inflow.close()
        self._pipe.abandon()

    def failed(self, error: BaseException) -> None:
        """Tell the owner, which makes another."""
        if not self._is_over:
            text = f"the link to the host, process {self._pid}, failed through a bug: {error!r}"
            tell(self._owner, LinkDown(self.actor_ref, TransportError(text), retry=True, is_hung=False))

    # --- in the pipe's thread

    def _receive(self, data: bytes) -> object:
        """Read what the host said; what is the router's goes there at once, at its pace."""
        said = peers.decode_from_host(data)
        match said:
            case peers.Records(parts):
                for part in parts:
                    self._inflow.part(part)
            case peers.Changed():
                self._inflow.changed(said)
            case peers.Refused():
                self._inflow.refused(said)
            case peers.Answer():
                self._inflow.answered(said)
            case peers.Shared(endpoints):
                self._inflow.share(endpoints)
                return said
            case _:
                return said
        return None

    # --- what the host says

    def _greet(self) -> None:
        self._unsent.appendleft(peers.encode(peers.Hello(peers.VERSION, _program(), os.getpid(), self._keys)))
        self._has_greeted = True
        self._flush()

    def _hear(self, said: object) -> None:
        match said:
            case peers.Welcome(_, _, shared, stays) if not self._is_up:
                self._is_up = True
                self._patience = Patience(SILENCE, LOOK, clock())
                self.after(PING_INTERVAL, PingDue())
                tell(self._owner, LinkUp(self.actor_ref, shared, stays))
            case peers.Shared(shared):
                tell(self._owner, LinkUp(self.actor_ref, shared))
            case peers.Goodbye(reason, retry):
                error = TransportError(f"the host, process {self._pid}, does not serve this process: {reason}")
                self._finish(error, retry=retry)
            case peers.Host(address, key):
                tell(self._owner, HostMoves(self.actor_ref, address, key))
            case peers.Ping():
                self._say(peers.Pong())
            case _:
                pass

    # --- whether it says anything

    def _look_around(self) -> None:
        self.after(LOOK, LookAround())
        now = clock()
        reading_since = self._inflow.reading_since
        match self._patience.look(now, self._pipe.heard_at, reading_since):
            case Verdict.AWAY if self._is_up and reading_since is not None:
                self._say(peers.Ping())
            case Verdict.SILENT if self._is_up:
                self._doubted_at = now
                self._patience.begin(now)
                tell(self._owner, LinkSilent(self.actor_ref))
            case Verdict.SILENT:
                self._finish(self._hung(), is_hung=True)
            case _:
                pass

    def _is_doubted(self) -> bool:
        """Whether nothing has come since it was found silent, although it was read all the time."""
        reading_since = self._inflow.reading_since
        if self._doubted_at is None or reading_since is None:
            return False
        return self._doubted_at > max(reading_since, self._pipe.heard_at or 0.0)

    def _hung(self) -> WebSocketV6Error:
        return TransportError(
            f"the host, process {self._pid}, does not answer: it is stopped or hangs; let it go on "
            f"(kill -CONT {self._pid}) or end it"
        )

    # --- the way there

    def _want(self, endpoint: str, wants: tuple[Want, ...]) -> None:
        self._say(peers.Wanted(cast(peers.Endpoint, endpoint), tuple(peers.to_wish(want) for want in wants)))

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
        return tuple(
            ConnectionHealth(endpoint, self._sources[endpoint], one.state, 0, one.up_seconds, 0, 0, one.reason)
            for endpoint, one in self._inflow.states.items()
        )

    # --- its end

    def _finish(self, reason: WebSocketV6Error, *, retry: bool = True, is_hung: bool = False) -> None:
        """End it now, whatever the pipe's thread waits for."""
        if self._is_over:
            return
        self._is_over = True
        self._inflow.fail(reason)
        tell(self._owner, LinkDown(self.actor_ref, reason, retry, is_hung))
        self.stop()


def _program() -> str:
    return os.path.basename(sys.argv[0] or sys.executable) if sys.argv else ""  # noqa: PTH119
