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
from pathlib import Path
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.exchange.wants import ENDPOINTS

from .base import Actor, ask, stop_and_join, tell
from .connection.connection import Connection, Estate, Resign
from .delivery.router import Router
from .demand.registry import Registry
from .gaps.backfill import Backfill
from .jwt import Jwt, KeysReplaced
from .membership.membership import HandOver, Membership, Placed, Released, Role
from .messages.common import GetEstate, Ref
from .messages.component import EngineFailed
from .messages.connection import KeysChanged
from .messages.registry import DropConnection, UseConnection, UseRouter, Watch
from .messages.router import UseBackfill, UseRegistry
from .messages.supervisor import Failed, LineServes, Renew

__all__ = ["AwaitPlace", "Children", "GetChildren", "Join", "Quit", "Supervisor"]

logger = logging.getLogger(__name__)

MAX_RESTARTS = 5
MAX_SECONDS = 60.0
STOP_TIMEOUT = 5.0

ORDER = ("jwt", "registry", "router", "backfill", "seat")
# Child -> those that are replaced with it, because they hold its ref or lean on its state, and the endpoints all lines
# of which are. A line is replaced alone.
WITH = {
    "jwt": (("jwt", "seat"), ("private", "info")),
    "registry": (("registry", "router", "backfill", "seat"), ENDPOINTS),
    "router": (("router", "backfill", "seat"), ENDPOINTS),
    "backfill": (("backfill",), ()),
    "seat": (("seat",), ()),
}
# Lines are told apart by number in the whole process, however many engines it has.
_numbers = itertools.count(1)


class Children(NamedTuple):
    """The engine's actors as they are now (live)."""

    jwt: Ref
    registry: Ref
    router: Ref
    connections: Mapping[str, tuple[Ref, ...]]  # by endpoint, its lines
    seat: Ref | None  # if this process shares with others


class LineChild(NamedTuple):
    """One line of an endpoint: a connection of this process, or its link to another."""

    endpoint: str
    number: int
    ref: Ref
    heir_of: tuple[int, ...] = ()  # the numbers of the lines that end as soon as this one serves
    is_link: bool = False


class GetChildren(NamedTuple):
    """Who are the engine's actors now? Asked; fails with EngineError once the engine has given up."""


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

    Receives Join, Quit, GetChildren, AwaitPlace and HandOver from proxies, Failed from children, KeysReplaced from Jwt,
    Placed from the seat. `folder` is where this process meets others to share connections with; without one it does
    not. `serves` says that it is there to be their host.
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
                    if not line.is_link:
                        tell(line.ref, KeysChanged())
                tell(self._children.get("seat"), KeysChanged())
            case Placed():
                self._placed(message)
            case AwaitPlace(place):
                self._awaiting.append(place)
                self._answer_place()
            case HandOver(done):
                if not tell(self._children.get("seat"), message):
                    done.set(True)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Stop all children, those that lean on others first."""
        for line in list(self._lines):
            if not line.is_link:
                self._stop_line(line)
        self._lines.clear()
        for name in reversed(ORDER):
            self._stop_child(name)

    # --- children

    def _get_children(self) -> Children:
        if self._failure is not None:
            raise EngineError(str(self._failure))
        if not self._children:
            self._start(ORDER)
            self._arrange()
        children = self._children
        connections = {
            endpoint: tuple(line.ref for line in self._lines if line.endpoint == endpoint) for endpoint in ENDPOINTS
        }
        return Children(children["jwt"], children["registry"], children["router"], connections, children.get("seat"))

    def _start(self, names: tuple[str, ...]) -> None:
        """Start `names`, which are in order, and make them and the others known to each other."""
        for name in names:
            if self._is_needed(name):
                self._children[name] = self._start_child(name)
        registry, router = self._children["registry"], self._children["router"]
        if "router" in names:
            tell(router, UseRegistry(registry))
            tell(registry, UseRouter(router))
        if "backfill" in names and self._config.backfill:
            tell(router, UseBackfill(self._children["backfill"]))

    def _is_needed(self, name: str) -> bool:
        return {"seat": self._folder is not None, "backfill": self._config.backfill}.get(name, True)

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
                return self._start_seat()

    def _start_seat(self) -> Ref:
        if self._folder is None:
            raise LookupError("a process that does not share has no seat")
        children = self._children
        return Membership.start(
            config=self._config.without_keys(),
            folder=self._folder,
            number=_numbers.__next__,
            registry=children["registry"],
            router=children["router"],
            jwt=children["jwt"],
            supervisor=self.actor_ref,
            serves=self._serves,
        )

    def _start_line(self, endpoint: str, estate: Estate | None = None, heir_of: tuple[int, ...] = ()) -> None:
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
        tell(self._children["registry"], UseConnection(endpoint, ref, number, heir_of=heir_of))

    # --- where the lines come from

    def _placed(self, place: Placed) -> None:
        if place.seat is None or place.seat != self._children.get("seat"):
            return  # from one that was replaced, or the engine has given up
        self._place = place
        self._arrange()
        self._answer_place()

    def _answer_place(self) -> None:
        if self._place.role is not Role.LOOKING:
            for one in self._awaiting:
                one.set(self._place)
            self._awaiting.clear()

    def _arrange(self) -> None:
        """Have each endpoint served from where this place says; what serves it now goes on until the new line does."""
        for endpoint in ENDPOINTS:
            lines = [line for line in self._lines if line.endpoint == endpoint]
            number = self._place.shared.get(endpoint)
            if number is not None and self._place.link is not None:
                if not any(line.number == number for line in lines):
                    self._add_link(endpoint, number, self._place.link, lines)
            elif self._place.role is not Role.LOOKING and all(line.is_link for line in lines):
                self._start_own(endpoint, lines)
            elif self._place.role is Role.LOOKING:
                for line in lines:
                    if line.is_link:
                        self._end_line(line)

    def _add_link(self, endpoint: str, number: int, link: Ref, before: list[LineChild]) -> None:
        heir_of = tuple(line.number for line in before)
        self._lines.append(LineChild(endpoint, number, link, heir_of, is_link=True))
        tell(self._children["registry"], UseConnection(endpoint, link, number, False, heir_of))

    def _start_own(self, endpoint: str, before: list[LineChild]) -> None:
        if self._place.role is Role.GUEST:
            # The host shares this endpoint no more, since the keys are others now: nothing of the old ones goes on.
            for line in before:
                self._end_line(line)
            before = []
        heir_of = tuple(line.number for line in before)
        for index in range(self._config.redundancy):
            self._start_line(endpoint, heir_of=heir_of if index == 0 else ())

    def _end_line(self, line: LineChild) -> None:
        if not line.is_link:
            self._stop_line(line)
            return
        self._lines.remove(line)
        tell(self._children.get("registry"), DropConnection(line.endpoint, line.ref))
        if not any(other.ref == line.ref for other in self._lines):
            tell(self._children.get("seat"), Released(line.ref))

    # --- the end of children

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
                self._start_line(line.endpoint, heir_of=(line.number,))
                return

    def _has_heir(self, old: LineChild) -> bool:
        return any(old.number in line.heir_of for line in self._lines)

    def _hand_over(self, number: int) -> None:
        heir = next((line for line in self._lines if line.number == number and line.heir_of), None)
        if heir is None:
            return
        self._lines[self._lines.index(heir)] = heir._replace(heir_of=())
        for line in [line for line in self._lines if line.number in heir.heir_of]:
            self._end_line(line)

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
        own = [line for line in self._lines if not line.is_link]
        if "seat" in names:  # links end with it; the next one says where the lines come from then
            for line in [line for line in self._lines if line.is_link]:
                self._end_line(line)
            self._place = Placed(Role.LOOKING) if self._folder is not None else self._place
        estates = {line: self._stop_line(line) for line in own if line.endpoint in endpoints}
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
