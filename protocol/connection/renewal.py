"""When an open connection is to be replaced by an heir: at its age, or for new keys."""

import math
from collections.abc import Callable

from .steps import Renew

__all__ = ["Renewal"]

SPREAD = 0.1  # of the age, by chance, so that the connections of an endpoint do not all go at once
AGAIN = 60.0  # seconds until it is asked for again; for the age a tenth of it


class Renewal:
    """Asks for an heir again and again, for one may die before it serves. `random` returns floats in [0, 1)."""

    def __init__(self, max_age: float | None, random: Callable[[], float]) -> None:
        self._max_age = max_age
        self._random = random
        self._action = Renew("age")
        self.due = math.inf

    def begin(self, now: float, *, ages: bool) -> None:
        """Watch a new connection."""
        self._action = Renew("age")
        self.due = math.inf
        if ages and self._max_age is not None:
            self.due = now + self._max_age * (1.0 - SPREAD * self._random())

    def want(self, action: Renew, now: float) -> list[Renew]:
        """Ask for an heir now."""
        self._action = action
        self.due = now
        return self.meet(now)

    def meet(self, now: float) -> list[Renew]:
        """Ask for an heir if it is time."""
        if now < self.due:
            return []
        is_age = self._action.why == "age" and self._max_age is not None
        self.due = now + (SPREAD * (self._max_age or 0.0) if is_age else AGAIN)
        return [self._action]
