"""This machine's part when a title passes in order: it leaves, or it is to lead next.

Not an actor: the fleet owns one, tells it what the server replied, and does for it what is the fleet's to do. What
leads to what is `protocol/fleet/succession.py`.
"""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Protocol

import pykka

from websocket_v6.actors.messages.fleet import LogHeard, LogOwes, OwnServes
from websocket_v6.actors.messages.supervisor import LeaveFleet
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.entries import Fetching, Open, State, decode_happening, decode_rows
from websocket_v6.protocol.fleet.ids import EntryId, follow_on, parse_id
from websocket_v6.protocol.fleet.succession import Do, Heir, HeirEvent, HeirState, Leaver, LeaverEvent
from websocket_v6.protocol.fleet.title import Lead
from websocket_v6.protocol.fleet.wants import is_named

from .access import LogAccess
from .kept import Written
from .leading import Leading
from .presence import Presence
from .title_holder import TitleHolder

__all__ = ["Succession"]

logger = logging.getLogger(__name__)

MOST_ENTRIES: Final = 200_000  # that are read of what the one before has written meanwhile


class Owner(Protocol):
    """What the fleet does for this one."""

    def connect_next(self) -> None:
        """Have connections of this machine's own beside the log."""

    def lead(self, written: dict[str, Written]) -> None:
        """Write the logs from here on."""

    def read_on(self) -> None:
        """Be as before: a machine that reads."""


class Succession:
    """Of one machine, for the logs of `endpoints`."""

    def __init__(
        self,
        *,
        access: LogAccess,
        endpoints: Sequence[str],
        machine: str,
        holder: TitleHolder,
        leading: Leading,
        presence: Presence,
        call: Callable[..., object],
        owner: Owner,
    ) -> None:
        self._access = access
        self._endpoints = tuple(endpoints)
        self._machine = machine
        self._holder = holder
        self._leading = leading
        self._presence = presence
        self._call = call
        self._owner = owner
        self._leaver = Leaver()
        self._owes = False
        self._heir = Heir()
        self._waiting: list[pykka.Future[bool]] = []
        self._term = 0  # of who leads until this machine does
        self._from: dict[str, str] = {}  # up to where the logs were read before anything was prepared
        self._read: dict[str, EntryId] = {}  # and up to where by now
        self._heard: set[str] = set()  # endpoints that the log brings
        self._whole: set[str] = set()  # and those that connections of this machine's own bring as well

    def heed(self, message: object) -> None:
        """Hear from the supervisor, from sources and from the mouth."""
        match message:
            case LogHeard(endpoint, is_open):
                self.hears(endpoint, is_open=is_open)
            case OwnServes(endpoint):
                self.serves(endpoint)
            case LeaveFleet(_, done):
                self.leave(done)
            case LogOwes(is_on):
                self.owes(is_on=is_on)

    # --- who leaves

    @property
    def is_leaving(self) -> bool:
        """Whether this machine leads only until another one does."""
        return self._leaver.is_waiting

    def leave(self, done: "pykka.Future[bool]") -> None:
        """Have another machine lead, if there is one; answer when this one may go: whether all was in order."""
        self._waiting.append(done)
        self._begin_to_leave()

    def owes(self, *, is_on: bool) -> None:
        """Note whether trades that were promised are yet to come: they are waited for, nobody else would fetch them."""
        self._owes = is_on
        if self._waiting and not self._leaver.is_waiting:
            self._begin_to_leave()

    def _begin_to_leave(self) -> None:
        if self._holder.title is None:
            self._answer(in_order=True)
        elif not self._owes:
            self._leave(self._leaver.handle(LeaverEvent.LEAVE, time.monotonic()))

    def stood(self) -> None:
        """Look at the title, which this machine still has."""
        now, lead = time.monotonic(), self._holder.lead
        if lead is not None and lead.heir:
            self._leave(self._leaver.handle(LeaverEvent.CLAIMED, now))
        self._leave(self._leaver.due(now))

    def lost(self) -> None:
        """Note that another machine leads."""
        self._leave(self._leaver.handle(LeaverEvent.LOST, time.monotonic()))

    def _leave(self, do: Do) -> None:
        match do:
            case Do.OFFER:
                self._call("offer", self._holder.leave(), ("HKEYS", self._access.keys.machines))
            case Do.END_IN_ORDER | Do.END:
                self._answer(in_order=do is Do.END_IN_ORDER)

    def _answer(self, *, in_order: bool) -> None:
        for done in self._waiting:
            done.set(in_order)
        self._waiting.clear()

    def close(self) -> None:
        """Let nobody wait."""
        self._answer(in_order=False)

    # --- who follows

    @property
    def is_taking(self) -> bool:
        """Whether the title is being taken: nothing else is to be made of what is seen meanwhile."""
        return self._heir.state in (HeirState.TAKING, HeirState.OPENING)

    def looked(self, lead: Lead | None) -> None:
        """Look at the title, which another machine has."""
        now = time.monotonic()
        if self._heir.is_preparing:
            if lead is None or (lead.term, lead.heir) != (self._term, self._machine):
                self._follow(HeirEvent.OVER)
            else:
                self._do(self._heir.due(now))
        elif lead is not None and lead.is_leaving and lead.heir in ("", self._machine):
            places = [self._presence.place(endpoint) for endpoint in self._endpoints]
            tops = [str(top or "") for top in self._holder.tops]
            reads = [self._presence.wants(endpoint) for endpoint in self._endpoints]
            starts = [place if is_read else top for place, top, is_read in zip(places, tops, reads, strict=True)]
            if all(starts):
                self._from = dict(zip(self._endpoints, starts, strict=True))
                self._read.clear()
                self._term = lead.term
                self._follow(HeirEvent.OFFERED)

    def over(self) -> None:
        """Give up what was prepared, if anything was: this machine takes the title as it is, or none any more.

        The connections of its own stay, for whoever leads needs them.
        """
        if self._heir.handle(HeirEvent.OVER, time.monotonic()) is Do.ABANDON:
            self._leading.abandon()

    def gathered(self) -> None:
        """Note that what all want is wanted here."""
        self._whole.clear()
        self._follow(HeirEvent.GATHERED)
        self._see_to_logs()

    def read(self, endpoint: str, id_: str) -> None:
        """Note up to where the log of an endpoint was read."""
        self._read[endpoint] = parse_id(id_)

    def hears(self, endpoint: str, *, is_open: bool) -> None:
        """Note whether the log of an endpoint is read, and its leader's connection is open."""
        (self._heard.add if is_open else self._heard.discard)(endpoint)
        self._see_to_logs()

    def serves(self, endpoint: str) -> None:
        """Note that connections of this machine's own bring all of an endpoint."""
        self._whole.add(endpoint)
        self._see_to_logs()

    def _see_to_logs(self) -> None:
        needed = {one for one in self._endpoints if self._leading.streams(one) or self._presence.wants(one)}
        if self._heir.state is HeirState.LISTENING and needed <= self._heard:
            self._follow(HeirEvent.HEARD)
        if self._heir.state is HeirState.CONNECTING and needed <= self._whole:
            self._follow(HeirEvent.WHOLE)

    def _follow(self, event: HeirEvent) -> None:
        self._do(self._heir.handle(event, time.monotonic()))

    def _do(self, do: Do) -> None:
        match do:
            case Do.CLAIM:
                self._call("claim", self._holder.claim())
            case Do.GATHER:
                self._leading.prepare()
            case Do.CONNECT:
                self._owner.connect_next()
            case Do.TAKE:
                self._call("take next", self._holder.take(is_new=False))
            case Do.OPEN:
                ranges = [
                    ("XRANGE", self._access.keys.log(one), f"({self._from[one]}", "+", "COUNT", MOST_ENTRIES)
                    for one in self._endpoints
                ]
                self._call("open next", *self._holder.open(is_seamless=True), *ranges)
            case Do.ABANDON:
                self._leading.abandon()
                self._owner.read_on()

    # --- what the server replies

    def called(self, tag: str, replies: Sequence[object]) -> bool:
        """Take replies to a call of this one; return whether it was one."""
        match tag:
            case "offer":
                self._offered(replies)
            case "claim":
                self._follow(HeirEvent.PROMISED if replies[0] == [1] else HeirEvent.DENIED)
            case "take next":
                if self._heir.state is HeirState.TAKING:
                    self._follow(HeirEvent.TAKEN if self._holder.has_taken(replies[0]) else HeirEvent.DENIED)
            case "open next":
                if self._heir.state is HeirState.OPENING:
                    self._opened(replies)
            case _:
                return False
        return True

    def failed(self) -> None:
        """Note that the server does not answer."""
        self._leave(self._leaver.handle(LeaverEvent.FAILED, time.monotonic()))
        self._follow(HeirEvent.OVER)

    def _offered(self, replies: Sequence[object]) -> None:
        machines = replies[1] if isinstance(replies[1], list) else []
        # Who has a resume name never leads, and may be away.
        others = [one for one in machines if one != self._machine.encode() and not is_named(one.decode())]
        event = LeaverEvent.OTHERS if replies[0] == [1] and others else LeaverEvent.ALONE
        self._leave(self._leaver.handle(event, time.monotonic()))

    def _opened(self, replies: Sequence[object]) -> None:
        count = len(self._endpoints)
        if not self._holder.opened(replies[:count]) or self._holder.title is None:
            self._follow(HeirEvent.DENIED)
            return
        written: dict[str, Written] = {}
        for endpoint, opened, found in zip(self._endpoints, replies, replies[count:], strict=False):
            try:
                after = parse_id(opened[1]) if isinstance(opened, list) else EntryId(0, 0)
                if after < self._read.get(endpoint, after):
                    raise TransportError(f"the {endpoint} log has lost what was read already")
                written[endpoint] = self._written(endpoint, found, after)
            except (RemoteProtocolError, TransportError) as exc:
                logger.warning("what was written last cannot be continued: %s", exc)
        self._follow(HeirEvent.OPENED)
        self._owner.lead(written)

    def _written(self, endpoint: str, found: object, after: EntryId) -> Written:
        """Return what the one before has written since this machine was to lead next, up to the entry `after`.

        Raises:
            TransportError: if that is not all, so that nobody can say what is missing.
            RemoteProtocolError: if it cannot be read.
        """
        title, key = self._holder.title, self._access.keys.log(endpoint)
        if not isinstance(found, list) or len(found) >= MOST_ENTRIES or title is None:
            raise TransportError(f"{key} cannot be read, or has too much")
        seal = self._access.seal(key, title.log)
        start = parse_id(self._from[endpoint])
        read = self._read.get(endpoint, start)
        identities: dict[str, list[Hashable]] = {}
        entries: list[tuple[EntryId, EntryId | None]] = []
        owes = False
        for id_, fields in found:
            at = parse_id(id_)
            field, body = (fields[0].decode("latin-1"), fields[1]) if len(fields) == 2 else ("", b"")
            if field == "p" and seal is not None:
                field, body = seal.open(at, body)
            if at >= EntryId(title.term, 0):
                break
            opens_after: EntryId | None = None
            if field in ("d", "z"):
                rows = decode_rows(body, is_compressed=field == "z")
                for stream, payload in zip(rows.streams, rows.payloads, strict=True):
                    identities.setdefault(stream, []).append(identity_of(stream, payload))
            elif field == "s":
                what = decode_happening(body)
                owes = bool(what.streams) if isinstance(what, Fetching) else owes
                if isinstance(what, Open) and what.after:
                    opens_after = parse_id(what.after)
                if at > read and isinstance(what, Open | State) and not what.seamless:
                    # What this machine kept of what that one missed would come behind what is newer. Whatever was read
                    # here has ended an epoch here, and nothing is kept of before it.
                    raise TransportError(f"who led has missed something, says {key}")
            entries.append((at, opens_after))
        if not follow_on(start, entries, after):
            raise TransportError(f"{key} has a hole: its server has lost what it had")
        if owes:
            raise TransportError(f"what who led has missed and promised is not in {key} yet")
        return identities
