"""This process's place among those of the user on this machine: the host, or a guest of it.

What it does next, `protocol/membership/machine.py` decides; this actor turns messages into its events, and its actions
into files, a door (`members.py`) and member sockets (`hosts.py`).
"""

import logging
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pykka

from websocket_v6.actors.base import Actor, Timer, stop_and_join, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.failures import Hang
from websocket_v6.actors.jwt import Judged, Proved
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.server import DoorDoubts, MemberCame, MemberGone, MemberSaid, SayToMember, StateAsked
from websocket_v6.actors.messages.supervisor import DoorFailed, DoorOpened, Failed, UseSettings
from websocket_v6.actors.watching import Watchman
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error
from websocket_v6.protocol.membership import steps, words
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.machine import MembershipMachine
from websocket_v6.protocol.membership.patience import Pauses
from websocket_v6.protocol.membership.shared_settings import settings_of
from websocket_v6.protocol.membership.whole_state import whole_state
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.shortages import remedy

from .hosts import LOOK, Counted, Hosts
from .member_socket import MemberEnded, MemberHeard, MemberOpened
from .members import Members
from .place import HandOver, MembershipHealth, Placed, Released, Role, Survey, no_survey
from .rendezvous import Rendezvous, host_elsewhere

__all__ = ["Membership"]

logger = logging.getLogger(__name__)

CLOSE_WAIT = 1.0  # seconds for a server to say to everybody that it closes
STOP_TIMEOUT = 1.0


class Due(Message):
    """The machine's next deadline is over."""


class LookAround(Message):
    """Has this process run all the time? Do the hosts say anything?"""


class Surveyed(Message):
    """The state of this process that a client has asked for, as JSON."""

    client: int
    state: bytes


class StopServer(Message):
    """A server (live) has had the time to say that it closes."""

    server: Ref


class Membership(Actor):
    """Finds the process its place, and keeps it in it.

    Receives Member* from its member sockets; DoorOpened, DoorFailed, DoorDoubts and Member* from its server; Proved and
    Judged from Jwt; KeysChanged, Released and HandOver from the supervisor. Sends Placed and UseSettings there.
    `start_server` starts the server of a door: it is given `address`, `key`, `term` and `owner`. `folder` is where the
    processes meet, and `serves` says that this process is there to host the others. `survey` looks at the engine.
    """

    def __init__(
        self,
        *,
        config: Config,
        folder: Path,
        jwt: Ref,
        supervisor: Ref,
        start_server: Callable[..., Ref],
        serves: bool = False,
        survey: Survey = no_survey,
    ) -> None:
        super().__init__()
        self._survey = survey
        self._config = config
        self._folder = folder
        self._supervisor = supervisor
        self._rendezvous = Rendezvous(folder, config.url)
        settings, owner = settings_of(config), self.actor_ref
        self._members = Members(settings=settings, stays=serves, jwt=jwt, owner=owner, start_server=start_server)
        self._hosts = Hosts(settings=settings, jwt=jwt, owner=owner, survey=survey)
        self._settings = settings  # of the connections here
        self._machine = MembershipMachine(
            now=clock(), random=random.random, serves=serves, no_host=_no_host(config) if _attaches(config) else None
        )
        self._role = Role.LOOKING
        self._pauses = Pauses(LOOK, clock())
        self._watchman = Watchman(clock())  # of its server
        self._due: Timer | None = None
        self._closing: list[Ref] = []  # servers that are about to stop
        self._leaving: list[pykka.Future[bool]] = []
        self._has_looked_elsewhere = False
        self._generation = 0  # of the keys, as far as they were changed

    def on_start(self) -> None:
        """Look for the others."""
        self._pauses.look(clock())
        self.after(LOOK, LookAround())
        self._set_timer()

    def on_receive(self, message: object) -> object:
        """Handle one message, after a look around if this process stood still before it."""
        if self._pauses.look(clock()):
            self._tell(steps.ClockJumped())
        answer = self._handle(message)
        self._use_settings()
        self._set_timer()
        return answer

    def _handle(self, message: object) -> object:
        match message:
            case Due():
                self._due = None
                self._tell(steps.Due())
            case LookAround():
                self.after(LOOK, LookAround())
                self._look_after_server()
                for event in self._hosts.look(clock()):
                    self._tell(event)
            case MemberOpened(number, welcome):
                self._hosts.opened(number, welcome, clock())
            case MemberHeard(number, word):
                said = self._hosts.heard(number, word)
                self._tell(said)
                if said is None and isinstance(word, words.Shared) and number == self._machine.member:
                    self._share_anew(number)
            case MemberEnded():
                self._tell(self._hosts.ended(message))
            case DoorOpened(server, address):
                self._tell(self._members.opened(server, address))
            case DoorFailed(server, reason, error):
                if error is not None and server == self._members.server:
                    raise error  # no place is kept without a door, and none is given up for a bug: it is found anew
                self._tell(self._members.failed(server, reason))
            case DoorDoubts():
                self._tell(steps.ClockJumped())
            case MemberCame(client, pid):
                self._members.came(client, pid)
            case MemberSaid(client, data):
                self._tell(self._members.said(client, data))
            case MemberGone(client, _):
                self._tell(self._members.gone(client))
            case Counted(number, word):
                self._hosts.say(number, word)
            case StateAsked(client):
                self._members.ask_components()  # who answers later is in the next state
                self._survey(True, lambda state: tell(self.actor_ref, Surveyed(client, state)))
            case Surveyed(client, state):
                tell(self._members.server, SayToMember(client, whole_state(state, self._members.components)))
            case Proved(challenge, proof):
                self._hosts.proved(challenge, proof)
            case Judged(client, is_signed):
                self._members.judged(client, has_same_keys=is_signed)
            case KeysChanged(generation):
                self._generation = generation
                self._members.keys_changed()
                self._hosts.keys_changed()
            case Released(door):
                released = self._hosts.by_door(door)
                self._tell(None if released is None else steps.Released(released))
            case HandOver(done):
                self._leaving.append(done)
                self._tell(steps.Leave())
            case StopServer(server):
                self._stop_server(server)
            case GetHealth():
                return MembershipHealth(self._role.value, len(self._members), self._members.server)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Leave the place: nobody finds this process any more, and those that it served look for another host."""
        own, machine = self._machine.own, self._machine
        if own is not None and not machine.is_passed:
            self._rendezvous.withdraw(own)
        server = self._members.close(1001, "the host ends")
        if server is not None:
            self._closing.append(server)
        for one in list(self._closing):
            self._stop_server(one, STOP_TIMEOUT)
        self._hosts.close()
        self._rendezvous.unlock()
        self._answer(in_order=False)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed("membership", self.actor_ref, error))

    # --- the machine

    def _tell(self, event: steps.Event | None) -> None:
        """Tell the machine, and do what it wants; what files answer it is told before anything else."""
        events = deque([event] if event is not None else [])
        while events:
            for action in self._machine.handle(events.popleft(), clock()):
                answer = self._do(action)
                if answer is not None:
                    events.append(answer)

    def _set_timer(self) -> None:
        due = self._machine.next_due
        if self._due is not None:
            self._due.cancel()
        self._due = None if due is None else self.after(max(0.0, due - clock()), Due())

    def _do(self, action: steps.Action) -> steps.Event | None:
        files = self._rendezvous
        match action:
            case steps.Look():
                return steps.Looked(files.find_host())
            case steps.TryLock():
                return self._try_lock()
            case steps.Unlock(for_another):
                files.leave_lock() if for_another else files.unlock()
            case steps.Check():
                own = self._machine.own
                return steps.Checked(*files.check(own.address if own is not None else ""))
            case steps.Announce(entry):
                return self._announce(entry)
            case steps.Withdraw(entry):
                files.withdraw(entry)
            case steps.Oust(entry):
                if files.oust(entry):
                    logger.warning(
                        "the host, process %d, does not answer: it is stopped or hangs; another takes its place, and "
                        "it will be a guest when it goes on",
                        entry.pid,
                    )
            case steps.OustLock(holder, named):
                if files.oust_lock(holder, named):
                    logger.warning("whoever has the lock in %s does nothing with it, and loses it", self._folder)
            case steps.Place(name, number, error):
                self._place(Role(name), number, error)
            case steps.Answer(in_order):
                self._answer(in_order=in_order)
            case _:
                return self._do_with_others(action)
        return None

    def _do_with_others(self, action: steps.Action) -> steps.Event | None:
        members, hosts = self._members, self._hosts
        match action:
            case steps.OpenDoor(term):
                return self._open_door(term)
            case steps.CloseDoor(code, reason):
                self._close_later(members.close(code, reason))
            case steps.DoubtDoor():
                members.doubt()
            case steps.ConfirmDoor(term):
                members.confirm(term)
            case steps.OfferTitle(client, offer):
                members.offer(client, offer)
            case steps.SayMoved(entry):
                logger.info("process %d is the host now", entry.pid)
                members.moved(entry)
            case steps.Attach(number, entry, is_probe):
                return hosts.attach(number, entry, is_probe=is_probe)
            case steps.Detach(number):
                hosts.detach(number)
            case steps.SayLetMeHost(number):
                hosts.say(number, words.LetMeHost())
            case steps.SayReady(number, offer, address, key):
                hosts.say(number, words.Ready(offer, address, key))
            case _:
                raise NotImplementedError(type(action).__name__)
        return None

    # --- files

    def _try_lock(self) -> steps.Event:
        files = self._rendezvous
        try:
            return steps.LockFree() if files.try_lock() else steps.LockTaken(files.holder())
        except (OSError, ConfigError) as exc:
            if remedy(exc):
                raise  # it says nothing of the folder
            return steps.FolderFailed(ConfigError(f"cannot share connections with other processes: {exc}"))

    def _announce(self, entry: HostEntry) -> steps.Event:
        try:
            is_said = self._rendezvous.announce(entry)
        except OSError as exc:
            logger.warning("cannot write in %s who the host is: %s", self._folder, exc)
            is_said = False
        return steps.Announced() if is_said else steps.NotAnnounced()

    # --- the door

    def _open_door(self, term: int) -> steps.Event | None:
        try:
            self._members.open(self._rendezvous.new_address(), term)
        except (OSError, ConfigError) as exc:
            if remedy(exc):
                raise
            return steps.DoorFailed(ConfigError(str(exc)))
        return None

    def _look_after_server(self) -> None:
        """Fail with a server that is dead without a word, or hangs."""
        server = self._members.server
        found = self._watchman.look({"door": server} if server is not None else {}, clock())
        for error in found.values():
            if server is not None:
                self._watchman.give_up(server, is_alive=isinstance(error, Hang))
                raise error

    def _close_later(self, server: Ref | None) -> None:
        if server is not None:
            self._closing.append(server)
            self.after(CLOSE_WAIT, StopServer(server))

    def _stop_server(self, server: Ref, timeout: float = 0.0) -> None:
        if server in self._closing:
            self._closing.remove(server)
            stop_and_join(server, timeout)

    # --- the place

    def _place(self, role: Role, number: int | None = None, error: WebSocketV6Error | None = None) -> None:
        self._role = role
        door, shared = self._hosts.place(number)
        if role is Role.EMBEDDED:
            logger.warning("this process shares no connections with others: %s", error)
        if role is Role.HOST:
            self._tidy_up()
        tell(self._supervisor, Placed(role, door, shared, error, self.actor_ref, self._generation))

    def _use_settings(self) -> None:
        """Have the connections here be what all processes that use them want together."""
        settings = self._members.settings
        if self._role is Role.HOST and settings != self._settings:
            self._settings = settings
            tell(self._supervisor, UseSettings(settings.redundancy, settings.max_age))

    def _share_anew(self, number: int) -> None:
        """Say what the host shares now: keys are others."""
        if self._role is Role.GUEST:
            self._place(Role.GUEST, number)

    def _tidy_up(self) -> None:
        """Remove what dead hosts left, and see once whether there is another host where nobody here looks for it."""
        try:
            self._rendezvous.sweep_dead()
        except (OSError, ConfigError) as exc:
            logger.debug("cannot tidy up in %s: %s", self._folder, exc)
        if self._config.runtime_dir is None and not self._has_looked_elsewhere:
            self._has_looked_elsewhere = True
            if text := host_elsewhere(self._folder, self._config.url):
                logger.warning("%s", text)

    def _answer(self, *, in_order: bool) -> None:
        leaving, self._leaving = self._leaving, []
        for one in leaving:
            one.set(in_order)


def _attaches(config: Config) -> bool:
    return config.mode == "attach"


def _no_host(config: Config) -> ConfigError:
    text = "mode='attach' (WEBSOCKET_V6_MODE) needs a host, and no process of this user is one for "
    return ConfigError(f"{text}{config.url}: start one (websocket-v6 serve), or use mode auto")
