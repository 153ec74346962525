"""Whose a resume name is: one process at a time may go on where it was left, and two would each miss half.

Who has it counts a beat up with each place that it saves, once a second. Whoever has watched one beat stand still for a
while of its own clock, as the server answered all the time, may take the name over. A server's clock decides nothing.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from websocket_v6.protocol.outside_text import outside_text

from .title import PROMPT

__all__ = ["LOOK", "PATIENCE", "Claim", "Holder", "holder_of"]

LOOK: Final = 0.5  # seconds between two looks at a name that another process has, or had
PATIENCE: Final = 3.0  # seconds for which its beat must have stood still
GAP: Final = 1.2  # two looks that are further apart show that this process stood still


class Holder(NamedTuple):
    """Who has a name. `owner` is a process's own id, empty once it has left in order; `who` is for people."""

    owner: str
    beat: int
    who: str


def holder_of(fields: Mapping[str, bytes]) -> Holder | None:
    """Read who has a name; None if nobody has had it, or who had it cannot be told."""
    try:
        owner, beat = fields["owner"].decode(), int(fields["beat"])
    except (KeyError, ValueError):
        return None
    return Holder(owner, beat, outside_text(fields.get("who", b"").decode("utf-8", "replace"), 100))


class Claim:
    """What one process has seen of a name. `owner` is its own id."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._seen: Holder | None = None
        self._since = self._looked_at = 0.0
        self.taken_by = ""  # another process, which lives

    def forget(self) -> None:
        """Begin anew: the server did not answer."""
        self._seen = None

    def looked(self, holder: Holder | None, asked_at: float, now: float) -> bool:
        """Note what the server said; return whether the name may be taken, if it is still just that.

        `asked_at` and `now` are this process's clock (monotonic seconds) before and after.
        """
        if holder is None or holder.owner in ("", self._owner):
            self._seen, self.taken_by = None, ""
            return True
        is_watched = now - asked_at <= PROMPT and asked_at - self._looked_at <= GAP
        self._looked_at = now
        seen = self._seen
        if seen is not None and seen.owner == holder.owner and seen.beat != holder.beat:
            self.taken_by = holder.who
        if seen is None or seen[:2] != holder[:2] or not is_watched:
            self._seen, self._since = holder, now
        return now - self._since >= PATIENCE
