"""The others' lives: starts them in order of dependency, replaces one that a bug ended, stops them in reverse.

As OTP's supervisors: a child that fails is replaced together with those that lean on it (the table below), with fresh
state; what must outlive it (the components' wants, a connection's epoch) it leaves as its estate. More than
MAX_RESTARTS within MAX_SECONDS is a crash loop: everything stops and every component is told.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.wants import ENDPOINTS

from .backfill import Backfill
from .base import Actor, ask, stop_and_join, tell
from .connection import Connection, Estate, Resign
from .jwt import Jwt, KeysReplaced
from .messages import (
    EngineFailed,
    Failed,
    GetEstate,
    KeysChanged,
    Ref,
    UseBackfill,
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

# Child -> those that are replaced with it, because they hold its ref or lean on its state.
ORDER = ("jwt", "registry", "router", "backfill", *ENDPOINTS)
WITH = {
    "jwt": ("jwt", "private", "info"),
    "registry": ("registry", "router", "backfill", *ENDPOINTS),
    "router": ("router", "backfill", *ENDPOINTS),
    "backfill": ("backfill",),
    **{endpoint: (endpoint,) for endpoint in ENDPOINTS},
}


class Children(NamedTuple):
    """The engine's actors as they are now (live)."""

    jwt: Ref
    registry: Ref
    router: Ref
    connections: Mapping[str, Ref]


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
            case KeysReplaced():
                for endpoint in ("private", "info"):
                    tell(self._children.get(endpoint), KeysChanged())
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Stop all children, those that lean on others first."""
        for name in reversed(ORDER):
            self._stop_child(name)

    # --- children

    def _get_children(self) -> Children:
        if self._failure is not None:
            raise EngineError(str(self._failure))
        if not self._children:
            self._start(ORDER)
        children = self._children
        connections = {endpoint: children[endpoint] for endpoint in ENDPOINTS}
        return Children(children["jwt"], children["registry"], children["router"], connections)

    def _start(self, names: tuple[str, ...]) -> None:
        """Start `names`, which are in order, and make them and the others known to each other."""
        for name in names:
            if name != "backfill" or self._config.backfill:
                self._children[name] = self._start_child(name)
        registry, router = self._children["registry"], self._children["router"]
        if "router" in names:
            tell(router, UseRegistry(registry))
            tell(registry, UseRouter(router))
        if "backfill" in names and self._config.backfill:
            tell(router, UseBackfill(self._children["backfill"]))
        for endpoint in ENDPOINTS:
            if endpoint in names:
                tell(registry, UseConnection(endpoint, self._children[endpoint]))

    def _start_child(self, name: str) -> Ref:
        estate = self._estates.pop(name, None)
        match name:
            case "jwt":
                return Jwt.start(config=self._config, owner=self.actor_ref, estate=estate)
            case "registry":
                return Registry.start(config=self._config.without_keys(), supervisor=self.actor_ref, estate=estate)
            case "router":
                return Router.start(supervisor=self.actor_ref, estate=estate)
            case "backfill":
                return Backfill.start(
                    config=self._config.without_keys(),
                    router=self._children["router"],
                    registry=self._children["registry"],
                    supervisor=self.actor_ref,
                )
            case _:
                return self._start_connection(name, estate)

    def _start_connection(self, endpoint: str, estate: Estate | None) -> Ref:
        config = self._config.without_keys()  # keys are Jwt's alone
        urls = {"public": config.url, "private": config.private_url, "info": config.info_url}
        return Connection.start(
            endpoint=endpoint,
            url=urls[endpoint],
            config=config,
            registry=self._children["registry"],
            router=self._children["router"],
            jwt=self._children["jwt"],
            supervisor=self.actor_ref,
            estate=estate,
        )

    def _stop_child(self, name: str) -> None:
        ref = self._children.pop(name, None)
        if ref is None:
            return
        try:
            if name in ENDPOINTS:
                self._estates[name] = ask(ref, Resign(), STOP_TIMEOUT)
            elif name == "router":
                self._estates[name] = ask(ref, GetEstate(), STOP_TIMEOUT)
        except pykka.ActorDeadError:
            pass  # it failed too, and its own message is under way
        except pykka.Timeout:
            logger.warning("the engine's %s does not answer", name)
        if not stop_and_join(ref, STOP_TIMEOUT):
            logger.warning("the engine's %s did not stop within %g s", name, STOP_TIMEOUT)

    # --- failures

    def _replace(self, failed: Failed) -> None:
        if self._children.get(failed.name) != failed.ref:
            return  # replaced already, with another one
        self._estates[failed.name] = failed.estate
        now = time.monotonic()
        if len(self._restarts) == MAX_RESTARTS and now - self._restarts[0] < MAX_SECONDS:
            self._give_up(failed)
            return
        self._restarts.append(now)
        logger.error("the engine's %s failed and is replaced: %r", failed.name, failed.error)
        names = WITH[failed.name]
        for name in reversed(names):
            self._stop_child(name)
        self._start(names)

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
