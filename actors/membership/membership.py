"""This process's place among those of the user on this machine: the host, or a guest of it.

Whoever finds no host becomes it; when the host dies, its guests do the same again, and the lock sees to it that exactly
one of them does. A host that leaves, or that is asked to by `websocket-v6 serve`, hands over: the other begins to
listen first, everyone goes over to it while the old connections still carry, and only then are these closed.
"""

import contextlib
import hmac
import logging
import random
from collections.abc import Callable, Mapping
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pykka

from websocket_v6.actors.base import Actor, Timer, ask, stop_and_join, tell
from websocket_v6.actors.jwt import GetFingerprint
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error
from websocket_v6.protocol.exchange.wants import ENDPOINTS
from websocket_v6.protocol.membership import peers

from .gateway import Gateway, GuestCame
from .link import HostMoves, Link, LinkDown, LinkUp, Say
from .rendezvous import HostEntry, Rendezvous
from .session import Dismiss, Guest, GuestGone, GuestSaid, SendGuest, Session, ShareWith

__all__ = ["HandOver", "Membership", "MembershipHealth", "Placed", "Released", "Role"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = 0.01  # seconds at most until a process that found neither host nor lock looks again, doubled each time
LOOK_AGAIN_MAX = 1.0
LOCK_RETRY = 0.02  # seconds until one that was handed over to tries again for the lock
CHECK_INTERVAL = 5.0  # seconds between two looks whether this process is still the host
MAX_GUESTS = 256
SUCCESSION = 0.8  # seconds for a guest to answer that it is the host now: Ctrl-C is not to wait for one that hangs
ASK_TIMEOUT = 5.0
STOP_TIMEOUT = 1.0


class Role(Enum):
    """What a process is among the others."""

    LOOKING = "looking"  # for the host
    HOST = "host"  # it owns the connections
    GUEST = "guest"  # it uses the host's
    EMBEDDED = "embedded"  # it owns connections and shares none


class Placed(NamedTuple):
    """This process is `role` from now on. Told to the owner, which has the lines come from there (live).

    A guest has from `link` what `shared` has a line for, and connections of its own for the other endpoints.
    """

    role: Role
    link: Ref | None = None
    shared: Mapping[str, int] = MappingProxyType({})
    error: WebSocketV6Error | None = None  # why it is embedded although it was to share
    seat: Ref | None = None  # who says so


class Released(NamedTuple):
    """Nothing comes from this link (live) any more: it can be closed."""

    link: Ref


class HandOver(NamedTuple):
    """This process is about to leave: hand over to a guest, if there is any. Answered through the future (live)."""

    done: "pykka.Future[bool]"


class MembershipHealth(NamedTuple):
    """The place of this process. `guests` are the processes that it serves."""

    role: str
    guests: int


class Look(NamedTuple):
    """Look for a host, or become it."""


class TryLock(NamedTuple):
    """Try to get the lock that the host before this one still has."""


class _Linked(NamedTuple):
    """A host that this process has a link to, and the numbers of the lines that the link is."""

    entry: HostEntry
    lines: Mapping[str, int]


class SuccessorOverdue(NamedTuple):
    """Has the guest that is to be the host answered by now?"""


class CheckPlace(NamedTuple):
    """Is this process still the host? One that was stopped for long may have been replaced meanwhile."""


class Membership(Actor):
    """Finds the process its place, and keeps it in it.

    Receives LinkUp, LinkDown and HostMoves from its links, GuestCame from its gateway, Guest, GuestSaid and GuestGone
    from its sessions, KeysChanged, Released and HandOver from the supervisor. Sends Placed to the supervisor. `folder`
    is where the processes meet, `number` gives numbers to lines, and `serves` says that this process is there to be
    the host.
    """

    def __init__(
        self,
        *,
        config: Config,
        folder: Path,
        number: Callable[[], int],
        registry: Ref,
        router: Ref,
        jwt: Ref,
        supervisor: Ref,
        serves: bool = False,
    ) -> None:
        super().__init__()
        self._config = config
        self._folder = folder
        self._number = number
        self._registry = registry
        self._router = router
        self._jwt = jwt
        self._supervisor = supervisor
        self._serves = serves
        self._role = Role.LOOKING
        self._point: Rendezvous | None = None
        self._look: Timer | None = None
        self._pause = LOOK_AGAIN
        # As a guest, and on the way to it: the links that live, and the one in use.
        self._links: dict[Ref, _Linked] = {}
        self._link: Ref | None = None
        self._gone: HostEntry | None = None  # the last host that was found not to be there
        self._may_claim = config.mode != "attach"  # that is, not before there has been a host
        # As the host.
        self._entry: HostEntry | None = None
        self._is_waiting_for_lock = False
        self._gateway: Gateway | None = None
        self._sessions: dict[Ref, peers.Hello | None] = {}  # None: it has not greeted yet
        self._has_told_of_strangers = False
        self._leaving: pykka.Future[bool] | None = None
        self._successor: Ref | None = None

    def on_start(self) -> None:
        """Look for the others."""
        self.after(0.0, Look())

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Look():
                self._look_for_host()
            case LinkUp(link, shared, stays):
                self._link_up(link, shared, stays)
            case LinkDown():
                self._link_down(message)
            case HostMoves(link, address, key):
                self._host_moves(link, address, key)
            case Released(link):
                self._close_link(link)
            case GuestCame(connection):
                self._let_in(connection)
            case Guest(session, hello):
                self._sessions[session] = hello
                tell(session, ShareWith(self._share(hello), self._serves))
            case GuestSaid(session, said):
                self._heed(session, said)
            case GuestGone(session, stranger):
                self._guest_gone(session, stranger)
            case KeysChanged():
                self._keys_changed()
            case HandOver(done):
                self._leaving = done
                self._find_successor()
            case SuccessorOverdue():
                if self._entry is not None:
                    self._left(in_order=False)  # the guests settle it among themselves
            case TryLock():
                self._try_lock()
            case CheckPlace():
                self._check_place()
            case GetHealth():
                return MembershipHealth(self._role.value, len(self._sessions))
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Leave the place: nobody finds this process any more, and those that it served look for another host."""
        self._close_gateway()
        for session in list(self._sessions):
            stop_and_join(session, STOP_TIMEOUT)
        self._sessions.clear()
        for link in list(self._links):
            stop_and_join(link, STOP_TIMEOUT)
        self._links.clear()
        if self._point is not None:
            self._point.unlock()
        self._left(in_order=False)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed("seat", self.actor_ref, error))

    # --- finding a place

    @property
    def _rendezvous(self) -> Rendezvous:
        if self._point is None:
            self._point = Rendezvous(self._folder, self._config.url)
        return self._point

    def _look_for_host(self) -> None:
        self._look = None
        try:
            entry = self._rendezvous.find_host()
        except ConfigError as exc:  # the folder is not as it was when the engine was started
            self._stay_alone(exc)
            return
        if entry is None or entry in (self._gone, self._entry):
            self._claim()
        else:
            self._go_to(entry)

    def _look_again(self) -> None:
        """Somebody has the lock: the host that could not be reached, or one that is not ready yet."""
        self._gone = None
        if self._look is None:
            # At random, since all that lost the same host look for the next one at the same time.
            self._look = self.after(self._pause * random.uniform(0.5, 1.0), Look())  # noqa: S311
            self._pause = min(LOOK_AGAIN_MAX, self._pause * 2)

    def _claim(self) -> None:
        """Become the host if nobody else is, or is about to be."""
        try:
            self._try_claim()
        except (OSError, ConfigError) as exc:
            self._stay_alone(ConfigError(f"cannot share connections with other processes: {exc}"))

    def _try_claim(self) -> None:
        if not self._may_claim:
            text = "mode='attach' (WEBSOCKET_V6_MODE) needs a host, and no process of this user is one for "
            text += f"{self._config.url}: start one (websocket-v6 serve), or use mode auto"
            self._place(Role.EMBEDDED, error=ConfigError(text))
            return
        if not self._rendezvous.try_lock():
            self._look_again()
            return
        entry = self._rendezvous.find_host()
        if entry is not None and entry not in (self._gone, self._entry):
            self._go_to(entry)  # the lock is let go of once that host has answered
        else:
            self._become_host()

    def _become_host(self) -> bool:
        """Listen, and say so; False if that cannot be."""
        try:
            entry = self._rendezvous.new_entry()
            self._gateway = Gateway(entry.address, self.actor_ref)
            self._gateway.start()
            self._rendezvous.announce(entry)
        except (OSError, ConfigError) as exc:
            self._close_gateway()
            self._rendezvous.unlock()
            self._stay_alone(ConfigError(f"cannot share connections with other processes: {exc}"))
            return False
        self._entry = entry
        with contextlib.suppress(OSError, ConfigError):  # a kindness, no more
            self._rendezvous.sweep_dead()
        self._place(Role.HOST)
        self.after(CHECK_INTERVAL, CheckPlace())
        return True

    def _stay_alone(self, error: WebSocketV6Error) -> None:
        logger.warning("this process shares no connections with others: %s", error)
        self._place(Role.EMBEDDED, error=error)

    def _place(
        self,
        role: Role,
        link: Ref | None = None,
        shared: Mapping[str, int] = MappingProxyType({}),
        error: WebSocketV6Error | None = None,
    ) -> None:
        self._role = role
        self._pause = LOOK_AGAIN
        tell(self._supervisor, Placed(role, link, shared, error, self.actor_ref))

    # --- as a guest

    def _go_to(self, entry: HostEntry) -> None:
        lines = {endpoint: self._number() for endpoint in ENDPOINTS}
        link = Link.start(
            entry=entry,
            keys=self._fingerprint(entry.key),
            lines=lines,
            registry=self._registry,
            router=self._router,
            owner=self.actor_ref,
        )
        self._links[link] = _Linked(entry, lines)

    def _link_up(self, link: Ref, shared: tuple[str, ...], stays: bool) -> None:
        linked = self._links.get(link)
        if linked is None:
            return
        self._gone = None
        self._may_claim = True
        self._rendezvous.unlock()
        if self._serves and not stays:
            self._succeed(link)
            self._close_link(link)
            return
        self._link = link
        self._place(Role.GUEST, link, {endpoint: linked.lines[endpoint] for endpoint in shared})

    def _link_down(self, down: LinkDown) -> None:
        linked = self._links.pop(down.link, None)
        if linked is None:
            return
        entry = linked.entry
        was_in_use = down.link == self._link
        if was_in_use:
            self._link = None
        if self._role is Role.HOST:
            if self._entry is None:  # it was to be a guest of another, which is not there
                self._gone = entry
                self._claim()
            return
        if self._link is not None or self._links:
            return  # there is another, or will be
        if was_in_use:
            logger.info("%s", down.error)
            self._place(Role.LOOKING)
        if not down.retry:
            self._rendezvous.unlock()
            self._stay_alone(down.error)
            return
        self._gone = entry
        if down.is_hung:
            logger.warning("%s; this process takes its place", down.error)
            self._rendezvous.oust(entry)
        self._claim()

    def _host_moves(self, link: Ref, address: str, key: bytes) -> None:
        if link != self._link:
            return
        if not address:
            self._succeed(link)
            return
        announced = self._rendezvous.find_host()
        pid = announced.pid if announced is not None and announced.address == address else 0
        self._go_to(HostEntry(address, key, pid))

    def _close_link(self, link: Ref) -> None:
        if self._links.pop(link, None) is None:
            return
        if link == self._link:
            self._link = None
        with contextlib.suppress(pykka.ActorDeadError):
            link.stop(block=False)

    # --- as the host

    def _succeed(self, link: Ref) -> None:
        """Take over from the host at the other end of `link`, which still serves everyone."""
        if self._become_host() and self._entry is not None:
            tell(link, Say(peers.LetMeHost(self._entry.address, self._entry.key)))
            self._try_lock()

    def _try_lock(self) -> None:
        """Get the lock from the host before this one, which lets go of it when it has heard."""
        if self._role is Role.HOST and self._entry is not None:
            self._is_waiting_for_lock = not self._rendezvous.try_lock()
            if self._is_waiting_for_lock:
                self.after(LOCK_RETRY, TryLock())

    def _let_in(self, connection: "Connection[bytes, bytes]") -> None:
        if self._entry is None or len(self._sessions) >= MAX_GUESTS:
            connection.close()
            return
        session = Session.start(
            connection=connection,
            key=self._entry.key,
            region=self._config.region,
            registry=self._registry,
            owner=self.actor_ref,
        )
        self._sessions[session] = None

    def _share(self, hello: peers.Hello) -> tuple[peers.Endpoint, ...]:
        """Return the endpoints that a guest may use: what needs keys only with the same keys."""
        own = b"" if self._entry is None else self._fingerprint(self._entry.key)
        return ("public", "private", "info") if own and hmac.compare_digest(own, hello.keys) else ("public",)

    def _heed(self, session: Ref, said: peers.LetMeHost | peers.Keys) -> None:
        hello = self._sessions.get(session)
        if hello is None:
            return
        match said:
            case peers.Keys(keys):
                hello = self._sessions[session] = msgspec.structs.replace(hello, keys=keys)
                tell(session, ShareWith(self._share(hello), self._serves))
            case peers.LetMeHost(address, key) if self._entry is not None and (self._leaving or not self._serves):
                self._hand_over(session, HostEntry(address, key, hello.pid))

    def _hand_over(self, successor: Ref, entry: HostEntry) -> None:
        """Send everyone to the new host, and go there too unless this process is leaving."""
        logger.info("process %d is the host now", entry.pid)
        self._successor = successor
        for session in self._sessions:
            if session != successor:
                tell(session, SendGuest(peers.Host(entry.address, entry.key)))
        self._close_gateway()
        self._rendezvous.unlock()
        if self._leaving is None:
            self._go_to(entry)

    def _find_successor(self) -> None:
        greeted = [session for session, hello in self._sessions.items() if hello is not None]
        if self._role is Role.HOST and self._entry is not None and greeted:
            self._successor = greeted[0]
            tell(self._successor, SendGuest(peers.Host("", b"")))
            self.after(SUCCESSION, SuccessorOverdue())
        elif not greeted:
            self._left(in_order=True)

    def _left(self, *, in_order: bool) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.set(in_order)

    def _guest_gone(self, session: Ref, stranger: str) -> None:
        if self._sessions.pop(session, None) is None and stranger and not self._has_told_of_strangers:
            self._has_told_of_strangers = True
            logger.warning("somebody came to the pipe who is no guest, and was cut off: %s; said only once", stranger)
        if self._leaving is not None and (session == self._successor or not self._sessions):
            self._find_successor()

    def _keys_changed(self) -> None:
        for session, hello in self._sessions.items():
            if hello is not None:
                tell(session, ShareWith(self._share(hello), self._serves))
        for link, linked in self._links.items():
            tell(link, Say(peers.Keys(self._fingerprint(linked.entry.key))))

    def _check_place(self) -> None:
        """Make room if this process was replaced, and be found again if somebody has tidied up its files."""
        entry = self._entry
        if self._role is not Role.HOST or entry is None:
            return
        announced = self._rendezvous.find_host()
        if announced not in (None, entry):
            logger.warning("process %d has taken this one's place as the host", announced.pid if announced else 0)
            self._close_gateway()
            self._rendezvous.unlock()
            for session in self._sessions:
                tell(session, Dismiss("another process is the host now", retry=True))
            self._look_for_host()
        elif self._is_waiting_for_lock or self._rendezvous.is_sound(entry):
            self.after(CHECK_INTERVAL, CheckPlace())
        else:
            logger.info("the files by which other processes find this one are gone, and made anew")
            self._close_gateway()
            self._rendezvous.unlock()
            self._claim()

    def _close_gateway(self) -> None:
        gateway, self._gateway = self._gateway, None
        entry, self._entry = self._entry, None
        if gateway is not None:
            gateway.close()
        if entry is not None:
            self._rendezvous.withdraw(entry)

    # --- small things

    def _fingerprint(self, pipe_key: bytes) -> bytes:
        try:
            return bytes(ask(self._jwt, GetFingerprint(pipe_key), ASK_TIMEOUT))
        except (pykka.ActorDeadError, pykka.Timeout):
            return b""  # it is being replaced, and this actor with it
