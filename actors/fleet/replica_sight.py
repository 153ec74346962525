"""Whether anything is to be concluded from a replica's title: one that is behind lacks what may be there.

Belongs to the thread of the reader that reads the replica.
"""

import time
from typing import Final

from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.title import Lead

__all__ = ["STALE", "ReplicaSight"]

STALE: Final = 3.0  # seconds that a leader's beat stands still at a replica until another server is read


class ReplicaSight:
    """Of one reader: the leader's beat, as replicas have it, and since when."""

    def __init__(self) -> None:
        self._beat: tuple[int, int] | None = None
        self._beat_at = 0.0

    def is_clear(self, lead: Lead | None, term: int | None) -> bool:
        """Note the title; return whether it is no older than what was read, of `term`, if anything was.

        Raises:
            TransportError: if the replica stays behind.
        """
        now = time.monotonic()
        beat = (0, 0) if lead is None else (lead.term, lead.beat)
        if beat != self._beat:
            self._beat, self._beat_at = beat, now
        if now - self._beat_at > STALE and (lead is None or lead.owner):
            raise TransportError(f"the replica that is read has brought nothing for {STALE:g} s")
        return lead is not None and (term is None or lead.term >= term)
