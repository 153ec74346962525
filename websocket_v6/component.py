"""The engine's side of a proxy: what the component wants, the thread that calls it, and its link to the engine.

A proxy makes one when it first needs it. It belongs to the process that made it: a forked child finds its parent's, and
whoever asks something of that hears whose it is.
"""

import contextlib
import itertools
import logging
from collections.abc import Callable

from . import engine
from .actors.base import stop_and_join, tell
from .actors.delivery.edge import Edge
from .actors.delivery.subscriber import Attach, Detach, Leave, OnConnection, Subscriber
from .actors.forks import in_child
from .actors.jwt import HasKeys
from .actors.mailbox import OF_THE_PARENT, MailboxQueue
from .actors.messages.registry import ComponentGone, Subscribe, Unsubscribe, next_subscription_id
from .options import Settings, Symbols, same_kind
from .protocol.config import Config
from .protocol.delivery.policy import default_policy
from .protocol.errors import AuthenticationError, ClosedError, EngineError
from .protocol.events import ConnectionEvent
from .protocol.exchange.wants import Want

__all__ = ["CALLBACK_TIMEOUT", "Component"]

logger = logging.getLogger(__name__)

# How long an end waits for a callback that is running; it goes on in the background after that.
CALLBACK_TIMEOUT = 5.0

_numbers = itertools.count(1)


class Component:
    """One component's part in the engine, from its first want to its end. Safe to use from any thread.

    Raises:
        EngineError: if the engine cannot be started, or does not answer.
        ConfigError: if processes cannot meet as `config` says.
    """

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.is_the_parents = False  # this is a forked child of the process that it belongs to
        self._id = f"{name}#{next(_numbers)}"
        self._edges: dict[int, Edge] = {}
        self._is_left = False
        in_child(self)
        self._subscriber = Subscriber.start(name, self._forget)
        try:
            self.link = engine.join(config, self._id, self._subscriber)
        except BaseException:
            stop_and_join(self._subscriber, CALLBACK_TIMEOUT)
            raise
        engine.at_exit(self)

    # --- what it wants

    @property
    def edges(self) -> list[Edge]:
        """The subscriptions that are open, oldest first."""
        return list(self._edges.values())

    def subscribe(self, want: Want, settings: Settings) -> Edge:
        """Want something more; whatever is raised, nothing of it is wanted then.

        Raises:
            EngineError: if the engine does not answer, or what it takes is being started again: try again.
        """
        mailbox = MailboxQueue(settings.mailbox or default_policy(want.type))
        edge = Edge(
            next_subscription_id(),
            want,
            mailbox,
            numbers=settings.numbers,
            callback=settings.callback,
            error_handler=settings.error_handler,
            router=lambda: self.link.router,
        )
        # Told first: the router may wake it for this subscription before the registry's answer is here.
        tell(self._subscriber, Attach(edge))
        self._edges[edge.subscription_id] = edge
        try:
            self._claim(edge, want)
        except BaseException:
            # Refused, heeded without an answer in time, or yet to be heeded: what this tells comes after all of them.
            self._forget(edge)
            raise
        return edge

    def add(self, edge: Edge, symbols: Symbols) -> None:
        """Want more codes of a subscription.

        Raises:
            ClosedError: if it is closed.
        """
        self._check_open(edge)
        more = same_kind(edge.want, symbols)
        known = frozenset(edge.want.codes)
        new = tuple(code for code in more.codes if code not in known)
        if not new:
            return
        try:
            self._claim(edge, more.with_codes(new))
        except BaseException:
            part = more.with_codes(new) if edge.subscription_id in self._edges else None
            self.link.tell_registry(Unsubscribe(self._id, edge.subscription_id, part))
            raise
        edge.want = edge.want.with_codes(dict.fromkeys(edge.want.codes + new))

    def remove(self, edge: Edge, symbols: Symbols) -> None:
        """Want these codes of a subscription no longer; without any left it is closed.

        Raises:
            ClosedError: if it is closed.
        """
        self._check_open(edge)
        less = same_kind(edge.want, symbols)
        going = frozenset(less.codes)
        left = tuple(code for code in edge.want.codes if code not in going)
        if not left:
            self.close(edge)
            return
        edge.want = edge.want.with_codes(left)  # also if the answer does not come in time: it is heeded all the same
        self.link.take_back(Unsubscribe(self._id, edge.subscription_id, less))

    def close(self, edge: Edge) -> None:
        """Want nothing of a subscription any more; idempotent."""
        edge.mailbox.close(ClosedError(f"this {edge.want.type} subscription of {self.name!r} is closed"))
        if self._edges.pop(edge.subscription_id, None) is not None:
            tell(self._subscriber, Detach(edge.subscription_id))
            self.link.take_back(Unsubscribe(self._id, edge.subscription_id))

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called with what happens to connections."""
        tell(self._subscriber, OnConnection(callback))

    def check_keys(self, what: str) -> None:
        """Make sure that there are keys.

        Raises:
            AuthenticationError: if there are none.
        """
        if not self.link.ask(lambda children: children.jwt, HasKeys()):
            raise AuthenticationError(
                f"{what} needs API keys: set UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY, or give them to Config or set_keys"
            )

    # --- its end

    def end(self, timeout: float) -> None:
        """Leave, and wait at most `timeout` seconds for a callback that is running; idempotent."""
        try:
            self._leave()
        finally:
            if not stop_and_join(self._subscriber, timeout):
                logger.warning(
                    "a callback of component %r is still running %g s after cleanup(); nothing is delivered to it any "
                    "more",
                    self.name,
                    timeout,
                )

    def leave_soon(self) -> None:
        """Have the component's own thread do all that `end` does. For the garbage collector, which must not wait."""
        tell(self._subscriber, Leave(self._leave))

    def _leave(self) -> None:
        """Take back all wants and let go of the engine."""
        if self._is_left:
            return
        self._is_left = True
        edges = self.edges
        self._edges.clear()
        for edge in edges:
            edge.mailbox.close(ClosedError(f"component {self.name!r} is closed"))
        try:
            with contextlib.suppress(EngineError):  # that it is gone is told the supervisor as well
                self.link.take_back(ComponentGone(self._id))
        finally:
            self.link.leave()

    # --- inside

    def _claim(self, edge: Edge, want: Want) -> None:
        component = None if edge.callback is None else self._subscriber
        self.link.ask_registry(Subscribe(self._id, edge.subscription_id, want, edge.mailbox, component))
        self._check_open(edge)  # another thread may have closed it since, and been heeded before

    def _check_open(self, edge: Edge) -> None:
        if self.is_the_parents:
            raise ClosedError(OF_THE_PARENT)
        if edge.subscription_id not in self._edges:
            raise ClosedError(f"this {edge.want.type} subscription of {self.name!r} is closed: subscribe again")

    def _forget(self, edge: Edge) -> None:
        """Close a subscription without waiting for anybody."""
        self._edges.pop(edge.subscription_id, None)
        tell(self._subscriber, Detach(edge.subscription_id))
        self.link.tell_registry(Unsubscribe(self._id, edge.subscription_id))

    def _after_fork(self) -> None:
        self.is_the_parents = True
        self._is_left = True
        self._edges.clear()
