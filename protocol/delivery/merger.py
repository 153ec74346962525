"""Several sources that bring the same streams, made into one: what arrives first is delivered, the rest is repeats.

A source that opens beside others begins in the middle: what it brings may be ahead of them, and what they bring next
would come too late to be in order. So it is *held* until it joins, when the others are known to have brought everything
from before its beginning (`protocol/demand/endpoint.py`).

What is remembered has bounds in time, number and bytes. If more comes within that time than can be remembered, of a
source that lags too far behind to be compared nothing counts that is older than what was delivered: so nothing comes
twice, and nothing is lost, since what such a source brings next has come through another one (`Recent.is_behind`).
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Set
from typing import TypeAlias

from websocket_v6.protocol.exchange.identity import Recent, identity_of, timestamp_of
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.limits import HELD_BYTES, REMEMBERED_IDS, REMEMBERED_STREAMS

from .batch import Batch
from .strays import SNAPSHOT

__all__ = ["Merger"]

Latest: TypeAlias = Callable[[Stream], bytes | None]  # the last message of a stream that was delivered
Expects: TypeAlias = Callable[[Stream], bool]  # whether a stream is to begin anew, with its next snapshot

# Batches of a source that are held. The others bring the same; the oldest can go.
HELD = 1024


class Merger:
    """Knows what was delivered of each stream of one endpoint, and which streams each source has brought."""

    def __init__(self) -> None:
        self.repeated = 0
        self.cuts = 0  # how often it had to forget what a source might still have brought again
        self._noted = 0  # messages since it was last looked how many are remembered
        self._recent: dict[Stream, Recent] = {}
        self._brought: dict[int, set[Stream]] = {}
        self._held: dict[int, deque[Batch]] = {}
        self._held_weight: dict[int, int] = {}

    def remember(self, stream: Stream, payload: bytes, at_ns: int) -> None:
        """Note a message that was delivered at `at_ns`, before there was more than one source."""
        self._recent_of(stream).remember(identity_of(stream, payload), at_ns)
        self._noted += 1

    def begin(self, attachment: int) -> None:
        """Note that `attachment` begins anew: what it brings next of each stream is the first, and it is held."""
        self._brought[attachment] = set()
        self._held[attachment] = deque()
        self._held_weight[attachment] = 0

    def end(self, attachment: int) -> None:
        """Note that `attachment` is gone for good."""
        self._brought.pop(attachment, None)
        self._held.pop(attachment, None)
        self._held_weight.pop(attachment, None)

    def hold(self, batch: Batch, firsts: list[Stream]) -> bool:
        """Keep `batch` if its source has not joined yet, and say whether it was kept. `firsts` is as for `news`."""
        held = self._held.get(batch.attachment)
        if held is None:
            return False
        held.append(batch)
        self._held_weight[batch.attachment] += batch.weight
        while len(held) > 1 and (len(held) > HELD or self._held_weight[batch.attachment] > HELD_BYTES):
            self._held_weight[batch.attachment] -= held.popleft().weight
        firsts += [
            stream
            for stream, payload in zip(batch.streams, batch.payloads, strict=True)
            if self._is_first(stream, batch.attachment, batch.replayed or SNAPSHOT in payload)
        ]
        return True

    def skip(self, attachment: int, streams: Iterable[Stream]) -> None:
        """Forget what is held of `streams`: the attachment leaves them out, and begins anew with them, if at all."""
        held = self._held.get(attachment)
        if not held:
            return
        skipped = frozenset(streams)
        batches = [_without(batch, skipped) for batch in held]
        self._held[attachment] = deque(batch for batch in batches if batch.streams)
        self._held_weight[attachment] = sum(batch.weight for batch in self._held[attachment])

    def join(self, attachment: int, latest: Latest) -> Iterator[Batch]:
        """Let `attachment` take part from now on, and yield what was held of it and may be news.

        Of each stream that begins behind the last message that was delivered. What stands before it was delivered too,
        or is from before this stream was wanted here: another process may have brought it already then.
        """
        held = self._held.pop(attachment, ())
        self._held_weight.pop(attachment, None)
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
            last = latest(stream)
            if (
                recent.is_behind(identity, source, batch.ts_received_ns)
                and last
                and (timestamp_of(payload) < timestamp_of(last))
            ):
                self.repeated += 1
                continue
            is_repeat = recent.is_repeat(identity, source, batch.ts_received_ns, is_unique=stream.startswith("trade "))
            is_old = is_repeat or (is_snapshot and last is not None and timestamp_of(payload) < timestamp_of(last))
            if last is not None and is_old and not (is_snapshot and expects(stream)):
                self.repeated += 1
            else:
                yield stream, payload
        self._noted += len(batch.streams)
        if self._noted > REMEMBERED_IDS // 8:
            self._noted = 0
            self._forget_some()

    def _forget_some(self) -> None:
        """Keep to the bounds, however many messages and streams come within the time for which they are remembered."""
        recents = self._recent
        if len(recents) > REMEMBERED_STREAMS:
            by_age = sorted(recents, key=lambda stream: recents[stream].last_ns)
            for stream in by_age[: len(recents) - REMEMBERED_STREAMS * 3 // 4]:
                del recents[stream]
        if sum(map(len, recents.values())) > REMEMBERED_IDS * 7 // 8:
            self.cuts += 1
            for recent in recents.values():
                recent.cut()

    def _is_first(self, stream: Stream, attachment: int, is_snapshot: bool) -> bool:
        brought = self._brought.setdefault(attachment, set())
        if stream in brought:
            return is_snapshot
        if len(brought) >= REMEMBERED_STREAMS:
            brought.clear()  # that a stream has begun is told again then
        brought.add(stream)
        return True

    def _recent_of(self, stream: Stream) -> Recent:
        recent = self._recent.get(stream)
        if recent is None:
            recent = self._recent[stream] = Recent()
        return recent


def _without(batch: Batch, skipped: Set[Stream]) -> Batch:
    if skipped.isdisjoint(batch.streams):
        return batch
    rows = [row for row in zip(batch.streams, batch.payloads, strict=True) if row[0] not in skipped]
    return batch._replace(streams=[stream for stream, _ in rows], payloads=[payload for _, payload in rows])


def _is_older(row: tuple[Stream, bytes], latest: Latest) -> bool:
    last = latest(row[0])
    return bool(last) and timestamp_of(row[1]) < timestamp_of(last or b"")
