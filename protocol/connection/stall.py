"""When silence is suspicious: a source's own past says how long it is silent when all is well.

A connection may answer pings and bring no data any more. A market may be quiet, too, so nothing is judged by the clock
alone: silence is suspicious when it is many times longer than any before it, and then the exchange is asked something.
Only a question without an answer, or a silence that is longer still by as much, ends a connection. What has been
suspicious and turned out well is part of the past from then on.
"""

from enum import Enum

from websocket_v6.protocol.message import Message

__all__ = ["StallMemory", "StallWatch", "Suspicion"]

FACTOR = 8.0  # times the longest silence: worth a question
GIVE_UP = 4.0  # times that: no market is that quiet from one moment to the next
LIVELY = 12  # looks that found new data, before silence means anything
HALF_LIFE = 1800.0  # seconds in which the longest silence counts half: nights are quieter than days


class Suspicion(Enum):
    """What a look at a source gives reason for."""

    NONE = "none"
    ASK = "ask"
    GIVE_UP = "give up"


class StallMemory(Message):
    """What a source's past says of it."""

    longest: float = 0.0  # silence, in seconds, faded by half each HALF_LIFE
    lively: int = 0  # looks that found new data


class StallWatch:
    """Watches one source. Times are monotonic seconds; `floor` is the shortest silence that is worth a question.

    `memory` is what another one that watched this source knew of it.
    """

    def __init__(self, floor: float, memory: StallMemory | None = None) -> None:
        self._floor = floor
        known = memory or StallMemory()
        self._longest, self._lively = known.longest, known.lively
        self._since: float | None = None  # the look that found the last data
        self._data_at = 0.0
        self._has_asked = False

    @property
    def memory(self) -> StallMemory:
        """What is known of the source, for whoever watches it next."""
        return StallMemory(self._longest, self._lively)

    @property
    def limit(self) -> float:
        """How long the source may be silent before that is suspicious."""
        return max(self._floor, FACTOR * self._longest)

    def begin(self, now: float) -> None:
        """Watch a new connection; what the ones before it were like is remembered."""
        self._since = now
        self._has_asked = False

    def look(self, now: float, data_at: float) -> Suspicion:
        """Judge a connection whose last data came at `data_at` (any clock; only that it changes counts)."""
        if self._since is None:
            self._since = now
        silence = now - self._since
        if data_at != self._data_at:
            self._data_at = data_at
            self._lively += 1
            # Faded here and not in the silence, which is long in itself where messages are rare.
            self._longest = max(silence, self._longest * 0.5 ** (silence / HALF_LIFE))
            self._since = now
            self._has_asked = False
            return Suspicion.NONE
        if self._lively < LIVELY or silence < self.limit:
            return Suspicion.NONE
        if silence >= GIVE_UP * self.limit:
            self._longest = silence
            return Suspicion.GIVE_UP
        if self._has_asked:
            return Suspicion.NONE
        self._has_asked = True
        return Suspicion.ASK

    def skip(self, seconds: float) -> None:
        """Leave out a time in which nothing could have come, because this machine slept."""
        if self._since is not None:
            self._since += seconds
