"""How many records that follow each other one component can be given at once: all that is for it alone, and plain."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import KNOWN_TYPES
from websocket_v6.protocol.recording.records import Record, Rows

from .replay_mailbox import ReplayMailbox

__all__ = ["Stretch", "Ways"]

ANY_NUMBER: Final = 2**31
SMALL: Final = 64 * 1024  # bytes of a message of which any mailbox has room for a few


class Stretch(NamedTuple):
    """So many records, with so many messages, are for nobody but this component (live); None: for nobody."""

    component: Ref | None
    records: int
    messages: int


class Ways:
    """Knows, as the routes are until `clear`, which component alone takes a stream."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._known: dict[Stream, tuple[Ref | None, int]] = {}

    def clear(self) -> None:
        """Note that routes have changed."""
        self._known.clear()

    def stretch(self, records: Iterable[Record], until_ns: float, most: int) -> Stretch:
        """Return what is to be given at once of `records`: nothing from `until_ns` on, about `most` messages."""
        ways, component = self._known, None
        count = place = 0
        for record in records:
            value = record.value
            if type(value) is not Rows or value.marks or record.mono_ns >= until_ns or count >= most:
                break
            streams = value.streams
            for stream in streams:
                way = ways.get(stream)
                if way is None:
                    way = ways[stream] = self._way(stream)
                owner, room = way
                if room < len(streams) or (owner is not component and owner is not None and component is not None):
                    break
                if owner is not None:
                    component = owner
            else:
                if sum(map(len, value.payloads)) > SMALL * len(streams):
                    break
                count += len(streams)
                place += 1
                continue
            break
        return Stretch(component, place, count)

    def _way(self, stream: Stream) -> tuple[Ref | None, int]:
        """Return which component alone takes a stream, and how many messages at once pass its mailboxes whole.

        None, and as many as you like: nobody takes it. None, and 0: it takes more care.
        """
        route = self._routes.find(stream, 0)
        if route is None:
            return (None, ANY_NUMBER) if split(stream)[0] in KNOWN_TYPES else (None, 0)
        route.settle()
        room, components = ANY_NUMBER, set[Ref | None]()
        for taker in route.takers:
            mailbox = taker.mailbox
            assert isinstance(mailbox, ReplayMailbox)
            room = min(room, mailbox.room if mailbox.is_pushed else 0)
            components.add(taker.component)
        if not route.is_plain or len(components) > 1:
            room = 0
        return (components.pop() if len(components) == 1 else None), room
