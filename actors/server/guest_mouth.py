"""What the router brings for guests: put into frames once, and sent in the router's own thread.

A second thread would have to be woken for each batch, which costs more than the sending.
"""

import time
from collections.abc import Callable, Sequence

from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.server.list_answer import list_answer
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.server.words import Refused, State, encode
from websocket_v6.protocol.websocket.outgoing import BINARY, TEXT, frame

from .outlet import Outlet

__all__ = ["GuestMouth"]

STATES = ("connecting", "open", "lost", "refused", "closed")  # that are told: a guest sees to its own backfill


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
                for one in frames.of(events):
                    outlet.put(one, may_send=may_send)

    def convey(self, way: Way, news: object) -> None:
        """Tell a guest what has happened."""
        outlet = self.outlets.get(way.client)
        if outlet is None:
            return
        match news:
            case ConnectionChanged(state=state) if state in STATES:
                outlet.put(frame(BINARY, encode(self._state(news))), may_send=self._may_send())
            case StreamFailed(lease, error, True, streams):
                self._refused(way.client, lease)
                refused = Refused(streams, type(error).__name__, str(error))
                outlet.put(frame(BINARY, encode(refused)), may_send=self._may_send())
            case SubscriptionList():
                outlet.put(frame(TEXT, _as_text(news)), may_send=self._may_send())
            case _:
                pass

    def _state(self, change: ConnectionChanged) -> State:
        error = "" if change.error is None else type(change.error).__name__
        return State(
            change.state,  # type: ignore[arg-type]
            change.at_ns,
            change.gap_started_ns,
            change.reason,
            error,
            self._backfills and change.endpoint == "public",
            time.time_ns(),
        )

    def _may_send(self) -> bool:
        return not self.is_in_doubt and clock() - self.looked_at <= self._stale_after


def _as_text(answer: SubscriptionList) -> bytes:
    """Return the exchange's answer in its own words."""
    shown: list[dict[str, object]] = []
    for one in answer.subscriptions:
        level = {} if one.level is None else {"level": one.level}
        shown.append({"type": one.type, "codes": one.codes, **level, **one.extra})
    return list_answer(shown, answer.ticket, "DEFAULT")
