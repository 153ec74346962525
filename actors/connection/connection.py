"""The connection of one endpoint: turns messages into events of its machine, and the machine's actions into calls.

What happens next is decided in `protocol/connection/machine.py`; the socket is the transport's (`transport.py`), what a
connection serves the registry's.
"""

import random
import sys
import time
import uuid
from collections.abc import Mapping, Sequence

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    KeysChanged,
    ListSubscriptions,
    OpenPart,
    Reach,
    Resign,
    SendRequest,
    Suspect,
    TransportEnded,
    TransportFailed,
    TransportOpened,
    TransportSaid,
    TransportServes,
    next_attachment,
)
from websocket_v6.actors.messages.markets import Recall, SilentCodes
from websocket_v6.actors.messages.router import SourceState
from websocket_v6.actors.messages.supervisor import Failed, Renew
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection import steps
from websocket_v6.protocol.connection.machine import TURN_HOLDS, ConnectionInheritance, ConnectionMachine, State
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.commands import End
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.exchange.requests import encode_list_subscriptions, encode_reach, encode_request
from websocket_v6.protocol.message import Message

from .pace import pace_of
from .request_limits import request_limit_of
from .request_words import RequestWords
from .sockets import Sockets

__all__ = ["Connection", "ConnectionInheritance", "Resign"]

JOIN_TIMEOUT = 2.0  # seconds for a transport to end when this actor does
ABORT_TIMEOUT = 0.5  # the same for one that was still connecting: it may hang in a name look-up
# As users see it: the rest is between the machine and its transport.
SHOWN = {
    State.QUEUED: "waiting",
    State.REOPENING: "closing",
    State.FINISHING: "closing",
    State.DONE: "idle",
}


class TimeCame(Message):
    """Something of the machine's is due."""


class PartDue(Message):
    """The turn of one more socket for `whole` has come: a TurnGiven, and void where that would be."""

    whole: int
    at: float
    blocked_until: float


class Connection(Actor):
    """Keeps one source of an endpoint connected while someone wants it.

    Receives Connect, Disconnect, SendRequest, ListSubscriptions, OpenPart, Reach and Suspect from the registry,
    KeysChanged and Resign from the supervisor, Transport* from its transports. Sends Attach, SourceState and End to the
    router, Renew to the supervisor.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        target: Target,
        config: Config,
        router: Ref,
        jwt: Ref,
        supervisor: Ref,
        inheritance: ConnectionInheritance | None = None,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._source = source
        self._config = config
        self._router = router
        self._supervisor = supervisor
        self._machine = ConnectionMachine(
            endpoint=endpoint,
            target=target,
            config=config,
            random=random.random,
            new_ticket=lambda: str(uuid.uuid4()),
            inheritance=inheritance,
        )
        limit = request_limit_of(target.url)
        self._words = RequestWords(endpoint, target, limit)
        self._sockets = Sockets(
            endpoint=endpoint,
            source=source,
            target=target,
            config=config,
            limit=limit,
            owner=self.actor_ref,
            router=router,
            jwt=jwt,
        )
        self._attachment = 0  # the number of the first of them
        self._serves = 0  # the attachment that it brings data of: the same, but a door may begin many, or none
        self._shown = ""  # how a door says that its connection stands
        self._types: Sequence[Mapping[str, object]] = ()  # what is wanted, for a door that must know it beforehand
        self._timer: Timer | None = None
        self._timer_due: float | None = None
        self._asleep = _asleep()
        self._left: ConnectionInheritance | None = None  # for a successor, once it is closed

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect(_, types):
                self._types = types
                self._handle(steps.Wanted())
            case Recall() | SilentCodes():
                pass  # who is behind the door knows by itself
            case Disconnect(_, linger):
                self._handle(steps.Unwanted(linger))
            case SendRequest():
                self._send_request(message)
            case OpenPart(_, attachment):
                self._await_turn(attachment)
            case PartDue():
                self._open_part(message)
            case ListSubscriptions(_, ticket, attachment):
                self._send(encode_list_subscriptions(ticket, self._config.format), attachment, ticket)
            case TransportOpened() | TransportServes() | TransportSaid() | TransportFailed() | TransportEnded():
                self._hear(message)
            case Suspect(_, attachment, reason):
                if attachment == self._serves != 0:
                    self._handle(steps.Suspected(reason))
            case Reach(endpoint):
                if endpoint == self._endpoint:
                    self._ask_for_sign()
            case TimeCame():
                self._time_came()
            case KeysChanged(generation):
                self._handle(steps.NewKeys(generation))
            case Resign(reason):
                if reason:
                    self._end_serving(reason)
                self.close()
                return self._left
            case GetHealth():
                return (self._health(),)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the transport and wait for its thread; one that does not end is written off."""
        if self._left is None:
            self._left = self._machine.inheritance()
        is_connecting = self._machine.state is State.CONNECTING
        self._handle(steps.Finish())
        if not self._sockets.join(ABORT_TIMEOUT if is_connecting else JOIN_TIMEOUT):
            self._abandon("it did not end with its engine")

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and what the successor begins with."""
        tell(self._supervisor, Failed(self._endpoint, self.actor_ref, error, self._left))

    def inheritance(self) -> ConnectionInheritance:
        return self._left or self._machine.inheritance()

    def give_up(self) -> None:
        """End the transport as well, which may go on although this one hangs."""
        super().give_up()
        self._sockets.abort()

    def _send_request(self, message: SendRequest) -> None:
        text = encode_request(str(uuid.uuid4()), message.types, self._config.format)
        self._words.sent(self._sockets.sizes_of(self._socket_of(message.attachment)), text, message.types)
        self._send(text, message.attachment)

    # --- to the machine and from it

    def _handle(self, event: steps.Event) -> None:
        for action in self._machine.handle(event, time.monotonic()):
            self._do(action)
        self._set_timer()

    def _do(self, action: steps.Action) -> None:
        sockets = self._sockets
        match action:
            case steps.OpenTransport():
                self._open()
            case steps.FinishTransport(error, is_stalled):
                sockets.finish(error, is_stalled=is_stalled)
            case steps.AbortTransport():
                sockets.abort()
            case steps.AbandonTransport(reason):
                self._abandon(reason)
            case steps.SendPing():
                sockets.ping()
            case steps.SendQuestion(ticket):
                # Past the registry's pace: one in a long silence stays within what the exchange allows.
                if self._serves:
                    sockets.send(encode_list_subscriptions(ticket, self._config.format), ticket)
            case steps.TakeTurn():
                pace = pace_of(self._machine.target.url)
                blocked_until = pace.blocked_until
                self._handle(steps.TurnGiven(pace.reserve(time.monotonic()), blocked_until))
            case steps.BlockPace(until):
                pace_of(self._machine.target.url).block(until)
            case steps.Renew(why):
                tell(self._supervisor, Renew(self.actor_ref, why))
            case steps.Tell(state, error):
                self._tell(state, error)

    def _hear(
        self, message: TransportOpened | TransportServes | TransportSaid | TransportFailed | TransportEnded
    ) -> None:
        if message.attachment not in self._sockets:
            if isinstance(message, TransportOpened):
                self._sockets.hear_abandoned(message.attachment)
            return
        match message:
            case TransportOpened(attachment, keys) if attachment == self._attachment:
                self._handle(steps.Opened(keys))
                self._ask_door()
            case TransportOpened():
                pass  # a part: the registry goes on from here
            case TransportServes(_, serves, state):
                self._serves, self._shown = serves, state
            case TransportSaid(attachment, SubscriptionList(ticket, _)):
                if self._sockets.answered(ticket, attachment):
                    self._handle(steps.Answered(ticket))
            case TransportSaid(attachment, ErrorNotice(name, text)):
                if sizes := self._sockets.sizes_of(attachment):
                    sizes.explained()
                self._handle(steps.Said(name, text))
            case TransportFailed(attachment, error, keys):
                self._gone(attachment, error, steps.Failed(error, keys))
            case TransportEnded(attachment, error):
                if self._machine.state is State.OPEN:  # else it was told to end
                    error = self._words.ended(self._sockets.sizes_of(attachment), error)
                self._gone(attachment, error, steps.Ended(error))

    def _gone(self, number: int, error: WebSocketV6Error, end: steps.Failed | steps.Ended) -> None:
        """Do without one socket; it is the end once all are gone, for with one of them all go."""
        self._sockets.remove(number)
        if self._sockets:
            self._handle(steps.PartLost(error))
        else:
            self._forget_transport()
            self._handle(end)

    def _time_came(self) -> None:
        self._timer = self._timer_due = None
        for number, transport in self._sockets:
            if not transport.is_alive():  # if it has said so, this comes too late to count
                error = TransportError(f"the thread of the {self._endpoint} connection ended without a word")
                self._end_serving(str(error))
                tell(self.actor_ref, TransportEnded(number, error, is_bug=True))
        before, self._asleep = self._asleep, _asleep()
        slept, blocked_until = max(0.0, self._asleep - before), pace_of(self._machine.target.url).blocked_until
        self._handle(steps.Due(self._sockets.sample(), slept, blocked_until, self._sockets.stuck()))

    def _set_timer(self) -> None:
        due = self._machine.next_due
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else self.after(due - time.monotonic(), TimeCame())

    # --- the transport

    def _open(self) -> None:
        self._attachment = attachment = next_attachment()
        self._tell("connecting")
        self._begin(attachment)

    def _begin(self, number: int, whole: int = 0) -> None:
        target = self._machine.target
        try:
            self._sockets.open(number, whole)
            if not target.is_door:
                self._serves = whole or number
        except (OSError, RuntimeError, MemoryError) as exc:  # no more descriptors or threads: as if it were refused
            text = f"cannot connect to the {self._endpoint} endpoint {target.url}: {exc}"
            tell(self.actor_ref, TransportFailed(number, TransportError(text), 0))

    def _await_turn(self, whole: int) -> None:
        """Take a turn for one more socket, unless the attachment is another now."""
        if whole == self._serves != 0:
            pace = pace_of(self._machine.target.url)
            blocked_until, at = pace.blocked_until, pace.reserve(time.monotonic())
            self.after(max(0.0, at - time.monotonic()), PartDue(whole, at, blocked_until))

    def _open_part(self, due: PartDue) -> None:
        is_late = time.monotonic() - due.at > TURN_HOLDS
        if is_late or pace_of(self._machine.target.url).blocked_until > due.blocked_until:
            self._await_turn(due.whole)
        elif due.whole == self._serves and self._machine.state is State.OPEN:
            self._begin(next_attachment(), due.whole)

    def _ask_door(self) -> None:
        """Say at once what is wanted: a host connects only for that, and says then that it is open."""
        if self._machine.target.is_door and self._types:
            self._sockets.send(encode_request(str(uuid.uuid4()), self._types, self._config.format))

    def _forget_transport(self) -> None:
        self._attachment, self._serves, self._shown = 0, 0, ""

    def _abandon(self, reason: str) -> None:
        self._sockets.abandon()
        self._end_serving(reason)
        self._forget_transport()

    def _end_serving(self, reason: str) -> None:
        if self._serves:
            tell(self._router, End(self._serves, reason))

    def _socket_of(self, attachment: int) -> int:
        """Return the number of the socket that brings an attachment, or a part of it; 0 if none does."""
        if attachment == self._serves != 0:
            return self._attachment  # another one, if it is a door's
        return attachment if self._machine.target.splits else 0

    def _send(self, text: str, attachment: int, ticket: str = "") -> None:
        """Send what is for this attachment; of one that has ended it is void, for the next is asked anew."""
        transport = self._sockets.get(self._socket_of(attachment))
        if transport is not None and self._machine.state is State.OPEN:
            transport.send(text, ticket)

    def _ask_for_sign(self) -> None:
        """Have the peer say something that comes behind all that it has sent: the exchange a pong, a host an answer."""
        if self._machine.state is State.OPEN and self._serves:
            if self._machine.target.is_door:
                self._sockets.send(encode_reach())
            else:
                self._sockets.ping()

    # --- telling

    def _tell(self, state: str, error: WebSocketV6Error | None = None) -> None:
        reason = "" if error is None else str(error)
        # The machine has decided all that follows from what is told.
        due = None if error is None else self._machine.next_due
        retry_in = None if due is None else max(0.0, due - time.monotonic())
        tell(self._router, SourceState(self._endpoint, self._source, state, time.time_ns(), reason, error, retry_in))

    def _health(self) -> object:
        with no_fork():
            from .health import ConnectionHealth
        machine, parts = self._machine, self._sockets.parts
        is_open = machine.state is State.OPEN
        shown = SHOWN.get(machine.state, machine.state.value)
        if is_open and machine.target.is_door:
            shown = self._shown or "connecting"
            is_open = shown == "open"
        return ConnectionHealth(
            self._endpoint,
            self._source,
            shown,
            0,
            time.monotonic() - machine.opened_at if is_open else 0.0,
            machine.reconnects,
            sum(part.request_bytes for part in parts),
            "" if machine.error is None else str(machine.error),
            False,
            *self._sockets.traffic,
            codes=sum(part.codes for part in parts),
            parts=parts,
        )


def _asleep() -> float:
    """Return seconds that grow only while this machine is suspended, when its monotonic clock stands still."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    # The wall clock may also have been set; who asks the peer at once whether it is still there has lost nothing.
    return time.time() - time.monotonic()
