"""From when on REST says something about the account: once the stream is known to bring whatever happens from there on.

The private endpoint sends no snapshots, so the only sign that it serves a request is its answer to a question that came
after it; or the first message. Until then an order may end and neither the stream nor an earlier call know of it.
Source: Upbit WebSocket reference, "LIST_SUBSCRIPTIONS".
"""

from websocket_v6.protocol.delivery.commands import Fenced
from websocket_v6.protocol.exchange.streams import Stream

from .asking import Asking
from .commands import Command
from .continuity import Continuity
from .lease import Leases
from .source import Attachment, Sources

__all__ = ["Fence"]


class Fence:
    """Appends to `out` that what is to be reconciled is in force, in each epoch and whenever there is more of it."""

    def __init__(
        self, name: str, leases: Leases, sources: Sources, continuity: Continuity, asking: Asking, out: list[Command]
    ) -> None:
        self._is_private = name == "private"
        self._leases = leases
        self._sources = sources
        self._continuity = continuity
        self._asking = asking
        self._out = out
        self._epoch = 0
        self._fenced: frozenset[Stream] = frozenset()  # of that epoch
        self._asked: tuple[int, int] = (0, 0)  # the attachment that was asked, and after which request

    def look(self) -> None:
        """See whether there is something new to be said, or asked."""
        if not self._is_private:
            return
        wanted = frozenset(stream for stream, one in self._leases.union.demands.items() if one.reconcile)
        if self._epoch != self._continuity.epoch:
            self._epoch, self._fenced = self._continuity.epoch, frozenset()
        self._fenced &= wanted
        one = self._serving()
        if wanted == self._fenced or one is None:
            return
        if one.coverage.is_known_to_serve(wanted):
            self._fenced = wanted
            self._out.append(Fenced(self._epoch))
        elif one.requests and self._asked != (one.number, one.requests):
            self._asked = (one.number, one.requests)
            self._asking.ask_source(one)

    def _serving(self) -> Attachment | None:
        """Return what brings the data, if that is the exchange: a host asks for its guests."""
        serving = [one for one in self._sources.open() if not self._continuity.awaits(one.number)]
        return next((one for one in serving if not one.source.traits.names_guilty), None)
