"""What of the records that come next one component can be given at once: all that is for it alone, and plain."""

from typing import Final, NamedTuple

from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import KNOWN_TYPES
from websocket_v6.protocol.recording.messages import Messages

from .playing import Lane, passes
from .replay_mailbox import ReplayMailbox

__all__ = ["Lanes", "Stretch"]

ANY_NUMBER: Final = 2**31


class Stretch(NamedTuple):
    """Whose the next records are (live), up to the first that is not plain; None: there are only such for nobody."""

    component: Ref | None


class Lanes(dict[Stream, Lane]):
    """Knows, as the routes are until it is cleared, which component alone takes a stream.

    A component that plays records asks as well: until it says that it is done, nobody else does.
    """

    def __init__(self, routes: Routes) -> None:
        super().__init__()
        self._routes = routes

    def forget(self, streams: list[Stream]) -> None:
        """Note that how these go has changed."""
        for stream in streams:
            self.pop(stream, None)

    def stretch(self, messages: Messages, place: int, row: int, until_ns: float) -> Stretch | None:
        """Return what begins with a record, and its messages at `row`; None if that is not plain, or it is too late."""
        counts, first = messages.counts, place
        for place in range(first, len(counts)):
            if messages.monos[place] >= until_ns:
                break
            end = row + counts[place]
            streams = messages.streams[row:end]
            lanes = [self[stream] for stream in streams]
            owners = {lane.owner for lane in lanes} - {None}
            if place == first and (len(owners) > 1 or not passes(streams, messages.payloads[row:end], lanes)):
                return None
            if not all(lane.room for lane in lanes):
                break
            if owners:
                return Stretch(owners.pop())
            row = end
        else:
            return Stretch(None)
        return Stretch(None) if place > first else None

    def __missing__(self, stream: Stream) -> Lane:
        lane = self[stream] = self._lane(stream)
        return lane

    def _lane(self, stream: Stream) -> Lane:
        route = self._routes.find(stream, 0)
        if route is None:
            return Lane(ANY_NUMBER if split(stream)[0] in KNOWN_TYPES else 0, False, None, None)
        route.settle()
        room, is_latest, components = ANY_NUMBER, False, set[Ref | None]()
        for taker in route.takers:
            mailbox = taker.mailbox
            assert isinstance(mailbox, ReplayMailbox)
            room = min(room, mailbox.room if mailbox.is_pushed else 0)
            is_latest = is_latest or mailbox.policy.kind == "latest"
            components.add(taker.component)
        if not route.is_plain or len(components) > 1:
            room = 0
        return Lane(room, is_latest, components.pop() if len(components) == 1 else None, route)
