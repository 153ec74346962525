"""What one process is among the others of its user: looks for a host, is a guest of it, is the host, hands over.

No clock, no socket, no file, no thread: `actors/membership/membership.py` turns messages into events and actions into
calls. The table of states and events is in `transitions.py`, events and actions are in `steps.py`.

How there is one host, whatever is stopped, killed or tidied up, and whenever:

- Titles are counted, and the file names one. A guest takes no host whose title is not the one that the file names once
  that host has answered.
- Only who holds the lock that all others see writes the file. A lock on a file that was removed is none.
- A title is passed by who has it. It is taken from a host whose socket is closed if the lock is free too; and from one
  that hangs: if a new connection is not answered within the whole deadline, by a process that ran all that time.
- A process that stood still proves nothing, and looks first. As the host it says nothing before it has.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from .guesting import Guesting
from .steps import Action, Due, Event
from .transitions import TABLE, State

__all__ = ["TRANSITIONS", "MembershipMachine", "State"]


class MembershipMachine(Guesting):
    """Keeps one process in its place.

    `now` is seconds of a clock that counts on while the process is stopped; `random` returns floats in [0, 1).
    `serves`: the process is there to be the host of others, and hands over only when it leaves. `no_host`: it is none
    before it has been a guest, but alone for this reason. Actions that ask files are answered before anything else.
    """

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one step and return what is to be done, in this order.

        Raises:
            LocalProtocolError: if this cannot happen in this state: a bug of ours.
        """
        if isinstance(event, Due):
            return self._meet(event, now)
        return TRANSITIONS[self.state, type(event)](self, event, now)

    def _meet(self, event: Due, now: float) -> list[Action]:
        due = sorted((time, name) for name, time in self.deadlines.items() if time <= now)
        if not due:
            return []
        _, name = due[0]
        if self._lasting.get(name, now + 1.0) <= now:
            del self._lasting[name]
            return LASTING[name](self, now)
        del self._deadlines[name]
        return TRANSITIONS[self.state, Due](self, event, now)


_Handler: TypeAlias = Callable[[MembershipMachine, Any, float], list[Action]]
TRANSITIONS: dict[tuple[State, type], _Handler] = {
    pair: getattr(MembershipMachine, f"_{name}") for pair, name in TABLE.items()
}
# What is due whatever the state: one at a time, since each may end what the next is about.
LASTING: dict[str, Callable[[MembershipMachine, float], list[Action]]] = {
    "check": MembershipMachine._check,
    "leave": MembershipMachine._leave_overdue,
    "linger": MembershipMachine._stop_lingering,
    "old_door": MembershipMachine._close_old_door,
}
