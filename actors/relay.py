"""Waking many actors: a few at once, and each of these wakes another one as soon as it runs.

Only one thread runs Python at a time. Of a thousand that are woken together all others wait for the interpreter, and
each of them looks every few milliseconds whether it is its turn: that costs more than their work. Here a few wait, and
none later than it could have run anyway: who is woken runs at once, or when the one before it waits for something, or
is made to give way. An actor that is busy passes nothing on, so it holds up nobody either.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from .base import TimedInbox, tell
from .messages.common import Ref

__all__ = ["AT_ONCE", "wake"]

AT_ONCE = 8  # more than the cores that a process can make use of while it runs Python

Sleeper = tuple[Ref, object]  # an actor, and what it is to be told


def wake(sleepers: Sequence[Sleeper]) -> None:
    """Tell each of `sleepers` what it is to be told."""
    if len(sleepers) <= AT_ONCE:
        for ref, message in sleepers:
            tell(ref, message)
        return
    relay = Relay(sleepers)
    for _ in range(AT_ONCE):
        relay.pass_on()


class Relay:
    """Actors that are still to be woken, shared by those who have been."""

    __slots__ = ("_sleepers",)

    def __init__(self, sleepers: Iterable[Sleeper]) -> None:
        self._sleepers = deque(sleepers)

    def pass_on(self) -> None:
        """Wake the next that waits for a message, and have it do the same; tell those before it that do not wait."""
        while self._sleepers:
            try:
                ref, message = self._sleepers.popleft()
            except IndexError:  # another thread was quicker
                return
            inbox = ref.actor_inbox
            if not (self._sleepers and isinstance(inbox, TimedInbox) and self._hand_to(inbox)):
                tell(ref, message)
            elif tell(ref, message) or not self._taken_back(inbox):
                return  # the one that is woken goes on; had it ended meanwhile, nobody would

    def _hand_to(self, inbox: TimedInbox) -> bool:
        """Have the actor pass this on when it wakes; return whether it will."""
        if not inbox.is_waiting:
            return False
        inbox.woken.append(self.pass_on)
        # It may have woken meanwhile: then it has seen this, or it has not and it is still there.
        return inbox.is_waiting or not self._taken_back(inbox)

    def _taken_back(self, inbox: TimedInbox) -> bool:
        try:
            inbox.woken.remove(self.pass_on)
        except ValueError:
            return False
        return True
