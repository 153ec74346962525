"""The engine of this process: started by the first component, shared by equal configurations, stopped with the last.

Here is the one piece of state that all threads of a process share, and the one lock that guards it: without it two
components starting at once would start two engines. Nothing is waited for under that lock: engines of other
configurations have nothing to do with one that is slow to start or to stop. The interpreter's exit and fork are dealt
with here too.
"""

import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pykka

from .actors.base import Future, tell
from .actors.forks import no_fork
from .actors.membership.place import HandOver, Placed, Role
from .actors.membership.rendezvous import Rendezvous, default_folder
from .actors.messages.common import Ref
from .actors.messages.supervisor import OpenNetwork
from .actors.server.network_server import ShowState
from .actors.server.opening import Opening, prepare
from .actors.supervisor import AwaitPlace, Children, GetChildren, Join, Quit, Supervisor
from .protocol.config import Config
from .protocol.errors import ConfigError, EngineError
from .protocol.server.network import Network
from .steps import Answer, Ended, Steps, finish

__all__ = ["Link", "Service", "at_exit", "join", "serve"]

logger = logging.getLogger(__name__)

ASK_TIMEOUT = 10.0
STOP_TIMEOUT = 10.0
SERVICE = "websocket-v6 serve"
ATTACH_TIMEOUT = 20.0
HAND_OVER_TIMEOUT = 2.0
CLOSE_TIMEOUT = STOP_TIMEOUT + HAND_OVER_TIMEOUT + 3.0  # with some room for a machine that does much else
EXIT_TIMEOUT = 0.5  # for all callbacks that run at the interpreter's exit together: Ctrl-C is not to be waited for


class Leaver(Protocol):
    """Someone who uses the engine and can be told to stop doing so."""

    def end(self, timeout: float) -> Steps[None]:
        """Leave the engine; wait at most `timeout` seconds for what is running."""


class Engine:
    """A supervisor, started by whoever uses it first, and who uses it.

    `users` and `is_closing` are the module's, under its lock; it ends once, whoever ends it.
    """

    def __init__(self, config: Config, *, serves: bool = False) -> None:
        self.config = config
        self.users: set[str] = set()
        self.is_closing = False
        self.closed: Future[None] = Future()  # set when its connections are, and another one may begin
        self._serves = serves
        self._starting = threading.Lock()
        self._supervisor: Ref | None = None

    def start(self) -> Ref:
        """Return the supervisor, started if need be.

        Raises:
            ConfigError: if the folder that the processes meet in cannot be used.
        """
        with self._starting:
            if self._supervisor is None:
                self._supervisor = Supervisor.start(self.config, _meeting_folder(self.config), serves=self._serves)
            return self._supervisor

    def forget(self, user: str) -> None:
        """Tell the supervisor that this component is none any more."""
        tell(self._supervisor, Quit(user))

    def stop(self, timeout: float) -> Steps[None]:
        """Hand over within `timeout` seconds, and stop. Only whoever set `is_closing` calls this."""
        with self._starting:
            supervisor = self._supervisor
        if supervisor is not None:
            try:
                yield from _hand_over(supervisor, timeout)
            finally:
                yield from _stop(supervisor)


class Link:
    """A component's link to the engine: the engine lives while there are links."""

    def __init__(self, engine: Engine, supervisor: Ref, component_id: str, children: Children) -> None:
        self._engine = engine
        self._supervisor = supervisor
        self._component_id = component_id
        self._children = children

    @property
    def router(self) -> Ref:
        """The router as last known."""
        return self._children.router

    def ask(self, who: Callable[[Children], Ref], message: object, timeout: float = ASK_TIMEOUT) -> Steps[Any]:
        """Ask one of the engine's actors; if it was just replaced, ask its successor.

        Raises:
            EngineError: if the engine has given up or does not answer.
            Exception: whatever the actor answers with.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                return (yield Answer.of(who(self._children), message, max(0.001, deadline - time.monotonic())))
            except pykka.ActorDeadError:
                yield from self._find_children(deadline)
            except pykka.Timeout as exc:
                raise EngineError(f"the engine did not answer within {timeout:g} s: is the process starved?") from exc

    def ask_registry(self, message: object) -> Steps[Any]:
        """Ask the registry."""
        return self.ask(lambda children: children.registry, message)

    def tell_registry(self, message: object) -> None:
        """Tell the registry; its successor, once that is known, if it has just been replaced."""
        if not tell(self._children.registry, message):
            found = Answer.of(self._supervisor, GetChildren(), ASK_TIMEOUT).future
            found.then(lambda: _tell_successor(found, message))

    def children(self) -> Steps[Children]:
        """Return the engine's actors as they are now."""
        return self._find_children(time.monotonic() + ASK_TIMEOUT)

    def leave(self) -> Steps[None]:
        """Let go of the engine; the last one to do so stops it."""
        return _leave(self._engine, self._component_id)

    def _find_children(self, deadline: float) -> Steps[Children]:
        try:
            self._children = yield Answer.of(self._supervisor, GetChildren(), max(0.001, deadline - time.monotonic()))
        except (pykka.ActorDeadError, pykka.Timeout) as exc:
            raise EngineError("the engine is stopped or does not answer") from exc
        return self._children


def _tell_successor(found: Future[Children], message: object) -> None:
    with contextlib.suppress(EngineError, pykka.ActorDeadError):  # there is none
        tell(found.get(timeout=0).registry, message)


_lock = threading.Lock()  # of what follows; it is held for as long as it takes to look something up
_engines: dict[Config, Engine] = {}  # which one to use
_open: set[Engine] = set()  # all that have not closed yet
_exits: "weakref.WeakSet[Leaver]" = weakref.WeakSet()


def join(config: Config, component_id: str, component: Ref) -> Steps[Link]:
    """Start or find the engine for `config` and use it as `component_id`.

    Raises:
        EngineError: if it has given up.
        ConfigError: if the folder that the processes meet in cannot be used, or there is no host to attach to.
    """
    engine = yield from _enter(config, component_id)
    try:
        supervisor = engine.start()
        children: Children = yield Answer.of(supervisor, Join(component_id, component), ASK_TIMEOUT)
        if config.mode == "attach":
            yield from _await_place(config, supervisor)
    except BaseException:
        yield from _leave(engine, component_id)
        raise
    return Link(engine, supervisor, component_id, children)


def _enter(config: Config, user: str, *, serves: bool = False) -> Steps[Engine]:
    """Return the engine for `config`, of which `user` is a user now; one that `serves` is always a new one.

    One that is closing is waited for: a new one would connect beside it.

    Raises:
        EngineError: if it does not close.
    """
    while True:
        with _lock:
            engine = _engines.get(config)
            if engine is None or (serves and not engine.is_closing):
                engine = _engines[config] = Engine(config, serves=serves)
                _open.add(engine)
            if not engine.is_closing:
                engine.users.add(user)
                return engine
        try:
            yield Answer(engine.closed, CLOSE_TIMEOUT)
        except pykka.Timeout as exc:
            text = f"the engine that was the last to use {config.url} does not stop: start a new process"
            raise EngineError(text) from exc


def _await_place(config: Config, supervisor: Ref) -> Steps[Placed]:
    future: Future[Placed] = Future()
    tell(supervisor, AwaitPlace(future))
    try:
        place: Placed = yield Answer(future, ATTACH_TIMEOUT)
    except pykka.Timeout as exc:
        raise EngineError(f"the host of {config.url} did not answer within {ATTACH_TIMEOUT:g} s") from exc
    if place.error is not None:
        raise place.error
    return place


class Service:
    """An engine that serves others. `role` is its place among the processes of its user when it had found it."""

    def __init__(self, supervisor: Ref, role: Role) -> None:
        self.role = role
        self.address = ""  # where the network is served
        self._supervisor = supervisor

    def open_network(self, opening: Opening) -> None:
        """Serve the network, too.

        Raises:
            OSError: if it cannot be listened there.
            EngineError: if the engine does not answer.
        """
        future: Future[str] = Future()
        tell(self._supervisor, OpenNetwork(opening, future))
        try:
            self.address = future.get(timeout=ASK_TIMEOUT)
        except pykka.Timeout as exc:
            raise EngineError(f"the door to the network did not open within {ASK_TIMEOUT:g} s") from exc
        except OSError as exc:
            raise OSError(f"{exc}: give another --port or --bind, or end what listens there") from None

    def show(self, state: bytes) -> None:
        """Have the page of the network's door show this, JSON."""
        tell(self._supervisor, ShowState(state))


@contextlib.contextmanager
def serve(config: Config, network: Network | None = None) -> Iterator[Service]:
    """Run the engine of `config` with no component of its own, as the host of other processes; yield what it is.

    It takes over from a process that is the host, without a gap, and hands over when it ends, not before. If there is
    such a host already it is a guest of that one, and its network is not served.

    Raises:
        ConfigError: if the folder that the processes meet in cannot be used, or the network not be served so.
        OSError: if the network cannot be listened to.
        EngineError: if another process uses the connections and does not answer.
    """
    opening = prepare(network) if network is not None else None
    if config.mode == "embedded" and opening is None:
        raise ConfigError("mode='embedded' (WEBSOCKET_V6_MODE) shares with nobody: use auto to serve other processes")
    engine = finish(_enter(config, SERVICE, serves=True))
    try:
        supervisor = engine.start()
        Answer.of(supervisor, GetChildren(), ASK_TIMEOUT).wait()
        service = Service(supervisor, finish(_await_place(config, supervisor)).role)
        if opening is not None and service.role is not Role.GUEST:
            service.open_network(opening)
        yield service
    finally:
        finish(_leave(engine, SERVICE))


def _meeting_folder(config: Config) -> Path | None:
    """Return where this process meets others of its user, made if need be; None if it shares with nobody.

    Raises:
        ConfigError: if a folder that was asked for cannot be used.
    """
    if config.mode == "embedded":
        return None
    try:
        with no_fork():  # tempfile looks for its folder under a lock of its own, the first time
            folder = Path(config.runtime_dir) if config.runtime_dir else default_folder()
        Rendezvous(folder, config.url)
    except ConfigError as exc:
        if config.runtime_dir is not None or config.mode == "attach":
            raise
        logger.warning("connections are not shared with other processes: %s", exc)
        return None
    return folder


def _leave(engine: Engine, user: str) -> Steps[None]:
    """Have `engine` used by `user` no more; the last one closes it, and returns when that is done."""
    engine.forget(user)
    with _lock:
        engine.users.discard(user)
        if engine.users or engine.is_closing:
            return
        engine.is_closing = True
    yield from _close(engine, HAND_OVER_TIMEOUT)


def _close(engine: Engine, hand_over_timeout: float) -> Steps[None]:
    try:
        yield from engine.stop(hand_over_timeout)
    finally:
        with _lock:
            _open.discard(engine)
            if _engines.get(engine.config) is engine:
                del _engines[engine.config]
        engine.closed.set()


def _hand_over(supervisor: Ref, timeout: float) -> Steps[None]:
    """Let processes that use this engine's connections go on without a gap."""
    done: Future[bool] = Future()
    if tell(supervisor, HandOver(done)):
        try:
            is_in_order: bool = yield Answer(done, timeout)
        except pykka.Timeout:
            is_in_order = False
        if not is_in_order:
            logger.warning("other processes did not take over in time; they will notice the gap")


def _stop(supervisor: Ref) -> Steps[None]:
    if not (yield Ended(supervisor, STOP_TIMEOUT)):
        logger.warning("the engine did not stop within %g s", STOP_TIMEOUT)


def at_exit(user: Leaver) -> None:
    """Have `user.end()` called before the interpreter ends, if `user` still exists then."""
    _exits.add(user)


@atexit.register
def _exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    for user in list(_exits):
        finish(user.end(max(0.0, deadline - time.monotonic())))
    with _lock:
        left = list(_open)
        closing = [engine for engine in left if engine.is_closing]
        for engine in left:
            engine.is_closing = True
    for engine in left:
        if engine in closing:  # in a thread of its last user, which would end with the interpreter
            with contextlib.suppress(pykka.Timeout):
                Answer(engine.closed, CLOSE_TIMEOUT).wait()
        else:
            finish(_close(engine, EXIT_TIMEOUT))


def _after_fork() -> None:
    """Begin anew in a forked child: the parent's threads are not here, and its sockets are not ours to speak on."""
    global _lock
    _lock = threading.Lock()
    _engines.clear()
    _open.clear()
    _exits.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
