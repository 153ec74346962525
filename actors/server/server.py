"""A host's door: takes in guests, reads what they say, drains and closes them; what they get the router sends.

One thread waits for all sockets and for messages, and for nothing else: nothing here asks, and nothing waits for a
client. A client that reads too slowly has a budget; when that is used up its process is cut off, and told why.
"""

import itertools
import logging
import os
import selectors
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, cast

from websocket_v6.actors.base import Actor, TimedInbox, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.forks import in_child
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.router import Beat
from websocket_v6.actors.messages.server import (
    Beaten,
    CloseMember,
    Confirm,
    Dismiss,
    DoorDoubts,
    DoorFailed,
    DoorOpened,
    Doubt,
    NameMember,
    SayToMember,
    ShareWith,
)
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.membership.patience import Patience, Pauses, Verdict
from websocket_v6.protocol.server.guest_entrance import Refusal, enter
from websocket_v6.protocol.server.request_reading import MAX_GUEST_REQUEST
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Violation
from websocket_v6.protocol.websocket.outgoing import BINARY, PONG, close_frame, frame
from websocket_v6.protocol.websocket.server_handshake import BadRequest, read_head, refuse

from .client import Client, Stage
from .guest_mouth import GuestMouth
from .listening import Listener, most_clients, peer_of
from .outlet import Account, Outlet
from .selector_inbox import SelectorInbox, SocketReady
from .sending import sender_of
from .sessions import CutOff, GuestSession, MemberSession

__all__ = ["ClientHealth", "Server", "ServerHealth"]

logger = logging.getLogger(__name__)

CHUNK = 64 * 1024  # bytes that are read of a client in one turn
LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still itself
STALE = 5.0  # seconds without a look after which nothing is sent until the owner confirms that this is the host
HANDSHAKE = 5.0  # seconds for a handshake
CLOSING = 1.0  # seconds for the last frame to be sent, and the peer's to come
BEAT = 5.0  # seconds between two questions to the router whether it is there
DEAD = 15.0  # seconds without its answer until nobody is served any more
BUDGET = 64 * 1024 * 1024  # bytes that may wait for one process
KEYS_CHANGED = 4403  # close codes of ours (RFC 6455, 7.4.2)
TOO_SLOW = 4408
LEFT = "it hung up"


class ClientHealth(NamedTuple):
    """One member, with all its sockets."""

    name: str
    pid: int
    endpoints: tuple[str, ...]
    queued_bytes: int


class ServerHealth(NamedTuple):
    """Who is served, and how many were cut off because they were too slow."""

    members: tuple[ClientHealth, ...]
    cut_off: int


class Behind(NamedTuple):
    """The router could not send all to this client, or too much waits for it."""

    client: int


class LeaseRefused(NamedTuple):
    """The registry has ended this lease of a client."""

    client: int
    lease: int


class LookAround(NamedTuple):
    """Has this process run all the time? Whose deadline is over?"""


class BeatDue(NamedTuple):
    """Time to ask the router whether it is there."""
'''


class Member:
    """A process that is served. `endpoints` are those it may have."""

    def __init__(self, client: int, name: str) -> None:
        self.client = client
        self.name = name
        self.endpoints: tuple[str, ...] = ()
        self.account = Account(BUDGET)


class Server(Actor):
    """Serves the processes that hold `key` at `address`; `term` counts the titles of hosts.

    Receives SayToMember, CloseMember, NameMember, ShareWith, Dismiss, Doubt and Confirm from its owner. Sends
    DoorOpened or DoorFailed, Member* and DoorDoubts to its owner, Watch, Subscribe, Unsubscribe, AskExchange and
    ComponentGone to the registry, Beat to the router.
    """

    actor_inbox: SelectorInbox
    _numbers: ClassVar[Iterator[int]] = itertools.count(1)

    @staticmethod
    def _create_actor_inbox() -> TimedInbox:
        return SelectorInbox()

    def __init__(
        self, *, config: Config, address: str, key: bytes, term: int, registry: Ref, router: Ref, owner: Ref
    ) -> None:
        super().__init__()
        self._region = config.region
        self._address = address
        self._key = key
        self._term = term
        self._registry = registry
        self._router = router
        self._owner = owner
        self._listener: Listener | None = None
        self._most = most_clients()
        self._clients: dict[int, Client] = {}
        self._members: dict[str, Member] = {}  # by the name they were given
        self._mouth = GuestMouth(backfills=config.backfill, stale_after=STALE, refused=self._lease_refused)
        self._strangers = Account(BUDGET)  # what waits for those that are no members yet
        self._is_dismissed = False
        self._cut_off = 0
        now = clock()
        self._pauses = Pauses(STALE / 2, now)
        self._router_is_due = Patience(DEAD, LOOK, now)
        self._beaten_at = now
        self._has_told_of_strangers = False
        in_child(self)

    def on_start(self) -> None:
        """Begin to listen."""
        try:
            self._listener = Listener(self._address)
        except OSError as exc:
            tell(self._owner, DoorFailed(self.actor_ref, str(exc)))
            self.stop()
            return
        self._selector.register(self._listener.socket, selectors.EVENT_READ, None)
        self.after(LOOK, LookAround())
        self.after(0.0, BeatDue())
        tell(self._owner, DoorOpened(self.actor_ref, self._listener.address))

    @property
    def _selector(self) -> selectors.BaseSelector:
        return self.actor_inbox.selector

    def on_receive(self, message: object) -> object:
        """Handle one message, after a look at the clock: another process may be the host since this one stood still."""
        self._look_at_clock()
        match message:
            case SocketReady(None, _):
                self._accept()
            case SocketReady(number, events):
                self._ready(cast(int, number), events)
            case Behind(number):
                self._behind(number)
            case LeaseRefused(number, lease):
                client = self._clients.get(number)
                if client is not None and isinstance(client.session, GuestSession):
                    client.session.refused(lease)
            case Beaten():
                self._beaten_at = clock()
            case BeatDue():
                tell(self._router, Beat(self.actor_ref))
                self.after(BEAT, BeatDue())
            case LookAround():
                self._look_around()
            case GetHealth():
                return self._health()
            case _:
                return self._obey(message)
        return None

    def _obey(self, message: object) -> object:
        match message:
            case SayToMember(number, data):
                client = self._clients.get(number)
                if client is not None:
                    client.outlet.add(frame(BINARY, data))
                    self._watch(client)
            case CloseMember(number, code, reason):
                self._close_member(number, code, reason)
            case NameMember(number, member, name):
                self._name(number, member, name)
            case ShareWith(member, endpoints):
                self._share(member, endpoints)
            case Dismiss(code, reason):
                self._dismiss(code, reason)
            case Doubt():
                self._mouth.is_in_doubt = True
            case Confirm(term):
                self._confirm(term)
            case _:
                return super().on_receive(message)
        return None

    def close(self) -> None:
        """Close all sockets."""
        for client in list(self._clients.values()):
            self._gone(client, "the door is closed")
        if self._listener is not None:
            self._listener.close()
        self.actor_inbox.close()

    def _after_fork(self) -> None:
        if self._listener is not None:
            self._listener.abandon()
        for client in self._clients.values():
            client.sock.close()

    # --- who comes

    def _accept(self) -> None:
        if self._listener is None or self._mouth.is_in_doubt:
            return
        for sock in self._listener.accept():
            peer = peer_of(sock)
            if len(self._clients) >= self._most or self._is_dismissed or (peer and peer[1] != _own_user()):
                sock.close()
                continue
            number = next(self._numbers)
            outlet = Outlet(sock, sender_of(sock), self._strangers, self._caller(number))
            way = Way(number, self._mouth)
            self._clients[number] = Client(number, sock, outlet, way, peer[0] if peer else 0, clock() + HANDSHAKE)
            self._selector.register(sock, selectors.EVENT_READ, number)

    def _caller(self, number: int) -> Callable[[], object]:
        ref = self.actor_ref
        return lambda: tell(ref, Behind(number))

    def _shake_hands(self, client: Client, data: bytes) -> None:
        client.received += data
        try:
            found = read_head(client.received)
        except BadRequest as exc:
            self._refuse(client, exc.reason, refuse(exc.status, headers=exc.headers))
            return
        if found is None:
            return
        head, size = found
        if self._is_dismissed or self._mouth.is_in_doubt:
            self._refuse(client, "this host does not serve now", refuse(503))
            return
        shared = {name: member.endpoints for name, member in self._members.items()}
        entered = enter(head, key=self._key, term=self._term, shared=shared)
        if isinstance(entered, Refusal):
            self._refuse(client, entered.reason, entered.response)
            return
        rest = bytes(client.received[size:])
        client.received.clear()
        client.stage, client.deadline = Stage.OPEN, None
        client.decoder = FrameDecoder(masked=True, max_message_bytes=MAX_GUEST_REQUEST)
        client.outlet.say(entered.response)
        if entered.endpoint:
            self._open(client, entered.endpoint, entered.member)
        else:
            client.session = MemberSession(client.number, client.pid, self._owner)
        self._watch(client)
        if rest:
            self._read(client, rest)

    def _open(self, client: Client, endpoint: str, name: str) -> None:
        member = self._members[name]
        client.member, client.name = name, member.name
        client.outlet.account = member.account
        self._mouth.outlets[client.number] = client.outlet
        client.session = GuestSession(
            client.way, endpoint, member.name, region=self._region, registry=self._registry, say=client.outlet.add
        )

    def _refuse(self, client: Client, reason: str, response: bytes) -> None:
        if not self._has_told_of_strangers:
            self._has_told_of_strangers = True
            logger.warning("somebody came to the door who cannot be served: %s; said only once", reason)
        self._finish(client, response, reason)

    # --- what they say

    def _ready(self, number: int, events: int) -> None:
        client = self._clients.get(number)
        if client is None:
            return
        if events & selectors.EVENT_WRITE:
            self._send_on(client)
        if events & selectors.EVENT_READ and number in self._clients:
            try:
                data = client.sock.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._gone(client, LEFT)
            elif client.stage is Stage.HANDSHAKE:
                self._shake_hands(client, data)
            elif client.stage is Stage.OPEN:
                self._read(client, data)

    def _read(self, client: Client, data: bytes) -> None:
        decoder, session = client.decoder, client.session
        if decoder is None or session is None:
            return
        try:
            for message in decoder.receive(data):
                session.heard(message)
        except CutOff as exc:
            self._cut(client, exc.code, exc.reason)
            return
        controls, decoder.controls = decoder.controls, []
        for control in controls:
            match control:
                case Ping(payload):
                    client.outlet.say(frame(PONG, payload))
                case Closed(code, reason):
                    self._finish(client, close_frame(1000 if code == 1005 else code), reason or LEFT)
                    return
                case Violation(code, reason):
                    self._cut(client, code, reason)
                    return
                case _:
                    pass
        self._watch(client)

    # --- what they get

    def _behind(self, number: int) -> None:
        client = self._clients.get(number)
        if client is None:
            return
        if client.outlet.is_exceeded and client.stage is Stage.OPEN:
            self._cut_off += 1
            text = f"it took data too slowly: more than {BUDGET} bytes waited for it; it may come again"
            logger.warning("%s is cut off: %s", client.name, text)
            for one in self._of_member(client):
                self._finish(one, close_frame(TOO_SLOW, text), text)
        elif not self._mouth.is_in_doubt:
            self._send_on(client)

    def _send_on(self, client: Client) -> None:
        if client.outlet.catch_up() and client.stage is Stage.CLOSING:
            self._end_sending(client)
        elif client.number in self._clients:
            self._watch(client)

    def _watch(self, client: Client) -> None:
        """Hear of room to send if something waits for it."""
        is_behind = client.outlet.is_behind and not self._mouth.is_in_doubt
        if client.number in self._clients and is_behind != client.is_watched:
            client.is_watched = is_behind
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_behind else 0)
            self._selector.modify(client.sock, events, client.number)

    # --- their end

    def _cut(self, client: Client, code: int, reason: str) -> None:
        logger.warning("%s is cut off: %s", client.name, reason)
        self._finish(client, close_frame(code, reason), reason)

    def _finish(self, client: Client, last: bytes, reason: str) -> None:
        """Send the last, and what was begun before it; then close, or when the other does, or after a while."""
        if client.stage is Stage.CLOSING:
            return
        self._leave(client, reason)
        client.stage, client.deadline = Stage.CLOSING, clock() + CLOSING
        if client.outlet.finish(last):
            self._end_sending(client)
        else:
            client.outlet.is_behind = True
            self._watch(client)

    def _end_sending(self, client: Client) -> None:
        with suppress(OSError):
            client.sock.shutdown(1)  # SHUT_WR: it reads all, and hangs up then
        client.outlet.is_behind = False
        self._watch(client)

    def _leave(self, client: Client, reason: str) -> None:
        """Have nothing more brought for it."""
        self._mouth.outlets.pop(client.number, None)
        session, client.session = client.session, None
        if session is not None:
            session.closed(reason)
        for name in [name for name, member in self._members.items() if member.client == client.number]:
            del self._members[name]
            for one in [one for one in self._clients.values() if one.member == name]:
                self._finish(one, close_frame(1001, reason), reason)

    def _gone(self, client: Client, reason: str) -> None:
        if self._clients.pop(client.number, None) is None:
            return
        self._leave(client, reason)
        with suppress(KeyError, ValueError):
            self._selector.unregister(client.sock)
        client.outlet.close()

    def _of_member(self, client: Client) -> list[Client]:
        """Return all data sockets of the process that this one is of."""
        return [one for one in self._clients.values() if one.member == client.member]

    # --- the owner's

    def _name(self, number: int, member: str, name: str) -> None:
        client = self._clients.get(number)
        if client is not None:
            client.name = name or client.name
            self._members[member] = Member(number, client.name)

    def _share(self, name: str, endpoints: tuple[str, ...]) -> None:
        member = self._members.get(name)
        if member is None:
            return
        member.endpoints = endpoints
        for client in list(self._clients.values()):
            session = client.session
            if client.member == name and isinstance(session, GuestSession) and session.endpoint not in endpoints:
                reason = "the keys are others now"
                self._finish(client, close_frame(KEYS_CHANGED, reason), reason)

    def _close_member(self, number: int, code: int, reason: str) -> None:
        client = self._clients.get(number)
        if client is not None:
            client.outlet.end_after_what_waits(close_frame(code, reason))
            self._linger(client, reason)

    def _dismiss(self, code: int, reason: str) -> None:
        self._is_dismissed = True
        if self._listener is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(self._listener.socket)
            self._listener.close()
        for client in list(self._clients.values()):
            if client.stage is Stage.OPEN:
                client.outlet.end_after_what_waits(close_frame(code, reason))
                self._linger(client, reason)

    def _linger(self, client: Client, reason: str) -> None:
        """Send what waits, and close when that is done, or after a while."""
        client.stage, client.deadline = Stage.CLOSING, clock() + CLOSING
        self._leave(client, reason)
        self._send_on(client)

    # --- whether it may serve

    def _look_at_clock(self) -> None:
        now = clock()
        if self._pauses.look(now):
            self._mouth.is_in_doubt = True
            tell(self._owner, DoorDoubts())
        elif not self._mouth.is_in_doubt:
            self._mouth.looked_at = now

    def _confirm(self, term: int) -> None:
        self._term = term
        self._mouth.is_in_doubt = False
        self._mouth.looked_at = clock()
        for client in list(self._clients.values()):
            if client.outlet.is_behind:
                self._send_on(client)
        self._accept()

    def _look_around(self) -> None:
        self.after(LOOK, LookAround())
        now = clock()
        if self._router_is_due.look(now, self._beaten_at) is Verdict.SILENT and not self._is_dismissed:
            logger.error("this process serves nobody any more: its router has not answered for %g s", DEAD)
            self._dismiss(1011, "the router of this host does not answer")
        for client in list(self._clients.values()):
            if client.deadline is not None and now > client.deadline:
                self._gone(client, "it took too long")

    def _lease_refused(self, number: int, lease: int) -> None:
        tell(self.actor_ref, LeaseRefused(number, lease))

    def _health(self) -> ServerHealth:
        members = []
        for name, member in self._members.items():
            sessions = [one.session for one in self._clients.values() if one.member == name]
            endpoints = tuple(sorted(one.endpoint for one in sessions if isinstance(one, GuestSession)))
            client: Any = self._clients.get(member.client)
            members.append(ClientHealth(member.name, client.pid if client else 0, endpoints, member.account.queued))
        return ServerHealth(tuple(members), self._cut_off)


def _own_user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
