"""The connection of one endpoint: turns messages into events of its machine, and the machine's actions into calls.

What happens next is decided in `protocol/connection/machine.py`; the socket is the transport's (`transport.py`), what a
connection serves the registry's.
"""

import logging
import random
import sys
import time
import uuid
from collections.abc import Mapping, Sequence

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    KeysChanged,
    ListSubscriptions,
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
from websocket_v6.actors.messages.router import Attach, SourceState
from websocket_v6.actors.messages.supervisor import Failed, Renew
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection import steps
from websocket_v6.protocol.connection.machine import ConnectionInheritance, ConnectionMachine, State
from websocket_v6.protocol.connection.request_sizes import RequestSizes, codes_of
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.commands import End
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.exchange.requests import encode_list_subscriptions, encode_reach, encode_request
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.telling import Telling

from .allowance import CREDITS
from .health import ConnectionHealth
from .pace import pace_of
from .transport import Transport

__all__ = ["Connection", "ConnectionInheritance", "Resign"]

logger = logging.getLogger(__name__)

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


class Connection(Actor):
    """Keeps one source of an endpoint connected while someone wants it.

    Receives Connect, Disconnect, SendRequest, ListSubscriptions, Reach and Suspect from the registry, KeysChanged and
    Resign from the supervisor, Transport* from its transport. Sends Attach, SourceState and End to the router, Renew to
    the supervisor.
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
        self._jwt = jwt
        self._supervisor = supervisor
        self._machine = ConnectionMachine(
            endpoint=endpoint,
            target=target,
            config=config,
            random=random.random,
            new_ticket=lambda: str(uuid.uuid4()),
            inheritance=inheritance,
        )
        self._transport: Transport | None = None
        self._traffic = (0, 0)  # of transports that were
        self._attachment = 0  # the number of the transport there is
        self._serves = 0  # the attachment that it brings data of: the same, but a door may begin many, or none
        self._shown = ""  # how a door says that its connection stands
        self._types: Sequence[Mapping[str, object]] = ()  # what is wanted, for a door that must know it beforehand
        self._abandoned: dict[int, Transport] = {}  # by attachment, those whose threads may still run
        self._timer: Timer | None = None
        self._timer_due: float | None = None
        self._asleep = _asleep()
        self._sizes = RequestSizes()
        self._telling = Telling()  # of requests that may be too large
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
                text = encode_request(str(uuid.uuid4()), message.types, self._config.format)
                if message.attachment == self._serves:
                    self._note_size(len(text.encode()), codes_of(message.types))
                self._send(text, message.attachment)
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
        transport = self._transport
        if transport is None or transport.ident is None:  # it never began, and has said so
            return
        transport.join(ABORT_TIMEOUT if is_connecting else JOIN_TIMEOUT)
        if transport.is_alive():
            self._abandon(transport, "it did not end with its engine")

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and what the successor begins with."""
        tell(self._supervisor, Failed(self._endpoint, self.actor_ref, error, self._left))

    def inheritance(self) -> ConnectionInheritance:
        return self._left or self._machine.inheritance()

    def give_up(self) -> None:
        """End the transport as well, which may go on although this one hangs."""
        super().give_up()
        transport = self._transport
        if transport is not None:
            transport.abort()

    def _note_size(self, size: int, codes: int) -> None:
        """Note how large the last request is; say so the first time that it is larger than is known to be served."""
        if self._sizes.sent(size, codes, time.monotonic()) and not self._machine.target.is_door:
            text = "a request of %d bytes goes to the %s endpoint: whether the exchange takes it is not known"
            logger.warning(text, size, self._endpoint)

    def _with_size(self, error: WebSocketV6Error) -> WebSocketV6Error:
        """Return why the connection has ended, with the size of what was asked if that may be why."""
        problem = self._sizes.ended(time.monotonic())
        if not problem or self._machine.state is not State.OPEN or self._machine.target.is_door:
            return error
        told = self._telling.failed(time.monotonic())
        if told:
            logger.warning("the %s connection ended %s%s", self._endpoint, problem, told)
        return TransportError(f"{error}, {problem}")

    # --- to the machine and from it

    def _handle(self, event: steps.Event) -> None:
        for action in self._machine.handle(event, time.monotonic()):
            self._do(action)
        self._set_timer()

    def _do(self, action: steps.Action) -> None:
        transport = self._transport  # none only if opening it failed, and this actor with it
        match action:
            case steps.OpenTransport(target):
                self._open(target)
            case steps.FinishTransport(error, is_stalled) if transport is not None:
                transport.finish(error, is_stalled=is_stalled)
            case steps.AbortTransport() if transport is not None:
                transport.abort()
            case steps.AbandonTransport(reason) if transport is not None:
                self._abandon(transport, reason)
            case steps.SendPing() if transport is not None:
                transport.ping()
            case steps.SendQuestion(ticket):
                # Past the registry's pace: one in a long silence stays within what the exchange allows.
                self._send(encode_list_subscriptions(ticket, self._config.format), self._serves, ticket)
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
        if message.attachment != self._attachment:
            self._hear_abandoned(message)
            return
        match message:
            case TransportOpened(_, keys):
                self._handle(steps.Opened(keys))
                self._ask_door()
            case TransportServes(_, serves, state):
                self._serves, self._shown = serves, state
            case TransportSaid(_, SubscriptionList(ticket, _)):
                self._handle(steps.Answered(ticket))
            case TransportSaid(_, ErrorNotice(name, text)):
                self._sizes.ended(time.monotonic())  # it says itself what was wrong
                self._handle(steps.Said(name, text))
            case TransportFailed(_, error, keys):
                self._forget_transport()
                self._handle(steps.Failed(error, keys))
            case TransportEnded(_, error):
                self._forget_transport()
                self._handle(steps.Ended(self._with_size(error)))

    def _hear_abandoned(self, message: object) -> None:
        if isinstance(message, TransportOpened) and message.attachment in self._abandoned:
            self._abandoned[message.attachment].abort()

    def _time_came(self) -> None:
        self._timer = self._timer_due = None
        transport = self._transport
        if transport is not None and not transport.is_alive():  # if it has said so, this comes too late to count
            error = TransportError(f"the thread of the {self._endpoint} connection ended without a word")
            self._end_serving(str(error))
            tell(self.actor_ref, TransportEnded(self._attachment, error, is_bug=True))
        self._abandoned = {number: one for number, one in self._abandoned.items() if one.is_alive()}
        before, self._asleep = self._asleep, _asleep()
        self._handle(
            steps.Due(
                self._transport.sample() if self._transport is not None else None,
                max(0.0, self._asleep - before),
                pace_of(self._machine.target.url).blocked_until,
                len(self._abandoned),
            )
        )

    def _set_timer(self) -> None:
        due = self._machine.next_due
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else self.after(due - time.monotonic(), TimeCame())

    # --- the transport

    def _open(self, target: Target) -> None:
        self._attachment = attachment = next_attachment()
        self._tell("connecting")
        try:
            transport = Transport(
                endpoint=self._endpoint,
                source=self._source,
                attachment=attachment,
                target=target,
                config=self._config,
                owner=self.actor_ref,
                router=self._router,
                jwt=self._jwt,
            )
            if not target.is_door:  # before its thread has anything to say
                self._serves = attachment
                tell(self._router, Attach(attachment, self._endpoint, self._source, transport.credits, CREDITS))
            transport.start()
        except (OSError, RuntimeError, MemoryError) as exc:  # no more descriptors or threads: as if it were refused
            text = f"cannot connect to the {self._endpoint} endpoint {target.url}: {exc}"
            self._end_serving(text)
            tell(self.actor_ref, TransportFailed(attachment, TransportError(text), 0))
        else:
            self._transport = transport

    def _ask_door(self) -> None:
        """Say at once what is wanted: a host connects only for that, and says then that it is open."""
        if self._machine.target.is_door and self._transport is not None and self._types:
            self._transport.send(encode_request(str(uuid.uuid4()), self._types, self._config.format))

    def _forget_transport(self) -> None:
        self._traffic = self._all_traffic()
        self._transport, self._attachment, self._serves, self._shown = None, 0, 0, ""

    def _abandon(self, transport: Transport, reason: str) -> None:
        transport.abort()
        self._end_serving(reason)
        self._abandoned[self._attachment] = transport
        self._forget_transport()

    def _end_serving(self, reason: str) -> None:
        if self._serves:
            tell(self._router, End(self._serves, reason))

    def _send(self, text: str, attachment: int, ticket: str = "") -> None:
        """Send what is for this attachment; of one that has ended it is void, for the next is asked anew."""
        is_open = self._machine.state is State.OPEN and attachment == self._serves != 0
        if is_open and self._transport is not None:
            self._transport.send(text, ticket)

    def _ask_for_sign(self) -> None:
        """Have the peer say something that comes behind all that it has sent: the exchange a pong, a host an answer."""
        if self._machine.state is State.OPEN and self._serves and self._transport is not None:
            if self._machine.target.is_door:
                self._transport.send(encode_reach())
            else:
                self._transport.ping()

    # --- telling

    def _tell(self, state: str, error: WebSocketV6Error | None = None) -> None:
        reason = "" if error is None else str(error)
        # The machine has decided all that follows from what is told.
        due = None if error is None else self._machine.next_due
        retry_in = None if due is None else max(0.0, due - time.monotonic())
        tell(self._router, SourceState(self._endpoint, self._source, state, time.time_ns(), reason, error, retry_in))

    def _all_traffic(self) -> tuple[int, int]:
        """Return the bytes that came, and those of the messages in them."""
        wire, payload = (0, 0) if self._transport is None else self._transport.traffic
        return self._traffic[0] + wire, self._traffic[1] + payload

    def _health(self) -> ConnectionHealth:
        machine = self._machine
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
            self._sizes.bytes,
            "" if machine.error is None else str(machine.error),
            False,
            *self._all_traffic(),
            codes=self._sizes.codes,
        )


def _asleep() -> float:
    """Return seconds that grow only while this machine is suspended, when its monotonic clock stands still."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    # The wall clock may also have been set; who asks the peer at once whether it is still there has lost nothing.
    return time.time() - time.monotonic()
