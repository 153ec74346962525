"""A host's door: takes in guests, reads what they say, drains and closes them; what they get the router sends.

One thread waits for all sockets and for messages, and for nothing else: nothing here asks, and nothing waits for a
client. A client that reads too slowly has a budget; when that is used up its process is cut off, and told why.
"""

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from websocket_v6.actors.base import tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.server import (
    CloseMember,
    Confirm,
    DoorDoubts,
    Doubt,
    NameMember,
    SayToMember,
    ShareWith,
)
from websocket_v6.actors.messages.supervisor import DoorFailed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.membership.patience import Pauses
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.websocket.outgoing import BINARY, close_frame, frame
from websocket_v6.protocol.websocket.server_handshake import Head, refuse

from .base_server import BaseServer
from .guest_mouth import GuestMouth
from .listening import peer_of
from .outlet import Account
from .server_client import Client, Session, Stage

if TYPE_CHECKING:
    from .sessions import GuestSession

__all__ = ["ClientHealth", "Server", "ServerHealth"]

logger = logging.getLogger(__name__)

STALE = 5.0  # seconds without a look after which nothing is sent until the owner confirms that this is the host
BUDGET = 64 * 1024 * 1024  # bytes that may wait for one process
KEYS_CHANGED = 4403  # close codes of ours (RFC 6455, 7.4.2)
TOO_SLOW = 4408


class ClientHealth(NamedTuple):
    """One member, with all its sockets."""

    name: str
    pid: int
    endpoints: tuple[str, ...]
    streams: int
    delivered: int  # messages, through the sockets that are open now
    queued_bytes: int


class ServerHealth(NamedTuple):
    """Who is served, and how many were cut off because they were too slow."""

    members: tuple[ClientHealth, ...]
    cut_off: int


class LeaseRefused(Message):
    """The registry has ended this lease of a client."""

    client: int
    lease: int


class Member:
    """A process that is served. `endpoints` are those it may have."""

    def __init__(self, client: int, name: str) -> None:
        self.client = client
        self.name = name
        self.endpoints: tuple[str, ...] = ()
        self.account = Account(BUDGET)


class Server(BaseServer):
    """Serves the processes that hold `key` at `address`; `term` counts the titles of hosts.

    Receives SayToMember, CloseMember, NameMember, ShareWith, Dismiss, Doubt and Confirm from its owner. Sends
    DoorOpened or DoorFailed, Member*, StateAsked and DoorDoubts to its owner, Watch, Subscribe, Unsubscribe,
    AskExchange and ComponentGone to the registry, Beat to the router.
    """

    def __init__(
        self, *, config: Config, address: str, key: bytes, term: int, registry: Ref, router: Ref, owner: Ref
    ) -> None:
        self._mouth = GuestMouth(backfills=config.backfill, stale_after=STALE, refused=self._lease_refused)
        super().__init__(address, self._mouth, router, owner)
        self._region = config.region
        self._key = key
        self._term = term
        self._registry = registry
        self._members: dict[str, Member] = {}  # by the name they were given
        self._strangers = Account(BUDGET)  # what waits for those that are no members yet
        self._cut_off = 0
        self._pauses = Pauses(STALE / 2, clock())
        self._has_told_of_strangers = False

    def on_receive(self, message: object) -> object:
        """Handle one message, after a look at the clock: another process may be the host since this one stood still."""
        self._look_at_clock()
        match message:
            case LeaseRefused(number, lease):
                client = self._sockets.get(number)
                session = None if client is None else _guest_session(client)
                if session is not None:
                    session.refused(lease)
            case SayToMember(number, data):
                client = self._sockets.get(number)
                if client is not None:
                    client.outlet.add(frame(BINARY, data))
                    self._sockets.watch(client)
            case CloseMember(number, code, reason):
                client = self._sockets.get(number)
                if client is not None:
                    self._sockets.linger(client, close_frame(code, reason), reason)
            case NameMember(number, member, name):
                self._name(number, member, name)
            case ShareWith(member, endpoints):
                self._share(member, endpoints)
            case Doubt():
                self._doubt()
            case Confirm(term):
                self._confirm(term)
            case GetHealth():
                return self._health()
            case _:
                return super().on_receive(message)
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the owner, whose place without a door is none."""
        tell(self._owner, DoorFailed(self.actor_ref, repr(error), error))

    # --- who comes and goes

    def _accept(self) -> None:
        if self._listener is None or self._is_dismissed or self._mouth.is_in_doubt:
            return
        with no_fork():  # imported late, as all that serves: many a host has no guests
            from .sending import sender_of
        for sock in self._listener.accept():
            peer = peer_of(sock)
            if peer is not None and peer[1] != os.getuid():
                sock.close()
            else:
                self._sockets.add(sock, sender_of(sock), self._strangers, peer[0] if peer else 0)

    def enter(self, client: Client, head: Head) -> Session | None:
        """Take a handshake."""
        with no_fork():
            from websocket_v6.protocol.server.guest_entrance import Refusal, enter
            from websocket_v6.protocol.server.request_reading import MAX_GUEST_REQUEST

            from .sessions import GuestSession, MemberSession, OnlookerSession
        if self._is_dismissed or self._mouth.is_in_doubt:
            self._sockets.refuse(client, refuse(503), "this host does not serve now")
            return None
        shared = {name: member.endpoints for name, member in self._members.items()}
        entered = enter(head, key=self._key, term=self._term, shared=shared)
        if isinstance(entered, Refusal):
            self._tell_of_stranger(entered.reason)
            self._sockets.refuse(client, entered.response, entered.reason)
            return None
        self._sockets.admit(client, entered.response, MAX_GUEST_REQUEST)
        if entered.looks:
            return OnlookerSession(client.number, self._owner)
        if not entered.endpoint:
            return MemberSession(client.number, client.pid, self._owner)
        member = self._members[entered.member]
        client.member, client.name = entered.member, member.name
        client.outlet.move(member.account)
        self._mouth.outlets[client.number] = client.outlet
        return GuestSession(client, entered.endpoint, region=self._region, registry=self._registry)

    def left(self, client: Client, reason: str) -> None:
        """Bring nothing more for a client; if it is a member socket, for all sockets of that process."""
        self._mouth.outlets.pop(client.number, None)
        for name in [name for name, member in self._members.items() if member.client == client.number]:
            del self._members[name]
            for one in self._of_member(name):
                self._sockets.linger(one, close_frame(1001, reason), reason)

    def _tell_of_stranger(self, reason: str) -> None:
        if not self._has_told_of_strangers:
            self._has_told_of_strangers = True
            logger.warning("somebody came to the door who cannot be served: %s; said only once", reason)

    # --- what they get

    def _lease_refused(self, number: int, lease: int) -> None:
        tell(self.actor_ref, LeaseRefused(number, lease))

    def _too_slow(self, client: Client) -> None:
        self._cut_off += 1
        reason = f"it took data too slowly: more than {BUDGET} bytes waited for it; it may come again"
        self.cut(client, reason)
        for one in self._of_member(client.member):
            self._sockets.finish(one, close_frame(TOO_SLOW, reason), reason)

    def _of_member(self, name: str) -> list[Client]:
        """Return all data sockets of a process."""
        return [one for one in self._sockets if one.member == name]

    # --- the owner's

    def _name(self, number: int, member: str, name: str) -> None:
        client = self._sockets.get(number)
        if client is not None:
            client.name = name or client.name
            self._members[member] = Member(number, client.name)

    def _share(self, name: str, endpoints: tuple[str, ...]) -> None:
        member = self._members.get(name)
        if member is None:
            return
        member.endpoints = endpoints
        for client in self._of_member(name):
            session = _guest_session(client)
            if session is not None and session.endpoint not in endpoints:
                reason = "the keys are others now"
                self._sockets.finish(client, close_frame(KEYS_CHANGED, reason), reason)

    def _say_goodbye(self, code: int, reason: str) -> None:
        is_in_doubt = self._mouth.is_in_doubt  # another process is the host: what waits is old, and not sent
        close = self._sockets.finish if is_in_doubt else self._sockets.linger
        for client in sorted(self._sockets, key=lambda one: not one.member):  # else those go with their members
            if client.stage is Stage.OPEN:
                close(client, close_frame(code, reason), reason)
        if is_in_doubt:
            self._sockets.hold(is_held=False)

    # --- whether it may serve

    def _look_at_clock(self) -> None:
        now = clock()
        if self._pauses.look(now):
            self._doubt()
            tell(self._owner, DoorDoubts())
        elif not self._mouth.is_in_doubt:
            self._mouth.looked_at = now

    def _doubt(self) -> None:
        self._mouth.is_in_doubt = True
        self._sockets.hold(is_held=True)
        if self._listener is not None:
            self._look_away(self._listener)

    def _confirm(self, term: int) -> None:
        self._term = term
        self._mouth.is_in_doubt = False
        self._mouth.looked_at = clock()
        self._sockets.hold(is_held=False)
        if self._listener is not None:
            self._look_out(self._listener)

    def _health(self) -> ServerHealth:
        members = []
        for name, member in self._members.items():
            clients = self._of_member(name)
            sessions = [session for one in clients if (session := _guest_session(one)) is not None]
            client = self._sockets.get(member.client)
            members.append(
                ClientHealth(
                    member.name,
                    client.pid if client else 0,
                    tuple(sorted(one.endpoint for one in sessions)),
                    sum(one.streams for one in sessions),
                    sum(one.outlet.delivered for one in clients),
                    member.account.queued,
                )
            )
        return ServerHealth(tuple(members), self._cut_off)


def _guest_session(client: Client) -> "GuestSession | None":
    """Return a guest's session; `None` if the client is another one, or none yet."""
    with no_fork():
        from .sessions import GuestSession
    return client.session if isinstance(client.session, GuestSession) else None
