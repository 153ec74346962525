"""The children of a supervisor, but for the sources: who they are, who leans on whom, how each is started and stopped.

Not an actor: the supervisor owns one `Family`. What few programs need is imported when it is started: nobody waits for
it at the beginning. As that may be in another thread, it is done where no fork can be (`forks.py`).
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.exchange.wants import ALL_ENDPOINTS
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.supervision.steps import Trouble

from .base import Actor, actor_of, last_words, stop_child, tell
from .delivery.router import Router
from .demand.registry import Registry, RegistryInheritance
from .forks import no_fork
from .jwt import Jwt, JwtInheritance, KeysSettled
from .membership.place import Placed, Role, Survey, no_survey
from .messages.common import GetInheritance, Ref
from .messages.component import EngineFailed
from .messages.connection import KeysChanged
from .messages.registry import ComponentGone, Unsubscribe, UseRouter, Watch
from .messages.router import AccountChanged, RouterInheritance, UseBackfill, UseReconciler, UseRegistry
from .server.network_door import NetworkDoor

if TYPE_CHECKING:
    from .fleet.access import LogAccess
    from .replay.stage import Stage
    from .undone import Undone

__all__ = ["ORDER", "WITH", "Children", "Family"]

ORDER = ("jwt", "registry", "router", "player", "backfill", "reconciler", "membership", "network", "fleet", "account")
_LEAN = ("player", "backfill", "reconciler", "membership", "network", "fleet", "account")  # on the router
# Child -> those that are replaced with it, because they hold its ref or lean on its state, and the endpoints all
# connections of which are. A connection is replaced alone. None is started before those it is replaced with are there.
WITH = {
    "jwt": (("jwt", "reconciler", "membership", "network"), ("private", "info")),
    "registry": (("registry", "router", *_LEAN), ALL_ENDPOINTS),
    "router": (("router", *_LEAN), ALL_ENDPOINTS),
    "player": (("player",), ()),
    "backfill": (("backfill",), ()),
    "reconciler": (("reconciler",), ()),
    "membership": (("membership",), ()),
    "network": (("network",), ()),
    "fleet": (("fleet",), ()),
    "account": (("account",), ()),  # the fleet of private data
}


class Children(Message):
    """The engine's actors as they are now (live); `None` for one that is being started again, or is not needed."""

    jwt: Ref | None
    registry: Ref | None
    router: Ref | None
    connections: Mapping[str, tuple[Ref, ...]]  # by endpoint, its sources
    membership: Ref | None = None  # if this process shares with others
    network: Ref | None = None  # if it serves the network
    fleets: tuple[Ref, ...] = ()  # if this machine shares with others: that of public data, and of an account's
    troubles: tuple[Trouble, ...] = ()  # of whatever has failed and not run well since
    shares: bool = False  # whether this process meets others
    stage: "Stage | None" = None  # if it is a recording that is played

    @property
    def restarting(self) -> tuple[Trouble, ...]:
        """Why some of them are not there."""
        return tuple(one for one in self.troubles if one.part in WITH and one.due is not None)


class Family:
    """Starts and stops children, and makes them known to each other. `owner` is the supervisor.

    What outlives a child (the components' wants, epochs, the keys) it leaves here as its inheritance.
    """

    def __init__(
        self,
        config: Config,
        folder: Path | None,
        owner: Ref,
        *,
        serves: bool,
        stage: "Stage | None" = None,
        survey: Survey = no_survey,
        undone: "Undone | None" = None,
    ) -> None:
        self._survey = survey
        self._undone = undone
        self.refs: dict[str, Ref] = {}
        # The children themselves: one whose thread has ended is held by nobody else, and what it leaves is wanted.
        self._actors: dict[str, Actor | None] = {}
        self.components: dict[str, Ref] = {}
        self.door = NetworkDoor()
        self.inheritances: dict[str, Any] = {}
        self.needs: set[str] = set()  # of those that are not there in every engine
        self._config = config
        self._folder = folder
        self._owner = owner
        self._serves = serves
        self.stage = stage
        self.generation = 0  # of the keys, as far as they were changed
        self._had_registry = False
        self._taken_back: list[Unsubscribe] = []  # what the next registry is to hear
        self.fleets: Mapping[str, tuple[LogAccess, tuple[str, ...]]] = {}
        self._machine = ""
        if config.fleet is not None:
            with no_fork():
                from .fleet.access import fleets_of, new_machine
            self.fleets, self._machine = fleets_of(config), new_machine()

    def inherit(self, components: dict[str, Ref], inheritances: dict[str, Any], door: NetworkDoor) -> None:
        """Begin with what a family left, the supervisor of which has failed."""
        self.components, self.inheritances, self.door = components, inheritances, door
        self._had_registry = True
        left: JwtInheritance | None = inheritances.get("jwt")
        if left is not None and left.keys is not None:
            self.join_account(Secret(left.keys.secret_key))

    def missing(self) -> Iterator[str]:
        """Yield those that are needed and not there although all that they lean on are, in order."""
        for name in ORDER:
            leans_on = [other for other, (names, _) in WITH.items() if name in names and other != name]
            if name not in self.refs and self._is_needed(name) and all(other in self.refs for other in leans_on):
                yield name

    def _is_needed(self, name: str) -> bool:
        needed = {
            "membership": self._folder is not None,
            "reconciler": "reconciler" in self.needs,
            "player": self.stage is not None,
            "backfill": self._config.backfill and self.stage is None,
            "network": self.door.opening is not None,
            "fleet": "fleet" in self.fleets,
            "account": "account" in self.fleets,
        }
        return needed.get(name, True)

    def start(self, name: str) -> None:
        """Start a child, and make it and the others known to each other.

        Raises:
            Exception: if it cannot be started; what was left to it is kept for the next attempt.
        """
        inheritance = self.inheritances.get(name)
        ref = self.refs[name] = self._start(name, inheritance)
        self._actors[name] = actor_of(ref)
        self.inheritances.pop(name, None)
        match name:
            case "registry":
                self._introduce(ref, inheritance)
            case "router":
                left: RouterInheritance | None = inheritance
                registry = self.refs["registry"]
                tell(ref, UseRegistry(registry))
                tell(registry, UseRouter(ref, left.whole_ns if left is not None else {}))
            case "backfill":
                tell(self.refs["router"], UseBackfill(ref))
            case "reconciler":
                tell(self.refs["router"], UseReconciler(ref))
            case "player":
                with no_fork():
                    from .messages.replay import UsePlayer
                tell(self.refs["router"], UsePlayer(ref))
            case "membership" if self.generation:
                tell(ref, KeysChanged(self.generation))

    def _start(self, name: str, inheritance: Any) -> Ref:
        refs, owner, config = self.refs, self._owner, self._config.without_keys()
        match name:
            case "jwt":
                return Jwt.start(config=self._config, owner=owner, inheritance=inheritance)
            case "registry" | "router" | "player" if self.stage is not None:
                return self._start_replay(name, self.stage)
            case "registry":
                return Registry.start(config=config, supervisor=owner, inheritance=inheritance)
            case "router":
                patience = config.backfill_timeout if config.backfill else None
                return Router.start(supervisor=owner, inheritance=inheritance, fill_patience=patience)
            case "backfill":
                with no_fork():
                    from .gaps.backfill import Backfill
                return Backfill.start(config=config, router=refs["router"], registry=refs["registry"], supervisor=owner)
            case "reconciler":
                with no_fork():
                    from .gaps.reconciler import Reconciler
                return Reconciler.start(config=config, jwt=refs["jwt"], router=refs["router"], supervisor=owner)
            case "network":
                return self.door.start(config, refs, owner)
            case "fleet" | "account":
                return self._start_fleet(name, config)
            case _:
                return self._start_membership(config)

    def _start_replay(self, name: str, stage: "Stage") -> Ref:
        with no_fork():
            from .replay.replay_registry import ReplayRegistry
            from .replay.replay_router import ReplayRouter
            from .replay.tape_player import Player
        match name:
            case "registry":
                return ReplayRegistry.start(stage=stage, supervisor=self._owner)
            case "router":
                return ReplayRouter.start(stage=stage, supervisor=self._owner)
            case _:
                return Player.start(tape=stage.tape, router=self.refs["router"])

    def _start_fleet(self, name: str, config: Config) -> Ref:
        with no_fork():
            from .fleet.fleet import Fleet
            from .fleet.named_fleet import NamedFleet
        access, endpoints = self.fleets[name]
        how = {
            "config": config,
            "access": access,
            "endpoints": endpoints,
            "machine": self._machine,
            "registry": self.refs["registry"],
            "router": self.refs["router"],
            "supervisor": self._owner,
        }
        return Fleet.start(**how) if self._undone is None else NamedFleet.start(**how, undone=self._undone)

    def _start_membership(self, config: Config) -> Ref:
        if self._folder is None:
            raise LookupError("a process that does not share has no membership")
        with no_fork():
            from .connection import door_transport  # noqa: F401 - not when another host is to be reached at once
            from .membership.membership import Membership
            from .server.server import Server
        registry, router = self.refs["registry"], self.refs["router"]
        return Membership.start(
            config=config,
            folder=self._folder,
            jwt=self.refs["jwt"],
            supervisor=self._owner,
            start_server=functools.partial(Server.start, config=config, registry=registry, router=router),
            serves=self._serves,
            survey=self._survey,
        )

    def _introduce(self, registry: Ref, inherited: RegistryInheritance | None) -> None:
        """Tell a registry who is there: what lay in the inbox of the one before it, and came there since, is lost."""
        for component_id, component in self.components.items():
            tell(registry, Watch(component_id, component))
        if inherited is None:
            self._tell_that_wants_are_lost()
        else:
            known = {claim.component_id for claim in inherited.claims.values()} | set(inherited.watchers)
            for component_id in sorted(known - set(self.components)):  # also guests: their sessions end with it
                tell(registry, ComponentGone(component_id))
        for message in self._taken_back:
            tell(registry, message)
        self._taken_back.clear()

    def _tell_that_wants_are_lost(self) -> None:
        is_first, self._had_registry = not self._had_registry, True
        if not is_first:
            text = "the engine has lost what this component subscribed to, through a bug: subscribe again"
            for component in self.components.values():
                tell(component, EngineFailed(EngineError(text)))

    def change_keys(self, generation: int, *, is_other_account: bool) -> None:
        """Have keys used of which nothing older is left; whoever shows them may be served once all know."""
        self.generation = generation
        if is_other_account and self.stage is None:
            tell(self.refs.get("router"), AccountChanged())
        for name in ("membership", "network"):
            tell(self.refs.get(name), KeysChanged(generation))
        tell(self.refs.get("jwt"), KeysSettled(generation))

    @property
    def logs(self) -> Mapping[str, "LogAccess"]:
        """The logs of fleets, by endpoint."""
        return {endpoint: access for access, endpoints in self.fleets.values() for endpoint in endpoints}

    def join_account(self, secret: Secret | None) -> bool:
        """Have the account's fleet be that of these keys; return whether it is another now. Of the old one all ends."""
        if secret is None or not self._config.fleet_private:
            return False
        with no_fork():
            from .fleet.access import fleets_of
        before, self.fleets = self.fleets, fleets_of(self._config, secret)
        if before.get("account") == self.fleets.get("account"):
            return False
        self.stop("account")
        return True

    def take_part(self, place: Placed) -> Iterator[str]:
        """Have this process take part in the fleets of what it has to see to itself; yield the endpoints of others."""
        if self.fleets:
            with no_fork():
                from .messages.fleet import Participate
        for name, (_, endpoints) in self.fleets.items():
            is_guest = place.role is Role.GUEST and any(endpoint in place.shared for endpoint in endpoints)
            is_on = place.role is not Role.LOOKING and not is_guest
            if not is_on:
                yield from endpoints
            tell(self.refs.get(name), Participate(is_on))

    def take_back(self, message: Unsubscribe) -> None:
        """Tell the registry, or the next one, that something is not wanted any more."""
        if tell(self.refs.get("registry"), message):
            return
        left: RegistryInheritance | None = self.inheritances.get("registry")
        if left is not None and message.subscription_id in left.claims:  # else it never heard of it
            self._taken_back.append(message)

    def lose(self, name: str) -> None:
        """Do without a child that has failed; it ends by itself, if it ever does."""
        del self.refs[name], self._actors[name]

    def end(self, name: str) -> None:
        """Stop a child for good; what a registry or a Jwt leaves is kept, for who comes after this family."""
        actor = self._actors.get(name)
        self.stop(name)
        if name in ("jwt", "registry") and actor is not None:  # once it is stopped: this is its last word
            self.inheritances[name] = actor.inheritance()

    def stop(self, name: str) -> bool:
        """Stop a child, if it is there; what its successor begins with is kept."""
        ref = self.refs.pop(name, None)
        self._actors.pop(name, None)
        if ref is None:
            return False
        if name == "router":
            inheritance = last_words(name, ref, GetInheritance())
            if inheritance is not None:
                self.inheritances[name] = inheritance
        stop_child(name, ref)
        return True
