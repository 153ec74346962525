"""How many messages each stream had: counted only while somebody asks, for it costs a hundredth of all the rest."""

from collections import Counter
from collections.abc import Sequence

from websocket_v6.protocol.exchange.streams import Stream

__all__ = ["COUNTING_NS", "StreamCounts"]

COUNTING_NS = 10 * 10**9  # for so long after each question


class StreamCounts:
    """Counts by stream. Times are this machine's clock, Unix nanoseconds: one that is set ends the counting early."""

    def __init__(self) -> None:
        self._counts: Counter[Stream] = Counter()
        self._asked_ns: int | None = None

    def ask(self, now_ns: int) -> dict[Stream, int]:
        """Return the counts since counting began, and go on with it; nothing is counted before the first question."""
        self._asked_ns = now_ns
        return dict(self._counts)

    def note(self, streams: Sequence[Stream], received_ns: int) -> None:
        """Count these messages, if somebody is to hear of it."""
        if self._asked_ns is None:
            return
        if abs(received_ns - self._asked_ns) > COUNTING_NS:
            self._asked_ns = None
            self._counts.clear()
        else:
            self._counts.update(streams)
