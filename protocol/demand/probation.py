"""Who is to blame when the exchange refuses a request although everything in it was checked.

An error names no request and no part of one, and closes the connection for all. So the leases that were new in the last
request are suspects until it has proven good. Refused once, all is tried again, for the error may have had another
cause; refused twice, the suspects are set apart and tried one by one, beside those that are known to be good.
"""

from collections import deque

__all__ = ["Probation"]


class Probation:
    """Knows suspects by number; what a number stands for is the caller's."""

    def __init__(self) -> None:
        self._suspects: set[int] = set()
        self._strikes = 0
        self._apart: deque[int] = deque()

    def suspect(self, number: int) -> None:
        """Note a lease that will be new in the next request."""
        self._suspects.add(number)

    def forget(self, number: int) -> None:
        """Forget a lease that is gone."""
        self._suspects.discard(number)
        if number in self._apart:
            self._apart.remove(number)

    def is_apart(self, number: int) -> bool:
        """Whether the lease waits for its trial, so that no request has it."""
        return number in self._apart

    @property
    def has_apart(self) -> bool:
        """Whether any lease waits for its trial."""
        return bool(self._apart)

    def refused(self) -> tuple[int | None, tuple[int, ...]]:
        """Note a refusal; return the one lease that is guilty, if that is known now, and those to set apart."""
        if not self._suspects:
            return None, ()
        self._strikes += 1
        if self._strikes < 2:
            return None, ()
        suspects = sorted(self._suspects)
        self._suspects.clear()
        self._strikes = 0
        if len(suspects) == 1:
            return suspects[0], ()
        self._apart.extend(suspects)
        return None, tuple(suspects)

    def proven(self) -> None:
        """Note that the last request was good, and so is everyone in it."""
        self._suspects.clear()
        self._strikes = 0

    def next_trial(self) -> int | None:
        """Return the next lease to ask for again, `None` if none waits. A single refusal is its verdict."""
        if not self._apart:
            return None
        number = self._apart.popleft()
        self._suspects = {number}
        self._strikes = 1
        return number
