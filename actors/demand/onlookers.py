"""Those who see what others want and want nothing themselves: whoever looks changes nothing that the exchange is asked.

An onlooker has a stream from when somebody wants it until nobody does any more; and again, when somebody does again.
"""

from collections.abc import Callable, Container

from websocket_v6.actors.messages.registry import Look
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

__all__ = ["Onlookers"]


class _Onlooker(Message):
    component_id: str
    endpoint: str
    streams: tuple[Stream, ...]
    way: Way
    seen: set[Stream]  # those that are routed to it


class Onlookers:
    """Tells the router who sees what. `wanted` are the streams of an endpoint that others want."""

    def __init__(self, tell: Callable[[AddRoutes | DropRoutes], object]) -> None:
        self._tell = tell
        self._onlookers: dict[int, _Onlooker] = {}

    def look(self, message: Look, wanted: Container[Stream]) -> None:
        """Have one look at these streams, in place of those it looked at before."""
        lease, endpoint, streams = message.lease, message.endpoint, message.streams
        before = self._onlookers.pop(lease, None)
        if streams:
            seen = before.seen if before is not None else set()
            self._onlookers[lease] = _Onlooker(message.component_id, endpoint, streams, message.way, seen)
            self.leave(endpoint, wanted)
            self.come(endpoint, wanted)
        elif before is not None:
            self._tell(DropRoutes(lease))

    def gone(self, component_id: str) -> None:
        """Forget one."""
        for lease in [lease for lease, one in self._onlookers.items() if one.component_id == component_id]:
            del self._onlookers[lease]
            self._tell(DropRoutes(lease))

    def leave(self, endpoint: str, wanted: Container[Stream]) -> None:
        """Take away what nobody wants any more. Before the router hears that, for it forgets what nobody takes."""
        for lease, one in self._onlookers.items():
            if one.endpoint == endpoint:
                looked_at = set(one.streams)
                gone = tuple(stream for stream in one.seen if stream not in wanted or stream not in looked_at)
                if gone:
                    one.seen.difference_update(gone)
                    self._tell(DropRoutes(lease, gone))

    def come(self, endpoint: str, wanted: Container[Stream]) -> None:
        """Show what somebody wants by now."""
        for lease, one in self._onlookers.items():
            if one.endpoint == endpoint:
                new = tuple(stream for stream in one.streams if stream in wanted and stream not in one.seen)
                if new:
                    one.seen.update(new)
                    how = AddRoutes(lease, endpoint, new, one.way, None, replay=True, snapshots=True, realtime=True)
                    self._tell(how)
