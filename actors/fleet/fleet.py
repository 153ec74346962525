"""This machine among many: it reads what another one writes into the log, or leads, and writes it for all.

What leads to what is decided in `protocol/fleet`; here replies become calls, and calls wait for nobody. Who leads owns
the connections to the exchange, and has as one more client of its registry and its router what the others want.
"""

import logging
import os
import random
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, cast

from websocket_v6.actors.base import Actor, Future, Timer, tell
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.component import StreamFailed
from websocket_v6.actors.messages.fleet import (
    AskLog,
    Called,
    CallFailed,
    FleetHealth,
    FleetPlaced,
    JoinLog,
    LogRead,
    LogWanted,
    Participate,
    ValuesTaken,
    WriterEnded,
    WriterOpened,
    WriterSaid,
)
from websocket_v6.actors.messages.router import GetLastValues
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, WebSocketV6Error
from websocket_v6.protocol.fleet.standing import Answer, Standing
from websocket_v6.protocol.fleet.title import BEAT
from websocket_v6.protocol.fleet.wants import Machine
from websocket_v6.protocol.message import Message

from .access import LogAccess
from .caller import Caller
from .leading import Leading
from .lines import Command
from .presence import RENEW, Presence
from .title_holder import TitleHolder, tops_of
from .troubles import Troubles

__all__ = ["Fleet"]

logger = logging.getLogger(__name__)

STAND: Final = 2.0  # seconds between two looks of a leader
RETRY: Final = 0.5  # seconds until a writer is tried again
LONGEST: Final = 5.0  # seconds between two looks while the server does not answer, at most
LAST_CALLS: Final = 1.0  # seconds that the end waits for the server


class _Look(Message):
    """Time for a look, or a beat."""


class _Renew(Message):
    """Time to say that this machine is there."""


class _Tick(Message):
    """Another second."""


class _Retry(Message):
    """Time to connect a writer again."""


class _Listen(Message):
    """Time to hear again what machines say."""


class _GotValues(Message):
    """Where the router's last values are (live)."""

    values: Any


class Fleet(Actor):
    """Leads the fleet of `endpoints`, or watches who does.

    Receives Participate from the supervisor, LogWanted, JoinLog, AskLog and LogRead from sources, Called, CallFailed
    and Writer* from its threads, ValuesTaken and StreamFailed from its mouth. Sends FleetPlaced to the supervisor, what
    it wants for others to the registry, and what is to be written to the router.
    """

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
        name = f"{socket.gethostname()} ({os.getpid()})"
        about = Machine(name, os.getpid())
        self._presence = Presence(self._keys, machine, about, access.seal(self._keys.machines))
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
        self.after(RENEW, _Renew())
        self.after(1.0, _Tick())
        values = cast(Future[Any], self._router.ask(GetLastValues(), block=False))
        values.then(lambda: tell(self.actor_ref, _GotValues(values.get())))

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Participate(is_on):
                self._participate(is_on=is_on)
            case _Look():
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
            case _Renew():
                self.after(RENEW, _Renew())
                self._renew()
            case _Tick():
                self.after(1.0, _Tick())
                self._leading.tick()
            case WriterOpened() | WriterSaid() | WriterEnded():
                self._hear_writer(message)
            case _Retry():
                self._leading.connect()
            case _Listen():
                self._leading.listen()
            case ValuesTaken():
                self._leading.write_values(message)
            case StreamFailed(subscription_id):
                self._leading.refused(subscription_id)
            case _GotValues(values):
                self._leading.values = values
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Lay the title down, say that this machine is gone, and end all threads."""
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
        elif was_on and not is_on and self._holder.title is not None:
            self._call("tell", self._holder.release())
            self._lose()

    def _look(self) -> None:
        if not self._is_on:
            return
        now = time.monotonic()
        if self._holder.title is None:
            self._call("look", *self._holder.look())
        elif self._must_stand or now - self._stood_at >= STAND:
            self._stand()
        else:
            self._call("beat", self._holder.beat())

    def _stand(self) -> None:
        self._must_stand, self._stood_at = False, time.monotonic()
        self._call("stand", self._holder.beat(), *self._holder.look())

    def _look_again(self, wait: float = BEAT) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.after(wait, _Look())

    def _called(self, message: Called) -> None:
        tag, replies = message.tag, message.replies
        self._reached()
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
                    if replies[0] == 0 and self._presence.wants_something:
                        self._call("publish", *self._presence.publish(is_news=False))
                case _:
                    self._leading.heard(tag, replies[0])
        except WebSocketV6Error as exc:
            if isinstance(exc, ConfigError) and self._holder.title is not None:
                self._lose()  # a later version leads
            self._call_failed(tag, exc)

    def _looked(self, replies: Sequence[object], asked_at: float, at: float) -> None:
        may_take = self._holder.looked(replies, asked_at, at)
        if may_take and self._is_on:
            self._call("take", self._holder.take(is_new=False))
            return
        self._troubles.granted()
        self._tell_place(leads=False)
        self._look_again()

    def _taken(self, replies: Sequence[object]) -> None:
        if self._holder.has_taken(replies[0]):
            self._call("open", *self._holder.open())
        else:
            self._troubles.refused(replies)
            self._lose()
            self._look_again(BEAT * random.random())  # noqa: S311 - so that not all look at once

    def _opened(self, replies: Sequence[object]) -> None:
        self._troubles.granted()
        if not self._holder.opened(replies) or not self._is_on:
            self._troubles.refused(replies)
            self._lose()
            self._look_again(BEAT * random.random())  # noqa: S311
            return
        self._lead()
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
                self._look_again()

    # --- as the leader

    def _lead(self) -> None:
        """Write from here on; and serve what is wanted, unless that is done already."""
        title = self._holder.title
        if title is not None:
            self._leading.begin(title)
            self._tell_place(leads=True)

    def _lose(self) -> None:
        """Do nothing for others any more."""
        self._holder.lost()
        self._leading.end()
        self._tell_place(leads=False)

    def _tell_place(self, *, leads: bool) -> None:
        if self._is_on and leads != self._was_told:
            self._was_told = leads
            tell(self._supervisor, FleetPlaced(self.actor_ref, self._endpoints, leads))

    def _hear_writer(self, message: WriterOpened | WriterSaid | WriterEnded) -> None:
        reason = self._leading.hear_writer(message)
        if isinstance(message, WriterEnded) and reason is not None:
            self._troubles.failed(message.error)
            self.after(RETRY, _Retry())
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

    def _reached(self) -> None:
        if self._troubles.reached() and self._presence.wants_something:
            self._call("publish", *self._presence.publish(is_news=False))

    def _call_failed(self, tag: str, error: WebSocketV6Error) -> None:
        if tag.startswith("control") and self._holder.title is None:
            return  # who leads no more has hung up
        self._troubles.failed(error)
        if tag.startswith("control"):
            self.after(RETRY, _Listen())
            return
        self._holder.candidate.forget()
        self._must_stand = self._holder.title is not None
        if tag in ("look", "take", "open", "beat", "stand"):
            self._troubles.failures += 1
            self._tell_place(leads=self._holder.title is not None)
            wait = min(LONGEST, BEAT * 2.0 ** min(self._troubles.failures - 1, 8))
            self._look_again(wait * (0.5 + random.random() / 2))  # noqa: S311 - not all at once

    def _health(self) -> FleetHealth:
        lead, title, error = self._holder.lead, self._holder.title, self._troubles.error
        return FleetHealth(
            self._endpoints,
            title is not None,
            lead.name if lead is not None else "",
            title.term if title is not None else lead.term if lead is not None else 0,
            len(self._leading.machines),
            error is None,
            "" if error is None else str(error),
            self._keys.scope,
        )
