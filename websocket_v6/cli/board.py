"""What has come in, by code: the last quote, how many events and how fast. Filled by callbacks, read by a screen."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from websocket_v6.protocol.events import Event, OverflowEvent

from .quote import Quote, quote_of

__all__ = ["Board", "Meter", "Row"]

# A rate over less jumps, one over more is late.
WINDOW = 3.0
# No network is that slow: the two clocks have nothing to do with each other, as with a recording.
STRANGE_DELAY = 60.0


class Row(NamedTuple):
    """One code as it stands."""

    code: str
    quote: Quote | None
    events: int  # so far, snapshots included
    rate: float  # events a second
    delay: float | None  # seconds from the exchange's clock to this machine's, of the last live event
    lag: float | None  # seconds from the socket to the callback, of the last live event
    is_unknown: bool
    event: Event | None = None  # the newest of the type that quotes come from


class Meter:
    """The rate of a count that is looked at now and then."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def rate(self, now: float, count: int) -> float:
        """Take a sample and return the rate per second over the last few of them."""
        samples = self._samples
        while len(samples) > 1 and samples[1][0] <= now - WINDOW:
            samples.popleft()
        since, before = samples[0] if samples else (now, count)
        samples.append((now, count))
        return (count - before) / (now - since) if now > since else 0.0


class _Entry:
    def __init__(self) -> None:
        self.quote: Quote | None = None
        self.event: Event | None = None
        self.count = 0
        self.meter = Meter()
        self.delay: float | None = None
        self.lag: float | None = None
        self.is_unknown = False


class Board:
    """All codes of one component. `priced_by` is the data type that quotes come from; by default any."""

    def __init__(self, codes: Iterable[str], priced_by: str = "") -> None:
        self._entries = {code: _Entry() for code in codes}
        self._priced_by = priced_by
        # A callback writes while the screen's thread reads.
        self._lock = threading.Lock()
        self.snapshots = 0
        self.live = 0  # events that are not snapshots
        self.dropped = 0

    def take(self, event: Event | OverflowEvent) -> None:
        """Note an event: the callback of a subscription."""
        now_ns = time.time_ns()
        with self._lock:
            if isinstance(event, OverflowEvent):
                self.dropped += event.dropped
                return
            entry = self._entries.setdefault(event.symbol, _Entry())
            entry.count += 1
            entry.is_unknown = False
            if not self._priced_by or event.type == self._priced_by:
                entry.quote = quote_of(event)
                entry.event = event
            if event.stream_type == "SNAPSHOT":
                self.snapshots += 1
                return
            self.live += 1
            entry.lag = (now_ns - event.received_at) / 1e9
            delay = event.received_at / 1e9 - event.timestamp / 1e3
            entry.delay = delay if abs(delay) < STRANGE_DELAY else None

    def mark_unknown(self, codes: Iterable[str]) -> None:
        """Note that the exchange sends nothing for `codes`."""
        with self._lock:
            for code in codes:
                if code in self._entries:
                    self._entries[code].is_unknown = True

    @property
    def is_hopeless(self) -> bool:
        """Whether the exchange knows none of the codes."""
        with self._lock:
            return all(entry.is_unknown for entry in self._entries.values())

    def rows(self, now: float) -> list[Row]:
        """Return every code as it stands at `now` of the monotonic clock."""
        with self._lock:
            return [
                Row(
                    code,
                    entry.quote,
                    entry.count,
                    entry.meter.rate(now, entry.count),
                    entry.delay,
                    entry.lag,
                    entry.is_unknown,
                    entry.event,
                )
                for code, entry in self._entries.items()
            ]
