"""Who leads: what a machine concludes from looking at the leader's beat.

The leader counts its beat up each half second. Whoever has watched one beat stand still for two seconds of its own
clock, while the server answered all the time, may take the title with a compare-and-set on that very beat. No time to
live decides anything, so neither a clock that is wrong nor a server that stood still makes two leaders.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from websocket_v6.protocol.errors import ConfigError

from .ids import FORMAT

__all__ = ["BEAT", "PATIENCE", "Candidate", "Lead", "check_format", "lead_of"]

BEAT: Final = 0.5  # seconds between two beats, and between two looks at it
PATIENCE: Final = 2.0  # seconds for which a beat must have stood still
GRACE: Final = 1.0  # and for which a title is gone: who led will take it again, if the server has forgotten it
PROMPT: Final = 0.6  # an answer that took longer shows that the server, or this machine, stood still
GAP: Final = 0.8  # and so do two looks that are further apart


class Lead(NamedTuple):
    """The title as the server has it. `wall_ns` is the leader's clock when it last counted its beat."""

    log: str
    term: int
    owner: str  # the machine's id; empty: who led has laid it down
    beat: int
    name: str = ""
    wall_ns: int = 0
    format: int = FORMAT
    messages: str = ""  # the exchange's format, which is everybody's
    is_leaving: bool = False  # it leads until another one is ready to
    heir: str = ""  # the machine that this was promised to


def lead_of(fields: Mapping[bytes, bytes]) -> Lead | None:
    """Read the hash of the title; None if there is none.

    Raises:
        ConfigError: if it is of a later version than this one.
        ValueError: if it is no such hash.
    """
    if not fields:
        return None
    check_format(fields.get(b"format", b""))
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    try:
        numbers = (int(text["term"]), int(text["beat"]), int(text.get("wall", 0)), int(text["format"]))
        lead = Lead(text["log"], numbers[0], text["owner"], numbers[1], text.get("name", ""), *numbers[2:])
        messages, heir = text.get("messages", ""), text.get("heir", "")
        return lead._replace(messages=messages, is_leaving=text.get("leaving") == "1", heir=heir)
    except (KeyError, ValueError) as exc:
        raise ValueError(f"this is no fleet's title: {sorted(text)}") from exc


def check_format(found: bytes | int) -> None:
    """Check that a log, or its title, is of no later version than this one: it may mean anything.

    Raises:
        ConfigError: if it is.
    """
    try:
        number = int(found)
    except ValueError:
        return  # none at all, which is found out elsewhere
    if number > FORMAT:
        raise ConfigError(f"the fleet's log has format {number}, this version knows {FORMAT}: update websocket-v6")


class Candidate:
    """What one machine has seen of the beat. `machine` is its own id."""

    def __init__(self, machine: str) -> None:
        self._machine = machine
        self._seen: tuple[int, int] | None = None  # the term and the beat that stood still; (0, 0): there is no title
        self._had_leader = False
        self._since = self._looked_at = 0.0
        self.may_take = False

    def forget(self) -> None:
        """Begin anew: the server did not answer, or this machine looks after something else now."""
        self._seen, self.may_take = None, False

    def looked(self, lead: Lead | None, asked_at: float, now: float) -> bool:
        """Note what the server said; return whether the title may be taken, if it is still just that.

        `asked_at` and `now` are this machine's clock (monotonic seconds) before and after.
        """
        self.may_take = self._judge(lead, asked_at, now)
        return self.may_take

    def _judge(self, lead: Lead | None, asked_at: float, now: float) -> bool:
        if lead is None and not self._had_leader:
            return True  # there is no fleet yet
        if lead is not None and lead.owner in ("", self._machine):
            self._seen = None
            return True  # nobody leads any more; or this machine did, and has forgotten it
        self._had_leader = True
        beat = (0, 0) if lead is None else (lead.term, lead.beat)
        is_watched = now - asked_at <= PROMPT and asked_at - self._looked_at <= GAP
        if beat != self._seen or not is_watched:
            self._seen, self._since = beat, now
        self._looked_at = now
        return now - self._since >= (GRACE if lead is None else PATIENCE)
