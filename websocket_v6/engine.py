"""The engine of this process: started by the first component, shared by equal configurations, stopped with the last.

Here is the one piece of state that all threads of a process share, and the one lock that guards it: without it two
components starting at once would start two engines. The interpreter's exit and fork are dealt with here too.
"""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pykka

from .actors.base import ask, stop_and_join, tell
from .actors.connection.transport import abandon_sockets
from .actors.membership.membership import HandOver, Placed, Role
from .actors.membership.rendezvous import Rendezvous, default_folder
from .actors.messages.common import Ref
from .actors.supervisor import AwaitPlace, Children, GetChildren, Join, Quit, Supervisor
from .protocol.config import Config
from .protocol.errors import ConfigError, EngineError

__all__ = ["Link", "at_exit", "join", "serve"]

logger = logging.getLogger(__name__)

ASK_TIMEOUT = 10.0
STOP_TIMEOUT = 10.0
SERVICE = "websocket-v6 serve"
ATTACH_TIMEOUT = 20.0
HAND_OVER_TIMEOUT = 2.0
EXIT_TIMEOUT = 0.5  # for all callbacks that run at the interpreter's exit together: Ctrl-C is not to be waited for


class Leaver(Protocol):
    """Someone who uses the engine and can be told to stop doing so."""

    def end(self, timeout: float) -> None:
        """Leave the engine; wait at most `timeout` seconds for what is running."""


class Engine:
    """A running supervisor and who uses it."""

    def __init__(self, config: Config, *, serves: bool = False) -> None:
        self.config = config
        self.supervisor: Ref = Supervisor.start(config, _meeting_folder(config), serves=serves)
        self.users: set[str] = set()


class Link:
    """A component's hold on the engine: the engine lives while there are links."""

    def __init__(self, engine: Engine, component_id: str, children: Children) -> None:
        self._engine = engine
        self._component_id = component_id
        self._children = children
        self.pid = os.getpid()

    @property
    def router(self) -> Ref:
        """The router as last known."""
        return self._children.router

    def ask(self, who: Callable[[Children], Ref], message: object, timeout: float = ASK_TIMEOUT) -> Any:
        """Ask one of the engine's actors; if it was just replaced, ask its successor.

        Raises:
            EngineError: if the engine has given up or does not answer.
            Exception: whatever the actor answers with.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                return ask(who(self._children), message, max(0.001, deadline - time.monotonic()))
            except pykka.ActorDeadError:
                self._children = self._ask_supervisor(deadline)
            except pykka.Timeout as exc:
                raise EngineError(f"the engine did not answer within {timeout:g} s: is the process starved?") from exc

    def ask_registry(self, message: object) -> Any:
        """Ask the registry."""
        return self.ask(lambda children: children.registry, message)

    @property
    def children(self) -> Children:
        """The engine's actors as they are now."""
        self._children = self._ask_supervisor(time.monotonic() + ASK_TIMEOUT)
        return self._children

    def leave(self) -> None:
        """Let go of the engine; the last one to do so stops it."""
        _leave(self._engine, self._component_id)

    def _ask_supervisor(self, deadline: float) -> Children:
        try:
            children: Children = ask(self._engine.supervisor, GetChildren(), max(0.001, deadline - time.monotonic()))
        except (pykka.ActorDeadError, pykka.Timeout) as exc:
            raise EngineError("the engine is stopped or does not answer") from exc
        return children


_engines: dict[Config, Engine] = {}
_lock = threading.Lock()
_exits: "weakref.WeakSet[Leaver]" = weakref.WeakSet()


def join(config: Config, component_id: str, component: Ref) -> Link:
    """Start or find the engine for `config` and use it as `component_id`.

    Raises:
        EngineError: if it has given up.
        ConfigError: if the folder that the processes meet in cannot be used, or there is no host to attach to.
    """
    with _lock:
        engine = _engines.get(config)
        if engine is None:
            engine = _engines[config] = Engine(config)
        engine.users.add(component_id)
    try:
        children: Children = ask(engine.supervisor, Join(component_id, component), ASK_TIMEOUT)
        if config.mode == "attach":
            _await_place(engine)
    except BaseException:
        _leave(engine, component_id)
        raise
    return Link(engine, component_id, children)


def _await_place(engine: Engine) -> Placed:
    future: pykka.Future[Placed] = pykka.ThreadingFuture()
    tell(engine.supervisor, AwaitPlace(future))
    try:
        place = future.get(timeout=ATTACH_TIMEOUT)
    except pykka.Timeout as exc:
        raise EngineError(f"the host of {engine.config.url} did not answer within {ATTACH_TIMEOUT:g} s") from exc
    if place.error is not None:
        raise place.error
    return place


@contextmanager
def serve(config: Config) -> Iterator[Role]:
    """Run the engine of `config` with no component of its own, as the host of other processes; yield its role.

    It takes over from a process that is the host, without a gap, and hands over when it ends, not before. If there is
    such a host already it is a guest of that one.

    Raises:
        ConfigError: if the folder that the processes meet in cannot be used.
        EngineError: if another process uses the connections and does not answer.
    """
    if config.mode == "embedded":
        raise ConfigError("mode='embedded' (WEBSOCKET_V6_MODE) shares with nobody: use auto to serve other processes")
    with _lock:
        engine = _engines[config] = Engine(config, serves=True)
        engine.users.add(SERVICE)
    try:
        ask(engine.supervisor, GetChildren(), ASK_TIMEOUT)
        yield _await_place(engine).role
    finally:
        _leave(engine, SERVICE)


def _meeting_folder(config: Config) -> Path | None:
    """Return where this process meets others of its user, made if need be; None if it shares with nobody.

    Raises:
        ConfigError: if a folder that was asked for cannot be used.
    """
    if config.mode == "embedded":
        return None
    folder = config.runtime_dir or default_folder()
    try:
        Rendezvous(folder, config.url)
    except ConfigError as exc:
        if config.runtime_dir is not None or config.mode == "attach":
            raise
        logger.warning("connections are not shared with other processes: %s", exc)
        return None
    return folder


def _leave(engine: Engine, component_id: str) -> None:
    tell(engine.supervisor, Quit(component_id))
    with _lock:
        engine.users.discard(component_id)
        if engine.users or _engines.get(engine.config) is not engine:
            return
        del _engines[engine.config]
        # Inside the lock: an engine that starts now would connect beside one that has not closed yet.
        try:
            _hand_over(engine, HAND_OVER_TIMEOUT)
        finally:
            _stop(engine)


def _hand_over(engine: Engine, timeout: float) -> None:
    """Let processes that use this engine's connections go on without a gap."""
    done: pykka.Future[bool] = pykka.ThreadingFuture()
    if tell(engine.supervisor, HandOver(done)):
        try:
            is_in_order = done.get(timeout=timeout)
        except pykka.Timeout:
            is_in_order = False
        if not is_in_order:
            logger.warning("other processes did not take over in time; they will notice the gap")


def _stop(engine: Engine) -> None:
    if not stop_and_join(engine.supervisor, STOP_TIMEOUT):
        logger.warning("the engine did not stop within %g s", STOP_TIMEOUT)


def at_exit(user: Leaver) -> None:
    """Have `user.end()` called before the interpreter ends, if `user` still exists then."""
    _exits.add(user)


@atexit.register
def _exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    for user in list(_exits):
        user.end(max(0.0, deadline - time.monotonic()))
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        try:
            _hand_over(engine, EXIT_TIMEOUT)
        finally:
            _stop(engine)


def _after_fork() -> None:
    """Begin anew in a forked child: the parent's threads are not here, and its sockets are not ours to speak on."""
    global _lock
    _lock = threading.Lock()
    _engines.clear()
    _exits.clear()
    abandon_sockets()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
