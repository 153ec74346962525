"""A process as the host: the guests that it serves, and the one among them that it hands over to."""

import hmac
import logging
from collections.abc import Callable
from multiprocessing.connection import Connection

import msgspec
import pykka

from websocket_v6.actors.base import stop_and_join, tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.membership import peers

from .rendezvous import HostEntry
from .session import Dismiss, SendGuest, Session, ShareWith

__all__ = ["Guests"]

logger = logging.getLogger(__name__)

MAX_GUESTS = 256
STOP_TIMEOUT = 1.0


class Guests:
    """The sessions of one process, `owner`'s. `stays`: it hands over to nobody.

    `may_serve` says whether this process knows that it is the host still.
    """

    def __init__(self, *, region: str, stays: bool, registry: Ref, owner: Ref, may_serve: Callable[[], bool]) -> None:
        self.successor: Ref | None = None  # who is to be the host, or is it already
        self.leaving: pykka.Future[bool] | None = None  # to be answered once this process may leave
        self._region = region
        self._stays = stays
        self._registry = registry
        self._owner = owner
        self._may_serve = may_serve
        self._sessions: dict[Ref, peers.Hello | None] = {}  # None: it has not greeted yet
        self._has_told_of_strangers = False

    def __len__(self) -> int:
        """Return how many there are, whether they have greeted or not."""
        return len(self._sessions)

    def let_in(self, connection: "Connection[bytes, bytes]", entry: HostEntry | None) -> None:
        """Take in whoever came to the host `entry`; nobody if this process is none, or there are too many."""
        if entry is None or len(self._sessions) >= MAX_GUESTS:
            connection.close()
            return
        session = Session.start(
            connection=connection,
            key=entry.key,
            region=self._region,
            registry=self._registry,
            owner=self._owner,
            may_serve=self._may_serve,
        )
        self._sessions[session] = None

    def greeted(self, session: Ref, hello: peers.Hello, own_keys: bytes) -> None:
        """Serve a guest; `own_keys` is the fingerprint of the keys here."""
        self._sessions[session] = hello
        self._share(session, hello, own_keys)

    def has_keys(self, session: Ref, keys: bytes, own_keys: bytes) -> None:
        """Note that a guest's keys are others now."""
        hello = self._sessions.get(session)
        if hello is not None:
            self.greeted(session, msgspec.structs.replace(hello, keys=keys), own_keys)

    def share_anew(self, own_keys: bytes) -> None:
        """Note that the keys here are others now."""
        for session, hello in self._sessions.items():
            if hello is not None:
                self._share(session, hello, own_keys)

    def _share(self, session: Ref, hello: peers.Hello, own_keys: bytes) -> None:
        """Let it use what needs no keys, and all else only with the same ones."""
        has_same = bool(own_keys) and hmac.compare_digest(own_keys, hello.keys)
        tell(session, ShareWith(("public", "private", "info") if has_same else ("public",), self._stays))

    def pid_of(self, session: Ref) -> int | None:
        """Return the number of a guest's process; `None` if it has not greeted, or is gone."""
        hello = self._sessions.get(session)
        return None if hello is None else hello.pid

    def gone(self, session: Ref, stranger: str) -> bool:
        """Forget a guest; `stranger` says why if it never greeted. True if another successor is to be found."""
        if self._sessions.pop(session, None) is None and stranger and not self._has_told_of_strangers:
            self._has_told_of_strangers = True
            logger.warning("somebody came to the pipe who is no guest, and was cut off: %s; said only once", stranger)
        return session == self.successor or not self._sessions

    @property
    def have_greeted(self) -> bool:
        """Whether there is any that has."""
        return any(hello is not None for hello in self._sessions.values())

    def ask_to_host(self) -> None:
        """Ask one that has greeted to be the host."""
        self.successor = next(session for session, hello in self._sessions.items() if hello is not None)
        tell(self.successor, SendGuest(peers.Host("", b"")))

    def left(self, *, in_order: bool) -> None:
        """Let this process leave, if it is about to."""
        leaving, self.leaving = self.leaving, None
        if leaving is not None:
            leaving.set(in_order)

    def send_to(self, successor: Ref, entry: HostEntry) -> None:
        """Send all others to the new host."""
        self.successor = successor
        for session in self._sessions:
            if session != successor:
                tell(session, SendGuest(peers.Host(entry.address, entry.key)))

    def dismiss_all(self, reason: str) -> None:
        """Send them away; they may come again."""
        for session in self._sessions:
            tell(session, Dismiss(reason, retry=True))

    def close_all(self) -> None:
        """End all sessions, and wait for that."""
        for session in list(self._sessions):
            stop_and_join(session, STOP_TIMEOUT)
        self._sessions.clear()
