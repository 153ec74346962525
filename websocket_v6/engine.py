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
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pykka

from .actors.base import tell
from .actors.children import Children
from .actors.forks import no_fork
from .actors.future import Future
from .actors.guard import Guard
from .actors.membership.place import Placed, Role
from .actors.messages.common import Ref
from .actors.messages.supervisor import AwaitPlace, GetChildren, Join, OpenNetwork, Quit
from .actors.supervisor import Legacy, Supervisor
from .leaving import FLEET_TIMEOUT, hand_over, leave_fleets
from .link import ASK_TIMEOUT, GLANCE, Link
from .protocol.config import Config
from .protocol.errors import ConfigError, EngineError
from .protocol.shortages import remedy
from .steps import Answer, Ended, Steps, finish, pause
from .surveyor import Reporting, Surveyor, count_streams

if TYPE_CHECKING:
    from .actors.messages.supervisor import ShowState
    from .actors.replay.stage import Stage
    from .actors.server.opening import Opening
    from .actors.undone import Undone
    from .protocol.exchange.streams import Stream
    from .protocol.membership.words import ComponentRow
    from .protocol.replaying import Replay
    from .protocol.server.network import Network

__all__ = ["Link", "Service", "at_exit", "join", "serve"]

logger = logging.getLogger(__name__)

STOP_TIMEOUT = 10.0
SERVICE = "websocket-v6 serve"
ATTACH_TIMEOUT = 20.0
HAND_OVER_TIMEOUT = 2.0
CLOSE_TIMEOUT = (
    STOP_TIMEOUT + HAND_OVER_TIMEOUT + FLEET_TIMEOUT + 3.0
)  # with some room for a machine that does much else
NOBODY = Children(None, None, None, {})
EXIT_TIMEOUT = 0.5  # for all callbacks that run at the interpreter's exit together: Ctrl-C is not to be waited for


class Leaver(Protocol):
    """Someone who uses the engine and can be told to stop doing so."""

    def end(self, timeout: float) -> Steps[None]:
        """Leave the engine; wait at most `timeout` seconds for what is running."""


class Engine:
    """A supervisor and its guard, started by whoever uses it first, and who uses it.

    `users` and `is_closing` are the module's, under its lock; it ends once, whoever ends it.
    """

    def __init__(self, config: Config, *, serves: bool = False) -> None:
        self.config = config
        self.users: set[str] = set()
        self.is_closing = False
        self.closed: Future[None] = Future()  # set when its connections are, and another one may begin
        self._serves = serves
        self._starting = threading.Lock()
        self._guard: Guard | None = None
        self.survey = Surveyor(self.link, config.url)  # of this process, for whoever asks
        self.undone = _undone() if config.fleet_resume is not None else None  # what its components are not done with

    def start(self) -> None:
        """Start the supervisor, if need be.

        Raises:
            ConfigError: if the folder that the processes meet in cannot be used.
            EngineError: if no thread can be started.
            RecordingError: if what is to be replayed is no recording.
        """
        with self._starting:
            if self._guard is None:
                folder = _meeting_folder(self.config)
                stage = None if self.config.recording is None else _stage_of(self.config.recording)

                def start_one(legacy: Legacy | None) -> Ref:
                    how = {"serves": self._serves, "stage": stage, "survey": self.survey, "undone": self.undone}
                    return Supervisor.start(self.config, folder, legacy=legacy, **how)

                try:
                    guard = Guard(start_one)
                    guard.start()
                except (RuntimeError, OSError, MemoryError) as exc:
                    raise EngineError(f"the engine cannot be started: {exc}; {remedy(exc) or 'try again'}") from exc
                self._guard = guard

    @property
    def supervisor(self) -> Ref | None:
        """The supervisor as it is now."""
        return None if self._guard is None else self._guard.supervisor

    @property
    def link(self) -> Link:
        """A way to the engine's actors that does not keep it alive."""
        return Link(self, "", NOBODY, lambda: pause(0.0))

    def show(self, component: Reporting) -> None:
        """Have a component be seen by whoever looks at the process, for as long as it lives."""
        self.survey.add(component)

    def forget(self, user: str, wait: float = 0.0) -> None:
        """Tell the supervisor that this component is none any more, or will be none after so many seconds."""
        tell(self.supervisor, Quit(user, wait))

    def stop(self, timeout: float) -> Steps[None]:
        """Hand over within `timeout` seconds, and stop. Only whoever set `is_closing` calls this."""
        with self._starting:
            guard = self._guard
        if guard is not None:
            guard.finish()
            try:
                yield from hand_over(guard.supervisor, timeout)
                if self.config.fleet is not None:
                    yield from leave_fleets(guard.supervisor)
            finally:
                yield from _stop(guard.supervisor)
        self.survey.close()

    def ask(self, message: object, deadline: float) -> Steps[Any]:
        """Ask the supervisor; if it is being replaced, its successor.

        Raises:
            EngineError: if it does not answer until `deadline`, or the engine is stopped.
            Exception: whatever it answers with.
        """
        while True:
            supervisor = self.supervisor
            try:
                if supervisor is not None:
                    return (yield Answer.of(supervisor, message, max(0.001, deadline - time.monotonic())))
            except pykka.Timeout as exc:
                raise EngineError("the engine does not answer: is the process starved?") from exc
            except pykka.ActorDeadError:
                if self.is_closing or time.monotonic() > deadline:
                    raise EngineError("the engine is stopped, or is being started again: see the log") from None
            yield from pause(GLANCE)


_lock = threading.Lock()  # of what follows; it is held for as long as it takes to look something up
_engines: dict[Config, Engine] = {}  # which one to use
_open: set[Engine] = set()  # all that have not closed yet
_exits: "weakref.WeakSet[Leaver]" = weakref.WeakSet()


def join(config: Config, component_id: str, component: Ref) -> Steps[Link]:
    """Start or find the engine for `config` and use it as `component_id`.

    Raises:
        EngineError: if it cannot be started, or does not answer.
        ConfigError: if the folder that the processes meet in cannot be used, or there is no host to attach to.
    """
    engine = yield from _enter(config, component_id)
    try:
        engine.start()
        children: Children = yield from engine.ask(Join(component_id, component), time.monotonic() + ASK_TIMEOUT)
        if config.mode == "attach":
            yield from _await_place(engine)
    except BaseException:
        yield from _leave(engine, component_id)
        raise
    return Link(engine, component_id, children, lambda: _leave(engine, component_id))


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


def _await_place(engine: Engine) -> Steps[Placed]:
    future: Future[Placed] = Future()
    tell(engine.supervisor, AwaitPlace(future))
    try:
        place: Placed = yield Answer(future, ATTACH_TIMEOUT)
    except pykka.Timeout as exc:
        children: Children = yield from engine.ask(GetChildren(), time.monotonic() + ASK_TIMEOUT)
        why = "".join(f"; {one}" for one in children.restarting)
        text = f"the host of {engine.config.url} did not answer within {ATTACH_TIMEOUT:g} s{why}"
        raise EngineError(text) from exc
    if place.error is not None:
        raise place.error
    return place


class Service:
    """An engine that serves others. `role` is its place among the processes of its user when it had found it."""

    def __init__(self, engine: Engine, role: Role) -> None:
        self.role = role
        self.address = ""  # where the network is served
        self._engine = engine

    def open_network(self, opening: "Opening") -> None:
        """Serve the network, too.

        Raises:
            OSError: if it cannot be listened there.
            EngineError: if the engine does not answer.
        """
        future: Future[str] = Future()
        tell(self._engine.supervisor, OpenNetwork(opening, future))
        try:
            self.address = Answer(future, ASK_TIMEOUT).wait()
        except pykka.Timeout as exc:
            raise EngineError(f"the door to the network did not open within {ASK_TIMEOUT:g} s") from exc
        except OSError as exc:
            raise OSError(f"{exc}: give another --port or --bind, or end what listens there") from None

    def components(self) -> "list[ComponentRow]":
        """Return what the components of this process are doing."""
        return self._engine.survey.rows()

    def stream_counts(self) -> "dict[Stream, int]":
        """Return how many messages each stream has had since this was asked first.

        Raises:
            EngineError: if the engine does not answer.
        """
        return count_streams(self._engine.link)

    def show(self, state: "ShowState") -> None:
        """Have the network's door show this to whoever looks."""
        tell(self._engine.supervisor, state)


@contextlib.contextmanager
def serve(config: Config, network: "Network | None" = None) -> Iterator[Service]:
    """Run the engine of `config` with no component of its own, as the host of other processes; yield what it is.

    It takes over from a process that is the host, without a gap, and hands over when it ends, not before. If there is
    such a host already it is a guest of that one, and its network is not served.

    Raises:
        ConfigError: if the folder that the processes meet in cannot be used, or the network not be served so.
        OSError: if the network cannot be listened to.
        EngineError: if another process uses the connections and does not answer.
    """
    opening = _prepare(network) if network is not None else None
    if config.mode == "embedded" and opening is None:
        raise ConfigError("mode='embedded' (WEBSOCKET_V6_MODE) shares with nobody: use auto to serve other processes")
    engine = finish(_enter(config, SERVICE, serves=True))
    try:
        engine.start()
        finish(engine.ask(GetChildren(), time.monotonic() + ASK_TIMEOUT))
        service = Service(engine, finish(_await_place(engine)).role)
        if opening is not None and service.role is not Role.GUEST:
            service.open_network(opening)
        yield service
    finally:
        finish(_leave(engine, SERVICE))


def _prepare(network: "Network") -> "Opening":
    with no_fork():
        from .actors.server.opening import prepare
    return prepare(network)


def _undone() -> "Undone":
    with no_fork():
        from .actors.undone import Undone
    return Undone()


def _meeting_folder(config: Config) -> Path | None:
    """Return where this process meets others of its user, made if need be; None if it shares with nobody.

    Raises:
        ConfigError: if a folder that was asked for cannot be used.
    """
    if config.mode == "embedded":
        return None
    with no_fork():
        from .actors.membership.rendezvous import Rendezvous, default_folder
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
    with _lock:
        engine.users.discard(user)
        is_last = not engine.users and not engine.is_closing
        engine.is_closing |= is_last
    # With a resume name it is routed on to whom it is owed: until the end, or for a while that the end may follow in.
    if engine.undone is None or not is_last:
        engine.forget(user, 0.0 if engine.undone is None else engine.undone.lasts)
    if not is_last:
        return
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


def _stage_of(recording: "Replay") -> "Stage":
    from .actors.replay.recorded_tape import Tape
    from .actors.replay.stage import Stage

    return Stage(Tape(recording))
