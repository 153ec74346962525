"""When a recording says again how everything stands, so that it can be read from there on."""

from collections.abc import Iterable, Iterator
from typing import Final

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream

from .records import REPLAYED, KeyState, Listed, Rows, Standing, Value, rows_of

__all__ = ["KeyStates"]

PERIOD_NS: Final = 300 * 1_000_000_000
SHARE: Final = 20  # times its own size is written between two


class KeyStates:
    """The last value of each stream, how each endpoint stands, and which markets are listed.

    The exchange sends whole states, so that is all.

    Times are monotonic nanoseconds.
    """

    def __init__(self) -> None:
        self._last: dict[Stream, Event] = {}
        self._standings: dict[str, Standing] = {}
        self._lists: dict[str, Listed] = {}
        self._written_ns = 0
        self._size = 0  # bytes of the last one
        self._since = 0  # bytes of messages since

    def heard(self, events: Iterable[Event]) -> None:
        """Note values."""
        for event in events:
            self._last[event.stream] = event
            self._since += event.size

    def stands(self, standing: Standing) -> None:
        """Note how an endpoint stands."""
        self._standings[standing.endpoint] = standing

    def listed(self, listed: Listed) -> bool:
        """Note which markets there are of a quote currency; whether that is news."""
        before = self._lists.get(listed.quote)
        self._lists[listed.quote] = listed
        return before is None or before.markets != listed.markets

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for another one."""
        return now_ns - self._written_ns >= PERIOD_NS and self._since >= SHARE * self._size

    def take(self, now_ns: int) -> Iterator[Value]:
        """Yield one: a KeyState, and the rows that go with it."""
        rows = list(self._rows())
        self._written_ns, self._since = now_ns, 0
        self._size = sum(event.size for event in self._last.values())
        yield KeyState(list(self._standings.values()), len(rows), list(self._lists.values()))
        yield from rows

    def _rows(self) -> Iterator[Rows]:
        # In the order in which they came: so those that were read at once stand together.
        yield from rows_of(sorted(self._last.values(), key=lambda event: event.received_at), REPLAYED)
