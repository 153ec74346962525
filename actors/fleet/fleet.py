"""This machine among many: it reads what another one writes into the log, or leads, and writes it for all.

What leads to what is decided in `protocol/fleet`; here replies become calls, and calls wait for nobody. Who leads owns
the connections to the exchange, and has as one more client of its registry and its router what the others want.
"""

import logging
import os
import random
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.component import StreamFailed
from websocket_v6.actors.messages.fleet import (
    AskLog,
    Called,
    CallFailed,
    FleetHealth,
    GotValues,
    JoinLog,
    Listen,
    LogHeard,
    LogOwes,
    LogRead,
    LogWanted,
    Look,
    OwnServes,
    Participate,
    Renew,
    Retry,
    Tick,
    ValuesTaken,
    WriterEnded,
    WriterOpened,
    WriterSaid,
)
from websocket_v6.actors.messages.router import GetLastValues
from websocket_v6.actors.messages.supervisor import Failed, FleetPlaced, LeaveFleet
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error
from websocket_v6.protocol.fleet.standing import Answer, Standing
from websocket_v6.protocol.fleet.title import BEAT
from websocket_v6.protocol.fleet.wants import Machine

from .access import LogAccess
from .caller import Caller
from .kept import Written
from .leading import Leading
from .lines import Command
from .presence import RENEW, Presence
from .recall import Recall, Recalled
from .succession import Succession
from .title_holder import TitleHolder, tops_of
from .troubles import Troubles

__all__ = ["Fleet"]

logger = logging.getLogger(__name__)

STAND: Final = 2.0  # seconds between two looks of a leader
RETRY: Final = 0.5  # seconds until a writer is tried again
LAST_CALLS: Final = 1.0  # seconds that the end waits for the server


class Fleet(Actor):
    """Leads the fleet of `endpoints`, or watches who does.

    Receives Participate, OwnServes and LeaveFleet from the supervisor, LogWanted, LogHeard, JoinLog, AskLog and LogRead
    from sources, Called, CallFailed and Writer* from its threads, ValuesTaken and StreamFailed from its mouth. Sends
    FleetPlaced to the supervisor, what it wants for others to the registry, and what is to be written to the router.
    """

    can_lead: ClassVar[bool] = True

    def __init__(
        self,
        *,
        config: Config,
        access: LogAccess,
        endpoints: Sequence[str],
        machine: str,
        registry: Ref,
        router: Ref,
        supervisor: Ref,
    ) -> None:
        super().__init__()
        self._access = access
        self._keys = access.keys
        self._endpoints = tuple(endpoints)
        self._router = router
        self._registry = registry
        self._supervisor = supervisor
        self._name = name = f"{socket.gethostname()} ({os.getpid()})"
        about = Machine(name, os.getpid(), resume=config.fleet_resume or "")
        self._presence = Presence(self._keys, machine, about, access.seal(self._keys.machines), config.fleet_retention)
        self._holder = TitleHolder(self._keys, self._endpoints, machine, name, config.format)
        self._leading = Leading(
            config=config,
            access=access,
            endpoints=self._endpoints,
            machine=machine,
            owner=self.actor_ref,
            registry=registry,
            router=router,
            call=self._call,
        )
        self._succession = Succession(
            access=access,
            endpoints=self._endpoints,
            machine=machine,
            holder=self._holder,
            leading=self._leading,
            presence=self._presence,
            call=self._call,
            owner=self,
        )
        self._recall = Recall(access, self._endpoints if config.backfill else (), machine, self._call)
        self._caller: Caller | None = None
        self._is_on = False
        self._must_stand = False
        self._stood_at = 0.0
        self._troubles = Troubles(access.servers.shown)
        self._was_told: bool | None = None
        self._timer: Timer | None = None

    def on_start(self) -> None:
        """Begin to look."""
        self._caller = Caller(f"fleet-{self._keys.scope}", self._access.servers, self._keys.lead, self.actor_ref)
        self._caller.start()
        self.after(RENEW, Renew())
        self.after(1.0, Tick())
        values = cast(Future[Any], self._router.ask(GetLastValues(), block=False))
        values.hand_to(lambda of: tell(self.actor_ref, GotValues(of)))

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Participate(is_on):
                self._participate(is_on=is_on)
            case Look():
                self._look()
            case Called():
                self._called(message)
            case CallFailed(tag, error):
                self._call_failed(tag, error)
            case LogWanted(endpoint, request):
                if self._presence.want(endpoint, request):
                    self._call("publish", *self._presence.publish())
            case JoinLog(endpoint):
                self._call("tell", self._presence.control("join", "endpoint", endpoint))
            case AskLog(endpoint, ticket):
                self._call("tell", self._presence.control("ask", "endpoint", endpoint, "ticket", ticket))
            case LogRead(endpoint, id_, lag_us):
                self._presence.read(endpoint, id_, lag_us)
                self._succession.read(endpoint, id_)
            case LogHeard() | OwnServes() | LeaveFleet() | LogOwes():
                self._succession.heed(message)
            case Renew():
                self.after(RENEW, Renew())
                self._renew()
            case Tick():
                self.after(1.0, Tick())
                self._leading.heed(message)
            case WriterOpened() | WriterSaid() | WriterEnded():
                self._hear_writer(message)
            case Retry() | Listen() | ValuesTaken() | StreamFailed() | GotValues():
                self._leading.heed(message)
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Lay the title down, say that this machine is gone, and end all threads."""
        self._succession.close()
        self._leading.end()
        if self._caller is not None:
            last = list(self._presence.leave())
            if self._holder.title is not None:
                last.insert(0, self._holder.release())
            if self._troubles.error is None and self._is_on:
                self._caller.call("leave", *last)
            self._caller.finish(LAST_CALLS)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed("fleet" if self._access.secret is None else "account", self.actor_ref, error))

    def _call(self, tag: str, *commands: Command) -> None:
        if self._caller is not None:
            self._caller.call(tag, *commands)

    # --- the title

    def _participate(self, *, is_on: bool) -> None:
        was_on, self._is_on = self._is_on, is_on
        self._was_told = self._was_told if is_on else None
        if is_on and not was_on:
            self._look()
        elif was_on and not is_on:
            self._succession.over()
            if self._holder.title is not None:
                self._call("tell", self._holder.release())
                self._lose()

    def _look(self) -> None:
        if not self._is_on:
            return
        now = time.monotonic()
        if self._holder.title is None:
            self._call("look", *self._holder.look())
        elif self._must_stand or self._succession.is_leaving or now - self._stood_at >= STAND:
            self._stand()
        else:
            self._call("beat", self._holder.beat())

    def _stand(self) -> None:
        self._must_stand, self._stood_at = False, time.monotonic()
        self._call("stand", self._holder.beat(), *self._holder.look())

    def _look_again(self, wait: float = BEAT) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.after(wait, Look())

    def _called(self, message: Called) -> None:
        tag, replies = message.tag, message.replies
        if self._troubles.reached() and self._presence.wants_something:
            self._call("publish", *self._presence.publish(is_news=False))
        try:
            match tag:
                case "look":
                    self._looked(replies, message.asked_at, message.at)
                case "take":
                    self._taken(replies)
                case "open":
                    self._opened(replies)
                case "beat":
                    self._beaten(replies[0])
                case "stand":
                    self._stood(replies)
                case "renew":
                    if not self._presence.is_known(replies):
                        self._call("publish", *self._presence.publish(is_news=False))
                case _ if (recalled := self._recall.called(tag, replies)) is not None:
                    self.lead(recalled=recalled)
                case _ if self._succession.called(tag, replies):
                    pass
                case _:
                    if self._leading.heard(tag, replies[0]):
                        self._succession.gathered()
        except WebSocketV6Error as exc:
            if isinstance(exc, ConfigError) and self._holder.title is not None:
                self._lose()  # a later version leads
            self._call_failed(tag, exc)

    def _looked(self, replies: Sequence[object], asked_at: float, at: float) -> None:
        may_take = self._holder.looked(replies, asked_at, at)
        if self._holder.title is not None or self._succession.is_taking:
            self._look_again()  # it has asked for the title meanwhile, which was promised
            return
        if may_take and self._is_on and self.can_lead:
            self._succession.over()
            self._call("take", self._holder.take(is_new=False))
            return
        self._troubles.granted()
        self._tell_place(leads=False)
        if self._is_on and self.can_lead:
            self._succession.looked(self._holder.lead)
        self._look_again()

    def _taken(self, replies: Sequence[object]) -> None:
        if self._holder.has_taken(replies[0]):
            self._call("open", *self._holder.open())
        else:
            self._denied(replies)

    def _denied(self, replies: Sequence[object]) -> None:
        self._troubles.refused(replies)
        self._lose()
        self._look_again(BEAT * random.random())  # noqa: S311 - so that not all look at once

    def _opened(self, replies: Sequence[object]) -> None:
        self._troubles.granted()
        if not self._holder.opened(replies) or not self._is_on:
            self._denied(replies)
            return
        if self._leading.leads or not self._recall.begin(self._holder.title, replies):
            self.lead()
        self._look_again()

    def _beaten(self, reply: object) -> None:
        if isinstance(reply, list) and reply[0] == 1:
            self._look_again()
        else:
            self._stand()

    def _stood(self, replies: Sequence[object]) -> None:
        if self._holder.title is None:
            self._look_again()
            return
        match self._holder.stands(replies[1:]):
            case Standing.LOST:
                if not self._succession.is_leaving:
                    logger.warning("another machine leads this fleet now")
                self._lose()
                self._look_again()
            case Standing.GONE:
                logger.warning(
                    "the fleet's server has lost a log, which is begun anew: all that read it miss something"
                )
                self._call("take", self._holder.take(is_new=True))
            case Standing.LEADS:
                self._leading.append(tops_of(replies[2:]))
                self._succession.stood()
                self._look_again()

    # --- as the leader

    def lead(self, written: Mapping[str, Written] | None = None, recalled: Recalled | None = None) -> None:
        """Write from here on, behind what was `written`; and serve what is wanted, unless that is done already."""
        title = self._holder.title
        if title is not None:
            self._leading.begin(title, written, recalled)
            self._tell_place(leads=True)

    def connect_next(self) -> None:
        """Have connections of this machine's own beside the log."""
        messages = "" if self._holder.lead is None else self._holder.lead.messages
        tell(self._supervisor, FleetPlaced(self.actor_ref, self._endpoints, False, True, messages))

    def read_on(self) -> None:
        """Be as before: a machine that reads."""
        self._was_told = None
        self._tell_place(leads=False)

    def _lose(self) -> None:
        """Do nothing for others any more."""
        self._holder.lost()
        self._recall.over()
        self._leading.end()
        self._succession.lost()
        self._tell_place(leads=False)

    def _tell_place(self, *, leads: bool) -> None:
        if self._is_on and leads != self._was_told:
            self._was_told = leads
            messages = "" if self._holder.title is None else self._holder.title.messages
            tell(self._supervisor, FleetPlaced(self.actor_ref, self._endpoints, leads, messages=messages))

    def _hear_writer(self, message: WriterOpened | WriterSaid | WriterEnded) -> None:
        reason = self._leading.hear_writer(message)
        if isinstance(message, WriterEnded) and reason is not None:
            self._troubles.failed(message.error)
            self.after(RETRY, Retry())
        elif reason is not None and self._holder.title is not None:
            is_asked, self._must_stand = self._must_stand, True
            # Where there is no memory it waits for the next look; else it is looked at once, and once.
            if reason is not Answer.FULL and not is_asked:
                self._stand()

    # --- presence

    def _renew(self) -> None:
        if self._is_on and self._troubles.error is None:
            self._call("renew", *self._presence.renew())
            if self._holder.title is not None:
                self._leading.look_around()

    def _call_failed(self, tag: str, error: WebSocketV6Error) -> None:
        if tag.startswith("control") and self._holder.title is None:
            return  # who leads no more has hung up
        self._troubles.failed(error)
        if tag.startswith("recall") and self._recall.over():
            self.lead()  # without knowing
        if tag.startswith("control"):
            self.after(RETRY, Listen())
            return
        self._succession.failed()
        self._holder.candidate.forget()
        self._must_stand = self._holder.title is not None
        if tag in ("look", "take", "open", "beat", "stand"):
            self._tell_place(leads=self._holder.title is not None)
            self._look_again(self._troubles.wait())

    def _health(self) -> FleetHealth:
        place, error = self._holder.place, self._troubles.error
        served = len(self._leading.machines)
        return FleetHealth(self._endpoints, *place, served, error is None, str(error or ""), self._keys.scope)
