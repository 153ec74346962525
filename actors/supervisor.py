"""The others' lives: starts them in order of dependency, replaces one that a bug ended, stops them in reverse.

As OTP's supervisors: a child that fails is replaced together with those that lean on it (the table below), with fresh
state; what must outlive it (the components' wants, epochs, the keys) it leaves as its inheritance. More than
MAX_RESTARTS within MAX_SECONDS is a crash loop: everything stops and every component is told. What brings the data is
`sources.py`.
"""

import functools
import logging
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.exchange.wants import ENDPOINTS
from websocket_v6.protocol.outside_text import outside_text

from .base import Actor, last_words, stop_child, tell
from .delivery.router import Router
from .demand.registry import Registry, RegistryInheritance
from .gaps.backfill import Backfill
from .jwt import Jwt, KeysReplaced
from .membership.membership import Membership
from .membership.place import HandOver, Placed, Role
from .messages.common import GetInheritance, Ref
from .messages.component import EngineFailed
from .messages.connection import KeysChanged
from .messages.registry import ComponentGone, UseRouter, Watch
from .messages.router import RouterInheritance, UseBackfill, UseRegistry
from .messages.server import DoorFailed, DoorOpened
from .messages.supervisor import Failed, OpenNetwork, Renew, SourceServes, UseSettings
from .server.network_door import NetworkDoor
from .server.network_server import ShowState
from .server.server import Server
from .sources import Neighbours, Source, Sources

__all__ = ["AwaitPlace", "Children", "GetChildren", "Join", "Quit", "Supervisor"]

logger = logging.getLogger(__name__)

MAX_RESTARTS = 5
MAX_SECONDS = 60.0
REOPEN = 1.0  # seconds until a port that was lost is tried again

ORDER = ("jwt", "registry", "router", "backfill", "membership", "network")
# Child -> those that are replaced with it, because they hold its ref or lean on its state, and the endpoints all
# connections of which are. A connection is replaced alone.
WITH = {
    "jwt": (("jwt", "membership", "network"), ("private", "info")),
    "registry": (("registry", "router", "backfill", "membership", "network"), ENDPOINTS),
    "router": (("router", "backfill", "membership", "network"), ENDPOINTS),
    "backfill": (("backfill",), ()),
    "membership": (("membership",), ()),
    "network": (("network",), ()),
}


class Children(NamedTuple):
    """The engine's actors as they are now (live)."""

    jwt: Ref
    registry: Ref
    router: Ref
    connections: Mapping[str, tuple[Ref, ...]]  # by endpoint, its sources
    membership: Ref | None  # if this process shares with others
    network: Ref | None = None  # if it serves the network


class GetChildren(NamedTuple):
    """Who are the engine's actors now? Asked; fails with EngineError once the engine has given up."""


class ReopenNetwork(NamedTuple):
    """Try again to listen for the network."""


class Join(NamedTuple):
    """A component uses the engine, and hears of it at `component` (live)."""

    component_id: str
    component: Ref


class Quit(NamedTuple):
    """A component no longer uses the engine."""

    component_id: str


class AwaitPlace(NamedTuple):
    """Has this process found its place among the others? Answered through the future, once it has (live)."""

    place: "pykka.Future[Placed]"


class Supervisor(Actor):
    """Starts, watches, replaces and stops the engine's actors.

    Receives Join, Quit, GetChildren, AwaitPlace, HandOver, OpenNetwork and ShowState from proxies, Failed from
    children, KeysReplaced from Jwt, Renew from connections, SourceServes from the registry, Placed and UseSettings from
    the membership, DoorOpened and DoorFailed from the network's server. `folder` is where this process meets others to
    share connections with; without one it does not. `serves` says that it is there to be their host.
    """

    def __init__(self, config: Config, folder: Path | None = None, *, serves: bool = False) -> None:
        super().__init__()
        self._config = config
        self._folder = folder
        self._serves = serves
        self._place = Placed(Role.EMBEDDED if folder is None else Role.LOOKING)
        self._awaiting: list[pykka.Future[Placed]] = []
        self._components: dict[str, Ref] = {}
        self._children: dict[str, Ref] = {}
        self._sources = Sources(config, self.actor_ref, self._neighbours)
        self._inheritances: dict[str, Any] = {}
        self._door = NetworkDoor()
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
                tell(self._children.get("registry"), ComponentGone(component_id))  # it may not have heard
            case Failed():
                self._replace(message)
            case Renew():
                self._sources.renew(message)
            case SourceServes():
                self._sources.serves(message)
            case KeysReplaced(generation):
                self._sources.tell_keys(KeysChanged(generation))
                tell(self._children.get("membership"), KeysChanged(generation))
                tell(self._children.get("network"), KeysChanged(generation))
            case Placed():
                self._placed(message)
            case UseSettings():
                self._sources.use(message)
            case AwaitPlace(place):
                self._awaiting.append(place)
                self._answer_place()
            case OpenNetwork(opening, address):
                self._door.open(opening, address)
                self._open_network()
            case DoorOpened() | DoorFailed():
                self._hear_of_door(message)
            case ReopenNetwork():
                self._open_network()
            case ShowState():
                tell(self._children.get("network"), message)
            case HandOver(done):
                if not tell(self._children.get("membership"), message):
                    done.set(True)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Stop all children, those that lean on others first."""
        self._sources.close()
        for name in reversed(ORDER):
            self._stop_child(name)

    # --- children

    def _get_children(self) -> Children:
        if self._failure is not None:
            raise EngineError(str(self._failure))
        if not self._children:
            self._start(ORDER)
            self._sources.arrange(self._place)
        children = self._children
        connections = {endpoint: self._sources.of(endpoint) for endpoint in ENDPOINTS}
        return Children(
            children["jwt"],
            children["registry"],
            children["router"],
            connections,
            children.get("membership"),
            children.get("network"),
        )

    def _neighbours(self) -> Neighbours:
        children = self._children
        return Neighbours(children["registry"], children["router"], children["jwt"], children.get("membership"))

    def _start(self, names: tuple[str, ...]) -> None:
        """Start `names`, which are in order, and make them and the others known to each other."""
        left: RouterInheritance | None = self._inheritances.get("router")
        inherited: RegistryInheritance | None = self._inheritances.get("registry")
        for name in names:
            if self._is_needed(name):
                self._children[name] = self._start_child(name)
        registry, router = self._children["registry"], self._children["router"]
        if "registry" in names:
            self._tell_components(registry, inherited)
        if "router" in names:
            tell(router, UseRegistry(registry))
            tell(registry, UseRouter(router, left.whole_ns if left is not None else {}))
        if "backfill" in names and self._config.backfill:
            tell(router, UseBackfill(self._children["backfill"]))

    def _tell_components(self, registry: Ref, inherited: RegistryInheritance | None) -> None:
        """Tell a registry who is there: what lay in the inbox of the one before it, and came there since, is lost."""
        for component_id, component in self._components.items():
            tell(registry, Watch(component_id, component))
        known = (
            {claim.component_id for claim in inherited.claims.values()} | set(inherited.watchers) if inherited else ()
        )
        for component_id in sorted(set(known) - set(self._components)):  # also guests: their sessions end with it
            tell(registry, ComponentGone(component_id))

    def _is_needed(self, name: str) -> bool:
        needed = {
            "membership": self._folder is not None,
            "backfill": self._config.backfill,
            "network": self._door.opening is not None,
        }
        return needed.get(name, True)

    def _start_child(self, name: str) -> Ref:
        inheritance = self._inheritances.pop(name, None)
        match name:
            case "jwt":
                return Jwt.start(config=self._config, owner=self.actor_ref, inheritance=inheritance)
            case "registry":
                return Registry.start(
                    config=self._config.without_keys(), supervisor=self.actor_ref, inheritance=inheritance
                )
            case "router":
                return Router.start(supervisor=self.actor_ref, inheritance=inheritance)
            case "backfill":
                return Backfill.start(
                    config=self._config.without_keys(),
                    router=self._children["router"],
                    registry=self._children["registry"],
                    supervisor=self.actor_ref,
                )
            case "network":
                return self._door.start(self._config.without_keys(), self._children, self.actor_ref)
            case _:
                return self._start_membership()

    def _start_membership(self) -> Ref:
        if self._folder is None:
            raise LookupError("a process that does not share has no membership")
        children = self._children
        config = self._config.without_keys()
        return Membership.start(
            config=config,
            folder=self._folder,
            jwt=children["jwt"],
            supervisor=self.actor_ref,
            start_server=functools.partial(
                Server.start, config=config, registry=children["registry"], router=children["router"]
            ),
            serves=self._serves,
        )

    def _stop_child(self, name: str) -> None:
        ref = self._children.pop(name, None)
        if ref is None:
            return
        if name == "router":
            inheritance = last_words(name, ref, GetInheritance())
            if inheritance is not None:
                self._inheritances[name] = inheritance
        stop_child(name, ref)

    # --- this process among others

    def _placed(self, place: Placed) -> None:
        if place.membership is None or place.membership != self._children.get("membership"):
            return  # from one that was replaced, or the engine has given up
        self._place = place
        self._sources.arrange(place)
        self._answer_place()

    def _answer_place(self) -> None:
        if self._place.role is Role.LOOKING and self._failure is None:
            return
        for one in self._awaiting:
            if self._failure is None:
                one.set(self._place)
            else:
                one.set_exception((EngineError, self._failure, None))
        self._awaiting.clear()

    # --- the network

    def _open_network(self) -> None:
        if self._failure is not None:
            self._door.give_up(self._failure)
        elif "network" not in self._children and self._door.opening is not None:
            self._get_children()
            if "network" not in self._children:
                self._start(("network",))

    def _hear_of_door(self, message: DoorOpened | DoorFailed) -> None:
        if message.server != self._children.get("network"):
            return  # from one that was replaced
        match message:
            case DoorOpened(_, address):
                self._door.opened(address)
            case DoorFailed(_, reason):
                self._stop_child("network")
                if self._door.failed(reason):
                    self.after(REOPEN, ReopenNetwork())

    # --- failures

    def _replace(self, failed: Failed) -> None:
        source = self._sources.by_ref(failed.ref)
        if source is None and self._children.get(failed.name) != failed.ref:
            return  # replaced already, with another one
        now = time.monotonic()
        if len(self._restarts) == MAX_RESTARTS and now - self._restarts[0] < MAX_SECONDS:
            self._give_up(failed)
            return
        self._restarts.append(now)
        logger.error("the engine's %s failed and is replaced: %s", failed.name, outside_text(repr(failed.error)))
        if source is not None:
            self._replace_source(source, failed)
        else:
            self._replace_child(failed)

    def _replace_source(self, source: Source, failed: Failed) -> None:
        has_heir = self._sources.has_heir(source)
        self._sources.end(source)
        if not has_heir:
            self._sources.start(
                source.endpoint,
                failed.inheritance,
                source.heir_of,
                outlives_refusal=source.outlives_refusal,
                door=source.door,
            )

    def _replace_child(self, failed: Failed) -> None:
        names, endpoints = WITH[failed.name]
        if "membership" in names and self._folder is not None:
            self._place = Placed(Role.LOOKING)  # its door is its own: the next one says where data comes from then
        stopped = {source: self._sources.stop(source) for source in self._sources if source.endpoint in endpoints}
        self._inheritances[failed.name] = failed.inheritance
        for name in reversed(names):
            self._stop_child(name)
        self._start(names)
        # Only now: a registry that goes on must know first that the router which they told everything is gone.
        for source in stopped:
            self._sources.drop(source)
        for source, inheritance in stopped.items():
            # An heir needs no successor beside that of whom it was to replace; what led through that door has none.
            follows = any(other.number in source.heir_of and other.door is None for other in stopped)
            if source.door is None and not follows:
                self._sources.start(source.endpoint, inheritance)

    def _give_up(self, failed: Failed) -> None:
        text = (
            f"the engine gave up: its {failed.name} failed {MAX_RESTARTS + 1} times within {MAX_SECONDS:g} s, "
            f"the last time with {outside_text(repr(failed.error))}; this is a bug, please report it, then start the "
            "program again"
        )
        logger.critical(text)
        self._failure = EngineError(text)
        self.close()
        self._door.give_up(self._failure)
        self._answer_place()
        for component in self._components.values():
            tell(component, EngineFailed(self._failure))
