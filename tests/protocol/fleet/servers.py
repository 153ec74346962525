"""The model of a server: what Valkey does with the fleet's commands, and what it may lose."""

import itertools
import random
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from websocket_v6.protocol.fleet.entries import Covers
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.ring import Entry
from websocket_v6.protocol.fleet.standing import Answer
from websocket_v6.protocol.fleet.title import Lead

__all__ = ["COVERS", "PROOF", "STREAMS", "Fields", "Message", "Opened", "Proof", "Server", "State"]

STREAMS = ("a", "b")

Fields: TypeAlias = dict[str, bytes]
COVERS = "covers"  # and which streams it does from now on, and which not any more
PROOF = "proof"  # and the question that it answers
VERSION = "version of "  # for the model only: how often a field was written


class Opened(NamedTuple):
    """The first entry of a term."""

    after: EntryId
    is_seamless: bool


class State(NamedTuple):
    """What a leader says of its connection."""

    is_whole: bool  # nothing was missed


class Proof(NamedTuple):
    """The exchange's answer to a question: all from before stands before it."""

    question: int


class Message(int):
    """What the exchange sent, by its number, as far as who led covered it."""

    covered: frozenset[str]


class Log:
    """A stream of the server."""

    def __init__(self) -> None:
        self.entries: list[tuple[EntryId, Any]] = []
        self.last = EntryId(0, 0)

    def copy(self) -> "Log":
        log = Log()
        log.entries, log.last = list(self.entries), self.last
        return log


class Server:
    """What Valkey does with the fleet's commands. `wall` is its clock, which may jump."""

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.lead: Lead | None = None
        self.logs: dict[str, Log] = {}
        self.wall_ms = 1_700_000_000_000
        self.places: dict[str, Fields] = {}  # by resume name
        self.versions: dict[tuple[str, str], int] = {}  # how often each was written: nobody forgets
        self.wants: dict[str, frozenset[str]] = {}
        self.asked: frozenset[int] = frozenset()
        self._questions = itertools.count(1)
        self.replica = self._all()

    def _all(self) -> Any:
        logs = {stream: log.copy() for stream, log in self.logs.items()}
        places = {name: dict(fields) for name, fields in self.places.items()}
        return self.lead, logs, places, dict(self.wants), self.asked

    def ask(self) -> int:
        """Ask the exchange, by way of who leads, what it sends; return the question's number."""
        question = next(self._questions)
        self.asked |= {question}
        return question

    @property
    def union(self) -> frozenset[str]:
        return frozenset().union(*self.wants.values())

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
        words = {b"whole": State(True), b"broken": State(False)}
        body: Any = words.get(entry.body)
        if body is None:
            name, *more = entry.body.decode().split("|")
            parts = [[one for one in part.split(",") if one] for part in more]
            if name == COVERS:
                body = Covers(*parts)
            elif name == PROOF:
                body = Proof(int(more[0]))
            else:
                body = Message(name)
                body.covered = frozenset(parts[0])
        log.entries.append((entry.id, body))
        log.last = entry.id
        return Answer.DONE

    def top(self, stream: str) -> EntryId | None:
        log = self.logs.get(stream)
        return None if log is None else log.last

    def read(self, stream: str, after: EntryId, count: int) -> list[tuple[EntryId, Any]]:
        log = self.logs.get(stream)
        return [] if log is None else [one for one in log.entries if one[0] > after][:count]

    def replicate(self) -> None:
        self.replica = self._all()

    def fail_over(self) -> None:
        self.lead, self.logs, self.places, self.wants, self.asked = self.replica
        self.replica = self._all()

    def forget(self) -> None:
        """Lose everything."""
        self.lead, self.logs, self.places, self.wants, self.asked = None, {}, {}, {}, frozenset()

    # --- resume names

    def owner(self, key: str) -> str | None:
        owner = self.places.get(key, {}).get("owner")
        return None if owner is None else owner.decode()

    def claim_name(self, key: str, owner: str) -> tuple[Fields, bool]:
        """Give a name to a process; return what was kept of it, and whether a later place was forgotten."""
        fields = dict(self.places.get(key, {}))
        is_forgotten = any(
            name == key and int(fields.get(VERSION + field, b"0")) != count
            for (name, field), count in self.versions.items()
        )
        self._write(key, {"owner": owner})
        return fields, is_forgotten

    def keep(self, key: str, owner: str, next_owner: str | None, fields: Mapping[Any, Any]) -> list[Any]:
        """Do as SAVE and REACH do."""
        has = self.owner(key)
        if has != owner:
            return [0, None if has is None else has.encode()]
        self._write(key, fields if next_owner is None else {**fields, "owner": next_owner})
        return [1]

    def _write(self, key: str, fields: Mapping[Any, Any]) -> None:
        kept = self.places.setdefault(key, {})
        for field, value in fields.items():
            version = self.versions[key, field] = self.versions.get((key, field), 0) + 1 if field != "owner" else 0
            kept[VERSION + field] = b"%d" % version
            if value == "" and field != "owner":
                kept.pop(field, None)
            else:
                kept[field] = value.encode() if isinstance(value, str) else value
