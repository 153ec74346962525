"""Messages that are still on their way when a request leaves their stream out: strays.

Nobody takes them, unless the stream is asked for again before they have come. Then they would be the first that its new
takers get, with a hole behind them that nothing tells of. So what a source brings of a stream that it was asked to
leave out counts again from the snapshot on with which the stream begins anew.
"""

from collections.abc import Iterable

from websocket_v6.protocol.exchange.streams import Stream

from .batch import Batch

__all__ = ["SNAPSHOT", "Strays"]

# What makes a message a snapshot. Scanned for, because decoding is for the edge; no other field of the types that have
# snapshots can hold the word in quotes.
SNAPSHOT = b'"SNAPSHOT"'


class Strays:
    """Knows which streams are skipped of which attachment."""

    def __init__(self) -> None:
        self._skipped: dict[int, set[Stream]] = {}

    def skip(self, attachment: int, streams: Iterable[Stream]) -> None:
        """Take what `attachment` brings of `streams` for strays, until their next snapshots."""
        self._skipped.setdefault(attachment, set()).update(streams)

    def take(self, attachment: int, streams: Iterable[Stream]) -> None:
        """Take what `attachment` brings of `streams` for what it is."""
        skipped = self._skipped.get(attachment)
        if skipped is not None:
            skipped.difference_update(streams)
            if not skipped:
                del self._skipped[attachment]

    def end(self, attachment: int) -> None:
        """Forget an attachment, which is over."""
        self._skipped.pop(attachment, None)

    def is_one(self, attachment: int, stream: Stream, *, is_snapshot: bool) -> bool:
        """Whether a message is a stray; a snapshot is not, nor is what comes after it."""
        skipped = self._skipped.get(attachment)
        if skipped is None or stream not in skipped:
            return False
        if is_snapshot:
            self.take(attachment, (stream,))
        return not is_snapshot

    def without(self, batch: Batch) -> Batch:
        """Return `batch` without the strays that are in it."""
        attachment = batch.attachment
        if attachment not in self._skipped:
            return batch
        rows = [
            (stream, payload)
            for stream, payload in zip(batch.streams, batch.payloads, strict=True)
            if not self.is_one(attachment, stream, is_snapshot=batch.replayed or SNAPSHOT in payload)
        ]
        return batch._replace(streams=[stream for stream, _ in rows], payloads=[payload for _, payload in rows])
