"""The plain loop: the messages that are simply the next ones of their streams, for all who take these.

Every message that the process gets goes through here, so it is there in C as well (`protocol/fast.py`).
"""

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.strays import SNAPSHOT
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.fast import Plain

from .deliveries import Delivery, Taker
from .route import Route
from .routes import Routes

__all__ = ["PlainPath"]


class PlainPath:
    """Delivers what is plain of a batch."""

    def __init__(self, routes: Routes, delivery: Delivery) -> None:
        self._routes = routes
        self._delivery = delivery

    def deliver(self, batch: Batch, start: int, epoch: int) -> int:
        """Deliver the messages of `batch` from `start` on; return the index of the first that is not plain."""
        routes, touched = self._routes.by_stream, self._delivery.touched
        rows = batch.streams, batch.payloads, start
        index, delivered = _deliver(*rows, routes, batch.ts_received_ns, epoch, touched)
        self._delivery.delivered += delivered
        return index


def _in_python(
    streams: list[Stream],
    payloads: list[bytes],
    start: int,
    routes: dict[Stream, Route],
    received_at: int,
    epoch: int,
    touched: list[Taker],
    /,
) -> tuple[int, int]:
    """Put events into what their takers are to get; return the index of the first not plain, and how many were put."""
    delivered = 0
    for index in range(start, len(streams)):
        stream, payload = streams[index], payloads[index]
        route = routes.get(stream)
        if (
            route is None
            or not route.is_plain
            # A snapshot of trades that run was asked for while the first one was on its way: it may be one of them.
            or (route.trades is not None and SNAPSHOT in payload)
        ):
            return index, delivered
        cls, symbol, codec = route.kind  # as `make_event` does, without a call
        event = route.last = cls(stream, symbol, received_at, epoch, payload, codec)
        if route.trades is not None:
            route.trades.append(event)
        takers = route.takers
        delivered += len(takers)
        for taker in takers:
            pending = taker.pending
            if not pending:
                touched.append(taker)
            pending.append(event)
    return len(streams), delivered


_members = (*map(vars(Route).__getitem__, ("is_plain", "kind", "trades", "last", "takers")), vars(Taker)["pending"])
_deliver = _in_python if Plain is None else Plain(_members, SNAPSHOT).deliver
