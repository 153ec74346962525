"""What the servers of guests and of the network have in common: a listener, sockets, and the router behind them.

One thread waits for all sockets and for messages, and for nothing else: nothing here asks, and nothing waits for a
client. A server answers for the engine behind it: while the router does not answer, nobody is served.
"""

import logging
import selectors
from contextlib import suppress
from typing import cast

from websocket_v6.actors.base import Actor, TimedInbox, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.forks import in_child
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import Beat, Beaten
from websocket_v6.actors.messages.server import Dismiss
from websocket_v6.actors.messages.supervisor import DoorFailed, DoorOpened
from websocket_v6.actors.ways import Mouth
from websocket_v6.protocol.membership.patience import Patience, Verdict
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.shortages import remedy
from websocket_v6.protocol.telling import Tellings
from websocket_v6.protocol.websocket.outgoing import close_frame
from websocket_v6.protocol.websocket.server_handshake import Head

from .listening import Listener, most_clients
from .selector_inbox import SelectorInbox, SocketReady
from .server_client import Client, Session, Stage
from .sockets import Sockets

__all__ = ["BaseServer"]

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still itself
BEAT = 5.0  # seconds between two questions to the router whether it is there
DEAD = 15.0  # seconds without its answer until nobody is served any more


class Behind(Message):
    """The router could not send all to this client, or too much waits for it."""

    client: int


class LookAround(Message):
    """Whose deadline is over?"""


class BeatDue(Message):
    """Time to ask the router whether it is there."""


class BaseServer(Actor):
    """Listens at `address`, and tells `owner` so. Subclasses are the `House` of the sockets."""

    actor_inbox: SelectorInbox

    @staticmethod
    def _create_actor_inbox() -> TimedInbox:
        return SelectorInbox()

    def __init__(self, address: str, mouth: Mouth, router: Ref, owner: Ref) -> None:
        super().__init__()
        self._address = address
        self._router = router
        self._owner = owner
        self._listener: Listener | None = None
        self._sockets = Sockets(self.actor_inbox.selector, self, mouth, self._called, most_clients())
        self._is_dismissed = False
        self._tellings = Tellings()  # of clients that are cut off
        now = clock()
        self._patience = Patience(DEAD, LOOK, now)  # with the router
        self._beaten_at = now
        in_child(self)

    def on_start(self) -> None:
        """Begin to listen."""
        try:
            self._listener = Listener(self._address)
        except OSError as exc:
            if remedy(exc):
                raise  # it says nothing of the address
            tell(self._owner, DoorFailed(self.actor_ref, exc.strerror or str(exc)))
            self.stop()
            return
        self._look_out(self._listener)
        self.after(LOOK, LookAround())
        self.after(0.0, BeatDue())
        tell(self._owner, DoorOpened(self.actor_ref, self._listener.address))

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case SocketReady(None, _):
                self._accept()
            case SocketReady(number, events):
                self._sockets.ready(cast(int, number), events)
            case Behind(number):
                client = self._sockets.get(number)
                if client is not None and client.outlet.is_exceeded and client.stage is Stage.OPEN:
                    self._too_slow(client)
                elif client is not None:
                    self._sockets.send_on(client)
            case Beaten():
                self._beaten_at = clock()
            case BeatDue():
                tell(self._router, Beat(self.actor_ref))
                self.after(BEAT, BeatDue())
            case LookAround():
                self.after(LOOK, LookAround())
                self._look_around(clock())
            case Dismiss(code, reason):
                self._dismiss(code, reason)
            case _:
                return super().on_receive(message)
        return None

    def close(self) -> None:
        """Close all sockets."""
        self._sockets.close()
        if self._listener is not None:
            self._listener.close()
        self.actor_inbox.close()

    def _after_fork(self) -> None:
        if self._listener is not None:
            self._listener.abandon()
        self._sockets.abandon()

    # --- for subclasses

    def _accept(self) -> None:
        """Take in who has come."""
        raise NotImplementedError

    def enter(self, client: Client, head: Head) -> Session | None:
        """Take a handshake."""
        raise NotImplementedError

    def left(self, client: Client, reason: str) -> None:
        """Bring nothing more for a client."""
        raise NotImplementedError

    def _too_slow(self, client: Client) -> None:
        """Cut off a client for which too much waits."""
        raise NotImplementedError

    def _look_around(self, now: float) -> None:
        """See to deadlines."""
        if self._patience.look(now, self._beaten_at) is Verdict.SILENT and not self._is_dismissed:
            logger.error("this process serves nobody any more: its router has not answered for %g s", DEAD)
            self._dismiss(1011, "the router of this host does not answer")
        self._sockets.look(now)

    # --- in common

    def cut(self, client: Client, reason: str) -> None:
        """Log that a client is closed for what it did."""
        told = self._tellings.failed(reason, clock())
        if told:
            logger.warning("%s is cut off: %s%s", client.name, reason, told)

    def _called(self, number: int) -> None:
        tell(self.actor_ref, Behind(number))

    def _look_out(self, listener: Listener) -> None:
        """Hear of who comes."""
        with suppress(KeyError):  # it does already
            self.actor_inbox.selector.register(listener.socket, selectors.EVENT_READ)

    def _look_away(self, listener: Listener) -> None:
        """Hear of nobody: who waits, and is not taken in, would keep the selector awake."""
        with suppress(KeyError, ValueError):
            self.actor_inbox.selector.unregister(listener.socket)

    def _dismiss(self, code: int, reason: str) -> None:
        """Close all sockets after what is queued, and let nobody in any more."""
        self._is_dismissed = True
        if self._listener is not None:
            self._look_away(self._listener)
            self._listener.close()
            self._listener = None
        self._say_goodbye(code, reason)

    def _say_goodbye(self, code: int, reason: str) -> None:
        for client in self._sockets:
            if client.stage is Stage.OPEN:
                self._sockets.linger(client, close_frame(code, reason), reason)
