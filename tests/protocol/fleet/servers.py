"""The model of a server: what Valkey does with the fleet's commands, and what it may lose."""

import copy
import random
from typing import Any, NamedTuple

from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.ring import Entry
from websocket_v6.protocol.fleet.standing import Answer
from websocket_v6.protocol.fleet.title import Lead

__all__ = ["STREAMS", "Opened", "Server", "State"]

STREAMS = ("a", "b")


class Opened(NamedTuple):
    """The first entry of a term."""

    after: EntryId
    is_seamless: bool


class State(NamedTuple):
    """What a leader says of its connection."""

    is_whole: bool  # nothing was missed


class Log:
    """A stream of the server."""

    def __init__(self) -> None:
        self.entries: list[tuple[EntryId, Any]] = []
        self.last = EntryId(0, 0)


class Server:
    """What Valkey does with the fleet's commands. `wall` is its clock, which may jump."""

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.lead: Lead | None = None
        self.logs: dict[str, Log] = {}
        self.wall_ms = 1_700_000_000_000
        self.replica: tuple[Lead | None, dict[str, Log]] = (None, {})

    def take(self, seen: Lead | None, machine: str, floor: int, log: str, *, is_new: bool) -> Lead | None:
        now = self.lead
        if (now is None) != (seen is None) or (
            now is not None
            and seen is not None
            and (now.term != seen.term or (now.beat != seen.beat and now.heir != machine))
        ):
            return None
        term = max((now.term if now else 0) + 1, floor + 1, self.wall_ms * 1024) + self.random.randrange(2**20)
        kept = now.log if now is not None and not is_new else log
        self.lead = Lead(kept, term, machine, 1)
        return self.lead

    def beat(self, machine: str, term: int) -> bool:
        lead = self.lead
        if lead is None or (lead.owner, lead.term) != (machine, term):
            return False
        self.lead = lead._replace(beat=lead.beat + 1)
        return True

    def leave(self, machine: str, term: int) -> bool:
        lead = self.lead
        if lead is None or (lead.owner, lead.term) != (machine, term):
            return False
        self.lead = lead._replace(is_leaving=True, heir="")
        return True

    def claim(self, machine: str, term: int) -> bool:
        lead = self.lead
        if lead is None or lead.term != term or not lead.is_leaving or lead.heir not in ("", machine):
            return False
        self.lead = lead._replace(heir=machine)
        return True

    def release(self, machine: str, term: int) -> None:
        lead = self.lead
        if lead is not None and (lead.owner, lead.term) == (machine, term):
            self.lead = lead._replace(owner="", is_leaving=False, heir="")

    def open(self, stream: str, term: int, *, is_seamless: bool = False) -> tuple[bool, EntryId]:
        log = self.logs.setdefault(stream, Log())
        after, id_ = log.last, EntryId(term, 0)
        if id_ <= after:
            return after.term == term, after
        log.entries.append((id_, Opened(after, is_seamless)))
        log.last = id_
        return True, after

    def append(self, stream: str, entry: Entry) -> Answer:
        log = self.logs.get(stream)
        if log is None:
            return Answer.GONE
        if entry.id <= log.last:
            return Answer.REFUSED
        words = {b"proof": "proof", b"whole": State(True), b"broken": State(False)}
        log.entries.append((entry.id, words[entry.body] if entry.body in words else int(entry.body)))
        log.last = entry.id
        return Answer.DONE

    def top(self, stream: str) -> EntryId | None:
        log = self.logs.get(stream)
        return None if log is None else log.last

    def read(self, stream: str, after: EntryId, count: int) -> list[tuple[EntryId, Any]]:
        log = self.logs.get(stream)
        return [] if log is None else [one for one in log.entries if one[0] > after][:count]

    def replicate(self) -> None:
        self.replica = (self.lead, copy.deepcopy(self.logs))

    def fail_over(self) -> None:
        self.lead, self.logs = self.replica[0], copy.deepcopy(self.replica[1])
