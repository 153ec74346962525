"""Who is to blame when the exchange refuses a request although everything in it was checked.

An error names no request and no part of one, and closes the connection for all. So the leases that were new in the last
request are suspects until it has proven good. Refused once, all is tried again, for the error may have had another
cause; refused twice, the suspects are set apart and tried one by one, beside those that are known to be good.
"""

from collections import deque
from collections.abc import Collection

import msgspec

from websocket_v6.protocol.message import Message

__all__ = ["Probation", "Suspicion"]


class Suspicion(Message):
    """What is known of the guilty, for a successor."""

    suspects: frozenset[int] = frozenset()
    strikes: int = 0
    apart: tuple[int, ...] = ()
    on_trial: int | None = None

    def of(self, numbers: Collection[int]) -> "Suspicion":
        """Return what of it concerns the leases `numbers`."""
        apart = tuple(number for number in self.apart if number in numbers)
        return msgspec.structs.replace(self, suspects=self.suspects.intersection(numbers), apart=apart)


class Probation:
    """Knows suspects by number; what a number stands for is the caller's."""

    def __init__(self, inherited: Suspicion | None = None) -> None:
        suspicion = inherited or Suspicion()
        self._suspects = set(suspicion.suspects)
        self._strikes = suspicion.strikes
        self._struck = set(suspicion.suspects)  # those whom the strikes are against
        self._apart = deque(suspicion.apart)
        self._on_trial = suspicion.on_trial

    def inheritance(self) -> Suspicion:
        """Return what a successor must know."""
        return Suspicion(frozenset(self._suspects), self._strikes, tuple(self._apart), self._on_trial)

    def suspect(self, number: int) -> None:
        """Note a lease that will be new in the next request."""
        self._suspects.add(number)

    def forget(self, number: int) -> None:
        """Forget a lease that is gone."""
        self._suspects.discard(number)
        self._look_at_strikes()
        if number in self._apart:
            self._apart.remove(number)

    def is_apart(self, number: int) -> bool:
        """Whether the lease waits for its trial, so that no request has it."""
        return number in self._apart

    @property
    def has_apart(self) -> bool:
        """Whether any lease waits for its trial."""
        return bool(self._apart)

    @property
    def suspects(self) -> frozenset[int]:
        """Those that wait for a request to prove good."""
        return frozenset(self._suspects)

    @property
    def is_trying(self) -> bool:
        """Whether one of those that were set apart is being tried."""
        return self._on_trial in self._suspects

    def refused(self, asked: Collection[int] | None = None) -> tuple[int | None, tuple[int, ...]]:
        """Note a refusal; return the one lease that is guilty, if that is known now, and those to set apart.

        `asked` are those that the request had; whoever came too late for it is not to blame.
        """
        suspects = sorted(self._suspects if asked is None else self._suspects.intersection(asked))
        if not suspects:
            return None, ()
        if self._struck.isdisjoint(suspects):
            self._strikes = 0
        self._struck = set(suspects)
        self._strikes += 1
        if self._strikes < 2:
            return None, ()
        self._suspects.difference_update(suspects)
        self._strikes = 0
        if len(suspects) == 1:
            return suspects[0], ()
        self._apart.extend(suspects)
        return None, tuple(suspects)

    def proven(self, asked: Collection[int] | None = None) -> None:
        """Note that a request was good, and so is everyone in it: those in `asked`, by default all."""
        self._suspects = set() if asked is None else self._suspects.difference(asked)
        self._look_at_strikes()

    def _look_at_strikes(self) -> None:
        """Forget strikes against those who are good or gone."""
        if self._struck.isdisjoint(self._suspects):
            self._strikes = 0

    def next_trial(self) -> int | None:
        """Return the next lease to ask for again, `None` if none waits. A single refusal is its verdict."""
        if not self._apart:
            return None
        number = self._on_trial = self._apart.popleft()
        self._suspects.add(number)
        self._struck, self._strikes = {number}, 1
        return number
