"""How many sockets a source needs when it opens: as many as hold all that is wanted by then, one after the other.

Until it has them it is not open to anybody: if one of them is lost before, the attempt has failed.
"""

from websocket_v6.protocol.exchange.partition import parts_needed
from websocket_v6.protocol.message import Message

from .attachment_parts import Parts
from .commands import Command, OpenPart
from .coverage import Coverage
from .lease import Leases
from .source import Source, Sources

__all__ = ["Openings"]


class Opening(Message):
    """A source that is open, and needs more sockets."""

    source: int
    numbers: tuple[int, ...]  # of those that it has


class Openings:
    """Appends to `out` which sources are to open one more socket."""

    def __init__(self, leases: Leases, sources: Sources, out: list[Command]) -> None:
        self._leases = leases
        self._sources = sources
        self._out = out
        self._openings: dict[int, Opening] = {}  # by attachment

    def opened(self, source: Source, number: int, whole: int, limit: int | None) -> Parts | None:
        """Note that a socket is open, one more part of `whole` or the first; return all parts once these are enough."""
        opening = self._openings.pop(whole or number, None)
        if whole and (opening is None or opening.source != source.number):
            return None  # what it was to be a part of is over
        numbers = (number,) if opening is None else (*opening.numbers, number)
        plan = Coverage().plan(self._leases.union) if limit is not None else None
        if limit is None or plan is None or parts_needed(plan.types, limit) <= len(numbers):
            return Parts(numbers, limit)
        self._openings[numbers[0]] = Opening(source.number, numbers)
        self._out.append(OpenPart(source.number, numbers[0]))
        return None

    def ended(self, attachment: int) -> Source | None:
        """Note that an attachment is over; return its source if it had not all its sockets yet."""
        opening = self._openings.pop(attachment, None)
        return None if opening is None else self._sources.get(opening.source)

    def forget(self) -> None:
        """Note that all are over: the router is another one."""
        self._openings.clear()
