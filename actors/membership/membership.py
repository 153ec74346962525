"""This process's place among those of the user on this machine: the host, or a guest of it.

Whoever finds no host becomes it; when the host dies, its guests do the same again, and the lock sees to it that exactly
one of them does. A host that leaves, or that is asked to by `websocket-v6 serve`, hands over: the other begins to
listen first, everyone goes over to it while the old connections still carry, and only then are these closed.

A host that says nothing is replaced on proof alone: when a new connection to it is not answered either, by a process
that ran all that time. A process that stood still (stopped, asleep, starved) looks who is the host before it goes on.
"""

import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error
from websocket_v6.protocol.membership import peers
from websocket_v6.protocol.membership.patience import Pauses

from .gateway import GuestCame
from .guests import Guests
from .link import HostMoves, LinkDown, LinkSilent, LinkUp, Say
from .links import Links
from .place import HandOver, MembershipHealth, Placed, Released, Role
from .post import Post
from .rendezvous import HostEntry
from .session import Guest, GuestGone, GuestSaid

__all__ = ["HandOver", "Membership", "MembershipHealth", "Placed", "Released", "Role"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = 0.01  # seconds at most until a process that found neither host nor lock looks again, doubled each time
LOOK_AGAIN_MAX = 1.0
LOCK_RETRY = 0.02  # seconds until one that was handed over to tries again for the lock
CHECK_INTERVAL = 5.0  # seconds between two looks whether this process is still the host
LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still
SUCCESSION = 0.8  # seconds for a guest to answer that it is the host now: Ctrl-C is not to wait for one that hangs


class Look(NamedTuple):
    """Look for a host, or become it."""


class TryLock(NamedTuple):
    """Try to get the lock that the host before this one still has."""


class SuccessorOverdue(NamedTuple):
    """Has the guest that is to be the host answered by now, at `due`?"""

    due: float


class LookAround(NamedTuple):
    """Has this process run all the time? Is it what it was?"""


class Membership(Actor):
    """Finds the process its place, and keeps it in it.

    Receives LinkUp, LinkSilent, LinkDown and HostMoves from its links, GuestCame from its gateway, Guest, GuestSaid and
    GuestGone from its sessions, KeysChanged, Released and HandOver from the supervisor. Sends Placed to the supervisor.
    `folder` is where the processes meet, `number` numbers sources, and `serves` says that this process is there to host
    the others.
    """

    def __init__(
        self,
        *,
        config: Config,
        folder: Path,
        number: Callable[[], int],
        registry: Ref,
        router: Ref,
        jwt: Ref,
        supervisor: Ref,
        serves: bool = False,
    ) -> None:
        super().__init__()
        self._config = config
        self._supervisor = supervisor
        self._serves = serves
        self._role = Role.LOOKING
        self._post = Post(folder, config.url, jwt, self.actor_ref)
        self._look: Timer | None = None
        self._pause = LOOK_AGAIN
        self._pauses = Pauses(LOOK, clock())
        self._check_at = 0.0
        # As a guest, and on the way to it.
        self._links = Links(number=number, fingerprint=self._post.fingerprint, router=router, owner=self.actor_ref)
        self._gone: HostEntry | None = None  # the last host that was found not to be there
        self._may_claim = config.mode != "attach"  # that is, not before there has been a host
        # As the host.
        self._is_waiting_for_lock = False
        self._guests = Guests(
            region=config.region,
            stays=serves,
            registry=registry,
            owner=self.actor_ref,
            may_serve=lambda: not self._pauses.is_stale(clock()),
        )

    def on_start(self) -> None:
        """Look for the others."""
        self._pauses.look(clock())
        self.after(0.0, Look())
        self.after(LOOK, LookAround())

    def on_receive(self, message: object) -> object:
        """Handle one message, after a look around if this process stood still before it."""
        if self._pauses.look(clock()):
            self._came_back()
        match message:
            case Look():
                self._look_for_host()
            case LinkUp(link, shared, stays):
                self._link_up(link, shared, stays)
            case LinkSilent(link):
                self._link_silent(link)
            case LinkDown():
                self._link_down(message)
            case HostMoves(link, address, key):
                self._host_moves(link, address, key)
            case Released(link):
                self._links.close(link)
            case GuestCame(connection):
                self._guests.let_in(connection, self._post.entry)
            case Guest(session, hello):
                self._guests.greeted(session, hello, self._post.own_keys())
            case GuestSaid(session, said):
                self._heed(session, said)
            case GuestGone(session, stranger):
                if self._guests.gone(session, stranger) and self._guests.leaving is not None:
                    self._find_successor()
            case KeysChanged():
                self._guests.share_anew(self._post.own_keys())
                self._links.keys_changed()
            case HandOver(done):
                self._guests.leaving = done
                self._find_successor()
            case SuccessorOverdue(due):
                self._successor_overdue(due)
            case TryLock():
                self._try_lock()
            case LookAround():
                self._look_around()
            case GetHealth():
                return MembershipHealth(self._role.value, len(self._guests))
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Leave the place: nobody finds this process any more, and those that it served look for another host."""
        self._post.close()
        self._guests.close_all()
        self._links.close_all()
        self._post.unlock()
        self._guests.left(in_order=False)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed("membership", self.actor_ref, error))

    # --- finding a place

    def _look_for_host(self) -> None:
        self._look = None
        try:
            entry = self._post.rendezvous.find_host()
        except ConfigError as exc:  # the folder is not as it was when the engine was started
            self._stay_alone(exc)
            return
        if entry is None or entry in (self._gone, self._post.entry):
            self._claim()
        else:
            self._links.go_to(entry)

    def _look_again(self) -> None:
        """Somebody has the lock: the host that could not be reached, or one that is not ready yet."""
        self._gone = None
        if self._look is None:
            # At random, since all that lost the same host look for the next one at the same time.
            self._look = self.after(self._pause * random.uniform(0.5, 1.0), Look())  # noqa: S311
            self._pause = min(LOOK_AGAIN_MAX, self._pause * 2)

    def _claim(self) -> None:
        """Become the host if nobody else is, or is about to be."""
        try:
            self._try_claim()
        except (OSError, ConfigError) as exc:
            self._stay_alone(ConfigError(f"cannot share connections with other processes: {exc}"))

    def _try_claim(self) -> None:
        if not self._may_claim:
            text = "mode='attach' (WEBSOCKET_V6_MODE) needs a host, and no process of this user is one for "
            text += f"{self._config.url}: start one (websocket-v6 serve), or use mode auto"
            self._place(Role.EMBEDDED, error=ConfigError(text))
            return
        if not self._post.rendezvous.try_lock():
            self._look_again()
            return
        entry = self._post.rendezvous.find_host()
        if entry is not None and entry not in (self._gone, self._post.entry):
            self._links.go_to(entry)  # the lock is let go of once that host has answered
        else:
            self._become_host()

    def _become_host(self) -> HostEntry | None:
        """Listen, and say so; None if that cannot be."""
        try:
            entry = self._post.take()
        except (OSError, ConfigError) as exc:
            self._post.leave()
            self._stay_alone(ConfigError(f"cannot share connections with other processes: {exc}"))
            return None
        self._place(Role.HOST)
        self._check_at = clock() + CHECK_INTERVAL
        return entry

    def _stay_alone(self, error: WebSocketV6Error) -> None:
        logger.warning("this process shares no connections with others: %s", error)
        self._place(Role.EMBEDDED, error=error)

    def _place(
        self,
        role: Role,
        link: Ref | None = None,
        shared: Mapping[str, int] = MappingProxyType({}),
        error: WebSocketV6Error | None = None,
    ) -> None:
        self._role = role
        self._pause = LOOK_AGAIN
        tell(self._supervisor, Placed(role, link, shared, error, self.actor_ref))

    # --- as a guest

    def _link_up(self, link: Ref, shared: tuple[str, ...], stays: bool) -> None:
        linked = self._links.get(link)
        is_past = self._role is Role.HOST or link != self._links.in_use
        if linked is None or (linked.is_up and is_past):
            return  # another has taken its place since
        linked.is_up = True
        self._gone = None
        self._may_claim = True
        self._post.unlock()
        if self._serves and not stays:
            self._succeed(link)
            self._links.close(link)
            return
        self._links.in_use = link
        self._place(Role.GUEST, link, {endpoint: linked.sources[endpoint] for endpoint in shared})
        self._links.settle_doubts(link, is_hung=False)

    def _link_silent(self, link: Ref) -> None:
        """Try a new link: to who is the host now, or to the same one, for proof that it hangs."""
        linked = self._links.get(link)
        if linked is None or link != self._links.in_use or self._seek_new_host(linked.entry):
            return
        if not self._links.is_going_to(linked.entry.address):
            self._links.go_to(linked.entry, is_probe=True)

    def _seek_new_host(self, known: HostEntry) -> bool:
        """Go to whoever is the host in place of the one that is known; False if there is nobody else."""
        announced = self._post.rendezvous.find_host()
        if announced is None or announced.address == known.address:
            return False
        if not self._links.is_going_to(announced.address):
            self._links.go_to(announced)
        return True

    def _link_down(self, down: LinkDown) -> None:
        was_in_use = down.link == self._links.in_use
        linked = self._links.gone(down.link)
        if linked is None:
            return
        entry = linked.entry
        if self._role is Role.HOST:
            if self._post.entry is None:  # it was to be a guest of another, which is not there
                self._gone = entry
                self._claim()
            return
        if len(self._links):  # there is another, or will be
            self._links.settle_doubts(down.link, is_hung=down.is_hung)
            return
        if was_in_use:
            logger.info("%s", down.error)
            self._place(Role.LOOKING)
        if not down.retry:
            self._post.unlock()
            self._stay_alone(down.error)
            return
        self._gone = entry
        if down.is_hung:
            logger.warning("%s; this process takes its place", down.error)
            self._post.rendezvous.oust(entry)
        self._claim()

    def _host_moves(self, link: Ref, address: str, key: bytes) -> None:
        if link != self._links.in_use:
            return
        if not address:
            self._succeed(link)
            return
        if self._links.is_going_to(address):
            return
        announced = self._post.rendezvous.find_host()
        pid = announced.pid if announced is not None and announced.address == address else 0
        self._links.go_to(HostEntry(address, key, pid))

    # --- as the host

    def _succeed(self, link: Ref) -> None:
        """Take over from the host at the other end of `link`, which still serves everyone."""
        entry = self._become_host()
        if entry is not None:
            tell(link, Say(peers.LetMeHost(entry.address, entry.key)))
            self._try_lock()

    def _try_lock(self) -> None:
        """Get the lock from the host before this one, which lets go of it when it has heard."""
        if self._role is Role.HOST and self._post.entry is not None:
            self._is_waiting_for_lock = not self._post.rendezvous.try_lock()
            if self._is_waiting_for_lock:
                self.after(LOCK_RETRY, TryLock())

    def _heed(self, session: Ref, said: peers.LetMeHost | peers.Keys) -> None:
        pid = self._guests.pid_of(session)
        match said:
            case peers.Keys(keys):
                self._guests.has_keys(session, keys, self._post.own_keys())
            case peers.LetMeHost(address, key) if pid is not None and self._post.entry is not None:
                if self._guests.leaving or not self._serves:
                    self._hand_over(session, HostEntry(address, key, pid))

    def _hand_over(self, successor: Ref, entry: HostEntry) -> None:
        """Send everyone to the new host, and go there too unless this process is leaving."""
        logger.info("process %d is the host now", entry.pid)
        self._guests.send_to(successor, entry)
        self._post.leave()
        if self._guests.leaving is None:
            self._links.go_to(entry)

    def _find_successor(self) -> None:
        if self._role is Role.HOST and self._post.entry is not None and self._guests.have_greeted:
            self._guests.ask_to_host()
            self.after(SUCCESSION, SuccessorOverdue(clock() + SUCCESSION))
        elif not self._guests.have_greeted:
            self._guests.left(in_order=True)

    def _successor_overdue(self, due: float) -> None:
        if self._post.entry is None:
            return
        if clock() - due > SUCCESSION:  # this process stood still itself
            self.after(SUCCESSION, SuccessorOverdue(clock() + SUCCESSION))
        else:
            self._guests.left(in_order=False)  # the guests settle it among themselves

    # --- whether it still is what it was

    def _look_around(self) -> None:
        self.after(min(LOOK, CHECK_INTERVAL), LookAround())
        if clock() >= self._check_at:
            self._check_place()

    def _came_back(self) -> None:
        """Look who is the host before anything else: this process stood still, and may have been replaced."""
        in_use = self._links.get(self._links.in_use)
        if self._role is Role.HOST:
            self._check_place()
        elif self._role is Role.GUEST and in_use is not None:
            self._seek_new_host(in_use.entry)

    def _check_place(self) -> None:
        """Make room if this process was replaced, and be found again if somebody has tidied up its files."""
        self._check_at = clock() + CHECK_INTERVAL
        entry = self._post.entry
        if self._role is not Role.HOST or entry is None:
            return
        announced = self._post.rendezvous.find_host()
        if announced not in (None, entry):
            logger.warning("process %d has taken this one's place as the host", announced.pid if announced else 0)
            self._post.leave()
            self._guests.dismiss_all("another process is the host now")
            self._look_for_host()
        elif not self._is_waiting_for_lock and not self._post.rendezvous.is_sound(entry):
            logger.info("the files by which other processes find this one are gone, and made anew")
            self._post.leave()
            self._claim()
            if self._post.entry is None:  # somebody else has the lock, and will be the host
                self._guests.dismiss_all("another process is about to be the host")
