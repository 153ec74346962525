"""Whether anything is wanted of an endpoint, and what its sources were told of that: to connect, or to close."""

from enum import Enum

from .commands import Command, Connect, Disconnect, Serves
from .coverage import Coverage
from .lease import Leases
from .source import Sources

__all__ = ["Interest", "Told"]

# A connection that nobody wants anything of any more is closed; after snapshots alone it is silent and may be kept a
# while, for whoever takes snapshots again and again.
LINGER = 30.0


class Told(Enum):
    """What the sources were told last."""

    NOTHING = "nobody wants anything: close"
    LINGER = "nobody wants anything, but somebody may soon"
    CONNECT = "connect, and stay connected"


class Interest:
    """Appends to `out` what sources are told when the union becomes empty, or is no longer."""

    def __init__(self, leases: Leases, sources: Sources, out: list[Command]) -> None:
        self.told = Told.NOTHING
        self._leases = leases
        self._sources = sources
        self._out = out

    def look(self) -> None:
        """Have all sources connect if something is wanted and they do not know it."""
        if len(self._leases.union):
            if self.told is not Told.CONNECT:
                self.told = Told.CONNECT
                types = self._types()
                self._out.extend(Connect(source.number, types) for source in self._sources)
        elif not len(self._sources):
            self.told = Told.NOTHING  # there is nobody to tell

    def added(self, source: int) -> None:
        """Tell a source that is new what the others know."""
        if self.told is Told.CONNECT:
            self._out.append(Connect(source, self._types()))
        elif len(self._leases.union):
            self.look()
        else:
            self._out.append(Serves(source, is_refused=False))  # all that is wanted

    def _types(self) -> list[dict[str, object]]:
        plan = Coverage().plan(self._leases.union)
        return [] if plan is None else plan.types

    @property
    def is_over(self) -> bool:
        """Whether nothing is wanted any more, and the sources do not know it."""
        return self.told is Told.CONNECT and not len(self._leases.union)

    @property
    def may_come_back(self) -> bool:
        """Whether all that was asked for are snapshots: then the exchange sends nothing more by itself."""
        attachments = self._sources.open()
        return any(one.requests for one in attachments) and not any(one.coverage.is_live for one in attachments)

    def close(self) -> None:
        """Have all sources close."""
        self.told = Told.NOTHING
        self._tell_to_close(0.0)

    def linger(self) -> None:
        """Have all sources close, but not yet."""
        self.told = Told.LINGER
        self._tell_to_close(LINGER)

    def _tell_to_close(self, linger: float) -> None:
        for source in self._sources:
            self._out.append(Disconnect(source.number, linger))
            self._out.append(Serves(source.number, is_refused=False))  # all that is wanted
