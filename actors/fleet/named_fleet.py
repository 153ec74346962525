"""A machine with a resume name among many: it reads, never leads, and goes on where a process of its name was left.

What is done of each log is kept at the server each second, and once more at an orderly end. Whose the name is decides
its beat there (`protocol/fleet/claim.py`); what the place is, `protocol/fleet/resume.py`.
"""

import functools
import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

import pykka

from websocket_v6.actors.base import tell
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import (
    Called,
    CallFailed,
    FleetHealth,
    LogFollowed,
    LogWanted,
    ResumeFrom,
    ResumeLog,
)
from websocket_v6.actors.messages.router import GetHeld, Held
from websocket_v6.actors.undone import Undone
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, RemoteProtocolError, TransportError
from websocket_v6.protocol.fleet.claim import LOOK, Claim, holder_of
from websocket_v6.protocol.fleet.resume import Resumption
from websocket_v6.protocol.fleet.wants import machine_of
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text

from .fleet import Fleet
from .lines import Command
from .progress import Asked, Claimed, Progress
from .scripts import NAME, SAVE

__all__ = ["NamedFleet"]

logger = logging.getLogger(__name__)

KEEP: Final = 1.0  # seconds between two places that are kept
LEAST_LIFE: Final = 120.0  # seconds for which a place is kept, at least
LAST_HELD: Final = 1.0  # seconds that the end waits for the router
LEADERLESS: Final = 5.0  # seconds without a leader until it is said that this machine will not be one


class _LookAtName(Message):
    """Whose is the name now?"""


class _Keep(Message):
    """Time to keep the place."""


class _GotHeld(Message):
    """What the router keeps of an endpoint whose log was read up to an entry (progress: live)."""

    endpoint: str
    progress: Progress
    asked: Asked
    held: Held


class NamedFleet(Fleet):
    """Of a process with `Config(fleet_resume=)`. `machine` is the process's own id, `undone` what it is not done with.

    Receives what a fleet does, and ResumeLog and LogFollowed from sources, whom it tells ResumeFrom.
    """

    can_lead: ClassVar[bool] = False

    def __init__(self, *, config: Config, machine: str, undone: Undone, **others: Any) -> None:
        self._resume = config.fleet_resume or ""
        super().__init__(config=config, machine=machine_of(self._resume), **others)
        self._undone = undone
        self._claim = Claim(machine)
        life = int(1000 * max(LEAST_LIFE, 2 * config.fleet_retention))
        key = self._keys.place(self._resume)
        self._own = Claimed(key, machine, life, self._access.seal(key))
        self._is_mine = False
        self._saved: dict[str, Resumption] = {}  # by endpoint, until its source asks
        self._sources: dict[str, Ref] = {}
        self._progress: dict[str, Progress] = {}
        self._unsaved: dict[str, str | bytes] = {}  # fields of the place that the server does not have yet
        self._sent: dict[str, str | bytes] | None = None  # those that are on their way
        self._oldest_ns: dict[str, int | None] = {}  # by endpoint, of what is not done
        self._name_error: ConfigError | None = None
        self._led_at = time.monotonic()
        self._is_warned = False

    def on_start(self) -> None:
        """Begin to look, at the name first."""
        super().on_start()
        self._look_at_name()
        self.after(KEEP, _Keep())

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case ResumeLog(endpoint, source):
                self._sources[endpoint] = source
                self._answer(endpoint)
            case LogFollowed(endpoint, progress):
                self._progress[endpoint] = progress
            case LogWanted(endpoint, b""):
                self._unsaved |= self._own.streams(endpoint, ())
                return super().on_receive(message)
            case _LookAtName():
                self._look_at_name()
            case _Keep():
                self.after(KEEP, _Keep())
                self._ask_held()
                self._look_for_a_leader()
            case _GotHeld():
                self._settle(message)
                self._keep()
            case Called(tag, replies, asked_at, at) if tag.startswith("place"):
                self._troubles.reached()
                self._heard(tag, replies[0], asked_at, at)
            case CallFailed(tag, error) if tag.startswith("place"):
                self._troubles.failed(error)
                self._claim.forget()
                if tag == "place save":
                    self._sent = None
                else:
                    self.after(LOOK, _LookAtName())
            case _:
                return super().on_receive(message)
        return None

    def close(self) -> None:
        """Keep the place, to the last message; what is wanted lives on."""
        if not self._is_mine:
            self._is_on = False  # what stands at the server under this name is another's
        elif self._troubles.error is None:
            for endpoint, progress in self._progress.items():
                self._keep_last(endpoint, progress)
            self._call("place save", self._save("", self._unsaved))
        super().close()

    def _renew(self) -> None:
        if self._is_mine:
            super()._renew()

    # --- the name

    def _look_at_name(self) -> None:
        self._call("place look", ("HGETALL", self._own.key))

    def _heard(self, tag: str, reply: object, asked_at: float, at: float) -> None:
        if tag == "place look":
            self._looked_at_name(reply, asked_at, at)
            return
        if tag == "place save":
            sent, self._sent = self._sent or {}, None
        if not isinstance(reply, list):
            self._troubles.failed(TransportError(f"the place in the log cannot be kept: {outside_text(reply)}"))
            self.after(LOOK, _LookAtName())
        elif tag == "place claim":
            self._has_claimed(_fields(reply[1])) if reply[0] == 1 else self.after(LOOK, _LookAtName())
        elif reply[0] == 1:
            self._unsaved = {field: value for field, value in self._unsaved.items() if sent.get(field) != value}
        elif reply[1] is None:
            self._look_at_name()  # the server has lost it
        else:
            self._lose_name(outside_text(reply[1].decode("utf-8", "replace")))

    def _looked_at_name(self, reply: object, asked_at: float, at: float) -> None:
        seen = holder_of(_fields(reply))
        if self._claim.looked(seen, asked_at, at):
            before = ("", "") if seen is None else (seen.owner, str(seen.beat))
            key, owner, life, _ = self._own
            self._call("place claim", ("EVAL", NAME, 1, key, *before, owner, self._name, life))
            return
        self.after(LOOK, _LookAtName())
        if self._claim.taken_by and self._name_error is None:
            self._lose_name(self._claim.taken_by)

    def _has_claimed(self, fields: Mapping[str, bytes]) -> None:
        was_mine, self._is_mine = self._is_mine, True
        if was_mine and "owner" in fields:
            return  # a look that was late
        self._name_error = None
        if was_mine:
            for progress in self._progress.values():
                progress.keep_again()
            return
        for endpoint in self._endpoints:
            try:
                owed = self._own.resumption(endpoint, fields)
            except (RemoteProtocolError, ValueError) as exc:
                logger.warning("the place of %s in the %s log is passed over: %s", self._resume, endpoint, exc)
            else:
                if owed is not None:
                    self._saved[endpoint] = owed
        for endpoint in self._sources:
            self._answer(endpoint)

    def _lose_name(self, who: str) -> None:
        """Stop, for another process has the name, and lives; and wait until it does not."""
        was_mine, self._is_mine = self._is_mine, False
        text = f"fleet_resume={self._resume!r} is in use by {who}: end that process, or give this one another name"
        self._name_error = ConfigError(text)
        logger.error("%s; it is waited for", text)
        self._progress.clear()
        self._unsaved.clear()
        for endpoint in self._sources:
            self._answer(endpoint)
        if was_mine:
            self.after(LOOK, _LookAtName())

    def _answer(self, endpoint: str) -> None:
        """Tell a source where to begin, once that is known."""
        if self._is_mine:
            message = ResumeFrom(self._own, self._saved.pop(endpoint, None))
        elif self._name_error is not None:
            message = ResumeFrom(None, None, self._name_error)
        else:
            return
        tell(self._sources[endpoint], message)

    # --- the place

    def _ask_held(self) -> None:
        """Ask the router what it keeps: what it has given away is known. What was read went to it before."""
        if not self._progress:
            self._keep()  # for the beat
        for endpoint, progress in self._progress.items():
            future = cast(Future[Held], self._router.ask(GetHeld(endpoint), block=False))
            future.hand_to(functools.partial(self._tell_held, endpoint, progress, progress.asks()))

    def _tell_held(self, endpoint: str, progress: Progress, asked: Asked, held: Held) -> None:
        """Belongs to the router's thread."""
        tell(self.actor_ref, _GotHeld(endpoint, progress, asked, held))

    def _settle(self, message: _GotHeld) -> None:
        endpoint, progress, held = message.endpoint, message.progress, message.held
        if self._progress.get(endpoint) is not progress:
            return  # another reader has begun
        self._oldest_ns[endpoint] = oldest_ns = _earlier(self._undone.oldest(endpoint), held.oldest)
        saved = None if held.holds else progress.settle(message.asked, oldest_ns, held.candles)
        if saved is not None:
            self._unsaved |= self._own.place(endpoint, saved)

    def _keep_last(self, endpoint: str, progress: Progress) -> None:
        try:
            held = cast(Held, self._router.ask(GetHeld(endpoint), timeout=LAST_HELD))
        except (pykka.ActorDeadError, pykka.Timeout):
            return  # what was kept holds, and what came since comes again
        if held.holds or held.oldest is not None:
            self._settle(_GotHeld(endpoint, progress, progress.asks(), held))
            return
        rest = [*self._undone.rest(endpoint), *([one] for one in held.candles.items())]
        saved = progress.rest(rest, self._undone.shared(endpoint))
        if saved is not None:
            self._unsaved |= self._own.place(endpoint, saved) | self._own.streams(endpoint, saved.streams)
            unread = progress.unread
            self._unsaved[f"{endpoint}:until"] = "" if unread is None else str(unread)

    def _keep(self) -> None:
        if self._is_mine and self._sent is None:
            self._sent = dict(self._unsaved)
            self._call("place save", self._save(self._own.owner, self._sent))

    def _save(self, owner: str, fields: Mapping[str, str | bytes]) -> Command:
        flat = [one for item in fields.items() for one in item]
        return ("EVAL", SAVE, 1, self._own.key, self._own.owner, owner, self._own.life, *flat)

    # --- telling

    def _look_for_a_leader(self) -> None:
        """Say it once if nobody leads: this one will not."""
        now, lead = time.monotonic(), self._holder.lead
        if lead is not None and lead.owner:
            self._led_at, self._is_warned = now, False
        elif self._troubles.error is None and now - self._led_at > LEADERLESS and not self._is_warned:
            self._is_warned = True
            logger.warning("nobody leads this fleet, and a process with a resume name never does: start one without")

    def _health(self) -> FleetHealth:
        found = super()._health()
        times = [one for one in self._oldest_ns.values() if one is not None]
        undone = max(0.0, (time.time_ns() - min(times)) / 1e9) if times else 0.0
        error = found.error or ("" if self._name_error is None else str(self._name_error))
        return found._replace(error=error, resume=self._resume, undone=undone)


def _fields(reply: object) -> dict[str, bytes]:
    flat = reply if isinstance(reply, list) else []
    return {name.decode("utf-8", "replace"): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
