"""One guest of this host: what it wants goes to the registry, what it gets goes through its pipe.

To the registry and the router a guest is a component like any other, with one mailbox for all that its process wants.
It may be slow, stopped or hostile: nothing here waits for it, and what waits for it is bounded.
"""

import itertools
import logging
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import NamedTuple, TypeAlias

import pykka

from websocket_v6.actors.base import Actor, Timer, ask, tell
from websocket_v6.actors.delivery.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import ConnectionChanged, EngineFailed, Ready, StreamFailed
from websocket_v6.actors.messages.registry import (
    AskExchange,
    ComponentGone,
    Subscribe,
    Unsubscribe,
    Watch,
    next_subscription_id,
)
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.events import Event, OverflowEvent
from websocket_v6.protocol.events.batches import batches_of
from websocket_v6.protocol.exchange.envelope import SubscriptionList
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.membership import peers

from .pipe import CHUNK, Pipe, PipeClosed, PipeOpened, PipeSaid, as_host

__all__ = ["Dismiss", "Guest", "GuestGone", "GuestSaid", "SendGuest", "Session", "ShareWith"]

logger = logging.getLogger(__name__)

GREETING = 5.0  # seconds for a peer to prove that it knows the key and to greet
PATIENCE = 30.0  # seconds without any room in the pipe: the guest is stopped, or hangs
RETRY = 0.002  # seconds until a full pipe is tried again, doubled each time
RETRY_MAX = 0.1
MEMORY_BYTES = 64 * 1024 * 1024  # of messages that wait for the guest
UNSENT = 4096  # messages other than records that wait for it
QUESTIONS = 64  # that may be open at once
MAX_TICKET = 64  # characters
BATCH = 512  # events taken out of the mailbox at once
ASK_TIMEOUT = 10.0

Leases: TypeAlias = dict[Want, tuple[int, tuple[str, ...]]]  # by all but codes: the subscription's number, its codes

_numbers = itertools.count(1)


class Guest(NamedTuple):
    """A guest has greeted. Told to the owner, which answers with ShareWith (live)."""

    session: Ref
    hello: peers.Hello


class GuestGone(NamedTuple):
    """A guest has left, or was dismissed (live); `stranger` says why if it never greeted."""

    session: Ref
    stranger: str = ""


class ShareWith(NamedTuple):
    """Serve these endpoints to the guest: all that do not depend on keys, and those whose keys are its own too.

    `stays`: this host hands over to nobody.
    """

    endpoints: tuple[peers.Endpoint, ...]
    stays: bool


class SendGuest(NamedTuple):
    """Say this to the guest."""

    message: peers.FromHost


class Dismiss(NamedTuple):
    """End the session, and tell the guest why; `retry`: it may come again."""

    reason: str
    retry: bool


class GuestSaid(NamedTuple):
    """The guest said what is for the owner to answer (live)."""

    session: Ref
    message: peers.LetMeHost | peers.Keys


class ListAnswered(NamedTuple):
    """The exchange has answered a question of the guest, or will not."""

    endpoint: peers.Endpoint
    ticket: str
    answer: SubscriptionList | str


class TrySend(NamedTuple):
    """There may be room in the pipe again."""


class GreetingOverdue(NamedTuple):
    """Has the peer greeted by now?"""


class Session(Actor):
    """Serves one guest.

    Receives GuestCame's connection, Pipe* from its pipe, ShareWith, SendGuest and Dismiss from its owner,
    ConnectionChanged and StreamFailed from the registry, Ready from the router. Sends Watch, Subscribe, Unsubscribe,
    AskExchange and ComponentGone to the registry, Guest, GuestSaid and GuestGone to its owner.
    """

    def __init__(
        self, *, connection: "Connection[bytes, bytes]", key: bytes, region: str, registry: Ref, owner: Ref
    ) -> None:
        super().__init__()
        self._registry = registry
        self._region = region
        self._owner = owner
        self._pipe = Pipe(
            "session",
            lambda: connection,
            as_host(key),
            self.actor_ref,
            peers.decode_from_guest,
            peers.MAX_CONTROL,
            hears_little=True,
        )
        self._name = ""
        self._component_id = ""  # until it has greeted
        self._shared: tuple[peers.Endpoint, ...] = ()
        self._mailbox = MailboxQueue(Mailbox.lossless(MEMORY_BYTES))
        # What it wants: by all but codes, the number of the subscription and its codes.
        self._wants: dict[peers.Endpoint, Leases] = {}
        self._questions = 0  # that are not answered yet
        self._batch_at = 0
        self._batch: dict[int, Event] = {}  # what was sent of the last batch, by identity
        self._unsent: deque[bytes] = deque()
        self._is_dismissed = False
        self._reason = ""  # why it was cut off
        self._retry: Timer | None = None
        self._retry_after = RETRY
        self._stuck_since: float | None = None

    def on_start(self) -> None:
        """Begin to listen to the peer."""
        self.after(GREETING, GreetingOverdue())
        self._pipe.start()

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Ready():
                self._flush()
            case TrySend():
                self._retry = None
                self._flush()
            case PipeSaid(pipe, said):
                self._hear(said)
                pipe.heard()
            case ConnectionChanged():
                self._tell_change(message)
            case StreamFailed(subscription_id, error, final):
                if final:
                    self._refuse(subscription_id, error)
            case ListAnswered(endpoint, ticket, answer):
                self._questions -= 1
                self._answer(endpoint, ticket, answer)
            case ShareWith(endpoints, stays):
                self._share(endpoints, stays)
            case SendGuest(said):
                self._say(said)
            case Dismiss(reason, retry):
                self._dismiss(reason, retry=retry)
            case EngineFailed(error):
                self._dismiss(str(error), retry=True)
            case GreetingOverdue():
                if not self._component_id:
                    self._cut_off(f"no greeting within {GREETING:g} s")
            case PipeOpened():
                pass
            case PipeClosed(_, error):
                self._ended(error)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Take back all that the guest wanted, and end the pipe."""
        self._pipe.finish()
        self._mailbox.close()
        if self._component_id:
            tell(self._registry, ComponentGone(self._component_id))
        tell(self._owner, GuestGone(self.actor_ref, "" if self._component_id else self._reason or "it hung up"))

    # --- what the guest says

    def _hear(self, said: object) -> None:
        if self._is_dismissed:
            return
        match said:
            case peers.Hello() if not self._component_id:
                self._greet(said)
            case _ if not self._component_id:
                self._cut_off("it said something before it greeted")
            case peers.Wanted(endpoint, wishes):
                self._want(endpoint, wishes)
            case peers.Question(endpoint, ticket):
                self._ask(endpoint, ticket)
            case peers.LetMeHost() | peers.Keys():
                tell(self._owner, GuestSaid(self.actor_ref, said))
            case peers.Ping():
                self._say(peers.Pong())
            case _:
                self._cut_off(f"it said {type(said).__name__} when there was no place for it")

    def _greet(self, hello: peers.Hello) -> None:
        self._name = f"process {hello.pid} ({hello.program[:80]})"
        if hello.version != peers.VERSION:
            self._component_id = f"{self._name}#{next(_numbers)}"
            self._dismiss(
                f"it speaks version {hello.version} of what processes say to each other and this host version "
                f"{peers.VERSION}: install the same release of websocket_v6 for both; until then it has connections of "
                "its own",
                retry=False,
            )
            return
        self._component_id = f"{self._name}#{next(_numbers)}"
        tell(self._registry, Watch(self._component_id, self.actor_ref))
        tell(self._owner, Guest(self.actor_ref, hello))

    def _share(self, endpoints: tuple[peers.Endpoint, ...], stays: bool) -> None:
        before, self._shared = self._shared, endpoints
        self._say(peers.Shared(endpoints) if before else peers.Welcome(peers.VERSION, os.getpid(), endpoints, stays))
        for endpoint in set(before) - set(endpoints):
            self._settle(endpoint, ())

    def _want(self, endpoint: peers.Endpoint, wishes: tuple[peers.Wish, ...]) -> None:
        if endpoint not in self._shared:
            return  # it has not heard yet that the keys are others now
        try:
            wants = [peers.to_want(wish, self._region) for wish in wishes]
            peers.check_endpoint(wants, endpoint)
        except LocalProtocolError as exc:
            self._cut_off(f"it wants what the exchange does not have: {exc}")
            return
        self._settle(endpoint, wants)

    def _settle(self, endpoint: peers.Endpoint, wants: Iterable[Want]) -> None:
        """Make the leases of `endpoint` what the guest wants now."""
        leases = self._wants.setdefault(endpoint, {})
        wanted = _by_kind(wants)
        for kind in [kind for kind in leases if not kind.realtime]:
            # What is wanted once is asked for anew each time: the guest has had what came for it before.
            self._drop(leases, kind)
        # More comes before less: a code that moves from one kind to another (a deeper book) must not miss a message.
        # It may come twice meanwhile, which `_packed` sees to.
        for kind, codes in wanted.items():
            try:
                self._add(leases, kind, codes)
            except WebSocketV6Error as exc:
                self._say(peers.Refused(endpoint, type(exc).__name__, str(exc)))
        for kind, (subscription_id, before) in list(leases.items()):
            if kind not in wanted:
                self._drop(leases, kind)
                continue
            less = tuple(code for code in before if code not in wanted[kind])
            if less:
                tell(self._registry, Unsubscribe(self._component_id, subscription_id, kind.with_codes(less)))
                leases[kind] = subscription_id, wanted[kind]

    def _drop(self, leases: Leases, kind: Want) -> None:
        subscription_id, _ = leases.pop(kind)
        tell(self._registry, Unsubscribe(self._component_id, subscription_id))

    def _add(self, leases: Leases, kind: Want, codes: tuple[str, ...]) -> None:
        subscription_id, before = leases.get(kind) or (next_subscription_id(), ())
        more = tuple(code for code in codes if code not in before)
        if kind in leases and not more:
            return
        want = kind.with_codes(more)
        message = Subscribe(self._component_id, subscription_id, want, self._mailbox, self.actor_ref)
        # Asked, not told: what it refuses is the guest's affair, and no failure of the registry's.
        ask(self._registry, message, ASK_TIMEOUT)
        leases[kind] = subscription_id, before + more

    def _ask(self, endpoint: peers.Endpoint, ticket: str) -> None:
        if endpoint not in self._shared:
            self._answer(endpoint, ticket, f"the {endpoint} connection of the host is not shared with this process")
            return
        if self._questions >= QUESTIONS or len(ticket) > MAX_TICKET:
            self._cut_off("it asks more than anybody needs to know")
            return
        self._questions += 1
        answer = _Forwarded(self.actor_ref, endpoint, ticket)
        tell(self._registry, AskExchange(endpoint, answer))

    # --- what the guest is told

    def _tell_change(self, change: ConnectionChanged) -> None:
        if change.endpoint not in self._shared:
            return
        error = "" if change.error is None else type(change.error).__name__
        self._say(
            peers.Changed(
                change.endpoint,
                change.state,
                change.epoch,
                change.at_ns,
                change.gap_started_ns,
                change.reason,
                error,
            )
        )

    def _refuse(self, subscription_id: int, error: WebSocketV6Error) -> None:
        for endpoint, leases in self._wants.items():
            for kind, (number, _) in list(leases.items()):
                if number == subscription_id:
                    del leases[kind]
                    self._say(peers.Refused(endpoint, type(error).__name__, str(error)))

    def _answer(self, endpoint: peers.Endpoint, ticket: str, answer: SubscriptionList | str) -> None:
        if isinstance(answer, str):
            self._say(peers.Answer(endpoint, ticket, (), answer))
            return
        entries = tuple(
            peers.Entry(one.type, one.codes, None if one.level is None else str(one.level), dict(one.extra))
            for one in answer.subscriptions
        )
        self._say(peers.Answer(endpoint, ticket, entries, ""))

    # --- the way to it

    def _say(self, message: peers.FromHost) -> None:
        self._unsent.append(peers.encode(message))
        if len(self._unsent) > UNSENT:
            self._cut_off("it does not read")
        self._flush()

    def _flush(self) -> None:
        """Send as much as there is room for; the rest waits, in the mailbox as far as possible."""
        while True:
            while self._unsent:
                if not self._pipe.send(self._unsent[0]):
                    self._come_back()
                    return
                self._unsent.popleft()
            self._retry_after, self._stuck_since = RETRY, None
            if self._is_dismissed:
                self._pipe.finish()
                return
            events = self._mailbox.take_many(time.monotonic(), BATCH)
            if not events:
                return
            self._unsent.extend(self._packed(events))

    def _packed(self, events: Iterable[Event | OverflowEvent]) -> Iterator[bytes]:
        messages: list[Event] = []
        for event in events:
            if isinstance(event, OverflowEvent):
                self._dismiss(self._too_slow(), retry=True)
                return
            # One that came for two of the guest's subscriptions is the same object, from the same batch.
            if event.received_at != self._batch_at:
                self._batch_at = event.received_at
                self._batch.clear()
            if id(event) not in self._batch:
                self._batch[id(event)] = event
                messages.append(event)
        for batches in batches_of(messages, CHUNK - 1024):
            yield peers.encode(peers.records_of(batches))

    def _too_slow(self) -> str:
        stats = self._mailbox.stats
        return (
            f"it took data too slowly: {stats.delivered} messages were sent to it, more than {MEMORY_BYTES} bytes "
            f"waited, {stats.dropped} messages were lost after them; it may come again"
        )

    def _come_back(self) -> None:
        now = time.monotonic()
        if self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since > PATIENCE:
            self._cut_off(f"it has read nothing for {PATIENCE:g} s")
            return
        if self._mailbox.stats.dropped and not self._is_dismissed:
            self._cut_off(self._too_slow())
            return
        if self._retry is None:
            self._retry = self.after(self._retry_after, TrySend())
            self._retry_after = min(RETRY_MAX, self._retry_after * 2)

    # --- its end

    def _dismiss(self, reason: str, *, retry: bool) -> None:
        """Tell the guest why it is not served any more; it is gone once it has heard it, or after PATIENCE."""
        if self._is_dismissed:
            return
        logger.warning("%s is dismissed: %s", self._name, reason)
        self._is_dismissed = True
        self._mailbox.close()
        self._say(peers.Goodbye(reason, retry))

    def _cut_off(self, reason: str) -> None:
        if not self._reason:
            self._reason = reason
            if self._component_id:  # of who never greeted the owner tells, once for all of them
                logger.warning("%s is cut off: %s", self._name, reason)
        self._is_dismissed = True
        self._pipe.finish()

    def _ended(self, error: WebSocketV6Error) -> None:
        self._pipe.close()
        if isinstance(error, RemoteProtocolError) or not self._component_id:
            self._cut_off(str(error))
        self.stop()


class _Forwarded(pykka.ThreadingFuture[SubscriptionList]):
    """A future whose answer goes to an actor, since actors do not wait."""

    def __init__(self, ref: Ref, endpoint: peers.Endpoint, ticket: str) -> None:
        super().__init__()
        self._to = ref
        self._endpoint = endpoint
        self._ticket = ticket

    def set(self, value: SubscriptionList | None = None) -> None:
        """Pass the answer on."""
        if value is not None:
            tell(self._to, ListAnswered(self._endpoint, self._ticket, value))

    def set_exception(self, exc_info: object = None) -> None:
        """Pass on why there is none."""
        error = exc_info[1] if isinstance(exc_info, tuple) else TransportError("no answer")
        tell(self._to, ListAnswered(self._endpoint, self._ticket, str(error)))


def _by_kind(wants: Iterable[Want]) -> Mapping[Want, tuple[str, ...]]:
    """Return the codes of wants that differ in nothing else, by all else."""
    found: dict[Want, dict[str, None]] = {}
    for want in wants:
        found.setdefault(want.with_codes(()), {}).update(dict.fromkeys(want.codes))
    return {kind: tuple(codes) for kind, codes in found.items()}
