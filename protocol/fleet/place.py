"""Where a reader stands in one stream of the log, and what each entry means from there.

Of two messages that are delivered one after the other either nothing was between them upstream, or the reader was told.
The log may lose what it had acknowledged (a failover to a replica that was behind), be trimmed, evicted or emptied, and
go back; what was delivered once is never delivered again.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from .ids import EntryId, before_term
from .title import Lead

__all__ = ["Place", "Verdict"]

TERMS: Final = 8  # of which it is remembered how far they were read

WHOLE: Final = ""
HOLE = "the log has a hole: it was trimmed before this machine read it, or lost in a failover"
OTHER_LEADER = "another machine leads"
WENT_BACK = "the log went back: its server lost what it had"
AGAIN = "the log brought something again, which may be other than it was"


class Verdict(NamedTuple):
    """What an entry is: to be delivered or not, and why something may be missing before it."""

    delivers: bool
    gap: str = WHOLE


class Place:
    """A reader's place. `at` is the last entry that was read, or the id just before the first one."""

    def __init__(self, log: str, at: EntryId) -> None:
        self.log = log
        self.at = at
        self._newest_ns = 0  # when the newest that was delivered had come from the exchange
        # After a gap nothing is delivered that came before what was delivered: who leads now may have led before, and
        # write what another one has written already, whom the server has forgotten.
        self._floor_ns = 0
        self._highest: OrderedDict[int, int] = OrderedDict({at.term: at.sequence})

    def read(self, id_: EntryId, *, at_ns: int = 0, after: EntryId | None = None, is_seamless: bool = False) -> Verdict:
        """Take the next entry that the server has.

        `at_ns`, of one with messages, is when they came from the exchange, by this machine's clock. `after`, of one
        that opens a term, is the last of those before it; `is_seamless`: the new leader had everything before the old
        one ended.
        """
        if id_.sequence <= self._highest.get(id_.term, -1):
            return self._again(id_)
        gap = self._gap_before(id_, after, is_seamless)
        self.at = id_
        self._note(id_)
        if gap:
            self._floor_ns = self._newest_ns
        if at_ns and at_ns <= self._floor_ns:
            return Verdict(False, gap or AGAIN)
        self._newest_ns = max(self._newest_ns, at_ns)
        return Verdict(True, gap)

    def _gap_before(self, id_: EntryId, after: EntryId | None, is_seamless: bool) -> str:
        place = self.at
        if id_.term == place.term or place == before_term(id_.term):
            is_next = id_.sequence == (place.sequence + 1 if id_.term == place.term else 0)
            return WHOLE if is_next else HOLE
        if id_.sequence != 0:
            return HOLE
        return WHOLE if is_seamless and after == place else OTHER_LEADER

    def _again(self, id_: EntryId) -> Verdict:
        """Drop what an earlier reading has had: who led in a term that was forgotten may write once more."""
        self.at = max(self.at, id_)
        self._floor_ns = self._newest_ns
        return Verdict(False, AGAIN)

    def look(self, lead: Lead) -> str:
        """Compare with the title, at each start, after each reconnect and when nothing has come for a second.

        Returns why something may be missing from here on; the place is another one then.
        """
        if lead.term == self.at.term:
            self.log = lead.log
            return WHOLE
        if lead.log == self.log and lead.term > self.at.term:
            return WHOLE
        self.log = lead.log
        highest = self._highest.get(lead.term)
        self.at = before_term(lead.term) if highest is None else EntryId(lead.term, highest)
        self._floor_ns = self._newest_ns
        return WENT_BACK

    def _note(self, id_: EntryId) -> None:
        self._highest[id_.term] = id_.sequence
        self._highest.move_to_end(id_.term)
        while len(self._highest) > TERMS:
            self._highest.popitem(last=False)
