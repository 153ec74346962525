"""One guest of this host: what it wants goes to the registry, what it gets goes through its pipe.

To the registry and the router a guest is a component like any other, with one mailbox for all that its process wants.
It may be slow, stopped or hostile: nothing here waits for it. What waits for it, bounded and in order, does so in
`outlet.py`.
"""

import itertools
import logging
import os
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import NamedTuple, cast

import pykka

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import ConnectionChanged, EngineFailed, Ready, StreamFailed
from websocket_v6.actors.messages.registry import AskExchange, ComponentGone, Watch
from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.membership import peers
from websocket_v6.protocol.membership.outflow import News
from websocket_v6.protocol.membership.patience import Patience, Verdict

from .leases import Leases
from .outlet import Outlet
from .pipe import Pipe, PipeClosed, PipeOpened, PipeSaid, as_host

__all__ = ["Dismiss", "Guest", "GuestGone", "GuestSaid", "SendGuest", "Session", "ShareWith"]

logger = logging.getLogger(__name__)

GREETING = 5.0  # seconds for a peer to prove that it knows the key and to greet
LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still itself
RETRY = 0.1  # seconds until this process may know again whether it is the host
QUESTIONS = 64  # that may be open at once
MAX_TICKET = 64  # characters

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


class LookForGreeting(NamedTuple):
    """Has the peer greeted by now?"""


class Session(Actor):
    """Serves one guest.

    Receives GuestCame's connection, Pipe* from its pipe, ShareWith, SendGuest and Dismiss from its owner,
    ConnectionChanged and StreamFailed from the registry, Ready from the router. Sends Watch, Subscribe, Unsubscribe,
    AskExchange and ComponentGone to the registry, Guest, GuestSaid and GuestGone to its owner. While `may_serve`
    says no, nothing is sent: this process stood still, and may be the host no more.
    """

    def __init__(
        self,
        *,
        connection: "Connection[bytes, bytes]",
        key: bytes,
        region: str,
        registry: Ref,
        owner: Ref,
        may_serve: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._may_serve = may_serve
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
        self._outlet = Outlet(self._pipe)
        self._leases: Leases | None = None  # until it has greeted
        self._questions = 0  # that are not answered yet
        self._is_dismissed = False
        self._reason = ""  # why it was cut off
        self._greeting = Patience(GREETING, LOOK, clock())
        self._retry: Timer | None = None

    def on_start(self) -> None:
        """Begin to listen to the peer."""
        self._look_for_greeting()
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
                endpoint = self._leases.refused(subscription_id) if final and self._leases else None
                if endpoint is not None:
                    self._tell_refusal(endpoint, error)
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
            case LookForGreeting():
                self._look_for_greeting()
            case PipeOpened():
                pass
            case PipeClosed(_, error):
                self._ended(error)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Take back all that the guest wanted, and end the pipe."""
        self._pipe.abandon()
        self._outlet.close()
        if self._component_id:
            tell(self._registry, ComponentGone(self._component_id))
        tell(self._owner, GuestGone(self.actor_ref, "" if self._component_id else self._reason or "it hung up"))

    # --- what the guest says

    def _look_for_greeting(self) -> None:
        if self._component_id:
            return
        if self._greeting.look(clock()) is Verdict.SILENT:
            self._cut_off(f"no greeting within {GREETING:g} s")
        else:
            self.after(min(LOOK, GREETING), LookForGreeting())

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
        self._leases = Leases(self._component_id, self._outlet.mailbox, self._registry, self.actor_ref)
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
        if self._leases is None:
            return
        wants = tuple(wants)
        if wants:
            self._outlet.outflow.want(endpoint)
        for error in self._leases.settle(endpoint, wants):
            self._tell_refusal(endpoint, error)
        if not wants:
            self._outlet.outflow.forget(endpoint)

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
        if change.endpoint not in self._shared or change.state == "backfilled":
            return  # what was fetched comes as records; a guest sees to its own gaps
        error = "" if change.error is None else type(change.error).__name__
        self._tell(
            peers.Changed(
                change.endpoint,
                cast(peers.State, change.state),
                change.epoch,
                change.at_ns,
                change.gap_started_ns,
                change.reason,
                error,
            )
        )

    def _tell_refusal(self, endpoint: peers.Endpoint, error: WebSocketV6Error) -> None:
        self._tell(peers.Refused(endpoint, type(error).__name__, str(error)))

    def _answer(self, endpoint: peers.Endpoint, ticket: str, answer: SubscriptionList | str) -> None:
        if isinstance(answer, str):
            self._tell(peers.Answer(endpoint, ticket, (), answer))
            return
        entries = tuple(
            peers.Entry(one.type, one.codes, None if one.level is None else str(one.level), dict(one.extra))
            for one in answer.subscriptions
        )
        self._tell(peers.Answer(endpoint, ticket, entries, ""))

    # --- the way to it

    def _tell(self, news: News) -> None:
        self._outlet.put_news(news)
        self._flush()

    def _say(self, message: peers.FromHost) -> None:
        self._outlet.put(message)
        self._flush()

    def _flush(self) -> None:
        if not self._may_serve():
            self._come_back(RETRY)
            return
        trouble = self._outlet.flush()
        if trouble is not None and trouble.may_be_told:
            self._dismiss(trouble.reason, retry=True)
        elif trouble is not None:
            self._cut_off(trouble.reason)
        elif self._outlet.is_done:
            self._pipe.finish()
        elif self._outlet.wait is not None:
            self._come_back(self._outlet.wait)

    def _come_back(self, delay: float) -> None:
        if self._retry is None:
            self._retry = self.after(delay, TrySend())

    # --- its end

    def _dismiss(self, reason: str, *, retry: bool) -> None:
        """Tell the guest why it is not served any more; it is gone once it has heard it, or after PATIENCE."""
        if self._is_dismissed:
            return
        logger.warning("%s is dismissed: %s", self._name, reason)
        self._is_dismissed = True
        self._outlet.close()
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
