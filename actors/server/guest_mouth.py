"""What the router brings for guests: put into frames once, and sent in the router's own thread.

A second thread would have to be woken for each batch, which costs more than the sending.
"""

from collections.abc import Callable, Sequence

from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.component import StreamFailed
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.server.row_frames import RowFrames

from .news_frames import news_frame
from .outlet import Outlet

__all__ = ["GuestMouth"]


class GuestMouth(Mouth):
    """Sends to the clients whose `outlets` it has, by number; the server's thread keeps these.

    `looked_at` is when that thread last knew that this process had not stood still (see `clock`): after more than
    `stale_after` seconds nothing is sent, for another process may be the host by now. `refused` is told of leases that
    are gone. `backfills`: trades that were missed come by themselves.
    """

    def __init__(self, *, backfills: bool, stale_after: float, refused: Callable[[int, int], object]) -> None:
        self.outlets: dict[int, Outlet] = {}
        self.looked_at = clock()
        self.is_in_doubt = False
        self._backfills = backfills
        self._stale_after = stale_after
        self._refused = refused

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        """Send events to guests."""
        frames, may_send = RowFrames(), self._may_send()
        for way, events in rows:
            outlet = self.outlets.get(way.client)
            if outlet is not None and not outlet.is_over:
                outlet.delivered += len(events)
                outlet.put(frames.of(events), may_send=may_send)

    def convey(self, way: Way, news: object) -> None:
        """Tell a guest what has happened."""
        outlet = self.outlets.get(way.client)
        if outlet is None:
            return
        if isinstance(news, StreamFailed) and news.final:
            self._refused(way.client, news.subscription_id)
        made = news_frame(way, news, backfills=self._backfills)
        if made is not None:
            outlet.put(made, may_send=self._may_send())

    def _may_send(self) -> bool:
        return not self.is_in_doubt and clock() - self.looked_at <= self._stale_after
