"""The lower parts of an endpoint's machine, wired to one another as the endpoint does it, and no endpoint."""

import itertools
from typing import Any, TypeVar

from websocket_v6.protocol.demand.asking import Asking
from websocket_v6.protocol.demand.attachment_parts import Parts as Sockets
from websocket_v6.protocol.demand.commands import Command
from websocket_v6.protocol.demand.deadlines import Deadline, Deadlines, Kind
from websocket_v6.protocol.demand.lease import Leases
from websocket_v6.protocol.demand.silence import Silence
from websocket_v6.protocol.demand.source import Attachment, Source, Sources, Traits
from websocket_v6.protocol.exchange.wants import Want

C = TypeVar("C")
GATHER = 0.125  # seconds that changes gather, and TIMEOUT until silence is judged: exact in floats
TIMEOUT = 5.0


class Parts:
    """What `asking.py` and the files below it need, and all that was decided, in `out`."""

    def __init__(self) -> None:
        self.out: list[Command] = []
        self.leases = Leases()
        self.sources = Sources(GATHER)
        self.deadlines = Deadlines()
        self.silence = Silence(TIMEOUT, self.leases, self.sources, self.deadlines)
        self.asking = Asking(self.leases, self.sources, self.deadlines, self.silence, self.out)

    def want(self, lease: int, want: Want) -> None:
        """Count a want, and expect its snapshots."""
        new = self.leases.want(lease, want)
        assert new is not None
        self.silence.expect(lease, new, new.streams())

    def source(self, number: int, **traits: Any) -> Source:
        return self.sources.add(number, Traits(**traits))

    def open(self, source: int, attachment: int, *, is_held: bool = False) -> Attachment:
        """Open a source, which is added first if it is not there; its attachment is asked nothing yet."""
        known = self.sources.get(source) or self.source(source)
        known.was_suspected = True  # what follows from that is for the tests of silence
        return self.sources.opened(known, Sockets((attachment,)), is_held=is_held)

    def told(self) -> list[Command]:
        """Return all that was decided, and forget it."""
        told = list(self.out)
        self.out.clear()
        return told

    def took(self, kind: type[C]) -> list[C]:
        """Return what was decided of a kind, and forget all that was."""
        found: list[C] = [one for one in self.told() if isinstance(one, kind)]
        return found

    def due_of(self, deadline: Deadline) -> float | None:
        """Return when one thing is due, `None` if it is not, and forget all other deadlines."""
        for kind, attachment, number in itertools.product(Kind, range(10), range(10)):
            other = Deadline(kind, attachment, number)
            if other != deadline:
                self.deadlines.cancel(other)
        return self.deadlines.next_due
