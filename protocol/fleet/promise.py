"""Which missed trades a log is yet to bring: what a leader may promise, and when that is kept or broken.

Who relies on it fetches nothing. So a stream is promised only if its trades wait for those before them, for all who
read the log, and a promise that cannot be kept is taken back before anything comes that is newer.
"""

from collections.abc import Iterable, Mapping, Sequence

from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.exchange.streams import Stream

from .ending import Ending

__all__ = ["Promise"]


class Promise:
    """Of one log, while this machine leads. `streams` are those of which something is yet to come."""

    def __init__(self) -> None:
        self.streams: dict[Stream, None] = {}
        self._held: dict[Stream, None] = {}  # that may be promised once the connection is said to be open
        self._ending: Ending | None = None  # of the log before this term, until all that is missing behind it came
        self._is_first = False  # no connection of this term has opened yet
        self._epoch = 0  # of the connection behind the gap for which they are fetched

    def begin(self, ending: Ending | None, *, is_first: bool) -> None:
        """Begin a term, behind the `ending` of the log, as far as that is known. Nothing is promised."""
        self.streams.clear()
        self._held.clear()
        self._ending, self._is_first = ending, is_first

    @property
    def reminds(self) -> bool:
        """Whether it is known what the readers had before this term."""
        return self._ending is not None

    def had(self, stream: Stream) -> Had | None:
        """Return what the readers had of a stream before the first connection of this term."""
        return self._ending.had(stream) if self._ending is not None else None

    def held(self, epoch: int, streams: Mapping[Stream, Sequence[int]]) -> None:
        """Note of which streams trades wait, and the ids of the last ones before the gap, as they are known here."""
        self._epoch = epoch
        self._held = {stream: None for stream, known in streams.items() if self._may_promise(stream, known)}

    def _may_promise(self, stream: Stream, known: Sequence[int]) -> bool:
        if not self._is_first:
            return True
        had = self.had(stream)
        # What this machine has had beyond the log, the others may lack.
        return had is not None and not (known and had.known and max(known) > max(had.known))

    def made(self, epoch: int, *, may_promise: bool) -> list[Stream]:
        """Return what is promised now that the connection of `epoch` is open."""
        held, self._held = self._held, {}
        self.streams = held if may_promise and epoch == self._epoch else {}
        return sorted(self.streams)

    def served(self) -> None:
        """Note that a connection of this term has opened."""
        if not self._is_first:
            self._ending = None
        self._is_first = False

    def dropped(self, streams: Iterable[Stream]) -> bool:
        """Note that nobody wants these any more; return whether with that all is kept."""
        were_any = bool(self.streams)
        for stream in streams:
            self.streams.pop(stream, None)
            self._held.pop(stream, None)
        return were_any and not self.streams

    def broken(self, stream: Stream) -> bool:
        """Note that not all of a stream can be had; return whether it was promised. Nothing is promised any more."""
        self._held.pop(stream, None)
        was_promised = stream in self.streams
        if was_promised:
            self.streams.clear()
        return was_promised
