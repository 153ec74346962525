"""What the router brings for clients of the network: passed on to the server's own thread, once for each delivery.

There it is converted, compressed and, it may be, encrypted, none of which the router waits for. What lies between the
two has a bound: a thread that does not keep up closes its clients, which then know that they miss something.
"""

from collections.abc import Callable, Sequence

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event, weigh
from websocket_v6.protocol.message import Message

__all__ = ["MOST_BYTES", "Convey", "Deliver", "NetworkMouth", "Overrun"]

MOST_BYTES = 64 * 1024 * 1024  # of messages on their way


class Deliver(Message):
    """Send these to these clients (live). `size` is what they count for."""

    rows: tuple[tuple[Way, list[Event]], ...]
    size: int


class Convey(Message):
    """Tell this client what has happened (live)."""

    way: Way
    news: object


class Overrun(Message):
    """The server did not keep up: from here on something is missing for everybody."""


class NetworkMouth(Mouth):
    """Tells `server` of what the router brings; it says `done` when it has dealt with a delivery."""

    def __init__(self, server: Callable[[], Ref]) -> None:
        self._server = server
        self._put = self._taken = 0  # bytes; the router's thread writes the one, the server's the other
        self._is_overrun = False

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        """Pass events on."""
        # What many clients get is there once, whoever waits for it.
        size = weigh(list({id(one): one for _, events in rows for one in events}.values()))
        if self._put - self._taken > MOST_BYTES:
            if not self._is_overrun:
                self._is_overrun = True
                tell(self._server(), Overrun())
            return
        self._is_overrun = False
        self._put += size
        tell(self._server(), Deliver(tuple(rows), size))

    def convey(self, way: Way, news: object) -> None:
        """Pass news on."""
        tell(self._server(), Convey(way, news))

    def done(self, size: int) -> None:
        """Note that a delivery is dealt with."""
        self._taken += size
