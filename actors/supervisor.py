"""The others' lives: starts them in order of dependency, replaces one that failed or hangs, stops them in reverse.

As OTP's supervisors: a child that fails is replaced together with those that lean on it (`WITH` in `children.py`), with
fresh state; what must outlive it (the components' wants, epochs, the keys) it leaves as its inheritance. When that
happens is decided in `protocol/supervision`: at once, then after growing pauses, for ever. What is to be there and is
not, it starts again at each look around, so that an attempt that comes to nothing in the middle is made whole later.
What brings the data is `sources.py`; who watches this one is `guard.py`.
"""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.exchange.streams import MARKETS
from websocket_v6.protocol.exchange.wants import ALL_ENDPOINTS
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.supervision.restarts import Restarts
from websocket_v6.protocol.supervision.steps import Due, Event, Gone, Started, Stopped, Tell
from websocket_v6.protocol.supervision.steps import Failed as Lost

from .base import Actor, Timer, tell
from .boot_clock import clock
from .children import ORDER, WITH, Children, Family
from .failures import Hang, failed_event, log_trouble
from .jwt import KeysReplaced
from .membership.place import HandOver, Placed, Role, Survey, no_survey
from .messages.common import Ref
from .messages.component import PartFailed
from .messages.connection import KeysChanged
from .messages.registry import ComponentGone, Watch
from .messages.supervisor import (
    AwaitPlace,
    DoorFailed,
    DoorOpened,
    Failed,
    FleetPlaced,
    GetChildren,
    Join,
    LeaveFleet,
    Need,
    OpenNetwork,
    Quit,
    Renew,
    ShowState,
    SourceServes,
    TakeBack,
    UseSettings,
)
from .sources import Neighbours, Sources
from .watching import LOOK, Watchman

if TYPE_CHECKING:
    from .replay.stage import Stage
    from .server.network_door import NetworkDoor
    from .undone import Undone

__all__ = ["Legacy", "Supervisor"]

logger = logging.getLogger(__name__)


class LookAround(Message):
    """Who is dead, who hangs, who may be started again?"""


class BringUp(Message):
    """A part may be started again."""


class Legacy(Message):
    """What a supervisor leaves that failed itself (live)."""

    components: dict[str, Ref]
    inheritances: dict[str, object]
    door: "NetworkDoor"
    awaiting: list["pykka.Future[Placed]"]


class Supervisor(Actor):
    """Starts, watches, replaces and stops the engine's actors.

    Receives Join, Quit, GetChildren, TakeBack, AwaitPlace, HandOver, LeaveFleet, OpenNetwork and ShowState from
    proxies, Failed from children, Need from the router, KeysReplaced from Jwt, Renew from connections, SourceServes
    from the registry, Placed and UseSettings from the membership, FleetPlaced from fleets, DoorOpened and DoorFailed
    from the network's server. Sends PartFailed to components. `folder` is where this process meets others to share
    connections with; without one it does not. `serves` says that it is there to be their host. `legacy` is that of the
    one before it.
    `stage` is a recording that is played in place of all sources.
    """

    def __init__(
        self,
        config: Config,
        folder: Path | None = None,
        *,
        serves: bool = False,
        legacy: Legacy | None = None,
        stage: "Stage | None" = None,
        survey: Survey = no_survey,
        undone: "Undone | None" = None,
    ) -> None:
        super().__init__()
        self._config = config
        self._shares = folder is not None
        self._place = Placed(Role.LOOKING if self._shares else Role.EMBEDDED)
        self._awaiting: list[pykka.Future[Placed]] = []
        self._family = Family(config, folder, self.actor_ref, serves=serves, stage=stage, survey=survey, undone=undone)
        self._last_jwt: Ref | None = None
        if legacy is not None:
            self._family.inherit(legacy.components, legacy.inheritances, legacy.door)
        self._sources = Sources(config, self.actor_ref, self._neighbours, self._attempt, self._note, self._family.logs)
        self._restarts = Restarts(random.random)
        self._watchman = Watchman(clock())
        self._timer: Timer | None = None
        self._has_begun = False
        self._told: set[str] = set()  # of its own failures, those that were logged with their traceback
        if legacy is not None:
            self._awaiting = legacy.awaiting
            self.after(0.0, BringUp())

    def on_receive(self, message: object) -> object:
        """Handle one message. What fails in here ends nothing: what is not whole then is made so at the next look."""
        if isinstance(message, GetChildren | Join):
            return self._answer(message)
        try:
            self._heed(message)
        except Exception as exc:
            kind = f"{type(message).__name__} {type(exc).__name__}"
            shown = None if kind in self._told else exc
            self._told.add(kind)
            text = "the engine's supervisor failed at %s: %r; it goes on; this is a bug, please report it"
            logger.error(text, type(message).__name__, exc, exc_info=shown)
        return None

    def _answer(self, message: GetChildren | Join) -> Children:
        self._begin()
        if isinstance(message, Join):
            self._family.components[message.component_id] = message.component
            tell(self._family.refs.get("registry"), Watch(message.component_id, message.component))
        return self._children()

    def _heed(self, message: object) -> None:
        match message:
            case LookAround():
                self.after(LOOK, LookAround())
                self._look_around()
            case BringUp():
                self._begin()
                self._bring_up()
            case Quit(component_id, wait) if wait:
                self.after(wait, Quit(component_id))
            case Quit(component_id):
                self._family.components.pop(component_id, None)
                tell(self._family.refs.get("registry"), ComponentGone(component_id))  # it may not have heard
            case Need(name) if name == MARKETS:
                self._sources.brings_lists = True
                self._sources.arrange(self._place)
            case Need(name):
                self._family.needs.add(name)
                self._bring_up()
            case TakeBack(taken):
                self._family.take_back(taken)
            case Failed(name, ref, error, inheritance):
                self._replace(name, ref, error, inheritance)
            case Renew():
                self._sources.renew(message)
            case SourceServes():
                self._sources.serves(message)
            case KeysReplaced(generation, is_other_account, secret):
                if self._family.join_account(secret):
                    self._note(Stopped("account"))
                    self._sources.use_logs(self._family.logs)
                self._sources.change_keys(KeysChanged(generation), is_other_account=is_other_account)
                self._family.change_keys(generation, is_other_account=is_other_account)
                self._take(self._place)
            case Placed():
                self._placed(message)
            case UseSettings():
                self._sources.use(message)
            case FleetPlaced():
                self._fleet_placed(message)
            case AwaitPlace(place):
                self._awaiting.append(place)
                self._answer_place()
            case ShowState():
                tell(self._family.refs.get("network"), message)
            case HandOver() | LeaveFleet():
                name = message.name if isinstance(message, LeaveFleet) else "membership"
                if not tell(self._family.refs.get(name), message):
                    message.done.set(True)
            case OpenNetwork() | DoorOpened() | DoorFailed():
                self._see_to_network(message)
            case _:
                super().on_receive(message)

    def close(self) -> None:
        """Stop all children, those that lean on others first."""
        self._sources.close()
        for name in reversed(ORDER):
            self._family.stop(name)

    # --- who is there

    def _begin(self) -> None:
        """Start the engine, when somebody needs it for the first time."""
        if not self._has_begun:
            self._has_begun = True
            self.after(LOOK, LookAround())
            self._bring_up()
            self._sources.arrange(self._place)
            self._tell_fleets()

    def _children(self) -> Children:
        refs = self._family.refs
        return Children(
            refs.get("jwt"),
            refs.get("registry"),
            refs.get("router"),
            dict.fromkeys(ALL_ENDPOINTS, tuple(refs[name] for name in ("player",) if name in refs))
            if self._family.stage is not None
            else {endpoint: self._sources.of(endpoint) for endpoint in ALL_ENDPOINTS},
            refs.get("membership"),
            refs.get("network"),
            tuple(refs[name] for name in self._family.fleets if name in refs),
            self._restarts.troubles,
            self._shares,
            self._family.stage,
        )

    def _neighbours(self) -> Neighbours:
        refs = self._family.refs
        jwt = self._last_jwt = refs.get("jwt", self._last_jwt)
        fleets = {
            endpoint: refs[name]
            for name, (_, endpoints) in self._family.fleets.items()
            for endpoint in endpoints
            if name in refs
        }
        return Neighbours(refs.get("registry"), refs.get("router"), jwt, refs.get("membership"), "jwt" in refs, fleets)

    def _bring_up(self) -> None:
        """Start whatever is to be there and is not, if what it leans on is there and it is not too soon."""
        self._note(Due())
        for name in self._family.missing():
            self._attempt(name, lambda name=name: self._family.start(name))  # type: ignore[misc]
        self._sources.bring_up()
        self._set_timer()

    def _attempt(self, part: str, start: Callable[[], None]) -> bool:
        """Start a part, unless it is too soon; return whether it runs."""
        if not self._restarts.may_start(part):
            return False
        try:
            start()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the others go on
            self._note_failure(part, exc)
            return False
        self._note(Started(part))
        return True

    def _note(self, event: Event) -> None:
        self._restarts.handle(event, time.monotonic())

    def _set_timer(self) -> None:
        due = self._restarts.next_due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self.at(due, BringUp())

    # --- who fails

    def _look_around(self) -> None:
        """Replace who is dead without a word, and who hangs; start who may be started."""
        parts = dict(self._family.refs) | {one.part: one.ref for one in self._sources if one.ref is not None}
        for part, error in self._watchman.look(parts, clock()).items():
            ref = parts[part]
            heir = self._watchman.give_up(ref, is_alive=isinstance(error, Hang))
            self._replace(part if part in WITH else part.split()[0], ref, error, heir)
        self._note(Due(self._watchman.was_away))
        self._bring_up()
        self._sources.arrange(self._place)  # nothing is left to do, unless something went wrong before
        self._tell_fleets()

    def _replace(self, name: str, ref: Ref, error: BaseException, inheritance: object) -> None:
        source = self._sources.by_ref(ref)
        if source is not None:
            self._note_failure(source.part, error)
            self._sources.lost(source, inheritance)  # type: ignore[arg-type]
        elif self._family.refs.get(name) == ref:
            self._note_failure(name, error)
            self._take_down(name, inheritance)
        else:
            return  # replaced already, with another one
        self._bring_up()

    def _take_down(self, name: str, inheritance: object) -> None:
        """Stop a child that has failed, and all that lean on it."""
        names, endpoints = WITH[name]
        if self._config.token is not None and name == "jwt":
            endpoints = ALL_ENDPOINTS  # the door of another machine asks for a token at each of them
        if "membership" in names and self._shares:
            self._place = Placed(Role.LOOKING)  # its door is its own: the next one says where data comes from then
        self._sources.take_down(endpoints)
        self._family.inheritances[name] = inheritance
        self._family.lose(name)
        for one in reversed(names):
            if self._family.stop(one):
                self._note(Stopped(one))

    def _note_failure(self, part: str, error: BaseException) -> None:
        """Say what failed and when it is started again: to the log, and to components whose data it brings."""
        for told in self._restarts.handle(failed_event(part, error), time.monotonic()):
            log_trouble(told, error)
            self._tell_components(told)
            if part == "membership" and told.trouble.wait and self._config.mode != "attach":
                # Data does not wait for the others: until it has its place, this process has connections of its own.
                self._sources.arrange(Placed(Role.EMBEDDED))
        error.__traceback__ = error.__cause__ = error.__context__ = None  # its frames hold whatever they were at

    def _tell_components(self, told: Tell) -> None:
        part = told.trouble.part
        endpoints = WITH[part][1] if part in WITH else (part.split()[0],)
        message = PartFailed(endpoints, time.time_ns(), str(told.trouble))
        for component in self._family.components.values() if endpoints else ():
            tell(component, message)

    # --- this process among others

    def _placed(self, place: Placed) -> None:
        if place.membership is None or place.membership != self._family.refs.get("membership"):
            return  # from one that was replaced
        self._take(place)
        self._answer_place()

    def _take(self, place: Placed) -> None:
        self._place = place.with_keys(self._family.generation)
        if self._has_begun:
            self._bring_up()
            self._tell_fleets()
            self._sources.arrange(self._place)

    def _answer_place(self) -> None:
        if self._place.role is not Role.LOOKING:
            while self._awaiting:
                self._awaiting.pop().set(self._place)

    # --- this machine among others

    def _tell_fleets(self) -> None:
        """Have this process take part in the fleets of the endpoints that it has to see to itself."""
        self._sources.places.leave(self._family.take_part(self._place))

    def _fleet_placed(self, message: FleetPlaced) -> None:
        if message.fleet in self._neighbours().fleets.values():
            self._sources.places.join(message)
            self._sources.arrange(self._place)

    # --- the network

    def _see_to_network(self, message: OpenNetwork | DoorOpened | DoorFailed) -> None:
        door, server = self._family.door, self._family.refs.get("network")
        match message:
            case OpenNetwork(opening, address):
                door.open(opening, address)
                self._begin()
                self._bring_up()
            case DoorOpened(ref, address) if ref == server:
                door.opened(address)
            case DoorFailed(ref, reason, _) if ref == server:
                self._family.stop("network")
                lost = Lost("network", reason, remedy="another program has taken its port: end that one")
                self._note(lost if door.failed(reason) else Gone("network"))
                self._bring_up()

    # --- its own end

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        """Leave all to the guard, which sees that this one is dead."""
        logger.critical("the engine's supervisor failed; this is a bug, please report it", exc_info=value)

    def bequeath(self) -> Legacy:
        """End a supervisor that is dead or hangs; return what another begins with. Called by the guard, once."""
        try:
            self._sources.close()
            for name in reversed(ORDER):
                self._family.end(name)
        except Exception:
            logger.exception("what the engine's supervisor leaves cannot be put in order; this is a bug")
        return Legacy(self._family.components, self._family.inheritances, self._family.door, self._awaiting)
