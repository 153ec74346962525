"""The commands by which a machine looks at the title, takes it, keeps it and lays it down; and what the replies mean.

Not an actor: the fleet owns one, has its commands called, and asks it what the replies are.
"""

import random
import time
import uuid
from collections.abc import Sequence
from typing import Final

from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.entries import Open, encode_open
from websocket_v6.protocol.fleet.ids import FORMAT, EntryId, Keys, parse_id
from websocket_v6.protocol.fleet.standing import Standing, standing
from websocket_v6.protocol.fleet.title import Candidate, Lead, lead_of
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text

from .lines import Command
from .scripts import BEAT, CLAIM, LEAVE, OPEN, RELEASE, TAKE

__all__ = ["Title", "TitleHolder", "read_lead", "tops_of"]

_RANDOM: Final = 2**20  # so much is added to a term: a second of the clock that is in it


class Title(Message):
    """What this machine leads with."""

    term: int
    log: str
    messages: str = "SIMPLE"  # the exchange's format: the log's, whatever this machine is configured for


class TitleHolder:
    """Of one machine, for the logs of `endpoints`. `machine` is its id, `name` what people call it."""

    def __init__(self, keys: Keys, endpoints: Sequence[str], machine: str, name: str, format_: str) -> None:
        self.title: Title | None = None
        self.candidate = Candidate(machine)
        self.lead: Lead | None = None  # as it was seen last
        self.tops: list[EntryId | None] = []  # of the logs, as they were then
        self._keys = keys
        self._logs = [keys.log(endpoint) for endpoint in endpoints]
        self._machine = machine
        self._name = name
        self._format = format_
        self._floor = 0
        self._taken: Title | None = None  # and not open yet

    @property
    def place(self) -> tuple[bool, str, int]:
        """Whether this machine leads, the name of the one that does, and its term, as far as that is known."""
        lead, title = self.lead, self.title
        seen = lead.term if lead is not None else 0
        return title is not None, lead.name if lead is not None else "", title.term if title is not None else seen

    # --- commands

    def look(self) -> list[Command]:
        """Look at the title, and at the ends of the logs."""
        return [("HGETALL", self._keys.lead), *(("XINFO", "STREAM", key) for key in self._logs)]

    def take(self, *, is_new: bool) -> Command:
        """Take the title, if it is still what was seen. `is_new`: what stood in its log is lost."""
        seen = ("", "") if self.lead is None else (str(self.lead.term), str(self.lead.beat))
        chance = random.randrange(_RANDOM)  # noqa: S311 - it only has to be another one
        arguments = (self._machine, self._name, self._floor, chance, uuid.uuid4().hex[:12], int(is_new), FORMAT)
        return ("EVAL", TAKE, 1, self._keys.lead, *seen, *arguments, time.time_ns(), self._format)

    def open(self, *, is_seamless: bool = False) -> list[Command]:
        """Open the logs, with the title that was taken. `is_seamless`: who had it before is continued."""
        taken = self._taken
        if taken is None:
            return []
        head = encode_open(Open(taken.log, self._name, time.time_ns(), taken.messages, is_seamless))
        return [("EVAL", OPEN, 1, key, str(taken.term), head) for key in self._logs]

    def beat(self) -> Command:
        """Count the beat up."""
        term = 0 if self.title is None else self.title.term
        return ("EVAL", BEAT, 1, self._keys.lead, term, self._machine, time.time_ns())

    def release(self) -> Command:
        """Lay the title down: another may take it at once."""
        term = 0 if self.title is None else self.title.term
        return ("EVAL", RELEASE, 1, self._keys.lead, term, self._machine)

    def leave(self) -> Command:
        """Say that the title is to be another's, who is to get ready for it."""
        term = 0 if self.title is None else self.title.term
        return ("EVAL", LEAVE, 1, self._keys.lead, term, self._machine)

    def claim(self) -> Command:
        """Have the title promised to this machine, of who would leave."""
        term = 0 if self.lead is None else self.lead.term
        return ("EVAL", CLAIM, 1, self._keys.lead, term, self._machine)

    # --- replies

    def looked(self, replies: Sequence[object], asked_at: float, at: float) -> bool:
        """Note what was seen; return whether the title may be taken.

        Raises:
            TransportError: if that is no fleet's.
        """
        self._see(replies)
        return self.candidate.looked(self.lead, asked_at, at)

    def stands(self, replies: Sequence[object]) -> Standing:
        """Return how this machine stands, which leads as far as it knows.

        Raises:
            TransportError: if what was seen is no fleet's.
        """
        tops = self._see(replies)
        title = self.title
        if title is None:
            return Standing.LOST
        return standing(self.lead, tops, self._machine, title.term, title.log)

    def has_taken(self, reply: object) -> bool:
        """Note what came of taking it; return whether the logs are to be opened now."""
        self.title = self._taken = None
        self.candidate.forget()
        if isinstance(reply, list) and len(reply) == 4:
            self._taken = Title(int(reply[1]), reply[2].decode(), reply[3].decode())
            self._floor = max(self._floor, self._taken.term)
            self.lead = Lead(self._taken.log, self._taken.term, self._machine, 1)
        return self._taken is not None

    def opened(self, replies: Sequence[object]) -> bool:
        """Note what came of opening the logs; return whether this machine leads now."""
        taken, self._taken = self._taken, None
        for reply in replies:
            if not isinstance(reply, list):
                return False  # no memory, or not here: it is looked at the title again
            if reply[0] != 1:
                self._floor = max(self._floor, parse_id(reply[1]).term)
                return False
        self.title = taken
        return taken is not None

    def lost(self) -> None:
        """Note that this machine leads no more."""
        self.title = self._taken = None
        self.candidate.forget()

    def _see(self, replies: Sequence[object]) -> list[EntryId | None]:
        fields, *infos = replies
        self.lead = read_lead(fields)
        tops = self.tops = tops_of(infos)
        self._floor = max([self._floor, *(top.term for top in tops if top is not None)])
        if self.lead is not None:
            self._floor = max(self._floor, self.lead.term)
        return tops


def read_lead(reply: object) -> Lead | None:
    """Return the title, from HGETALL; None if there is none.

    Raises:
        ConfigError: if it is of a later version.
        TransportError: if it is no fleet's.
    """
    if not isinstance(reply, list):
        raise TransportError(f"the fleet's title cannot be read: {outside_text(reply)}")
    try:
        return lead_of(dict(zip(reply[::2], reply[1::2], strict=True)))
    except ValueError as exc:
        raise TransportError(str(exc)) from None


def tops_of(infos: Sequence[object]) -> list[EntryId | None]:
    """Return the last id that each stream has given, from XINFO; None for one that is not there."""
    found: list[EntryId | None] = []
    for info in infos:
        if isinstance(info, list):
            fields = dict(zip(info[::2], info[1::2], strict=True))
            found.append(parse_id(fields[b"last-generated-id"]))
        else:
            found.append(None)
    return found
