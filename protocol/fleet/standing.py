"""What the server's answers mean to whoever leads.

None is believed by itself: an append that was sent twice is refused just as that of a leader who was replaced, so it is
looked at the title before anything is concluded.
"""

from enum import Enum

from .ids import EntryId
from .title import Lead

__all__ = ["Answer", "Standing", "answer_of", "standing"]


class Answer(Enum):
    """What became of a command."""

    DONE = "done"
    GONE = "gone"  # there is no such stream any more
    REFUSED = "refused"  # its id is not above the last: it is there already, or another machine leads
    FULL = "full"  # the server has no more memory
    LOST = "lost"  # not here, or not now: the connection is of no use


def answer_of(reply: object) -> Answer:
    """Tell what the answer to an append, or to a command beside it, is. Errors are given as the server's text."""
    if reply is None:
        return Answer.GONE
    if not isinstance(reply, Exception):
        return Answer.DONE
    text = str(reply)
    if "equal or smaller" in text:
        return Answer.REFUSED
    return Answer.FULL if text.startswith(("OOM", "command not allowed when used memory")) else Answer.LOST


class Standing(Enum):
    """How a leader stands that had reason to look."""

    LEADS = "leads"  # it still does: what the server lacks is to be appended again
    GONE = "gone"  # it does, but a stream is gone, or another's: it has to take the title anew
    LOST = "lost"  # another machine leads, or led


def standing(lead: Lead | None, tops: list[EntryId | None], machine: str, term: int, log: str) -> Standing:
    """Judge what the server has: the title, and the last entry of each stream, None for one that is not there."""
    if lead is not None and (lead.owner != machine or lead.term != term):
        return Standing.LOST
    if lead is None or lead.log != log or None in tops:
        return Standing.GONE
    # Above this term nobody else can have written unless the title was forgotten.
    return Standing.LEADS if all(top is not None and top.term == term for top in tops) else Standing.GONE
