"""The union of all wants of one endpoint: who wants which stream, and how.

It knows nothing of connections: what an attachment was asked for, and the request that would make it serve the union,
is `protocol/demand/coverage.py`.
"""

from collections.abc import Iterable, Mapping

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.indicators import MAX_COMBINATIONS, Indicator
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want

__all__ = ["Demand", "Union"]


class Demand:
    """Who wants one stream: how many, and at which depth."""

    __slots__ = ("body", "indicator", "live", "once", "reconcile", "want")

    def __init__(self, want: Want, indicator: Indicator | None) -> None:
        self.want = want  # any of the wants: type, level and timeframe are the same in all
        self.indicator = indicator
        self.live: dict[int, int] = {}  # depth -> wants that go on
        self.once: dict[int, int] = {}  # depth -> wants of a snapshot alone
        self.body = 0  # wants of announcements with their text
        self.reconcile = 0  # wants of orders and assets that are to be reconciled

    @property
    def depth(self) -> int:
        return max((*self.live, *self.once), default=0)


class Union:
    """Counts wants stream by stream."""

    def __init__(self) -> None:
        self._demands: dict[Stream, Demand] = {}

    def __len__(self) -> int:
        return len(self._demands)

    def __contains__(self, stream: object) -> bool:
        return stream in self._demands

    @property
    def demands(self) -> Mapping[Stream, Demand]:
        """Who wants what, stream by stream."""
        return self._demands

    def add(self, want: Want, streams: Iterable[Stream] | None = None) -> tuple[Stream, ...]:
        """Count `want`, or its part in `streams`, and return the streams counted.

        Raises:
            LocalProtocolError: if the exchange would refuse the union with it; nothing is counted then.
        """
        # Of a want that grows, one code after the other, all would be gone through each time.
        indicators = dict(zip(want.streams(), _indicators(want), strict=True)) if want.indicators else {}
        streams = tuple(dict.fromkeys(want.streams())) if streams is None else tuple(streams)
        if want.endpoint == "info":
            surplus = len(self._demands.keys() | set(streams)) - MAX_COMBINATIONS
            if surplus > 0:
                raise LocalProtocolError(
                    f"{surplus} combinations of code and indicator too many: a connection carries {MAX_COMBINATIONS}, "
                    f"{len(self._demands)} are in use by all components; drop some codes or indicators"
                )
        for stream in streams:
            demand = self._demands.get(stream)
            if demand is None:
                demand = self._demands[stream] = Demand(want, indicators.get(stream))
            _count(demand.live if want.realtime else demand.once, want.depth, 1)
            demand.body += want.include_body
            demand.reconcile += want.reconcile
        return streams

    def remove(self, want: Want, streams: Iterable[Stream] | None = None) -> list[Stream]:
        """Take `want` back, or its part in `streams`, and return the streams that nobody wants any more."""
        gone = []
        for stream in dict.fromkeys(want.streams() if streams is None else streams):
            demand = self._demands[stream]
            _count(demand.live if want.realtime else demand.once, want.depth, -1)
            demand.body -= want.include_body
            demand.reconcile -= want.reconcile
            if not demand.live and not demand.once:
                del self._demands[stream]
                gone.append(stream)
        return gone


def _indicators(want: Want) -> list[Indicator]:
    """Return the indicator of each of the want's streams, in the order of `Want.streams`."""
    return [one for _ in want.codes for one in want.indicators]


def _count(counts: dict[int, int], depth: int, by: int) -> None:
    counts[depth] = counts.get(depth, 0) + by
    if not counts[depth]:
        del counts[depth]
