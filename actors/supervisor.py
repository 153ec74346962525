"""The others' lives: starts them in order of dependency, replaces one that a bug ended, stops them in reverse.

As OTP's supervisors: a child that fails is replaced together with those that lean on it (the table below), with fresh
state; what must outlive it (the components' wants, a connection's epoch) it leaves as its estate. More than
MAX_RESTARTS within MAX_SECONDS is a crash loop: everything stops and every component is told.
"""

import itertools
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.wants import ENDPOINTS

from .base import Actor, ask, stop_and_join, tell
from .connection import Connection, Estate, Resign
from .jwt import Jwt, KeysReplaced
from .messages import (
    DropConnection,
    EngineFailed,
    Failed,
    GetEstate,
    KeysChanged,
    LineServes,
    Ref,
    Renew,
    UseConnection,
    UseRegistry,
    UseRouter,
    Watch,
)
from .registry import Registry
from .router import Router

__all__ = ["Children", "GetChildren", "Join", "Quit", "Supervisor"]

logger = logging.getLogger(__name__)

MAX_RESTARTS = 5
MAX_SECONDS = 60.0
STOP_TIMEOUT = 5.0

ORDER = ("jwt", "registry", "router")
# Child -> those that are replaced with it, because they hold its ref or lean on its state, and the endpoints all lines
# of which are. A line is replaced alone.
WITH = {
    "jwt": (("jwt",), ("private", "info")),
    "registry": (("registry", "router"), ENDPOINTS),
    "router": (("router",), ENDPOINTS),
}
# Lines are told apart by number in the whole process, however many engines it has.
_numbers = itertools.count(1)


class Children(NamedTuple):
    """The engine's actors as they are now (live)."""

    jwt: Ref
    registry: Ref
    router: Ref
    connections: Mapping[str, tuple[Ref, ...]]  # by endpoint, its lines


class LineChild(NamedTuple):
    """One line of an endpoint."""

    endpoint: str
    number: int
    ref: Ref
    heir_of: int = 0  # the number of the line that ends as soon as this one serves


class GetChildren(NamedTuple):
    """Who are the engine's actors now? Asked; fails with EngineError once the engine has given up."""


class Join(NamedTuple):
    """A component uses the engine, and hears of it at `component` (live)."""

    component_id: str
    component: Ref


class Quit(NamedTuple):
    """A component no longer uses the engine."""

    component_id: str


class Supervisor(Actor):
    """Starts, watches, replaces and stops the engine's actors.

    Receives Join, Quit and GetChildren from proxies, Failed from children, KeysReplaced from Jwt.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._components: dict[str, Ref] = {}
        self._children: dict[str, Ref] = {}
        self._lines: list[LineChild] = []
        self._estates: dict[str, Any] = {}
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._failure: EngineError | None = None

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case GetChildren():
                return self._get_children()
            case Join(component_id, component):
                children = self._get_children()
                self._components[component_id] = component
                tell(children.registry, Watch(component_id, component))
                return children
            case Quit(component_id):
                self._components.pop(component_id, None)
            case Failed():
                self._replace(message)
            case Renew(ref):
                self._renew(ref)
            case LineServes(number):
                self._hand_over(number)
            case KeysReplaced():
                for line in self._lines:
                    tell(line.ref, KeysChanged())
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Stop all children, those that lean on others first."""
        for line in list(self._lines):
            self._stop_line(line)
        for name in reversed(ORDER):
            self._stop_child(name)

    # --- children

    def _get_children(self) -> Children:
        if self._failure is not None:
            raise EngineError(str(self._failure))
        if not self._children:
            self._start(ORDER)
            for endpoint in ENDPOINTS:
                for _ in range(self._config.redundancy):
                    self._start_line(endpoint)
        children = self._children
        connections = {
            endpoint: tuple(line.ref for line in self._lines if line.endpoint == endpoint) for endpoint in ENDPOINTS
        }
        return Children(children["jwt"], children["registry"], children["router"], connections)

    def _start(self, names: tuple[str, ...]) -> None:
        """Start `names`, which are in order, and make them and the others known to each other."""
        for name in names:
            self._children[name] = self._start_child(name)
        registry, router = self._children["registry"], self._children["router"]
        if "router" in names:
            tell(router, UseRegistry(registry))
            tell(registry, UseRouter(router))

    def _start_child(self, name: str) -> Ref:
        estate = self._estates.pop(name, None)
        match name:
            case "jwt":
                return Jwt.start(config=self._config, owner=self.actor_ref, estate=estate)
            case "registry":
                return Registry.start(config=self._config.without_keys(), supervisor=self.actor_ref, estate=estate)
            case _:
                return Router.start(supervisor=self.actor_ref, estate=estate)

    def _start_line(self, endpoint: str, estate: Estate | None = None, heir_of: int = 0) -> None:
        config = self._config.without_keys()  # keys are Jwt's alone
        urls = {"public": config.url, "private": config.private_url, "info": config.info_url}
        number = next(_numbers)
        ref = Connection.start(
            endpoint=endpoint,
            line=number,
            url=urls[endpoint],
            config=config,
            registry=self._children["registry"],
            router=self._children["router"],
            jwt=self._children["jwt"],
            supervisor=self.actor_ref,
            estate=estate,
        )
        self._lines.append(LineChild(endpoint, number, ref, heir_of))
        tell(self._children["registry"], UseConnection(endpoint, ref, number))

    def _stop_child(self, name: str) -> None:
        ref = self._children.pop(name, None)
        if ref is None:
            return
        if name == "router":
            estate = self._last_words(name, ref, GetEstate())
            if estate is not None:
                self._estates[name] = estate
        _stop(name, ref)

    def _stop_line(self, line: LineChild) -> Estate | None:
        self._lines.remove(line)
        estate: Estate | None = self._last_words(line.endpoint, line.ref, Resign())
        _stop(line.endpoint, line.ref)
        # After its own last word to the registry, which says since when its data is missed.
        tell(self._children.get("registry"), DropConnection(line.endpoint, line.ref))
        return estate

    def _last_words(self, name: str, ref: Ref, question: object) -> Any:
        """Ask a child that is to be stopped for its estate; None if it has failed, for then it sends it by itself."""
        try:
            return ask(ref, question, STOP_TIMEOUT)
        except pykka.ActorDeadError:
            return None
        except pykka.Timeout:
            logger.warning("the engine's %s does not answer", name)
            return None

    # --- lines that are replaced while they serve

    def _renew(self, ref: Ref) -> None:
        for line in self._lines:
            if line.ref == ref and not self._has_heir(line):
                self._start_line(line.endpoint, heir_of=line.number)
                return

    def _has_heir(self, old: LineChild) -> bool:
        return any(line.heir_of == old.number for line in self._lines)

    def _hand_over(self, number: int) -> None:
        heir = next((line for line in self._lines if line.number == number and line.heir_of), None)
        if heir is None:
            return
        self._lines[self._lines.index(heir)] = heir._replace(heir_of=0)
        for line in self._lines:
            if line.number == heir.heir_of:
                self._stop_line(line)
                return

    # --- failures

    def _replace(self, failed: Failed) -> None:
        failed_line = next((line for line in self._lines if line.ref == failed.ref), None)
        if failed_line is None and self._children.get(failed.name) != failed.ref:
            return  # replaced already, with another one
        now = time.monotonic()
        if len(self._restarts) == MAX_RESTARTS and now - self._restarts[0] < MAX_SECONDS:
            self._give_up(failed)
            return
        self._restarts.append(now)
        logger.error("the engine's %s failed and is replaced: %r", failed.name, failed.error)
        names, endpoints = WITH.get(failed.name, ((), ()))
        estates = {line: self._stop_line(line) for line in self._lines[:] if line.endpoint in endpoints}
        if failed_line is not None:
            self._stop_line(failed_line)
            estates[failed_line] = failed.estate
        else:
            self._estates[failed.name] = failed.estate
        for name in reversed(names):
            self._stop_child(name)
        self._start(names)
        for line, estate in estates.items():
            # One that has an heir needs no other successor; heirs themselves do, if it was not all lines that ended.
            if failed_line is None and not line.heir_of:
                self._start_line(line.endpoint, estate)
            elif failed_line is not None and not self._has_heir(line):
                self._start_line(line.endpoint, estate, line.heir_of)

    def _give_up(self, failed: Failed) -> None:
        text = (
            f"the engine gave up: its {failed.name} failed {MAX_RESTARTS + 1} times within {MAX_SECONDS:g} s, "
            f"the last time with {failed.error!r}; this is a bug, please report it, then start the program again"
        )
        logger.critical(text)
        self._failure = EngineError(text)
        self.close()
        for component in self._components.values():
            tell(component, EngineFailed(self._failure))


def _stop(name: str, ref: Ref) -> None:
    if not stop_and_join(ref, STOP_TIMEOUT):
        logger.warning("the engine's %s did not stop within %g s", name, STOP_TIMEOUT)
