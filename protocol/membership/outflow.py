"""What goes to a guest, in one order: the exchange's messages, and whatever changes what they mean.

The messages come out of the guest's mailbox, which may be far behind; that a connection was lost or is open again, what
was refused, and answers come past it. Each of these is put behind the messages that were in the mailbox when it came,
and, if it opens an epoch, before the first message of that epoch: that may have been faster than it, and waits then.

Events become batches again here: the exchange's own bytes, never encoded anew.
"""

import functools
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, cast

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of

from . import peers

__all__ = ["News", "Outflow"]

News: TypeAlias = peers.Changed | peers.Refused | peers.Answer
_Key: TypeAlias = tuple[peers.Endpoint, int, int, bool, bool]  # what the messages of one batch share

_NOTHING_OPEN = -1  # as an epoch: before any
# Bytes beside the payloads, about.
_OF_RECORD = 32  # the name of its stream, two lengths
_OF_BATCH = 32


class _Batch:
    """What one read of the exchange brought, or as much of it as goes out at once."""

    __slots__ = ("count", "epoch", "part", "payloads", "size", "streams")

    def __init__(self, part: peers.Part, epoch: int) -> None:
        self.part = part
        self.streams = part.streams
        self.payloads = part.payloads
        self.epoch = epoch
        self.count = 0  # of the events, those that were there already among them
        self.size = _OF_BATCH


class _Waiting(NamedTuple):
    """What waits until `mark` events have passed."""

    mark: int
    news: News


class Outflow:
    """Puts in order what goes to one guest, and packs it: `max_bytes` at once, or a single message that is greater."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._epochs: dict[str, int] = {}  # of the endpoints that the guest wants: the one it was told to be open
        self._closed: set[str] = set()  # those of which something else was told since
        self._news: deque[_Waiting] = deque()
        self._batches: deque[_Batch] = deque()
        self._key: _Key | None = None  # of the last of them
        self._passed = 0  # events that were sent, or that nobody wants
        self._batch_at = 0
        self._seen: dict[int, Event] = {}  # what came of the last batch, by identity

    def __len__(self) -> int:
        """Return how many pieces of news wait."""
        return len(self._news)

    @property
    def is_held(self) -> bool:
        """Whether messages wait for the news that their epoch is open; nothing more should be put in then."""
        return bool(self._batches)

    def want(self, endpoint: peers.Endpoint) -> None:
        """Note that the guest wants something of `endpoint`."""
        self._epochs.setdefault(endpoint, _NOTHING_OPEN)

    def forget(self, endpoint: peers.Endpoint) -> None:
        """Note that the guest wants nothing of `endpoint` any more: what is left of it goes nowhere."""
        self._epochs.pop(endpoint, None)
        self._closed.discard(endpoint)
        self._news = deque(one for one in self._news if one.news.endpoint != endpoint)

    def put_news(self, news: News, received: int) -> None:
        """Put `news` behind the `received` events that have come into the mailbox so far."""
        if not isinstance(news, peers.Changed) or news.endpoint in self._epochs:
            self._news.append(_Waiting(received, news))

    def put_events(self, events: Iterable[Event]) -> None:
        """Take over what was taken out of the mailbox, in its order."""
        batch = self._batches[-1] if self._batches else None
        seen = self._seen
        for event in events:
            received_at = event.received_at
            if received_at != self._batch_at:
                self._batch_at = received_at
                seen.clear()
            # One that came for two of the guest's subscriptions is the same object, from the same batch.
            elif id(event) in seen:
                self._count_again(batch)
                continue
            seen[id(event)] = event
            payload, stream = event.payload, event.stream
            key = _endpoint(stream), event.epoch, received_at, event.is_replayed, event.backfilled
            more = len(payload) + _OF_RECORD
            if batch is None or key != self._key or batch.size + more > self._max_bytes:
                batch = self._begin(key)
            batch.streams.append(stream)
            batch.payloads.append(payload)
            batch.count += 1
            batch.size += more

    def _begin(self, key: _Key) -> _Batch:
        endpoint, epoch, received_at, replayed, backfilled = self._key = key
        batch = _Batch(peers.Part(endpoint, received_at, [], [], replayed, backfilled), epoch)
        self._batches.append(batch)
        return batch

    def _count_again(self, batch: _Batch | None) -> None:
        if batch is None:
            self._passed += 1
        else:
            batch.count += 1

    def take(self) -> list[bytes]:
        """Return all that may go out now, in order, as it is sent."""
        out: list[bytes] = []
        parts: list[peers.Part] = []
        size = 0
        while True:
            news = self._due_news()
            if news:
                _pack(parts, out)
                size = 0
                out += map(peers.encode, filter(self._is_news, news))
                continue
            if not self._batches or self._is_early(self._batches[0]):
                break
            batch = self._batches.popleft()
            self._passed += batch.count
            if batch.part.endpoint not in self._epochs:
                continue
            if size + batch.size > self._max_bytes:
                _pack(parts, out)
                size = 0
            parts.append(batch.part)
            size += batch.size
        _pack(parts, out)
        return out

    def _is_early(self, batch: _Batch) -> bool:
        """Whether the guest has not been told that the batch's epoch is open."""
        return batch.epoch > self._epochs.get(batch.part.endpoint, batch.epoch)

    def _due_news(self) -> list[News]:
        """Take out the news that is to go before the next batch."""
        due: list[News] = []
        while self._news and self._news[0].mark <= self._passed:
            due.append(self._news.popleft().news)
        if not due and self._news and self._batches and self._is_early(self._batches[0]):
            due = self._pull(self._batches[0])
        return due

    def _pull(self, batch: _Batch) -> list[News]:
        """Take out what leads up to the batch's epoch, if it is there: a message of it has overtaken that."""
        ours = [one for one in self._news if one.news.endpoint == batch.part.endpoint]
        for number, one in enumerate(ours):
            news = one.news
            if isinstance(news, peers.Changed) and news.state == "open" and news.epoch >= batch.epoch:
                pulled = ours[: number + 1]
                self._news = deque(other for other in self._news if not any(other is each for each in pulled))
                return [each.news for each in pulled]
        return []

    def _is_news(self, news: News) -> bool:
        """Note what the guest is told; False if it knows: an open endpoint may be told of for each of its wants."""
        if not isinstance(news, peers.Changed):
            return True
        if news.state != "open":
            self._closed.add(news.endpoint)
            return True
        is_known = news.epoch == self._epochs[news.endpoint] and news.endpoint not in self._closed
        self._epochs[news.endpoint] = news.epoch
        self._closed.discard(news.endpoint)
        return not is_known


def _pack(parts: list[peers.Part], out: list[bytes]) -> None:
    if parts:
        out.append(peers.encode(peers.Records(parts)))
        parts.clear()


@functools.lru_cache(maxsize=65_536)  # several times all streams of the exchange
def _endpoint(stream: Stream) -> peers.Endpoint:
    return cast(peers.Endpoint, endpoint_of(split(stream)[0]))
