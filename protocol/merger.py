"""Several lines that bring the same streams, made into one: what arrives first is delivered, the rest is repeats."""

from collections.abc import Callable, Iterator

from .identity import Recent, identity_of
from .records import Batch
from .streams import Stream

__all__ = ["Merger"]

# A burst of trades is longer than any other, and each of them counts.
REMEMBERED_TRADES = 4096
SNAPSHOT = b'"SNAPSHOT"'


class Merger:
    """Knows what was delivered of each stream of one endpoint, and which streams each line has brought."""

    def __init__(self) -> None:
        self.repeated = 0
        self._recent: dict[Stream, Recent] = {}
        self._brought: dict[int, set[Stream]] = {}

    def remember(self, stream: Stream, payload: bytes) -> None:
        """Note a message that was delivered before there was more than one line."""
        self._recent_of(stream).remember(identity_of(stream, payload))

    def begin(self, line: int) -> None:
        """Note that `line` begins anew: what it brings next of each stream is the first."""
        self._brought[line] = set()

    def forget(self, stream: Stream) -> None:
        """Note that nobody wants `stream` any more."""
        self._recent.pop(stream, None)
        for brought in self._brought.values():
            brought.discard(stream)

    def news(
        self, batch: Batch, runs: Callable[[Stream], bool], firsts: list[Stream]
    ) -> Iterator[tuple[Stream, bytes]]:
        """Yield the messages of `batch` that no other line has brought before.

        A stream that does not run, as `runs` says, takes whatever comes: it has no value yet. `firsts` collects the
        streams of which this line has sent its first message, or a snapshot, which answers a request.
        """
        line = batch.line
        brought = self._brought.setdefault(line, set())
        for stream, payload in zip(batch.streams, batch.payloads, strict=True):
            if stream not in brought or batch.replayed or SNAPSHOT in payload:
                brought.add(stream)
                firsts.append(stream)
            is_trade = stream.startswith("trade ")
            is_repeat = self._recent_of(stream).is_repeat(identity_of(stream, payload), line, is_unique=is_trade)
            if is_repeat and runs(stream):
                self.repeated += 1
            else:
                yield stream, payload

    def _recent_of(self, stream: Stream) -> Recent:
        recent = self._recent.get(stream)
        if recent is None:
            is_trade = stream.startswith("trade ")
            recent = self._recent[stream] = Recent(REMEMBERED_TRADES) if is_trade else Recent()
        return recent
