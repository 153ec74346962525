"""The engine's side of a proxy: what the component wants, the thread that calls it, and its link to the engine.

A proxy makes one when it first needs it. It belongs to the process that made it: a forked child finds its parent's, and
whoever asks something of that hears whose it is.
"""

import contextlib
import functools
import gc
import itertools
import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import pykka

from . import engine
from .actors.base import tell
from .actors.delivery.commands import (
    Attach,
    Detach,
    Leave,
    MarketsFound,
    OnConnection,
    OnMarkets,
    OnOverflow,
    Overflowed,
)
from .actors.delivery.edge import Calls, Edge
from .actors.delivery.last_values import LastValues
from .actors.delivery.standing import Standing
from .actors.delivery.subscriber import Subscriber
from .actors.forks import in_child
from .actors.future import Future
from .actors.jwt import HasKeys
from .actors.mailbox import OF_THE_PARENT
from .actors.messages.common import Ref
from .actors.messages.component import Ready
from .actors.messages.registry import AskMarkets, ComponentGone, Subscribe, Unsubscribe, next_subscription_id
from .ending import Stop
from .holding import close_all, mailbox_of, owe_nothing
from .link import Link
from .options import Settings, Symbols
from .patterns import more_of, same_kind, with_more, without
from .protocol.config import Config
from .protocol.delivery.policy import default_policy
from .protocol.errors import AuthenticationError, ClosedError, EngineError, SnapshotTimeoutError
from .protocol.events import ConnectionEvent, Markets, MarketsEvent, OverflowEvent
from .protocol.exchange.wants import Want
from .steps import Answer, Ended, Steps, finish

if TYPE_CHECKING:
    from .actors.recording.progress import Progress

__all__ = ["CALLBACK_TIMEOUT", "Component", "Held", "OwnThread", "Place"]

logger = logging.getLogger(__name__)

# How long an end waits for a callback that is running; it goes on in the background after that.
CALLBACK_TIMEOUT = 5.0

REMEMBERED_RECORDINGS = 9

_numbers = itertools.count(1)


# The component of each name that began last, and the names that were given twice and told.
_named: "weakref.WeakValueDictionary[str, Component]" = weakref.WeakValueDictionary()
_told_twice: set[str] = set()


class Held:
    """The user code that a component calls, held by its proxy and by nothing that outlives that (see `Calls`)."""

    def __init__(self) -> None:
        self.subscriptions: dict[int, Calls] = {}
        self.listeners: list[Calls] = []
        self.stop = Stop()


class Place(Protocol):
    """Where the user code of a component is called: in a thread of its own, or in an event loop."""

    wakes_pullers: bool  # whoever pulls waits for the subscriber to be told; else in the mailbox itself

    def start(self, component: "Component") -> Ref:
        """Start what calls it, a Subscriber."""

    def run(self, steps: Steps[None]) -> object:
        """Run `steps` for nobody who waits for them. Called where that Subscriber handles messages."""


class OwnThread:
    """Its own thread, in which `run` may block."""

    wakes_pullers = False

    def start(self, component: "Component") -> Ref:
        return Subscriber.start(component.name, component.forget, component.standing, component.over)

    def run(self, steps: Steps[None]) -> object:
        return finish(steps)


class Component:
    """One component's part in the engine, from its first want to its end. Safe to use from any thread.

    What has to wait is a generator (see `Steps`). `begin` makes one.
    """

    def __init__(self, name: str, held: Held, made_at: str, place: Place) -> None:
        self.name = name
        self.made_at = made_at
        self.standing = Standing()
        self.last_values: LastValues | None = None  # of the router as last known
        self._held = weakref.ref(held)
        self.is_the_parents = False  # this is a forked child of the process that it belongs to
        self._id = f"{name}#{next(_numbers)}"
        self._edges: dict[int, Edge] = {}
        self.recordings: list[Progress] = []  # that it has begun: those that run, and the last ones that do not
        self.quotes: set[str] = set()  # of which it has the list of markets, and follows it
        self._is_left = False
        self.has_left = False  # or is about to
        in_child(self)
        self._place = place
        try:
            self._subscriber = place.start(self)
        except RuntimeError as exc:  # the interpreter's word for it
            raise EngineError(
                f"component {name!r} cannot be started: {exc}; raise the limit (ulimit -u), or end what starts so many "
                "threads"
            ) from exc
        self.link: Link

    @classmethod
    def begin(cls, name: str, config: Config, held: Held, made_at: str, place: Place) -> Steps["Component"]:
        """Start one. `held` is the proxy's, `made_at` the place of the program that made it.

        Raises:
            EngineError: if the engine cannot be started, or does not answer.
            ConfigError: if processes cannot meet as `config` says.
        """
        self = cls(name, held, made_at, place)
        try:
            self.link = yield from engine.join(config, self._id, self._subscriber)
        except BaseException:
            yield Ended(self._subscriber, CALLBACK_TIMEOUT)
            raise
        engine.at_exit(self)
        self.link.show(self)
        self._tell_if_there_twice()
        return self

    def _tell_if_there_twice(self) -> None:
        """Say once if a component of this name is there already: a cell run twice, a script run again."""
        before, _named[self.name] = _named.get(self.name), self
        if before is None or before.has_left or self.name in _told_twice:
            return
        gc.collect()  # a script that is run again has let go of the first one, but perhaps nobody has noticed
        if not before.has_left:
            _told_twice.add(self.name)
            logger.warning(
                "component %r is there twice: one was made at %s and has not ended, this one at %s; each has the "
                "events of its own subscriptions. End the first with cleanup(), or give them different names",
                self.name,
                before.made_at,
                self.made_at,
            )

    # --- what it wants

    @property
    def edges(self) -> list[Edge]:
        """The subscriptions that are open, oldest first."""
        return list(self._edges.values())

    def subscribe(self, want: Want, settings: Settings) -> Steps[Edge]:
        """Want something more; whatever is raised, nothing of it is wanted then.

        Raises:
            EngineError: if the engine does not answer, or what it takes is being started again: try again.
            LocalProtocolError: if it is in no recording that is played.
        """
        want = self._offered(want)
        policy = settings.mailbox or default_policy(want.type, closed=want.closing is not None)
        stage, is_pushed = self.link.stage, settings.callback is not None
        make: Callable[..., Edge] = Edge
        if stage is None:
            mailbox = mailbox_of(self.link.undone, want, policy, settings)
        else:
            from .replaying import parts

            mailbox, make = parts(stage, policy, is_pushed=is_pushed, numbers=settings.numbers)
        number = next_subscription_id()
        calls = Calls(settings.callback, settings.error_handler, settings.on_markets)
        edge = make(
            number,
            want,
            mailbox,
            calls=weakref.ref(calls),
            is_pushed=is_pushed,
            router=lambda: self.link.router,
            on_overflow=lambda event: tell(self._subscriber, Overflowed(number, event)),
            on_markets=lambda event: tell(self._subscriber, MarketsFound(number, event)),
            listed=self.standing.codes_of,
        )
        if (held := self._held()) is not None:
            held.subscriptions[number] = calls
        # Told first: the router may wake it for this subscription before the registry's answer is here.
        tell(self._subscriber, Attach(edge))
        if self._place.wakes_pullers and not edge.is_pushed:
            mailbox.on_changed = functools.partial(tell, self._subscriber, Ready(number))
        self._edges[edge.subscription_id] = edge
        try:
            yield from self._claim(edge, want)
        except BaseException:
            # Refused, heeded without an answer in time, or yet to be heeded: what this tells comes after all of them.
            self.forget(edge)
            raise
        return edge

    def add(self, edge: Edge, symbols: Symbols) -> Steps[None]:
        """Want more codes of a subscription.

        Raises:
            ClosedError: if it is closed.
        """
        self._check_open(edge)
        part = more_of(edge.want, edge.excluded, symbols)
        if part is None:
            return
        part = self._offered(part)
        try:
            yield from self._claim(edge, part)
        except BaseException:
            taken_back = part if edge.subscription_id in self._edges else None
            self.link.tell_registry(Unsubscribe(self._id, edge.subscription_id, taken_back))
            raise
        edge.want, edge.excluded = with_more(edge.want, edge.excluded, part)

    def remove(self, edge: Edge, symbols: Symbols) -> Steps[None]:
        """Want these codes of a subscription no longer; without any left it is closed.

        Raises:
            ClosedError: if it is closed.
        """
        self._check_open(edge)
        less = self._offered(same_kind(edge.want, symbols))
        left, excluded = without(edge.want, edge.excluded, less)
        if not left.codes and not left.quotes:
            yield from self.close(edge)
            return
        # Also if the answer does not come in time: it is heeded all the same.
        edge.want, edge.excluded = left, excluded
        yield from self.link.take_back(Unsubscribe(self._id, edge.subscription_id, less))

    def _offered(self, want: Want) -> Want:
        """Return what of `want` there is: all, but in a replay."""
        if (stage := self.link.stage) is None:
            return want
        from .replaying import offered

        return offered(stage, want)

    def records(self, progress: "Progress") -> None:
        """Note a recording that it has begun; of those that are over the last ones are remembered."""
        over = [one for one in self.recordings if one.state != "running"][-REMEMBERED_RECORDINGS:]
        self.recordings = [one for one in self.recordings if one.state == "running" or one in over] + [progress]

    def close(self, edge: Edge) -> Steps[None]:
        """Want nothing of a subscription any more; idempotent."""
        edge.mailbox.close(ClosedError(f"this {edge.want.type} subscription of {self.name!r} is closed"))
        owe_nothing(self.link.undone, edge.mailbox)
        if self._let_go(edge):
            tell(self._subscriber, Detach(edge.subscription_id))
            yield from self.link.take_back(Unsubscribe(self._id, edge.subscription_id))

    def on_connection(self, callback: Callable[[ConnectionEvent], object]) -> None:
        """Have `callback` called with what happens to connections."""
        tell(self._subscriber, OnConnection(self._listener(callback)))

    def on_overflow(self, callback: Callable[[OverflowEvent], object]) -> None:
        """Have `callback` called with what mailboxes drop."""
        tell(self._subscriber, OnOverflow(self._listener(callback)))

    def on_markets(self, callback: Callable[[MarketsEvent], object]) -> None:
        """Have `callback` called with which markets come and go."""
        tell(self._subscriber, OnMarkets(self._listener(callback)))

    def markets(self, quote: str, timeout: float) -> Steps[Markets]:
        """Return the list of a quote currency, waiting for the first one; it is kept up to date from then on.

        Raises:
            SnapshotTimeoutError: if there is none within `timeout` seconds.
            UnknownCodeError: if the exchange has no such quote currency.
        """
        answer: Future[Markets] = Future()
        yield from self.link.ask_registry(AskMarkets(self._id, quote, answer))
        try:
            markets: Markets = yield Answer(answer, timeout)
        except pykka.Timeout:
            raise SnapshotTimeoutError(f"no list of {quote} markets within {timeout:g} s") from None
        self.quotes.add(quote)
        return markets

    def _listener(self, callback: Callable[..., object]) -> Callable[[], Calls | None]:
        calls, held = Calls(callback), self._held()
        if held is not None:
            held.listeners.append(calls)
        return weakref.ref(calls)

    def check_keys(self, what: str) -> Steps[None]:
        """Make sure that there are keys.

        Raises:
            AuthenticationError: if there are none.
        """
        if self.link.stage is not None:
            return  # what is recorded needs none
        if not (yield from self.link.ask(lambda children: children.jwt, HasKeys())):
            raise AuthenticationError(
                f"{what} needs API keys: set UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY, or give them to Config or set_keys"
            )

    # --- its end

    def end(self, timeout: float, *, quietly: bool = False) -> Steps[None]:
        """Leave, and wait at most `timeout` seconds for a callback that is running; idempotent."""
        if self.link.undone is not None:  # what a callback is at is done before it is kept what is not
            close_all(self.edges, self.name)
            yield Ended(self._subscriber, timeout)
        try:
            yield from self._leave()
        finally:
            # Without any time it may be ending just now.
            if not (yield Ended(self._subscriber, timeout)) and not quietly and timeout:
                logger.warning(
                    "a callback of component %r is still running %g s after cleanup(); nothing is delivered to it any "
                    "more",
                    self.name,
                    timeout,
                )

    def over(self) -> None:
        """Note that what is replayed is over: whoever waits for the end of the component need wait no longer."""
        if (held := self._held()) is not None:
            held.stop.set()

    def leave_soon(self) -> None:
        """Have all done that `end` does, where callbacks are called. For the garbage collector, which must not wait."""
        self.has_left = True
        tell(self._subscriber, Leave(lambda: self._place.run(self._leave(is_awaited=False))))

    def _leave(self, *, is_awaited: bool = True) -> Steps[None]:
        """Take back all wants and let go of the engine. `is_awaited`: who is forgotten does not wait."""
        if self._is_left:
            return
        self._is_left = self.has_left = True
        edges = self.edges
        for edge in edges:
            self._let_go(edge)
        close_all(edges, self.name)
        try:
            if is_awaited and self.link.undone is None:  # else what comes until the end is owed, and routed until then
                with contextlib.suppress(EngineError):  # that it is gone is told the supervisor as well
                    yield from self.link.take_back(ComponentGone(self._id))
        finally:
            yield from self.link.leave()

    # --- inside

    def _claim(self, edge: Edge, want: Want) -> Steps[None]:
        component = self._subscriber if edge.is_pushed or self._place.wakes_pullers else None
        yield from self.link.ask_registry(Subscribe(self._id, edge.subscription_id, want, edge.mailbox, component))
        self._check_open(edge)  # another thread may have closed it since, and been heeded before

    def _check_open(self, edge: Edge) -> None:
        if self.is_the_parents:
            raise ClosedError(OF_THE_PARENT)
        if edge.subscription_id not in self._edges:
            raise ClosedError(f"this {edge.want.type} subscription of {self.name!r} is closed: subscribe again")

    def forget(self, edge: Edge) -> None:
        """Close a subscription without waiting for anybody."""
        self._let_go(edge)
        owe_nothing(self.link.undone, edge.mailbox)
        tell(self._subscriber, Detach(edge.subscription_id))
        self.link.tell_registry(Unsubscribe(self._id, edge.subscription_id))

    def _let_go(self, edge: Edge) -> bool:
        """Forget a subscription and what it called; return whether it was there."""
        if (held := self._held()) is not None:
            held.subscriptions.pop(edge.subscription_id, None)
        return self._edges.pop(edge.subscription_id, None) is not None

    def _after_fork(self) -> None:
        self.is_the_parents = True
        self._is_left = self.has_left = True
        self._edges.clear()
