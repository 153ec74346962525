"""Ids of the log's entries, and the names of its keys.

The leader gives each entry its id, `term-sequence`: terms are never used again, and in each the sequence counts by one
from 0. The server refuses an id that is not above the last, which fences off whoever led before; it makes an entry that
is sent again harmless, shows each hole, and is the place to go on from.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["FORMAT", "LAST_SEQUENCE", "EntryId", "Keys", "before_term", "follow_on", "parse_id", "scope_of"]

FORMAT: Final = 1  # of keys and entries; rises with every change that readers must know of
LAST_SEQUENCE: Final = 2**64 - 1
SHARD: Final = 0  # of each endpoint's only stream
_PREFIX: Final = "v6"


class EntryId(NamedTuple):
    """Where an entry stands in its stream; ids compare as the server compares them."""

    term: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.term}-{self.sequence}"


def parse_id(text: bytes | str) -> EntryId:
    """Read an id as the server writes it.

    Raises:
        ValueError: if it is none.
    """
    term, _, sequence = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return EntryId(int(term), int(sequence))


def before_term(term: int) -> EntryId:
    """Return the id just before a term's first entry: what is read after it begins with that."""
    return EntryId(term - 1, LAST_SEQUENCE)


def follow_on(start: EntryId, entries: Iterable[tuple[EntryId, EntryId | None]], end: EntryId) -> bool:
    """Return whether these entries are all that lie behind `start` up to `end`.

    Each has its id and, if it opens a term, the id of the last one before it as the server found it.
    """
    place = start
    for id_, after in entries:
        if id_.sequence:
            is_next = id_ == EntryId(place.term, place.sequence + 1)
        else:
            is_next = place in (after, before_term(id_.term))
        if not is_next:
            return False
        place = id_
    return place == end


def scope_of(url: str, account: str = "") -> str:
    """Return the 12 hex digits that tell one fleet from another: those of an exchange, and of an account if need be."""
    return hashlib.sha256(f"{url}\n{account}".encode()).hexdigest()[:12]


class Keys(NamedTuple):
    """The names of one fleet's keys. All share a hash tag, so that one node of a cluster has them all."""

    scope: str

    @property
    def lead(self) -> str:
        """Who leads: a hash."""
        return self._named("lead")

    @property
    def control(self) -> str:
        """What machines tell the leader: a stream."""
        return self._named("ctl")

    @property
    def machines(self) -> str:
        """Who is there: a hash."""
        return self._named("machines")

    def want(self, machine: str) -> str:
        """What a machine wants, with a time to live."""
        return self._named(f"want:{machine}")

    def log(self, endpoint: str) -> str:
        """The log of an endpoint: a stream."""
        return self._named(f"log:{endpoint}:{SHARD}")

    def last(self, endpoint: str) -> str:
        """The checkpoint of an endpoint: its last values."""
        return self._named(f"last:{endpoint}:{SHARD}")

    def place(self, name: str) -> str:
        """Where the machine with a resume name goes on: a hash."""
        return self._named(f"place:{name}")

    def _named(self, rest: str) -> str:
        return f"{_PREFIX}:{{{self.scope}}}:{rest}"
