"""When each part of an engine that failed is started again: at once, then after growing pauses, for ever.

A part that has run well for a while starts over. Nothing is ever given up here: what only the user can mend (a
configuration, keys) is no failure of a part. Pauses are drawn with full jitter, so that many processes that meet the
same trouble do not come back as one.
"""

import math
from collections.abc import Callable

import msgspec

from websocket_v6.protocol.connection.backoff import Backoff

from .steps import Due, Event, Failed, Gone, Started, State, Stopped, Tell, Trouble

__all__ = ["LONGEST", "WELL", "Restarts"]

SHORTEST, LONGEST = 0.5, 30.0  # seconds, the bounds below which the second pause and the last ones are drawn
WELL = 60.0  # seconds that a part must run for its failures to be forgotten
REMEMBERED = 256  # kinds of failures that were told in full

_X = "impossible"  # a bug of ours
# fmt: off
TABLE = {
    #          ABSENT          RUNNING         WAITING
    Started:  ("run",          _X,             _X),
    Failed:   ("wait",         "try_again",    "wait"),
    Stopped:  ("nothing",      "stop",         "nothing"),
    Gone:     ("forget",       "forget",       "forget"),
    Due:      ("nothing",      "forgive",      "look"),
}
# fmt: on


class Part:
    """One part. `since` is when it began to run, `due` when it may be started."""

    def __init__(self, backoff: Backoff) -> None:
        self.state = State.ABSENT
        self.backoff = backoff
        self.times = 0  # failures in a row
        self.since = 0.0
        self.due = 0.0
        self.last: Trouble | None = None


class Restarts:
    """The parts of one engine, by name; a part that nobody has heard of is absent. `random` returns floats in [0, 1).

    Any clock will do, as long as all times are of the same: if it is set back, nothing is waited for longer than
    LONGEST from then on.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._parts: dict[str, Part] = {}
        self._told: dict[tuple[str, str], None] = {}  # what was told in full, oldest first

    def handle(self, event: Event, now: float) -> list[Tell]:
        """Take an event and return what is to be told.

        Raises:
            LookupError: if it cannot be, as a part that waits and has started.
        """
        self._keep_time(now)
        if isinstance(event, Due):
            for name in list(self._parts):
                self._do(name, event, now)
            return []
        return self._do(event.part, event, now)

    def may_start(self, part: str) -> bool:
        """Whether a part is not there and may be started."""
        known = self._parts.get(part)
        return known is None or known.state is State.ABSENT

    @property
    def next_due(self) -> float | None:
        """When a part may be started that waits now; `None` if none does."""
        due = min((one.due for one in self._parts.values() if one.state is State.WAITING), default=math.inf)
        return None if due == math.inf else due

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Whatever has failed and not run well since, by name."""
        return tuple(one.last for _, one in sorted(self._parts.items()) if one.last is not None)

    def trouble_of(self, part: str) -> Trouble | None:
        """Return why a part waits; `None` if it does not."""
        known = self._parts.get(part)
        return known.last if known is not None and known.state is State.WAITING else None

    # --- the table's verbs

    def _do(self, name: str, event: Event, now: float) -> list[Tell]:
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = Part(Backoff(SHORTEST, LONGEST, self._random))
        verb = TABLE[type(event)][list(State).index(part.state)]
        if verb == _X:
            raise LookupError(f"{name} is {part.state.value}: {event!r} cannot be")
        told: list[Tell] = getattr(self, f"_{verb}")(name, part, event, now)
        if part.state is State.ABSENT and part.last is None:  # there is nothing to know of it
            self._parts.pop(name, None)
        return told

    def _nothing(self, _name: str, _part: Part, _event: Event, _now: float) -> list[Tell]:
        return []

    def _run(self, _name: str, part: Part, _event: Started, now: float) -> list[Tell]:
        part.state, part.since = State.RUNNING, now
        if part.last is not None:
            part.last = msgspec.structs.replace(part.last, due=None)
        return []

    def _stop(self, _name: str, part: Part, _event: Stopped, _now: float) -> list[Tell]:
        part.state = State.ABSENT
        return []

    def _try_again(self, name: str, part: Part, event: Failed, now: float) -> list[Tell]:
        """Have a part that ran started at once, the first time."""
        self._forgive(name, part, Due(), now)
        return self._fail(name, part, event, 0.0 if part.times == 0 else part.backoff.failed(), now)

    def _wait(self, name: str, part: Part, event: Failed, now: float) -> list[Tell]:
        """Have a part that could not be started wait in any case: nothing has changed since."""
        return self._fail(name, part, event, part.backoff.failed(), now)

    def _fail(self, name: str, part: Part, event: Failed, pause: float, now: float) -> list[Tell]:
        part.times += 1
        part.due = now + pause
        part.state = State.WAITING if pause > 0 else State.ABSENT
        part.last = Trouble(name, part.times, event.error, event.remedy, pause, part.due)
        return [Tell(part.last, self._is_new(name, event.kind or event.error))]

    def _forgive(self, name: str, part: Part, event: Due, now: float) -> list[Tell]:
        if event.was_away:
            part.since = now
        elif part.times and now - part.since >= WELL:
            part.times, part.last = 0, None
            part.backoff.succeeded()
            self._told = {key: None for key in self._told if key[0] != name}
        return []

    def _look(self, _name: str, part: Part, _event: Due, now: float) -> list[Tell]:
        if now >= part.due:
            part.state = State.ABSENT
        return []

    def _forget(self, name: str, part: Part, _event: Gone, _now: float) -> list[Tell]:
        part.state, part.last = State.ABSENT, None
        self._told = {key: None for key in self._told if key[0] != name}
        return []

    # --- inside

    def _keep_time(self, now: float) -> None:
        for part in self._parts.values():
            part.due = min(part.due, now + LONGEST)
            part.since = min(part.since, now)

    def _is_new(self, name: str, kind: str) -> bool:
        is_new = (name, kind) not in self._told
        self._told[name, kind] = None
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        return is_new
