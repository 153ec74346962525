"""Several sources that bring the same streams, made into one: what arrives first is delivered, the rest is repeats.

A source that opens beside others begins in the middle: what it brings may be ahead of them, and what they bring next
would come too late to be in order. So it is *held* until it joins, when the others are known to have brought everything
from before its beginning (`protocol/demand/endpoint.py`).
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from websocket_v6.protocol.exchange.identity import Recent, identity_of, timestamp_of
from websocket_v6.protocol.exchange.streams import Stream

from .batch import Batch

__all__ = ["Merger"]

Latest: TypeAlias = Callable[[Stream], bytes | None]  # the last message of a stream that was delivered
Expects: TypeAlias = Callable[[Stream], bool]  # whether a stream is to begin anew, with its next snapshot

# Batches of a source that are held. The others bring the same; the oldest can go.
HELD = 1024
SNAPSHOT = b'"SNAPSHOT"'


class Merger:
    """Knows what was delivered of each stream of one endpoint, and which streams each source has brought."""

    def __init__(self) -> None:
        self.repeated = 0
        self._recent: dict[Stream, Recent] = {}
        self._brought: dict[int, set[Stream]] = {}
        self._held: dict[int, deque[Batch]] = {}

    def remember(self, stream: Stream, payload: bytes, at_ns: int) -> None:
        """Note a message that was delivered at `at_ns`, before there was more than one source."""
        self._recent_of(stream).remember(identity_of(stream, payload), at_ns)

    def begin(self, attachment: int) -> None:
        """Note that `attachment` begins anew: what it brings next of each stream is the first, and it is held."""
        self._brought[attachment] = set()
        self._held[attachment] = deque(maxlen=HELD)

    def end(self, attachment: int) -> None:
        """Note that `attachment` is gone for good."""
        self._brought.pop(attachment, None)
        self._held.pop(attachment, None)

    def hold(self, batch: Batch, firsts: list[Stream]) -> bool:
        """Keep `batch` if its source has not joined yet, and say whether it was kept. `firsts` is as for `news`."""
        held = self._held.get(batch.attachment)
        if held is None:
            return False
        held.append(batch)
        firsts += [
            stream
            for stream, payload in zip(batch.streams, batch.payloads, strict=True)
            if self._is_first(stream, batch.attachment, batch.replayed or SNAPSHOT in payload)
        ]
        return True

    def join(self, attachment: int, latest: Latest) -> Iterator[Batch]:
        """Let `attachment` take part from now on, and yield what was held of it and may be news.

        Of each stream that begins behind the last message that was delivered. What stands before it was delivered too,
        or is from before this stream was wanted here: another process may have brought it already then.
        """
        held = self._held.pop(attachment, ())
        behind: dict[Stream, int] = {}  # where the last message that is known stands among the held of its stream
        counts: Counter[Stream] = Counter()
        for batch in held:
            for stream, payload in zip(batch.streams, batch.payloads, strict=True):
                counts[stream] += 1
                if stream in self._recent and identity_of(stream, payload) in self._recent[stream]:
                    behind[stream] = counts[stream]
        counts.clear()
        for batch in held:
            rows = []
            for row in zip(batch.streams, batch.payloads, strict=True):
                counts[row[0]] += 1
                if counts[row[0]] >= behind.get(row[0], 0) and (row[0] in behind or not _is_older(row, latest)):
                    rows.append(row)
            if rows:
                yield batch._replace(streams=[stream for stream, _ in rows], payloads=[payload for _, payload in rows])

    def forget(self, stream: Stream) -> None:
        """Note that nobody wants `stream` any more."""
        self._recent.pop(stream, None)
        for brought in self._brought.values():
            brought.discard(stream)

    def news(
        self, batch: Batch, latest: Latest, firsts: list[Stream], expects: Expects = lambda _: False
    ) -> Iterator[tuple[Stream, bytes]]:
        """Yield the messages of `batch` that no other source has brought before.

        `latest` returns the last message of a stream; None if it has none, for then it takes whatever comes. A snapshot
        shows the state at some moment, and that is none of the messages of the others if they are sent at intervals: it
        is no news if the others have gone past it, unless the stream `expects` one to begin anew with. `firsts`
        collects the streams of which it has sent its first message, or a snapshot, which answers a request.
        """
        for stream, payload in zip(batch.streams, batch.payloads, strict=True):
            is_snapshot = batch.replayed or SNAPSHOT in payload
            if self._is_first(stream, batch.attachment, is_snapshot):
                firsts.append(stream)
            identity, source = identity_of(stream, payload), None if is_snapshot else batch.attachment
            recent = self._recent_of(stream)
            is_repeat = recent.is_repeat(identity, source, batch.ts_received_ns, is_unique=stream.startswith("trade "))
            last = latest(stream)
            is_old = is_repeat or (is_snapshot and last is not None and timestamp_of(payload) < timestamp_of(last))
            if last is not None and is_old and not (is_snapshot and expects(stream)):
                self.repeated += 1
            else:
                yield stream, payload

    def _is_first(self, stream: Stream, attachment: int, is_snapshot: bool) -> bool:
        brought = self._brought.setdefault(attachment, set())
        if stream in brought:
            return is_snapshot
        brought.add(stream)
        return True

    def _recent_of(self, stream: Stream) -> Recent:
        recent = self._recent.get(stream)
        if recent is None:
            recent = self._recent[stream] = Recent()
        return recent


def _is_older(row: tuple[Stream, bytes], latest: Latest) -> bool:
    last = latest(row[0])
    return bool(last) and timestamp_of(row[1]) < timestamp_of(last or b"")
