"""How long messages were on their way: from the exchange's clock to the moment at which they were read here.

A sample of them, for each costs the reading of its time: at most one in `PAUSE_NS` of each endpoint. Live ones alone: a
snapshot may be of any age. What two clocks that have nothing to do with each other make of it, as with a recording, is
left out; a clock that is behind by less makes 0 of it.

Source: Upbit WebSocket reference, "timestamp" (`tms`), Unix milliseconds.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["BOUNDS", "DelayHealth", "Delays"]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
PAUSE_NS = 50_000_000
STRANGE = 60.0  # seconds: no network is that slow
SMOOTHING = 0.1  # the share of the newest sample in what is called recent
_TIME = rb'"(?:tms|timestamp)":(\d{13})\b'
_LIVE = rb'"(?:st|stream_type)":"REALTIME"'


class DelayHealth(NamedTuple):
    """The delays of one endpoint: `counts` of samples up to each of BOUNDS, and beyond; `total` seconds of all."""

    endpoint: str
    recent: float  # seconds, the newest samples count most
    counts: tuple[int, ...]
    total: float


class _Endpoint:
    def __init__(self) -> None:
        self.due_ns = 0
        self.recent = 0.0
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Delays:
    """The delays of each endpoint, sampled."""

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def note(self, endpoint: str, received_ns: int, payloads: Sequence[bytes]) -> None:
        """Take the last of some messages that were read together as a sample, unless there was one just before."""
        one = self._endpoints.get(endpoint)
        if one is not None and 0 <= received_ns < one.due_ns and one.due_ns - received_ns <= PAUSE_NS:
            return
        if one is None:
            one = self._endpoints[endpoint] = _Endpoint()
        one.due_ns = received_ns + PAUSE_NS
        payload = payloads[-1]
        found = re.search(_TIME, payload)
        if found is None or re.search(_LIVE, payload) is None:
            return
        delay = received_ns / 1e9 - int(found[1]) / 1e3
        if abs(delay) >= STRANGE:
            return
        delay = max(0.0, delay)
        is_first = not any(one.counts)
        one.recent = delay if is_first else one.recent + SMOOTHING * (delay - one.recent)
        one.counts[bisect_left(BOUNDS, delay)] += 1
        one.total += delay

    def health(self) -> tuple[DelayHealth, ...]:
        """Return what was found, of endpoints with a sample."""
        return tuple(
            DelayHealth(name, one.recent, tuple(one.counts), one.total)
            for name, one in self._endpoints.items()
            if any(one.counts)
        )
